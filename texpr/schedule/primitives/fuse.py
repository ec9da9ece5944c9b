"""Make one loop of several that nest directly."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.expr import free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives import reorder
from texpr.schedule.relations import Fuse, Single
from texpr.schedule.state import LoopNode, State, loop_node


def apply(state: State, stage: str, *axes: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Fuse loops; see :meth:`texpr.schedule.stage.Stage.fuse`."""
    if not axes:
        return _single(state, stage)
    fused = axes[0]
    for axis in axes:
        if sum(other is axis for other in axes) > 1:
            raise ScheduleError(f"fuse: loop {axis.name!r} is given twice; name each loop once")
    for inner in axes[1:]:
        state, fused = _pair(state, stage, fused, inner)
    return state, (fused,)


def _pair(state: State, stage: str, outer: IterVar, inner: IterVar) -> tuple[State, IterVar]:
    node, inside = state.node(stage, outer), state.node(stage, inner)
    if node.children != (inside,):
        order = ", ".join(axis.name for axis in state.leaves(stage))
        raise ScheduleError(
            f"fuse: loop {inner.name!r} is not directly inside {outer.name!r} (the loops of "
            f"{stage!r} are {order}); reorder them to be neighbours first"
        )
    for loop in (node, inside):
        if loop.kind is not LoopKind.SERIAL:
            raise ScheduleError(
                f"fuse: loop {loop.axis.name!r} is {loop.kind.value} already; "
                f"fuse first and mark the fused loop"
            )
    for var in free_vars(state.extent(inner), state.lower(inner)):
        if var in state.axis_of:
            raise ScheduleError(
                f"fuse: the range of {inner.name!r} depends on loop {var.name!r}, so the two are "
                f"no rectangle; leave them apart"
            )
    notes = (*{**dict(inside.annotations), **dict(node.annotations)}.items(),)
    state, fused = state.fresh_axis(
        stage, f"{outer.name}_{inner.name}", is_reduce=outer.is_reduce or inner.is_reduce
    )
    state = state.with_relation(Fuse(outer, inner, fused)).edit(
        outer, lambda _: loop_node(fused, *inside.children, annotations=notes)
    )
    return state, fused


def _single(state: State, stage: str) -> tuple[State, tuple[IterVar, ...]]:
    state, axis = state.fresh_axis(stage, "one", is_reduce=False)
    state = state.with_relation(Single(axis))
    path = state.path(stage)
    if path:
        return state.edit(path[0].axis, lambda loop: loop_node(axis, loop)), (axis,)
    return state.wrap(stage, lambda leaf: loop_node(axis, leaf)), (axis,)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Fuse two or more neighbours."""
    nest = random.choice(reorder.perfect_nests(state, stage) or [()])
    serial = [axis for axis in nest if _is_serial(state.node(stage, axis))]
    if len(serial) < 2:
        return None
    start = random.randrange(len(serial) - 1)
    return tuple(serial[start : start + random.randint(2, 3)]), {}


def _is_serial(node: LoopNode) -> bool:
    return node.kind is LoopKind.SERIAL
