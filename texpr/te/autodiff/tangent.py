"""The derivative of an expression by one element that it reads.

The rules are applied from the leaves to the root, every shared part once: the derivative is as
large as the expression, up to a factor, however often parts are shared. A choice stays a choice
between the derivatives of its sides, so that what it guards stays guarded, and the side that is
not chosen gives 0 also where its own derivative would be infinite.

Where a function has a kink: of the equal operands of ``min`` and ``max`` a constant takes the
derivative, and else the first; that of ``abs`` at 0 is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from texpr.errors import TexprError
from texpr.ir.expr import (
    EXPR_NODES,
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
    postorder,
)
from texpr.ir.functions import call, if_then_else, select
from texpr.ir.intrinsic import Intrinsic
from texpr.ir.program import TRUE
from texpr.ir.visitor import Visit, Visitor

Tangent = Expr | None
"""A derivative; None is 0 for certain."""


def tangent(root: Expr, leaf: Load, seed: Expr) -> Tangent:
    """Return the derivative of ``root`` by ``leaf`` times ``seed``.

    Raises
    ------
    TexprError
        A function on the way that has no derivative.

    >>> from texpr import te
    >>> A, B = te.placeholder((4,), name="A"), te.placeholder((4,), name="B")
    >>> print(tangent(te.exp(A[0]) * B[0] + 1.0, A[0], B[1]))
    B[1]*exp(A[0])*B[0]
    >>> tangent(B[0], A[0], B[1]) is None
    True
    """
    return _Tangents(leaf, seed).visit(root)


def guard_of(root: Expr, leaf: Load) -> Expr:
    """Return the condition under which ``root`` reads ``leaf``; it reads nothing unguarded itself.

    >>> from texpr import te
    >>> A, n = te.placeholder((4,), name="A"), te.var("n")
    >>> print(guard_of(te.if_then_else(n > 3, 0.0, A[n]) + 1.0, A[n]))
    not n > 3
    """
    holds: dict[Expr, Expr] = {root: TRUE}
    for node in reversed(postorder(root)):
        own = holds.get(node)
        if own is None or node is leaf:
            continue
        sides: tuple[Expr, ...] = (TRUE,) * len(node.children)
        if isinstance(node, IfThenElse):
            condition = node.children[0]
            sides = (TRUE, condition, Unary("not", condition))
        for child, side in zip(node.children, sides, strict=True):
            here = side if own is TRUE else own if side is TRUE else Binary("and", own, side)
            known = holds.get(child, here)
            if known is not here:
                here = TRUE if TRUE in {known, here} else Binary("or", known, here)
            holds[child] = here
    return holds.get(leaf, TRUE)


class _Tangents(Visitor[Tangent], over=EXPR_NODES):
    def __init__(self, leaf: Load, seed: Expr) -> None:
        self.leaf, self.seed = leaf, seed

    def visit_Load(self, node: Load) -> Tangent:
        # What its subscripts say is an integer, a step function of what they are computed from.
        return self.seed if node is self.leaf else None

    def visit_Const(self, node: Const) -> Tangent:
        return None

    def visit_Var(self, node: Var) -> Tangent:
        return None

    def visit_Cast(self, node: Cast) -> Visit[Tangent]:
        inner = yield node.operand
        return inner if node.dtype.is_float else None

    def visit_Unary(self, node: Unary) -> Visit[Tangent]:
        if not node.dtype.is_float:
            return None
        x, dx = node.operand, (yield node.operand)
        if node.op == "neg":
            return over(dx, lambda d: -d)
        return choice(x > 0, dx, choice(x < 0, over(dx, lambda d: -d), None))

    def visit_Binary(self, node: Binary) -> Visit[Tangent]:
        if not node.dtype.is_float:
            return None
        da = yield node.a
        db = yield node.b
        return None if da is None and db is None else _BINARY[node.op](node, da, db)

    def visit_Select(self, node: Select | IfThenElse) -> Visit[Tangent]:
        if not node.dtype.is_float:
            return None
        condition, a, b = node.children
        da = yield a
        db = yield b
        return choice(condition, da, db, type(node))

    visit_IfThenElse = visit_Select

    def visit_Call(self, node: Call) -> Visit[Tangent]:
        if not node.dtype.is_float:
            return None
        total: Tangent = None
        partials = node.function.partials if isinstance(node.function, Intrinsic) else ()
        for position, arg in enumerate(node.args):
            inner = yield arg
            if inner is None:
                continue
            if not partials:
                raise TexprError(
                    f"gradient: {node.function.name} has no derivative, in {node}; "
                    f"declare that part with functions that have one"
                )
            total = plus(total, times(inner, partials[position](*node.args)))
        return total


def _mul(node: Binary, da: Tangent, db: Tangent) -> Tangent:
    if node.a is node.b:
        return over(da, lambda d: d * node.b * 2.0)
    return plus(times(da, node.b), times(db, node.a))


def _div(node: Binary, da: Tangent, db: Tangent) -> Tangent:
    by_divisor = over(db, lambda d: -(d * node / node.b))
    return plus(over(da, lambda d: d / node.b), by_divisor)


def _pow(node: Binary, da: Tangent, db: Tangent) -> Tangent:
    x, y = node.a, node.b
    first: Tangent = None
    if da is not None:
        if isinstance(y, Const):
            if float(y.value):
                first = times(da, y * Binary("pow", x, Const(float(y.value) - 1, y.dtype)))
        else:
            first = choice(Binary("ne", y, Const(0, y.dtype)), times(da, y * x ** (y - 1.0)), None)
    if db is None:
        return first
    # 0 ** y is 0 around any y > 0, where the logarithm would make it 0 * inf.
    settled = Binary("and", Binary("eq", x, Const(0, x.dtype)), y > 0)
    return plus(first, choice(settled, None, times(db, node * call("log", x))))


def _remainder(quotient: str) -> Callable[[Binary, Tangent, Tangent], Tangent]:
    def rule(node: Binary, da: Tangent, db: Tangent) -> Tangent:
        return plus(da, times(db, -Binary(quotient, node.a, node.b)))

    return rule


def _chosen(op: str) -> Callable[[Binary, Tangent, Tangent], Tangent]:
    def rule(node: Binary, da: Tangent, db: Tangent) -> Tangent:
        is_first = Binary(op[0] + ("t" if isinstance(node.b, Const) else "e"), node.a, node.b)
        return choice(is_first, da, db)

    return rule


_BINARY: dict[str, Callable[[Binary, Any, Any], Tangent]] = {
    "add": lambda node, da, db: plus(da, db),
    "sub": lambda node, da, db: plus(da, over(db, lambda d: -d)),
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "floordiv": lambda node, da, db: None,
    "truncdiv": lambda node, da, db: None,
    "floormod": _remainder("floordiv"),
    "truncmod": _remainder("truncdiv"),
    "min": _chosen("le"),
    "max": _chosen("ge"),
}


# ---------------------------------------------------------------- arithmetic with zeros


def plus(a: Tangent, b: Tangent) -> Tangent:
    """Return ``a + b``."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(b, Unary) and b.op == "neg":
        return a - b.operand
    return a + b


