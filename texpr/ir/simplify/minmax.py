"""Rules of ``min`` and ``max``. Of floats only ``min(x, x)``: NaN and -0.0 forbid the others."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import int_const


def of_itself(node: Binary, _context: Context) -> Expr | None:
    """``min(x, x)`` is ``x``."""
    return node.a if node.a is node.b else None


def by_order(node: Binary, context: Context) -> Expr | None:
    """One operand where it is known to be the lesser, for example ``min(i, i + 1)``."""
    a, b = node.children
    lesser, greater = (a, b) if node.op == "min" else (b, a)
    difference = context.exact_sum(b).plus(context.exact_sum(a), -1)
    if context.is_nonnegative(difference):
        return lesser
    return greater if context.is_nonnegative(difference.negated()) else None


def nested(node: Binary, _context: Context) -> Expr | None:
    """``min(min(x, y), y)`` is ``min(x, y)``, and ``min(min(x, 3), 5)`` is ``min(x, 3)``."""
    a, b = node.children
    choose = min if node.op == "min" else max
    for inner, other, is_left in ((a, b, True), (b, a, False)):
        if type(inner) is not Binary or inner.op != node.op:
            continue
        x, y = inner.children
        if other is x or other is y:
            return inner
        c, d = int_const(other), int_const(y)
        if c is not None and d is not None:
            both = Const(choose(c, d), node.dtype)
            return Binary(node.op, x, both) if is_left else Binary(node.op, both, x)
    return None


RULES = {
    ("min max", "float"): (of_itself,),
    ("min max", "int uint"): (of_itself, by_order, nested),
}
