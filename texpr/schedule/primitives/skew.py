"""Let a loop move along with one around it."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, shown
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.relations import Skew
from texpr.schedule.state import State, loop_node

# Products with an extent still fit int64.
MAX_DISTANCE = 1 << 31


def apply(
    state: State, stage: str, outer: IterVar, inner: IterVar, factor: int = 1
) -> tuple[State, tuple[IterVar, ...]]:
    """Skew a loop; see :meth:`texpr.schedule.stage.Stage.skew`."""
    number = checked_integer("skew", "factor", factor, inner)
    if outer is inner:
        raise ScheduleError(
            f"skew: loop {inner.name!r} is given twice; name the loop that stays and the one "
            f"further in that moves along with it"
        )
    path = state.path(stage)
    if path.index(state.node(stage, outer)) > path.index(state.node(stage, inner)):
        raise ScheduleError(
            f"skew: loop {outer.name!r} is inside {inner.name!r} (the loops of {stage!r} are "
            f"{', '.join(node.axis.name for node in path)}); name the outer one first, or reorder "
            f"them"
        )
    checked_serial(state, "skew", stage, inner)
    is_reduce = outer.is_reduce or inner.is_reduce
    state, made = state.fresh_axis(stage, f"{inner.name}_s", is_reduce=is_reduce)
    state = state.with_relation(Skew(outer, inner, made, number))
    try:
        state.extent(made)
    except ScheduleError as error:
        raise ScheduleError(
            f"skew: the range of {inner.name!r} depends on {outer.name!r}: {error}; "
            f"skew by a factor of the other sign, or leave it as it is"
        ) from None
    return state.edit(inner, lambda loop: loop_node(made, *loop.children)), (made,)


def checked_integer(what: str, word: str, given: object, axis: IterVar) -> int:
    """Return a distance, called ``word`` in errors.

    Raises
    ------
    ScheduleError
        It is no integer, or larger than any loop.
    """
    if isinstance(given, bool) or not isinstance(given, int):
        raise ScheduleError(
            f"{what}: {word} {shown(given)} of loop {axis.name!r} is no number that is known now; "
            f"pass an int"
        )
    if abs(given) > MAX_DISTANCE:
        raise ScheduleError(
            f"{what}: {word} {given} of loop {axis.name!r} is more than any loop runs; "
            f"pass at most {MAX_DISTANCE}"
        )
    return given


def checked_serial(state: State, what: str, stage: str, axis: IterVar) -> None:
    """Refuse a loop that was marked.

    Raises
    ------
    ScheduleError
        It is parallel, vectorized or unrolled already.
    """
    node = state.node(stage, axis)
    if node.kind is not LoopKind.SERIAL:
        raise ScheduleError(
            f"{what}: loop {axis.name!r} is {node.kind.value} already; "
            f"{what} it first and mark the loop that is made"
        )


def serial_loops(state: State, stage: str) -> list[IterVar]:
    """Return the loops of ``stage`` that are not marked."""
    return [node.axis for node in state.path(stage) if node.kind is LoopKind.SERIAL]


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Skew a serial loop by any loop around it, either way."""
    leaves = state.leaves(stage)
    inner = [k for k, axis in enumerate(leaves) if axis in set(serial_loops(state, stage)) and k]
    if not inner:
        return None
    place = random.choice(inner)
    factor = random.choice([1, 1, 2, -1, -2])
    return (random.choice(leaves[:place]), leaves[place]), {"factor": factor}
