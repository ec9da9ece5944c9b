"""Give a stage its room outside of all loops."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.attach import obstacle
from texpr.schedule.primitives.store_at import check_placeable
from texpr.schedule.state import State


def apply(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    """Place the room of a stage; see :meth:`texpr.schedule.stage.Stage.store_root`."""
    check_placeable(state, "store_root", stage)
    return replace(state, stored={**state.stored, stage: None}), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Store a stage that was moved outside of all loops."""
    if stage not in state.attached or stage in state.after or obstacle(state, stage) is not None:
        return None
    return (), {}
