"""Numbers in two digits of a symbolic base: what becomes of ``f // m``, ``f % m`` and ``o*m + i``.

isl holds no product of a loop and a size. But where ``number = high*base + low`` with
``0 <= low < base``, two instances compare in the number as they do in the digits, outermost first,
and that *is* affine. So a loop fused over a symbolic extent, or split into a number of parts, is
judged exactly, on pairs of instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import islpy as isl

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var, postorder
from texpr.ir.linear import Sum, is_sum, sum_expr, sum_of
from texpr.ir.program import ONE, ZERO
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.context import IN, OUT, constrained
from texpr.polyhedral.domain import Domain

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

    ``found`` are the numbers that were taken apart or put together here; ``known`` those of the
    whole program, so that the same number has the same variables in all statements.
    """

    def __init__(
        self,
        known: dict[tuple[int, ...], Digits],
        loops: Mapping[Var, tuple[Expr, Expr]] | None = None,
    ) -> None:
        self.known = known
        self.loops = loops or {}
        """Where loops begin and how often they run: what is a digit, and of which base."""
        self.found: dict[tuple[int, ...], Digits] = {}

    def visit_Binary(self, node: Binary) -> Visit[Expr]:
        if node.dtype is INT64 and is_sum(node):
            total = sum_of(node)
            product = next(filter(_is_product, total.terms), None)
            if product is not None:
                return (yield from self.with_number(total, product))
        a = yield node.a
        b = yield node.b
        if node.dtype is INT64 and not isinstance(b, Const):
            if node.op in ("floordiv", "floormod"):
                digits = self.taken_apart(a, b)
                return digits.high if node.op == "floordiv" else digits.low
            if _is_product(node):
                return self.put_together(a, b, ZERO).number
        return node.rebuild((a, b)) if a is not node.a or b is not node.b else node

    def with_number(self, total: Sum, product: Expr) -> Visit[Expr]:
        """Return ``(high*base + low)*c + rest``.

        ``low`` is how far a loop that runs ``base`` times has got, or how far it has to go, or
        else ``low*c`` is all that has the factor.
        """
        factor, base = total.terms[product], product.children[1]
        others = {term: k for term, k in total.terms.items() if term is not product}
        low: dict[Expr, int] = {}
        added, left = 0, total.constant
        digit = next(filter(partial(self.is_digit, base), others), None)
        if digit is not None and abs(others[digit]) == abs(factor):
            first, _ = self.loops[cast(Var, digit)]
            sign = others[digit] // factor
            low = {digit: sign}
            if sign < 0:
                low[base], added = 1, -1
            if isinstance(first, Const):
                added -= sign * int(first.value)
            else:
                low[first] = low.get(first, 0) - sign
            rest = dict(others)
            for term, k in low.items():
                rest[term] = rest.get(term, 0) - k * factor
            left -= added * factor
        else:
            low = {term: k // factor for term, k in others.items() if k % factor == 0}
            rest = {term: k for term, k in others.items() if k % factor}
            if total.constant % factor == 0:
                added, left = total.constant // factor, 0
        rest = {term: k for term, k in rest.items() if k}
        high = yield product.children[0]
        base = yield base
        small = yield sum_expr(Sum(low, added), INT64)
        more = yield sum_expr(Sum(rest, left), INT64)
        number: Expr = self.put_together(high, base, small).number * factor
        return number + cast(Expr, more)

    def is_digit(self, base: Expr, term: Expr) -> bool:
        """Whether ``term`` is a loop that runs ``base`` times."""
        return isinstance(term, Var) and term in self.loops and self.loops[term][1] is base

    def taken_apart(self, number: Expr, base: Expr) -> Digits:
        """Return the digits of a number that is there."""
        high, low = Var("high"), Var("low")
        key = (0, id(number), id(base))
        return self.same(Digits(key, number, high, low, base, (high, low)))

    def put_together(self, high: Expr, base: Expr, low: Expr) -> Digits:
        """Return the number that digits make."""
        number, key = Var("number"), (1, id(high), id(base), id(low))
        return self.same(Digits(key, number, high, low, base, (number,)))

    def same(self, digits: Digits) -> Digits:
        """Return the digits of the same key that are known, or else these."""
        found = self.found[digits.key] = self.known.setdefault(digits.key, digits)
        return found


def has_symbolic_base(root: Expr) -> bool:
    """Whether there may be something for a :class:`DigitFinder` in ``root``."""
    return any(
        isinstance(node, Binary)
        and node.op in ("mul", "floordiv", "floormod")
        and not any(isinstance(side, Const) for side in node.children[node.op != "mul" :])
        for node in (postorder(root) if root.children else ())
    )


def _is_product(expr: Expr) -> bool:
    return (
        isinstance(expr, Binary)
        and expr.op == "mul"
        and not any(isinstance(side, Const) for side in expr.children)
    )


def number_bounds(domain: Domain) -> dict[tuple[Expr, Expr], Expr]:
    """Return for numbers ``x`` and bases ``b`` an ``e`` with ``x < e*b``, where that is seen.

    So that, if ``x`` and ``e`` are not negative, ``b`` is positive and ``x//b < e``. Of quotients
    and remainders that holds only where the base that they are of is positive, else nobody knows
    that they are not negative.
    """
    ends = _ends_in(domain)
    last = {s.var: s.upper - 1 for s in domain.spans if s.upper is not None}
    found: dict[tuple[Expr, Expr], Expr] = {}
    for node in (node for term in domain.terms for node in postorder(term)):
        if not (isinstance(node, Binary) and node.op in ("floordiv", "floormod")):
            continue
        number, base = node.a, node.b
        if node.dtype is not INT64 or (number, base) in found:
            continue
        known = ends.get(number, [])
        total = sum_of(number)
        if not known and all(k > 0 and term in last for term, k in total.terms.items()):
            known = [simplify(substitute(number, last) + 1)]  # of a loop that was split evenly
        part = next((p for end in known if (p := quotient(end, base)) is not None), None)
        if part is not None:
            found[number, base] = part
            ends.setdefault(Binary("floordiv", number, base), []).append(part)
        for other, its_ends in ends.items():  # they say that the base is not 0 where this runs
            for at_end in (quotient(end, base) for end in its_ends):
                if at_end is not None:
                    found.setdefault((other, base), at_end)
        ends.setdefault(Binary("floormod", number, base), []).append(base)
    return {key: part for key, part in found.items() if not isinstance(key[1], Const)}


def _ends_in(domain: Domain) -> dict[Expr, list[Expr]]:
    """Return what is said to be greater than which number."""
    ends: dict[Expr, list[Expr]] = {}
    for span in domain.spans:
        if span.upper is not None:
            ends.setdefault(span.var, []).append(span.upper)
    for other in domain.others:
        if isinstance(other, Binary) and other.op in ("lt", "le") and other.a.dtype is INT64:
            end = other.b if other.op == "lt" else simplify(other.b + 1)
            ends.setdefault(other.a, []).append(end)
    return ends


def quotient(product: Expr, base: Expr) -> Expr | None:
    """Return what times ``base`` is ``product``, None where that is not seen."""
    if product is base:
        return ONE
    if _is_product(product):
        a, b = product.children
        for one, other in ((a, b), (b, a)):
            part = quotient(one, base)
            if part is not None:
                return other if part is ONE else Binary("mul", part, other)
        return None
    total, unit = sum_of(product), sum_of(base)
    if not total.terms or product in total.terms:
        return None
    if not unit.terms:
        parts = [*total.terms.values(), total.constant]
        if unit.constant <= 0 or any(part % unit.constant for part in parts):
            return None
        terms = {term: factor // unit.constant for term, factor in total.terms.items()}
        return sum_expr(Sum(terms, total.constant // unit.constant), INT64)
    first, scale = next(iter(unit.terms.items()))
    times = total.terms.get(first, 0) // scale
    if times and not (rest := total.plus(unit, -times)).terms and not rest.constant:
        return Const(times, INT64)
    if total.constant or unit.constant or len(unit.terms) > 1:
        return None
    found = Sum({})
    for term, factor in total.terms.items():
        part = quotient(term, first)
        if part is None or factor % scale:
            return None
        found = found.plus(sum_of(part), factor // scale)
    return sum_expr(found, INT64)


def compare_alike(space: isl.Space, first: int) -> isl.Map:
    """Return the pairs that compare in the column ``first`` as in the two digits behind it."""
    number, high, low, base = range(first, first + COLUMNS)
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
        found = found.union(constrained(apart, steps, is_equality=False))
        same = less.equate(IN, high, OUT, high).order_lt(a, low, b, low)
        steps = [(b, number, 1), (a, number, -1), (b, low, -1), (a, low, 1)]
        found = found.union(constrained(same, steps, is_equality=True))
    return found
