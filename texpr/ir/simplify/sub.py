"""Rules of ``-`` on floats; differences of integers are sums (``add``)."""

from __future__ import annotations

from texpr.ir.expr import Binary, Expr, Unary
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_float


def drop_zero(node: Binary, _context: Context) -> Expr | None:
    """``x - 0.0`` is ``x``, also where x is -0.0; ``x - -0.0`` is not."""
    return node.a if is_float(node.b, 0.0) else None


def from_negative_zero(node: Binary, _context: Context) -> Expr | None:
    """``-0.0 - x`` is ``-x``; ``0.0 - x`` is not, where x is 0.0."""
    return Unary("neg", node.b) if is_float(node.a, -0.0) else None


RULES = {("sub", "float"): (drop_zero, from_negative_zero)}
