"""Take the user's word for what cannot be decided about an array."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.itervar import IterVar
from texpr.schedule.state import State


def apply(state: State, stage: str, array: str) -> tuple[State, tuple[IterVar, ...]]:
    """Assume that no order matters; see :meth:`texpr.schedule.schedule.Schedule.assume`."""
    block = state.declared.stages[stage].block
    touched = {buffer.name: buffer for buffer in block.buffers}
    if array not in touched:
        raise ScheduleError(
            f"assume: {stage!r} touches no array {array!r}{did_you_mean(array, touched)}; "
            f"its arrays are {', '.join(touched)}"
        )
    return replace(state, assumed=state.assumed | {touched[array]}), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Propose nothing: a sampler has no word to give."""
    return None
