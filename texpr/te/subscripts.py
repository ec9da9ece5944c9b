"""Subscripts: integers where integers are wanted, inside where that can be told."""

from __future__ import annotations

import numpy as np

from texpr.errors import BoundsError, DTypeError, shown
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Expr, ExprOperators, as_index, int_value
from texpr.te.whole import WholeTensor


def subscript_of(tensor: WholeTensor, position: int, subscript: object) -> Expr:
    """Return the subscript of one dimension.

    Raises
    ------
    DTypeError
        It is not an integer.
    BoundsError
        A constant outside a constant extent; negative ones do not count from the end, for
        ``A[i - 1]`` at 0 must not become the last element.
    """
    index = integer(subscript, f"{tensor.name}: subscript {position}")
    value, extent = int_value(index), tensor.shape[position]
    size = int_value(extent)
    if value is not None and (value < 0 or (size is not None and value >= size)):
        raise BoundsError(
            f"{tensor.name}: subscript {value} of dimension {position} is outside "
            f"0..{extent}-1; subscripts do not count from the end"
        )
    return index


def integer(value: object, what: str) -> Expr:
    """Return a subscript, an extent or the end of a range as an int64 expression.

    Raises
    ------
    DTypeError
        It is not an integer; ``what`` says what it would have been.
    """
    if isinstance(value, ExprOperators):
        return as_index(value, what)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise DTypeError(
            f"{what}: {shown(value)} is no integer; pass an int, a te.var or an axis, "
            f"or an integer expression of these"
        )
    if not INT64.min <= value <= INT64.max:
        raise DTypeError(f"{what}: {value} does not fit int64; pass a smaller one")
    return Const(int(value), INT64)
