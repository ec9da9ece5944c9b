"""Updates: statements that fold a term into the cell they write, ``x = x + e``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import DType
from texpr.ir.expr import Binary, Const, Expr, Load, Unary, postorder
from texpr.ir.program import Block

# x - e folds -e in, and so goes with additions.
FOLDS: Final = {
    "add": "add", "sub": "add", "mul": "mul", "min": "min", "max": "max", "and": "and",
    "or": "or", "bitand": "bitand", "bitor": "bitor", "bitxor": "bitxor",
}  # fmt: skip
"""The operators of updates, and the associative, commutative operator by which each folds."""


@dataclass(frozen=True)
class Update:
    """``x = x op term``, where ``term`` reads nothing of the buffer of ``x``."""

    op: str
    term: Expr

    @property
    def fold(self) -> str:
        """The operator by which several terms are combined."""
        return FOLDS[self.op]


def neutral(fold: str, dtype: DType) -> Const:
    """Return what ``fold`` of it and any other value is that value, to the bit.

    Of a sum of floats that is -0.0: 0.0 would make 0.0 of -0.0.

    >>> from texpr.ir.dtypes import FLOAT32, UINT8
    >>> str(neutral("add", FLOAT32)), str(neutral("bitand", UINT8)), str(neutral("max", FLOAT32))
    ('-0.0', '255', '-inf')
    """
    if fold == "add":
        return Const(-0.0 if dtype.is_float else 0, dtype)
    if fold == "mul":
        return Const(1, dtype)
    if fold in ("min", "max"):
        if dtype.is_float:
            return Const(math.inf if fold == "min" else -math.inf, dtype)
        return Const(dtype.max if fold == "min" else dtype.min, dtype)
    if dtype.is_bool:
        return Const(fold in ("and", "bitand"), dtype)
    ones = dtype.max if dtype.kind == "uint" else -1
    return Const(ones if fold == "bitand" else 0, dtype)


def is_neutral(value: Expr, fold: str, dtype: DType) -> bool:
    """Whether starting with ``value`` starts with nothing; of floats 0.0 will do for a sum."""
    if not isinstance(value, Const) or value.dtype is not dtype:
        return False
    return bool(value.value == neutral(fold, dtype).value)


def update_of(block: Block) -> Update | None:
    """Return what ``block`` folds into its cell, None where it is no such statement.

    >>> from texpr import te
    >>> A, k = te.placeholder((8,), name="A"), te.reduce_axis((0, 8), name="k")
    >>> S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    >>> from texpr.ir.program import blocks
    >>> init, step = blocks(te.create_schedule(S.op).program.body)
    >>> update_of(init), update_of(step).op, str(update_of(step).term)
    (None, 'add', 'A[k]')
    """
    if len(block.stores) != 1:
        return None
    (store,) = block.stores
    value, own = store.value, Load(store.buffer, store.indices)
    if not isinstance(value, Binary) or value.op not in FOLDS:
        return None
    term: Expr | None = None
    if value.a is own:
        term = value.b
    elif value.b is own and value.op != "sub":
        term = value.a
    elif not value.dtype.is_float:  # of integers, the simplifier writes x + (a + b) as x + a + b
        return _spread_update(value, own, store.buffer)
    if term is None or _reads(term, store.buffer):
        return None
    return Update(value.op, term)


def _spread_update(value: Binary, own: Load, buffer: Buffer) -> Update | None:
    """Return the update where ``own`` is further down among the terms of ``value``."""
    fold = FOLDS[value.op]
    terms: list[tuple[Expr, bool]] = []
    stack: list[tuple[Expr, bool]] = [(value, True)]
    while stack:
        node, is_added = stack.pop()
        if isinstance(node, Binary) and FOLDS.get(node.op) == fold:
            stack += [(node.b, is_added != (node.op == "sub")), (node.a, is_added)]
        else:
            terms.append((node, is_added))
    others = [(term, is_added) for term, is_added in terms if term is not own or not is_added]
    if len(others) != len(terms) - 1 or any(_reads(term, buffer) for term, _ in others):
        return None
    folded: Expr | None = None
    for term, is_added in others:
        if folded is None:
            folded = term if is_added else Unary("neg", term)
        else:
            folded = Binary(fold if is_added else "sub", folded, term)
    return None if folded is None else Update(fold, folded)


def _reads(expr: Expr, buffer: Buffer) -> bool:
    return any(isinstance(node, Load) and node.buffer is buffer for node in postorder(expr))
