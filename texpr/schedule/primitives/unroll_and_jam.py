"""Unroll a loop and jam the copies together in the innermost loop."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives import reorder, split, unroll
from texpr.schedule.state import State


def apply(
    state: State, stage: str, outer: IterVar, factor: int
) -> tuple[State, tuple[IterVar, ...]]:
    """Unroll and jam a loop; see :meth:`texpr.schedule.stage.Stage.unroll_and_jam`."""
    split.checked_number(state, "unroll_and_jam", "factor", factor, outer)
    state, (outside, inside) = split.apply(state, stage, outer, factor=factor)
    path = state.path(stage)
    deeper = path[path.index(state.node(stage, inside)) + 1 :]
    if deeper and deeper[-1].kind is LoopKind.VECTORIZED:
        deeper = deeper[:-1]
    state, _ = reorder.apply(state, stage, *(node.axis for node in deeper), inside)
    state, _ = unroll.apply(state, stage, inside)
    return state, (outside, inside)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Unroll any serial loop of a perfect nest by a small factor."""
    nest = (reorder.perfect_nests(state, stage) or [()])[-1]
    loops = [axis for axis in nest if state.node(stage, axis).kind is LoopKind.SERIAL]
    return ((random.choice(loops),), {"factor": random.choice([2, 3])}) if loops else None
