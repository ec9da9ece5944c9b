"""Operators over whole tensors: element by element, the shapes broadcast as NumPy does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from texpr.errors import ShapeError
from texpr.ir.expr import Expr
from texpr.ir.program import ONE
from texpr.te.shapes import agreed, is_same_extent
from texpr.te.tags import BROADCAST, ELEMWISE
from texpr.te.whole import WholeTensor, axes_over, element_at


def elementwise(function: Callable[..., Expr], name: str, operands: Sequence[Any]) -> Any:
    """Return the tensor of ``function(name, *elements)``; operands of rank 0 are scalars.

    Raises
    ------
    ShapeError
        Extents that differ and are not 1, or that cannot be told to be equal.
    """
    tensors = [x for x in operands if isinstance(x, WholeTensor)]
    shape = broadcast_shape(name, tensors)
    axis = axes_over(shape)
    body = function(name, *(element_at(x, axis) for x in operands))
    is_even = all(_has_shape(tensor, shape) for tensor in tensors if tensor.ndim)
    return tensors[0].made(name, axis, (body,), ELEMWISE if is_even else BROADCAST)


def broadcast_shape(name: str, tensors: Sequence[WholeTensor]) -> list[Expr]:
    """Return the shape that the tensors broadcast to.

    Raises
    ------
    ShapeError
        There is none, or none that can be told.
    """
    ndim = max(tensor.ndim for tensor in tensors)
    shape: list[Expr] = [ONE] * ndim
    for tensor in tensors:
        for position, own in enumerate(tensor.shape, start=ndim - tensor.ndim):
            extent = agreed(shape[position], own)
            if extent is None:
                raise ShapeError(
                    f"{name}: {' and '.join(map(repr, tensors))} do not broadcast, "
                    f"dimension {position} is {shape[position]} and {own}; "
                    f"extents must be equal or 1"
                )
            shape[position] = extent
    return shape


def _has_shape(tensor: WholeTensor, shape: Sequence[Expr]) -> bool:
    return tensor.ndim == len(shape) and all(map(is_same_extent, tensor.shape, shape))
