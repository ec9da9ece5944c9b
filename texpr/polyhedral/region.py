"""What expressions become for isl: integer values, regions of points, or nothing and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import islpy as isl

from texpr.ir.expr import Expr, expr_text

_MAX_TEXT: Final = 60
_MAX_NODES_SHOWN: Final = 200


@dataclass(frozen=True)
class NotAffine:
    """``expr`` is nothing that isl can hold, because it is ``reason``."""

    expr: Expr
    reason: str

    def __str__(self) -> str:
        return f"{short_text(self.expr)} is {self.reason}"


def short_text(expr: Expr, length: int = _MAX_TEXT) -> str:
    """Return the text of ``expr``, cut to ``length``; "an expression" where it is very large."""
    if is_larger(expr, _MAX_NODES_SHOWN):
        return "an expression"
    text = expr_text(expr)
    return text if len(text) <= length else text[: length - 3] + "..."


def is_larger(root: Expr, limit: int) -> bool:
    """Whether more than ``limit`` nodes are below ``root``; stops counting there."""
    seen: set[Expr] = {root}
    stack = [root]
    while stack and len(seen) <= limit:
        for child in stack.pop().children:
            if child not in seen:
                seen.add(child)
                stack.append(child)
    return len(seen) > limit


@dataclass(frozen=True, slots=True)
class Value:
    """An integer at every point of a space, between ``low`` and ``high``.

    ``aff`` is in one piece where it can be: that is several times faster than one piece among any
    number of them.
    """

    aff: isl.Aff | isl.PwAff
    low: int
    high: int
    is_index: bool = False
    """Whether it is built of int64 constants and variables alone, and hence does not wrap."""

    @property
    def pw_aff(self) -> isl.PwAff:
        """The same in any number of pieces."""
        return isl.PwAff.from_aff(self.aff) if isinstance(self.aff, isl.Aff) else self.aff

    @property
    def constant(self) -> int | None:
        """The number that it is everywhere, if it is known to be one."""
        return self.low if self.low == self.high else None


@dataclass(frozen=True, slots=True)
class Region:
    """The points where a condition holds, from outside and from inside.

    It surely holds on ``under`` and surely not outside ``over``. They differ where a part of the
    condition is not affine (``missing`` is the first). What is proven of ``over`` is true of every
    point; what is found in ``under`` does happen.
    """

    over: isl.Set
    under: isl.Set
    missing: NotAffine | None = None

    @property
    def is_exact(self) -> bool:
        """Whether it is known where the condition holds."""
        return self.missing is None

    def __and__(self, other: Region) -> Region:
        if self.is_exact and other.is_exact:
            return exact(self.over.intersect(other.over))
        over, under = self.over.intersect(other.over), self.under.intersect(other.under)
        return Region(over, under, self.missing or other.missing)

    def __or__(self, other: Region) -> Region:
        if self.is_exact and other.is_exact:
            return exact(self.over.union(other.over))
        over, under = self.over.union(other.over), self.under.union(other.under)
        return Region(over, under, self.missing or other.missing)

    def __invert__(self) -> Region:
        if self.is_exact:
            return exact(self.over.complement())
        return Region(self.under.complement(), self.over.complement(), self.missing)


def exact(points: isl.Set) -> Region:
    """Return the region that is just ``points``."""
    return Region(points, points)
