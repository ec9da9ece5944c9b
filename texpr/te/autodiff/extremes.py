"""The adjoint of ``min``, ``max``, ``argmin`` and ``argmax``: the element chosen takes it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Select, Var, free_vars
from texpr.ir.functions import all_of
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.te.autodiff.elimination import Equation
from texpr.te.autodiff.reduced import Reduced, fresh_axes, is_exact
from texpr.te.autodiff.terms import Adjoint, Term, terms
from texpr.te.reducers import argmax, argmin
from texpr.te.reducers import min as least
from texpr.te.reduction import Reduce
from texpr.te.tensor import Tensor

_START: Final = Const(INT64.min, INT64)
"""The place of an extreme that is ``init=``."""
_NONE: Final = Const(INT64.max, INT64)
"""The place where there is nothing."""

Rule = Callable[[dict[Var, Expr]], Reduce]


def extreme_terms(reduced: Reduced, kind: str, adjoint: Adjoint) -> Iterator[Term]:
    """Yield the terms of a reduction by ``kind``; where the extreme stands is a stage."""
    part, at = reduced.part, reduced.data
    places = _places(reduced)
    chosen = [Load(tensor, at) for tensor in _chosen_places(reduced, kind, places)]
    yield from terms(
        part.values[-1],
        adjoint,
        at,
        reduced.loops,
        reduced.live,
        where=reduced.where,
        equations=[*map(Equation, places, chosen)],
    )
    if part.init is not None:
        is_start = (Binary("eq", chosen[0], _START),)
        yield from terms(part.init[-1], adjoint, at, reduced.op.axis, reduced.live, where=is_start)


def _places(reduced: Reduced) -> list[Expr]:
    """Return what tells the elements apart: their number, or the axes where that is not linear."""
    axes = reduced.part.axis
    inner = {axis.var for axis in axes}
    number: Expr = axes[0].var
    for axis in axes[1:]:
        if inner & {*free_vars(axis.lower, axis.upper)}:
            return [axis.var for axis in axes]
        number = number * axis.extent + (axis.var - axis.lower)
    return [simplify(number)]


def _chosen_places(reduced: Reduced, kind: str, places: Sequence[Expr]) -> tuple[Tensor, ...]:
    """Return tensors that hold the ``places`` of the extreme, the first of equal ones."""
    part = reduced.part
    if part.init is None and [*map(id, part.values[:-1])] == [*map(id, places)]:
        return tuple(reduced.outputs[:-1])  # an argmax tells it by itself
    compared = (part.values[-1], *(part.init or ())[-1:])
    if len(places) == 1 and all(map(is_exact, compared)):
        return reduced.stage("at", _first_equal(reduced, places[0]))
    return reduced.stage("at", _argument(reduced, kind, places))[:-1]


def _first_equal(reduced: Reduced, place: Expr) -> Rule:
    """Return the rule for the first element that equals the result: of what was copied, one does.

    A NaN among the elements is the result, and equals nothing.
    """
    part, result = reduced.part, Load(reduced.outputs[-1], reduced.data)

    def is_result(x: Expr) -> Expr:
        return Binary("or", Binary("eq", x, result), Binary("ne", x, x))

    start = None if part.init is None else Select(is_result(part.init[-1]), _START, _NONE)
    test = all_of([*reduced.where, is_result(part.values[-1])])

    def rule(new: dict[Var, Expr]) -> Reduce:
        axes = fresh_axes(part.axis, new)
        init = None if start is None else substitute(start, new)
        found = least(substitute(place, new), axis=axes, where=substitute(test, new), init=init)
        assert isinstance(found, Reduce)
        return found

    return rule


def _argument(reduced: Reduced, kind: str, places: Sequence[Expr]) -> Rule:
    """Return the rule for the places beside the extreme itself.

    What is rounded need not come out the same when it is computed again, so nothing is compared.
    """
    part = reduced.part

    def rule(new: dict[Var, Expr]) -> Reduce:
        axes = fresh_axes(part.axis, new)
        init = None
        if part.init is not None:
            init = (*(_START for _ in places), substitute(part.init[-1], new))
        where = None if part.where is None else substitute(part.where, new)
        values = tuple(substitute(value, new) for value in (*places, part.values[-1]))
        place = argmax if kind == "max" else argmin
        found: Reduce = place(values, axes, where=where, init=init)
        return found

    return rule
