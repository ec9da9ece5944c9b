"""Iteration variables: the axes of an operator and the loops made from them."""

from __future__ import annotations

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Expr, ExprOperators, Var, binary, int_value, spread


class IterVar(ExprOperators):
    """An axis: a name, a range and whether it is reduced over.

    ``var`` stands for it in expressions; where an expression is wanted, the axis itself will do,
    so ``k == 0`` builds a comparison, and which axis is which is told with ``is``.
    ``dom`` is ``(lower, upper)`` of an axis that was declared, and None of one that a primitive
    made, whose range follows from the schedule.
    """

    __slots__ = ("__weakref__", "dom", "is_reduce", "name", "var")

    def __init__(
        self, name: str, dom: tuple[Expr, Expr] | None = None, *, is_reduce: bool = False
    ) -> None:
        self.name = name
        self.dom = dom
        self.is_reduce = is_reduce
        self.var = Var(name, INT64, is_axis=True)

    @property
    def lower(self) -> Expr:
        """The first value."""
        return self._declared()[0]

    @property
    def upper(self) -> Expr:
        """One past the last value."""
        return self._declared()[1]

    @property
    def extent(self) -> Expr:
        """How many values it takes."""
        lower, upper = self._declared()
        first, end = int_value(lower), int_value(upper)
        if first is not None and end is not None:
            return Const(end - first, INT64)
        return upper if first == 0 else upper - lower

    def _declared(self) -> tuple[Expr, Expr]:
        if self.dom is None:
            raise AttributeError(f"axis {self.name!r} was made by a primitive; ask the schedule")
        return self.dom

    def __as_expr__(self) -> Expr:
        return self.var

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return spread(binary, "eq", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return spread(binary, "ne", self, other)

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        kind = "reduce_axis" if self.is_reduce else "axis"
        if self.dom is None:
            return f"<{kind} {self.name}>"
        return f"<{kind} {self.name} in [{self.dom[0]}, {self.dom[1]})>"
