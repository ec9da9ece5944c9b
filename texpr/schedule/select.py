"""What selectors of stages and loops find; the methods are those of Schedule and Stage."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Load, Var, free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.linear import sum_of
from texpr.ir.program import Block, LoopKind
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.schedule.caches import arrays_called
from texpr.schedule.state import State, StateRanges


def called(state: State, patterns: Sequence[str]) -> list[str]:
    """Return the stages whose name fits one of the patterns, producers first."""
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise ScheduleError(
                f"stages_called: {shown(pattern)} is no pattern; pass a name, or one with * and ?"
            )
    return [name for name in state.declared.stages if any(fnmatchcase(name, p) for p in patterns)]


def touching(state: State, what: str, arrays: Sequence[Any], *, is_write: bool) -> list[str]:
    """Return the stages that read, or write, one of the arrays, producers first.

    Raises
    ------
    ScheduleError
        Something that is no array of the program.
    """
    wanted = set().union(*(buffers_of(state, what, array) for array in arrays))
    found = []
    for name, stage in state.declared.stages.items():
        block = stage.block
        own = block.written_buffers if is_write else stage.reads
        if wanted.intersection(own):
            found.append(name)
    return found


def buffers_of(state: State, what: str, array: Any) -> set[Buffer]:
    """Return the arrays that a name, or an array itself, means.

    Raises
    ------
    ScheduleError
        There is none.
    """
    known = {b for stage in state.declared.stages.values() for b in stage.block.buffers}
    if isinstance(array, Buffer) and array in known:
        return {array}
    found = arrays_called(state, array) if isinstance(array, str) else set()
    if not found:
        names = sorted({buffer.name for buffer in known})
        name = array.name if isinstance(array, Buffer) else array
        hint = did_you_mean(name, names) if isinstance(name, str) else ""
        raise ScheduleError(
            f"{what}: no stage touches an array {shown(name)}{hint}; the arrays are "
            f"{', '.join(names)}"
        )
    return found


def producers(state: State, stage: str) -> list[str]:
    """Return the other stages that write what a stage reads, producers first."""
    read = set(state.declared.stages[stage].block.read_buffers)
    return [
        name
        for name, other in state.declared.stages.items()
        if name != stage and read.intersection(other.block.written_buffers)
    ]


def consumers(state: State, stage: str) -> list[str]:
    """Return the other stages that read what a stage writes, producers first."""
    written = set(state.declared.stages[stage].block.written_buffers)
    found = []
    for name, other in state.declared.stages.items():
        parts = [other.block] if other.init is None else [other.block, other.init]
        if name != stage and any(written.intersection(part.read_buffers) for part in parts):
            found.append(name)
    return found


def marked(state: State, stage: str, kind: str) -> list[IterVar]:
    """Return the loops around a stage that run serially, in parallel, in lanes, or unrolled.

    Raises
    ------
    ScheduleError
        Another word.
    """
    kinds = [one.name.lower() for one in LoopKind]
    if kind not in kinds:
        raise ScheduleError(
            f"loops_marked: loops are not {shown(kind)}{did_you_mean(str(kind), kinds)}; "
            f"they are {', '.join(kinds)}"
        )
    return [node.axis for node in state.path(stage) if node.kind.name.lower() == kind]


def along(state: State, stage: str, array: Any, dimension: Any, step: Any) -> list[IterVar]:
    """Return the loops around a stage that move a subscript of an array, outermost first.

    With ``step`` those that move it by so many elements from one iteration to the next, in every
    access of the stage.

    Raises
    ------
    ScheduleError
        An array that the stage does not touch, or a dimension that the array does not have.
    """
    buffers = buffers_of(state, "loops_along", array)
    block = state.declared.stages[stage].block
    accesses = [a for a in _accesses(block) if a[0] in buffers]
    if not accesses:
        names = ", ".join(buffer.name for buffer in block.buffers)
        raise ScheduleError(
            f"loops_along: {stage!r} does not touch {next(iter(buffers)).name!r} element by "
            f"element; its arrays are {names}"
        )
    if len({buffer for buffer, _ in accesses}) > 1:
        raise ScheduleError(
            f"loops_along: {stage!r} touches several arrays that are called {array!r}; pass the "
            f"one that is meant itself"
        )
    if step is not None and not isinstance(step, int):
        raise ScheduleError(f"loops_along: step={shown(step)} is no number; pass one such as 1")
    ndim = len(accesses[0][1])
    if not isinstance(dimension, int) or not -ndim <= dimension < ndim:
        raise ScheduleError(
            f"loops_along: {next(iter(buffers)).name!r} has no dimension {shown(dimension)}; "
            f"pass one from {-ndim} to {ndim - 1}"
        )
    places = [_in_loops(state, stage, block, indices[dimension]) for _, indices in accesses]
    found = []
    for axis in state.leaves(stage):
        if step is None:
            is_moving = any(axis.var in set(free_vars(place)) for place in places)
        else:
            is_moving = all(_step(place, axis.var) == step for place in places)
        if is_moving:
            found.append(axis)
    return found


def _accesses(block: Block) -> list[tuple[Buffer, tuple[Expr, ...]]]:
    loads: list[Load] = list(block.reads)
    stores = [(store.buffer, store.indices) for store in block.stores]
    return [*stores, *((load.buffer, load.indices) for load in loads)]


def _step(place: Expr, var: Var) -> int | None:
    """Return by how much a step of ``var`` moves ``place``; None where that is no number."""
    terms = sum_of(place).terms
    inside = any(var in set(free_vars(term)) for term in terms if term is not var)
    return None if inside else terms.get(var, 0)


def _in_loops(state: State, stage: str, block: Block, index: Expr) -> Expr:
    """Return a subscript in terms of the loops that are around the stage now."""
    here = _Around(state, stage)
    bound = {i.var: b for i, b in zip(block.iters, block.bindings, strict=True)}
    at_loops = substitute(index, bound)
    axis_of = state.declared.axis_of
    known = ((v, here.value(axis_of[v])) for v in free_vars(at_loops) if v in axis_of)
    return simplify(substitute(at_loops, {v: value for v, value in known if value is not None}))


class _Around(StateRanges):
    """The values of axes in terms of the variables of the loops around a stage."""

    def __init__(self, state: State, stage: str) -> None:
        super().__init__(state)
        self.leaves = set(state.leaves(stage))

    def value(self, axis: IterVar) -> Expr | None:
        if axis in self.leaves:
            return axis.var
        relation = self.state.relation_from(axis)
        return None if relation is None else relation.value(axis, self)
