"""Compute a stage inside a loop of a stage that it reads, as far as that is complete there."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.attach import feeding, places_after
from texpr.schedule.state import State, unknown_stage


def apply(state: State, stage: str, parent: str, scope: str) -> tuple[State, tuple[IterVar, ...]]:
    """Attach a stage; see :meth:`texpr.schedule.stage.Stage.reverse_compute_at`."""
    if parent not in state.declared.stages:
        raise unknown_stage(parent, state)
    loops = {loop.name: loop for loop in state.leaves(parent)}
    if scope not in loops:
        raise ScheduleError(
            f"reverse_compute_at: stage {parent!r} has no loop {scope!r}"
            f"{did_you_mean(str(scope), loops)}; its loops are {', '.join(loops) or 'none'}"
        )
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"reverse_compute_at: {why}")
    state = state.at_root(stage)
    axis = loops[scope]
    legal = places_after(state, stage)
    if not any(axis is loop for _, loop in legal):
        around = ", ".join(f"s[{name}] at {loop.name}" for name, loop in legal)
        reads = ", ".join(feeding(state, stage)) or "nothing that is computed"
        raise ScheduleError(
            f"reverse_compute_at: loop {scope!r} of {parent!r} is around nothing that {stage!r} "
            f"reads, which is {reads}; "
            f"{f'it may follow in {around}' if around else 'leave it at root'}"
        )
    there = replace(
        state,
        attached={**state.attached, stage: (parent, axis)},
        after=state.after | {stage},
    )
    lanes = [n.axis.name for n in there.whole_path(stage) if n.kind is LoopKind.VECTORIZED]
    if len(lanes) > 1:
        raise ScheduleError(
            f"reverse_compute_at: {stage!r} would have the loops {' and '.join(lanes)} vectorized "
            f"one inside the other; leave one of them as it is"
        )
    return there, ()


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot follow what it reads, None where it can."""
    if state.declared.stages[stage].block.extern is not None:
        return f"{stage!r} calls an extern function, which takes whole arrays; leave it at root"
    return None


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Let the stage follow in any loop around something that it reads."""
    if obstacle(state, stage) is not None or stage in state.inlined:
        return None
    found = places_after(state.at_root(stage), stage)
    if not found:
        return None
    parent, axis = random.choice(found)
    return (), {"parent": parent, "scope": axis.name}
