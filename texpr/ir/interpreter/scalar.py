"""The meaning of operators, casts and calls on values, as ``texpr.ir.operators`` states it.

While it is computed with, an integer is a Python int, a bool a Python bool, and a float a NumPy
scalar of its width: Python's integers are exact, so that wrapping them afterwards is two's
complement, and NumPy's floats round after every operation as IEEE 754 says. Floats overflow and
divide by zero here, so the caller holds ``np.errstate(all="ignore")``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from texpr.ir.dtypes import DType
from texpr.ir.intrinsic import Intrinsic

Value = Any
"""A Python int or bool, or a NumPy float."""
Function = Callable[..., Value]


def _truncdiv(x: int, y: int) -> int:
    if y == 0:
        return 0
    quotient = abs(x) // abs(y)
    return quotient if (x < 0) == (y < 0) else -quotient


def _truncmod(x: int, y: int) -> int:
    return 0 if y == 0 else x - y * _truncdiv(x, y)


def _fmod_of_divisors_sign(x: Value, y: Value) -> Value:
    rest = np.fmod(x, y)
    return rest + y if rest != 0 and np.signbit(rest) != np.signbit(y) else rest


def _min(x: Value, y: Value) -> Value:
    return x if x <= y or math.isnan(x) else y  # where y is NaN, x <= y is false


def _max(x: Value, y: Value) -> Value:
    return x if x >= y or math.isnan(x) else y


# Results outside the type are wrapped afterwards.
_ON_INTEGERS: Final[dict[str, Function]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": lambda x, y: x // y if y else 0,
    "floormod": lambda x, y: x % y if y else 0,
    "truncdiv": _truncdiv,
    "truncmod": _truncmod,
    "min": min,
    "max": max,
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "neg": operator.neg,
    "abs": abs,
    "invert": operator.invert,
}

_ON_FLOATS: Final[dict[str, Function]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,  # C's; np.power has (-inf) ** 0.5 = NaN and other last bits
    "floordiv": lambda x, y: np.floor(x / y),
    "floormod": _fmod_of_divisors_sign,
    "truncdiv": lambda x, y: np.trunc(x / y),
    "truncmod": np.fmod,
    "min": _min,
    "max": _max,
    "neg": operator.neg,
    "abs": abs,
}

# The operators `and` and `or` are not here: they may leave their right operand alone.
_ON_BOOLS: Final[dict[str, Function]] = {
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "invert": operator.not_,
    "not": operator.not_,
}

_COMPARISONS: Final[dict[str, Function]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def _shift(op: str, bits: int) -> Function:
    def shl(x: int, count: int) -> int:
        return x << count if 0 <= count < bits else 0

    def shr(x: int, count: int) -> int:
        return x >> count if 0 <= count < bits else -(x < 0)

    return shl if op == "shl" else shr


@cache
def operator_on(op: str, dtype: DType) -> Function:
    """Return what the operator ``op`` does to operands of ``dtype``.

    >>> from texpr.ir.dtypes import INT8
    >>> operator_on("add", INT8)(100, 100), operator_on("floordiv", INT8)(7, 0)
    (-56, 0)
    """
    if op in _COMPARISONS:
        compare = _COMPARISONS[op]
        return (lambda x, y: bool(compare(x, y))) if dtype.is_float else compare
    if dtype.is_float:
        return _ON_FLOATS[op]
    if dtype.is_bool:
        return _ON_BOOLS[op]
    exact = _shift(op, dtype.bits) if op in ("shl", "shr") else _ON_INTEGERS[op]
    low, high, wrap = dtype.min, dtype.max, dtype.wrap

    def wrapped(*operands: int) -> int:
        value = exact(*operands)
        return value if low <= value <= high else wrap(value)

    return wrapped


@cache
def cast_from(source: DType, to: DType) -> Function:
    """Return the conversion of a value of ``source`` to ``to``; :class:`Cast` says which.

    >>> from texpr.ir.dtypes import FLOAT32, INT8
    >>> cast_from(FLOAT32, INT8)(np.float32(300.5)), cast_from(FLOAT32, INT8)(np.float32("nan"))
    (127, 0)
    """
    if to.is_bool:
        return lambda x: bool(x != 0)
    if to.is_float:
        scalar = to.numpy.type
        if source.is_float:
            return scalar
        exact = source.numpy.type  # scalar(x) of a Python int would round twice: float64, float32
        return lambda x: exact(x).astype(scalar)
    if not source.is_float:
        return lambda x: to.wrap(int(x))
    low, high = int(to.min), int(to.max)

    def saturated(x: Value) -> int:
        if math.isnan(x):
            return 0
        if math.isinf(x):
            return high if x > 0 else low
        return min(max(int(x), low), high)

    return saturated


@cache
def call_of(function: Intrinsic, dtype: DType) -> Function:
    """Return ``function`` on operands of ``dtype``: NumPy's, its result held as a value is."""
    meaning = function.numpy
    if function.returns_bool:
        return lambda *operands: bool(meaning(*operands))
    if dtype.is_float:
        return meaning
    scalar = dtype.numpy.type
    return lambda *operands: int(meaning(*map(scalar, operands)))
