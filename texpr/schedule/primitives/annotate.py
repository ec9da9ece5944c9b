"""Leave a note on a loop or a stage, for tools and passes."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Any, Final

from texpr.errors import ScheduleError, shown
from texpr.ir.itervar import IterVar
from texpr.ir.program import Annotation, Annotations
from texpr.schedule.state import State

_KEY: Final = re.compile(r"[\w.:/-]+")


def apply(
    state: State,
    stage: str,
    loop: IterVar | None = None,
    key: object = None,
    value: object = None,
) -> tuple[State, tuple[IterVar, ...]]:
    """Leave a note; see :meth:`texpr.schedule.stage.Stage.annotate`."""
    name = checked_key("annotate", key)
    if name == "schedule":
        raise ScheduleError(
            f"annotate: 'schedule' says how threads share a loop; call "
            f"s[{stage}].pragma({'loop' if loop is None else loop.name}, 'parallel_schedule', …)"
        )
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise ScheduleError(
            f"annotate: the value {shown(value)} of {name!r} is no string, number or bool, which "
            f"are what a trace keeps; put it into words"
        )
    known = {**dict(notes_on(state, stage, loop)), name: True if value is None else value}
    return with_notes(state, stage, loop, known), ()


def checked_key(what: str, key: object) -> str:
    """Return the key of a note.

    Raises
    ------
    ScheduleError
        It is no word.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ScheduleError(
            f"{what}: the key {shown(key)} is no word of letters, digits and any of _ . : / -; "
            f"pass one such as 'my_tool.tile'"
        )
    return key


def notes_on(state: State, stage: str, loop: IterVar | None) -> Annotations:
    """Return the notes on a loop, or on the stage where there is none."""
    return state.annotations.get(stage, ()) if loop is None else state.node(stage, loop).annotations


def with_notes(
    state: State, stage: str, loop: IterVar | None, notes: dict[str, Annotation]
) -> State:
    """Return the state with other notes on a loop, or on the stage where there is none."""
    items = tuple(notes.items())
    if loop is None:
        return replace(state, annotations={**state.annotations, stage: items})
    return state.edit(loop, lambda node: replace(node, annotations=items))


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Leave a note on any loop, or on the stage."""
    loop = random.choice([None, *state.leaves(stage)])
    values = {"key": random.choice("ab"), "value": random.choice([None, "x", 1, 0.5, False])}
    return (() if loop is None else (loop,)), values
