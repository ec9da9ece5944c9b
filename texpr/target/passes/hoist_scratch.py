"""Take scratch once around a loop, not in each of its iterations.

::

    for i in range(n):                         T = empty((m,), float32)
        T = empty((m,), float32)        →      for i in range(n):
        …                                          …

Small scratch of known size is on the stack and costs nothing; other scratch comes from a pool,
which takes as long as some ten elements. What an iteration finds in it is what the one before
left, but nothing is read before it is written. Iterations of a parallel loop take their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Var, free_vars
from texpr.ir.program import Alloc, Loop, LoopKind, Program, Seq, Stmt, seq
from texpr.ir.visitor import Rewriter, Visit
from texpr.target.scratch import elements_on_stack
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program with scratch taken outside of the serial loops that do not resize it."""
    return program.with_body(_Hoist().rewrite_stmt(program.body))


class _Hoist(Rewriter):
    def visit_Loop(self, node: Loop) -> Visit[Any]:
        if node.kind is LoopKind.VECTORIZED:
            return node
        body = yield node.body
        buffers: list[Buffer] = []
        if node.kind is LoopKind.SERIAL:
            body = without_scratch(body, node.var, buffers)
        whole: Stmt = node if body is node.body else replace(node, body=body)
        for buffer in reversed(buffers):
            whole = Alloc(buffer, whole)
        return whole


def without_scratch(stmt: Stmt, var: Var, taken: list[Buffer]) -> Stmt:
    """Return ``stmt`` without scratch that is the same for all of ``var``; it goes to ``taken``."""
    if isinstance(stmt, Alloc):
        body = without_scratch(stmt.body, var, taken)
        is_pooled = elements_on_stack(stmt.buffer) is None
        if is_pooled and not any(v is var for v in free_vars(*stmt.buffer.room)):
            taken.append(stmt.buffer)
            return body
        return stmt if body is stmt.body else Alloc(stmt.buffer, body)
    if isinstance(stmt, Seq):
        parts = [without_scratch(part, var, taken) for part in stmt.stmts]
        changed = any(new is not old for new, old in zip(parts, stmt.stmts, strict=True))
        return seq(*parts) if changed else stmt
    return stmt
