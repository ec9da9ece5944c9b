"""Initialise a reduction further out than right before its reducing loops."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.state import State


def apply(state: State, stage: str, loop: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Move an initialisation; see :meth:`texpr.schedule.stage.Stage.decompose_reduction`."""
    if not state.declared.stages[stage].is_reduction:
        raise ScheduleError(
            f"decompose_reduction: {stage!r} is no reduction and has no initialisation; of loops "
            f"that set and update an array, s.merge_reduction(init, update) makes one"
        )
    legal = places(state, stage)
    if not any(loop is one for one in legal):
        shared = [node.axis for node in state.shared_loops(stage)]
        where = "is inside a loop that reduces"
        if any(loop is one for one in shared):
            where = "is shared with other stages"
        raise ScheduleError(
            f"decompose_reduction: loop {loop.name!r} of {stage!r} {where}, where its "
            f"initialisation cannot be; name one of {', '.join(one.name for one in legal)}"
        )
    return replace(state, decomposed={**state.decomposed, stage: loop}), ()


def places(state: State, stage: str) -> list[IterVar]:
    """Return the loops before which a reduction can be initialised, outermost first."""
    found = []
    for node in state.path(stage)[len(state.shared_loops(stage)) :]:
        found.append(node.axis)
        if node.axis.is_reduce:
            break
    return found


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Initialise before any loop at or outside of the outermost one that reduces."""
    if not state.declared.stages[stage].is_reduction or stage in state.inlined:
        return None
    loops = places(state, stage)
    return ((random.choice(loops),), {}) if loops else None
