"""Name the memory that an array is in."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.caches import SCOPES, checked_scope
from texpr.schedule.layouts import arrays_of, changed
from texpr.schedule.state import State


def apply(state: State, stage: str, scope: str) -> tuple[State, tuple[IterVar, ...]]:
    """Name a memory; see :meth:`texpr.schedule.stage.Stage.set_scope`."""
    checked_scope("set_scope", scope)
    return changed(state, arrays_of("set_scope", state, stage), scope=scope), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Name any memory."""
    try:
        arrays_of("set_scope", state, stage)
    except ScheduleError:
        return None
    return (), {"scope": random.choice(SCOPES)}
