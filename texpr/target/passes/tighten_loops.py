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
from texpr.ir.program import If, Loop, LoopKind, Program, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program with guards made into bounds where that is possible."""
    return program.with_body(_Tighten().rewrite_stmt(program.body))


class _Tighten(Rewriter):
    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        upper = node.upper
        while node.kind is not LoopKind.PARALLEL and isinstance(body, If) and body.orelse is None:
            end = first_failure(body.condition, node.var)
            if end is None:
                break
            tightened = simplify(Binary("min", upper, end))
            if node.kind is not LoopKind.SERIAL and int_value(tightened) is None:
                break  # lanes and copies must be counted before the program runs
            upper, body = tightened, body.then
        if body is node.body and upper is node.upper:
            return node
        return replace(node, upper=upper, body=body)


def first_failure(condition: Expr, var: Var) -> Expr | None:
    """Return the least ``var`` from which on ``condition`` fails, None where that is not known.

    It is known of ``c*var + r < b`` with a constant c > 0: ``ceil((b - r) / c)``.
    """
    if not isinstance(condition, Binary) or condition.op != "lt":
        return None
    form = linear_form(condition.a - condition.b, [var])
    if form is None:
        return None
    slope, rest = form.coefficients[var], form.rest
    if slope <= 0:
        return None
    return simplify((Const(slope - 1, INT64) - rest) // slope)
