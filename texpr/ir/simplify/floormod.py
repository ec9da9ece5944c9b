"""Rules of ``%`` on integers, which has the sign of the divisor."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.linear import Sum, sum_expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.divide import by_symbol, is_remainder, split_rest
from texpr.ir.simplify.match import int_const


def trivial(node: Binary, _context: Context) -> Expr | None:
    """``x % 1``, ``x % -1``, ``x % 0``, ``0 % y`` and ``x % x`` are 0."""
    a, b = node.children
    if int_const(b) in (0, 1, -1) or int_const(a) == 0 or a is b:
        return Const(0, node.dtype)
    return None


def by_range(node: Binary, context: Context) -> Expr | None:
    """``x % c`` is ``x`` where 0 <= x < c, and ``x - k*c`` where x is within one period."""
    a, b = node.children
    low, high = context.range_of(a)
    least, greatest = context.range_of(b)
    if low >= 0 and high < least:
        return a
    if least != greatest or least <= 0 or low // least != high // least:
        return None
    return sum_expr(context.sum_of(a).shifted(-(low // least) * least), node.dtype)


def nested(node: Binary, _context: Context) -> Expr | None:
    """``(x % (a*b)) % b`` is ``x % b`` for positive a, b."""
    inner, b = node.children
    divisor = int_const(b)
    if divisor is None or divisor <= 0 or type(inner) is not Binary or inner.op != "floormod":
        return None
    first = int_const(inner.b)
    if first is None or first <= 0 or first % divisor:
        return None
    return Binary("floormod", inner.a, b)


def of_sum(node: Binary, context: Context) -> Expr | None:
    """``(x*8 + y) % 8`` is ``y % 8``; ``(x*8 + y) % 16`` is ``x%2*8 + y`` where 0 <= y < 8."""
    a, b = node.children
    divisor = int_const(b)
    if divisor is None or divisor <= 1:
        return None
    # What wraps is a multiple of every power of two within the type: then it does not matter.
    wraps = divisor & (divisor - 1) == 0
    total = context.sum_of(a) if wraps else context.exact_sum(a)
    is_index = context.is_index(a)
    reduced = Sum(
        {t: _reduced(c, divisor) for t, c in total.terms.items() if c % divisor},
        _reduced(total.constant, divisor),
    )
    if reduced.terms != total.terms or reduced.constant != total.constant:
        dividend = _expr(reduced, node, context, is_index, wraps)
        return None if dividend is None else Binary("floormod", dividend, b)
    found = split_rest(total, divisor, context)
    if found is None:
        return None
    factor, group, rest = found
    scaled = Sum({t: c // factor for t, c in group.terms.items()}, group.constant // factor)
    dividend = _expr(scaled, node, context, is_index, wraps)
    if dividend is None:
        return None
    period = Binary("floormod", dividend, Const(divisor // factor, node.dtype))
    return sum_expr(Sum({period: factor}).plus(rest), node.dtype)


def _reduced(number: int, divisor: int) -> int:
    """``number`` without its multiples of ``divisor``; ``-1`` stays, rather than divisor - 1."""
    return number % divisor if number >= 0 else -(-number % divisor)


def _expr(total: Sum, node: Binary, context: Context, is_index: bool, wraps: bool) -> Expr | None:
    if wraps:
        return sum_expr(total, node.dtype)
    return context.expr_of(total, node.dtype, is_index=is_index)


def by_variable(node: Binary, context: Context) -> Expr | None:
    """``(i*n + j) % n`` is ``j % n``, and ``j`` where 0 <= j < n."""
    found = by_symbol(node, context)
    if found is None:
        return None
    quotient, rest = found
    if is_remainder(rest, node.b, context):
        return sum_expr(rest, node.dtype)
    if not (quotient.terms or quotient.constant):
        return None
    return Binary("floormod", sum_expr(rest, node.dtype), node.b)  # also where n is 0


RULES = {("floormod", "int uint"): (trivial, by_range, nested, of_sum, by_variable)}
