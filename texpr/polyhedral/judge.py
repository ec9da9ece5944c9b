"""The judge, who says whether a program may run in another order.

One question for every transformation, asked of the whole schedule at once: does any pair of
instances that depend on each other change its order, or lose it in the lanes of a vectorized loop
or the iterations of a parallel one? There is no rule for any single primitive.

*Order.* Time in a program is lexicographic: textual positions and loop variables, outermost
first. The lanes of a vectorized loop share their time, and within one statement all reads come
before all writes: so a pair at equal times keeps its order if the first reads and the second
writes, and loses it otherwise.

*Races.* Iterations of a parallel loop have no order: no pair may be apart in one.

*Room.* Where storage is used again, a value must be there as long as it is needed
(:mod:`texpr.polyhedral.folds`).

*Reductions.* The updates of a reduction whose order is free may change places; they must not meet
at one time, unless all lanes update the same cell, where machine code folds the lanes together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import Literal, TypeAlias

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Const, Expr, Var, free_vars
from texpr.ir.program import Loop, LoopKind, Program, buffers_in
from texpr.ir.simplify import simplify
from texpr.ir.update import update_of
from texpr.ir.visitor import substitute
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import IN, OUT, SET, Analysis, Unknown
from texpr.polyhedral.counterexample import smallest_point
from texpr.polyhedral.dependences import Dependence, Dependences
from texpr.polyhedral.digits import COLUMNS, compare_alike
from texpr.polyhedral.folds import Overwrite, overwrites
from texpr.polyhedral.instances import lost_instances, other_statement, pieces_of
from texpr.polyhedral.kept import Kept
from texpr.polyhedral.scop import Scop, Statement, textual_order

Fault: TypeAlias = Literal[
    "order", "parallel", "vectorized", "storage", "missing", "fold", "stale", "instances"
]


MAX_ANSWERS = 2_000
"""How many answers of each kind a judge keeps, a kilobyte each; a verdict asks for some dozen."""

# The loops whose iterations have not each a time of their own.
_TOGETHER = (LoopKind.VECTORIZED, LoopKind.PARALLEL)

# Each size tried costs a verdict. Where a number's digits allow a pair that is none, the next
# size or the one after it shows a real one, or there is none.
MAX_SIZES = 8


@dataclass(frozen=True, eq=False)
class Finding:
    """A dependence that a proposed program does not keep; None where none could be computed.

    ``pairs`` are the instances concerned, declared source to declared sink; ``loop`` is the one
    that a race is in. ``missing`` says why it is not certain, None where it is.
    """

    fault: Fault
    dependence: Dependence | None
    pairs: isl.Map | None = None
    loop: Loop | None = None
    missing: str | None = None
    by_digits: bool = False
    """Whether numbers in a symbolic base took part, whose comparison allows a little too much."""
    confirmed: Confirmed | None = None

    @property
    def is_certain(self) -> bool:
        return self.missing is None


@dataclass(frozen=True, eq=False)
class Confirmed:
    """The same fault found at fixed ``sizes``, where nothing is symbolic."""

    judge: Judge
    finding: Finding
    sizes: Mapping[Var, int]


class Judge:
    """Knows a declared program, and judges programs that run its statements in another order."""

    def __init__(
        self, declared: Program, analysis: Analysis | None = None, *, is_fixed: bool = False
    ) -> None:
        self.scop = Scop(declared, analysis)
        self.is_fixed = is_fixed
        """Whether its sizes are numbers, so that a base which is none depends on a loop."""
        self.dependences = Dependences(self.scop)
        self._asked: Kept[tuple[Finding, ...]] = Kept(MAX_ANSWERS)
        self._counted: Kept[str | None] = Kept(MAX_ANSWERS)
        self._folded: Kept[tuple[Overwrite, ...]] = Kept(MAX_ANSWERS)

    def first_fault(self, proposed: Program, assumed: Collection[Buffer] = ()) -> Finding | None:
        """Return a dependence that ``proposed`` breaks, None where it keeps them all.

        A certain fault is preferred to one that isl or the subscripts leave open; the latter do
        not count of the arrays in ``assumed``.
        """
        scop = Scop(proposed, self.scop.analysis)
        reason = other_statement(self.scop, scop)
        if reason is not None:
            return Finding("instances", None, missing=reason)
        return self._first(scop, assumed)

    def _first(self, scop: Scop, assumed: Collection[Buffer] = ()) -> Finding | None:
        open_question: Finding | None = None
        for found in self.faults(scop):
            finding = self.confirmed(found, scop.program) if found.by_digits else found
            if finding is None:
                continue
            if finding.is_certain:
                return finding
            if finding.dependence is None or finding.dependence.buffer not in assumed:
                open_question = open_question or finding
        return open_question

    def confirmed(self, finding: Finding, proposed: Program) -> Finding | None:
        """Return ``finding`` with a pair found at fixed sizes, or as an open question.

        None where none of the sizes at which there may be such a pair has one.
        """
        pairs, analysis = finding.pairs, self.scop.analysis
        if pairs is None or finding.dependence is None or not finding.is_certain:
            return finding
        if self.is_fixed or not self.scop.params:  # there is nothing more to fix
            return replace(finding, missing="the value of one loop is the base of another's number")
        frame = Frame(analysis, (), self.scop.params)
        sizes = pairs.params().from_params().align_params(frame.space)
        others = set(buffers_in(self.scop.program.body)) - {finding.dependence.buffer}
        is_open = False
        for _ in range(MAX_SIZES):
            point = analysis.ask(partial(smallest_point, frame, sizes))
            if point is None and not is_open:
                return None
            if point is None:
                break
            if isinstance(point, Unknown):
                break
            judge = Judge(_at(self.scop.program, point.params), is_fixed=True)
            again = judge._first(Scop(_at(proposed, point.params), judge.scop.analysis), others)
            if again is not None and again.is_certain:
                return replace(finding, confirmed=Confirmed(judge, again, point.params))
            is_open = is_open or again is not None
            here = frame.all_of(
                [Binary("eq", v, Const(n, v.dtype)) for v, n in point.values.items()]
            )
            sizes = sizes.subtract(here.over)
        return replace(finding, missing="the sizes are the base of a loop's number")

    def faults(self, scop: Scop) -> Iterator[Finding]:
        """Yield every dependence that a proposed program breaks or may break."""
        known = self.scop.analysis.ask(lambda: self.dependences.all)
        if isinstance(known, Unknown):
            yield Finding("order", None, missing=str(known))
            return
        for table, count in ((self._asked, len(known)), (self._counted, len(scop.statements))):
            table.make_room(2 * count)
        reason = lost_instances(self.scop, scop, self._counted)
        if reason is not None:
            yield Finding("instances", None, missing=reason)
        pieces = pieces_of(scop)
        fine: set[Dependence] = set()
        for dependence in known:
            if dependence.covered_by in fine:
                fine.add(dependence)
                continue
            ends = (dependence.source.statement.label, dependence.sink.statement.label)
            is_fine = True
            # What has no piece never runs.
            for source, sink in product(*(pieces.get(label, ()) for label in ends)):
                # A primitive changes few statements; of the others the answers are known.
                key = (dependence, source.key, sink.key, _order_key(source, sink))
                found = self._asked.get(key)
                if found is None:
                    found = self._asked[key] = tuple(self._kept(dependence, source, sink))
                is_fine = is_fine and not found
                yield from found
            if is_fine:
                fine.add(dependence)
        statements = {label: own[0] for label, own in pieces.items()}  # parts have one piece
        for one in overwrites(self.dependences, statements, self._folded):
            # The one writes where the other's value is, and so has come to depend on it.
            between = Dependence(one.write, one.other, "output", one.pairs, None, None)
            if not one.other.access.is_write:
                between = replace(between, kind="flow")
            yield Finding("fold", between, one.pairs, one.loop, one.missing, one.by_digits)

    def reordered_chains(self, proposed: Program) -> list[Dependence]:
        """Return the reductions whose terms ``proposed`` adds in another order, or in lanes."""
        scop = Scop(proposed, self.scop.analysis)
        found = []
        for dependence in self.dependences:
            if dependence.chain is not None and dependence.kind == "flow":
                label = dependence.source.statement.label
                moved = _Moved(dependence, scop[label], scop[dependence.sink.statement.label])
                wrong = _not_after(scop[label], scop[dependence.sink.statement.label])
                if self.scop.analysis.ask(partial(moved.pairs_at, wrong)) is not None:
                    found.append(dependence)
        return found

    def _kept(
        self, dependence: Dependence, source: Statement, sink: Statement
    ) -> Iterator[Finding]:
        home = _home(dependence, source, sink)
        # What is not moved runs every instance, and finds the cells where they were declared.
        is_whole = home is not None and not home and not source.is_moved
        is_first = textual_order(source.columns, sink.columns) == "always"
        if is_first and is_whole:
            return
        questions = [*_questions(dependence, source, sink)]
        if not questions and is_whole:
            return
        ask = self.scop.analysis.ask
        moved = ask(lambda: _Moved(dependence, source, sink))
        if isinstance(moved, Unknown):
            yield Finding("order", dependence, missing=str(moved))
            return
        if not is_whole:
            # The scratch is another one where the loops of its home are at another iteration.
            if dependence.kind == "flow":
                lost = ask(moved.lost)
                kind: Fault = "missing" if home == () else "storage"
                if isinstance(lost, Unknown):
                    yield Finding(kind, dependence, missing=str(lost))
                elif lost is not None:
                    by_digits = moved.digits > 0
                    yield Finding(kind, dependence, lost, None, moved.missing, by_digits)
            if home is None or is_first:
                return
        for fault, loop, wrong in questions:
            answer = ask(partial(moved.pairs_at, wrong))
            if isinstance(answer, Unknown):
                yield Finding(fault, dependence, None, loop, str(answer))
            elif answer is not None:
                by_digits = moved.digits > 0
                yield Finding(fault, dependence, answer, loop, moved.missing, by_digits)


def _at(program: Program, sizes: Mapping[Var, int]) -> Program:
    """Return ``program`` with sizes put in, and as requirements for what its axes say of them."""
    values: dict[Var, Expr] = {var: Const(value, var.dtype) for var, value in sizes.items()}
    fixed = (Binary("eq", var, value) for var, value in values.items())
    body = simplify(substitute(program.body, values))
    return replace(program, body=body, requirements=(*program.requirements, *fixed))


class _Moved:
    """A dependence at the times that its instances have in a proposed program.

    The times are those of the loops around both, as what is first inside of these is known.
    An instance that is computed in several iterations of its buffer's home has as many times; two
    instances meet where their homes are at one iteration.
    """

    def __init__(self, dependence: Dependence, source: Statement, sink: Statement) -> None:
        self.dependence, self.source, self.sink = dependence, source, sink
        self.home = _home(dependence, source, sink)
        loops = _in_order(source, sink)
        self.within = _within(self.home, loops)
        lanes = [loop for loop in self.home or () if loop.kind is LoopKind.VECTORIZED]
        keys = [key for key in source.digits if key in sink.digits]
        self.first = source.iterations(loops, keys, lanes)
        self.second = sink.iterations(loops, keys, lanes)
        self.depth, self.digits, self.lanes = len(loops), len(keys), len(lanes)
        self.keys = keys
        runs = self.first.missing or self.second.missing
        self.runs_missing = None if runs is None else str(runs)
        if source.is_moved and len(keys) < len(source.digits):
            self.runs_missing = "the sizes are the base of a loop's number"
        missing = dependence.missing
        self.missing = self.runs_missing if missing is None else str(missing)

    @cached_property
    def times(self) -> isl.Map:
        """The pairs of times."""
        pairs = self.dependence.pairs
        times = pairs.apply_domain(self.first.over).apply_range(self.second.over)
        for place in range(self.digits):
            alike = compare_alike(times.domain().get_space(), self.depth + place * COLUMNS)
            times = times.intersect(alike)
        lanes = self.depth + self.digits * COLUMNS
        for column in (*range(self.within), *range(lanes, lanes + self.lanes)):
            times = times.equate(IN, column, OUT, column)
        return times

    def pairs_at(self, wrong: Wrong) -> isl.Map | None:
        """Return the instances that are at ``wrong`` times, None where there are none."""
        extra = self.digits * COLUMNS + self.lanes
        space = self.times.domain().get_space().drop_dims(SET, self.depth, extra)
        bad = self.times.intersect(wrong(space).add_dims(IN, extra).add_dims(OUT, extra))
        if bad.is_empty():
            return None
        back = self.first.over.apply_range(bad).apply_range(self.second.over.reverse())
        return back.intersect(self.dependence.pairs)

    def lost(self) -> isl.Map | None:
        """Return the pairs of which the second runs where the first does not, None if none."""
        pairs = self.dependence.pairs.intersect_range(self.sink.iterations(()).over.domain())
        if not self.source.is_moved:  # else what does not run here runs nowhere
            pairs = pairs.intersect_domain(self.source.iterations(()).over.domain())
        if pairs.is_empty():
            return None
        if self.home is None:
            return pairs
        if self.source.is_moved and self.runs_missing is not None:
            return pairs  # what runs may be less than it seems
        here, there = (s.iterations(self.home, self.keys).over for s in (self.source, self.sink))
        missed = pairs.apply_range(there).subtract(here)
        if missed.is_empty():
            return None
        return missed.apply_range(there.reverse()).intersect(pairs)


Wrong: TypeAlias = Callable[[isl.Space], isl.Map]
"""Given the space of times, the pairs of times that a dependence must not be at."""


def _questions(
    dependence: Dependence, source: Statement, sink: Statement
) -> Iterator[tuple[Fault, Loop | None, Wrong]]:
    """Yield what must not be, for which reason."""
    shared = source.columns[: _shared_columns(source, sink)]
    lanes = next((c for c in shared if isinstance(c, Loop) and _is_vectorized(c)), None)
    loops = _in_order(source, sink)
    is_first = _order_inside(source, sink) == "first"
    if dependence.chain is None:
        if loops or not is_first:
            is_anti = dependence.kind == "anti" and source is sink
            yield "order", lanes, isl.Map.lex_gt if is_anti else _not_after(source, sink)
    elif lanes is not None and not folds_lanes(source, dependence, lanes):
        yield "vectorized", lanes, lambda space: isl.Map.identity(space.map_from_set())
    within = _within(_home(dependence, source, sink), loops)
    for position, loop in enumerate(loops):
        if loop.kind is LoopKind.PARALLEL and position >= within:
            yield "parallel", loop, _apart_at(position)


def _not_after(source: Statement, sink: Statement) -> Wrong:
    """Return the maker of the pairs of times at which ``sink`` does not come after ``source``."""
    is_first = _order_inside(source, sink) == "first"
    wrong: Wrong = isl.Map.lex_gt if is_first else isl.Map.lex_ge
    return wrong


def _is_vectorized(loop: Loop) -> bool:
    return loop.kind is LoopKind.VECTORIZED


def _in_order(source: Statement, sink: Statement) -> list[Loop]:
    """Return the loops around both whose iterations each have a time of their own."""
    shared = source.columns[: _shared_columns(source, sink)]
    return [c for c in shared if isinstance(c, Loop) and not _is_vectorized(c)]


def _order_inside(source: Statement, sink: Statement) -> Literal["first", "second", "same"]:
    """Return which comes first at one iteration of all the loops around both."""
    if source is sink:
        return "same"
    shared = _shared_columns(source, sink)
    for a, b in zip(source.columns[shared:], sink.columns[shared:], strict=False):
        if isinstance(a, int) and isinstance(b, int):
            return "first" if a < b else "second"
        break
    return "second"  # two statements part at a position; nothing else would say it of them


def _home(dependence: Dependence, source: Statement, sink: Statement) -> tuple[Loop, ...] | None:
    """Return the loops that tell one scratch from another; None if the two share none.

    None of them for arguments, and for scratch that lives as long as the program.
    """
    first, second = (s.homes.get(dependence.buffer, ()) for s in (source, sink))
    return first if first == second else None


def _within(home: tuple[Loop, ...] | None, loops: Sequence[Loop]) -> int:
    """Return how many of ``loops`` there are up to the innermost one of ``home``."""
    return max((k + 1 for k, loop in enumerate(loops) if loop in (home or ())), default=0)


def _order_key(source: Statement, sink: Statement) -> tuple[object, ...]:
    """Return what the order of two statements hangs on, besides their instances.

    That is how the loops run that they share, and which is the first inside of these; what comes
    after the place where they part decides nothing.
    """
    shared = source.columns[: _shared_columns(source, sink)]
    kinds = (c.kind for c in shared if isinstance(c, Loop))
    own_time = (kind if kind in _TOGETHER else LoopKind.SERIAL for kind in kinds)
    return (*own_time, _order_inside(source, sink))


def _equal_before(space: isl.Space, count: int) -> isl.Map:
    same = isl.Map.universe(space.map_from_set())
    for column in range(count):
        same = same.equate(IN, column, OUT, column)
    return same


def _shared_columns(source: Statement, sink: Statement) -> int:
    """Return how many components of time the two have in common: the same loops and places."""
    count = 0
    for a, b in zip(source.columns, sink.columns, strict=False):
        if a is not b and (not isinstance(a, int) or a != b):
            break
        count += 1
    return count


def _apart_at(position: int) -> Wrong:
    """Return the maker of the pairs of times that first differ in the column ``position``."""

    def make(space: isl.Space) -> isl.Map:
        same = _equal_before(space, position)
        earlier = same.order_lt(IN, position, OUT, position)
        return earlier.union(same.order_gt(IN, position, OUT, position))

    return make


def folds_lanes(statement: Statement, dependence: Dependence, lanes: Loop) -> bool:
    """Whether machine code folds the lanes of a reduction's update together.

    It does for a single operator on one cell for all lanes.
    """
    if dependence.source.statement is not dependence.sink.statement:
        return True  # different statements have different times
    block = statement.block
    if update_of(block) is None:
        return False
    at_loops = {i.var: value for i, value in zip(block.iters, block.bindings, strict=True)}
    indices = (simplify(substitute(index, at_loops)) for index in block.stores[0].indices)
    return all(var is not lanes.var for var in free_vars(*indices))
