"""Simplify every expression, and drop loops and conditions that decide themselves."""

from __future__ import annotations

from texpr.ir.program import Program
from texpr.ir.simplify import simplify
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program simplified."""
    return program.with_body(simplify(program.body))
