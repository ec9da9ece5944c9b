"""Reduce in parts, one for each iteration of a loop, and combine these."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE
from texpr.polyhedral.dependences import chain_operator
from texpr.schedule.attach import declared_loops, tangled_loops
from texpr.schedule.caches import fresh_name
from texpr.schedule.factor import factor
from texpr.schedule.judges import judge_of
from texpr.schedule.primitives.cache_read import MAX_STAGES
from texpr.schedule.state import State


def apply(
    state: State, stage: str, axis: IterVar, factor_axis: int = 0
) -> tuple[State, tuple[IterVar, ...]]:
    """Reduce in parts; see :meth:`texpr.schedule.stage.Stage.rfactor`."""
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"rfactor: {why}")
    if not axis.is_reduce:
        raise ScheduleError(
            f"rfactor: loop {axis.name!r} of {stage!r} runs over data; name a loop that reduces, "
            f"{', '.join(a.name for a in state.leaves(stage) if a.is_reduce)}"
        )
    ndim = len(state.declared.stages[stage].block.stores[0].indices)
    if isinstance(factor_axis, bool) or not isinstance(factor_axis, int):
        raise ScheduleError(f"rfactor: factor_axis {factor_axis!r} is no number; pass an int")
    if not -ndim - 1 <= factor_axis <= ndim:
        raise ScheduleError(
            f"rfactor: factor_axis {factor_axis} is no place among {ndim + 1} dimensions; "
            f"pass 0 to {ndim}, or -1 for the last"
        )
    place = factor_axis if factor_axis >= 0 else factor_axis + ndim + 1
    return factor(state, stage, axis, fresh_name(state, f"{stage}_rf"), place), ()


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot reduce in parts, None where it can."""
    declared = state.declared.stages[stage]
    block = declared.block
    if block.fold is None or declared.init is None:
        return f"{stage!r} is no declared reduction, whose parts could be combined"
    if declared.init.predicate is not TRUE:
        return f"{stage!r} writes only some of its elements; factor it before it is laid out"
    if declared.cell_axes is None or declared_loops(state, stage) is None:
        return f"{stage!r} does not give every element of its arrays one value"
    if state.shared_loops(stage) or declared.home:
        return f"{stage!r} shares its loops with other stages"
    tangled = tangled_loops(state, stage, "factor")
    if tangled is not None:
        return tangled
    policy = state.declared.program.float_policy
    writes = [t for t in judge_of(state).scop[stage].touches if t.access.is_write]
    if any(chain_operator(touch, policy) is None for touch in writes):
        return (
            f"the order of the terms of {stage!r} is kept, as its floats are declared exact; "
            f'create_schedule(…, fp="reassoc") lets them be combined in any order'
        )
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Factor any loop that reduces."""
    loops = [axis for axis in state.leaves(stage) if axis.is_reduce]
    too_many = len(state.declared.stages) > MAX_STAGES or stage in state.inlined
    if not loops or too_many or obstacle(state, stage) is not None:
        return None
    return (random.choice(loops),), {"factor_axis": random.choice([0, -1])}
