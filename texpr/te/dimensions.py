"""Numbers of dimensions, as ``axis=`` and ``transpose`` take them."""

from __future__ import annotations

from operator import index

from texpr.errors import DTypeError, ShapeError, shown
from texpr.ir.expr import ExprOperators
from texpr.te.whole import WholeTensor


def is_dimension(number: object) -> bool:
    """Whether ``number`` is an integer that Python has now."""
    return hasattr(number, "__index__") and not isinstance(number, (bool, ExprOperators))


def dimensions(tensor: WholeTensor, given: object, what: str) -> tuple[int, ...]:
    """Return numbers of dimensions as they count from 0; negative ones count from the end.

    Raises
    ------
    DTypeError
        One that is no number.
    ShapeError
        One that the tensor has not, or that is given twice.
    """
    found: list[int] = []
    for number in given if isinstance(given, (tuple, list)) else (given,):
        if not is_dimension(number):
            raise DTypeError(
                f"{what}: {shown(number)} is no dimension of {tensor!r}; pass its number, such as 0"
            )
        own = index(number)
        if not -tensor.ndim <= own < tensor.ndim:
            raise ShapeError(
                f"{what}: {tensor!r} has no dimension {own}; "
                + (f"pass a number from 0 to {tensor.ndim - 1}" if tensor.ndim else "leave it out")
            )
        if own % tensor.ndim in found:
            raise ShapeError(f"{what}: dimension {own} of {tensor!r} is given twice; pass it once")
        found.append(own % tensor.ndim)
    return tuple(found)
