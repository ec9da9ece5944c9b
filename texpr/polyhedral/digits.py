"""Numbers in two digits of a symbolic base: what becomes of ``f // m``, ``f % m`` and ``o*m + i``.

isl holds no product of a loop and a size. But where ``number = high*base + low`` with
``0 <= low < base``, two instances compare in the number as they do in the digits, outermost first,
and that *is* affine. So a loop fused over a symbolic extent, or split into a number of parts, is
judged exactly, on pairs of instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import islpy as isl

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var
from texpr.ir.program import ZERO
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.context import IN, OUT

DIGITS = 2
COLUMNS = 4
"""How many columns :attr:`Digits.columns` has."""


@dataclass(frozen=True, eq=False)
class Digits:
    """``number = high*base + low``; ``key`` is the same for the same number elsewhere."""

    key: tuple[int, ...]
    number: Expr
    high: Expr
    low: Expr
    base: Expr
    fresh: tuple[Var, ...]

    @property
    def columns(self) -> tuple[Expr, ...]:
        """What is compared between instances."""
        return (self.number, self.high, self.low, self.base)

    @property
    def is_digit(self) -> Expr:
        """What makes ``low`` a digit: true by definition of ``%``, to be shown of a sum."""
        return Binary("and", Binary("ge", self.low, ZERO), Binary("lt", self.low, self.base))

    @property
    def is_given(self) -> bool:
        """Whether the number is there and the digits are new, and not the other way round."""
        return len(self.fresh) == DIGITS


class DigitFinder(Rewriter):
    """Puts variables of their own in the place of what has a symbolic base.

    ``found`` are the numbers that were taken apart or put together.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[int, ...], Digits] = {}
        self.keep: list[Expr] = []

    def visit_Binary(self, node: Binary) -> Visit[Expr]:
        a = yield node.a
        b = yield node.b
        if node.dtype is INT64 and not isinstance(b, Const):
            if node.op in ("floordiv", "floormod"):
                digits = self.taken_apart(a, b)
                return digits.high if node.op == "floordiv" else digits.low
            if node.op == "add":
                product = a if _is_product(a) else None
                if product is not None:
                    return self.put_together(product, b).number
        return node.rebuild((a, b)) if a is not node.a or b is not node.b else node

    def taken_apart(self, number: Expr, base: Expr) -> Digits:
        key = (0, id(number), id(base))
        found = self.found.get(key)
        if found is None:
            high, low = Var("high"), Var("low")
            found = self.found[key] = Digits(key, number, high, low, base, (high, low))
            self.keep += [number, base]
        return found

    def put_together(self, product: Expr, low: Expr) -> Digits:
        high, base = product.children
        key = (1, id(high), id(base), id(low))
        found = self.found.get(key)
        if found is None:
            number = Var("number")
            found = self.found[key] = Digits(key, number, high, low, base, (number,))
            self.keep += [high, base, low]
        return found


def _is_product(expr: Expr) -> bool:
    return (
        isinstance(expr, Binary)
        and expr.op == "mul"
        and not any(isinstance(side, Const) for side in expr.children)
    )


def compare_alike(space: isl.Space, first: int) -> isl.Map:
    """Return the pairs that compare in the column ``first`` as in the two digits behind it."""
    number, high, low, base = range(first, first + 4)
    everything = isl.Map.universe(space.map_from_set())
    equal = everything
    for column in (number, high, low):
        equal = equal.equate(IN, column, OUT, column)
    found = equal
    for a, b in ((IN, OUT), (OUT, IN)):
        less = everything.order_lt(a, number, b, number)
        apart = less.order_lt(a, high, b, high)
        # One more in the high digit is at least a base more, but for the low digits.
        steps = [(b, number, 1), (a, number, -1), (a, base, -1), (b, low, -1), (a, low, 1)]
        found = found.union(_constrained(apart, steps, is_equality=False))
        same = less.equate(IN, high, OUT, high).order_lt(a, low, b, low)
        steps = [(b, number, 1), (a, number, -1), (b, low, -1), (a, low, 1)]
        found = found.union(_constrained(same, steps, is_equality=True))
    return found


def _constrained(
    pairs: isl.Map, weights: Iterable[tuple[Any, int, int]], *, is_equality: bool
) -> isl.Map:
    """Return the pairs whose weighted sum of columns is 0, or at least 0."""
    local = isl.LocalSpace.from_space(pairs.get_space())
    make = isl.Constraint.alloc_equality if is_equality else isl.Constraint.alloc_inequality
    constraint = make(local)
    for kind, column, weight in weights:
        constraint = constraint.set_coefficient_val(
            kind, column, isl.Val.int_from_si(pairs.get_ctx(), weight)
        )
    return pairs.add_constraint(constraint)
