"""Split a loop in two, or in more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import mul
from random import Random
from typing import Any, Final

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.expr import Expr, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.padding import rounded_up
from texpr.schedule.partition import obstacle, parted
from texpr.schedule.primitives.cache_read import MAX_STAGES
from texpr.schedule.relations import ShiftedSplit, Split
from texpr.schedule.state import State, loop_node

# Sums and products with an extent still fit int64.
MAX_FACTOR = 1 << 31

TAILS: Final = ("guard", "cut", "shift_inwards", "round_up")
"""What becomes of the iterations that fill no whole part."""


def apply(
    state: State,
    stage: str,
    parent: IterVar,
    factor: int | None = None,
    nparts: int | None = None,
    factors: Sequence[int | None] | None = None,
    tail: str = "guard",
) -> tuple[State, tuple[IterVar, ...]]:
    """Make several loops of ``parent``; see :meth:`texpr.schedule.stage.Stage.split`."""
    extents = _extents(state, parent, factor, nparts, factors)
    node = state.node(stage, parent)
    if node.kind is not LoopKind.SERIAL:
        raise ScheduleError(
            f"split: loop {parent.name!r} is {node.kind.value} already; "
            f"split it first and mark one of the parts"
        )
    if tail not in TAILS:
        near = did_you_mean(str(tail), TAILS)
        raise ScheduleError(
            f"split: no tail {shown(tail)} of loop {parent.name!r}{near}; "
            f"it is one of {', '.join(map(repr, TAILS))}"
        )
    whole = reduce(mul, (extent for extent in extents if extent is not None))
    if tail != "guard" and extents[-1] is None and int_value(state.extent(parent)) is None:
        raise ScheduleError(
            f"split: tail={tail!r} of loop {parent.name!r}, which is to be in parts by their "
            f"number, needs an extent that is known now, and {state.extent(parent)} is not; pass "
            f"factor="
        )
    if tail == "cut":
        state, parent = _cut(state, stage, parent, whole)
    if tail == "round_up":
        what = f"split: tail='round_up' of loop {parent.name!r}"
        state, parent = rounded_up(what, state, stage, parent, whole)
    if tail == "shift_inwards":
        _check_shift(state, stage, parent, extents)
    return _split(state, stage, parent, extents, is_shifted=tail == "shift_inwards")


def _extents(
    state: State,
    parent: IterVar,
    factor: int | None,
    nparts: int | None,
    factors: Sequence[int | None] | None,
) -> tuple[int | None, ...]:
    """Return how often each loop is to run, outermost first; None for what follows from others."""
    words = {"factor=": factor, "nparts=": nparts, "factors=": factors}
    given = [word for word, value in words.items() if value is not None]
    if len(given) != 1:
        both = " and ".join(given)
        if len(given) == 2 and factors is None:
            both = "both factor= and nparts="
        raise ScheduleError(
            f"split: loop {parent.name!r} was given {both or 'neither factor= nor nparts='}; "
            f"pass one of them"
        )
    if factors is None:
        word, value = ("factor", factor) if factor is not None else ("nparts", nparts)
        number = checked_number(state, "split", word, value, parent)
        return (None, number) if factor is not None else (number, None)
    if not isinstance(factors, (list, tuple)) or len(factors) < 2:
        raise ScheduleError(
            f"split: factors {shown(factors)} of loop {parent.name!r} make no two loops; "
            f"pass a list such as [4, None, 8], outermost first"
        )
    found = tuple(
        None if one is None else checked_number(state, "split", "factor", one, parent)
        for one in factors
    )
    if found.count(None) > 1:
        raise ScheduleError(
            f"split: {found.count(None)} factors of loop {parent.name!r} are None; one follows "
            f"from the others, so leave one at most open"
        )
    if None in found:
        return found
    extent, product = state.extent(parent), reduce(mul, (one for one in found if one))
    size = int_value(extent)
    if size is None or product < size:
        why = "is known only at run time" if size is None else f"is more than {product}"
        raise ScheduleError(
            f"split: the extent {extent} of loop {parent.name!r} {why}; "
            f"leave one of factors={list(found)} open, such as the first: None"
        )
    return (None, *found[1:])


def _split(
    state: State, stage: str, parent: IterVar, extents: Sequence[int | None], *, is_shifted: bool
) -> tuple[State, tuple[IterVar, ...]]:
    relation = ShiftedSplit if is_shifted else Split
    made: list[IterVar] = []
    for k in range(len(extents)):
        suffix = ("o", "i")[k] if len(extents) == 2 else str(k)
        state, axis = state.fresh_axis(stage, f"{parent.name}_{suffix}", is_reduce=parent.is_reduce)
        made.append(axis)
    # Inner loops are split off first, then outer ones; between them is what has no number.
    whole, outermost, innermost = parent, 0, len(extents) - 1
    while outermost < innermost:
        count, is_parts = extents[innermost], extents[innermost] is None
        rest = IterVar(parent.name, is_reduce=parent.is_reduce)
        if innermost - outermost == 1:
            rest = made[innermost if is_parts else outermost]
        pair = (rest, made[innermost])
        if is_parts:
            count, pair = extents[outermost], (made[outermost], rest)
            outermost += 1
        else:
            innermost -= 1
        assert count is not None
        state = state.with_relation(relation(whole, *pair, count, is_parts))
        whole = rest

    notes = state.node(stage, parent).annotations

    def change(loop: Any) -> Any:
        nest = loop.children
        for axis in reversed(made[1:]):
            nest = (loop_node(axis, *nest),)
        return loop_node(made[0], *nest, annotations=notes)

    return state.edit(parent, change), tuple(made)


def _cut(state: State, stage: str, parent: IterVar, whole: int) -> tuple[State, IterVar]:
    """Return the state in which ``parent`` runs whole parts only, and that loop."""
    extent = state.extent(parent)
    size = int_value(extent)
    if size is not None and size % whole == 0:
        return state, parent
    full: Expr | int = extent // whole * whole if size is None else size // whole * whole
    state, (parent, _) = parted("split: tail='cut'", state, stage, parent, [full])
    return state, parent


def _check_shift(state: State, stage: str, parent: IterVar, extents: Sequence[int | None]) -> None:
    what = f"split: tail='shift_inwards' of loop {parent.name!r}"
    if parent.is_reduce:
        raise ScheduleError(
            f"{what}, which reduces, would add some terms twice; take tail='guard' or 'cut'"
        )
    if any(var in state.declared.axis_of for var in free_vars(state.extent(parent))):
        raise ScheduleError(f"{what}: its range depends on another loop; take tail='guard'")
    if len(extents) > 2:
        raise ScheduleError(f"{what}: it shifts the last of two loops; split by factor=, and again")


def checked_number(state: State, what: str, word: str, given: object, axis: IterVar) -> int:
    """Return a number of iterations or parts of a loop, called ``word`` in errors.

    Raises
    ------
    ScheduleError
        It is no integer, less than 1, or more than any loop runs.
    """
    extent = state.extent(axis)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ScheduleError(
            f"{what}: {word} {shown(given)} of loop {axis.name!r} (extent {extent}) is no number "
            f"that is known now; pass an int"
        )
    if given > MAX_FACTOR:
        raise ScheduleError(
            f"{what}: {word} {given} of loop {axis.name!r} (extent {extent}) is more than any "
            f"loop runs; pass at most {MAX_FACTOR}"
        )
    if given < 1:
        raise ScheduleError(
            f"{what}: {word} {given} of loop {axis.name!r} (extent {extent}) must be at least 1"
        )
    return given


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Split any serial loop by a small factor, into few parts, or in three; with any tail."""
    loops = [node.axis for node in state.path(stage) if node.kind is LoopKind.SERIAL]
    if not loops:
        return None
    loop, word = random.choice(loops), random.choice(["factor", "factor", "factor", "nparts"])
    values: dict[str, Any] = {word: random.choice([1, 2, 3, 4, 5, 8])}
    if not random.randrange(6):
        # Parts by their number, of a size known at run time, are products that isl cannot hold.
        by_number = [] if int_value(state.extent(loop)) is None else [[2, None, 2], [2, 2, None]]
        values = {"factors": random.choice([[None, 2, 3], [None, 2, 2], *by_number])}
    tail = random.choice(["guard", "guard", *TAILS])
    many = len(state.declared.stages) > MAX_STAGES or obstacle(state, stage, loop) is not None
    if tail != "guard" and not (tail == "cut" and many):
        values["tail"] = tail
    return (loop,), values
