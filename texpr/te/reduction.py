"""What a reduction is: a combination, its neutral element, and the values folded by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from texpr.errors import TexprError
from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, ExprOperators, Var
from texpr.ir.itervar import IterVar
from texpr.ir.program import Fold

Combine = Callable[[Sequence[Expr], Sequence[Expr]], tuple[Expr, ...]]


@dataclass(frozen=True, eq=False)
class Reducer:
    """A commutative, associative combination of tuples and its neutral tuple.

    Whether a user's combination is commutative and associative cannot be decided here and is
    taken on trust; with ``fp="exact"`` a schedule never makes use of it.
    """

    name: str
    combine: Combine
    identity: Callable[[Sequence[DType]], tuple[Expr, ...]]
    extreme: Literal["max", "min"] | None = None
    """Which extreme of the last component is chosen, where the others tell its place."""


class Reduce(ExprOperators):
    """``values`` reduced over ``axis``; it can only be the whole of a ``te.compute`` rule."""

    __slots__ = ("axis", "init", "parts", "reducer", "values", "where")

    def __init__(
        self,
        reducer: Reducer,
        values: tuple[Expr, ...],
        axis: tuple[IterVar, ...],
        where: Expr | None,
        init: tuple[Expr, ...] | None,
        parts: tuple[Reduce, ...] = (),
    ) -> None:
        self.reducer, self.values, self.axis = reducer, values, axis
        self.where, self.init = where, init
        self.parts = parts or (self,)

    def starting_values(self) -> tuple[Expr, ...]:
        """What the result holds before the first element is folded in."""
        return self.init or self.reducer.identity([value.dtype for value in self.values])

    def fold(self) -> Fold:
        """Return how it combines, apart from what."""
        dtypes = [value.dtype for value in self.values]
        old = tuple(Var(f"x{k}", dtype) for k, dtype in enumerate(dtypes))
        new = tuple(Var(f"y{k}", dtype) for k, dtype in enumerate(dtypes))
        combined = self.reducer.combine(old, new)
        return Fold(old, new, combined, self.reducer.identity(dtypes))

    @staticmethod
    def together(parts: Sequence[Reduce], own: str) -> Reduce:
        """Return one reduction of tuples that does what ``parts`` do side by side."""
        first = parts[0]
        for part in parts[1:]:
            same_axes = [*map(id, part.axis)] == [*map(id, first.axis)]
            if not same_axes or part.where is not first.where:
                raise TexprError(
                    f"compute: the reductions of {own!r} run over different axes or conditions; "
                    f"give each a te.compute of its own"
                )

        def combine(x: Sequence[Expr], y: Sequence[Expr]) -> tuple[Expr, ...]:
            folded: list[Expr] = []
            for part in parts:
                here = slice(len(folded), len(folded) + len(part.values))
                folded.extend(part.reducer.combine(x[here], y[here]))
            return tuple(folded)

        def identity(dtypes: Sequence[DType]) -> tuple[Expr, ...]:
            neutral: list[Expr] = []
            for part in parts:
                here = slice(len(neutral), len(neutral) + len(part.values))
                neutral.extend(part.reducer.identity(dtypes[here]))
            return tuple(neutral)

        return Reduce(
            Reducer("+".join(part.reducer.name for part in parts), combine, identity),
            tuple(value for part in parts for value in part.values),
            first.axis,
            first.where,
            tuple(value for part in parts for value in part.starting_values()),
            tuple(parts),
        )

    def __as_expr__(self) -> Expr:
        raise TexprError(
            f"{self.reducer.name}: a reduction must be the whole rule of a te.compute; "
            f"give it a tensor of its own and use that tensor's elements here"
        )

    def __getitem__(self, index: int) -> Expr:
        return self.__as_expr__()

    def __str__(self) -> str:
        names = ", ".join(k.name for k in self.axis)
        axis = names if len(self.axis) == 1 else f"[{names}]"
        where = "" if self.where is None else f", where={self.where}"
        init = "" if self.init is None else f", init={', '.join(map(str, self.init))}"
        values = ", ".join(map(str, self.values))
        return f"{self.reducer.name}({values}, axis={axis}{where}{init})"

    __repr__ = __str__
