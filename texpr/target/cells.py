"""The cells that Blocks access again and again, by the same subscripts.

Of a loop over ``r`` around ``for j in vectorized(8): C[i, j] += A[i, r]*B[r, j]`` that is
``C[i, 0:8]``, and of its body alone all three.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Final

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, free_vars, int_value, postorder
from texpr.ir.linear import coefficient, sum_of
from texpr.ir.program import TRUE, ZERO, Alloc, Block, If, Let, Loop, LoopKind, Seq, Stmt, Store
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute

LANE: Final = Var("lane")
"""The lane in subscripts and conditions, whatever the loop's variable."""


@dataclass(frozen=True)
class Cell:
    """What is accessed by the same subscripts in every iteration: an element, or one a lane.

    ``guards`` hold where it is accessed at all, ``masks`` in which ``lanes``, of which there are
    none where it is one element.
    """

    buffer: Buffer
    indices: tuple[Expr, ...]
    lanes: int
    guards: tuple[Expr, ...]
    masks: tuple[Expr, ...]

    def is_apart(self, other: Cell) -> bool:
        """Whether the two certainly have no element in common."""
        for mine, theirs in zip(self._extremes, other._extremes, strict=True):
            (terms, first, last), (other_terms, other_first, other_last) = mine, theirs
            if terms == other_terms and (last < other_first or other_last < first):
                return True
        return False

    @property
    def own(self) -> tuple[Expr, ...]:
        """The subscripts in a register of its own."""
        return (LANE,) if self.lanes else ()

    @cached_property
    def _extremes(self) -> list[tuple[dict[Expr, int], int, int]]:
        """Of each subscript, what does not depend on the lane, and the least and greatest rest."""
        found = []
        for index in self.indices:
            total = sum_of(index)
            terms = total.terms.copy()
            reach = terms.pop(LANE, 0) * max(0, self.lanes - 1)
            ends = total.constant, total.constant + reach
            found.append((terms, min(ends), max(ends)))
        return found


@dataclass(frozen=True)
class Place:
    """Where a Block stands: in which lanes and under what, and whether it certainly runs there.

    ``choices`` say in which lanes it runs this time, and next time perhaps in others.
    """

    lanes: Loop | None = None
    guards: tuple[Expr, ...] = ()
    masks: tuple[Expr, ...] = ()
    choices: tuple[Expr, ...] = ()
    is_certain: bool = True

    def in_loop(self, exprs: Sequence[Expr]) -> tuple[Expr, ...]:
        """Return ``exprs`` with the loop's variable in the place of the lane."""
        if self.lanes is None:
            return tuple(exprs)
        lane, lower = self.lanes.var, self.lanes.lower
        own = lane if lower is ZERO else lane - lower
        return tuple(substitute(expr, {LANE: own}) for expr in exprs)

    @property
    def some_lane(self) -> Expr | None:
        """Whether the masks leave any lane, as a condition; None where that is hard to say."""
        if self.lanes is None or len(self.masks) != 1 or self.choices:
            return None
        (mask,) = self.masks
        if not isinstance(mask, Binary) or mask.op != "lt":
            return None
        slope = coefficient(mask.a - mask.b, LANE)
        if slope is None:
            return None
        easiest = 0 if slope > 0 else lane_count(self.lanes) - 1
        return substitute(mask, {LANE: Const(easiest, INT64)})


