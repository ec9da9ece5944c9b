"""Turn a guard that fills a loop's body into an earlier end of the loop.

::

    for i_i in range(8):                   for i_i in range(min(8, n - i_o*8)):
        if i_o*8 + i_i < n:          →         B[i_o*8 + i_i] = …
            B[i_o*8 + i_i] = …
"""

from __future__ import annotations

from dataclasses import replace

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var, int_value
from texpr.ir.linear import linear_form
from texpr.ir.program import ZERO, If, Loop, LoopKind, Program, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program with guards made into bounds where that is possible."""
    return program.with_body(_Tighten().rewrite_stmt(program.body))


class _Tighten(Rewriter):
    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        lower, upper = node.lower, node.upper
        while node.kind is not LoopKind.PARALLEL and isinstance(body, If) and body.orelse is None:
            end = first_failure(body.condition, node.var)
            start = first_success(body.condition, node.var) if end is None else None
            new_upper = upper if end is None else simplify(Binary("min", upper, end))
            new_lower = lower if start is None else simplify(Binary("max", lower, start))
            if end is None and start is None:
                break
            lanes = simplify(new_upper - new_lower)
            if node.kind is not LoopKind.SERIAL and int_value(lanes) is None:
                break  # lanes and copies must be counted before the program runs
            lower, upper, body = new_lower, new_upper, body.then
        if body is node.body and upper is node.upper and lower is node.lower:
            return node
        return replace(node, lower=lower, upper=upper, body=body)


def first_failure(condition: Expr, var: Var) -> Expr | None:
    """Return the least ``var`` from which on ``condition`` fails, None where that is not known.

    It is known of ``c*var + r < 0`` with a constant c > 0: ``ceil(-r / c)``.
    """
    slope, rest = _below_zero(condition, var)
    if slope <= 0:
        return None
    return simplify((Const(slope - 1, INT64) - rest) // slope)


def first_success(condition: Expr, var: Var) -> Expr | None:
    """Return the least ``var`` from which on ``condition`` holds, None where that is not known.

    It is known of ``-c*var + r < 0`` with a constant c > 0: ``floor(r / c) + 1``.
    """
    slope, rest = _below_zero(condition, var)
    return simplify(rest // -slope + 1) if slope < 0 else None


def _below_zero(condition: Expr, var: Var) -> tuple[int, Expr]:
    """Return slope and rest of a comparison as ``slope*var + rest < 0``; slope 0 if it is none."""
    if not isinstance(condition, Binary) or condition.a.dtype is not INT64:
        return 0, ZERO
    a, b = condition.a, condition.b
    if condition.op in ("gt", "ge"):
        a, b = b, a
    if condition.op not in ("lt", "le", "gt", "ge"):
        return 0, ZERO
    difference = a - b - 1 if condition.op in ("le", "ge") else a - b
    form = linear_form(difference, [var])
    return (0, ZERO) if form is None else (form.coefficients[var], form.rest)
