"""Run a loop from its end to its start."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.primitives.skew import checked_serial, serial_loops
from texpr.schedule.relations import Reverse
from texpr.schedule.state import State, loop_node


def apply(state: State, stage: str, axis: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Reverse a loop; see :meth:`texpr.schedule.stage.Stage.reverse`."""
    checked_serial(state, "reverse", stage, axis)
    state, made = state.fresh_axis(stage, f"{axis.name}_r", is_reduce=axis.is_reduce)
    state = state.with_relation(Reverse(axis, made))
    return state.edit(axis, lambda loop: loop_node(made, *loop.children)), (made,)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Reverse any serial loop."""
    loops = serial_loops(state, stage)
    return ((random.choice(loops),), {}) if loops else None
