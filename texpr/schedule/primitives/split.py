"""Split a loop in two."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, shown
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.relations import Split
from texpr.schedule.state import State, loop_node

# Sums and products with an extent still fit int64.
MAX_FACTOR = 1 << 31


def apply(
    state: State, stage: str, parent: IterVar, factor: int | None = None, nparts: int | None = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Make two loops of ``parent``; see :meth:`texpr.schedule.stage.Stage.split`."""
    if (factor is None) == (nparts is None):
        raise ScheduleError(
            f"split: loop {parent.name!r} was given {'both' if nparts is not None else 'neither'} "
            f"factor= {'and' if nparts is not None else 'nor'} nparts=; pass one of them"
        )
    word, given = ("factor", factor) if factor is not None else ("nparts", nparts)
    number = checked_number(state, "split", word, given, parent)
    node = state.node(stage, parent)
    if node.kind is not LoopKind.SERIAL:
        raise ScheduleError(
            f"split: loop {parent.name!r} is {node.kind.value} already; "
            f"split it first and mark one of the parts"
        )
    state, outer = state.fresh_axis(stage, f"{parent.name}_o", is_reduce=parent.is_reduce)
    state, inner = state.fresh_axis(stage, f"{parent.name}_i", is_reduce=parent.is_reduce)
    state = state.with_relation(Split(parent, outer, inner, number, nparts is not None)).edit(
        parent,
        lambda loop: loop_node(
            outer, loop_node(inner, *loop.children), annotations=loop.annotations
        ),
    )
    return state, (outer, inner)


def checked_number(state: State, what: str, word: str, given: object, axis: IterVar) -> int:
    """Return a number of iterations or parts of a loop, called ``word`` in errors.

    Raises
    ------
    ScheduleError
        It is no integer, less than 1, or more than any loop runs.
    """
    extent = state.extent(axis)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ScheduleError(
            f"{what}: {word} {shown(given)} of loop {axis.name!r} (extent {extent}) is no number "
            f"that is known now; pass an int"
        )
    if given > MAX_FACTOR:
        raise ScheduleError(
            f"{what}: {word} {given} of loop {axis.name!r} (extent {extent}) is more than any "
            f"loop runs; pass at most {MAX_FACTOR}"
        )
    if given < 1:
        raise ScheduleError(
            f"{what}: {word} {given} of loop {axis.name!r} (extent {extent}) must be at least 1"
        )
    return given


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Split any serial loop by a small factor, or into few parts."""
    loops = [node.axis for node in state.path(stage) if node.kind is LoopKind.SERIAL]
    if not loops:
        return None
    word = random.choice(["factor", "factor", "nparts"])
    return (random.choice(loops),), {word: random.choice([1, 2, 3, 4, 5, 8])}
