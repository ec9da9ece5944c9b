"""What would be legal where a primitive is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import islice, permutations, takewhile
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.schedule.attach import places, places_after
from texpr.schedule.judges import judge_of, rewrite_fault
from texpr.schedule.primitives import PRIMITIVES, rfactor
from texpr.schedule.realise import realise
from texpr.schedule.state import State, stages_inside

# Each costs a verdict, some milliseconds; nobody reads a longer list.
MAX_TRIED, MAX_SHOWN = 8, 3


_WITHOUT_ORDER = {
    "inlined", "assumed", "trace", "names", "is_judged", "became", "annotations"
}  # fmt: skip
"""The fields of a State that say nothing about the order in which instances run."""


def runs_as_declared(state: State) -> bool:
    """Whether the loops are the declared ones, so that there is nothing to judge.

    That matters where dozens of stages are inlined before anything else: each set of inlined
    stages is another program, and making a judge for it takes nearly all of the time.
    """
    plain = State(state.declared, state.declared.tree)
    return all(
        getattr(state, field.name) == getattr(plain, field.name)
        for field in fields(State)
        if field.name not in _WITHOUT_ORDER
    )


def alternatives(
    state: State,
    primitive: str,
    stage: str,
    loops: tuple[IterVar, ...],
    values: dict[str, Any],
) -> list[str]:
    """Return calls of ``primitive`` that would be legal where this one is not."""
    judge = judge_of(state)
    found: list[str] = []
    candidates = _candidates(state, primitive, stage, loops, values)
    for text, others, other_values in islice(candidates, MAX_TRIED):
        try:
            changed, _ = PRIMITIVES[primitive].apply(state, stage, *others, **other_values)
            is_legal = judge.first_fault(realise(changed), changed.assumed) is None
        except ScheduleError:
            continue
        if is_legal:
            found.append(text)
            if len(found) == MAX_SHOWN or primitive == "fuse_loops":  # the least will do
                break
    if primitive == "parallel" and _can_have_parts(state, stage, loops[0]):
        found.append(f"rfactor({loops[0].name}), which gives each part a sum of its own")
    if primitive == "fission" and not found:
        found += _after_expansion(state, stage, loops[0])
    return found


def _after_expansion(state: State, stage: str, axis: IterVar) -> list[str]:
    """Return the cut of a loop once its scratch has room for all iterations, if that is legal."""
    leaves = state.leaves(stage)
    place = next(k for k, leaf in enumerate(leaves) if leaf is axis)
    cut_roots = set().union(*(state.lineage(leaf) for leaf in leaves[place:]))
    order = stages_inside(state.node(stage, axis))
    first = set(order[: order.index(stage) + 1])
    steps: list[tuple[str, dict[str, str]]] = []
    for buffer, home in state.declared.homes.items():
        users = [name for name in order if buffer in state.declared.stages[name].block.buffers]
        if first.issuperset(users) or first.isdisjoint(users):
            continue
        for own in takewhile(cut_roots.__contains__, reversed(home)):
            steps.append((users[0], {"array": buffer.name, "loop": own.name}))
    if not steps:
        return []
    try:
        changed = state
        for user, values in steps:
            changed, _ = PRIMITIVES["expand"].apply(changed, user, **values)
            if rewrite_fault(changed) is not None:
                return []
        cut, _ = PRIMITIVES["fission"].apply(changed, stage, changed.current(axis))
        if judge_of(cut).first_fault(realise(cut), cut.assumed) is not None:
            return []
    except ScheduleError:
        return []
    calls = [f"expand({values['array']}, {values['loop']})" for _, values in steps]
    return [f"{', '.join(calls)} and then fission({axis.name})"]


def _can_have_parts(state: State, stage: str, axis: IterVar) -> bool:
    """Whether the iterations of a loop can run in parallel on parts of what they reduce to."""
    if not any(axis is loop for loop in rfactor.factorable(state, stage)):
        return False
    if rfactor.obstacle(state, stage) is not None:
        return False
    if rfactor.is_declared(state, stage):
        return True
    # What else stands in its way is found out by doing it.
    try:
        parts, _ = rfactor.apply(state, stage, axis)
        loop = parts.current(axis)
        name = parts.stage_around(loop)
        assert name is not None
        run, _ = PRIMITIVES["parallel"].apply(parts, name, loop)
        return rewrite_fault(parts) is None and (
            judge_of(run).first_fault(realise(run), run.assumed) is None
        )
    except ScheduleError:
        return False


def _candidates(
    state: State,
    primitive: str,
    stage: str,
    loops: tuple[IterVar, ...],
    values: dict[str, Any],
) -> Iterator[tuple[str, tuple[IterVar, ...], dict[str, Any]]]:
    """Yield other choices for the same primitive: their text, and the arguments."""
    if primitive == "fuse_loops":
        # A second loop that is further behind has more of the first done.
        first, second, shift = loops[0].name, values["second"], values.get("shift", 0)
        for later in range(shift + 1, shift + 1 + MAX_TRIED):
            text = f"fuse_loops({first}, {second}, shift={later})"
            yield text, loops, {**values, "shift": later}
    elif len(loops) == 1:
        for axis in state.leaves(stage):
            if axis is not loops[0]:
                yield f"{primitive}({axis.name})", (axis,), values
    elif primitive == "reorder":
        now = [axis for axis in state.leaves(stage) if any(axis is loop for loop in loops)]
        for order in permutations(now):
            if [*map(id, order)] not in ([*map(id, now)], [*map(id, loops)]):
                yield f"reorder({', '.join(axis.name for axis in order)})", order, values
    elif primitive in ("compute_at", "reverse_compute_at"):
        of = places if primitive == "compute_at" else places_after
        for parent, axis in of(state, stage):
            if (parent, axis.name) != (values["parent"], values["scope"]):
                there = {"parent": parent, "scope": axis.name}
                yield f"{primitive}({parent}, {axis.name})", (), there
