"""Operands of products as the inner loops want them: in order, in the type that is computed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import ShapeError
from texpr.ir.expr import Expr, int_value
from texpr.ops.arrays import Array, as_array
from texpr.te.shapes import is_same_extent

PREPARED: Final = "ops.prepared"
TRANSPOSED: Final = "ops.transposed"
"""Tags of a stage that brings an operand into order before it is used many times."""


def prepared(T: te.Tensor, *, transposed: bool, is_copy: bool = False) -> te.Tensor:
    """Return ``T`` with its last dimensions in order, and in a type that is computed in.

    A copy, and one only where something has to be done, or it shall be one: it touches each element
    once where the product that follows uses it many times.

    >>> A = te.placeholder((3, 4), "float16", name="A")
    >>> prepared(A, transposed=True)
    <tensor A_t: float32[4, 3]>
    """
    kind = "float32" if T.dtype.is_float and T.dtype.size_bytes == 2 else str(T.dtype)
    if not transposed and not is_copy and kind == str(T.dtype):
        return T
    *batch, rows, columns = T.shape

    def element(*i: Expr) -> Any:
        index = (*i[:-2], i[-1], i[-2]) if transposed else i
        return T[index].astype(kind)

    shape = (*batch, columns, rows) if transposed else T.shape
    name = f"{T.name}_t" if transposed else f"{T.name}_{kind}"
    names = [*(f"b{place}" for place in range(len(batch))), "i", "j"]
    tag = TRANSPOSED if transposed else PREPARED
    made: te.Tensor = te.compute(shape, element, name=name, tag=tag, varargs_names=names)
    return made


def in_order(value: Any, transposed: bool) -> tuple[Array, bool]:
    """Return an operand whose rows have no gaps, and whether it is to be transposed now.

    The transpose of a matrix is the same memory: ``a.T`` is taken as ``a``, the other way round.
    """
    array = value if type(value) is np.ndarray else np.asarray(value)
    flags = array.flags
    if flags.c_contiguous:
        return array, transposed
    if array.ndim == 2 and flags.f_contiguous:
        return array.T, not transposed
    return as_array(array), transposed


def broadcast(one: Sequence[Expr], other: Sequence[Expr]) -> list[Expr]:
    """Return the shape of the stacks of matrices that two operands make together.

    Raises
    ------
    ShapeError
        Extents that differ, and are not 1.
    """
    ndim = max(len(one), len(other))
    shape: list[Expr] = []
    for place in range(-ndim, 0):
        given = [extents[place] for extents in (one, other) if -place <= len(extents)]
        many = [extent for extent in given if int_value(extent) != 1] or given
        if not is_same_extent(many[0], many[-1]):
            raise ShapeError(
                f"matmul: stacks of {many[0]} and of {many[-1]} matrices; "
                f"their extents must be equal, or 1"
            )
        shape.append(many[0])
    return shape


def at(T: te.Tensor, batch: Sequence[Expr], i: Any, j: Any) -> Expr:
    """Return element (i, j) of the matrix of ``T`` at a place of the stack."""
    own = batch[len(batch) - (T.ndim - 2) :]
    index = [0 if int_value(e) == 1 else b for e, b in zip(T.shape[:-2], own, strict=True)]
    element: Expr = T[(*index, i, j)]
    return element


def shape_text(T: te.Tensor) -> str:
    """Return the name and shape of a tensor for a message.

    >>> shape_text(te.placeholder((3, 4), name="A"))
    'A of shape (3, 4)'
    """
    return f"{T.name} of shape ({', '.join(map(str, T.shape))})"
