"""Compute a stage in a nest of its own, as declared."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Undo an inlining or a move; see :meth:`texpr.schedule.stage.Stage.compute_root`."""
    return state.at_root(stage), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Bring an inlined or moved stage back."""
    placed = (state.inlined, state.attached, state.stored, state.rolled)
    return ((), {}) if any(stage in facts for facts in placed) else None
