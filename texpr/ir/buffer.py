"""Buffers: named arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Binary, Const, Expr, int_value

if TYPE_CHECKING:
    from texpr.ir.itervar import IterVar


@dataclass(frozen=True, eq=False)
class Buffer:
    """An array of ``dtype``; ``shape`` are int64 expressions of the sizes.

    ``strides`` counts elements for one step along each dimension; None means C order without
    gaps. Two buffers are equal only if they are the same object.
    """

    name: str
    shape: tuple[Expr, ...]
    dtype: DType
    strides: tuple[Expr, ...] | None = None
    scope: str = "global"
    """The memory that scratch is in; on a CPU they are all the same."""
    has_gaps: bool = False
    """Whether some cells stand for nothing, and are neither written nor read."""
    aligned: tuple[tuple[int, int, int], ...] = ()
    """(dimension, factor, offset) of strides that leave ``offset`` when divided by ``factor``."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def has_rows(self) -> bool:
        """Whether elements that are neighbours along the last dimension are so in memory."""
        return self.strides is None or int_value(self.strides[-1]) == 1

    @property
    def room(self) -> tuple[Expr, ...]:
        """Numbers whose product is how many elements scratch takes."""
        return self.shape if self.strides is None else (self.shape[0], self.strides[0])

    @property
    def is_computed(self) -> bool:
        """Whether some operation makes it; a plain buffer is given."""
        return False

    @property
    def made_along(self) -> IterVar | None:
        """The axis whose steps read what earlier steps have made of it; None where none do."""
        return None

    @property
    def whole(self) -> Buffer:
        """The buffer whose cells these are; itself unless it is a :class:`Part`."""
        return self

    def __repr__(self) -> str:
        return f"<buffer {self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]>"

    def __copy__(self) -> Buffer:
        return self

    def __deepcopy__(self, memo: Any) -> Buffer:
        return self


@dataclass(frozen=True, eq=False)
class ComputedBuffer(Buffer):
    """A buffer that is computed whole before anything reads it: a cache, or a pickled tensor."""

    @property
    def is_computed(self) -> bool:
        return True


def twin(buffer: Buffer, **changed: Any) -> Buffer:
    """Return another buffer for what ``buffer`` holds, with some fields changed."""
    kind = ComputedBuffer if buffer.is_computed else Buffer
    fields = ("name", "shape", "dtype", "scope", "has_gaps", "aligned")
    values = {**{field: getattr(buffer, field) for field in fields}, **changed}
    return kind(**values, strides=aligned_strides(values["shape"], values["aligned"]))


def aligned_strides(
    shape: Sequence[Expr], aligned: Sequence[tuple[int, int, int]]
) -> tuple[Expr, ...] | None:
    """Return the strides of an array some of which are aligned; None where none are.

    From the last dimension to the first, each is the least that leaves room for those after it and
    leaves ``offset`` when divided by ``factor``.

    >>> from texpr.ir.dtypes import INT64
    >>> rows, columns = Const(5, INT64), Const(30, INT64)
    >>> print(*aligned_strides((rows, columns), [(0, 16, 8)]))
    40 1
    """
    if not aligned:
        return None
    wanted = {dimension: (factor, offset) for dimension, factor, offset in aligned}
    strides: list[Expr] = []
    least: Expr = Const(1, INT64)
    for dimension in reversed(range(len(shape))):
        if dimension in wanted:
            factor, offset = wanted[dimension]
            known = int_value(least)
            if known is None:
                least = least + (offset - least) % factor
            else:
                least = Const(known + (offset - known) % factor, INT64)
        strides.insert(0, least)
        least = _product(least, shape[dimension])
    return tuple(strides)


def _product(a: Expr, b: Expr) -> Expr:
    x, y = int_value(a), int_value(b)
    if x is not None and y is not None:
        return Const(x * y, INT64)
    return b if x == 1 else Binary("mul", a, b)


@dataclass(frozen=True, eq=False)
class Part(Buffer):
    """Room for a part of a buffer: ``part[x]`` is the cell ``of[origin + x]``.

    ``origin`` is over the loops around its allocation, so that as long as the part lives its cells
    and those of the whole are one to one. Where ``folds`` has a number for a dimension, cells of
    the whole that lie a multiple of it apart share one place: ``part[(x - origin) % fold]``.
    """

    of: Buffer | None = None
    origin: tuple[Expr, ...] = ()
    folds: tuple[int | None, ...] = ()

    @property
    def whole(self) -> Buffer:
        assert self.of is not None
        return self.of

    @property
    def is_computed(self) -> bool:
        return self.whole.is_computed

    def index_here(self, indices: Sequence[Expr]) -> tuple[Expr, ...]:
        """Return where the cell of the whole at ``indices`` is."""
        found = []
        for index, start, fold in zip(indices, self.origin, self._folds, strict=True):
            here = index if int_value(start) == 0 else Binary("sub", index, start)
            found.append(here if fold is None else Binary("floormod", here, Const(fold, INT64)))
        return tuple(found)

    def index_there(self, indices: Sequence[Expr]) -> tuple[Expr, ...] | None:
        """Return what :meth:`index_here` made ``indices`` of; None where it did not."""
        found = []
        for index, start, fold in zip(indices, self.origin, self._folds, strict=True):
            if fold is not None:
                if not isinstance(index, Binary) or index.op != "floormod":
                    return None
                if int_value(index.b) != fold:
                    return None
                index = index.a  # noqa: PLW2901 - one layer less
            if int_value(start) == 0:
                found.append(index)
            elif isinstance(index, Binary) and index.op == "sub" and index.b is start:
                found.append(index.a)
            else:
                return None
        return tuple(found)

    @property
    def _folds(self) -> tuple[int | None, ...]:
        return self.folds or (None,) * len(self.origin)
