"""What a stage computes anew in each iteration, where its room outlives it: sliding windows.

The room of a stage may be outside of the loop that it is computed in. Then the window of one
iteration overlaps that of the one before, and only the rest is computed; in the first iteration it
is all of it. In every dimension the window slides along the loops that it moves with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from texpr.errors import ScheduleError
from texpr.ir.expr import Binary, Expr, IfThenElse, Var, free_vars, int_value
from texpr.ir.functions import all_of, any_of
from texpr.ir.program import ZERO, Loop
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.polyhedral.domain import Place
from texpr.polyhedral.footprint import Window
from texpr.schedule.monotone import direction
from texpr.schedule.state import State

Folds = tuple[int | None, ...]


@dataclass(frozen=True)
class Slide:
    """How long the windows of a stage are, and along which of them it slides.

    ``inner`` are the dimensions that move with the innermost loop that any moves with.
    """

    extents: tuple[Expr, ...]
    inner: tuple[int, ...] = field(default=())


def slid(
    name: str, windows: Sequence[Window], place: Place, outer: Var | None
) -> tuple[Slide, tuple[Window, ...]]:
    """Return what is new of ``windows`` in each iteration of the loops inside of ``outer``.

    Raises
    ------
    ScheduleError
        A loop would compute the same in each iteration, or a window goes to and fro.
    """
    first = next(
        (k + 1 for k, part in enumerate(place) if isinstance(part, Loop) and part.var is outer), 0
    )
    between = place[first:]
    loops = [part for part in between if isinstance(part, Loop)]
    new = []
    counts = {loop.var: int_value(simplify(loop.upper - loop.lower)) for loop in loops}
    still = {loop.var: loop for loop in loops if counts[loop.var] not in (0, 1)}
    moving: dict[Var, list[int]] = {}
    for dimension, window in enumerate(windows):
        used = [loop for loop in loops if any(v is loop.var for v in free_vars(window.lower))]
        for loop in used:
            still.pop(loop.var, None)
        if used:
            moving.setdefault(used[-1].var, []).append(dimension)
        new.append(_rest(name, window, used, between) if used else window)
    if still and not any(int_value(window.extent) == 0 for window in windows):
        loop = next(iter(still.values()))
        raise ScheduleError(
            f"{name!r} has its room outside of loop {loop.var.name!r}, every iteration of which "
            f"would compute the same part of it; compute it outside of that loop, or store it "
            f"inside, s[{name}].store_at(…)"
        )
    inner = next((moving[loop.var] for loop in reversed(loops) if loop.var in moving), [])
    return Slide(tuple(window.extent for window in windows), tuple(inner)), tuple(new)


def _rest(name: str, window: Window, loops: Sequence[Loop], place: Place) -> Window:
    """Return ``window`` without what the iteration before has computed."""
    last = loops[-1]
    back = {last.var: last.var - last.step}
    way = direction(window.lower, last.var)
    if way is None or way == 0:
        raise ScheduleError(
            f"{name!r} has its room outside of loop {last.var.name!r}, in which the part of it "
            f"that is needed begins at {window.lower}, and may go to and fro; store it inside of "
            f"that loop, s[{name}].store_at(…)"
        )
    # Before the first iteration there is none, nor where a guard keeps the one before away.
    is_first = all_of([Binary("eq", loop.var, loop.lower) for loop in loops])
    kept_away = [
        Binary("lt", substitute(part.a, back), substitute(part.b, back))
        for part in place
        if isinstance(part, Binary) and part.op == "ge" and _falls(part, last.var)
    ]
    is_first = simplify(any_of([is_first, *kept_away]))
    before = substitute(window.lower, back)
    if way > 0:
        known = simplify(Binary("max", ZERO, before + window.extent - window.lower))
        return window if known is ZERO else replace(window, start=IfThenElse(is_first, ZERO, known))
    fresh = simplify(Binary("min", window.extent, before - window.lower))
    if fresh is window.extent:
        return window
    return replace(window, stop=IfThenElse(is_first, window.extent, fresh))


def _falls(guard: Binary, var: Var) -> bool:
    """Whether ``guard``, ``a >= b``, may hold of an iteration and not of the one before."""
    return direction(guard.a - guard.b, var) != 0


def folds_of(state: State, name: str, windows: Sequence[Window], slide: Slide | None) -> Folds:
    """Return after how many cells each dimension of the room of ``name`` is used again.

    Raises
    ------
    ScheduleError
        There is no dimension to roll along, or its extent is not a number.
    """
    asked = state.rolled.get(name)
    if asked is None:
        return (None,) * len(windows)
    if slide is None:
        if asked.axis is None and asked.extent is None:
            raise ScheduleError(
                f"{name!r} cannot roll: it has its room in the loop that it is computed in, and "
                f"does not slide; put it further out, s[{name}].store_at(…)"
            )
        slide = Slide(tuple(window.extent for window in windows))
    axis = asked.axis
    if axis is None and not slide.inner:  # there is one iteration only
        return (None,) * len(windows)
    if axis is None:
        if len(slide.inner) > 1:
            along = ", ".join(map(str, slide.inner))
            raise ScheduleError(
                f"{name!r} cannot roll: several of its dimensions slide along one loop, "
                f"{along}; say which one to roll along, axis=…"
            )
        (axis,) = slide.inner
    extent = asked.extent if asked.extent is not None else int_value(slide.extents[axis])
    if extent is None:
        raise ScheduleError(
            f"{name!r} cannot roll: what is needed of it at a time is {slide.extents[axis]} long, "
            f"which is known only at run time; say how long the room is to be, extent=…"
        )
    if asked.extent is None and axis == len(windows) - 1:
        # The remainder is taken for every element there, and by a power of two it is a mask: 2.3
        # times faster for windows of 3 float32 on Zen 3. By row it costs nothing that is seen.
        extent = 1 << max(0, extent - 1).bit_length()
    room = int_value(windows[axis].extent)
    is_short = room is not None and room <= extent
    return tuple(None if k != axis or is_short else max(1, extent) for k in range(len(windows)))
