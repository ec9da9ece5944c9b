"""Make one loop of two that follow one another."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.expr import Load, postorder
from texpr.ir.itervar import IterVar
from texpr.schedule.caches import stages_in
from texpr.schedule.primitives.skew import checked_integer, checked_serial
from texpr.schedule.relations import FuseLoops
from texpr.schedule.state import LoopNode, State, Tree, loop_node, unknown_stage


def apply(
    state: State, stage: str, first: IterVar, other: str, second: str, shift: int = 0
) -> tuple[State, tuple[IterVar, ...]]:
    """Fuse two nests; see :meth:`texpr.schedule.stage.Stage.fuse_loops`."""
    if other not in state.declared.stages:
        raise unknown_stage(other, state)
    loops = {loop.name: loop for loop in state.leaves(other)}
    if second not in loops:
        raise ScheduleError(
            f"fuse_loops: stage {other!r} has no loop {second!r}"
            f"{did_you_mean(str(second), loops)}; its loops are {', '.join(loops) or 'none'}"
        )
    then = loops[second]
    number = checked_integer("fuse_loops", "shift", shift, then)
    for name, axis in ((stage, first), (other, then)):
        checked_serial(state, "fuse_loops", name, axis)
    check_neighbours(state, (stage, first), (other, then))
    is_reduce = first.is_reduce or then.is_reduce
    state, made = state.fresh_axis(stage, f"{first.name}_f", other, is_reduce=is_reduce)
    one, two = state.node(stage, first), state.node(other, then)
    both = loop_node(made, *one.children, *two.children)

    def change(nodes: tuple[Tree, ...]) -> tuple[Tree, ...]:
        return tuple(both if node is one else node for node in nodes if node is not two)

    state = state.with_relation(FuseLoops(first, then, made, number))
    return state.edit_inside(state.loop_around(one), change), (made,)


def check_neighbours(state: State, first: tuple[str, IterVar], second: tuple[str, IterVar]) -> None:
    """Refuse two loops of which the second does not follow directly on the first.

    Raises
    ------
    ScheduleError
        They do not, or a range is read from memory, which is there only where it is guarded.
    """
    one, two = (state.node(*loop) for loop in (first, second))
    called = f"loop {one.axis.name!r} of {first[0]!r}", f"loop {two.axis.name!r} of {second[0]!r}"
    if one is two:
        raise ScheduleError(
            f"fuse_loops: {called[0]} is around {second[0]!r} already; name two loops"
        )
    nodes = [*map(id, running_neighbours(state, one))]
    if id(two) not in nodes:
        raise ScheduleError(
            f"fuse_loops: {called[1]} is not beside {called[0]}, inside the same loops; fuse what "
            f"is around them first"
        )
    place, other = nodes.index(id(one)), nodes.index(id(two))
    if other < place:
        raise ScheduleError(f"fuse_loops: {called[1]} runs before {called[0]}; name that one first")
    if other > place + 1:
        between = running_neighbours(state, one)[place + 1 : other]
        names = ", ".join(sorted(set().union(*map(stages_in, between))))
        raise ScheduleError(
            f"fuse_loops: between {called[0]} and {called[1]} runs {names}; fuse with that first, "
            f"or move it away"
        )
    if state.lineage(one.axis) & state.lineage(two.axis):
        raise ScheduleError(
            f"fuse_loops: {called[0]} and {called[1]} are parts of one loop that was cut; take the "
            f"fission back instead"
        )
    for axis, name in ((one.axis, called[0]), (two.axis, called[1])):
        if any(isinstance(node, Load) for end in state.ends(axis) for node in postorder(end)):
            raise ScheduleError(
                f"fuse_loops: the range of {name} is read from memory; leave it a loop of its own"
            )


def running_neighbours(state: State, node: Tree) -> list[Tree]:
    """Return what runs inside the same loop as ``node``, in order, itself among it."""

    def runs(stage: str) -> bool:
        return stage not in state.inlined and state.anchor(stage) is None

    around = state.loop_around(node)
    nodes = state.tree if around is None else around.children
    return [one for one in nodes if any(map(runs, stages_in(one)))]


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Fuse a loop around the stage with the one that follows, now and then a little shifted."""
    found = []
    for node in state.path(stage):
        beside = running_neighbours(state, node)
        places = [k for k, one in enumerate(beside) if one is node]
        following = beside[places[0] + 1 : places[0] + 2] if places else []
        for other in following:
            if isinstance(other, LoopNode):
                found.append((node, other))
    if not found:
        return None
    one, two = random.choice(found)
    values = {"other": min(stages_in(two)), "second": two.axis.name}
    return (one.axis,), {**values, "shift": random.choice([0, 0, 1, 2, -1])}
