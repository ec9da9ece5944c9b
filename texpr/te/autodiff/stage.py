"""The tensor that sums the terms of one adjoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from texpr.ir.dtypes import promote
from texpr.ir.expr import Const, Expr, IfThenElse, Load, Unary, Var, cast, free_vars
from texpr.ir.functions import all_of, if_then_else
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import TRUE, ZERO
from texpr.ir.simplify.compare import FALSE
from texpr.ir.simplify.engine import simplified
from texpr.ir.simplify.statements import inside_loops
from texpr.ir.visitor import substitute
from texpr.te.autodiff.access import needed, solve
from texpr.te.autodiff.elimination import Equation, reads
from texpr.te.autodiff.reduced import fresh_axes
from texpr.te.autodiff.tangent import is_zero
from texpr.te.autodiff.terms import Adjoint, Term
from texpr.te.declare import compute
from texpr.te.reducers import sum as sum_over
from texpr.te.tensor import Tensor


@dataclass(frozen=True, eq=False)
class _Contribution:
    """``value`` where ``conditions`` hold, summed over ``loops``."""

    loops: tuple[IterVar, ...]
    conditions: tuple[Expr, ...]
    value: Expr

    def guarded(self) -> Expr:
        """Return the value, or 0 where the conditions do not hold."""
        if not self.conditions:
            return self.value
        return if_then_else(all_of(self.conditions), self.value, Const(0, self.value.dtype))


class AdjointStage:
    """The operations by which the adjoint of ``tensor`` is computed."""

    def __init__(self, tensor: Tensor, prefix: Sequence[IterVar], terms: Sequence[Term]) -> None:
        self.of, self.terms = tensor, terms
        own = zip(dimension_names(tensor, terms), tensor.shape, strict=True)
        self.names: list[str] = []
        self.axis: list[IterVar] = []
        for name, extent in (*((p.name, p.extent) for p in prefix), *own):
            self.names.append(unique_name(name, self.names))
            self.axis.append(IterVar(self.names[-1], (ZERO, extent)))
        self.cell = [axis.var for axis in self.axis[len(prefix) :]]
        self.at_prefix: dict[Var, Var] = {
            old.var: new.var for old, new in zip(prefix, self.axis, strict=False)
        }

    @property
    def name(self) -> str:
        return f"d{self.of.name}"

    def adjoint(self, *, is_wanted: bool) -> Adjoint | None:
        """Return the sum of all terms, None where it is 0.

        What needs no loop is one expression; each sum over loops starts from what came before. A
        number, or an element of another tensor, has a tensor of its own only if it ``is_wanted``.
        """
        found = [part for term in self.terms if (part := self._contribution(term)) is not None]
        total: Expr | None = None
        for part in found:
            if not part.loops:
                total = part.guarded() if total is None else total + part.guarded()
        made: Tensor | None = None
        sums = [part for part in found if part.loops]
        for count, part in enumerate(sums, 1):
            kind = part.value.dtype if total is None else promote(part.value.dtype, total.dtype)
            is_last = count == len(sums) and kind is self.of.dtype
            name = self.name if is_last else f"{self.name}_{count}"
            made = self._reduced(name, part, cast(part.value, kind), total)
            total = Load(made, [axis.var for axis in self.axis])
        if total is None:
            return None
        is_view = isinstance(total, (Load, Const)) and not is_wanted
        if total.dtype is not self.of.dtype or (made is None and not is_view):
            made = self.plain(total)
        if made is not None:
            total = Load(made, [axis.var for axis in self.axis])
        to_prefix = {new: old for old, new in self.at_prefix.items()}
        value = substitute(total, to_prefix)
        return Adjoint(self.of, tuple(self.at_prefix), tuple(self.cell), value, made)

    def plain(self, value: Expr) -> Tensor:
        """Return the tensor of ``value``, an expression of the axes."""
        own = cast(value, self.of.dtype)
        return self._computed(self.name, lambda new: substitute(own, new))

    def _reduced(self, name: str, part: _Contribution, value: Expr, start: Expr | None) -> Tensor:
        def rule(new: dict[Var, Expr]) -> Any:
            init = None if start is None else substitute(start, new)
            axes = fresh_axes(part.loops, new, self.names)
            where = substitute(all_of(part.conditions), new) if part.conditions else None
            return sum_over(substitute(value, new), axis=axes, where=where, init=init)

        return self._computed(name, rule)

    def _computed(self, name: str, rule: Callable[[dict[Var, Expr]], Any]) -> Tensor:
        def at(*indices: Expr) -> Any:
            return rule({a.var: i for a, i in zip(self.axis, indices, strict=True)})

        shape = [axis.extent for axis in self.axis]
        made = compute(shape, at, name=name, varargs_names=self.names)
        assert isinstance(made, Tensor)
        return made

    def _contribution(self, term: Term) -> _Contribution | None:
        """Return what a term adds to one cell, None where that is 0."""
        is_defined = term.guard is TRUE and not term.where
        cell = zip(term.leaf.indices, self.cell, strict=True)
        equations = [
            *(Equation(index, own, is_defined) for index, own in cell),
            *(Equation(e.left, substitute(e.right, self.at_prefix)) for e in term.equations),
        ]
        found = solve(term.loops, equations, self.axis)
        old = [*term.where, *([term.guard] if found.unread else [])]
        conditions = [
            *found.conditions,
            *(substitute(condition, found.values) for condition in old),
            *found.unread,
        ]
        value = substitute(term.value, {**self.at_prefix, **found.values})
        while isinstance(value, IfThenElse):
            test, then, other = value.children
            if not (is_zero(then) or is_zero(other)):
                break
            conditions.append(test if is_zero(other) else Unary("not", test))
            value = then if is_zero(other) else other
        loops = [*self.axis, *found.loops]
        context = inside_loops(loops)
        kept = needed(conditions, context, loops)
        if FALSE in {*kept}:
            return None
        return _Contribution(found.loops, kept, simplified(value, context))


def dimension_names(tensor: Tensor, terms: Iterable[Term]) -> list[str]:
    """Name the dimensions of a tensor: as the axes that compute it, or by which it is read."""
    if tensor.axis:
        return [axis.name for axis in tensor.axis]
    names: dict[int, str] = {}
    for term in terms:
        for position, index in enumerate(term.leaf.indices):
            read_by = [] if reads(index) else [v.name for v in free_vars(index) if v.is_axis]
            if read_by:
                names.setdefault(position, read_by[0])
    return [names.get(position, f"i{position}") for position in range(tensor.ndim)]
