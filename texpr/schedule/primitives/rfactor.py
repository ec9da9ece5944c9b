"""Reduce in parts, one for each iteration of a loop, and combine these."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import Load, Var, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE
from texpr.ir.update import FOLDS, update_of
from texpr.polyhedral.dependences import chain_operator
from texpr.schedule.attach import declared_loops, tangled_loops
from texpr.schedule.caches import fresh_name
from texpr.schedule.factor import factor
from texpr.schedule.factor_update import update_factored
from texpr.schedule.judges import judge_of
from texpr.schedule.primitives.cache_read import MAX_STAGES
from texpr.schedule.regroup import own_roots
from texpr.schedule.state import State


def apply(
    state: State, stage: str, axis: IterVar, factor_axis: int = 0
) -> tuple[State, tuple[IterVar, ...]]:
    """Reduce in parts; see :meth:`texpr.schedule.stage.Stage.rfactor`."""
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"rfactor: {why}")
    loops = factorable(state, stage)
    if not any(axis is loop for loop in loops):
        what = "runs over data" if is_declared(state, stage) else "is around other stages, too"
        raise ScheduleError(
            f"rfactor: loop {axis.name!r} of {stage!r} {what}; name a loop that reduces, "
            f"{', '.join(a.name for a in loops)}"
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
    name = fresh_name(state, f"{stage}_rf")
    if is_declared(state, stage):
        return factor(state, stage, axis, name, place), ()
    update = update_of(state.declared.stages[stage].block)
    assert update is not None
    return update_factored(state, stage, update, axis, name, place), ()


def is_declared(state: State, stage: str) -> bool:
    """Whether ``stage`` was declared to be a reduction; else it may be an update of loops."""
    declared = state.declared.stages[stage]
    return declared.block.fold is not None and declared.init is not None


def factorable(state: State, stage: str) -> list[IterVar]:
    """Return the loops over which ``stage`` may be reduced in parts."""
    if is_declared(state, stage):
        return [axis for axis in state.leaves(stage) if axis.is_reduce]
    return [*state.leaves(stage)[len(state.shared_loops(stage)) :]]


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot reduce in parts, None where it can."""
    declared = state.declared.stages[stage]
    if is_declared(state, stage):
        if declared.init is not None and declared.init.predicate is not TRUE:
            return f"{stage!r} writes only some of its elements; factor it before it is laid out"
        if declared.cell_axes is None or declared_loops(state, stage) is None:
            return f"{stage!r} does not give every element of its arrays one value"
        if state.shared_loops(stage) or declared.home:
            return f"{stage!r} shares its loops with other stages"
    else:
        why = _no_update(state, stage)
        if why is not None:
            return why
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


def _no_update(state: State, stage: str) -> str | None:
    """Return why ``stage`` is no update of loops that may be made in parts, None where it is."""
    declared = state.declared.stages[stage]
    block = declared.block
    if stage in state.inlined or update_of(block) is None:
        return (
            f"{stage!r} is no declared reduction, whose parts could be combined, nor an update "
            f"x = x op term with op one of {', '.join(sorted(FOLDS))}; write it as one"
        )
    (store,) = block.stores
    places = [*store.indices, block.predicate]
    if any(isinstance(n, Load) and n.buffer is store.buffer for e in places for n in postorder(e)):
        return f"where {stage!r} updates {store.buffer.name} hangs on what is there"
    own = own_roots(state, stage)
    if not own:
        return f"{stage!r} has no loop of its own that could be factored"
    if declared.home.intersection(own):
        return f"{store.buffer.name} is another one in every iteration of {stage!r}"
    if not all(isinstance(binding, Var) for binding in block.bindings):
        return f"{stage!r} is not in loops over its axes"
    for name, (parent, axis) in state.attached.items():
        if parent == stage:
            return f"{name!r} is computed at loop {axis.name!r} of {stage!r}; move {name!r} first"
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Factor any loop that reduces."""
    too_many = len(state.declared.stages) > MAX_STAGES or stage in state.inlined
    loops = factorable(state, stage)
    if not loops or too_many or obstacle(state, stage) is not None:
        return None
    return (random.choice(loops),), {"factor_axis": random.choice([0, -1])}
