"""Split two loops and put both inner parts innermost."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.primitives import reorder, split
from texpr.schedule.state import State


def apply(
    state: State,
    stage: str,
    x_parent: IterVar,
    y_parent: IterVar,
    x_factor: int,
    y_factor: int,
) -> tuple[State, tuple[IterVar, ...]]:
    """Tile two loops; see :meth:`texpr.schedule.stage.Stage.tile`."""
    if x_parent is y_parent:
        raise ScheduleError(f"tile: loop {x_parent.name!r} is given twice; tile two loops")
    state, (x_o, x_i) = split.apply(state, stage, x_parent, factor=x_factor)
    state, (y_o, y_i) = split.apply(state, stage, y_parent, factor=y_factor)
    state, _ = reorder.apply(state, stage, x_o, y_o, x_i, y_i)
    return state, (x_o, y_o, x_i, y_i)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Tile two loops of one perfect nest by small factors."""
    nest = random.choice(reorder.perfect_nests(state, stage) or [()])
    if len(nest) < 2:
        return None
    x, y = random.sample(nest, 2)
    factors = [1, 2, 4, 5]
    return (x, y), {"x_factor": random.choice(factors), "y_factor": random.choice(factors)}
