"""How loops come about from others: a class for each way, which knows all that follows from it.

A relation uses up its parents and makes other axes. It says how long those are, what value a
parent has in terms of them, and over which ends of its range a parent may run that way, so that
it needs guards there. Nothing else asks what kind of relation one is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

from texpr.ir.dtypes import BOOL, INT64
from texpr.ir.expr import Binary, Const, Expr, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, ZERO
from texpr.ir.simplify import simplify

FALSE: Final = Const(False, BOOL)


class Ranges(Protocol):
    """Who knows the ranges of axes."""

    def lower(self, axis: IterVar) -> Expr:
        """The first value of ``axis``."""

    def extent(self, axis: IterVar) -> Expr:
        """How many values it takes."""


class Values(Protocol):
    """Who knows the values of axes at a place among the loops; None for what has none there."""

    def value(self, axis: IterVar) -> Expr | None:
        """The value of ``axis``."""

    def lower(self, axis: IterVar) -> Expr | None:
        """The first value of ``axis``."""

    def extent(self, axis: IterVar) -> Expr | None:
        """How many values it takes."""


class Relation(ABC):
    """Axes that were made from others, which are no loops any more."""

    @property
    @abstractmethod
    def parents(self) -> tuple[IterVar, ...]:
        """The axes that were used up."""

    @property
    @abstractmethod
    def made(self) -> tuple[IterVar, ...]:
        """The axes that were made, outermost first."""

    @abstractmethod
    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        """Return how many values the made ``axis`` takes."""

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        """Return the first value of the made ``axis``."""
        return ZERO

    @abstractmethod
    def value(self, parent: IterVar, here: Values) -> Expr | None:
        """Return the value of ``parent`` at a place, None where it has none there yet."""

    def overruns(self, parent: IterVar) -> tuple[bool, bool]:
        """Return whether ``parent`` may run below its range, and whether above it."""
        return False, False

    def fits(self, parent: IterVar, ranges: Ranges) -> Expr:
        """Return what must hold of the sizes for ``parent`` to run over no end after all."""
        return FALSE

    def hangs(self, parent: IterVar) -> bool:
        """Whether ``parent`` runs too far where what was made runs over a range that is too large.

        That is so where a bound depends on a loop that is further in.
        """
        return False


@dataclass(frozen=True, eq=False)
class Split(Relation):
    """``parent = lower + outer * width + inner``, where ``width`` is the extent of ``inner``.

    ``count`` is what was asked for: the width, or the number of parts where ``is_parts``.
    """

    parent: IterVar
    outer: IterVar
    inner: IterVar
    count: int
    is_parts: bool = False

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.parent,)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.outer, self.inner)

    def width(self, extent: Expr) -> Expr:
        """Return the extent of ``inner`` where the parent's is ``extent``."""
        asked = Const(self.count, INT64)
        width = ceildiv(extent, asked) if self.is_parts else asked
        known, size = int_value(width), int_value(extent)
        if known is not None and size is not None:
            # No part is longer than the loop, and none is empty where the loop is.
            return Const(max(1, min(known, size)), INT64)
        return ONE if known == 0 else width

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        extent = ranges.extent(self.parent)
        width = self.width(extent)
        return width if axis is self.inner else ceildiv(extent, width)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        outer, inner = here.value(self.outer), here.value(self.inner)
        lower, width = here.lower(parent), here.extent(self.inner)
        if outer is None or inner is None or lower is None or width is None:
            return None
        return lower + (outer * width + inner)

    def overruns(self, parent: IterVar) -> tuple[bool, bool]:
        return False, True

    def fits(self, parent: IterVar, ranges: Ranges) -> Expr:
        rest = Binary("floormod", ranges.extent(parent), ranges.extent(self.inner))
        return Binary("eq", rest, ZERO)


@dataclass(frozen=True, eq=False)
class ShiftedSplit(Split):
    """A split whose last part starts earlier, so that it ends with the loop.

    ``parent = lower + min(outer * width, extent - width) + inner``. Only a loop that is shorter
    than a part runs over, below its range.
    """

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        outer, inner = here.value(self.outer), here.value(self.inner)
        lower, width, extent = here.lower(parent), here.extent(self.inner), here.extent(parent)
        if outer is None or inner is None or lower is None or width is None or extent is None:
            return None
        start = Binary("min", outer * width, extent - width)
        return lower + (start + inner)

    def overruns(self, parent: IterVar) -> tuple[bool, bool]:
        return True, False

    def fits(self, parent: IterVar, ranges: Ranges) -> Expr:
        extent, width = ranges.extent(parent), ranges.extent(self.inner)
        return Binary("or", Binary("ge", extent, width), Binary("le", extent, ZERO))


@dataclass(frozen=True, eq=False)
class Fuse(Relation):
    """``outer = fused // extent(inner)`` and ``inner = fused % extent(inner)``, plus lower ends."""

    outer: IterVar
    inner: IterVar
    fused: IterVar

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.outer, self.inner)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.fused,)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return Binary("mul", ranges.extent(self.outer), ranges.extent(self.inner))

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        fused, lower, width = here.value(self.fused), here.lower(parent), here.extent(self.inner)
        if fused is None or lower is None or width is None:
            return None
        return lower + (fused // width if parent is self.outer else fused % width)

    def hangs(self, parent: IterVar) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Single(Relation):
    """A loop that runs once, made from nothing."""

    axis: IterVar

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return ()

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.axis,)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ONE

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        return None


@dataclass(frozen=True, eq=False)
class Shared(Relation):
    """``parent`` has the value of ``axis``, a loop of the same range that is around both."""

    parent: IterVar
    axis: IterVar

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.parent,)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.axis,)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.extent(self.parent)

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.lower(self.parent)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        return here.value(self.axis)


def ceildiv(a: Expr, b: Expr) -> Expr:
    """``a / b`` rounded up, simplified; 0 where b is 0."""
    known_a, known_b = int_value(a), int_value(b)
    if known_a is not None and known_b:
        return Const(-(-known_a // known_b), INT64)
    return simplify((a + (b - 1)) // b)
