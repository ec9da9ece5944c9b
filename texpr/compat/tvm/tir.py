"""What tensor expressions use of ``tvm.tir``: scalar functions, constants and choices."""

from __future__ import annotations

import math
from typing import Any

from texpr.compat.tvm import te
from texpr.compat.tvm.advice import getattr_of
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Cast, Expr, Var, as_expr
from texpr.ir.itervar import IterVar
from texpr.te import const, power, select

__all__ = [
    "Cast",
    "IterVar",
    "PrimExpr",
    "Select",
    "Var",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "ceildiv",
    "exp10",
    "exp2",
    "infinity",
    "likely",
    "shift_left",
    "shift_right",
]

PrimExpr = Expr
Select = select


def bitwise_and(x: Any, y: Any) -> Any:
    """``x & y``."""
    return as_expr(x) & y


def bitwise_or(x: Any, y: Any) -> Any:
    """``x | y``."""
    return as_expr(x) | y


def bitwise_xor(x: Any, y: Any) -> Any:
    """``x ^ y``."""
    return as_expr(x) ^ y


def bitwise_not(x: Any) -> Any:
    """``~x``."""
    return ~as_expr(x)


def shift_left(x: Any, y: Any) -> Any:
    """``x << y``; 0 where y is negative or at least the width."""
    return as_expr(x) << y


def shift_right(x: Any, y: Any) -> Any:
    """``x >> y``, keeping the sign."""
    return as_expr(x) >> y


def ceildiv(lhs: Any, rhs: Any) -> Any:
    """``lhs / rhs`` of integers, rounded up.

    >>> ceildiv(te.var("n"), 4)
    <int64 -(-n//4)>
    """
    return -(-as_expr(lhs) // rhs)


def exp2(x: Any) -> Any:
    """``2 ** x``."""
    return power(const(2, as_expr(x).dtype), x)


def exp10(x: Any) -> Any:
    """``10 ** x``."""
    return power(const(10, as_expr(x).dtype), x)


def infinity(dtype: object) -> Any:
    """The infinity of a type of floats."""
    return const(math.inf, as_dtype(dtype))


def likely(cond: Any) -> Any:
    """The condition; texpr finds out by itself which guards are needed where."""
    return cond


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(te)})


__getattr__ = getattr_of(__name__, lambda name: getattr(te, name))
