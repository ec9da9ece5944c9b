"""Compute a stage in a nest of its own, as declared."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Undo an inlining; see :meth:`texpr.schedule.stage.Stage.compute_root`."""
    return replace(state, inlined=state.inlined - {stage}), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Bring an inlined stage back."""
    return ((), {}) if stage in state.inlined else None
