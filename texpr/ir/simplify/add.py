"""Rules of ``+``. Sums of integers are collected by the engine before these apply."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.linear import Sum, sum_expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_float


def drop_negative_zero(node: Binary, _context: Context) -> Expr | None:
    """``x + -0.0`` and ``-0.0 + x`` are ``x``; ``x + 0.0`` is not, where x is -0.0."""
    a, b = node.children
    if is_float(b, -0.0):
        return a
    return b if is_float(a, -0.0) else None


def recombine_quotient_and_rest(node: Binary, context: Context) -> Expr | None:
    """``x//c*c + x%c`` is ``x``, and ``x - x//c*c`` is ``x%c``, for constants c other than 0."""
    total = context.sum_of(node)
    for term, coefficient in total.terms.items():
        if type(term) is not Binary or type(term.children[1]) is not Const:
            continue
        x, c = term.children
        divisor = int(c.value)  # type: ignore[attr-defined]
        if divisor == 0:
            continue
        if term.op == "floormod":
            quotient = Binary("floordiv", x, c)
            if total.terms.get(quotient) == coefficient * divisor:
                both = Sum({quotient: -coefficient * divisor, term: -coefficient, x: coefficient})
                return sum_expr(total.plus(both), node.dtype)
        elif term.op == "floordiv" and coefficient % divisor == 0:
            share = -coefficient // divisor
            whole = context.sum_of(x)
            if all(total.terms.get(part) == share * own for part, own in whole.terms.items()):
                left = total.plus(whole, -share).plus(Sum({term: -coefficient}))
                rest = Sum({Binary("floormod", x, c): share})
                return sum_expr(left.plus(rest), node.dtype)
    return None


def recombine_symbolic(node: Binary, context: Context) -> Expr | None:
    """``x//n*n + x%n`` is ``x`` where n is not 0."""
    total = context.sum_of(node)
    for term, coefficient in total.terms.items():
        if type(term) is Binary and term.op == "floormod" and type(term.children[1]) is not Const:
            x, n = term.children
            quotient = Binary("floordiv", x, n)
            for product in (Binary("mul", quotient, n), Binary("mul", n, quotient)):
                if total.terms.get(product) == coefficient and context.is_nonzero(n):
                    both = Sum({product: -coefficient, term: -coefficient, x: coefficient})
                    return sum_expr(total.plus(both), node.dtype)
    return None


RULES = {
    ("add", "float"): (drop_negative_zero,),
    ("add sub", "int uint"): (recombine_quotient_and_rest, recombine_symbolic),
}
