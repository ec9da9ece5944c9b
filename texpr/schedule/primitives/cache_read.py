"""Read an array through a copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.buffer import Buffer
from texpr.ir.itervar import IterVar
from texpr.schedule.caches import arrays_called, checked_scope, fresh_name, read_through
from texpr.schedule.state import State, unknown_stage


def apply(
    state: State, stage: str, array: str, scope: str, readers: Sequence[str] = ()
) -> tuple[State, tuple[IterVar, ...]]:
    """Cache an array; see :meth:`texpr.schedule.stage.Stage.cache_read`."""
    checked_scope("cache_read", scope)
    if not isinstance(array, str):
        raise ScheduleError(f"cache_read: {shown(array)} is no name of an array; pass a string")
    for reader in readers:
        if reader not in state.declared.stages:
            raise unknown_stage(reader, state)
    stages = tuple(dict.fromkeys((stage, *readers)))
    buffer = _array(state, stages, array)
    home = state.declared.homes.get(buffer)
    if home:
        raise ScheduleError(
            f"cache_read: {array!r} has new cells in every iteration of {home[-1].name!r}, and a "
            f"copy would be filled before that loop; let its readers read it as it is"
        )
    if buffer.has_gaps:
        raise ScheduleError(
            f"cache_read: {array!r} has cells that stand for no element and that nothing writes, "
            f"as it was laid out without a pad_value; give it one, or cache it first and lay out "
            f"the cache"
        )
    name = fresh_name(state, f"{array}_{scope}")
    return read_through(state, buffer, name, scope, stages), ()


def _array(state: State, stages: Sequence[str], array: str) -> Buffer:
    """Return the buffer called ``array`` that every one of ``stages`` reads."""
    called = arrays_called(state, array)
    called &= {b for stage in stages for b in state.declared.stages[stage].block.buffers}
    if len(called) > 1:
        raise ScheduleError(
            f"cache_read: {len(called)} arrays are called {array!r}; give each a name of its own"
        )
    for stage in stages:
        declared = state.declared.stages[stage]
        written = set(declared.block.written_buffers)
        read = {load.buffer for load in declared.block.reads}
        if declared.block.extern is not None:
            raise ScheduleError(
                f"cache_read: {stage!r} calls an extern function, which takes whole arrays; "
                f"name other readers of {array!r}"
            )
        if not called & read:
            known = list(dict.fromkeys(load.buffer.name for load in declared.block.reads))
            raise ScheduleError(
                f"cache_read: {stage!r} reads no array {array!r}{did_you_mean(array, known)}; "
                f"it reads {', '.join(known) or 'none'}"
            )
        if called & written:
            raise ScheduleError(
                f"cache_read: {stage!r} writes {array!r} as well, so that a copy would be old; "
                f"use s[{stage}].cache_write(...)"
            )
    (found,) = called
    return found


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Cache an array that the stage reads and does not write."""
    declared = state.declared.stages[stage]
    if len(state.declared.stages) > MAX_STAGES or stage in state.inlined:
        return None
    if declared.block.extern is not None:
        return None
    written = set(declared.block.written_buffers)
    inside = {buffer for buffer, home in state.declared.homes.items() if home}
    buffers = [b for b in declared.block.buffers if b not in written | inside and not b.has_gaps]
    names = sorted({buffer.name for buffer in buffers})
    if not names:
        return None
    return (), {"array": random.choice(names), "scope": random.choice(["local", "shared"])}


# A sampler that caches caches goes on without end.
MAX_STAGES = 6