def times(a: Tangent, factor: Expr | float) -> Tangent:
    """Return ``a * factor``."""
    if isinstance(factor, (int, float)):
        return None if factor == 0 else over(a, lambda d: d if factor == 1 else d * factor)
    if isinstance(factor, Const) and factor.value in (0, 1):
        return a if factor.value else None
    return over(a, lambda d: d * factor)


def choice(condition: Expr, a: Tangent, b: Tangent, kind: type[Expr] = Select) -> Tangent:
    """Return ``a`` where the condition holds, else ``b``."""
    if a is None and b is None:
        return None
    build = select if kind is Select else if_then_else
    return build(condition, 0.0 if a is None else a, 0.0 if b is None else b)


def over(a: Tangent, function: Callable[[Expr], Expr]) -> Tangent:
    """Apply a linear function inside the choices between something and 0.

    So 0 stays 0 where the function would multiply it with an infinity.
    """
    if a is None:
        return None
    layers: list[tuple[Expr, bool, type[Expr]]] = []
    while isinstance(a, (Select, IfThenElse)):
        condition, then, other = a.children
        if not (is_zero(other) or is_zero(then)):
            break
        layers.append((condition, is_zero(other), type(a)))
        a = then if is_zero(other) else other
    result: Tangent = function(a)
    for condition, is_first, kind in reversed(layers):
        result = choice(condition, result if is_first else None, None if is_first else result, kind)
    return result


def is_zero(expr: Expr) -> bool:
    """Whether ``expr`` is the constant 0."""
    return isinstance(expr, Const) and expr.value == 0
