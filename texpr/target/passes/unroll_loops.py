"""Write out the iterations of unrolled loops."""

from __future__ import annotations

from dataclasses import replace

from texpr.errors import LoweringError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, int_value
from texpr.ir.program import Loop, LoopKind, Program, Stmt, blocks, seq
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.target.target import Target

# LLVM takes about 20 us a statement; past this many it is seconds, and the code outgrows every
# instruction cache long before.
MAX_STATEMENTS = 16384


def run(program: Program, target: Target) -> Program:
    """Return the program without unrolled loops.

    Raises
    ------
    LoweringError
        It would have more than ``MAX_STATEMENTS`` statements.
    """
    return program.with_body(_Unroll(program.name).rewrite_stmt(program.body))


class _Unroll(Rewriter):
    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        loop = node if body is node.body else replace(node, body=body)
        if node.kind is not LoopKind.UNROLLED:
            return loop
        first, end = int_value(simplify(node.lower)), int_value(simplify(node.upper))
        if first is None or end is None:
            return replace(loop, kind=LoopKind.SERIAL)
        count = max(0, end - first) * len(blocks(body))
        if count > MAX_STATEMENTS:
            raise LoweringError(
                f"{self.name}: unrolling loop {node.var.name!r} makes {count} statements, more "
                f"than {MAX_STATEMENTS}; split it and unroll the inner part only"
            )
        return seq(*(substitute(body, {node.var: Const(v, INT64)}) for v in range(first, end)))
