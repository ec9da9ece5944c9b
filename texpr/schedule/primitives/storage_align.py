"""Align the stride of a dimension of an array."""

from __future__ import annotations

from random import Random
from typing import Any

from texpr.errors import ScheduleError, shown
from texpr.ir.itervar import IterVar
from texpr.schedule.layouts import arrays_of, changed
from texpr.schedule.state import State


def apply(
    state: State, stage: str, axis: int, factor: int, offset: int = 0
) -> tuple[State, tuple[IterVar, ...]]:
    """Align a stride; see :meth:`texpr.schedule.stage.Stage.storage_align`."""
    arrays = arrays_of("storage_align", state, stage)
    ndim = arrays[0].ndim
    if not _is_int(axis) or not -ndim <= axis < ndim:
        axes = state.declared.stages[stage].cell_axes or ()
        known = ", ".join(own.name for own in axes) or f"0 to {ndim - 1}"
        raise ScheduleError(
            f"storage_align: {shown(axis)} is no dimension of {arrays[0].name!r}; "
            f"{'it has none' if not ndim else f'pass one of {known}'}"
        )
    if not _is_int(factor) or factor < 1:
        raise ScheduleError(
            f"storage_align: factor {shown(factor)} must be a number of elements, at least 1"
        )
    if not _is_int(offset) or not 0 <= offset < factor:
        raise ScheduleError(
            f"storage_align: offset {shown(offset)} must be at least 0 and below the factor, "
            f"{factor}"
        )
    place = axis % ndim
    kept = tuple(one for one in arrays[0].aligned if one[0] != place)
    return changed(state, arrays, aligned=(*kept, (place, factor, offset))), ()


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Align any dimension."""
    try:
        arrays = arrays_of("storage_align", state, stage)
    except ScheduleError:
        return None
    if not arrays or not arrays[0].ndim:
        return None
    factor = random.choice([1, 2, 8, 16])
    values = {"axis": random.randrange(arrays[0].ndim), "factor": factor}
    return (), {**values, "offset": random.randrange(factor)}
