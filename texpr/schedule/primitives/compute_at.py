"""Compute a stage inside a loop of a stage that reads it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.attach import around_reads, obstacle, places, readers_of
from texpr.schedule.state import State, unknown_stage


def apply(state: State, stage: str, parent: str, scope: str) -> tuple[State, tuple[IterVar, ...]]:
    """Attach a stage; see :meth:`texpr.schedule.stage.Stage.compute_at`."""
    if parent not in state.declared.stages:
        raise unknown_stage(parent, state)
    why = obstacle(state, stage)
    if why is not None:
        raise ScheduleError(f"compute_at: {why}")
    state = replace(
        state,
        inlined=state.inlined - {stage},
        attached=_without(state, stage),
        after=state.after - {stage},
    )
    loops = {loop.name: loop for loop in state.leaves(parent)}
    if scope not in loops:
        raise ScheduleError(
            f"compute_at: stage {parent!r} has no loop {scope!r}{did_you_mean(str(scope), loops)}; "
            f"its loops are {', '.join(loops) or 'none'}"
        )
    axis = loops[scope]
    if not _can_come_around(state, stage, axis):
        raise ScheduleError(f"compute_at: {_why_not_there(state, stage, parent, axis)}")
    attached = {**state.attached, stage: (parent, axis)}
    return settled(replace(state, attached=attached, waiting=state.waiting | {stage})), ()


def settled(state: State) -> State:
    """Return the state in which no stage waits whose loop is around all that reads it.

    Raises
    ------
    ScheduleError
        Such a stage has a vectorized loop, and would be inside one.
    """
    for stage in state.attached:
        if stage not in state.waiting or obstacle(state, stage) is not None:
            continue
        there = replace(state, waiting=state.waiting - {stage})
        if any(there.anchor(stage) is loop for _, loop in places(state, stage)):
            lanes = [n.axis.name for n in there.whole_path(stage) if _is_vectorized(n.kind)]
            if len(lanes) > 1:
                raise ScheduleError(
                    f"compute_at: {stage!r} would have the loops {' and '.join(lanes)} vectorized "
                    f"one inside the other; leave one of them as it is"
                )
            return settled(there)
    return state


def check_settled(state: State) -> None:
    """Refuse a schedule in which a stage waits for its readers.

    Raises
    ------
    ScheduleError
        There is such a stage.
    """
    for stage, (parent, axis) in state.attached.items():
        if stage in state.waiting:
            last = state.remains(axis)[-1]
            raise ScheduleError(f"compute_at: {_why_not_there(state, stage, parent, last)}")


def _can_come_around(state: State, stage: str, axis: IterVar) -> bool:
    """Whether ``axis`` is around all that reads ``stage``, or is once readers of it are moved."""
    readers = readers_of(state, stage)
    owner = state.stage_around(axis)
    if not readers or owner is None or stage in (owner, *state.hosts(owner)):
        return False
    if any(axis is own for own in state.leaves(stage)):
        return False
    return all(
        any(axis is loop for loop in around_reads(state, stage, reader))
        or (obstacle(state, reader) is None and _can_come_around(state, reader, axis))
        for reader in readers
    )


def _is_vectorized(kind: LoopKind) -> bool:
    return kind is LoopKind.VECTORIZED


def _without(state: State, stage: str) -> dict[str, tuple[str, IterVar]]:
    return {name: where for name, where in state.attached.items() if name != stage}


def _why_not_there(
    state: State,
    stage: str,
    parent: str,
    axis: IterVar,
) -> str:
    legal = places(state, stage)
    readers = readers_of(state, stage)
    if not readers:
        return f"nothing reads {stage!r}; leave it at root"
    around = ", ".join(f"s[{owner}] at {loop.name}" for owner, loop in legal)
    advice = f"legal are {around}" if legal else "leave it at root, or move those first"
    if _can_come_around(state, stage, axis):
        advice = f"move those there, too, or else {advice}"
    if parent == stage:
        return f"loop {axis.name!r} is a loop of {stage!r} itself; {advice}"
    return (
        f"loop {axis.name!r} of {parent!r} is not around all that reads {stage!r}, which is "
        f"{', '.join(readers)}; {advice}"
    )


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Attach the stage to any loop that is around all that reads it, now and then to one to be."""
    if obstacle(state, stage) is not None:
        return None
    state = replace(state, attached=_without(state, stage))
    found = places(state, stage)
    if not random.randrange(4):
        found = [
            (name, axis)
            for name in state.declared.stages
            for axis in state.leaves(name)
            if _can_come_around(state, stage, axis)
        ]
    if not found:
        return None
    parent, axis = random.choice(found)
    return (), {"parent": parent, "scope": axis.name}
