"""Compute a stage where its producer writes what it reads."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import Load
from texpr.ir.itervar import IterVar
from texpr.schedule.absorbing import absorb
from texpr.schedule.select import producers
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Absorb a stage; see :meth:`texpr.schedule.stage.Stage.reverse_compute_inline`."""
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"reverse_compute_inline: {why}")
    (producer,) = producers(state, stage)
    (read,) = _reads(state, stage, producer)
    return absorb(state, producer, stage, read), ()


def _reads(state: State, stage: str, producer: str) -> list[Load]:
    """Return the elements that ``stage`` reads of what ``producer`` writes."""
    written = set(state.declared.stages[producer].block.written_buffers)
    return [load for load in state.declared.stages[stage].block.reads if load.buffer in written]


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot be computed where its producer writes, None where it may be."""
    own = state.declared.stages[stage]
    if own.is_reduction:
        return f"{stage!r} is a reduction, and its terms come one by one; compute_at its producer"
    found = producers(state, stage)
    if not found:
        return f"{stage!r} reads nothing that another stage computes; leave it as it is"
    if len(found) > 1:
        return (
            f"{stage!r} reads what {', '.join(found)} compute, and it can be computed in one place "
            f"only; inline or move the others with compute_inline and compute_at"
        )
    (producer,) = found
    made = state.declared.stages[producer]
    if made.is_reduction:
        return (
            f"{producer!r} is a reduction and has no value before it is complete; "
            f"cache = s.cache_write({producer}, 'local') first, and {stage!r} is computed in the "
            f"copy from the cache"
        )
    for name, one in ((producer, made), (stage, own)):
        if one.block.extern is not None:
            return f"{name!r} calls an extern function, which fills whole arrays; leave it at root"
        if len(one.block.stores) != 1:
            return f"{name!r} computes {len(one.block.stores)} tensors at once; leave it at root"
        if name in state.inlined:
            return f"{name!r} is inlined; call s[{name}].compute_root() first"
    return _not_alone(state, stage, producer)


def _not_alone(state: State, stage: str, producer: str) -> str | None:
    """Return what else than ``stage`` wants the array of ``producer``, or its loops."""
    made = state.declared.stages[producer].block
    (store,) = made.stores
    buffer = store.buffer
    if buffer not in state.declared.homes:
        return f"{buffer.name} is an output, which {producer!r} must store; leave it at root"
    if buffer in set(made.read_buffers):
        return f"{producer!r} reads {buffer.name} as well as writing it; leave it at root"
    for name, other in state.declared.stages.items():
        parts = [other.block] if other.init is None else [other.block, other.init]
        if name not in (stage, producer) and any(buffer in set(b.buffers) for b in parts):
            return (
                f"{name!r} touches {buffer.name}, too, so that it must be stored; inline it first"
            )
    for name, (parent, axis) in state.attached.items():
        if parent == stage:
            return f"{name!r} is computed at loop {axis.name!r} of {stage!r}; move {name!r} first"
        if name == stage:
            return f"{stage!r} is computed at a loop; call s[{stage}].compute_root() first"
        if name == producer:
            return f"{producer!r} is computed at a loop; call s[{producer}].compute_root() first"
    if buffer in set(state.declared.stages[stage].block.written_buffers):
        return f"{stage!r} writes {buffer.name} itself; leave it as it is"
    reads = _reads(state, stage, producer)
    if len(reads) > 1:
        return (
            f"{stage!r} reads {len(reads)} elements of {buffer.name}, "
            f"{' and '.join(map(str, reads[:2]))}, of which only one is at hand where {producer!r} "
            f"writes it; compute {producer!r} at a loop of {stage!r}"
        )
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Compute the stage in its producer where it has one that fits."""
    return None if obstacle(state, stage) is not None else ((), {})
