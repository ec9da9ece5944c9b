"""Rules of ``**``, which floats alone have: those that C's ``pow`` promises."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_float


def to_one(node: Binary, _context: Context) -> Expr | None:
    """``x ** 1.0`` is ``x``."""
    return node.a if is_float(node.b, 1.0) else None


def to_zero(node: Binary, _context: Context) -> Expr | None:
    """``x ** 0.0`` is 1, also where x is NaN."""
    is_zero = is_float(node.b, 0.0) or is_float(node.b, -0.0)
    return Const(1.0, node.dtype) if is_zero else None


RULES = {("pow", "float"): (to_one, to_zero)}
