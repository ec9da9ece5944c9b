"""Constant folding: what an operator makes of constants, as ``texpr.ir.operators`` says it.

Integers and bools are computed with Python's numbers and wrapped afterwards; floats with NumPy's
scalars of their width, so that every operation rounds as the type does. What is not determined
to the last bit is left alone: ``pow``, functions with a tolerance, ``min`` of 0.0 and -0.0.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from texpr.ir.dtypes import DType
from texpr.ir.expr import Binary, Call, Cast, Const, Expr, IfThenElse, Select, Unary
from texpr.ir.intrinsic import Intrinsic

Number = Any
"""A Python bool or int, or a NumPy float of the operands' type."""


def _over(x: int, y: int) -> int:
    return x // y if y else 0


def _modulo(x: int, y: int) -> int:
    return x % y if y else 0


def _truncated(x: int, y: int) -> int:
    quotient = _over(abs(x), abs(y))
    return quotient if (x < 0) == (y < 0) else -quotient


def _remainder(x: int, y: int) -> int:
    return x - y * _truncated(x, y) if y else 0


def _float_modulo(x: Number, y: Number) -> Number:
    rest = np.fmod(x, y)
    return rest + y if rest != 0 and np.signbit(rest) != np.signbit(y) else rest


def _float_min(x: Number, y: Number) -> Number:
    return None if x == y and np.signbit(x) != np.signbit(y) else np.minimum(x, y)


def _float_max(x: Number, y: Number) -> Number:
    return None if x == y and np.signbit(x) != np.signbit(y) else np.maximum(x, y)


_COMPARE: Final[dict[str, Callable[[Number, Number], Number]]] = {
    op: getattr(operator, op) for op in ("eq", "ne", "lt", "le", "gt", "ge")
}
_INTEGER: Final[dict[str, Callable[..., Number]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": _over,
    "floormod": _modulo,
    "truncdiv": _truncated,
    "truncmod": _remainder,
    "min": min,
    "max": max,
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "neg": operator.neg,
    "abs": abs,
    "invert": operator.invert,
    **_COMPARE,
}
_FLOAT: Final[dict[str, Callable[..., Number]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": lambda x, y: np.floor(x / y),
    "floormod": _float_modulo,
    "truncdiv": lambda x, y: np.trunc(x / y),
    "truncmod": np.fmod,
    "min": _float_min,
    "max": _float_max,
    "neg": operator.neg,
    "abs": abs,
    **_COMPARE,
}
_BOOL: Final[dict[str, Callable[..., Number]]] = {
    "and": operator.and_,
    "or": operator.or_,
    "bitand": operator.and_,
    "bitor": operator.or_,
    "bitxor": operator.xor,
    "not": operator.not_,
    "invert": operator.not_,
    **_COMPARE,
}
_MEANING: Final = {"int": _INTEGER, "uint": _INTEGER, "float": _FLOAT, "bool": _BOOL}


def shifted(op: str, x: int, count: int, bits: int) -> int:
    """Return ``x`` shifted by ``count`` before wrapping."""
    if op == "shl":
        return x << count if 0 <= count < bits else 0
    return x >> count if 0 <= count < bits else -(x < 0)


def converted(value: Number, source: DType, to: DType) -> Number:
    """Return a value of ``source`` as one of ``to``, as :class:`~texpr.ir.expr.Cast` says.

    >>> from texpr.ir.dtypes import FLOAT32, INT8
    >>> converted(float("nan"), FLOAT32, INT8), converted(-1e9, FLOAT32, INT8)
    (0, -128)
    """
    if to.is_bool:
        return bool(value != 0)
    if to.is_integer:
        if not source.is_float:
            return to.wrap(int(value))
        if math.isnan(value):
            return 0
        return int(min(max(value, to.min), to.max))
    return to.canonical(value)


def fold(node: Expr) -> Const | None:
    """Return the constant that ``node``, whose operands are constants, is equal to.

    >>> from texpr.ir.dtypes import FLOAT32, INT8
    >>> print(fold(Binary("add", Const(100, INT8), Const(100, INT8))))
    -56
    """
    with np.errstate(all="ignore"):
        value = _value(node)
    return None if value is None else Const(_plain(value), node.dtype)


def _plain(value: Number) -> bool | int | float:
    is_numpy = isinstance(value, (np.generic, np.ndarray))
    found: bool | int | float = value.item() if is_numpy else value
    return found


def _value(node: Expr) -> Number:
    first = node.children[0]
    source = first.dtype
    values = [child.value for child in node.children]  # type: ignore[attr-defined]
    if isinstance(node, (Select, IfThenElse)):
        return values[1] if values[0] else values[2]
    if isinstance(node, Cast):
        return converted(values[0], source, node.dtype)
    if isinstance(node, Call):
        if not isinstance(node.function, Intrinsic) or node.function.ulps:
            return None  # it is not ours, or the compiled function may round otherwise
        return node.function.numpy(*map(source.numpy.type, values))
    if isinstance(node, (Binary, Unary)):
        if source.is_float:
            values = [source.numpy.type(value) for value in values]
        elif node.op in ("shl", "shr"):
            return shifted(node.op, values[0], values[1], source.bits)
        meaning = _MEANING[source.kind].get(node.op)
        return None if meaning is None else meaning(*values)
    return None
