"""Where stages have their room: the loops around what they write to.

A stage that is computed in a loop of another has its room there, unless ``store_at`` or
``rolling_buffer`` puts it further out: then it slides, and every iteration of the loops between
computes only what those before it have not. A stage whose readers follow it in a loop of its own
(``reverse_compute_at``) has its room in that loop. Every other has its array as declared.
"""

from __future__ import annotations

from texpr.errors import ScheduleError
from texpr.schedule.attach import around_reads, obstacle, readers_of
from texpr.schedule.state import LoopNode, State

Loops = tuple[LoopNode, ...]


def room_of(state: State, stage: str) -> Loops | None:
    """Return the loops around the room of ``stage``, outermost first; None for its whole array."""
    if not is_moved(state, stage):
        common = _loops_around_readers(state, stage)
        if common is None or stage not in state.stored:
            return common
        asked = _asked(state, stage, common)
        return asked if asked is not None and len(asked) > len(state.shared_loops(stage)) else None
    around = computed_in(state, stage)
    asked = _asked(state, stage, around)
    if asked is not None:
        return asked
    first = len(state.shared_loops(stage))
    return around[:-1] if stage in state.rolled and len(around) > first else around


def is_moved(state: State, stage: str) -> bool:
    """Whether ``stage`` is computed where it is read, in a loop of another stage."""
    return state.anchor(stage) is not None and stage not in state.after


def computed_in(state: State, stage: str) -> Loops:
    """Return the loops around the nest of ``stage``, outermost first."""
    path = state.whole_path(stage)
    return path[: len(path) - len(state.path(stage)) + len(state.shared_loops(stage))]


def _asked(state: State, stage: str, path: Loops) -> Loops | None:
    """Return the outer part of ``path`` in which the room was asked for; None if in no such."""
    if stage not in state.stored:
        return None
    where, first = state.stored[stage], len(state.shared_loops(stage))
    if where is None:
        return path[:first]
    made = set(state.remains(where[1]))
    ends = [k for k, node in enumerate(path, start=1) if node.axis in made]
    return path[: ends[-1]] if ends and ends[-1] >= first else None


def _loops_around_readers(state: State, stage: str) -> Loops | None:
    """Return the loops of ``stage`` that are around all that reads it; None where none is."""
    if not state.after or stage in state.inlined:
        return None
    readers = readers_of(state, stage)
    if not readers or obstacle(state, stage) is not None:
        return None
    common = state.whole_path(stage)
    # All iterations of a loop that reduces write the same cells, and what initialises them.
    place = state.init_place(stage)
    inner = [k for k, n in enumerate(common) if n is place or state.reduces(n.axis, stage)]
    common = common[: inner[0]] if inner else common
    for reader in readers:
        around = {id(axis) for axis in around_reads(state, stage, reader)}
        outside = [k for k, node in enumerate(common) if id(node.axis) not in around]
        common = common[: outside[0]] if outside else common
    return common if len(common) > len(state.shared_loops(stage)) else None


def misplaced(state: State) -> list[str]:
    """Return the stages that have no room where it was asked for, as they are not computed there.

    Nor do those roll that are computed in loops of their own.
    """
    found = []
    for stage, where in state.stored.items():
        room = room_of(state, stage)
        if where is not None and (room is None or _asked(state, stage, room) is None):
            found.append(stage)
    return [*found, *(s for s in state.rolled if s not in found and not is_moved(state, s))]


def check_stored(state: State) -> None:
    """Refuse room that was placed for a stage which is not computed there.

    Raises
    ------
    ScheduleError
        There is such a stage.
    """
    for stage in misplaced(state):
        where = state.stored.get(stage)
        if where is None:
            raise ScheduleError(
                f"rolling_buffer: {stage!r} is computed in loops of its own, so that it does not "
                f"slide; compute it in a loop of a stage that reads it, s[{stage}].compute_at(…)"
            )
        parent, axis = where
        name = state.remains(axis)[-1].name
        raise ScheduleError(
            f"store_at: {stage!r} has its room in loop {name!r} of {parent!r}, which is not around "
            f"its computation and all that reads it; compute it in that loop, "
            f"s[{stage}].compute_at(…), or store it elsewhere"
        )
