"""Lay an array out anew, by a map of its indices."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, TexprError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Const, Var
from texpr.ir.itervar import IterVar
from texpr.polyhedral.context import Analysis, Unknown
from texpr.polyhedral.domain import facts_of
from texpr.polyhedral.layouts import LaidOut, outside, shared_place
from texpr.schedule.index_map import IndexMap, traced
from texpr.schedule.layouts import arrays_of, transformed
from texpr.schedule.state import State


def apply(
    state: State, stage: str, index_map: str, pad_value: float | bool | None = None
) -> tuple[State, tuple[IterVar, ...]]:
    """Lay out what a stage writes; see :meth:`texpr.schedule.stage.Stage.transform_layout`."""
    arrays = arrays_of("transform_layout", state, stage)
    for array in arrays:
        if array.made_along is not None:
            raise ScheduleError(
                f"transform_layout: the steps of {array.name!r} read those before, along its first "
                f"dimension; cache_read it and lay out the cache"
            )
        if array.aligned:
            raise ScheduleError(
                f"transform_layout: {array.name!r} has aligned strides, which a layout would lose; "
                f"lay it out first, then align it"
            )
        if len(array.shape) != len(arrays[0].shape):
            raise ScheduleError(
                f"transform_layout: {stage!r} writes arrays of several ranks; leave it as it is"
            )
        if pad_value is not None:
            _check_pad(array, pad_value)
    found = mapped(state, stage, index_map)
    _check_cells(state, arrays, found)
    return transformed(state, stage, found, pad_value)


def mapped(state: State, stage: str, index_map: Any) -> IndexMap:
    """Return the map of the arrays that ``stage`` writes."""
    (array, *_) = arrays_of("transform_layout", state, stage)
    return traced(index_map, array.ndim, sizes(state))


def sizes(state: State) -> list[Var]:
    """Return the sizes that a map may use."""
    return [var for var in state.declared.program.params if var.dtype.name == "int64"]


def _check_pad(array: Buffer, value: object) -> None:
    try:
        is_number = isinstance(value, (bool, int, float))
        pad = Const(value, array.dtype) if is_number else None  # type: ignore[arg-type]
    except TexprError:
        pad = None
    if pad is None or (not array.dtype.is_float and pad.value != value):
        raise ScheduleError(
            f"transform_layout: pad_value {shown(value)} is no {array.dtype}, of which "
            f"{array.name!r} is; pass a number of that type"
        )


def _check_cells(state: State, arrays: tuple[Buffer, ...], found: IndexMap) -> None:
    """Refuse a map that gives two cells one place, or one none."""
    facts = facts_of(state.declared.program)
    for array in arrays:
        shape = found.shape(array.shape)
        layout = LaidOut({}, found.index, found.image)
        clash = shared_place(Analysis(), array.shape, layout, shape, facts)
        if isinstance(clash, Unknown):
            raise ScheduleError(
                f"transform_layout: whether {found} gives every cell of {array.name!r} a place of "
                f"its own is not known, as {clash}; divide and multiply by numbers"
            )
        if clash is not None:
            raise ScheduleError(
                f"transform_layout: {found} gives two cells of {array.name!r} one place, {clash}; "
                f"pass a map that is one to one"
            )
        beyond = outside(Analysis(), array.shape, layout, shape, facts)
        if isinstance(beyond, Unknown):
            raise ScheduleError(
                f"transform_layout: whether {found} gives every cell of {array.name!r} a place "
                f"is not known, as {beyond}; divide and multiply by numbers, in shapes as well, "
                f"or declare a size for what is no sum of sizes"
            )
        if beyond is not None:
            raise ScheduleError(
                f"transform_layout: {found} gives a cell of {array.name!r} an index below 0, "
                f"{beyond}; add what is missing"
            )


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Split, permute or fuse the dimensions of what the stage writes."""
    try:
        arrays = arrays_of("transform_layout", state, stage)
    except ScheduleError:
        return None
    # Maps of maps grow without end.
    if not arrays or not 1 <= arrays[0].ndim <= MAX_DIMENSIONS:
        return None
    names = [f"i{k}" for k in range(arrays[0].ndim)]
    parts = []
    for name in names:
        factor = random.choice([None, None, 2, 3, 4])
        parts += [name] if factor is None else [f"{name}//{factor}", f"{name}%{factor}"]
    random.shuffle(parts)
    values: dict[str, Any] = {"index_map": f"lambda {', '.join(names)}: [{', '.join(parts)}]"}
    if random.randrange(2):
        values["pad_value"] = random.choice([0, 1])
    return (), values


MAX_DIMENSIONS = 3
