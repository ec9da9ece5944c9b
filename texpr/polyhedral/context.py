"""One isl context per analysis: names of variables, a budget of operations, isl's errors.

Objects of two isl contexts must never meet: isl does not notice and answers wrongly. So an
:class:`Analysis` makes its own context, everything it asks is made from that, and nothing of it
is kept when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import islpy as isl

from texpr.errors import InternalError
from texpr.ir.expr import Expr, Var
from texpr.polyhedral.kept import Kept

T = TypeVar("T")

IN, OUT, SET = isl.dim_type.in_, isl.dim_type.out, isl.dim_type.set

MAX_OPERATIONS: Final = 1_000_000
"""isl's own count of what it does, 400 to 1,100 a millisecond; the same on every machine."""

MAX_GEOMETRIES: Final = 300
"""How many statements' sets an analysis keeps, some dozen kilobytes each."""

# What isl's parser takes as a word of its own; printed sets should be readable back.
_RESERVED: Final = frozenset({
    "and", "or", "not", "exists", "min", "max", "mod", "floor", "ceil", "floord", "ceild",
    "true", "false", "implies", "infty", "NaN", "rat", "int",
})  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Unknown:
    """No answer, and why."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Analysis:
    """An isl context with its budget, and the names that variables have in it.

    Parameters
    ----------
    max_operations : int
        How much isl may do for one question; 0 for as much as it likes.

    >>> analysis = Analysis()
    >>> a, b = Var("i"), Var("i")
    >>> analysis.name_of(a), analysis.name_of(b), analysis.name_of(a)
    ('i', 'i_1', 'i')
    """

    def __init__(self, max_operations: int = MAX_OPERATIONS) -> None:
        self.context = isl.Context()
        self.max_operations = max_operations
        self.geometries: Kept[Any] = Kept(MAX_GEOMETRIES)
        """What :mod:`texpr.polyhedral.scop` found out of statements: it is of this context."""
        self.parameters: Kept[tuple[tuple[Var, ...], tuple[Expr, ...]]] = Kept(MAX_GEOMETRIES)
        self._name_of: dict[Var, str] = {}
        self._taken: set[str] = set(_RESERVED)
        self._counts: dict[str, int] = {}

    def name_of(self, var: Var) -> str:
        """Return the name of ``var``, which no other variable has: isl knows them by name."""
        name = self._name_of.get(var)
        if name is None:
            base = var.name if _NAME.fullmatch(var.name) else "v"
            name = base
            while name in self._taken:  # a thousand loops may be called i, so go on counting
                self._counts[base] = self._counts.get(base, 0) + 1
                name = f"{base}_{self._counts[base]}"
            self._taken.add(name)
            self._name_of[var] = name
        return name

    def number(self, value: int) -> isl.Val:
        """Return ``value`` for isl."""
        make = isl.Val.int_from_si
        if -(1 << 62) < value < (1 << 62):
            return make(self.context, value)
        # Not by parsing, which says "syntax error" where the budget ends.
        high, low = divmod(value, 1 << 62)
        return self.number(high).mul(make(self.context, 1 << 62)).add(make(self.context, low))

    def renew(self) -> None:
        """Start the budget again: what is asked is many questions, each of some statements.

        A program of many statements asks no harder questions than one of few, but more of them.
        """
        self.context.reset_operations()

    def ask(self, question: Callable[[], T]) -> T | Unknown:
        """Return ``question()``, or Unknown where isl's budget does not suffice for it.

        Raises
        ------
        InternalError
            isl refuses for another reason: the question makes no sense.

        >>> analysis = Analysis(max_operations=20)
        >>> hard = isl.Set("[n] -> {[i, j]: 5i < 3n and j mod 7 = i}", analysis.context)
        >>> print(analysis.ask(hard.lexmin))
        isl gave up after 20 operations
        """
        self.context.reset_operations()
        self.context.set_max_operations(self.max_operations)
        try:
            return question()
        except isl.Error as error:
            # islpy has one class for all errors.
            if "maximal number of operations" in str(error):
                return Unknown(f"isl gave up after {self.max_operations} operations")
            if "unbounded optimum" in str(error):
                return Unknown("there is no smallest example")
            raise InternalError("polyhedral: isl refused a question") from error
        finally:
            self.context.set_max_operations(0)


def int_of(value: isl.Val) -> int:
    """Return an integer of isl's as Python's, of any size."""
    return int(str(value))


Points = TypeVar("Points", isl.Set, isl.Map)


def constrained(
    points: Points, weights: Iterable[tuple[Any, int, int]], *, is_equality: bool
) -> Points:
    """Return the points whose weighted sum of columns is 0, or at least 0.

    ``weights`` are kind of dimension, position and weight, which is small.
    """
    make = isl.Constraint.alloc_equality if is_equality else isl.Constraint.alloc_inequality
    constraint = make(isl.LocalSpace.from_space(points.get_space()))
    for kind, position, weight in weights:
        number = isl.Val.int_from_si(points.get_ctx(), weight)
        constraint = constraint.set_coefficient_val(kind, position, number)
    return points.add_constraint(constraint)
