"""Take a note off a loop or a stage."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.itervar import IterVar
from texpr.schedule.primitives.annotate import checked_key, notes_on, with_notes
from texpr.schedule.state import State


def apply(
    state: State, stage: str, loop: IterVar | None = None, key: object = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Take a note off; see :meth:`texpr.schedule.stage.Stage.unannotate`."""
    name = checked_key("unannotate", key)
    notes = dict(notes_on(state, stage, loop))
    if name not in notes:
        where = f"stage {stage!r}" if loop is None else f"loop {loop.name!r} of {stage!r}"
        raise ScheduleError(
            f"unannotate: {where} has no note {name!r}{did_you_mean(name, notes)}; "
            f"it has {', '.join(notes) or 'none'}"
        )
    del notes[name]
    return with_notes(state, stage, loop, notes), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Take any note off."""
    noted = [
        (loop, key)
        for loop in (None, *state.leaves(stage))
        for key, _ in notes_on(state, stage, loop)
    ]
    if not noted:
        return None
    loop, key = random.choice(noted)
    return (() if loop is None else (loop,)), {"key": key}
