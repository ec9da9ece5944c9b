"""Rules of comparisons.

An integer comparison is decided where the ranges or facts decide it. Else, where neither side
wraps, common terms are taken from both sides, common factors are divided out and the constant
goes to the side where it is positive: ``i*4 + j + 3 < n*4 + j + 4`` is ``i <= n``.
"""

from __future__ import annotations

from math import gcd
from typing import Final

from texpr.ir.dtypes import BOOL
from texpr.ir.expr import Binary, Cast, Const, Expr, Unary
from texpr.ir.linear import Sum
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import int_const

TRUE: Final = Const(True, BOOL)
FALSE: Final = Const(False, BOOL)

NEGATED: Final = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_MIRRORED: Final = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def with_itself(node: Binary, _context: Context) -> Expr | None:
    """``x == x``, ``x <= x``, ``x >= x`` hold and the others do not; floats may be NaN."""
    if node.a is not node.b:
        return None
    if node.op in ("lt", "gt", "ne"):
        return None if node.op == "ne" and node.a.dtype.is_float else FALSE
    return None if node.a.dtype.is_float else TRUE


def bool_with_constant(node: Binary, _context: Context) -> Expr | None:
    """``x == True`` is ``x``, ``x == False`` is ``not x``."""
    x, c = node.children
    if type(c) is not Const:
        x, c = c, x
    if type(c) is not Const:
        return None
    return x if bool(c.value) == (node.op == "eq") else Unary("not", x)


def converted_bool(node: Binary, _context: Context) -> Expr | None:
    """``int32(x) != 0`` is ``x``, and ``int32(x) == 0`` is ``not x``."""
    a, b = node.children
    if type(a) is not Cast or not a.operand.dtype.is_bool:
        return None
    value = int_const(b)
    if value not in (0, 1):
        return None
    return a.operand if (value == 1) == (node.op == "eq") else Unary("not", a.operand)


def at_least_zero(node: Expr, context: Context) -> Sum | None:
    """Return the sum that is at least 0, over the integers, exactly where ``node`` holds.

    None where ``node`` is no order of integers.
    """
    if type(node) is not Binary or node.op not in ("lt", "le", "gt", "ge"):
        return None
    a, b = node.children
    if not a.dtype.is_integer:
        return None
    if node.op in ("gt", "ge"):
        a, b = b, a
    difference = context.exact_sum(b).plus(context.exact_sum(a), -1)
    return difference.shifted(-1) if node.op in ("lt", "gt") else difference


def equality(node: Binary, context: Context) -> Expr | None:
    """``==`` and ``!=``: decided, or with terms collected and factors divided out."""
    left, right = context.exact_sum(node.a), context.exact_sum(node.b)
    difference = left.plus(right, -1)
    is_equal, is_different = (TRUE, FALSE) if node.op == "eq" else (FALSE, TRUE)
    if not difference.terms:
        return is_equal if difference.constant == 0 else is_different
    common = gcd(*difference.terms.values())
    if difference.constant % common:
        return is_different
    opposite = difference.negated()
    if context.is_nonnegative(difference.shifted(-1)):
        return is_different
    if context.is_nonnegative(opposite.shifted(-1)):
        return is_different
    if context.is_nonnegative(difference) and context.is_nonnegative(opposite):
        return is_equal
    terms = {t: c // common for t, c in difference.terms.items()}
    return _written(node, node.op, terms, -difference.constant // common, left, context)


def order(node: Binary, context: Context) -> Expr | None:
    """``<``, ``<=``, ``>`` and ``>=``: decided, or with terms collected and factors divided out."""
    left, right = context.exact_sum(node.a), context.exact_sum(node.b)
    difference = left.plus(right, -1)
    strict = node.op in ("lt", "gt")
    # The comparison is terms <= bound, with the signs turned where the left is to be greater.
    sign = 1 if node.op in ("lt", "le") else -1
    terms = {t: sign * c for t, c in difference.terms.items()}
    bound = -sign * difference.constant - strict
    common = gcd(*terms.values())
    if common > 1:
        terms = {t: c // common for t, c in terms.items()}
        bound //= common
    slack = Sum({}, bound).plus(Sum(terms), -1)
    if context.is_nonnegative(slack):
        return TRUE
    if context.is_nonnegative(slack.negated().shifted(-1)):
        return FALSE
    coarse = _without_small_terms(terms, bound, context)
    if coarse is not None:
        terms, bound = coarse
    op = node.op
    signed = {t: sign * c for t, c in terms.items()}
    sides = {t in left.terms and (t not in right.terms or c > 0) for t, c in signed.items()}
    if len(sides) == 2:  # terms on both sides: rather no constant than the operator as written
        strict = {0: False, -1: True}.get(bound, strict)
    op = ("lt" if strict else "le") if sign > 0 else ("gt" if strict else "ge")
    return _written(node, op, signed, sign * (bound + strict), left, context)


def _without_small_terms(
    terms: dict[Expr, int], bound: int, context: Context
) -> tuple[dict[Expr, int], int] | None:
    """``i*8 + j <= 31`` is ``i <= 3`` where 0 <= j < 8: the small term never decides."""
    for factor in sorted({abs(c) for c in terms.values()} - {1}, reverse=True):
        small = Sum({t: c for t, c in terms.items() if c % factor})
        low, high = context.interval(small)
        if (bound - low) // factor == (bound - high) // factor:
            coarse = {t: c // factor for t, c in terms.items() if c % factor == 0}
            return coarse, (bound - low) // factor
    return None


def _written(
    node: Binary, op: str, terms: dict[Expr, int], bound: int, left: Sum, context: Context
) -> Expr | None:
    """Return ``terms op bound`` with every term on the side where it stood.

    ``left`` is the left side as it was. A term of both sides goes where it is positive.
    """
    right_terms = context.exact_sum(node.b).terms
    ours: dict[Expr, int] = {}
    theirs: dict[Expr, int] = {}
    for term, coefficient in terms.items():
        if term in left.terms and (term not in right_terms or coefficient > 0):
            ours[term] = coefficient
        else:
            theirs[term] = -coefficient
    if not theirs and all(coefficient < 0 for coefficient in ours.values()):
        ours = {t: -c for t, c in ours.items()}
        op, bound = _MIRRORED[op], -bound
    elif not ours and all(coefficient < 0 for coefficient in theirs.values()):
        theirs = {t: -c for t, c in theirs.items()}
        op, bound = _MIRRORED[op], -bound
    on_left = not ours or (bool(theirs) and bound < 0)
    first = Sum(ours, -bound if on_left else 0)
    second = Sum(theirs, 0 if on_left else bound)
    is_index = context.is_index(node)
    a = context.expr_of(first, node.a.dtype, is_index=is_index)
    b = context.expr_of(second, node.a.dtype, is_index=is_index)
    return None if a is None or b is None else Binary(op, a, b)


RULES = {
    ("eq ne", "bool"): (with_itself, bool_with_constant),
    ("eq ne lt le gt ge", "float"): (with_itself,),
    ("eq ne", "int uint"): (with_itself, converted_bool, equality),
    ("lt le gt ge", "int uint"): (with_itself, order),
}
