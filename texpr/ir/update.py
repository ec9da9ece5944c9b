"""Updates: statements that fold a term into the cell they write, ``x = x + e``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, Load, postorder
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
    if term is None or _reads(term, store.buffer):
        return None
    return Update(value.op, term)


def _reads(expr: Expr, buffer: Buffer) -> bool:
    return any(isinstance(node, Load) and node.buffer is buffer for node in postorder(expr))
