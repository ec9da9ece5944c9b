"""What rules ask of a node's shape."""

from __future__ import annotations

import math

from texpr.ir.expr import Const, Expr


def is_float(expr: Expr, value: float) -> bool:
    """Whether ``expr`` is the float constant ``value``, of the same sign where that is 0."""
    if type(expr) is not Const or not expr.dtype.is_float:
        return False
    found = float(expr.value)
    return found == value and math.copysign(1, found) == math.copysign(1, value)


def is_bool(expr: Expr, value: bool) -> bool:
    """Whether ``expr`` is the bool constant ``value``."""
    return type(expr) is Const and expr.dtype.is_bool and expr.value == value


def int_const(expr: Expr) -> int | None:
    """Return the value of a constant that is an integer, else None."""
    return int(expr.value) if type(expr) is Const and expr.dtype.is_integer else None
