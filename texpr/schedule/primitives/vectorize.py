"""Run the iterations of a loop together, in the lanes of vector registers."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives import split
from texpr.schedule.primitives.unroll import check_mark
from texpr.schedule.state import State


def apply(
    state: State, stage: str, var: IterVar, lanes: int | None = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Mark a loop to be vectorized; see :meth:`texpr.schedule.stage.Stage.vectorize`."""
    if lanes is not None:
        split.checked_number(state, "vectorize", "lanes", lanes, var)
        state, (_, var) = split.apply(state, stage, var, factor=lanes)
    check_mark(state, "vectorize", stage, var, LoopKind.VECTORIZED)
    for node in state.whole_path(stage):
        if node.kind is LoopKind.VECTORIZED and node.axis is not var:
            raise ScheduleError(
                f"vectorize: loop {node.axis.name!r} of {stage!r} is vectorized already; "
                f"fuse the two loops, or unroll one of them"
            )
    return state.edit(var, lambda loop: replace(loop, kind=LoopKind.VECTORIZED)), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Vectorize a loop of known extent where none is vectorized yet."""
    path = state.path(stage)
    if any(node.kind is LoopKind.VECTORIZED for node in path):
        return None
    loops = [
        node.axis
        for node in path
        if node.kind is LoopKind.SERIAL and int_value(state.extent(node.axis)) is not None
    ]
    return ((random.choice(loops),), {}) if loops else None