class Accesses:
    """What the Blocks in a statement access, where that is simple enough to tell.

    ``bound`` are the variables of loops around it that are not the same all the time.
    """

    def __init__(
        self, stmt: Stmt, barred: Collection[Buffer] = (), bound: Collection[Var] = ()
    ) -> None:
        self.stmt = stmt
        self.bound = set(bound)
        self.barred = set(barred)
        """Buffers that are accessed in other ways, too."""
        self.places: dict[Block, Place] = {}
        self.masked: dict[If | Block, Block] = {}
        """What has a condition that differs between lanes, each with the one Block under it."""
        self._found: dict[tuple[Block, Buffer, tuple[Expr, ...]], Cell | None] = {}
        self.is_whole = True
        """Whether all Blocks have a place."""
        self._walk(stmt, Place())

    def _walk(self, stmt: Stmt, place: Place | None) -> None:
        for child in stmt.children:
            if isinstance(child, Expr) and not isinstance(stmt, Block):
                self.barred |= _read_in(child)
        if isinstance(stmt, Block):
            self._meet(stmt, place)
        elif isinstance(stmt, Seq):
            for part in stmt.stmts:
                self._walk(part, place)
        elif isinstance(stmt, If):
            inner = place and self._under(stmt, place)
            self._walk(stmt.then, inner)
            if stmt.orelse is not None:
                self._walk(stmt.orelse, None)
        elif isinstance(stmt, Loop):
            self._walk(stmt.body, place and self._in_loop(stmt, place))
        elif isinstance(stmt, (Let, Alloc)):
            if isinstance(stmt, Alloc):
                self.barred.add(stmt.buffer)
            else:
                self.bound.add(stmt.var)
            self._walk(stmt.body, place if place and place.lanes is None else None)

    def _meet(self, block: Block, place: Place | None) -> None:
        if place is not None and block.predicate is not TRUE:
            condition = predicate_of(block)
            if depends_on_lane(condition, place.lanes):
                self.masked[block] = block
            place = self._where(condition, place)
        if place is None or block in self.places or block.extern:
            self.places.pop(block, None)
            self.barred.update(block.buffers)
            self.is_whole = False
        else:
            self.places[block] = place
        self.barred.update(buffer for buffer, _, _ in block.checked)

    def _in_loop(self, loop: Loop, place: Place) -> Place | None:
        first, end = int_value(loop.lower), int_value(loop.upper)
        count = 0 if first is None or end is None else end - first
        if loop.kind is LoopKind.VECTORIZED and place.lanes is None and count > 1:
            return replace(place, lanes=loop)
        self.bound.add(loop.var)
        if loop.kind is not LoopKind.SERIAL or place.lanes is not None:
            return None
        return replace(place, is_certain=place.is_certain and count > 0)

    def _under(self, stmt: If, place: Place) -> Place | None:
        if stmt.orelse is not None:
            return None
        if depends_on_lane(stmt.condition, place.lanes):
            below = stmt.then
            while isinstance(below, If):
                below = below.then
            if not isinstance(below, Block):
                return None
            self.masked[stmt] = below
        return self._where(stmt.condition, place)

    def _where(self, condition: Expr, place: Place) -> Place | None:
        """Return the place of what stands under ``condition`` at a place."""
        if _read_in(condition):
            return None
        varies = not self.bound.isdisjoint(free_vars(condition))
        if not depends_on_lane(condition, place.lanes):
            if varies:
                return replace(place, is_certain=False)
            return replace(place, guards=(*place.guards, condition))
        own = _of_lane(condition, place.lanes)
        if varies:
            return replace(place, choices=(*place.choices, own), is_certain=False)
        return replace(place, masks=(*place.masks, own))

    def cells(self) -> dict[Cell, bool]:
        """Return the cells of what is stored to, where no two may be the same element.

        Each with whether it is certainly accessed if ``stmt`` runs and its guards hold. What LLVM
        keeps in registers by itself is left out: a single cell, or rows of known length, in both
        cases without conditions on lanes.
        """
        found: dict[Buffer, dict[Cell, bool]] = {
            store.buffer: {}
            for block, place in self.places.items()
            for store in block.stores
            if place.masks or place.choices or not _has_known_rows(store.buffer)
        }
        chosen = {b for block, p in self.places.items() if p.choices for b in block.written_buffers}
        for block, place in self.places.items():
            accesses: tuple[Load | Store, ...] = (*block.stores, *block.reads)
            for access in accesses:
                if access.buffer not in found or access.buffer in self.barred:
                    continue
                cell = self.cell(block, access)
                if cell is None:
                    self.barred.add(access.buffer)
                else:
                    own = found[access.buffer]
                    own[cell] = own.get(cell, False) or place.is_certain
        for buffer, cells in found.items():
            if buffer not in self.barred and not (
                (len(cells) > 1 or buffer in chosen or any(cell.masks for cell in cells))
                and all(one.is_apart(other) for one, other in combinations(cells, 2))
            ):
                self.barred.add(buffer)
        while any(map(self._bars_more, self.masked.values())):
            pass
        kept: dict[Cell, bool] = {}
        for buffer, cells in found.items():
            if buffer not in self.barred:
                kept.update(cells)
        return kept

    def _bars_more(self, block: Block) -> bool:
        """Bar what a masked Block stores to, if it stores to anything barred."""
        stored = {store.buffer for store in block.stores}
        is_new = bool(stored & self.barred) and not stored <= self.barred
        if is_new:
            self.barred |= stored
        return is_new

    def cell(self, block: Block, access: Load | Store) -> Cell | None:
        """Return the cell that ``access`` leads to, None where it is not one all the time."""
        key = block, access.buffer, access.indices
        if key not in self._found:
            self._found[key] = self._cell(block, access)
        return self._found[key]

    def _cell(self, block: Block, access: Load | Store) -> Cell | None:
        place = self.places[block]
        lanes = place.lanes
        values = {axis.var: v for axis, v in zip(block.iters, block.bindings, strict=True)}
        indices = []
        for index in access.indices:
            in_loops = substitute(index, values)
            if _read_in(in_loops) or not self.bound.isdisjoint(free_vars(in_loops)):
                return None
            indices.append(_of_lane(in_loops, lanes))
        steps = [coefficient(index, LANE) for index in indices]
        if None in steps:
            return None
        count = lane_count(lanes) if lanes is not None and any(steps) else 0
        if lanes is not None and not count and (place.masks or isinstance(access, Store)):
            return None
        return Cell(access.buffer, tuple(indices), count, place.guards, place.masks)

    def only_sets(self, cells: Mapping[Cell, bool]) -> set[Cell]:
        """Return which of ``cells`` are set, if nothing else is done; else none."""
        buffers = {cell.buffer for cell in cells}
        stored: set[Cell] = set()
        for block, place in self.places.items():
            if not place.is_certain or not buffers.isdisjoint(load.buffer for load in block.reads):
                return set()
            for store in block.stores:
                cell = self.cell(block, store)
                if cell is None or cell not in cells:
                    return set()
                stored.add(cell)
        return stored if buffers.isdisjoint(self.barred) else set()

    @property
    def chooses(self) -> bool:
        """Whether some Block runs in other lanes each time."""
        return any(place.choices for place in self.places.values())

    def is_in_lanes_of(self, cell: Cell, cells: Collection[Cell]) -> bool:
        """Whether all is done in lanes like those of ``cell``, and stored to ``cells`` alone."""
        buffers = {each.buffer for each in cells}
        return self.is_whole and all(
            place.lanes is not None
            and lane_count(place.lanes) == cell.lanes
            and place.masks == cell.masks
            and not place.choices
            and buffers.issuperset(block.written_buffers)
            for block, place in self.places.items()
        )


def predicate_of(block: Block) -> Expr:
    """Return the condition of a statement in terms of the loops around it."""
    at = {axis.var: value for axis, value in zip(block.iters, block.bindings, strict=True)}
    return simplify(substitute(block.predicate, at))


def depends_on_lane(expr: Expr, lanes: Loop | None) -> bool:
    """Whether ``expr``, in terms of the loops, differs between the lanes of a loop."""
    return lanes is not None and any(var is lanes.var for var in free_vars(expr))


def _has_known_rows(buffer: Buffer) -> bool:
    return all(int_value(extent) is not None for extent in buffer.shape[1:])


def _read_in(expr: Expr) -> set[Buffer]:
    return {node.buffer for node in postorder(expr) if isinstance(node, Load)}


def _of_lane(expr: Expr, lanes: Loop | None) -> Expr:
    if lanes is None:
        return expr
    lane = LANE if lanes.lower is ZERO else lanes.lower + LANE
    return substitute(expr, {lanes.var: lane})


def lane_count(lanes: Loop) -> int:
    """Return the number of lanes of a loop with bounds that are numbers."""
    return (int_value(lanes.upper) or 0) - (int_value(lanes.lower) or 0)
