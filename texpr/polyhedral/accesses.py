"""What a statement reads and writes, and under which conditions it comes to that.

``a if c else b`` evaluates only the chosen side, ``and`` and ``or`` stop where the left operand
decides: a Load there is reached only under a *guard*. ``select`` evaluates both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, IfThenElse, Load, Unary, postorder
from texpr.ir.program import TRUE, Block


@dataclass(frozen=True)
class Access:
    """A read or write of ``buffer[indices]`` that happens where ``guard`` holds.

    One that ``is_whole`` has no indices: it is of every element.
    """

    buffer: Buffer
    indices: tuple[Expr, ...]
    guard: Expr = TRUE
    is_write: bool = False
    is_whole: bool = False


def accesses(block: Block) -> Iterator[Access]:
    """Yield what ``block`` reads and writes, in terms of its axes.

    Everything but what the predicate itself reads happens only where the predicate holds.
    """
    yield from loads(block.predicate)
    for store in block.stores:
        for part in (*store.indices, store.value):
            yield from loads(part, block.predicate)
        yield Access(store.buffer, store.indices, block.predicate, is_write=True)
    if block.extern is not None:
        for scalar in block.extern.scalars:
            yield from loads(scalar, block.predicate)
        for buffer in block.extern.inputs:
            yield Access(buffer, (), block.predicate, is_whole=True)
        for buffer in block.extern.outputs:
            yield Access(buffer, (), block.predicate, is_write=True, is_whole=True)


def loads(root: Expr, guard: Expr = TRUE) -> Iterator[Access]:
    """Yield the Loads in ``root``, evaluated where ``guard`` holds, each once.

    >>> from texpr.ir.dtypes import FLOAT32
    >>> from texpr.ir.expr import Var
    >>> from texpr.ir.functions import if_then_else
    >>> i = Var("i")
    >>> A = Buffer("A", (i,), FLOAT32)
    >>> for load in loads(if_then_else(i > 0, Load(A, (i - 1,)), 0.0)):
    ...     print(load.indices[0], "where", load.guard)
    i - 1 where i > 0
    """
    order = postorder(root)
    if not any(isinstance(node, Load) for node in order):
        return
    # Parents come before children here, so that all ways to a shared node are known.
    guard_of: dict[Expr, Expr] = {root: guard}
    for node in reversed(order):
        own = guard_of[node]
        for child, condition in zip(node.children, _conditions(node), strict=True):
            reached = _both(own, condition)
            before = guard_of.get(child)
            guard_of[child] = reached if before is None else _either(before, reached)
    for node in order:
        if isinstance(node, Load):
            yield Access(node.buffer, node.indices, guard_of[node])


def _conditions(node: Expr) -> tuple[Expr, ...]:
    """Return for each operand the condition under which ``node`` evaluates it."""
    if isinstance(node, IfThenElse):
        test = node.children[0]
        return (TRUE, test, Unary("not", test))
    if isinstance(node, Binary) and node.op == "and":
        return (TRUE, node.a)
    if isinstance(node, Binary) and node.op == "or":
        return (TRUE, Unary("not", node.a))
    return (TRUE,) * len(node.children)


def _both(a: Expr, b: Expr) -> Expr:
    if a is TRUE or a is b:
        return b
    return a if b is TRUE else Binary("and", a, b)


def _either(a: Expr, b: Expr) -> Expr:
    if a is TRUE or b is TRUE:
        return TRUE
    return a if a is b else Binary("or", a, b)
