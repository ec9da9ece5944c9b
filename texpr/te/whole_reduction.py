"""Reductions of whole tensors over dimensions, ``A.sum(axis=1)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from texpr.errors import ShapeError
from texpr.ir.expr import Expr, Load
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, ZERO
from texpr.te.broadcast import broadcast_shape
from texpr.te.dimensions import dimensions
from texpr.te.reduction import Reduce
from texpr.te.shapes import is_same_extent
from texpr.te.tags import COMM_REDUCE
from texpr.te.whole import WholeTensor, axes_over, element_at

ReduceOver = Callable[[Expr, list[IterVar], Any], Reduce]
"""Takes an element, the axes to reduce over, and the condition at that element or None."""


def reduced(
    name: str, tensor: WholeTensor, axis: Any, keepdims: bool, where: Any, reduce: ReduceOver
) -> Any:
    """Return ``tensor`` reduced over the dimensions ``axis``, all of them where it is None.

    Parameters
    ----------
    axis : int, sequence of int, or None
        Negative numbers count from the last dimension.
    keepdims : bool
        Whether the dimensions stay, with extent 1.
    where : Tensor of bool, optional
        Broadcast to the shape; elements for which it is false are left out.

    Raises
    ------
    ShapeError
        A number that is no dimension, or ``where`` larger than the tensor.
    """
    over = dimensions(tensor, tuple(range(tensor.ndim)) if axis is None else axis, name)
    if isinstance(where, WholeTensor):
        both = broadcast_shape(name, [tensor, where])
        if len(both) > tensor.ndim or not all(map(is_same_extent, both, tensor.shape)):
            raise ShapeError(
                f"{name}: where={where!r} is larger than {tensor!r}; "
                f"pass one that broadcasts to its shape"
            )
    single = len(over) == 1
    reducing = {
        own: IterVar("k" if single else f"k{k}", (ZERO, tensor.shape[own]), is_reduce=True)
        for k, own in enumerate(sorted(over))
    }
    kept = [own for own in range(tensor.ndim) if keepdims or own not in over]
    data = axes_over([ONE if own in over else tensor.shape[own] for own in kept])
    at = {**dict(zip(kept, data, strict=True)), **reducing}
    axes = [at[own] for own in range(tensor.ndim)]
    element = Load(tensor, [i.var for i in axes])
    body = reduce(element, list(reducing.values()), element_at(where, axes))
    return tensor.made(name, data, body, COMM_REDUCE)
