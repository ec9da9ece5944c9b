"""Rules of the bitwise operators and shifts; on bools those of ``logic`` apply as well."""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr, Unary
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import int_const


def with_constant(node: Binary, _context: Context) -> Expr | None:
    """``x & 0``, ``x & -1``, ``x | 0``, ``x | -1``, ``x ^ 0`` and ``x ^ -1``, on either side."""
    x, c = node.children
    if type(c) is not Const:
        x, c = c, x
    value = int_const(c)
    if value is None:
        return None
    ones = node.dtype.wrap(-1)
    if node.op == "bitand":
        return {0: c, ones: x}.get(value)
    if node.op == "bitor":
        return {0: x, ones: c}.get(value)
    return {0: x, ones: Unary("invert", x)}.get(value)


def with_itself(node: Binary, _context: Context) -> Expr | None:
    """``x & x`` and ``x | x`` are ``x``; ``x ^ x`` is 0."""
    if node.a is not node.b:
        return None
    return Const(0, node.dtype) if node.op == "bitxor" else node.a


def mask_of_low_bits(node: Binary, context: Context) -> Expr | None:
    """``x & 0b111`` is ``x`` where x is within 0 and 7."""
    x, c = node.children
    if type(c) is not Const:
        x, c = c, x
    value = int_const(c)
    if value is None or value & (value + 1):
        return None
    low, high = context.range_of(x)
    return x if low >= 0 and high <= value else None


def double_invert(node: Unary, _context: Context) -> Expr | None:
    """``~~x`` is ``x``."""
    x = node.operand
    return x.operand if type(x) is Unary and x.op == "invert" else None


def invert_is_not(node: Unary, _context: Context) -> Expr | None:
    """``~x`` of a bool is ``not x``."""
    return Unary("not", node.operand)


def shift_by_constant(node: Binary, context: Context) -> Expr | None:
    """A shift by 0 does nothing, one past the width leaves 0, or the sign."""
    x, count = node.children
    value = int_const(count)
    if value is None:
        return None
    if value == 0:
        return x
    bits = node.dtype.bits
    if 0 < value < bits:
        return None
    if node.op == "shl" or context.range_of(x)[0] >= 0:
        return Const(0, node.dtype)
    return Binary("shr", x, Const(bits - 1, node.dtype))


def shift_of_constant(node: Binary, _context: Context) -> Expr | None:
    """``0 << x`` and ``0 >> x`` are 0, and -1 of a signed type is ``-1 >> x``."""
    value = int_const(node.a)
    signs = (0, -1) if node.op == "shr" else (0,)
    return node.a if value in signs else None


RULES = {
    ("bitand", "int uint"): (with_constant, with_itself, mask_of_low_bits),
    ("bitor bitxor", "int uint"): (with_constant, with_itself),
    ("invert", "int uint"): (double_invert,),
    ("invert", "bool"): (invert_is_not,),
    ("shl shr", "int uint"): (shift_by_constant, shift_of_constant),
}
