"""Make several loops in a row of one, each over a part of its range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

from texpr.errors import ScheduleError, shown
from texpr.ir.expr import Expr, int_value
from texpr.ir.itervar import IterVar
from texpr.schedule.partition import obstacle, parted
from texpr.schedule.primitives.cache_read import MAX_STAGES
from texpr.schedule.sizes import size_of
from texpr.schedule.state import State


def apply(
    state: State, stage: str, loop: IterVar, points: Sequence[int | str]
) -> tuple[State, tuple[IterVar, ...]]:
    """Cut a loop; see :meth:`texpr.schedule.stage.Stage.loop_partition`."""
    if not isinstance(points, (list, tuple)) or not points:
        raise ScheduleError(
            f"loop_partition: {shown(points)} names no points of loop {loop.name!r}; pass a list "
            f"of the iterations at which another part begins, such as [1, -1]"
        )
    found = [_checked(state, loop, point) for point in points]
    _check_order(state, loop, found)
    return parted("loop_partition", state, stage, loop, found)


def _checked(state: State, loop: IterVar, point: object) -> Expr | int:
    extent = state.extent(loop)
    if isinstance(point, str):
        point = size_of("loop_partition", point, state.declared.program)
        known = int_value(point)
        point = point if known is None else known
    if isinstance(point, Expr):
        return point
    if isinstance(point, bool) or not isinstance(point, int):
        raise ScheduleError(
            f"loop_partition: point {shown(point)} of loop {loop.name!r} (extent {extent}) is no "
            f"number; pass ints, or sums and products of sizes"
        )
    size = int_value(extent)
    if size is not None and not -size <= point <= size:
        raise ScheduleError(
            f"loop_partition: point {point} is outside of loop {loop.name!r}, which runs {size} "
            f"times; pass {-size} to {size}"
        )
    return point


def _check_order(state: State, loop: IterVar, points: Sequence[Expr | int]) -> None:
    size = int_value(state.extent(loop))

    def place(point: Expr | int) -> int | None:
        known = None if isinstance(point, Expr) else point
        return known if known is None or known >= 0 or size is None else known + size

    for a, b in pairwise(points):
        first, second = place(a), place(b)
        if first is None or second is None or (first >= 0) != (second >= 0):
            continue  # the later part is empty where the sizes are such
        if first > second:
            raise ScheduleError(
                f"loop_partition: point {b} of loop {loop.name!r} comes before {a}; "
                f"pass them in ascending order"
            )


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Cut any loop that can be, at few iterations from its ends."""
    if len(state.declared.stages) > MAX_STAGES:
        return None
    loops = [axis for axis in state.leaves(stage) if obstacle(state, stage, axis) is None]
    if not loops:
        return None
    points = random.choice([(1,), (2,), (-1,), (1, -1), (1, 3)])
    return (random.choice(loops),), {"points": points}
