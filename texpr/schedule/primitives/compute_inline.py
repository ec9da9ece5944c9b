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
    return replace(state.at_root(stage), inlined=state.inlined | {stage}), ()


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot be inlined, None where it can."""
    declared = state.declared.stages[stage]
    if declared.is_reduction:
        return f"{stage!r} is a reduction and has no value before it is complete; leave it at root"
    if declared.block.extern is not None:
        return f"{stage!r} calls an extern function, which fills whole arrays; leave it at root"
    if len(declared.block.stores) != 1:
        return f"{stage!r} computes {len(declared.block.stores)} tensors at once; leave it at root"
    if declared.block.predicate is not TRUE:
        return f"{stage!r} writes only some of its elements; leave it at root"
    if declared.block.stores[0].buffer not in state.declared.homes:
        return f"{stage!r} is an output and must be stored; inline what it reads"
    store, iters = declared.block.stores[0], declared.block.iters
    for name, (parent, axis) in state.attached.items():
        if parent == stage:
            return f"{name!r} is computed at its loop {axis.name!r}; move {name!r} first"
    for name, other in state.declared.stages.items():
        if other.block.extern is not None and store.buffer in set(other.block.extern.inputs):
            return (
                f"{stage!r} is read by the extern function of {name!r}, which takes a whole array; "
                f"leave it at root"
            )
    # The axes of shared loops that give it new cells in each iteration need no subscript.
    shared = {axis for axis in state.declared.homes[store.buffer] if _is_shared(state, stage, axis)}
    own = [axis.var for axis in iters if axis not in shared]
    own_cells = len(store.indices) == len(own) and all(
        index is var for index, var in zip(store.indices, own, strict=True)
    )
    if not own_cells or not _is_assigned_once(state, stage):
        return (
            f"{stage!r} does not give every element of {store.buffer.name!r} its one value; "
            f"leave it at root"
        )
    return None


def _is_shared(state: State, stage: str, axis: IterVar) -> bool:
    """Whether ``axis`` is one of every statement that touches what ``stage`` writes."""
    (buffer,) = state.declared.stages[stage].block.written_buffers
    return all(
        any(axis is own for own in other.block.iters)
        for other in state.declared.stages.values()
        if buffer in set(other.block.buffers)
    )


def _is_assigned_once(state: State, stage: str) -> bool:
    """Whether ``stage`` alone writes its buffer, and what it reads is complete before it."""
    own = state.declared.stages[stage].block
    read = set(own.read_buffers)
    (store,) = own.stores
    is_later = False
    for name, other in state.declared.stages.items():
        is_later = is_later or name == stage
        written = set(other.block.written_buffers)
        if name != stage and store.buffer in written:
            return False
        if is_later and written & read:
            return False
    return True


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Inline the stage where that is possible."""
    return None if obstacle(state, stage) or stage in state.inlined else ((), {})
