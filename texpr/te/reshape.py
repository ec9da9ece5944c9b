"""Reshaping: the elements of a tensor, in the order of the last dimension fastest, cut anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from texpr.errors import DTypeError, ShapeError, shown
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Expr, Load, Var, int_value, is_const
from texpr.ir.program import ZERO
from texpr.ir.simplify import Ranges, prove, simplify
from texpr.te.shapes import checked_shape, is_same_extent, product
from texpr.te.tags import INJECTIVE
from texpr.te.whole import WholeTensor, axes_over


def reshape(a: Any, shape: Any) -> Any:
    """Return the elements of ``a`` in another shape, in C order.

    Parameters
    ----------
    a : Tensor
    shape : int, Expr or a sequence of them
        One extent may be -1: it follows from the others.

    Raises
    ------
    ShapeError
        Another number of elements, or one that cannot be told to be the same.
    DTypeError
        ``a`` is no tensor.

    >>> from texpr import te
    >>> te.reshape(te.placeholder((4, 6), name="A"), (2, -1))
    <tensor T_reshape: float32[2, 12]>
    """
    if not isinstance(a, WholeTensor):
        raise DTypeError(f"reshape: {shown(a)} is no tensor; pass one")
    new = _wanted(a, tuple(shape) if isinstance(shape, (tuple, list)) else (shape,))
    axis = axes_over(new)
    ranges: dict[Var, tuple[int | None, int | None]] = {}
    for i in axis:
        size = int_value(i.extent)
        ranges[i.var] = (0, None if size is None else size - 1)
    indices: list[Expr] = []
    for old_part, new_part in _groups(a.shape, new):
        place = _place([i.var for i in axis[new_part]], new[new_part])
        indices += _digits(place, a.shape[old_part], ranges)
    return a.made("reshape", axis, (Load(a, indices),), INJECTIVE)


def _wanted(a: WholeTensor, given: tuple[Any, ...]) -> tuple[Expr, ...]:
    """Return the new shape with the extent that is -1 worked out."""
    total = product(a.shape)
    opened = [k for k, extent in enumerate(given) if _is_open(extent)]
    if len(opened) > 1:
        raise ShapeError(
            f"reshape: {len(opened)} extents of {shown(given)} are -1; leave one open, not more"
        )
    rest = checked_shape([n for k, n in enumerate(given) if k not in opened], "reshape")
    if not opened:
        if not is_same_extent(total, product(rest)):
            raise _unequal(a, rest)
        return rest
    if is_const(product(rest), 0):
        raise ShapeError(
            f"reshape: beside an extent of 0 any number would do for -1 in {shown(given)}; "
            f"write the number"
        )
    left, known = _cancelled(a.shape, rest)
    missing = simplify(left // known)
    if not prove((missing * known).equal(left)):
        raise _unequal(a, [*rest[: opened[0]], Const(-1, INT64), *rest[opened[0] :]])
    return (*rest[: opened[0]], missing, *rest[opened[0] :])


def _cancelled(old: Sequence[Expr], new: Sequence[Expr]) -> tuple[Expr, Expr]:
    """Return the products of two shapes without the extents that they have in common.

    One of them may be 0 when it runs, so their quotient cannot be simplified instead.
    """
    left, known = list(old), []
    for extent in new:
        twin = next((k for k, other in enumerate(left) if is_same_extent(other, extent)), None)
        if twin is None:
            known.append(extent)
        else:
            left.pop(twin)
    return product(left), product(known)


def _unequal(a: WholeTensor, wanted: Sequence[Expr]) -> ShapeError:
    return ShapeError(
        f"reshape: the {product(a.shape)} elements of {a!r} do not fill "
        f"[{', '.join(map(str, wanted))}], or cannot be told to; "
        f"pass a shape of as many elements"
    )


def _is_open(extent: Any) -> bool:
    return isinstance(extent, int) and extent == -1


def _groups(old: Sequence[Expr], new: Sequence[Expr]) -> list[tuple[slice, slice]]:
    """Cut two shapes of equal size into runs of equal size, as short as can be told.

    So what stays as it was is not counted through the sizes, which may be symbolic.
    """
    found = []
    first = second = 0
    while first < len(old) or second < len(new):
        ends = [(i, j) for i in range(first, len(old) + 1) for j in range(second, len(new) + 1)]
        i, j = next(
            (i, j)
            for i, j in sorted(ends, key=sum)[1:]
            if (i, j) == (len(old), len(new))
            or is_same_extent(product(old[first:i]), product(new[second:j]))
        )
        found.append((slice(first, i), slice(second, j)))
        first, second = i, j
    return found


def _place(indices: Sequence[Expr], extents: Sequence[Expr]) -> Expr:
    """Return the place of an element in C order."""
    place: Expr = ZERO
    for index, extent in zip(indices, extents, strict=True):
        place = place * extent + index
    return place


def _digits(place: Expr, extents: Sequence[Expr], ranges: Ranges) -> list[Expr]:
    """Return the subscripts of the element at a place in C order."""
    digits: list[Expr] = []
    for position, extent in enumerate(extents):
        step = product(extents[position + 1 :])
        digit = place // step
        if position:
            digit = digit % extent
        digits.append(simplify(digit, ranges))
    return digits
