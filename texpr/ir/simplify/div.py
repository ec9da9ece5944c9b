"""Rules of ``/``, which floats alone have."""

from __future__ import annotations

from texpr.ir.expr import Binary, Expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_float


def by_one(node: Binary, _context: Context) -> Expr | None:
    """``x / 1.0`` is ``x``."""
    return node.a if is_float(node.b, 1.0) else None


RULES = {("div", "float"): (by_one,)}
