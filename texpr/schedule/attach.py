"""The loops of stages: which are around all that reads one, which are just its own."""

from __future__ import annotations

from itertools import takewhile

from texpr.errors import ScheduleError
from texpr.ir.expr import Var, free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.program import Loop, Seq, buffers_in
from texpr.schedule.inline import inlined_stages
from texpr.schedule.state import State


def places(state: State, stage: str) -> list[tuple[str, IterVar]]:
    """Return the loops that are around all that reads ``stage``, each with a stage inside."""
    readers = readers_of(state, stage)
    paths = {name: around_reads(state, stage, name) for name in readers}
    if not readers:
        return []
    shared = [
        axis
        for axis in paths[readers[0]]
        if all(any(axis is other for other in path) for path in paths.values())
    ]
    found = []
    for axis in shared:
        owner = state.stage_around(axis)
        if owner is None or stage in state.hosts(owner):
            continue
        if not any(axis is own for own in state.leaves(stage)):
            found.append((owner, axis))
    return found


def around_reads(state: State, stage: str, reader: str) -> list[IterVar]:
    """Return the loops around all reads of ``stage`` in ``reader``, outermost first."""
    path = [node.axis for node in state.whole_path(reader)]
    init = inlined_stages(state)[0][reader].init
    own = {store.buffer for store in state.declared.stages[stage].block.stores}
    if init is not None and own & set(buffers_in(init)):
        # The initialisation is a nest of its own.
        place = state.init_place(reader)
        return [*takewhile(lambda axis: place is None or axis is not place.axis, path)]
    return path


def readers_of(state: State, stage: str) -> list[str]:
    """Return the stages that read what ``stage`` computes, themselves or by an inlined one."""
    own = {store.buffer for store in state.declared.stages[stage].block.stores}
    running, _ = inlined_stages(state)
    found = []
    for name, other in running.items():
        parts = [other.block] if other.init is None else [other.block, other.init]
        if name != stage and any(own & set(buffers_in(part)) for part in parts):
            found.append(name)
    return found


def feeding(state: State, stage: str) -> list[str]:
    """Return the stages that ``stage`` reads, itself or by an inlined one."""
    running, _ = inlined_stages(state)
    own = running[stage]
    parts = [own.block] if own.init is None else [own.block, own.init]
    read = {buffer for part in parts for buffer in part.read_buffers}
    return [
        name
        for name, other in running.items()
        if name != stage and any(store.buffer in read for store in other.block.stores)
    ]


def places_after(state: State, stage: str) -> list[tuple[str, IterVar]]:
    """Return the loops around something that ``stage`` reads, each with a stage inside."""
    found: dict[IterVar, str] = {}
    own = state.shared_loops(stage)
    for name in feeding(state, stage):
        path = state.whole_path(name)
        if stage in state.hosts(name) or path[: len(own)] != own:
            continue
        for node in path[len(own) :]:
            owner = state.stage_around(node.axis)
            if owner is not None and stage not in (owner, *state.hosts(owner)):
                found.setdefault(node.axis, owner)
    return [(owner, axis) for axis, owner in found.items()]


def check_places(state: State) -> None:
    """Refuse a stage in a loop that is not around all that reads it, or no longer.

    Raises
    ------
    ScheduleError
        There is such a stage.
    """
    for stage, (parent, _) in state.attached.items():
        anchor = state.anchor(stage)
        if anchor is not None and stage in state.after:
            if not any(anchor is axis for _, axis in places_after(state, stage)):
                raise ScheduleError(
                    f"{stage!r} is computed at loop {anchor.name!r} of {parent!r}, which would be "
                    f"around nothing that it reads; move {stage!r} first"
                )
            continue
        if anchor is None or any(anchor is axis for _, axis in places(state, stage)):
            continue
        readers = ", ".join(readers_of(state, stage))
        raise ScheduleError(
            f"{stage!r} is computed at loop {anchor.name!r} of {parent!r}, which would not be "
            f"around all that reads it, which is {readers or 'nothing'}; move {stage!r} first"
        )


def obstacle(state: State, stage: str) -> str | None:
    """Return why ``stage`` cannot be computed inside other loops, None where it can."""
    declared = state.declared.stages[stage]
    if declared.block.extern is not None:
        return f"{stage!r} calls an extern function, which fills whole arrays; leave it at root"
    stores = declared.block.stores
    for store in stores:
        if store.buffer not in state.declared.homes:
            return f"{stage!r} is an output and must be stored whole; move what it reads"
    written = {store.buffer for store in stores}
    for axis, loop in state.declared.loop_of.items():
        if written & set(buffers_in(Loop(loop.var, loop.lower, loop.upper, Seq(())))):
            return f"the range of loop {axis.name!r} is read from {stage!r}; leave it at root"
    homes = [set(state.declared.homes[store.buffer]) for store in stores]
    shared = {
        root
        for node in state.shared_loops(stage)
        for root in state.ancestors(node.axis)
        if root in state.declared.loop_of
    }
    if not all(shared <= home == homes[0] for home in homes):
        return f"{stage!r} shares its loops with other stages; move a stage with loops of its own"
    loops = declared_loops(state, stage)
    is_whole = loops is not None and not shared.intersection(loops)
    if loops is None or not is_whole or not _is_only_writer(state, stage):
        return (
            f"{stage!r} does not give every element of {stores[0].buffer.name!r} its one value; "
            f"leave it where it is"
        )
    for loop in (state.declared.loop_of[axis] for axis in loops):
        if any(free in state.declared.axis_of for free in free_vars(loop.lower, loop.upper)):
            return (
                f"the loop {loop.var.name!r} of {stage!r} runs from {loop.lower} to {loop.upper}, "
                f"which depends on another loop; leave it where it is"
            )
    return None


def _is_only_writer(state: State, stage: str) -> bool:
    own = {store.buffer for store in state.declared.stages[stage].block.stores}
    return not any(
        buffer in own
        for name, other in state.declared.stages.items()
        if name != stage
        for buffer in other.block.written_buffers
    )


def declared_loops(state: State, stage: str) -> list[IterVar] | None:
    """Return the declared loop behind each subscript of what ``stage`` writes.

    None where a subscript is anything else than the variable of a loop.
    """
    declared = state.declared.stages[stage]
    if declared.cell_axes is None:
        return None
    bound = dict(zip(declared.block.iters, declared.block.bindings, strict=True))
    values = [bound[axis] for axis in declared.cell_axes]
    axis_of = state.declared.axis_of
    found = [axis_of[value] for value in values if isinstance(value, Var) and value in axis_of]
    return found if len(set(found)) == len(values) else None


def tangled_loops(state: State, stage: str, verb: str) -> str | None:
    """Return why the loops of ``stage`` cannot be told apart by its axes, None where they can.

    ``verb`` is what is to be done with the stage.
    """
    for axis in state.leaves(stage):
        if state.is_mixed(axis):
            return (
                f"loop {axis.name!r} of {stage!r} runs over data and a reduction together; "
                f"{verb} before fusing these"
            )
    for axis in state.declared.stages[stage].axes:
        loop = state.declared.loop_of[axis]
        if any(var in state.declared.axis_of for var in free_vars(loop.lower, loop.upper)):
            return f"the range of loop {axis.name!r} depends on another loop; leave it as it is"
    return None
