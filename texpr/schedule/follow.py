"""Which elements of a stage are complete, once others are: consumers in loops of what they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Var, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import Stmt, blocks
from texpr.ir.simplify import simplify
from texpr.polyhedral.accesses import Access, accesses
from texpr.polyhedral.domain import Place, facts_of
from texpr.polyhedral.footprint import Window, box, touches_in
from texpr.schedule.state import StageDecl, State


@dataclass(frozen=True)
class _Way:
    """A dimension of an array that an axis runs through: ``axis + offset``."""

    buffer: Buffer
    dimension: int
    offset: int


def followed(
    state: State, name: str, stage: StageDecl, body: Stmt, place: Place
) -> dict[IterVar, Window]:
    """Return what of each declared axis of ``stage`` is complete after ``body``.

    Those are the elements that read what ``body`` writes, element by element. An axis that no
    such subscript mentions is not among them, and runs as declared.

    Raises
    ------
    ScheduleError
        The stage reads more than one element of an array for one of its own.
    """
    written = {buffer for block in blocks(body) for buffer in block.written_buffers}
    facts, known = facts_of(state.declared.program), state.declared.footprints
    windows: dict[IterVar, Window] = {}
    # The loops that it shares with others are around it anyhow, and say where it is.
    given = {root for node in state.shared_loops(name) for root in state.ancestors(node.axis)}
    for own, way in _ways(name, stage, written):
        root = _root(state, name, stage, own)
        if root in given:
            continue
        others = (other for o, other in state.declared.stages.items() if o != name)
        if any(root is axis for other in others for axis in other.axes):
            raise ScheduleError(
                f"{name!r} cannot follow what it reads: its loop {root.name!r} was declared around "
                f"other stages, too; leave it where it is"
            )
        loop = state.declared.loop_of[root]
        writes = [
            replace(touch, access=_index(touch.access, way))
            for touch in touches_in(body, [way.buffer], is_write=True)
        ]
        (window,) = box(writes, place, [(loop.lower, loop.upper)], facts, known)
        before = windows.setdefault(root, window)
        if not _is_same(before, window):
            raise ScheduleError(
                f"{name!r} cannot follow what it reads: of several arrays that are computed in "
                f"that loop other parts are complete; compute it further out"
            )
    return windows


def _index(access: Access, way: _Way) -> Access:
    """Return an access of what the axis is where ``access`` is of an element."""
    return replace(access, indices=(access.indices[way.dimension] - way.offset,))


def _ways(name: str, stage: StageDecl, written: set[Buffer]) -> Iterator[tuple[IterVar, _Way]]:
    axes = {axis.var: axis for axis in stage.block.iters}
    found: dict[tuple[Buffer, int], tuple[IterVar, int]] = {}
    parts = [stage.block] if stage.init is None else [stage.block, stage.init]
    for access in (access for part in parts for access in accesses(part)):
        if access.is_write or access.buffer not in written:
            continue
        for dimension, index in enumerate(access.indices):
            way = _axis_and_offset(index, axes)
            key = (access.buffer, dimension)
            first = None if way is None else found.setdefault(key, way)
            if way is None or first is None or first[0] is not way[0] or first[1] != way[1]:
                raise ScheduleError(
                    f"{name!r} cannot follow {access.buffer.name!r}, which it reads at "
                    f"{', '.join(map(str, access.indices))}, and not one element for each of its "
                    f"own at a constant distance; compute {access.buffer.name!r} in a loop of "
                    f"{name!r} instead, by compute_at"
                )
    for (buffer, dimension), (axis, offset) in found.items():
        yield axis, _Way(buffer, dimension, offset)


def _axis_and_offset(index: Expr, axes: dict[Var, IterVar]) -> tuple[IterVar, int] | None:
    own = [var for var in free_vars(index) if var in axes]
    if len(own) != 1:
        return None
    offset = int_value(simplify(index - own[0]))
    return None if offset is None else (axes[own[0]], offset)


def _root(state: State, name: str, stage: StageDecl, axis: IterVar) -> IterVar:
    """Return the declared loop that runs through ``axis``."""
    bound = dict(zip(stage.block.iters, stage.block.bindings, strict=True))[axis]
    root = state.declared.axis_of.get(bound) if isinstance(bound, Var) else None
    loop = None if root is None else state.declared.loop_of[root]
    if (
        root is None
        or loop is None
        or any(var in state.declared.axis_of for var in free_vars(loop.lower, loop.upper))
    ):
        raise ScheduleError(
            f"{name!r} cannot follow what it reads: its axis {axis.name!r} is no loop of its own, "
            f"or one whose range depends on another; leave it where it is"
        )
    return root


def _is_same(a: Window, b: Window) -> bool:
    return a.lower is b.lower and a.extent is b.extent
