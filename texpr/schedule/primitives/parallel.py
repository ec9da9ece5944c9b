"""Run the iterations of a loop at once, on several threads."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.state import State


def apply(state: State, stage: str, var: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Mark a loop to run in parallel; see :meth:`texpr.schedule.stage.Stage.parallel`."""
    kind = state.node(stage, var).kind
    if kind not in (LoopKind.SERIAL, LoopKind.PARALLEL):
        raise ScheduleError(
            f"parallel: loop {var.name!r} is {kind.value} already; split it to mark a part"
        )
    return state.edit(var, lambda loop: replace(loop, kind=LoopKind.PARALLEL)), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Mark any serial loop."""
    loops = [node.axis for node in state.path(stage) if node.kind is LoopKind.SERIAL]
    return ((random.choice(loops),), {}) if loops else None
