"""What whole tensors of te can do of ``tvm.topi``: operators, functions and reductions."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from texpr import te
from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.topi import nn, utils
from texpr.errors import ShapeError
from texpr.ir.expr import int_value

__all__ = [
    "abs",
    "add",
    "all",
    "any",
    "broadcast_add",
    "broadcast_div",
    "broadcast_mul",
    "broadcast_sub",
    "divide",
    "elemwise_sum",
    "max",
    "maximum",
    "min",
    "minimum",
    "multiply",
    "nn",
    "prod",
    "subtract",
    "sum",
    "utils",
]

broadcast_add = add = te.add
broadcast_sub = subtract = te.subtract
broadcast_mul = multiply = te.multiply
broadcast_div = divide = te.div
abs = te.abs
maximum = te.max
minimum = te.min

_OF_TE = (
    "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "exp", "floor", "isfinite", "isinf",
    "isnan", "log", "log10", "log2", "power", "round", "rsqrt", "sigmoid", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc", "einsum", "matmul", "reshape", "transpose",
)  # fmt: skip
"""What topi has under the same name and with the same arguments."""


def elemwise_sum(xs: Sequence[te.Tensor]) -> te.Tensor:
    """Return the sum of several tensors.

    Raises
    ------
    ShapeError
        There is none.
    """
    if not xs:
        raise ShapeError("elemwise_sum: no tensor given; pass at least one")
    return functools.reduce(operator.add, xs)


def _reduced(reduce: Callable[..., Any], data: te.Tensor, axis: Any, keepdims: bool) -> te.Tensor:
    over = tuple(range(data.ndim)) if axis is None else axis
    return reduce(data, axis=over, keepdims=keepdims)  # type: ignore[no-any-return]


def sum(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Sum over dimensions, as NumPy's of the same name; all of them unless told.

    Raises
    ------
    ShapeError
        There is no such dimension.

    >>> A = te.placeholder((3, 4), name="A")
    >>> sum(A, axis=1), sum(A, axis=-1, keepdims=True)
    (<tensor T_sum: float32[3]>, <tensor T_sum: float32[3, 1]>)
    """
    return _reduced(te.sum, data, axis, keepdims)


def prod(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Multiply over dimensions; as :func:`sum` otherwise."""
    return _reduced(te.prod, data, axis, keepdims)


def max(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Take the greatest over dimensions; as :func:`sum` otherwise."""
    return _reduced(te.max, data, axis, keepdims)


def min(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Take the least over dimensions; as :func:`sum` otherwise."""
    return _reduced(te.min, data, axis, keepdims)


def all(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Whether all hold over dimensions; as :func:`sum` otherwise."""
    return _reduced(te.all, data, axis, keepdims)


def any(data: te.Tensor, axis: Any = None, keepdims: bool = False) -> te.Tensor:
    """Whether one holds over dimensions; as :func:`sum` otherwise."""
    return _reduced(te.any, data, axis, keepdims)


def _of_te(name: str) -> Any:
    if name in _OF_TE:
        return getattr(te, name)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted((*__all__, *_OF_TE))


__getattr__ = getattr_of(__name__, _of_te)
