"""Rules of ``truncdiv`` and ``truncmod`` on integers, which round towards zero."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.divide import by_range, trivial
from texpr.ir.simplify.match import int_const


def of_nonnegative(node: Binary, context: Context) -> Expr | None:
    """Where neither operand is negative they are ``//`` and ``%``, which have more rules."""
    a, b = node.children
    if context.range_of(a)[0] < 0 or context.range_of(b)[0] < 0:
        return None
    return Binary("floordiv" if node.op == "truncdiv" else "floormod", a, b)


def trivial_rest(node: Binary, _context: Context) -> Expr | None:
    """The rest by 1, -1, 0 and x itself is 0, and so is that of 0."""
    a, b = node.children
    if int_const(b) in (0, 1, -1) or int_const(a) == 0 or a is b:
        return Const(0, node.dtype)
    return None


def rest_by_range(node: Binary, context: Context) -> Expr | None:
    """The rest of ``x`` is ``x`` where its magnitude is below the divisor's."""
    low, high = context.range_of(node.a)
    least, greatest = context.range_of(node.b)
    magnitude = least if least > 0 else -greatest
    return node.a if -magnitude < low and high < magnitude else None


RULES = {
    ("truncdiv", "int uint"): (trivial, of_nonnegative, by_range),
    ("truncmod", "int uint"): (trivial_rest, of_nonnegative, rest_by_range),
}
