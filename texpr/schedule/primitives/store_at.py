"""Give a stage its room in a loop outside of the one that it is computed in."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.itervar import IterVar
from texpr.schedule.attach import obstacle
from texpr.schedule.state import State, unknown_stage


def apply(state: State, stage: str, parent: str, scope: str) -> tuple[State, tuple[IterVar, ...]]:
    """Place the room of a stage; see :meth:`texpr.schedule.stage.Stage.store_at`."""
    if parent not in state.declared.stages:
        raise unknown_stage(parent, state)
    check_placeable(state, "store_at", stage)
    loops = {loop.name: loop for loop in state.leaves(parent)}
    if scope not in loops:
        raise ScheduleError(
            f"store_at: stage {parent!r} has no loop {scope!r}{did_you_mean(str(scope), loops)}; "
            f"its loops are {', '.join(loops) or 'none'}"
        )
    if parent == stage and loops[scope].is_reduce:
        raise ScheduleError(
            f"store_at: loop {scope!r} of {stage!r} reduces, and all of its iterations write the "
            f"same elements; store it in a loop over data"
        )
    return replace(state, stored={**state.stored, stage: (parent, loops[scope])}), ()


def check_placeable(state: State, what: str, stage: str) -> None:
    """Refuse a stage whose array cannot be there in parts.

    Raises
    ------
    ScheduleError
        It cannot.
    """
    if stage in state.inlined:
        raise ScheduleError(
            f"{what}: {stage!r} is inlined and stored nowhere; say first where it is computed, "
            f"s[{stage}].compute_at(…)"
        )
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"{what}: {why}")


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Store the stage in any loop around it, or around the loops that it is computed in."""
    if obstacle(state, stage) is not None or stage in state.inlined:
        return None
    if stage not in state.attached or stage in state.after:
        own = [axis for axis in state.leaves(stage) if not axis.is_reduce]
        if not own or not state.after:
            return None
        return (), {"parent": stage, "scope": random.choice(own).name}
    parent, _ = state.attached[stage]
    found = [
        (name, node.axis) for name in (parent, *state.hosts(parent)) for node in state.path(name)
    ]
    if not found:
        return None
    name, axis = random.choice(found)
    return (), {"parent": name, "scope": axis.name}
