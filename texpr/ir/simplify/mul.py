"""Rules of ``*``. Products of integers with a constant are sums (``add``)."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.linear import is_sum
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_float


def drop_one(node: Binary, _context: Context) -> Expr | None:
    """``x * 1.0`` and ``1.0 * x`` are ``x``; ``x * 0.0`` is not 0, x may be NaN or negative."""
    a, b = node.children
    if is_float(b, 1.0):
        return a
    return b if is_float(a, 1.0) else None


def constant_last(node: Binary, context: Context) -> Expr | None:
    """``(x*c)*y`` and ``x*(y*c)`` are ``(x*y)*c``."""
    a, b = node.children
    if not (is_sum(a) or is_sum(b)) or is_sum(node):
        return None
    product = 1
    factors = []
    for operand in (a, b):
        total = context.sum_of(operand)
        factor, coefficient = operand, 1
        if len(total.terms) == 1 and total.constant == 0:
            ((factor, coefficient),) = total.terms.items()
        factors.append(factor)
        product *= coefficient
    if factors[0] is a and factors[1] is b:
        return None
    return Binary("mul", Binary("mul", *factors), Const(product, node.dtype))


RULES = {("mul", "float"): (drop_one,), ("mul", "int uint"): (constant_last,)}
