"""The smallest point of a set: least sum of sizes, then the lexicographic minimum.

isl's own minimum takes the parameters in their order and gives sizes such as N = 1, M = 1000
where N = M = 2 shows the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from texpr.ir.expr import Var
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import constrained, int_of


@dataclass(frozen=True)
class Point:
    """Values of the parameters and of the dimensions of a frame."""

    params: Mapping[Var, int]
    dims: Mapping[Var, int]

    @property
    def values(self) -> dict[Var, int]:
        """The values of both."""
        return {**self.params, **self.dims}


def smallest_point(frame: Frame, points: isl.Set) -> Point | None:
    """Return the smallest of ``points``, a set of ``frame``'s; None where there is none.

    Of a parameter that may be negative its magnitude counts. Ask through
    :meth:`~texpr.polyhedral.context.Analysis.ask`.

    >>> from texpr.polyhedral.context import Analysis
    >>> i, n, m = Var("i"), Var("n", is_size=True), Var("m", is_size=True)
    >>> frame = Frame(Analysis(), [i], [n, m])
    >>> found = smallest_point(frame, frame.all_of([i >= 1, i < n, i < m]).over)
    >>> [(str(var), value) for var, value in found.values.items()]
    [('n', 2), ('m', 2), ('i', 1)]
    """
    if points.is_empty():
        return None
    kind = isl.dim_type.set
    count = len(frame.params)
    signed = [k for k, var in enumerate(frame.params) if not var.is_size]
    # The dimensions become (sum, parameters, own dimensions, magnitudes of signed parameters).
    moved = points.reset_tuple_id() if points.has_tuple_id() else points
    moved = moved.move_dims(kind, 0, isl.dim_type.param, 0, count).insert_dims(kind, 0, 1)
    last = int(moved.dim(kind))
    moved = moved.add_dims(kind, len(signed))
    weights = {1 + k: 1 for k, var in enumerate(frame.params) if var.is_size}
    for magnitude, k in enumerate(signed, start=last):
        weights[magnitude] = 1
        for sign in (1, -1):
            moved = constrained(
                moved, [(kind, magnitude, 1), (kind, 1 + k, sign)], is_equality=False
            )
    moved = constrained(
        moved, [(kind, 0, -1), *((kind, k, w) for k, w in weights.items())], is_equality=True
    )
    point = moved.lexmin().sample_point()
    values = [
        int_of(point.get_coordinate_val(kind, k)) for k in range(1, 1 + count + len(frame.dims))
    ]
    return Point(
        dict(zip(frame.params, values[:count], strict=True)),
        dict(zip(frame.dims, values[count:], strict=True)),
    )


def instance_text(values: Mapping[Var, int], variables: Sequence[Var]) -> str:
    """Return ``"i=0, j=3"`` of those of ``variables`` that have a value."""
    return ", ".join(f"{var.name}={values[var]}" for var in variables if var in values)
