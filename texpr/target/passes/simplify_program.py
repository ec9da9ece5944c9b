"""Simplify every expression, and drop loops and conditions that decide themselves."""

from __future__ import annotations

from texpr.ir.expr import Var
from texpr.ir.program import Program, Stmt
from texpr.ir.simplify import simplify
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program simplified."""
    extents = [extent for buffer in program.buffers for extent in buffer.shape]
    # A call passes arrays, whose extents are not negative.
    ranges = {extent: (0, None) for extent in extents if isinstance(extent, Var)}
    return program.with_body(simplify(program.body, ranges))


def with_body(program: Program, body: Stmt, target: Target) -> Program:
    """Return the program with another body, simplified; the same program if it is no other."""
    return program if body is program.body else run(program.with_body(body), target)
