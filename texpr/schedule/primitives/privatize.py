"""Make scratch new in each iteration of a loop."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.scratch import privatized, scratch_and_loop
from texpr.schedule.state import State


def apply(state: State, stage: str, array: str, loop: str) -> tuple[State, tuple[IterVar, ...]]:
    """Move scratch into a loop; see :meth:`texpr.schedule.stage.Stage.privatize`."""
    buffer, axis = scratch_and_loop("privatize", state, stage, array, loop)
    if any(axis is own for own in state.declared.homes[buffer]):
        raise ScheduleError(
            f"privatize: {array!r} is new in each iteration of {loop!r} already; leave it as it is"
        )
    return privatized(state, buffer, axis), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Move any scratch that the stage touches into any loop around it."""
    declared = state.declared.stages[stage]
    homes = state.declared.homes
    names = sorted({b.name for b in declared.block.buffers if b in homes})
    if not names or not declared.axes:
        return None
    return (), {"array": random.choice(names), "loop": random.choice(declared.axes).name}
