"""Tensor expressions: all that ``texpr.te`` has, under TVM's names and with TVM's defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from texpr import te
from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.te.stages import Schedule, Stage, ThreadAxis, create_schedule, thread_axis
from texpr.errors import ShapeError

if TYPE_CHECKING:  # what editors and type checkers see of the names found elsewhere
    from texpr.te import *  # type: ignore[assignment]  # noqa: F403

__all__ = ["Schedule", "Stage", "ThreadAxis", "compute", "create_schedule", "thread_axis"]


def compute(  # type: ignore[no-redef]
    shape: Any, fcompute: Callable[..., Any], *args: Any, **named: Any
) -> Any:
    """Declare a tensor by a rule; as :func:`texpr.te.compute`, but an extent may be ``N / 32``.

    Raises
    ------
    ShapeError
        An extent that is a float and not whole; TVM rounds it towards zero.

    >>> compute((64 / 32, 4), lambda i, j: i + j, name="C")
    <tensor C: int64[2, 4]>
    """
    return te.compute(whole(shape), fcompute, *args, **named)


def whole(shape: Any) -> Any:
    """Return a shape with ints in the place of floats.

    Raises
    ------
    ShapeError
        A float that is not whole.
    """
    if isinstance(shape, (tuple, list)):
        return tuple(map(whole, shape))
    if not isinstance(shape, float):
        return shape
    if not shape.is_integer():
        raise ShapeError(f"compute: an extent is {shape}, which is not whole; divide by //")
    return int(shape)


def _of_texpr(name: str) -> Any:
    if name in te.__all__:
        return getattr(te, name)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted({*__all__, *te.__all__})


__getattr__ = getattr_of(__name__, _of_texpr)
