"""Give scratch a dimension for the iterations of a loop."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.scratch import expanded, has_fixed_range, scratch_and_loop
from texpr.schedule.state import State


def apply(state: State, stage: str, array: str, loop: str) -> tuple[State, tuple[IterVar, ...]]:
    """Expand scratch; see :meth:`texpr.schedule.stage.Stage.expand`."""
    buffer, axis = scratch_and_loop("expand", state, stage, array, loop)
    home = state.declared.homes[buffer]
    if any(axis is own for own in home) and axis is not home[-1]:
        raise ScheduleError(
            f"expand: {array!r} is made in the loop {home[-1].name!r}, inside {loop!r}; expand it "
            f"for {home[-1].name!r} first"
        )
    if not has_fixed_range(state, axis):
        raise ScheduleError(
            f"expand: the range of loop {loop!r} depends on another loop or on data, so that there "
            f"is no room to be told; name another loop"
        )
    return expanded(state, buffer, axis), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Expand any scratch that the stage touches, for any loop around it."""
    declared = state.declared.stages[stage]
    names = sorted({b.name for b in declared.block.buffers if b in state.declared.homes})
    if not names or not declared.axes:
        return None
    array = random.choice(names)
    ndim = max(b.ndim for b in declared.block.buffers if b.name == array)
    if ndim > MAX_DIMENSIONS:  # a sampler that expands what it expanded goes on without end
        return None
    return (), {"array": array, "loop": random.choice(declared.axes).name}


MAX_DIMENSIONS = 3
