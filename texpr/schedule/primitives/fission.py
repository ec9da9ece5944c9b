"""Cut a loop around several stages into several loops."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives.skew import checked_serial
from texpr.schedule.relations import Fission
from texpr.schedule.state import LoopNode, StageNode, State, Tree, loop_node


def apply(state: State, stage: str, axis: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Cut a loop after a stage; see :meth:`texpr.schedule.stage.Stage.fission`."""
    path = state.path(stage)
    around = path[path.index(state.node(stage, axis)) :]
    cut = _last_cut(stage, around)
    if cut is None:
        raise ScheduleError(
            f"fission: nothing in loop {axis.name!r} runs after {stage!r}; name the stage after "
            f"which to cut"
        )
    parts: dict[IterVar, tuple[IterVar, IterVar]] = {}
    for node in around[: cut + 1]:
        checked_serial(state, "fission", stage, node.axis)
        name, is_reduce = node.axis.name, node.axis.is_reduce
        state, one = state.fresh_axis(stage, f"{name}_1", is_reduce=is_reduce)
        state, two = state.fresh_axis(stage, f"{name}_2", is_reduce=is_reduce)
        state = state.with_relation(Fission(node.axis, (one, two)))
        parts[node.axis] = one, two
    before: tuple[Tree, ...] = ()
    after: tuple[Tree, ...] = ()
    for node, inside in reversed([*zip(around, [*around[1:], None], strict=True)][: cut + 1]):
        place = _place(node, stage, inside)
        if node is around[cut]:
            before, after = node.children[: place + 1], node.children[place + 1 :]
        else:
            before = (*node.children[:place], *before)
            after = (*after, *node.children[place + 1 :])
        one, two = parts[node.axis]
        before, after = (loop_node(one, *before),), (loop_node(two, *after),)
    first, top = around[0], (*before, *after)

    def change(nodes: tuple[Tree, ...]) -> tuple[Tree, ...]:
        return tuple(part for node in nodes for part in (top if node is first else (node,)))

    made = tuple(part for both in parts.values() for part in both)
    return state.edit_inside(state.loop_around(first), change), made


def _place(node: LoopNode, stage: str, inside: LoopNode | None) -> int:
    """Return which of the children of ``node`` has ``stage`` in it: ``inside``, or its leaf."""
    for place, child in enumerate(node.children):
        if child is inside or (isinstance(child, StageNode) and child.stage == stage):
            return place
    raise AssertionError(stage)


def _last_cut(stage: str, around: tuple[LoopNode, ...]) -> int | None:
    """Return the innermost of the loops ``around`` a stage in which something runs after it."""
    found = None
    for depth, (node, inside) in enumerate(zip(around, [*around[1:], None], strict=True)):
        if _place(node, stage, inside) < len(node.children) - 1:
            found = depth
    return found


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Cut a loop after the stage, where something follows."""
    path = state.path(stage)
    loops = [node for k, node in enumerate(path) if _last_cut(stage, path[k:]) is not None]
    serial = [node.axis for node in loops if node.kind is LoopKind.SERIAL]
    return ((random.choice(serial),), {}) if serial else None
