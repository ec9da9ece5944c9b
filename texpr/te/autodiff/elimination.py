"""Solving index equations for loop variables, over the integers and on expressions.

Each step removes a variable or shrinks its range:

- ``a*x + … == e`` with ``a`` 1 or -1 gives ``x``;
- where ``g > 1`` divides every coefficient but that of ``y``, ``y`` is known modulo ``g``, so that
  ``y == r + g*t`` with a ``t`` of ``g`` times fewer values, and the equation is divided by ``g``;
- ``e // c`` and ``e % c`` are ``q`` and ``r`` with ``e == c*q + r`` and ``0 <= r < c``;
- ``x*n + y == e`` with ``0 <= y < n`` for a symbol ``n`` gives ``y == e % n`` and ``x == e // n``.

The variable that would span the most cells is solved for, so that what stays to be looped over is
short: a convolution's window and not its image. What cannot be solved remains a condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, free_vars, int_value, is_const, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.linear import Sum, sum_expr, sum_of
from texpr.ir.program import ZERO
from texpr.ir.simplify.engine import simplified
from texpr.ir.simplify.statements import inside_loops
from texpr.ir.visitor import substitute


@dataclass(frozen=True, eq=False)
class Equation:
    """``left == right``, of loop variables and what stands outside.

    ``is_defined`` promises that both can be evaluated wherever the loops run: that no condition
    guards what they read.
    """

    left: Expr
    right: Expr
    is_defined: bool = True

    @property
    def difference(self) -> Expr:
        return self.left - self.right


class UnboundedError(Exception):
    """A quotient without a range of its own would have to be looped over."""


class Elimination:
    """The unknown loop variables, and what is known of those that were solved for."""

    def __init__(
        self, loops: Sequence[IterVar], outer: Sequence[IterVar], *, take_divisions: bool
    ) -> None:
        self.given, self.outer = {loop.var: loop for loop in loops}, outer
        self.unknown = dict(self.given)
        self.unbounded: set[Var] = set()
        """Quotients of which no range is known."""
        self.take_divisions = take_divisions
        self.context = inside_loops([*outer, *loops])
        self.values: dict[Var, Expr] = {}
        self.conditions: list[Expr] = []
        self.ranges: list[Expr] = []
        """Conditions that were ranges of loops that depend on others, and may be that again."""
        self.unread: list[Expr] = []
        """Equations that read what other conditions of the program may guard."""

    def run(self, equations: Sequence[Equation]) -> None:
        """Solve ``equations``, the simplest first.

        Raises
        ------
        UnboundedError
            Divisions were taken apart, and that leads nowhere.
        """
        pending = self._without_divisions(equations) if self.take_divisions else [*equations]
        while pending:
            equation = min(pending, key=self._difficulty)
            pending.remove(equation)
            linear = self._linear(equation)
            digit = self._symbolic_digit(linear)
            if digit is not None:
                pending.append(digit)
            elif linear.is_solvable:
                self._eliminate(linear.coefficients, linear.rest)
            else:
                is_safe = equation.is_defined or not reads(equation.difference)
                place = self.conditions if is_safe else self.unread
                sides = equation.left, equation.right
                place.append(Binary("eq", *(sides if sides[0].children else sides[::-1])))
        if self.unbounded & self.unknown.keys():
            raise UnboundedError

    # ------------------------------------------------------------ equations

    def _without_divisions(self, equations: Sequence[Equation]) -> list[Equation]:
        """Put new variables in the place of quotients and remainders of loop variables."""
        new: dict[Expr, Expr] = {}
        parts: dict[tuple[Expr, Expr], tuple[Expr, Expr]] = {}
        added: list[Equation] = []
        for node in (node for equation in equations for node in postorder(equation.left)):
            if node in new:
                continue
            children = [new[child] for child in node.children]
            new[node] = node.rebuild(children) if children else node
            if not isinstance(node, Binary) or node.op not in ("floordiv", "floormod"):
                continue
            a, b = children
            if self._unknowns(b) or not self._unknowns(a) or not self._divides(node):
                continue
            if (a, b) not in parts:
                quotient, remainder = self._quotient(a, b)
                parts[a, b] = (quotient, remainder)
                added.append(Equation(a, quotient * b + remainder))
            new[node] = parts[a, b][node.op == "floormod"]
        return [
            *(Equation(new[one.left], one.right, one.is_defined) for one in equations),
            *added,
        ]

    def _divides(self, node: Binary) -> bool:
        """Whether ``node`` is ``a // b`` or ``a % b`` of index expressions, b not negative."""
        return self.context.is_index(node) and self.context.range_of(node.b)[0] >= 0

    def _quotient(self, a: Expr, b: Expr) -> tuple[Expr, Expr]:
        """Add a quotient and a remainder to the unknown variables."""
        name = free_vars(a)[0].name
        low, high = self.context.range_of(a)
        divisor, own = int_value(b), self.unknown.get(a) if isinstance(a, Var) else None
        dom: tuple[Expr, Expr] = (ZERO, ZERO)
        is_bounded = True
        if divisor and low > -(1 << 40) and high < 1 << 40:
            dom = (Const(low // divisor, INT64), Const(high // divisor + 1, INT64))
        elif own is not None and is_const(own.lower, 0):
            dom = (ZERO, (own.upper + b - 1) // b)
        else:
            is_bounded = False
        quotient = IterVar(f"{name}_o", dom, is_reduce=True)
        remainder = IterVar(f"{name}_i", (ZERO, b), is_reduce=True)
        self.unknown[quotient.var], self.unknown[remainder.var] = quotient, remainder
        if not is_bounded:
            self.unbounded.add(quotient.var)
        return quotient.var, remainder.var

    def _extent(self, loop: IterVar) -> int | None:
        return int_value(simplified(loop.extent, self.context))

    def _unknowns(self, expr: Expr) -> list[Var]:
        return [var for var in free_vars(expr) if var in self.unknown]

    def _linear(self, equation: Equation) -> _Linear:
        """Take what is known into ``equation`` and collect what it says of the unknown."""
        total = sum_of(simplified(substitute(equation.difference, self.values), self.context))
        found = {term: c for term, c in total.terms.items() if term in self.unknown}
        others = Sum({t: -c for t, c in total.terms.items() if t not in found}, -total.constant)
        tangled = {var for term in others.terms for var in self._unknowns(term)}
        coefficients = {v: c for v, c in found.items() if isinstance(v, Var) and v not in tangled}
        rest = sum_expr(others, INT64)
        for var in tangled & found.keys():
            rest -= var * found[var]
        return _Linear(coefficients, rest, len(tangled), equation.is_defined or not reads(rest))

    def _difficulty(self, equation: Equation) -> tuple[bool, int, int]:
        linear = self._linear(equation)
        return not linear.is_solvable, linear.tangled, len(linear.coefficients)

    def _symbolic_digit(self, linear: _Linear) -> Equation | None:
        """Solve ``y + b*(…) == e`` for a y from 0 to a symbolic b: ``e % b``; return the rest."""
        if len(linear.coefficients) != 1 or not linear.tangled:
            return None
        ((y, c),) = linear.coefficients.items()
        loop, base = self.unknown[y], self.unknown[y].upper
        if c != 1 or not is_const(loop.lower, 0) or self._unknowns(base):
            return None
        known, high = sum_of(linear.rest), Sum({})
        for term, times in known.terms.items():
            if self._unknowns(term):
                digit = _divided(term, base)
                if digit is None:
                    return None
                known = known.plus(Sum({term: 1}), -times)
                high = high.plus(sum_of(digit), -times)
        number = sum_expr(known, INT64)
        self._assign(y, number % base)
        return Equation(sum_expr(high, INT64), number // base, linear.is_defined)

    # ------------------------------------------------------------ elimination

    def _eliminate(self, a: dict[Var, int], e: Expr) -> None:
        """Solve ``sum of a[v]*v == e`` for the variable that spans the most."""
        x = max(a, key=lambda var: self._span(var, a))
        while True:
            common = gcd(*a.values())
            if common > 1:
                self.conditions.append(Binary("eq", e % common, ZERO))
                e, a = e // common, {var: c // common for var, c in a.items()}
            if abs(a[x]) == 1:
                break
            split = next(
                ((y, g) for y in a if y is not x and (g := _gcd_without(a, y)) > 1),
                None,
            )
            if split is None:  # then for one other and x, whatever the rest of them is
                y = max((var for var in a if var is not x), key=lambda var: self._span(var, a))
                e = _minus(e, {var: c for var, c in a.items() if var not in {x, y}})
                a = {x: a[x], y: a[y]}
                continue
            a, e = self._split(a, simplified(e, self.context), *split)
        value = _minus(e, {var: c for var, c in a.items() if var is not x})
        self._assign(x, value if a[x] == 1 else -value)

    def _span(self, var: Var, a: Mapping[Var, int]) -> tuple[bool, bool, bool, bool, int, bool]:
        """How much is gained by solving for ``var``: what it would have to loop over."""
        loop = self.unknown[var]
        bounds = [bound for bound in free_vars(loop.lower, loop.upper) if bound in a]
        extent = self._extent(loop)
        is_data = not loop.is_reduce
        known = abs(a[var]) * (1 if extent is None else extent)
        is_free = var in self.unbounded
        return is_free, bool(bounds), extent is None, extent is None and is_data, known, is_data

    def _split(self, a: dict[Var, int], e: Expr, y: Var, g: int) -> tuple[dict[Var, int], Expr]:
        """Where g divides all other coefficients: ``y = lower + r + g*t``, r known."""
        loop = self.unknown[y]
        e = simplified(e - loop.lower * a[y], self.context)
        r = simplified(e * pow(a[y], -1, g) % g, self.context)
        rest = e // g if a[y] == 1 else (e - r * a[y]) // g
        others = {var: c // g for var, c in a.items() if var is not y}
        extent = self._extent(loop)
        if extent is not None and extent <= g and y not in self.unbounded:
            self._assign(y, loop.lower + r)
            return others, rest
        outer = IterVar(f"{loop.name}_o", (ZERO, (loop.extent + (g - 1)) // g), is_reduce=True)
        self.unknown = {  # in the place of y
            (outer.var if var is y else var): (outer if var is y else one)
            for var, one in self.unknown.items()
        }
        if y in self.unbounded:
            self.unbounded.add(outer.var)
        self._assign(y, loop.lower + r + outer.var * g, loop)
        return {**others, outer.var: a[y]}, rest

    def _assign(self, x: Var, value: Expr, loop: IterVar | None = None) -> None:
        """Let ``x`` be ``value`` from now on, where that is in its range."""
        own = self.unknown.pop(x) if loop is None else loop
        if x not in self.unbounded:
            depends = any(var in self.given for var in free_vars(own.lower, own.upper))
            place = self.ranges if depends else self.conditions
            place += [Binary("ge", value, own.lower), Binary("lt", value, own.upper)]
        self.values = {var: substitute(old, {x: value}) for var, old in self.values.items()}
        self.values[x] = value


@dataclass(frozen=True, eq=False)
class _Linear:
    """``sum of coefficients * variables == rest``; ``tangled`` variables stand in ``rest``."""

    coefficients: dict[Var, int]
    rest: Expr
    tangled: int
    is_defined: bool

    @property
    def is_solvable(self) -> bool:
        return bool(self.coefficients) and self.is_defined


def _divided(term: Expr, base: Expr) -> Expr | None:
    """Return ``x`` where ``term`` is ``x*base``."""
    if isinstance(term, Binary) and term.op == "mul":
        if term.b is base:
            return term.a
        if term.a is base:
            return term.b
    return None


def _gcd_without(a: Mapping[Var, int], y: Var) -> int:
    return gcd(*(c for var, c in a.items() if var is not y))


def _minus(e: Expr, terms: Mapping[Var, int]) -> Expr:
    for var, c in terms.items():
        e -= var * c
    return e


def reads(expr: Expr) -> bool:
    """Whether ``expr`` reads a buffer."""
    return any(isinstance(node, Load) for node in postorder(expr))
