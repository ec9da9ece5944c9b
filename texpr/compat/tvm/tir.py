"""What tensor expressions use of ``tvm.tir``: scalar functions, constants and choices."""

from __future__ import annotations

import math
from typing import Any

from texpr.compat.tvm import te
from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.intrinsics import Call, CallEffectKind, call_intrin
from texpr.compat.tvm.packed import call_packed, call_pure_extern
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Expr, Var, as_expr, cast
from texpr.ir.itervar import IterVar
from texpr.te import const, power, select

__all__ = [
    "Call",
    "CallEffectKind",
    "Cast",
    "IterVar",
    "PrimExpr",
    "Select",
    "Var",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "call_intrin",
    "call_packed",
    "call_pure_extern",
    "ceildiv",
    "exp10",
    "exp2",
    "infinity",
    "likely",
    "shift_left",
    "shift_right",
]

_OF_TE = (
    "abs", "acos", "acosh", "add", "all", "any", "asin", "asinh", "atan", "atan2", "atanh",
    "call_extern", "ceil", "clz", "comm_reducer", "const",
    "copysign", "cos", "cosh", "div", "erf", "exp", "floor", "floordiv", "floormod", "fmod",
    "hypot", "if_then_else", "indexdiv", "indexmod", "isfinite", "isinf", "isnan", "ldexp", "log",
    "log10", "log1p", "log2", "max", "max_value", "min", "min_value", "multiply", "nearbyint",
    "nextafter", "popcount", "pow", "power", "round", "rsqrt", "sigmoid", "sin", "sinh", "sqrt",
    "subtract", "sum", "tan", "tanh", "trace", "trunc", "truncdiv", "truncmod",
)  # fmt: skip
"""What TVM has both in tir and te, or only in tir; where texpr.te has it, it is offered."""

PrimExpr = Expr
Select = select


def Cast(dtype: object, value: Any) -> Any:  # noqa: N802 - TVM's name
    """``value`` as another type.

    >>> Cast("float32", te.var("n"))
    <float32 float32(n)>
    """
    return cast(as_expr(value), as_dtype(dtype))


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


def _of_te(name: str) -> Any:
    if name in _OF_TE:
        return getattr(te, name)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *({*_OF_TE} & {*dir(te)})})


__getattr__ = getattr_of(__name__, _of_te)
