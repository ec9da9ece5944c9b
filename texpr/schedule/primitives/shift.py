"""Let the variable of a loop count from further on."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.primitives.skew import checked_integer, checked_serial, serial_loops
from texpr.schedule.relations import Shift
from texpr.schedule.state import State, loop_node


def apply(
    state: State, stage: str, axis: IterVar, amount: int
) -> tuple[State, tuple[IterVar, ...]]:
    """Shift a loop; see :meth:`texpr.schedule.stage.Stage.shift`."""
    number = checked_integer("shift", "amount", amount, axis)
    checked_serial(state, "shift", stage, axis)
    state, made = state.fresh_axis(stage, f"{axis.name}_m", is_reduce=axis.is_reduce)
    state = state.with_relation(Shift(axis, made, number))
    return state.edit(axis, lambda loop: loop_node(made, *loop.children)), (made,)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Shift any serial loop a little."""
    loops = serial_loops(state, stage)
    return ((random.choice(loops),), {"amount": random.choice([-3, -1, 1, 2])}) if loops else None
