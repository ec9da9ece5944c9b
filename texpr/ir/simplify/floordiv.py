"""Rules of ``//`` on integers; of floats nothing is simpler, ``x // 1.0`` rounds.

Those that look into the dividend need it as a sum over the integers, which does not wrap.
"""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.linear import Sum, sum_expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.divide import by_range, by_symbol, is_remainder, split_rest, trivial
from texpr.ir.simplify.match import int_const


def nested(node: Binary, _context: Context) -> Expr | None:
    """``(x//a)//b`` is ``x//(a*b)``, and ``(x%(a*b))//b`` is ``(x//b)%a``, for positive a, b."""
    inner, b = node.children
    divisor = int_const(b)
    if divisor is None or divisor <= 0 or type(inner) is not Binary:
        return None
    x, a = inner.children
    first = int_const(a)
    if first is None or first <= 0:
        return None
    if inner.op == "floordiv" and first * divisor <= node.dtype.max:
        return Binary("floordiv", x, Const(first * divisor, node.dtype))
    if inner.op == "floormod" and first % divisor == 0:
        return Binary("floormod", Binary("floordiv", x, b), Const(first // divisor, node.dtype))
    return None


def of_sum(node: Binary, context: Context) -> Expr | None:
    """``(x*8 + y)//8`` is ``x + y//8``; ``(x*4 + y)//8`` is ``x//2`` where 0 <= y < 4."""
    a, b = node.children
    divisor = int_const(b)
    if divisor is None or divisor <= 1:
        return None
    total = context.exact_sum(a)
    is_index = context.is_index(a)
    whole = {t: c // divisor for t, c in total.terms.items() if c % divisor == 0}
    rest = Sum({t: c for t, c in total.terms.items() if c % divisor}, total.constant)
    carried = 0
    if whole or not -divisor < rest.constant < divisor:
        carried, constant = divmod(rest.constant, divisor)
        rest = Sum(rest.terms, constant)
    if whole or carried:
        dividend = context.expr_of(rest, node.dtype, is_index=is_index)
        if dividend is None:
            return None
        # The quotient fits the type, so it does not matter whether its parts wrap.
        return sum_expr(Sum({**whole, Binary("floordiv", dividend, b): 1}, carried), node.dtype)
    found = split_rest(total, divisor, context)
    if found is None:
        return None
    common, group, _ = found
    scaled = Sum({t: c // common for t, c in group.terms.items()}, group.constant // common)
    dividend = context.expr_of(scaled, node.dtype, is_index=is_index)
    if dividend is None:
        return None
    return Binary("floordiv", dividend, Const(divisor // common, node.dtype))


def by_variable(node: Binary, context: Context) -> Expr | None:
    """``(i*n + j)//n`` is ``i`` where 0 <= j < n, and ``i + j//n`` where n is not 0."""
    found = by_symbol(node, context)
    if found is None:
        return None
    quotient, rest = found
    if is_remainder(rest, node.b, context):
        return sum_expr(quotient, node.dtype)
    if not (quotient.terms or quotient.constant) or not context.is_nonzero(node.b):
        return None
    dividend = sum_expr(rest, node.dtype)
    return sum_expr(quotient.plus(Sum({Binary("floordiv", dividend, node.b): 1})), node.dtype)


RULES = {("floordiv", "int uint"): (trivial, by_range, nested, of_sum, by_variable)}
