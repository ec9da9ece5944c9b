"""Make a reduction of a statement that sets an array and one that updates it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import Var
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE
from texpr.ir.update import FOLDS, is_neutral, neutral, update_of
from texpr.schedule.merging import merge
from texpr.schedule.regroup import own_roots
from texpr.schedule.state import State, unknown_stage


def apply(state: State, stage: str, init: str | None = None) -> tuple[State, tuple[IterVar, ...]]:
    """Merge two statements; see :meth:`texpr.schedule.stage.Stage.merge_reduction`."""
    declared = state.declared.stages[stage]
    if init is None or init == stage:
        if not declared.is_reduction:
            raise ScheduleError(
                f"merge_reduction: {stage!r} is no reduction yet; name the stage that sets what it "
                f"updates, s.merge_reduction(init, {stage!r})"
            )
        kept = {name: axis for name, axis in state.decomposed.items() if name != stage}
        return replace(state, decomposed=kept), ()
    if init not in state.declared.stages:
        raise unknown_stage(init, state)
    why = obstacle(state, init, stage)
    if why is not None:
        raise ScheduleError(f"merge_reduction: {why}")
    update = update_of(declared.block)
    assert update is not None
    return merge(state, init, stage, update), ()


def obstacle(state: State, init: str, stage: str) -> str | None:
    """Return why ``init`` is not the start of a reduction ``stage``, None where it may be."""
    start, own = state.declared.stages[init], state.declared.stages[stage]
    for name in (init, stage):
        if state.declared.stages[name].is_reduction:
            return f"{name!r} is a reduction already; merge two plain statements of loops"
    update = update_of(own.block)
    if update is None:
        return (
            f"{stage!r} is no update x = x op term, op one of {', '.join(sorted(FOLDS))}; "
            f"name the stage that updates"
        )
    buffer = own.block.stores[0].buffer
    if len(start.block.stores) != 1 or start.block.stores[0].buffer is not buffer:
        return f"{init!r} does not set {buffer.name}, which {stage!r} updates; name one that does"
    value = start.block.stores[0].value
    if not is_neutral(value, update.fold, buffer.dtype):
        return (
            f"{init!r} sets {buffer.name} to {value}, and {stage!r} folds by {update.fold!r}, for "
            f"which {neutral(update.fold, buffer.dtype)} is neutral; start with that, and combine "
            f"with the other in a statement of its own"
        )
    if start.block.predicate is not TRUE:
        return f"{init!r} sets elements only where {start.block.predicate} holds; set them all"
    if not all(isinstance(b, Var) for b in (*start.block.bindings, *own.block.bindings)):
        return f"{init!r} and {stage!r} are not in loops over their axes; leave them as they are"
    if own.home.intersection(own_roots(state, stage)):
        return f"{buffer.name} is another one in every iteration of {stage!r}; leave it as it is"
    for name, (parent, axis) in state.attached.items():
        if parent == init:
            return f"{name!r} is computed at loop {axis.name!r} of {init!r}; move {name!r} first"
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Merge with a stage that sets the array; take a decomposition back."""
    if stage in state.decomposed:
        return (), {}
    found = [
        init
        for init in state.declared.stages
        if init != stage and obstacle(state, init, stage) is None
    ]
    return ((random.choice(found),), {}) if found else None
