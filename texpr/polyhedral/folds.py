"""Whether room that is used again is so only when what was there is not needed any more.

In a :class:`~texpr.ir.buffer.Part` with folds, cells that lie a multiple of the fold apart share
one place. So no write of another cell may come to a place between the write of a value and a read
of it, in whichever runs of the instances concerned, and no two iterations of a parallel loop may
meet in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import islpy as isl

from texpr.ir.buffer import Buffer, Part
from texpr.ir.expr import Expr
from texpr.ir.program import Loop, LoopKind
from texpr.polyhedral.context import IN, OUT, SET, Unknown, constrained
from texpr.polyhedral.dependences import Dependence, Dependences
from texpr.polyhedral.digits import COLUMNS, compare_alike
from texpr.polyhedral.kept import Kept
from texpr.polyhedral.scop import Statement, Touch


@dataclass(frozen=True, eq=False)
class Overwrite:
    """Writes (``write``) into places where others (``other``) read or write another cell.

    ``pairs`` are the instances concerned; ``loop`` is the parallel one whose iterations meet.
    ``missing`` says why it is not certain.
    """

    write: Touch
    other: Touch
    pairs: isl.Map | None
    loop: Loop | None = None
    missing: str | None = None
    by_digits: bool = False
    """Whether numbers in a symbolic base took part, whose comparison allows a little too much."""


def overwrites(
    dependences: Dependences,
    statements: Mapping[str, Statement],
    known: Kept[tuple[Overwrite, ...]],
) -> Iterator[Overwrite]:
    """Yield every write of a proposed program to a place whose value is needed still.

    ``statements`` are those of the program, by label; ``known`` keeps the answers.
    """
    parts: dict[Buffer, Part] = {}
    for statement in statements.values():
        for buffer in statement.block.buffers:
            if isinstance(buffer, Part) and any(buffer.folds):
                parts[buffer.whole] = buffer
    for whole, part in parts.items():
        touches = [
            touch
            for statement in dependences.scop.statements
            for touch in statement.touches
            if touch.access.buffer is whole and statement.label in statements
        ]
        keys = tuple(statements[touch.statement.label].key for touch in touches)
        key = (whole, part.folds, keys)
        if key not in known:
            flows = [one for one in dependences if one.kind == "flow" and one.buffer is whole]
            answer = dependences.scop.analysis.ask(
                partial(_found, part, touches, flows, statements)
            )
            if isinstance(answer, Unknown):
                answer = (Overwrite(touches[0], touches[0], None, missing=str(answer)),)
            known[key] = answer
        yield from known[key]


def _found(
    part: Part,
    touches: Sequence[Touch],
    flows: Sequence[Dependence],
    statements: Mapping[str, Statement],
) -> tuple[Overwrite, ...]:
    runs = _Runs(part, [statements[touch.statement.label] for touch in touches])
    found: list[Overwrite] = []
    for write in (touch for touch in touches if touch.access.is_write):
        for other in touches:
            found += _races(runs, write, other, statements)
        for flow in flows:
            one = _between(runs, write, flow)
            if one is not None:
                found.append(one)
    return tuple(found)


def _between(runs: _Runs, write: Touch, flow: Dependence) -> Overwrite | None:
    """Return what ``write`` writes over between the two ends of ``flow``."""
    after = runs.meetings(flow.source, write).intersect(runs.ordered(isl.Map.lex_le))
    before = runs.meetings(write, flow.sink).intersect(runs.ordered(isl.Map.lex_lt))
    if after.is_empty() or before.is_empty():
        return None
    needed = runs.at_runs(flow.pairs, flow.source, flow.sink)
    lost = needed.intersect(after.apply_range(before))
    if lost.is_empty():
        return None
    pairs = before.intersect(after.reverse().apply_range(lost))
    missing = flow.missing or write.cells.missing
    return Overwrite(
        write,
        flow.sink,
        runs.at_instances(pairs, write, flow.sink),
        missing=runs.missing if missing is None else str(missing),
        by_digits=bool(runs.keys),
    )


def _races(
    runs: _Runs, write: Touch, other: Touch, statements: Mapping[str, Statement]
) -> Iterator[Overwrite]:
    """Yield the parallel loops in which ``write`` and ``other`` come to one place."""
    first, second = (statements[touch.statement.label] for touch in (write, other))
    for position, (a, b) in enumerate(zip(first.columns, second.columns, strict=False)):
        if a is not b and (not isinstance(a, int) or a != b):
            return
        is_parallel = isinstance(a, Loop) and a.kind is LoopKind.PARALLEL
        if not isinstance(a, Loop) or not is_parallel or position < runs.within:
            continue
        meetings = runs.meetings(write, other)
        for column in range(position):
            meetings = meetings.equate(IN, column, OUT, column)
        apart = meetings.subtract(meetings.equate(IN, position, OUT, position))
        if not apart.is_empty():
            missing = write.cells.missing or other.cells.missing
            pairs = runs.at_instances(apart, write, other)
            why = runs.missing if missing is None else str(missing)
            yield Overwrite(write, other, pairs, a, why, bool(runs.keys))


class _Runs:
    """The runs of the statements that touch a folded part: times, digits of numbers, and lanes.

    Those of one room are compared: where its home is at one iteration.
    """

    def __init__(self, part: Part, statements: Sequence[Statement]) -> None:
        self.part = part
        self.depth = statements[0].scop.depth
        self.home = statements[0].homes[part.whole]
        self.lanes = max(len(_lanes(statement.loops)) for statement in statements)
        first, *others = statements
        self.keys = [key for key in first.digits if all(key in other.digits for other in others)]
        self.before_lanes = self.depth + COLUMNS * len(self.keys)
        self.within = max(
            (k + 1 for k, c in enumerate(statements[0].columns) if c in self.home), default=0
        )
        self.missing: str | None = None
        if any(len(self.keys) < len(statement.digits) for statement in statements):
            self.missing = "the sizes are the base of a loop's number"
        self._runs: dict[str, isl.Map] = {}
        for statement in statements:
            if statement.label not in self._runs:
                columns: list[Expr | int] = [
                    c if isinstance(c, int) else 0 if c.kind is LoopKind.VECTORIZED else c.var
                    for c in statement.columns
                ]
                columns += [0] * (self.depth - len(columns))
                columns += [part for key in self.keys for part in statement.digits[key].columns]
                lanes = [loop.var for loop in _lanes(statement.loops)]
                columns += [*lanes, *([0] * (self.lanes - len(lanes)))]
                image = statement.image(columns, statement.region)
                self._runs[statement.label] = image.over
                if image.missing is not None:
                    self.missing = self.missing or str(image.missing)

    def at_runs(self, pairs: isl.Map, first: Touch, second: Touch) -> isl.Map:
        """Return pairs of instances as those of their runs in one room."""
        found = pairs.apply_domain(self._runs[first.statement.label])
        found = found.apply_range(self._runs[second.statement.label])
        for place in range(len(self.keys)):
            space = found.domain().get_space()
            found = found.intersect(compare_alike(space, self.depth + place * COLUMNS))
        lanes = range(self.before_lanes, self.before_lanes + len(_lanes(self.home)))
        for column in (*range(self.within), *lanes):
            found = found.equate(IN, column, OUT, column)
        return found

    def at_instances(self, pairs: isl.Map, first: Touch, second: Touch) -> isl.Map:
        """Return pairs of runs as those of their instances."""
        back = self._runs[second.statement.label].reverse()
        return self._runs[first.statement.label].apply_range(pairs).apply_range(back)

    def meetings(self, first: Touch, second: Touch) -> isl.Map:
        """Return the runs that come to one place in two cells."""
        cells = first.cells.over.apply_range(self.sharing(first))
        return self.at_runs(cells.apply_range(second.cells.over.reverse()), first, second)

    def sharing(self, touch: Touch) -> isl.Map:
        """Return the map from each cell to the others that have its place."""
        space = touch.cells.over.range().get_space()
        home = int(space.dim(SET)) - len(self.part.folds)
        alike = isl.Map.universe(space.map_from_set())
        for column in range(home):
            alike = alike.equate(IN, column, OUT, column)
        for dimension, fold in enumerate(self.part.folds, start=home):
            if fold is None:
                alike = alike.equate(IN, dimension, OUT, dimension)
                continue
            last = int(alike.dim(OUT))
            weights = [(IN, dimension, 1), (OUT, dimension, -1), (OUT, last, fold)]
            alike = constrained(alike.add_dims(OUT, 1), weights, is_equality=True)
            alike = alike.project_out(OUT, last, 1)
        return alike.subtract(isl.Map.identity(alike.get_space()))

    def ordered(self, order: Callable[[isl.Space], isl.Map]) -> isl.Map:
        """Return the pairs of runs whose times are in an order of isl's."""
        space = next(iter(self._runs.values())).range().get_space()
        extra = self.before_lanes - self.depth + self.lanes
        times = order(space.drop_dims(SET, self.depth, extra))
        return times.add_dims(IN, extra).add_dims(OUT, extra)


def _lanes(loops: Sequence[Loop]) -> list[Loop]:
    return [loop for loop in loops if loop.kind is LoopKind.VECTORIZED]
