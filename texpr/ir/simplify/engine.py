"""The engine: rewrites an expression from the leaves up until no rule applies.

A rule is a function of a node, whose operands are simplified already, and what is known; it
returns another expression of the same value, or None. What it returns is simplified in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from texpr.errors import InternalError
from texpr.ir.expr import Const, Expr, Load
from texpr.ir.linear import Sum, is_sum, sum_expr
from texpr.ir.simplify import (
    add,
    bits,
    call,
    cast,
    choice,
    compare,
    div,
    floordiv,
    floormod,
    logic,
    minmax,
    mul,
    neg,
    power,
    sub,
    truncdiv,
)  # fmt: skip
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.fold import fold

Rules: TypeAlias = tuple[Callable[[Any, Context], Expr | None], ...]

_FILES: Final = (
    add, bits, call, cast, choice, compare, div, floordiv, floormod, logic, minmax, mul, neg,
    power, sub, truncdiv,
)  # fmt: skip
_RULES: Final[dict[tuple[str, str], Rules]] = {
    (name, kind): rules
    for file in _FILES
    for (names, kinds), rules in file.RULES.items()
    for name in names.split()
    for kind in kinds.split()
}
"""The rules by operator (or kind of node) and kind of its operand."""


def simplified(root: Expr, context: Context) -> Expr:
    """Return the normal form of ``root``, given what ``context`` knows."""
    normal, becomes = context.normal, context.becomes
    found = normal.get(root)
    if found is not None:
        return found
    if not root.children:
        return root
    stack = [root]
    while stack:
        node = stack[-1]
        if node in normal:
            stack.pop()
            continue
        target = becomes.get(node)
        if target is not None:  # and is simplified by now
            normal[node] = normal[target]
            stack.pop()
            continue
        operands = context.sum_of(node).terms if is_sum(node) else node.children
        pending = [child for child in operands if child.children and child not in normal]
        if pending:
            stack.extend(pending)
            continue
        new = _rebuilt(node, context)
        if new is node:
            new = _rewritten(node, context)
        if new is node:
            normal[node] = node
            stack.pop()
        elif new in normal or not new.children:
            normal[node] = normal.get(new, new)
            stack.pop()
        elif new in becomes:
            raise InternalError(f"simplify: {new} and {node} are rewritten to each other")
        else:
            becomes[node] = new
            stack.append(new)
    return normal[root]


def _rebuilt(node: Expr, context: Context) -> Expr:
    """Return ``node`` over its simplified operands; a sum in its canonical form."""
    normal = context.normal
    if is_sum(node):
        return sum_expr(_simplified_sum(node, context), node.dtype)
    children = node.children
    new = [normal.get(child, child) for child in children]
    return node.rebuild(new) if any(map(_differ, new, children)) else node


def _differ(new: Expr, old: Expr) -> bool:
    return new is not old


def _simplified_sum(node: Expr, context: Context) -> Sum:
    total = context.sum_of(node)
    normal = context.normal
    if all(normal.get(term, term) is term and not is_sum(term) for term in total.terms):
        return total
    distribute = context.is_index(node)
    result = Sum({}, total.constant)
    for term, coefficient in total.terms.items():
        new = normal.get(term, term)
        part = context.sum_of(new)
        # Sums of data keep (x + y)*c as it is: it has fewer operations.
        if not (distribute or abs(coefficient) == 1 or len(part.terms) + (part.constant != 0) < 2):
            part = Sum({new: 1})
        result = result.plus(part, coefficient)
    return result


def _rewritten(node: Expr, context: Context) -> Expr:
    """Return what the first rule that applies makes of ``node``, or ``node``."""
    children = node.children
    if type(node) is Load:
        return node
    if all(type(child) is Const for child in children):
        constant = fold(node)
        if constant is not None:
            return constant
    kind = children[0].dtype.kind
    for rule in _RULES.get((getattr(node, "op", node.kind), kind), ()):
        new = rule(node, context)
        if new is not None and new is not node:
            return new
    return node
