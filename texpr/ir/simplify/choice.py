"""Rules of the two choices: ``Select`` evaluates both sides, ``IfThenElse`` one.

An evaluated side may be dropped, but a guarded one must stay guarded.
"""

from __future__ import annotations

from typing import TypeAlias

from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Select, Unary
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.match import is_bool

Choice: TypeAlias = Select | IfThenElse


def decided(node: Choice, _context: Context) -> Expr | None:
    """A choice by a constant is that side."""
    condition, a, b = node.children
    if type(condition) is not Const:
        return None
    return a if condition.value else b


def same_sides(node: Choice, _context: Context) -> Expr | None:
    """A choice between ``x`` and ``x`` is ``x``."""
    _, a, b = node.children
    return a if a is b else None


def swap_negated(node: Choice, _context: Context) -> Expr | None:
    """``b if not c else a`` is ``a if c else b``."""
    condition, a, b = node.children
    if type(condition) is Unary and condition.op == "not":
        return node.rebuild((condition.operand, b, a))
    return None


def same_condition_inside(node: Choice, _context: Context) -> Expr | None:
    """A choice by a condition that was decided already is one of its sides."""
    condition, a, b = node.children
    new_a, new_b = a, b
    if isinstance(a, (Select, IfThenElse)) and a.children[0] is condition:
        new_a = _side(node, a, 1)
    if isinstance(b, (Select, IfThenElse)) and b.children[0] is condition:
        new_b = _side(node, b, 2)
    if new_a is a and new_b is b:
        return None
    return node.rebuild((condition, new_a, new_b))


def _side(outer: Choice, inner: Choice, chosen: int) -> Expr:
    """Return the chosen side of ``inner``, unless that would take the guard from it."""
    guarded = type(inner) is IfThenElse and type(outer) is Select
    return inner if guarded else inner.children[chosen]


def choice_of_bools(node: Choice, _context: Context) -> Expr | None:
    """``c if c is the value``: a choice with a constant bool side is ``and``, ``or`` or ``not``."""
    condition, a, b = node.children
    if not node.dtype.is_bool:
        return None
    if is_bool(a, True):
        return Binary("or", condition, b)
    if is_bool(b, False):
        return Binary("and", condition, a)
    if is_bool(a, False):
        return Binary("and", Unary("not", condition), b)
    return Binary("or", Unary("not", condition), a) if is_bool(b, True) else None


RULES = {
    ("Select IfThenElse", "bool"): (
        decided, same_sides, swap_negated, same_condition_inside, choice_of_bools,
    ),
}  # fmt: skip
