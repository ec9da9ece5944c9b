"""The adjoint of any other combination: of each element beside the reduction of all the others.

A reduction is ``combine(others, v)`` for each element v, since it is commutative and associative.
That is right for whatever is combined, to any order, but takes n*n steps for n elements. Of a
product, the others are the result divided by v, but where v is 0 or the result is not finite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from texpr.errors import TexprError
from texpr.ir.expr import Binary, Const, Expr, Load, Unary, Var, free_vars
from texpr.ir.functions import all_of, any_of, call, if_then_else
from texpr.ir.itervar import IterVar
from texpr.ir.visitor import substitute
from texpr.te.autodiff.reduced import Reduced, fresh_axes, is_exact
from texpr.te.autodiff.terms import Adjoint, Term, loads, terms
from texpr.te.reduction import Reduce


def fold_terms(reduced: Reduced, adjoints: Sequence[Adjoint | None]) -> Iterator[Term]:
    """Yield the terms of a reduction, given the adjoint of each component.

    Raises
    ------
    TexprError
        A range depends on another axis.
    """
    part, live = reduced.part, reduced.live
    _check_ranges(reduced)
    others = _others_of_product(reduced) if reduced.operator() == "mul" else _others(reduced)
    combined = part.reducer.combine(others, part.values)
    for root, adjoint in zip(combined, adjoints, strict=True):
        if adjoint is not None:
            yield from terms(root, adjoint, reduced.data, reduced.loops, live, where=reduced.where)
    if part.init is None or not any(any(True for _ in loads(one, live)) for one in part.init):
        return

    def without_start(new: dict[Var, Expr]) -> Reduce:
        axes = fresh_axes(part.axis, new)
        return _over(part, new, axes, reduced.where, None)

    elements = [Load(one, reduced.data) for one in reduced.stage("elements", without_start)]
    for root, adjoint in zip(part.reducer.combine(elements, part.init), adjoints, strict=True):
        if adjoint is not None:
            yield from terms(root, adjoint, reduced.data, reduced.op.axis, live)


def _check_ranges(reduced: Reduced) -> None:
    for axis in reduced.part.axis:
        depends = next((v.name for v in free_vars(axis.lower, axis.upper) if v.is_axis), None)
        if depends is not None:
            raise TexprError(
                f"gradient: {reduced.op.name} reduces by {reduced.part.reducer.name!r} over "
                f"{axis.name!r}, whose range depends on {depends!r}; make it a constant range "
                f"and pass the condition as where="
            )


def _others(reduced: Reduced) -> Sequence[Expr]:
    """Return, at each element, the reduction of all elements but that one."""
    part = reduced.part

    def rule(here: dict[Var, Expr]) -> Reduce:
        new = dict(here)
        axes = fresh_axes(part.axis, new)
        conditions = [_differ(part.axis, new, here), *reduced.where]
        return _over(part, new, axes, conditions, part.init)

    return reduced.element_stage("others", rule)


def _others_of_product(reduced: Reduced) -> Sequence[Expr]:
    """Return, at each element, the product of all elements but that one.

    Where it is the quotient, no loop runs.
    """
    part = reduced.part
    (value,), dtype = part.values, part.values[0].dtype
    one = Const(1, dtype)
    if not is_exact(value):  # whether it is 0 is to be the same wherever that is asked
        whole = value
        if part.where is not None:
            whole = if_then_else(part.where, value, one)
        (value,) = reduced.element_stage("elements", lambda here: substitute(whole, here))
    result = Load(reduced.outputs[0], reduced.data)
    can_divide = Binary("and", Binary("ne", value, Const(0, dtype)), call("isfinite", result))

    def rule(here: dict[Var, Expr]) -> Reduce:
        new = dict(here)
        axes = fresh_axes(part.axis, new)
        divides = substitute(all_of([*reduced.where, can_divide]), here)
        start = one if part.init is None else substitute(part.init[0], here)
        quotient = substitute(Binary("div", result, value), here)
        conditions = [
            *(substitute(test, here) for test in reduced.where),
            Unary("not", substitute(can_divide, here)),
            _differ(part.axis, new, here),
            *(substitute(test, new) for test in reduced.where),
        ]
        return Reduce(
            part.reducer,
            (substitute(value, new),),
            tuple(axes),
            all_of(conditions),
            (if_then_else(divides, quotient, start),),
        )

    return reduced.element_stage("others", rule)


def _differ(axes: Sequence[IterVar], new: dict[Var, Expr], here: dict[Var, Expr]) -> Expr:
    return any_of(Binary("ne", new[axis.var], here[axis.var]) for axis in axes)


def _over(
    part: Reduce,
    new: dict[Var, Expr],
    axes: Sequence[IterVar],
    conditions: Sequence[Expr],
    init: tuple[Expr, ...] | None,
) -> Reduce:
    """Return ``part`` over other axes and under other conditions."""
    values = tuple(substitute(value, new) for value in part.values)
    start = None if init is None else tuple(substitute(value, new) for value in init)
    where = substitute(all_of(conditions), new) if conditions else None
    return Reduce(part.reducer, values, tuple(axes), where, start)
