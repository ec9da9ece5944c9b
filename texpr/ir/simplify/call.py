"""Rules of scalar functions; nothing is known of those from outside."""

from __future__ import annotations

import math

from texpr.ir.dtypes import BOOL
from texpr.ir.expr import Call, Cast, Const, Expr
from texpr.ir.intrinsic import Intrinsic
from texpr.ir.simplify.context import Context

_ROUNDING = frozenset({"floor", "ceil", "trunc", "round"})


def round_what_is_whole(node: Call, _context: Context) -> Expr | None:
    """``floor(floor(x))`` is ``floor(x)``; so is any rounding of a rounded or once integer x."""
    if not _rounds(node):
        return None
    x = node.args[0]
    if type(x) is Call:
        return x if _rounds(x) else None
    return x if type(x) is Cast and not x.operand.dtype.is_float else None


def _rounds(node: Call) -> bool:
    return isinstance(node.function, Intrinsic) and node.function.name in _ROUNDING


def classify_what_is_whole(node: Call, _context: Context) -> Expr | None:
    """A converted integer or bool is finite where the greatest of its type is.

    Even 2**64 is, as a float32; as a float16 65520 is not.
    """
    x = node.args[0]
    if not isinstance(node.function, Intrinsic):
        return None
    if type(x) is not Cast or x.operand.dtype.is_float:
        return None
    if not math.isfinite(x.dtype.canonical(x.operand.dtype.max)):
        return None
    if node.function.name in ("isnan", "isinf"):
        return Const(False, BOOL)
    return Const(True, BOOL) if node.function.name == "isfinite" else None


RULES = {("Call", "float"): (round_what_is_whole, classify_what_is_whole)}
