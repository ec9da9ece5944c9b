"""Compute a stage in a cache and copy it to its arrays."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE
from texpr.schedule.attach import declared_loops, tangled_loops
from texpr.schedule.caches import checked_scope, fresh_name, write_through
from texpr.schedule.primitives.cache_read import MAX_STAGES
from texpr.schedule.state import State


def apply(state: State, stage: str, scope: str) -> tuple[State, tuple[IterVar, ...]]:
    """Cache what a stage computes; see :meth:`texpr.schedule.stage.Stage.cache_write`."""
    checked_scope("cache_write", scope)
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"cache_write: {why}")
    return write_through(state, stage, fresh_name(state, f"{stage}_{scope}"), scope), ()


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot be computed in a cache, None where it can."""
    declared = state.declared.stages[stage]
    if stage in state.inlined:
        return f"{stage!r} is inlined and stores nothing; call s[{stage}].compute_root() first"
    if declared.block.extern is not None:
        return f"{stage!r} calls an extern function, which fills whole arrays; leave it as it is"
    if state.shared_loops(stage) or declared.home:
        return f"{stage!r} shares its loops with other stages; cache a stage with loops of its own"
    first = declared.init or declared.block
    if first.predicate is not TRUE:
        return f"{stage!r} writes only some of its elements; a copy would write all of them"
    loops = declared_loops(state, stage)
    written = {store.buffer for store in declared.block.stores}
    others = [
        name
        for name, other in state.declared.stages.items()
        if name != stage and written & set(other.block.written_buffers)
    ]
    is_own = not others and len(written) == len(declared.block.stores)
    if declared.cell_axes is None or loops is None or not is_own:
        return f"{stage!r} does not give every element of its arrays one value; leave it as it is"
    if not declared.is_reduction and written & {load.buffer for load in declared.block.reads}:
        return f"{stage!r} reads what it writes; leave it as it is"
    return tangled_loops(state, stage, "cache")


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Cache what the stage computes where that is possible."""
    if obstacle(state, stage) is not None or len(state.declared.stages) > MAX_STAGES:
        return None
    return (), {"scope": random.choice(["local", "global"])}
