"""Which way an expression goes when a variable grows."""

from __future__ import annotations

from texpr.ir.expr import Binary, Expr, Unary, Var, free_vars, int_value


def direction(expr: Expr, var: Var) -> int | None:
    """Return 1 where ``expr`` never falls as ``var`` grows, -1 where it never rises.

    0 where it does not depend on it, None where that cannot be seen.

    >>> i, n = Var("i"), Var("n")
    >>> direction((i + 3)//4, i), direction(n - i, i), direction(n, i), direction(i % 2, i)
    (1, -1, 0, None)
    """
    if expr is var:
        return 1
    if all(free is not var for free in free_vars(expr)):
        return 0
    if isinstance(expr, Unary) and expr.op == "neg":
        way = direction(expr.operand, var)
        return None if way is None else -way
    if not isinstance(expr, Binary):
        return None
    a, b = direction(expr.a, var), direction(expr.b, var)
    if a is None or b is None:
        return None
    if expr.op in ("add", "min", "max"):
        return _together(a, b)
    if expr.op == "sub":
        return _together(a, -b)
    factor = int_value(expr.b)
    if factor is None:
        return None
    if expr.op == "mul":
        return a if factor > 0 else -a
    return a if expr.op == "floordiv" and factor > 0 else None


def _together(a: int, b: int) -> int | None:
    if a == 0 or b in (0, a):
        return a or b
    return None
