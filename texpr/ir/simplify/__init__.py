"""The one simplifier of expressions and statements.

The value of an expression is preserved to the bit: integers wrap, floats are neither
reassociated nor assumed to be finite, what guards a read keeps guarding it. The one assumption,
about subscripts and extents, stands at the top of ``context``. There is a file of rules per
operator; ``engine`` applies them, ``statements`` carries what loops and conditions say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from texpr.ir.expr import Expr, Var
from texpr.ir.program import Stmt
from texpr.ir.simplify.compare import TRUE
from texpr.ir.simplify.context import INT64_MAX, Context, context_of
from texpr.ir.simplify.engine import simplified
from texpr.ir.simplify.statements import StatementSimplifier, inside_loop

__all__ = ["Context", "Ranges", "inside_loop", "int_range", "prove", "simplify"]

Ranges: TypeAlias = Mapping[Var, tuple[int | None, int | None]]
"""Least and greatest value of integer variables, inclusive; None is no bound."""

N = TypeVar("N", Expr, Stmt)


def simplify(node: N, ranges: Ranges | Context | None = None) -> N:
    """Return ``node`` in a simpler form of the same value.

    Parameters
    ----------
    node
        An expression, whose type is kept, or a statement. Loops, conditions and bindings inside
        a statement add to what is known; those that run once or never disappear.
    ranges
        What is known of integer variables; or what :func:`inside_loop` knows at some place. Sizes
        are known not to be negative.

    >>> i, j, n = Var("i"), Var("j"), Var("n", is_size=True)
    >>> print(simplify((i*8 + j)//8, {j: (0, 7)}), simplify(3 + i*4 - i*3))
    i i + 3
    >>> print(simplify((n + 31)//32*32 >= n))
    True
    """
    context = ranges if isinstance(ranges, Context) else context_of(ranges)
    if isinstance(node, Expr):
        return simplified(node, context)
    return StatementSimplifier(context).rewrite_stmt(node)


def prove(condition: Expr, ranges: Ranges | None = None) -> bool:
    """Whether the bool expression ``condition`` certainly holds for all values of its variables.

    False says nothing: it may hold all the same.

    >>> i, j, n = Var("i"), Var("j"), Var("n", is_size=True)
    >>> prove(i*8 + j < n*8, {i: (0, 3), j: (0, 7), n: (4, None)}), prove(i < n)
    (True, False)
    >>> prove((n*16 + 8) % 8 == 0)
    True
    """
    return simplified(condition, context_of(ranges)) is TRUE


def int_range(expr: Expr, ranges: Ranges | None = None) -> tuple[int | None, int | None]:
    """Return bounds, inclusive, of an integer expression.

    None stands for an end of int64, which says nothing; other types have their own ends.

    >>> i, n = Var("i"), Var("n", is_size=True)
    >>> int_range(i*4 + 3, {i: (0, 7)}), int_range(n + 1), int_range(i)
    ((3, 31), (1, None), (None, None))
    """
    low, high = context_of(ranges).range_of(expr)
    return (None if low <= -INT64_MAX else low), (None if high == INT64_MAX else high)
