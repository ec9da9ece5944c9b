"""Simplify every expression, and drop loops and conditions that decide themselves."""

from __future__ import annotations

from texpr.ir.expr import Var
from texpr.ir.program import Program
from texpr.ir.simplify import simplify
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program simplified."""
    extents = [extent for buffer in program.buffers for extent in buffer.shape]
    # A call passes arrays, whose extents are not negative.
    ranges = {extent: (0, None) for extent in extents if isinstance(extent, Var)}
    return program.with_body(simplify(program.body, ranges))
