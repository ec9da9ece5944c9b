"""Every subscript of a program, and whether it stays inside its buffer.

The question is whether ``0 <= index < extent`` wherever the subscript is evaluated: for all
instances of its statement as declared, under its predicate and its guards, for all sizes that the
requirements allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import islpy as isl

from texpr.ir.buffer import Part
from texpr.ir.expr import Binary, Expr, Var, free_vars, int_value
from texpr.ir.program import ZERO, Block, If, Let, Loop, Program, Stmt
from texpr.ir.simplify import int_range
from texpr.polyhedral.accesses import Access, accesses, loads
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Analysis, Unknown
from texpr.polyhedral.counterexample import Point, smallest_point
from texpr.polyhedral.domain import (
    Domain,
    Place,
    declared_domain,
    facts_of,
    parameters,
    placed_domain,
    places,
    surrounding_domain,
)
from texpr.polyhedral.region import Region

SUBSCRIPT_OPERATIONS: Final = 200_000
"""isl's budget for one subscript, some 0.3 s; matmul's need none, a symbolic conv2d's 4,000."""


@dataclass(frozen=True)
class Answer:
    """What was found out about one subscript.

    ``proven``: it stays inside its buffer. ``violated``: for all sizes at which it is evaluated
    it leaves the buffer, first at ``example``. ``undecided``: neither, for ``reason``; where it is
    the sizes that decide, ``example`` is the smallest at which it leaves the buffer.
    """

    kind: Literal["proven", "violated", "undecided"]
    reason: str = ""
    example: Point | None = None
    requirement: str | None = None
    """What of the sizes would have to hold, where it is they that decide."""


@dataclass(frozen=True)
class Subscript:
    """A subscript of an access of ``statement``, and the answer.

    ``dims`` are the variables of an instance: a Block's axes, for bounds of loops and conditions
    the loops around.
    """

    statement: Stmt
    dims: tuple[Var, ...]
    access: Access
    dimension: int
    answer: Answer

    @property
    def index(self) -> Expr:
        return self.access.indices[self.dimension]

    @property
    def extent(self) -> Expr:
        return self.access.buffer.shape[self.dimension]


def subscripts(
    program: Program, *, max_operations: int = SUBSCRIPT_OPERATIONS
) -> Iterator[Subscript]:
    """Yield every subscript of ``program`` with its answer, in textual order."""
    analysis = Analysis(max_operations)
    facts = facts_of(program)
    for statement, place in places(program.body):
        yield from _subscripts_around(analysis, facts, statement, place)
        if isinstance(statement, Block):
            judge = _Judge(analysis, facts, statement, place)
            dims = tuple(axis.var for axis in statement.iters)
            for access in accesses(statement):
                for dimension in range(len(access.indices)):
                    answer = judge.answer(access, dimension)
                    yield Subscript(statement, dims, access, dimension, answer)


def _subscripts_around(
    analysis: Analysis, facts: Sequence[Expr], statement: Stmt, place: Place
) -> Iterator[Subscript]:
    """Yield the subscripts in bounds of loops, conditions, values of lets and bindings."""
    roots: tuple[Expr, ...] = ()
    if isinstance(statement, Loop):
        roots = (statement.lower, statement.upper)
    elif isinstance(statement, If):
        roots = (statement.condition,)
    elif isinstance(statement, Let):
        roots = (statement.value,)
    elif isinstance(statement, Block):
        roots = statement.bindings
    found = [access for root in roots for access in loads(root)]
    if found:
        judge = _Judge(analysis, facts, None, place)
        dims = surrounding_domain(place).dims
        for access in found:
            for dimension in range(access.buffer.ndim):
                answer = judge.answer(access, dimension)
                yield Subscript(statement, dims, access, dimension, answer)


PROVEN: Final = Answer("proven")


