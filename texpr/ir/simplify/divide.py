"""What the divisions share: their plain cases, and dividing a sum."""

from __future__ import annotations

from math import gcd

from texpr.ir.expr import Binary, Const, Expr, Unary
from texpr.ir.linear import Sum
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import int_const


def split_rest(total: Sum, divisor: int, context: Context) -> tuple[int, Sum, Sum] | None:
    """Split ``total`` into multiples of a common factor with ``divisor`` and a small rest.

    Returns
    -------
    (factor, multiples, rest) or None
        ``factor`` is greater than 1 and divides ``divisor`` and every number in ``multiples``;
        ``rest`` is at least 0 and less than ``factor``.
    """
    shares = {term: gcd(coefficient, divisor) for term, coefficient in total.terms.items()}
    candidates = {*shares.values(), gcd(*shares.values())} - {0, 1}
    for factor in sorted(candidates, reverse=True):
        constant = total.constant % factor
        others = {t: c for t, c in total.terms.items() if shares[t] % factor}
        rest = Sum(others, constant)
        low, high = context.interval(rest)
        if low >= 0 and high < factor:
            group = {t: c for t, c in total.terms.items() if shares[t] % factor == 0}
            return factor, Sum(group, total.constant - constant), rest
    return None


def by_symbol(node: Binary, context: Context) -> tuple[Sum, Sum] | None:
    """Divide the index expression ``node.a`` by ``node.b``, which is not constant.

    Returns
    -------
    (quotient, rest) or None
        ``node.a`` is ``quotient*node.b + rest``. None where ``node`` is no index expression.
    """
    a, b = node.children
    if type(b) is Const or not context.is_index(node):
        return None
    divisor = context.sum_of(b)
    unit, scale = b, 1  # the divisor, as a term and its coefficient
    if len(divisor.terms) == 1 and divisor.constant == 0:
        ((unit, scale),) = divisor.terms.items()
    total = context.sum_of(a)
    quotient = Sum({})
    rest: dict[Expr, int] = {}
    for term, coefficient in total.terms.items():
        if coefficient % scale == 0 and term is unit:
            quotient = quotient.shifted(coefficient // scale)
            continue
        factor = without_factor(term, unit) if coefficient % scale == 0 else None
        if factor is None:
            rest[term] = coefficient
        else:
            quotient = quotient.plus(Sum({factor: coefficient // scale}))
    return quotient, Sum(rest, total.constant)


def is_remainder(rest: Sum, divisor: Expr, context: Context) -> bool:
    """Whether 0 <= ``rest`` < ``divisor``."""
    return context.is_nonnegative(rest) and context.is_nonnegative(
        context.sum_of(divisor).plus(rest, -1).shifted(-1)
    )


def without_factor(product: Expr, factor: Expr) -> Expr | None:
    """Return ``product`` without ``factor``, where it is one of its factors.

    >>> from texpr.ir.expr import Var
    >>> i, n, m = Var("i"), Var("n"), Var("m")
    >>> print(without_factor(i * n * m, n))
    i*m
    """
    right: list[Expr] = []  # factors to the right of where we are
    while type(product) is Binary and product.op == "mul":
        a, b = product.children
        if b is factor or a is factor:
            result = a if b is factor else b
            for other in reversed(right):
                result = Binary("mul", result, other)
            return result
        right.append(b)
        product = a
    return None


def trivial(node: Binary, context: Context) -> Expr | None:
    """``x / 1``, ``x / -1``, ``x / 0``, ``0 / y``, however rounded; ``x / x`` if x is not 0."""
    a, b = node.children
    divisor = int_const(b)
    if divisor == 1:
        return a
    if divisor == 0 or int_const(a) == 0:
        return Const(0, node.dtype)
    if divisor == -1:
        return Unary("neg", a)
    return Const(1, node.dtype) if a is b and context.is_nonzero(a) else None


def by_range(node: Binary, context: Context) -> Expr | None:
    """The quotient where the ranges of the operands leave but one."""
    low, high = context.range_of(node)
    return Const(low, node.dtype) if low == high else None
