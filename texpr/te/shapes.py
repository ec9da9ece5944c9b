"""Shapes: extents that are checked, compared and multiplied."""

from __future__ import annotations

from collections.abc import Sequence

from texpr.errors import ShapeError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Call, Const, Expr, Load, int_value, is_const, postorder
from texpr.ir.extern import ScalarFunction
from texpr.ir.program import ONE
from texpr.ir.simplify import prove, simplify
from texpr.te.subscripts import integer


def checked_shape(shape: object, own: str) -> tuple[Expr, ...]:
    """Return ``shape`` as int64 extents."""
    given = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    extents = []
    for position, extent in enumerate(given):
        value = integer(extent, f"{own}: extent {position} of the shape")
        known = int_value(value)
        if known is not None and known < 0:
            raise ShapeError(
                f"{own}: extent {position} of the shape is {known}; an extent is at least 0"
            )
        data = next((node for node in postorder(value) if is_data(node)), None)
        if data is not None:
            raise ShapeError(
                f"{own}: extent {position} of the shape depends on {data}, which is data; "
                f"declare it as a te.var and pass that to the kernel"
            )
        extents.append(Const(known, INT64) if known is not None else value)
    return tuple(extents)


def is_data(node: Expr) -> bool:
    """Whether ``node`` has its value from memory, or from a function from outside."""
    return isinstance(node, Load) or (
        isinstance(node, Call) and isinstance(node.function, ScalarFunction)
    )


def agreed(one: Expr, other: Expr) -> Expr | None:
    """Return the extent that two broadcast to, None where they differ or may differ."""
    if is_const(other, 1) or is_same_extent(one, other):
        return one
    return other if is_const(one, 1) else None


def is_same_extent(one: Expr, other: Expr) -> bool:
    """Whether two extents are equal at all sizes."""
    return one is other or prove(Binary("eq", one, other))


def product(extents: Sequence[Expr]) -> Expr:
    """Return the number of elements of a shape."""
    total: Expr = ONE
    for extent in extents:
        total = simplify(total * extent)
    return total
