"""What must stay before what: pairs of instances of a declared program that touch one cell.

A dependence goes from an instance to a later one, where both touch a cell and one of them writes
it: *flow* where the first writes and the second reads, *anti* the other way round, *output* where
both write. All such pairs are kept, not only the nearest: an order that keeps them all computes
the same values, and one that breaks some pair breaks a nearest one, too.

The updates of a reduction, ``x = x + e`` with an operator that is associative and commutative,
depend on each other in one way only: not at the same time. Their order is free as far as the
program's float policy goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.program import FloatPolicy
from texpr.ir.update import update_of
from texpr.polyhedral.region import NotAffine
from texpr.polyhedral.scop import Scop, Touch, textual_order

Kind: TypeAlias = Literal["flow", "anti", "output"]
_KINDS: Final = ("flow", "anti", "output")

# Operators that give the same on floats in any order: they choose one of their operands.
_EXACT_ON_FLOATS: Final = frozenset({"min", "max"})


@dataclass(frozen=True, eq=False)
class Dependence:
    """Pairs (source instance → sink instance), the source first in declared order."""

    source: Touch
    sink: Touch
    kind: Kind
    pairs: isl.Map
    missing: NotAffine | None
    """Why some of the pairs may not depend on each other, None where all surely do."""
    chain: str | None
    """The operator, where both are updates of one reduction whose order is free."""
    covered_by: Dependence | None = None
    """One of the same statements and array that asks for no less: has it nothing, so has this."""

    @property
    def buffer(self) -> Buffer:
        return self.source.access.buffer


class Dependences:
    """The dependences of a declared program, computed once."""

    def __init__(self, scop: Scop) -> None:
        self.scop = scop

    def __iter__(self) -> Iterator[Dependence]:
        return iter(self.all)

    @cached_property
    def all(self) -> tuple[Dependence, ...]:
        """Every dependence that is not empty; flow first, which explains best."""
        touches: dict[Buffer, list[Touch]] = {}
        renew = self.scop.analysis.renew
        for statement in self.scop.statements:
            renew()
            for touch in statement.touches:
                touches.setdefault(touch.access.buffer, []).append(touch)
        found = []
        for group in touches.values():
            if any(touch.access.is_write for touch in group):
                for source in group:
                    for sink in group:
                        if source.access.is_write or sink.access.is_write:
                            renew()
                            dependence = self._between(source, sink)
                            if dependence is not None:
                                found.append(dependence)
        # Scratch with a home may get other cells, where only what flows in value depends.
        found = [
            self._by_value(one, found)
            if one.kind == "flow" and one.source.statement.homes.get(one.buffer)
            else one
            for one in found
        ]
        found.sort(key=lambda dependence: _KINDS.index(dependence.kind))
        return tuple(self._with_covers(found))

    def _with_covers(self, found: Sequence[Dependence]) -> Iterator[Dependence]:
        """Yield the dependences with the one before that covers each."""
        alike: dict[tuple[object, ...], list[Dependence]] = {}
        for dependence in found:
            self.scop.analysis.renew()
            between = (dependence.source.statement, dependence.sink.statement, dependence.buffer)
            before = alike.setdefault(between, [])
            cover = next((one for one in before if _covers(one, dependence)), None)
            before.append(replace(dependence, covered_by=cover) if cover else dependence)
            yield before[-1]

    @cached_property
    def value_flow(self) -> tuple[Dependence, ...]:
        """The flow dependences without pairs between which another write surely comes.

        What is left is who computes the value that is read.
        """
        flows = (self._by_value(one, self.all) for one in self.all if one.kind == "flow")
        return tuple(one for one in flows if not one.pairs.is_empty())

    @cached_property
    def live_in(self) -> tuple[tuple[Touch, isl.Set], ...]:
        """The reads of what the caller passes: instances before which nothing surely wrote."""
        return self._left("flow", lambda one: (one.sink, one.pairs.range()), is_write=False)

    @cached_property
    def live_out(self) -> tuple[tuple[Touch, isl.Set], ...]:
        """The writes that the caller sees: instances after which nothing surely writes again."""
        return self._left("output", lambda one: (one.source, one.pairs.domain()), is_write=True)

    def _left(
        self, kind: Kind, side: Callable[[Dependence], tuple[Touch, isl.Set]], *, is_write: bool
    ) -> tuple[tuple[Touch, isl.Set], ...]:
        """Return the accesses of arguments that are on no such side of a dependence."""
        arguments = set(self.scop.program.buffers)
        found = []
        for touch in (t for s in self.scop.statements for t in s.touches):
            if touch.access.is_write is is_write and touch.access.buffer in arguments:
                left = touch.cells.over.domain()
                for one in self.all:
                    if one.kind == kind and one.missing is None and side(one)[0] is touch:
                        left = left.subtract(side(one)[1])
                if not left.is_empty():
                    found.append((touch, left))
        return tuple(found)

    def _by_value(self, dependence: Dependence, known: Sequence[Dependence]) -> Dependence:
        """Return a flow without the pairs between which another write surely comes."""
        pairs = dependence.pairs
        for first in known:
            if first.kind == "output" and first.source is dependence.source:
                for second in known:
                    follows = second.source is first.sink and second.sink is dependence.sink
                    if follows and second.kind == "flow" and first.missing is None:
                        pairs = pairs.subtract(first.pairs.apply_range(second.pairs))
        return replace(dependence, pairs=pairs)

    def _between(self, source: Touch, sink: Touch) -> Dependence | None:
        first, second = source.statement, sink.statement
        order = textual_order(first.columns, second.columns)
        if order == "never":
            return None
        meet = source.cells.over.apply_range(sink.cells.over.reverse())
        if order == "sometimes":
            before = isl.Map.lex_lt(first.time.over.range().get_space())
            before = first.time.over.apply_range(before).apply_range(second.time.over.reverse())
            meet = meet.intersect(before)
        if meet.is_empty():
            return None
        kind: Kind = "anti"
        if source.access.is_write:
            kind = "output" if sink.access.is_write else "flow"
        chain = chain_operator(source, self.scop.program.float_policy)
        if chain is None or chain != chain_operator(sink, self.scop.program.float_policy):
            chain = None
        missing = source.cells.missing or sink.cells.missing
        return Dependence(source, sink, kind, meet, missing, chain)


def _covers(one: Dependence, other: Dependence) -> bool:
    """Whether a program that keeps ``one`` keeps ``other``, of the same statements and array, too.

    An update of a reduction reads, writes and writes again what another one does.
    """
    is_of_two = one.source.statement is not one.sink.statement
    return (
        # At equal times an anti-dependence is kept, and scratch that is lost matters to a flow.
        (one.kind != "anti" or one.chain is not None or is_of_two)
        and other.kind != "flow"
        and one.chain == other.chain
        and one.missing is None
        and bool(other.pairs.is_subset(one.pairs))
    )


def chain_operator(touch: Touch, policy: FloatPolicy) -> str | None:
    """Return the operator of the reduction that ``touch`` is a link of, where its order is free.

    That is the accumulator's read or write in ``x = x + e``; ``e`` must not read ``x``.
    """
    block, access = touch.statement.block, touch.access
    store = next((s for s in block.stores if s.buffer is access.buffer), None)
    if store is None or any(a is not b for a, b in zip(store.indices, access.indices, strict=True)):
        return None
    update = update_of(block)
    if update is not None:
        operator = update.fold
    elif block.role == "compute" and block.is_reduction:
        operator = f"reduction of {block.name}"  # declared to be associative and commutative
    else:
        return None
    if policy.order == "exact" and store.buffer.dtype.is_float:
        return operator if operator in _EXACT_ON_FLOATS else None
    return operator
