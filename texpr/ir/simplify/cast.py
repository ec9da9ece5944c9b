"""Rules of conversions."""

from __future__ import annotations

from texpr.ir.dtypes import DType, promote
from texpr.ir.expr import Cast, Expr
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.intervals import FULL


def drop_identity(node: Cast, _context: Context) -> Expr | None:
    """A conversion to the type that it has is nothing."""
    return node.operand if node.operand.dtype is node.dtype else None


def skip_exact_step(node: Cast, context: Context) -> Expr | None:
    """``D(E(x))`` is ``D(x)`` where E keeps the value, or where D cuts off what E wrapped."""
    inner = node.operand
    if type(inner) is not Cast:
        return None
    x = inner.operand
    source, middle, to = x.dtype, inner.dtype, node.dtype
    if middle.is_bool:
        return None
    if source.is_integer and middle.is_integer and to.is_integer and to.bits <= middle.bits:
        return Cast(x, to)  # wrapping twice is wrapping once, to the narrower
    if not _keeps_value(x, middle, context):
        return None
    if source.is_integer and middle.is_float and to.is_integer:
        low, high = context.range_of(x)  # from a float it would saturate, from an integer wrap
        if not FULL[to.name][0] <= low <= high <= FULL[to.name][1]:
            return None
    return Cast(x, to)


def _keeps_value(x: Expr, to: DType, context: Context) -> bool:
    """Whether ``x`` converted to ``to`` is the same number."""
    source = x.dtype
    if source.is_bool:
        return True
    if source.is_float:
        return to.is_float and promote(source, to) is to
    low, high = context.range_of(x)
    if to.is_float:
        limit = 1 << to.digits
        return -limit <= low <= high <= limit
    return FULL[to.name][0] <= low <= high <= FULL[to.name][1]


RULES = {("Cast", "bool int uint float"): (drop_identity, skip_exact_step)}
