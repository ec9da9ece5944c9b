"""What a statement sees while it runs: the values of variables and the cells of buffers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from texpr.errors import BoundsError, IllegalScheduleError, InternalError, UninitializedError
from texpr.ir.buffer import Buffer
from texpr.ir.program import Location

Cell = tuple[int, ...]


class Site(NamedTuple):
    """The statement that is running, and its instance: what an error names."""

    label: str
    names: tuple[str, ...] = ()
    instance: tuple[int, ...] = ()
    location: Location | None = None

    def at(self) -> str:
        """Return the instance and the line as they follow a verb, ``" at (i=0) (f.py:3)"``."""
        pairs = zip(self.names, self.instance, strict=True)
        values = ", ".join(f"{name}={value}" for name, value in pairs)
        line = f" ({self.location})" if self.location is not None else ""
        return (f" at ({values})" if values else "") + line

    def __str__(self) -> str:
        return self.label + self.at()


class Memory:
    """The cells of one buffer: ``data``, and which cells hold a value where not all do."""

    __slots__ = ("buffer", "data", "is_float", "shape", "written")

    def __init__(self, buffer: Buffer, data: np.ndarray[Any, Any], *, is_fresh: bool) -> None:
        self.buffer = buffer
        self.data = data
        self.shape = data.shape
        self.is_float = buffer.dtype.is_float
        self.written: set[Cell] | None = set() if is_fresh else None

    def read(self, cell: Cell) -> Any:
        value = self.data[cell]
        return value if self.is_float else value.item()

    def write(self, cell: Cell, value: Any) -> None:
        self.data[cell] = value
        if self.written is not None:
            self.written.add(cell)

    @property
    def cells(self) -> Iterator[Cell]:
        """Every cell, in order."""
        return product(*map(range, self.shape))

    def name_of(self, cell: Cell) -> str:
        return f"{self.buffer.name}[{', '.join(map(str, cell)) or '()'}]"


class Race:
    """The cells that the iterations of one parallel loop touched so far.

    The iterations run here one after the other, so that the first touch of a cell is enough to
    meet a later one of another iteration.
    """

    def __init__(self, loop: str) -> None:
        self.loop = loop
        self.iteration = 0
        self.touched: dict[tuple[Memory, Cell], tuple[int, bool, Site]] = {}

    def touch(self, memory: Memory, cell: Cell, writes: bool, site: Site) -> None:
        """Record an access by the current iteration.

        Raises
        ------
        IllegalScheduleError
            Another iteration touched the cell, and one of the two writes it.
        """
        key = (memory, cell)
        before = self.touched.get(key)
        if before is None:
            self.touched[key] = (self.iteration, writes, site)
            return
        iteration, wrote, first = before
        if iteration == self.iteration:
            if writes and not wrote:
                self.touched[key] = (iteration, True, site)
        elif writes or wrote:
            raise IllegalScheduleError(
                f"parallel loop {self.loop}: {first} {'writes' if wrote else 'reads'} "
                f"{memory.name_of(cell)} and {site} {'writes' if writes else 'reads'} it, and "
                f"nothing says which comes first; run the loop serially"
            )


class Lane:
    """One thread of execution: ``scope`` maps variables to values and buffers to memories."""

    __slots__ = ("races", "scope", "site")

    def __init__(self, scope: dict[Any, Any], races: Sequence[Race], site: Site) -> None:
        self.scope = scope
        self.races = races
        self.site = site

    def read(self, buffer: Buffer, cell: Cell) -> Any:
        """Return the value of a cell.

        Raises
        ------
        BoundsError
            The buffer has no such cell.
        UninitializedError
            Nothing was written there.
        """
        memory = self.memory(buffer, cell, "reads")
        self._about_to_read(memory, cell)
        return memory.read(cell)

    def _about_to_read(self, memory: Memory, cell: Cell) -> None:
        if memory.written is not None and cell not in memory.written:
            raise UninitializedError(
                f"{self.site.label}: reads {memory.name_of(cell)}{self.site.at()}, "
                f"which nothing has written; write it first"
            )
        for race in self.races:
            race.touch(memory, cell, False, self.site)

    def whole(self, buffer: Buffer, *, writes: bool) -> np.ndarray[Any, Any]:
        """Return all cells of ``buffer``, to be read or to be written by a function from outside.

        Raises
        ------
        UninitializedError
            Nothing was written to one that is to be read.
        """
        memory: Memory = self.scope[buffer]
        if not writes:
            if memory.written is not None or self.races:
                for cell in memory.cells:
                    self._about_to_read(memory, cell)
            view = memory.data.view()
            view.flags.writeable = False
            return view
        for race in self.races:
            for cell in memory.cells:
                race.touch(memory, cell, True, self.site)
        if memory.written is not None:
            memory.written.update(memory.cells)
        return memory.data

    def memory(self, buffer: Buffer, cell: Cell, verb: str) -> Memory:
        """Return the memory of ``buffer``, which has the ``cell``."""
        try:
            memory: Memory = self.scope[buffer]
        except KeyError:
            raise InternalError(f"interpreter: nothing allocates {buffer!r}") from None
        for index, extent in zip(cell, memory.shape, strict=True):
            if not 0 <= index < extent:
                raise self._out_of_bounds(memory, cell, verb)
        return memory

    def _out_of_bounds(self, memory: Memory, cell: Cell, verb: str) -> BoundsError:
        dimension, index, extent = next(
            (dimension, index, extent)
            for dimension, (index, extent) in enumerate(zip(cell, memory.shape, strict=True))
            if not 0 <= index < extent
        )
        return BoundsError(
            f"{self.site.label}: {verb} {memory.name_of(cell)}{self.site.at()}, but index {index} "
            f"is outside dimension {dimension} of {memory.buffer.name}, which has extent {extent}; "
            f"guard the access with if_then_else or correct the ranges"
        )
