"""Put a stage's rule where its elements are read."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Inline a stage; see :meth:`texpr.schedule.stage.Stage.compute_inline`."""
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"compute_inline: {why}")
    return replace(state, inlined=state.inlined | {stage}), ()


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot be inlined, None where it can."""
    declared = state.declared.stages[stage]
    scratch = {id(buffer) for buffer in state.declared.scratch}
    if declared.is_reduction:
        return f"{stage!r} is a reduction and has no value before it is complete; leave it at root"
    if len(declared.block.stores) != 1:
        return f"{stage!r} computes {len(declared.block.stores)} tensors at once; leave it at root"
    if declared.block.predicate is not TRUE:
        return f"{stage!r} writes only some of its elements; leave it at root"
    if id(declared.block.stores[0].buffer) not in scratch:
        return f"{stage!r} is an output and must be stored; inline what it reads"
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Inline the stage where that is possible."""
    return None if obstacle(state, stage) or stage in state.inlined else ((), {})
