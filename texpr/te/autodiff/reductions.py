"""The adjoints of reductions: sums, the choice of an extreme, and any other combination."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from texpr.errors import TexprError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import (
    Binary,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
    free_vars,
    postorder,
)
from texpr.ir.functions import all_of, any_of
from texpr.ir.itervar import IterVar
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.te.autodiff.elimination import Equation
from texpr.te.autodiff.terms import Adjoint, Term, loads, terms
from texpr.te.declare import compute
from texpr.te.program import unique_name
from texpr.te.reducers import argmax, argmin
from texpr.te.reducers import min as least
from texpr.te.reduction import Reduce
from texpr.te.tensor import ComputeOp, Tensor

_START: Final = Const(INT64.min, INT64)
"""The index by which an argmax says that ``init=`` was the extreme."""


def reduction_terms(
    op: ComputeOp, adjoints: Sequence[Adjoint | None], live: Collection[Tensor]
) -> Iterator[Term]:
    """Yield the terms of an operation that reduces, given the adjoint of each of its outputs."""
    assert isinstance(op.body, Reduce)
    first = 0
    for part in op.body.parts:
        place = slice(first, first + len(part.values))
        if any(adjoint is not None for adjoint in adjoints[place]):
            yield from _Reduction(op, part, op.outputs[place], live).terms(adjoints[place])
        first = place.stop


class _Reduction:
    """One reduction of an operation, which may hold several side by side."""

    def __init__(
        self, op: ComputeOp, part: Reduce, outputs: Sequence[Tensor], live: Collection[Tensor]
    ) -> None:
        self.op, self.part, self.outputs, self.live = op, part, outputs, live
        self.data = tuple(axis.var for axis in op.axis)
        self.loops = (*op.axis, *part.axis)
        self.where = () if part.where is None else (part.where,)
        self.names = [axis.name for axis in op.axis]

    def terms(self, adjoints: Sequence[Adjoint | None]) -> Iterator[Term]:
        """Yield the terms, given the adjoint of each component; of an extreme, of its value."""
        kind, last = self._kind(), adjoints[-1]
        if kind is None:
            yield from self._fold(adjoints)
        elif last is not None:
            yield from self._sum(last) if kind == "add" else self._extreme(kind, last)

    def _kind(self) -> str | None:
        """Which of ``add``, ``max`` and ``min`` the values are combined by."""
        reducer, values = self.part.reducer, self.part.values
        if reducer.extreme is not None or len(values) > 1:
            return reducer.extreme
        x, y = Var("x", values[0].dtype), Var("y", values[0].dtype)
        (combined,) = reducer.combine((x,), (y,))
        if not isinstance(combined, Binary) or {*combined.children} != {x, y}:
            return None
        return combined.op if combined.op in {"add", "max", "min"} else None

    def _sum(self, adjoint: Adjoint) -> Iterator[Term]:
        (value,) = self.part.values
        yield from terms(value, adjoint, self.data, self.loops, self.live, where=self.where)
        if self.part.init is not None:
            yield from terms(self.part.init[0], adjoint, self.data, self.op.axis, self.live)

    # ------------------------------------------------------------ min, max, argmin, argmax

    def _extreme(self, kind: str, adjoint: Adjoint) -> Iterator[Term]:
        """The element that was chosen takes it all; which one that is, is a stage of its own."""
        places = self._places()
        chosen = [Load(index, self.data) for index in self._indices(kind, places)]
        value, init = self.part.values[-1], self.part.init
        yield from terms(
            value,
            adjoint,
            self.data,
            self.loops,
            self.live,
            where=self.where,
            equations=[*map(Equation, places, chosen)],
        )
        if init is not None:
            is_start = (Binary("eq", chosen[0], _START),)
            yield from terms(init[-1], adjoint, self.data, self.op.axis, self.live, where=is_start)

    def _places(self) -> list[Expr]:
        """Return what tells the elements apart: their number, or the axes where none is linear."""
        axes = self.part.axis
        reduced = {axis.var for axis in axes}
        number: Expr = axes[0].var
        for axis in axes[1:]:
            if reduced & {*free_vars(axis.lower, axis.upper)}:
                return [axis.var for axis in axes]
            number = number * axis.extent + (axis.var - axis.lower)
        return [simplify(number)]

    def _indices(self, kind: str, places: Sequence[Expr]) -> tuple[Tensor, ...]:
        """Return tensors that hold the ``places`` of the extreme, the first of equal ones."""
        part = self.part
        if part.init is None and [*map(id, part.values[:-1])] == [*map(id, places)]:
            return tuple(self.outputs[:-1])  # an argmax tells it by itself
        init = None if part.init is None else part.init[-1]
        can_compare = len(places) == 1 and _is_exact(part.values[-1])
        if can_compare and (init is None or _is_exact(init)):
            rule = self._first_equal(places[0], init)
        else:
            rule = self._argument(kind, places, init)
        name = f"{self.op.name}_at"
        made = compute(self.outputs[0].shape, rule, name=name, varargs_names=self.names)
        return (made,) if isinstance(made, Tensor) else tuple(made[:-1])

    def _first_equal(self, place: Expr, init: Expr | None) -> Callable[..., Reduce]:
        """The first element that equals the result: it was copied, so it does to the bit."""
        value, result = self.part.values[-1], Load(self.outputs[-1], self.data)
        is_equal = Binary("or", Binary("eq", value, result), Binary("ne", value, value))
        start = None
        if init is not None:
            is_start = Binary("or", Binary("eq", init, result), Binary("ne", init, init))
            start = Select(is_start, _START, Const(INT64.max, INT64))

        def rule(*at: Expr) -> Reduce:
            new = dict(zip(self.data, at, strict=True))
            axes = fresh_axes(self.part.axis, new)
            where = substitute(all_of([*self.where, is_equal]), new)
            own_start = None if start is None else substitute(start, new)
            found = least(substitute(place, new), axis=axes, where=where, init=own_start)
            assert isinstance(found, Reduce)
            return found

        return rule

    def _argument(
        self, kind: str, places: Sequence[Expr], init: Expr | None
    ) -> Callable[..., Reduce]:
        """The places beside the extreme: what is computed again need not be equal to the bit."""
        part = self.part

        def rule(*at: Expr) -> Reduce:
            new = dict(zip(self.data, at, strict=True))
            axes = fresh_axes(part.axis, new)
            start = None if init is None else (*(_START for _ in places), substitute(init, new))
            where = None if part.where is None else substitute(part.where, new)
            values = tuple(substitute(value, new) for value in (*places, part.values[-1]))
            return (argmax if kind == "max" else argmin)(values, axes, where=where, init=start)

        return rule

    # ------------------------------------------------------------ other combinations

    def _fold(self, adjoints: Sequence[Adjoint | None]) -> Iterator[Term]:
        """The result is ``combine(all the others, v)`` for each element v, by commutativity.

        This takes n*n steps for n elements, but is right for whatever is combined.
        """
        part = self.part
        others = [Load(tensor, self._own_cell()) for tensor in self._others()]
        combined = part.reducer.combine(others, part.values)
        for root, adjoint in zip(combined, adjoints, strict=True):
            if adjoint is not None:
                yield from terms(root, adjoint, self.data, self.loops, self.live, where=self.where)
        if part.init is None or not any(map(self._is_live, part.init)):
            return
        combined = part.reducer.combine(
            [Load(tensor, self.data) for tensor in self._without_init()], part.init
        )
        for root, adjoint in zip(combined, adjoints, strict=True):
            if adjoint is not None:
                yield from terms(root, adjoint, self.data, self.op.axis, self.live)

    def _is_live(self, expr: Expr) -> bool:
        return any(True for _ in loads(expr, self.live))

    def _own_cell(self) -> tuple[Expr, ...]:
        return (*self.data, *(axis.var - axis.lower for axis in self.part.axis))

    def _others(self) -> tuple[Tensor, ...]:
        """Return, for each element, the reduction of all elements but that one."""
        part = self.part
        for axis in part.axis:
            depends = next((v.name for v in free_vars(axis.lower, axis.upper) if v.is_axis), None)
            if depends is not None:
                raise TexprError(
                    f"gradient: {self.op.name} reduces by {part.reducer.name!r} over "
                    f"{axis.name!r}, whose range depends on {depends!r}; make it a constant range "
                    f"and pass the condition as where="
                )

        def rule(*at: Expr) -> Reduce:
            here = at[len(self.data) :]
            new = dict(zip(self.data, at[: len(self.data)], strict=True))
            axes = fresh_axes(part.axis, new)
            differ = any_of(
                Binary("ne", axis.var, axis.lower + own)
                for axis, own in zip(axes, here, strict=True)
            )
            conditions = [differ, *(substitute(test, new) for test in self.where)]
            where = conditions[0] if len(conditions) == 1 else Binary("and", *conditions)
            return self._with(new, axes, where, part.init)

        extents = [axis.extent for axis in part.axis]
        made = compute(
            (*self.outputs[0].shape, *extents),
            rule,
            name=f"{self.op.name}_others",
            varargs_names=[*self.names, *(f"{axis.name}_0" for axis in part.axis)],
        )
        return made if isinstance(made, tuple) else (made,)

    def _without_init(self) -> tuple[Tensor, ...]:
        """Return the reduction, begun with its neutral element."""

        def rule(*at: Expr) -> Reduce:
            new = dict(zip(self.data, at, strict=True))
            axes = fresh_axes(self.part.axis, new)
            where = None if self.part.where is None else substitute(self.part.where, new)
            return self._with(new, axes, where, None)

        name = f"{self.op.name}_elements"
        made = compute(self.outputs[0].shape, rule, name=name, varargs_names=self.names)
        return made if isinstance(made, tuple) else (made,)

    def _with(
        self,
        new: dict[Var, Expr],
        axes: Sequence[IterVar],
        where: Expr | None,
        init: tuple[Expr, ...] | None,
    ) -> Reduce:
        values = tuple(substitute(value, new) for value in self.part.values)
        start = None if init is None else tuple(substitute(value, new) for value in init)
        return Reduce(self.part.reducer, values, tuple(axes), where, start)


def fresh_axes(
    axes: Sequence[IterVar], new: dict[Var, Expr], taken: Sequence[str] = ()
) -> list[IterVar]:
    """Return axes of the same ranges for another operation, and put them into ``new``.

    Their names are none of those ``taken``.
    """
    made: list[IterVar] = []
    for axis in axes:
        dom = (substitute(axis.lower, new), substitute(axis.upper, new))
        name = unique_name(axis.name, {*taken, *(one.name for one in made)})
        made.append(IterVar(name, dom, is_reduce=True))
        new[axis.var] = made[-1].var
    return made


def _is_exact(expr: Expr) -> bool:
    """Whether ``expr`` is the same wherever it is computed: nothing in it is rounded."""
    return all(
        isinstance(node, (Load, Const, Var, Unary, Select, IfThenElse))
        or not node.dtype.is_float
        or (isinstance(node, Binary) and node.op in {"min", "max"})
        for node in postorder(expr)
    )
