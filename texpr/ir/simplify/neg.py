"""Rules of ``-x`` on floats and of ``abs``; ``-x`` on integers is a sum (``add``)."""

from __future__ import annotations

from texpr.ir.expr import Expr, Unary
from texpr.ir.simplify.context import Context


def drop_double_sign(node: Unary, _context: Context) -> Expr | None:
    """``-(-x)`` is ``x``."""
    x = node.operand
    return x.operand if type(x) is Unary and x.op == "neg" else None


def abs_of_unsigned(node: Unary, _context: Context) -> Expr | None:
    """``abs(abs(x))`` is ``abs(x)``, and so is ``abs(-x)``."""
    x = node.operand
    if type(x) is Unary and x.op == "abs":
        return x
    return Unary("abs", x.operand) if type(x) is Unary and x.op == "neg" else None


def abs_by_range(node: Unary, context: Context) -> Expr | None:
    """``abs(x)`` is ``x`` or ``-x`` where the sign is known."""
    low, high = context.range_of(node.operand)
    if low >= 0:
        return node.operand
    return Unary("neg", node.operand) if high <= 0 else None


RULES = {
    ("neg", "float"): (drop_double_sign,),
    ("abs", "float"): (abs_of_unsigned,),
    ("abs", "int uint"): (abs_by_range, abs_of_unsigned),
}
