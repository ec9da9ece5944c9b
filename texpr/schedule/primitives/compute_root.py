"""Compute a stage in a nest of its own, as declared."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Undo an inlining or a move; see :meth:`texpr.schedule.stage.Stage.compute_root`."""
    attached = {name: where for name, where in state.attached.items() if name != stage}
    return replace(state, inlined=state.inlined - {stage}, attached=attached), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Bring an inlined or moved stage back."""
    return ((), {}) if stage in state.inlined or stage in state.attached else None
