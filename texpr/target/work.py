"""How much a loop has to do, as an expression of the sizes, before it runs.

What counts is operations on data: loads, stores and arithmetic, each 1, and functions such as
exp, each ``FUNCTION_OPERATIONS``. Subscripts are free, since LLVM steps them. One operation takes
about 0.01 to 1 ns, by how many lanes it shares an instruction with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from texpr.ir.dtypes import FLOAT64
from texpr.ir.expr import Call, Const, Expr, Load, Var, binary, cast, postorder
from texpr.ir.program import ZERO, Alloc, Block, If, Let, Loop, Seq, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute

FUNCTION_OPERATIONS: Final = 16

ENDLESS: Final = Const(math.inf, FLOAT64)


def work(stmt: Stmt) -> Expr:
    """Return the number of operations of ``stmt``, a float64.

    A loop runs as often as its bounds say where the variables around it are at their middle, and
    counts as endless where data decides its bounds. Guards count as if they held.

    >>> from texpr import te
    >>> n = te.size_var("n")
    >>> A = te.placeholder((n, 8), name="A")
    >>> B = te.compute(A.shape, lambda i, j: A[i, j] + 1, name="B")
    >>> print(work(te.create_schedule(B.op).program.body))
    float64(n)*24.0
    """
    return simplify(_work(stmt, {}))


def _work(stmt: Stmt, middles: Mapping[Var, Expr]) -> Expr:
    if isinstance(stmt, Block):
        return Const(float(_operations(stmt)), FLOAT64)
    if isinstance(stmt, Seq):
        total: Expr = Const(0.0, FLOAT64)
        for part in stmt.stmts:
            total = total + _work(part, middles)
        return total
    if isinstance(stmt, Loop):
        lower, upper = (substitute(bound, middles) for bound in (stmt.lower, stmt.upper))
        if _reads(lower) or _reads(upper):
            return ENDLESS
        trips = binary("max", (upper - lower + (stmt.step - 1)) // stmt.step, ZERO)
        middle = (lower + upper) // 2
        return cast(trips, FLOAT64) * _work(stmt.body, {**middles, stmt.var: middle})
    if isinstance(stmt, If):
        then = _work(stmt.then, middles)
        if stmt.orelse is None:
            return then
        return binary("max", then, _work(stmt.orelse, middles))
    if isinstance(stmt, Let):
        return _work(stmt.body, {**middles, stmt.var: substitute(stmt.value, middles)})
    assert isinstance(stmt, Alloc)
    return _work(stmt.body, middles)


def _operations(block: Block) -> int:
    return len(block.stores) + sum(_cost(store.value) for store in block.stores)


def _cost(expr: Expr) -> int:
    """The operations of ``expr``, each node once; what its subscripts take is not counted."""
    total = 0
    seen: set[int] = set()
    pending = [expr]
    while pending:
        node = pending.pop()
        if id(node) in seen or not node.children:
            continue
        seen.add(id(node))
        total += FUNCTION_OPERATIONS if isinstance(node, Call) else 1
        if not isinstance(node, Load):
            pending.extend(node.children)
    return total


def _reads(expr: Expr) -> bool:
    return any(isinstance(node, Load) for node in postorder(expr))
