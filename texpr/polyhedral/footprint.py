"""Which part of an array statements touch, as a box that moves with the loops around them.

In every dimension the box starts at an expression of the loops around and the sizes, and is as
long as an expression of the sizes alone, a number where that is possible. It is exact where the
cells that are touched are such a box, strided or not; elsewhere it is the shortest box of that form
that was found around them, at worst the whole dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Var, free_vars, int_value
from texpr.ir.program import ZERO, Block, If, Let, Loop, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.accesses import Access, accesses, loads
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import IN, OUT, SET, Analysis, int_of
from texpr.polyhedral.domain import (
    Domain,
    Place,
    Span,
    parameters,
    place_key,
    placed_domain,
    places,
    surrounding_domain,
)
from texpr.polyhedral.kept import Kept
from texpr.polyhedral.region import NotAffine

PARAM, DIV = isl.dim_type.param, isl.dim_type.div


@dataclass(frozen=True)
class Window:
    """``lower <= x < lower + extent`` in one dimension of an array."""

    lower: Expr
    extent: Expr
    may_start_early: bool = False
    """Whether ``lower`` may be less than the first index of the array."""
    may_end_late: bool = False
    start: Expr = ZERO
    """Where in the window that begins which was not computed before."""
    stop: Expr | None = None
    """Where in the window that ends which was not computed before; None for at its end."""


def footprint(
    body: Stmt,
    around: Place,
    buffers: Sequence[Buffer],
    bounds: Sequence[tuple[Expr, Expr]],
    facts: Sequence[Expr],
    known: Kept[tuple[Window, ...]],
    *,
    writes: bool = False,
) -> tuple[Window, ...]:
    """Return the box of the cells of ``buffers`` that ``body`` reads at one iteration ``around``.

    Parameters
    ----------
    body : Stmt
    around : Place
        The loops and conditions around ``body``, outermost first.
    buffers : sequence of Buffer
        Arrays of one shape.
    bounds : sequence of (Expr, Expr)
        The first index of every dimension and one past the last.
    facts : sequence of Expr
        What holds of the sizes.
    known : Kept
        Keeps the answers: a schedule asks the same again after every primitive.
    writes : bool
        Whether what it writes is in the box, too.
    """
    touches = [*touches_in(body, buffers, is_write=False)]
    if writes:
        touches += touches_in(body, buffers, is_write=True)
    return box(touches, around, bounds, facts, known)


def box(
    touches: Sequence[Touching],
    around: Place,
    bounds: Sequence[tuple[Expr, Expr]],
    facts: Sequence[Expr],
    known: Kept[tuple[Window, ...]],
) -> tuple[Window, ...]:
    """Return the box of what ``touches`` are of; the others as :func:`footprint`."""
    key = (*(touch.key for touch in touches), place_key(around), *bounds, *facts)
    found = known.get(key)
    if found is None:
        at = [touch.at(around) for touch in touches]
        found = known[key] = _windows(at, around, bounds, facts, known)
    return found


def _windows(
    touches: Sequence[tuple[Domain, Access]],
    around: Place,
    bounds: Sequence[tuple[Expr, Expr]],
    facts: Sequence[Expr],
    known: Kept[tuple[Window, ...]],
) -> tuple[Window, ...]:
    """Return the box that ``touches`` are in, each dimension as far as its answer is known."""
    place = surrounding_domain(around)
    found: list[Window] = []
    for dimension, (first, end) in enumerate(bounds):
        own = [_Read.of(domain, access, dimension) for domain, access in touches]
        key = (*own, place, first, end, *facts)
        if key not in known:
            answer = _shortest(own, place, (first, end), facts)
            whole = Window(first, simplify(Binary("max", end - first, ZERO)))
            known[key] = (answer or whole,)
        found += known[key]
    return tuple(found)


def _shortest(
    reads: Sequence[_Read], place: Domain, bounds: tuple[Expr, Expr], facts: Sequence[Expr]
) -> Window | None:
    """Return the shortest box, None where there is none but the whole dimension.

    Where values are cut off, as the starts of tiles by ``min``, a box may move with these.
    """
    best: Window | None = None
    for opaque in (_QUOTIENTS, _CLAMPS):
        question = _Question(reads, place, bounds, facts, opaque)
        if opaque is _CLAMPS and not any(
            isinstance(one, Binary) and one.op in ("min", "max") for one in question.opaque.found
        ):
            break
        answer = question.analysis.ask(question.answer)
        if isinstance(answer, Window) and (best is None or _is_shorter(answer, best)):
            best = answer
    return best


def _is_shorter(box: Window, other: Window) -> bool:
    length, least = int_value(box.extent), int_value(other.extent)
    return length is not None and (least is None or length < least)


_QUOTIENTS = ("floordiv", "floormod")
_CLAMPS = (*_QUOTIENTS, "min", "max")
"""The operators of which one value known outside is taken for a number of its own."""


@dataclass(frozen=True)
class _Read:
    """One index of a read, where ``guard`` holds, at the instances of ``domain``."""

    domain: Domain
    index: Expr
    guard: Expr

    @staticmethod
    def of(domain: Domain, access: Access, dimension: int) -> _Read:
        """Return the read without what says nothing of the index: loops that it is free of."""
        index = access.indices[dimension]
        own = set(domain.dims)
        related = own.intersection(free_vars(index, access.guard))
        parts: tuple[Span | Expr, ...] = (*domain.spans, *domain.others)
        names = {id(part): own.intersection(free_vars(*_conditions(part))) for part in parts}
        for span in domain.spans:
            names[id(span)].add(span.var)
        kept = {key for key, used in names.items() if not used}
        growing = True
        while growing:
            found = {key for key, used in names.items() if key not in kept and used & related}
            related = related.union(*(names[key] for key in found))
            kept |= found
            growing = bool(found)
        dims = tuple(var for var in domain.dims if var in related)
        spans = tuple(span for span in domain.spans if id(span) in kept)
        others = tuple(other for other in domain.others if id(other) in kept)
        return _Read(Domain(dims, spans, others), index, access.guard)


def _conditions(part: Span | Expr) -> tuple[Expr, ...]:
    return part.conditions if isinstance(part, Span) else (part,)


@dataclass(frozen=True)
class Touching:
    """An access of ``stmt``, around which is ``place`` inside of what the box is asked for."""

    stmt: Stmt
    place: Place
    access: Access

    @property
    def key(self) -> tuple[object, ...]:
        """What the instances of the access and its cells hang on."""
        own: tuple[object, ...] = ()
        if isinstance(self.stmt, Block):
            own = (self.stmt.iters, self.stmt.bindings)
        return (own, place_key(self.place), self.access)

    def at(self, around: Place) -> tuple[Domain, Access]:
        """Return the instances that the access is at."""
        whole = (*around, *self.place)
        if isinstance(self.stmt, Block):
            return placed_domain(self.stmt, whole), self.access
        return surrounding_domain(whole), self.access


def touches_in(body: Stmt, buffers: Sequence[Buffer], *, is_write: bool) -> Iterator[Touching]:
    """Yield every read of one of ``buffers``, or write."""
    asked = set(buffers)  # by identity: tensors compare element by element
    for stmt, place in places(body):
        found: Iterable[Access] = ()
        if isinstance(stmt, Block):
            if not asked.isdisjoint(stmt.buffers):
                found = (access for access in accesses(stmt) if access.is_write is is_write)
        elif isinstance(stmt, (Loop, If, Let)) and not is_write:
            own = (child for child in stmt.children if isinstance(child, Expr))
            found = (access for root in own for access in loads(root))
        for access in found:
            if any(access.buffer is buffer for buffer in buffers):
                yield Touching(stmt, place, access)


class _Opaque(Rewriter):
    """Puts a variable in the place of what ``operators`` make of values known ``outside``.

    isl cannot hold symbolic bases, and what it makes of other quotients is hard to read.
    """

    def __init__(self, operators: Sequence[str]) -> None:
        self.operators = operators
        self.outside: frozenset[Var] = frozenset()
        self.sizes: frozenset[Var] = frozenset()
        self.found: dict[Expr, Var] = {}

    def visit_Binary(self, node: Binary) -> Visit[Expr]:
        if (
            node.op in self.operators
            and node.dtype is INT64
            and self.outside.issuperset(free_vars(node))
            and not self.sizes.issuperset(free_vars(node))
        ):
            return self.found.setdefault(node, Var("known"))
        a = yield node.a
        b = yield node.b
        return node.rebuild((a, b)) if a is not node.a or b is not node.b else node

    def domain(self, domain: Domain) -> Domain:
        """Return ``domain`` rewritten."""

        def plain(expr: Expr | None) -> Expr | None:
            return None if expr is None else self.rewrite_expr(expr)

        spans = tuple(
            replace(s, lower=plain(s.lower), upper=plain(s.upper), value=plain(s.value))
            for s in domain.spans
        )
        return Domain(domain.dims, spans, tuple(map(self.rewrite_expr, domain.others)))


class _Question:
    """The indices of one dimension that are read, and a box around them."""

    def __init__(
        self,
        reads: Sequence[_Read],
        place: Domain,
        bounds: tuple[Expr, Expr],
        facts: Sequence[Expr],
        operators: Sequence[str],
    ) -> None:
        self.analysis = Analysis()
        self.bounds, self.index = bounds, Var("x")
        params: dict[Var, None] = {}
        true: dict[Expr, None] = {}
        for read in reads:
            mine, known = parameters(read.domain, (read.index, read.guard, *bounds), facts)
            params.update(dict.fromkeys(mine))
            true.update(dict.fromkeys(known))
        params = {var: None for var in params if var not in set(place.dims)}
        self.params, self.facts = tuple(params), tuple(true)
        self.opaque = _Opaque(operators)
        self.opaque.outside = frozenset((*place.dims, *self.params))
        self.opaque.sizes = frozenset(self.params)
        self.place = self.opaque.domain(place)
        rewrite = self.opaque.rewrite_expr
        self.reads = [
            _Read(self.opaque.domain(read.domain), rewrite(read.index), rewrite(read.guard))
            for read in reads
        ]
        self.outer = (*place.dims, *self.opaque.found.values())
        self.frame = Frame(self.analysis, (*self.outer, self.index), self.params)

    def answer(self) -> Window | None:
        """Return the box, None where there is none but the whole dimension."""
        if not self.reads:
            return Window(self.bounds[0], ZERO)
        cells = self.every(self.cells)
        if cells.is_empty():
            return Window(self.bounds[0], ZERO)
        best: tuple[isl.Aff, Expr] | None = None
        found = [*self.starts(cells, cells)]
        if self.is_piecewise:
            # Which loop an index moves with is seen where they are free of one another.
            found += self.starts(self.every(partial(self.cells, is_free=True)), cells)
        for start, away in found:
            length = self.length(cells, away)
            if length is not None and (best is None or _is_better((start, length), best)):
                best = (start, length)
        return None if best is None else self.window(*best)

    def every(self, cells: Callable[[_Read], isl.Set]) -> isl.Set:
        return reduce(isl.Set.union, map(cells, self.reads)).coalesce()

    @property
    def is_piecewise(self) -> bool:
        """Whether the range of a loop around depends on whether others are at their start."""
        ends = (end for span in self.place.spans for end in (span.lower, span.upper))
        return any(isinstance(end, IfThenElse) for end in ends)

    def cells(self, read: _Read, *, is_free: bool = False) -> isl.Set:
        """Return the points (loops around, index) of one read.

        Where it ``is_free``, the loops around may be at any iteration.
        """
        domain, index, guard = read.domain, read.index, read.guard
        own = set(self.outer)
        inner = tuple(var for var in domain.dims if var not in own)
        dims = (*self.outer, self.index, *inner)
        spans = tuple(span for span in domain.spans if not is_free or span.var not in own)
        whole = Domain(dims, spans, () if is_free else domain.others)
        frame = whole.frame(self.analysis, self.params)
        first, end = self.bounds
        conditions = [guard, *self.facts]
        conditions += [Binary("ge", self.index, first), Binary("lt", self.index, end)]
        if not isinstance(frame.value(index), NotAffine):
            conditions = [] if is_free else conditions
            conditions.append(Binary("eq", self.index, index))
        points = whole.region(frame) & frame.all_of(conditions)
        return points.over.project_out(SET, len(self.outer) + 1, len(inner))

    def starts(self, moving: isl.Set, cells: isl.Set) -> Iterator[tuple[isl.Aff, isl.Aff]]:
        """Yield expressions at or below every index, with how far an index is from each.

        They are those at which ``moving`` begins, put below ``cells``.
        """
        last = len(self.outer)
        by_place = isl.Map.from_range(moving).move_dims(IN, 0, OUT, 0, last)
        least: list[isl.Aff] = []
        by_place.dim_min(0).foreach_piece(lambda _, aff: least.append(aff))
        to_place = isl.MultiAff.project_out_map(self.frame.space, SET, last, 1)
        index = isl.Aff.var_on_domain(self.frame.local_space, SET, last)
        for aff in least:
            away = index.sub(aff.pullback_multi_aff(to_place))
            nearest = cells.min_val(away)
            if nearest.is_int():
                yield aff.add_constant_val(nearest), away.add_constant_val(nearest.neg())

    def length(self, cells: isl.Set, away: isl.Aff) -> Expr | None:
        """Return how long the box is, in terms of the sizes alone; None where it has no end."""
        most = cells.max_val(away)
        if most.is_int():
            return Const(int_of(most) + 1, INT64)
        distances = isl.Map.from_aff(away).intersect_domain(cells).range()
        by_size = isl.Map.from_range(distances)
        pieces: list[isl.Aff] = []
        by_size.dim_max(0).foreach_piece(lambda _, aff: pieces.append(aff))
        # The greatest of all pieces: it may be longer than need be where another piece holds.
        found: Expr = ZERO
        for aff in pieces:
            one = self.expression(aff)
            if one is None or not set(free_vars(one)).issubset(self.params):
                return None
            found = Binary("max", found, one + 1)
        return simplify(found)

    def window(self, start: isl.Aff, extent: Expr) -> Window | None:
        """Return the box, and whether it may reach over the ends of the array."""
        lower = self.expression(start)
        if lower is None:
            return None
        begin = isl.PwAff.from_aff(start)
        first, end = self.bounds
        frame = Frame(self.analysis, self.outer, self.params)
        known = [Binary("eq", var, expr) for var, expr in self.meaning.items()]
        place = self.place.region(frame) & frame.all_of([*self.facts, *known])
        low, high, size = frame.value(first), frame.value(end), frame.value(extent)
        early = late = True
        if not isinstance(low, NotAffine):
            early = not place.over.is_disjoint(begin.lt_set(low.pw_aff))
        if not isinstance(high, NotAffine) and not isinstance(size, NotAffine):
            late = not place.over.is_disjoint(begin.add(size.pw_aff).gt_set(high.pw_aff))
        return Window(simplify(lower), extent, early, late)

    # ------------------------------------------------------------ from isl's expressions

    @cached_property
    def meaning(self) -> dict[Var, Expr]:
        return {var: expr for expr, var in self.opaque.found.items()}

    def expression(self, aff: isl.Aff) -> Expr | None:
        """Return what ``aff`` is over the loops around and the sizes, None where it has none."""
        if aff.is_nan():
            return None
        denominator = aff.get_denominator_val()

        def whole(value: isl.Val) -> int:
            return int_of(value.mul(denominator))

        total: Expr = Const(whole(aff.get_constant_val()), INT64)
        columns = [(IN, self.outer), (PARAM, self.params)]
        for kind, variables in columns:
            for position in range(int(aff.dim(kind))):
                weight = whole(aff.get_coefficient_val(kind, position))
                if weight:
                    var = variables[position]
                    total = total + self.meaning.get(var, var) * weight
        for position in range(int(aff.dim(DIV))):
            weight = whole(aff.get_coefficient_val(DIV, position))
            if weight:
                part = self.expression(aff.get_div(position))
                if part is None:
                    return None
                total = total + part * weight
        below = int_of(denominator)
        return total if below == 1 else total // below


def _is_better(box: tuple[isl.Aff, Expr], other: tuple[isl.Aff, Expr]) -> bool:
    """Whether a box is shorter, as far as can be told: the one that moves probably is."""
    (start, length), (other_start, other_length) = box, other
    if isinstance(length, Const) and isinstance(other_length, Const):
        return bool(length.value < other_length.value)
    if isinstance(length, Const) or isinstance(other_length, Const):
        return isinstance(length, Const)
    return _moves(start) and not _moves(other_start)


def _moves(start: isl.Aff) -> bool:
    return bool(start.involves_dims(IN, 0, start.dim(IN)))
