"""Numbers in a symbolic base: ``i*m + j < n*m`` where i < n and j < m.

The simplifier proves what is linear. These orders of products are what the subscripts of flat
arrays of symbolic extents come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from texpr.ir.expr import Binary, Expr, Var, is_const
from texpr.ir.itervar import IterVar
from texpr.ir.linear import Sum, sum_expr
from texpr.ir.program import TRUE
from texpr.ir.simplify.compare import at_least_zero
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.engine import simplified


def is_order_of_digits(condition: Expr, context: Context, loops: Sequence[IterVar]) -> bool:
    """Whether ``condition`` follows from the ranges of ``loops``, as a number and its digits.

    >>> from texpr import te
    >>> from texpr.ir.simplify.statements import inside_loops
    >>> n, m = te.size_var("n"), te.size_var("m")
    >>> i, j, c = (IterVar(name, (te.const(0), n_)) for name, n_ in zip("ijc", (n, m, n * m)))
    >>> place = inside_loops([i, j, c])
    >>> tests = [i.var * m + j.var < n * m, c.var // m < n, c.var % m < m, i.var * m < n]
    >>> [is_order_of_digits(test, place, [i, j, c]) for test in tests]
    [True, True, True, False]
    """
    total = at_least_zero(condition, context)
    if total is None or total.constant != -1:
        return False
    above = [term for term, c in total.terms.items() if c == 1]
    below = {term: 1 for term, c in total.terms.items() if c == -1}
    if len(above) != 1 or len(below) != len(total.terms) - 1:
        return False
    extents = {loop.var: loop.upper for loop in loops if is_const(loop.lower, 0)}
    bound = _factors(above[0])
    if any(context.range_of(factor)[0] < 0 for factor in bound):
        return False
    if len(below) == 1 and all(_is_digit(term, bound, extents, context) for term in below):
        return True
    return _is_number_below(Sum(below), bound, context)


def _is_digit(term: Expr, bound: list[Expr], extents: Mapping[Var, Expr], context: Context) -> bool:
    """Whether ``term`` is ``c // b`` or ``c % b``, below ``bound`` by the extent of c."""
    if not isinstance(term, Binary) or term.op not in {"floordiv", "floormod"}:
        return False
    extent, base = _extent(term.a, extents), _factors(term.b)
    rest = None if extent is None else _without(extent, base)
    if rest is None or any(context.range_of(factor)[0] < 0 for factor in base):
        return False
    # The remainder by a base of 0 does not matter: there is no c below 0.
    return _without(rest if term.op == "floordiv" else base, bound) == []


def _extent(expr: Expr, extents: Mapping[Var, Expr]) -> list[Expr] | None:
    """Return the factors of a product that ``expr``, at least 0, is below."""
    if isinstance(expr, Binary) and expr.op == "floordiv":
        whole = _extent(expr.a, extents)
        return None if whole is None else _without(whole, _factors(expr.b))
    return _factors(extents[expr]) if isinstance(expr, Var) and expr in extents else None


def _is_number_below(number: Sum, bound: list[Expr], context: Context) -> bool:
    """Whether ``x*b + rest < p*b`` since x < p and rest < b."""
    for term in number.terms:
        for position, digit in enumerate(parts := _factors(term)):
            base = parts[:position] + parts[position + 1 :]
            high = _without(bound, base)
            if not base or not high or any(context.range_of(factor)[0] < 0 for factor in base):
                continue
            rest = number.plus(Sum({term: 1}), -1)
            low = len(rest.terms) == 0 or _is_below(rest, base, context)
            if low and _is_below(Sum({digit: 1}), high, context):
                return True
    return False


def _is_below(number: Sum, bound: list[Expr], context: Context) -> bool:
    product = bound[0]
    for factor in bound[1:]:
        product = Binary("mul", product, factor)
    test = Binary("lt", sum_expr(number, product.dtype), product)
    return simplified(test, context) is TRUE or _is_number_below(number, bound, context)


def _factors(expr: Expr) -> list[Expr]:
    if isinstance(expr, Binary) and expr.op == "mul":
        return [*_factors(expr.a), *_factors(expr.b)]
    return [expr]


def _without(factors: list[Expr], others: list[Expr]) -> list[Expr] | None:
    """Return the factors but for ``others``, None where they are not all there."""
    left = list(factors)
    for other in others:
        position = next((n for n, factor in enumerate(left) if factor is other), None)
        if position is None:
            return None
        del left[position]
    return left