class _Judge:
    """Answers for the subscripts of one Block, or for those evaluated right at a place."""

    def __init__(
        self, analysis: Analysis, facts: Sequence[Expr], block: Block | None, place: Place
    ) -> None:
        self.analysis = analysis
        self.facts = facts
        self.block = block
        self.place = place
        self.answers: dict[tuple[Expr, Expr, Expr], Answer] = {}
        self.axes = {} if block is None else {axis.var: axis.dom for axis in block.iters}
        self.ranges: dict[Var, tuple[int | None, int | None]] = {}
        for var, dom in self.axes.items():
            if dom is not None:
                low, high = int_range(dom[0])[0], int_range(dom[1])[1]
                self.ranges[var] = (low, None if high is None else high - 1)

    def answer(self, access: Access, dimension: int) -> Answer:
        """Return the answer for one subscript."""
        index, extent = access.indices[dimension], access.buffer.shape[dimension]
        key = (index, extent, access.guard)
        found = self.answers.get(key)
        if found is None:
            plain = self.is_plainly_inside(index, extent)
            is_part = isinstance(access.buffer, Part)
            found = PROVEN if plain else self.ask(*key, as_placed=is_part)
            self.answers[key] = found
        return found

    def is_plainly_inside(self, index: Expr, extent: Expr) -> bool:
        """Whether no isl is needed: an axis over just the extent, or numbers in between."""
        dom = self.axes.get(index) if isinstance(index, Var) else None
        if dom is not None and dom[1] is extent:
            first = int_value(dom[0])
            if first is not None and first >= 0:
                return True
        low, high = int_range(index, self.ranges)
        room = int_range(extent)[0]
        if low is None or high is None or room is None:
            return False
        return low >= 0 and high < room

    def ask(self, index: Expr, extent: Expr, guard: Expr, *, as_placed: bool) -> Answer:
        """Ask isl, first about the declared instances alone, then with what stands around.

        ``as_placed`` tells that there may be room only for the instances that the place runs.
        """
        outside = Binary("or", Binary("lt", index, ZERO), Binary("ge", index, extent))
        declared = None if self.block is None else declared_domain(self.block)
        if (
            declared is not None
            and not as_placed
            and not self.mentions_place(outside, guard, *declared.conditions)
        ):
            answer = self.ask_over(declared, outside, guard)
            # The place can only take instances away, by the conditions of an If.
            if answer.kind == "proven" or not any(isinstance(a, Expr) for a in self.place):
                return answer
        if self.block is None:
            return self.ask_over(surrounding_domain(self.place), outside, guard)
        return self.ask_over(placed_domain(self.block, self.place), outside, guard)

    def mentions_place(self, *expressions: Expr) -> bool:
        """Whether a variable of a loop or let around occurs in the expressions."""
        bound = {around.var for around in self.place if isinstance(around, (Loop, Let))}
        return any(var in bound for var in free_vars(*expressions))

    def ask_over(self, domain: Domain, outside: Expr, guard: Expr) -> Answer:
        """Return whether ``outside`` holds at some instance of ``domain`` where ``guard`` does."""
        params, facts = parameters(domain, (outside, guard), self.facts)

        def question() -> Answer:
            frame = domain.frame(self.analysis, params)
            reached = domain.region(frame) & frame.region(guard) & frame.all_of(facts)
            return _verdict(frame, reached, frame.region(outside), facts)

        answer = self.analysis.ask(question)
        return Answer("undecided", answer.reason) if isinstance(answer, Unknown) else answer


def _verdict(frame: Frame, reached: Region, outside: Region, facts: Sequence[Expr]) -> Answer:
    if reached.over.is_disjoint(outside.over):
        return PROVEN
    missing = outside.missing or reached.missing
    leaves = reached.under.intersect(outside.under)
    example = smallest_point(frame, leaves)
    if example is None:
        return Answer("undecided", "" if missing is None else str(missing))
    # Where the sizes decide, there is a size at which it is reached and never leaves.
    if reached.over.params().is_subset(leaves.params()):
        return Answer("violated", example=example)
    inside = reached.over.params().union(frame.everywhere.over.params())
    fine = inside.subtract(reached.over.intersect(outside.over).params())
    return Answer("undecided", "the sizes decide", example, _text_of(fine, frame, facts))


def _text_of(sizes: isl.Set, frame: Frame, facts: Sequence[Expr]) -> str | None:
    """Return the conditions on the sizes as Python's comparisons, None where they have no "and"."""
    text = str(sizes.gist(frame.all_of(facts).over.params()).coalesce())
    conditions = text.partition(":")[2].rpartition("}")[0].strip()
    return conditions.replace(" and ", ", ") if conditions and " or " not in conditions else None
