"""How much a loop has to do, as an expression of the sizes, before it runs.

What counts is operations on data: loads, stores and arithmetic, each 1, and functions such as
exp, each ``FUNCTION_OPERATIONS``. Subscripts are free, since LLVM steps them. One operation takes
about 0.01 to 1 ns, by how many lanes it shares an instruction with.
"""

from __future__ import annotations

import math
from typing import Final

from texpr.errors import InternalError
from texpr.ir.dtypes import FLOAT64
from texpr.ir.expr import Call, Const, Expr, Load, Var, binary, cast, postorder
from texpr.ir.program import (
    STMT_NODES,
    ZERO,
    Alloc,
    Block,
    ExternCall,
    If,
    Let,
    Loop,
    Seq,
    Stmt,
    Store,
)
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Visit, Visitor, substitute

FUNCTION_OPERATIONS: Final = 16

ENDLESS: Final = Const(math.inf, FLOAT64)


def work(stmt: Stmt) -> Expr:
    """Return the number of operations of ``stmt``, a float64.

    A loop runs as often as its bounds say where the variables around it are at their middle, and
    counts as endless where data decides its bounds, as a function from outside does. Guards count
    as if they held.

    >>> from texpr import te
    >>> n = te.size_var("n")
    >>> A = te.placeholder((n, 8), name="A")
    >>> B = te.compute(A.shape, lambda i, j: A[i, j] + 1, name="B")
    >>> print(work(te.create_schedule(B.op).program.body))
    float64(n)*24.0
    """
    return simplify(_Work().visit(stmt))


class _Work(Visitor[Expr], over=STMT_NODES):
    memoise = False

    def __init__(self) -> None:
        self.middles: dict[Var, Expr] = {}

    def at_middle(self, expr: Expr) -> Expr:
        return substitute(expr, self.middles)

    def visit_Block(self, node: Block) -> Expr:
        if node.extern is not None:  # nobody knows
            return ENDLESS
        return Const(float(_operations(node)), FLOAT64)

    def visit_Seq(self, node: Seq) -> Visit[Expr]:
        total: Expr = Const(0.0, FLOAT64)
        for part in node.stmts:
            total = total + (yield part)
        return total

    def visit_Loop(self, node: Loop) -> Visit[Expr]:
        lower, upper = self.at_middle(node.lower), self.at_middle(node.upper)
        if _reads(lower) or _reads(upper):
            return ENDLESS
        self.middles[node.var] = (lower + upper) // 2
        body: Expr = yield node.body
        trips = binary("max", (upper - lower + (node.step - 1)) // node.step, ZERO)
        return cast(trips, FLOAT64) * body

    def visit_If(self, node: If) -> Visit[Expr]:
        then: Expr = yield node.then
        if node.orelse is None:
            return then
        orelse: Expr = yield node.orelse
        return binary("max", then, orelse)

    def visit_Let(self, node: Let) -> Visit[Expr]:
        self.middles[node.var] = self.at_middle(node.value)
        body: Expr = yield node.body
        return body

    def visit_Alloc(self, node: Alloc) -> Visit[Expr]:
        body: Expr = yield node.body
        return body

    def visit_Store(self, node: Store) -> Expr:
        raise InternalError("a store stands outside a Block")

    def visit_ExternCall(self, node: ExternCall) -> Expr:
        raise InternalError("a call stands outside a Block")


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
