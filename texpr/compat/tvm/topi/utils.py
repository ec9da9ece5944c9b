"""What programs use of ``tvm.topi.utils``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from texpr.compat.tvm.advice import getattr_of
from texpr.errors import ShapeError
from texpr.ir.expr import int_value

__all__ = ["get_const_int", "get_const_tuple"]


def get_const_int(expr: Any) -> int:
    """Return a constant as an int.

    Raises
    ------
    ShapeError
        It is no constant.
    """
    value = expr if isinstance(expr, int) else int_value(expr)
    if value is None:
        raise ShapeError(f"get_const_int: {expr} is no number; declare the tensor with numbers")
    return value


def get_const_tuple(in_tuple: Sequence[Any]) -> tuple[Any, ...]:
    """Return a shape with ints for what is constant, and the rest as it is.

    >>> from texpr.compat.tvm import te
    >>> get_const_tuple(te.placeholder((2, te.var("n"))).shape)
    (2, <int64 n>)
    """
    values = (extent if isinstance(extent, int) else int_value(extent) for extent in in_tuple)
    return tuple(
        extent if value is None else value for extent, value in zip(in_tuple, values, strict=True)
    )


__getattr__ = getattr_of(__name__)
