"""Permute loops of one nest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.state import LoopNode, State, Tree


def apply(state: State, stage: str, *axes: IterVar) -> tuple[State, tuple[IterVar, ...]]:
    """Reorder loops; see :meth:`texpr.schedule.stage.Stage.reorder`."""
    for axis in axes:
        if sum(other is axis for other in axes) > 1:
            raise ScheduleError(f"reorder: loop {axis.name!r} is given twice; name each loop once")
    if len(axes) < 2:
        return state, ()
    path = state.path(stage)
    places = sorted(path.index(state.node(stage, axis)) for axis in axes)
    for node in path[places[0] : places[-1]]:
        if len(node.children) > 1:
            raise ScheduleError(
                f"reorder: loop {node.axis.name!r} contains more than one nest; "
                f"reorder the loops inside or outside of it"
            )
    order = list(path)
    for place, axis in zip(places, axes, strict=True):
        order[place] = state.node(stage, axis)
    moved: tuple[Tree, ...] = path[places[-1]].children
    for node in reversed(order[places[0] : places[-1] + 1]):
        moved = (replace(node, children=moved),)
    (top,) = moved
    return state.edit(path[places[0]].axis, lambda _: top), ()


def perfect_nests(state: State, stage: str) -> list[tuple[IterVar, ...]]:
    """Return the runs of loops around ``stage`` that contain just each other."""
    nests: list[list[LoopNode]] = []
    for node in state.path(stage):
        if nests and len(nests[-1][-1].children) == 1:
            nests[-1].append(node)
        else:
            nests.append([node])
    return [tuple(node.axis for node in nest) for nest in nests]


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Permute some loops of one perfect nest."""
    nest: Sequence[IterVar] = random.choice(perfect_nests(state, stage) or [()])
    if len(nest) < 2:
        return None
    return tuple(random.sample(nest, random.randint(2, len(nest)))), {}
