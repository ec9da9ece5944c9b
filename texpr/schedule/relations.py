"""How loops come about from others: a class for each way, which knows all that follows from it.

A relation uses up its parents and makes other axes. It says how long those are, what value a
parent has in terms of them, and over which ends of its range a parent may run that way, so that
it needs guards there. Nothing else asks what kind of relation one is.

*Ranges.* ``lower`` and ``extent`` are the range of an axis as its parts are counted: where a split
begins, say. They may depend on other loops where the declared range does. ``ends`` are the first
value and one past the last that it must keep to. The two differ for a skewed axis only, and what
is made from one, which is called loose: its range is that over all iterations of the loop it was
skewed by, so that its tiles lie on one grid, and its ends move with that loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol, TypeAlias

from texpr.ir.dtypes import BOOL, INT64
from texpr.ir.expr import Binary, Const, Expr, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, ZERO
from texpr.ir.simplify import prove, simplify

FALSE: Final = Const(False, BOOL)

Ends: TypeAlias = tuple[Expr, Expr]
"""The first value of an axis and one past its last."""


class Ranges(Protocol):
    """Who knows the ranges of axes, over the variables that stand for others."""

    def lower(self, axis: IterVar) -> Expr:
        """The first value of ``axis``."""

    def extent(self, axis: IterVar) -> Expr:
        """How many values it takes."""

    def ends(self, axis: IterVar) -> Ends:
        """What it must keep to."""

    def is_loose(self, axis: IterVar) -> bool:
        """Whether its range is larger than what it must keep to."""

    def var_of(self, axis: IterVar) -> Expr:
        """The variable that stands for it."""

    def at_most(self, bound: Expr, axis: IterVar, side: int) -> Expr:
        """The greatest ``bound`` over the range of ``axis``, the least where ``side`` is -1."""


class Values(Protocol):
    """Who knows the values of axes at a place among the loops; None for what has none there."""

    def value(self, axis: IterVar) -> Expr | None:
        """The value of ``axis``."""

    def lower(self, axis: IterVar) -> Expr | None:
        """The first value of ``axis``."""

    def extent(self, axis: IterVar) -> Expr | None:
        """How many values it takes."""

    def ends(self, axis: IterVar) -> tuple[Expr | None, Expr | None]:
        """What it must keep to."""

    def is_loose(self, axis: IterVar) -> bool:
        """Whether its range is larger than that."""


@dataclass(frozen=True, eq=False)
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

    def of(self, new: Mapping[IterVar, IterVar]) -> Relation:
        """Return the same relation with the axes that are in ``new`` exchanged."""

        def own(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(own, value))
            return new.get(value, value) if isinstance(value, IterVar) else value

        return replace(self, **{f.name: own(getattr(self, f.name)) for f in fields(self)})

    @property
    def sources(self) -> tuple[IterVar, ...]:
        """The axes that the values of what was made depend on."""
        return self.parents

    @abstractmethod
    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        """Return how many values the made ``axis`` takes."""

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        """Return the first value of the made ``axis``."""
        return ZERO

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        """Return what the made ``axis`` must keep to."""
        lower = ranges.lower(axis)
        return lower, simplify(lower + ranges.extent(axis))

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        """Whether the range of the made ``axis`` is larger than that."""
        return False

    def useful(self, axis: IterVar, ranges: Ranges) -> Ends | None:
        """Return the part of the range of the made ``axis`` outside of which guards fail.

        None where that is all of it.
        """
        return None

    @abstractmethod
    def value(self, parent: IterVar, here: Values) -> Expr | None:
        """Return the value of ``parent`` at a place, None where it has none there yet."""

    def overruns(self, parent: IterVar, here: Values) -> tuple[bool, bool]:
        """Return whether ``parent`` may run below its range at a place, and whether above it."""
        return False, False

    def fits(self, parent: IterVar, ranges: Ranges) -> Expr:
        """Return what must hold of the sizes for ``parent`` to run over no end after all."""
        return FALSE

    def covers(self, axis: IterVar) -> bool:
        """Whether guards of the parents stop the made ``axis``, too."""
        return False

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
        outer = here.value(self.outer)
        inner = None if outer is None else here.value(self.inner)
        if outer is None or inner is None:
            return None
        lower, width = here.lower(parent), here.extent(self.inner)
        if lower is None or width is None:
            return None
        return lower + (outer * width + inner)

    def overruns(self, parent: IterVar, here: Values) -> tuple[bool, bool]:
        return here.is_loose(parent), True

    def covers(self, axis: IterVar) -> bool:
        return axis is self.outer

    def useful(self, axis: IterVar, ranges: Ranges) -> Ends | None:
        if axis is self.inner or not ranges.is_loose(self.parent):
            return None
        origin, width = ranges.lower(self.parent), ranges.extent(self.inner)
        first, end = ranges.ends(self.parent)
        return simplify((first - origin) // width), ceildiv(simplify(end - origin), width)

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

    def overruns(self, parent: IterVar, here: Values) -> tuple[bool, bool]:
        return True, here.is_loose(parent)

    def useful(self, axis: IterVar, ranges: Ranges) -> Ends | None:
        return None

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
        outer, inner = ranges.extent(self.outer), ranges.extent(self.inner)
        if not prove(outer >= 0) and not prove(inner >= 0):
            outer = Binary("max", outer, ZERO)  # two empty loops would make one that runs
        return Binary("mul", outer, inner)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        fused, lower, width = here.value(self.fused), here.lower(parent), here.extent(self.inner)
        if fused is None or lower is None or width is None:
            return None
        return lower + (fused // width if parent is self.outer else fused % width)

    def overruns(self, parent: IterVar, here: Values) -> tuple[bool, bool]:
        is_loose = here.is_loose(parent)
        return is_loose, is_loose

    def covers(self, axis: IterVar) -> bool:
        return True

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
class Reverse(Relation):
    """``parent = last - made``, where ``made`` counts from 0."""

    parent: IterVar
    reversed: IterVar

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.parent,)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.reversed,)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.extent(self.parent)

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        if not ranges.is_loose(self.parent):
            return super().ends(axis, ranges)
        end = ranges.lower(self.parent) + ranges.extent(self.parent)
        first, last = ranges.ends(self.parent)
        return simplify(end - last), simplify(end - first)

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        return ranges.is_loose(self.parent)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        made = here.value(self.reversed)
        lower, extent = here.lower(parent), here.extent(parent)
        if made is None or lower is None or extent is None:
            return None
        return lower + extent - 1 - made


@dataclass(frozen=True, eq=False)
class Shift(Relation):
    """``parent = made - amount``."""

    parent: IterVar
    shifted: IterVar
    amount: int

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.parent,)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.shifted,)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.extent(self.parent)

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        return simplify(ranges.lower(self.parent) + self.amount)

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        return _moved(ranges.ends(self.parent), Const(self.amount, INT64))

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        return ranges.is_loose(self.parent)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        made = here.value(self.shifted)
        return None if made is None else made - self.amount


@dataclass(frozen=True, eq=False)
class Skew(Relation):
    """``inner = made - factor * outer``, where ``outer`` stays a loop."""

    outer: IterVar
    inner: IterVar
    skewed: IterVar
    factor: int

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.inner,)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.skewed,)

    @property
    def sources(self) -> tuple[IterVar, ...]:
        return (self.inner, self.outer)

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        first = ranges.lower(self.inner) + ranges.var_of(self.outer) * self.factor
        return ranges.at_most(simplify(first), self.outer, -1)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        end = ranges.lower(self.inner) + ranges.extent(self.inner)
        end = simplify(end + ranges.var_of(self.outer) * self.factor)
        return ranges.at_most(end, self.outer, 1) - ranges.lower(axis)

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        return _moved(ranges.ends(self.inner), ranges.var_of(self.outer) * self.factor)

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        return True

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        made, outer = here.value(self.skewed), here.value(self.outer)
        return None if made is None or outer is None else made - outer * self.factor


@dataclass(frozen=True, eq=False)
class FuseLoops(Relation):
    """``first = made`` and ``second = made - shift``, each in its own range."""

    first: IterVar
    second: IterVar
    together: IterVar
    shift: int

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.first, self.second)

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.together,)

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        return least(ranges.lower(self.first), ranges.lower(self.second) + self.shift)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        one, other = (ranges.lower(axis) + ranges.extent(axis) for axis in self.parents)
        return simplify(greatest(one, other + self.shift) - ranges.lower(axis))

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        one = ranges.ends(self.first)
        other = _moved(ranges.ends(self.second), Const(self.shift, INT64))
        return least(one[0], other[0]), greatest(one[1], other[1])

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        return any(ranges.is_loose(parent) for parent in self.parents)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        made = here.value(self.together)
        return made if made is None or parent is self.first else made - self.shift

    def overruns(self, parent: IterVar, here: Values) -> tuple[bool, bool]:
        moved = 0 if parent is self.first else self.shift
        below, above = (
            end is None or whole is None or int_value(simplify(end + moved - whole)) != 0
            for end, whole in zip(here.ends(parent), here.ends(self.together), strict=True)
        )
        return below, above


@dataclass(frozen=True, eq=False)
class _InPlace(Relation):
    """What was made stands in the place of ``parent`` and has its values."""

    parent: IterVar

    @property
    def parents(self) -> tuple[IterVar, ...]:
        return (self.parent,)

    def lower(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.lower(self.parent)

    def extent(self, axis: IterVar, ranges: Ranges) -> Expr:
        return ranges.extent(self.parent)

    def ends(self, axis: IterVar, ranges: Ranges) -> Ends:
        return ranges.ends(self.parent)

    def is_loose(self, axis: IterVar, ranges: Ranges) -> bool:
        return ranges.is_loose(self.parent)


@dataclass(frozen=True, eq=False)
class Fission(_InPlace):
    """``parent`` is whichever of ``made`` is around: a loop that was cut into several."""

    parts: tuple[IterVar, ...]

    @property
    def made(self) -> tuple[IterVar, ...]:
        return self.parts

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        values = (here.value(part) for part in self.parts)
        return next((value for value in values if value is not None), None)


@dataclass(frozen=True, eq=False)
class Shared(_InPlace):
    """``parent`` has the value of ``axis``, a loop of the same range that is around both."""

    axis: IterVar

    @property
    def made(self) -> tuple[IterVar, ...]:
        return (self.axis,)

    def value(self, parent: IterVar, here: Values) -> Expr | None:
        return here.value(self.axis)


def _moved(ends: Ends, distance: Expr) -> Ends:
    return simplify(ends[0] + distance), simplify(ends[1] + distance)


def least(a: Expr, b: Expr) -> Expr:
    """``min(a, b)``, simplified."""
    apart = int_value(simplify(a - b))
    return simplify(Binary("min", a, b) if apart is None else a if apart < 0 else b)


def greatest(a: Expr, b: Expr) -> Expr:
    """``max(a, b)``, simplified."""
    apart = int_value(simplify(a - b))
    return simplify(Binary("max", a, b) if apart is None else b if apart < 0 else a)


def ceildiv(a: Expr, b: Expr) -> Expr:
    """``a / b`` rounded up, simplified; 0 where b is 0."""
    known_a, known_b = int_value(a), int_value(b)
    if known_a is not None and known_b:
        return Const(-(-known_a // known_b), INT64)
    return simplify((a + (b - 1)) // b)
