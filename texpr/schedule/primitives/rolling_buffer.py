"""Use the room of a stage again and again as the stage slides along a dimension."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError, shown
from texpr.ir.itervar import IterVar
from texpr.schedule.attach import obstacle
from texpr.schedule.primitives.store_at import check_placeable
from texpr.schedule.state import Rolled, State


def apply(
    state: State, stage: str, axis: int | None = None, extent: int | None = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Roll a room; see :meth:`texpr.schedule.stage.Stage.rolling_buffer`."""
    check_placeable(state, "rolling_buffer", stage)
    ndim = state.declared.stages[stage].block.stores[0].buffer.ndim
    if axis is not None:
        if not _is_number(axis) or not -ndim <= axis < ndim:
            raise ScheduleError(
                f"rolling_buffer: axis {shown(axis)} is no dimension of {stage!r}, which has "
                f"{ndim}; number them from 0, or from the end by negative numbers"
            )
        axis %= ndim
    if extent is not None and (not _is_number(extent) or extent < 1):
        raise ScheduleError(
            f"rolling_buffer: extent {shown(extent)} of the room of {stage!r} must be an integer "
            f"of at least 1"
        )
    return replace(state, rolled={**state.rolled, stage: Rolled(axis, extent)}), ()


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Roll a stage that was moved, now and then along a dimension or to an extent of choice."""
    if stage not in state.attached or stage in state.after or obstacle(state, stage) is not None:
        return None
    ndim = state.declared.stages[stage].block.stores[0].buffer.ndim
    chosen: dict[str, Any] = {}
    if ndim and not random.randrange(3):
        chosen["axis"] = random.randrange(ndim)
    if not random.randrange(3):
        chosen["extent"] = random.randrange(1, 6)
    return (), chosen
