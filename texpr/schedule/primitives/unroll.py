"""Write the iterations of a loop out one after the other."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives import split
from texpr.schedule.state import State


def apply(
    state: State, stage: str, var: IterVar, factor: int | None = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Mark a loop to be unrolled; see :meth:`texpr.schedule.stage.Stage.unroll`."""
    if factor is not None:
        split.checked_number(state, "unroll", "factor", factor, var)
        state, (_, var) = split.apply(state, stage, var, factor=factor)
    check_mark(state, "unroll", stage, var, LoopKind.UNROLLED)
    return state.edit(var, lambda loop: replace(loop, kind=LoopKind.UNROLLED)), ()


def check_mark(state: State, what: str, stage: str, var: IterVar, kind: LoopKind) -> None:
    """Check that a loop may be marked to run as ``kind``.

    Raises
    ------
    ScheduleError
        The loop is marked otherwise already, or its extent is not a number.
    """
    node = state.node(stage, var)
    if node.kind not in (LoopKind.SERIAL, kind):
        raise ScheduleError(
            f"{what}: loop {var.name!r} is {node.kind.value} already; split it to mark a part"
        )
    # How often a loop of a moved stage runs is told where it is realised.
    if int_value(state.extent(var)) is None and stage not in state.attached:
        raise ScheduleError(
            f"{what}: the extent {state.extent(var)} of loop {var.name!r} is known only at run "
            f"time; split it by a number first and {what} the inner loop"
        )


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Unroll a serial loop of few iterations, or another one by a small factor."""
    loops = [
        node.axis
        for node in state.path(stage)
        if node.kind is LoopKind.SERIAL and (int_value(state.extent(node.axis)) or 99) <= 8
    ]
    if loops:
        return (random.choice(loops),), {}
    others = [node.axis for node in state.path(stage) if node.kind is LoopKind.SERIAL]
    return ((random.choice(others),), {"factor": random.choice([2, 3])}) if others else None
