"""Transposing: the dimensions of a tensor in another order."""

from __future__ import annotations

from typing import Any

from texpr.errors import DTypeError, ShapeError, shown
from texpr.ir.expr import Load
from texpr.te.dimensions import dimensions
from texpr.te.tags import INJECTIVE
from texpr.te.whole import WholeTensor, axes_over


def transpose(a: Any, axes: Any = None) -> Any:
    """Return the tensor whose dimension ``d`` is dimension ``axes[d]`` of ``a``.

    Parameters
    ----------
    a : Tensor
    axes : sequence of int, optional
        Every number of a dimension once; the reverse order unless given.

    Raises
    ------
    ShapeError
        Numbers that are not those of the dimensions.
    DTypeError
        ``a`` is no tensor, or a number is none.

    >>> from texpr import te
    >>> te.transpose(te.placeholder((2, 3, 4), name="A"), (1, 0, 2))
    <tensor T_transpose: float32[3, 2, 4]>
    """
    if not isinstance(a, WholeTensor):
        raise DTypeError(f"transpose: {shown(a)} is no tensor; pass one")
    order = tuple(range(a.ndim))[::-1] if axes is None else dimensions(a, axes, "transpose")
    if len(order) != a.ndim:
        raise ShapeError(
            f"transpose: {len(order)} numbers for the {a.ndim} dimensions of {a!r}; "
            f"pass each once, such as {tuple(range(a.ndim))[::-1]}"
        )
    axis = axes_over([a.shape[own] for own in order])
    indices = [axis[order.index(own)].var for own in range(a.ndim)]
    return a.made("transpose", axis, (Load(a, indices),), INJECTIVE)
