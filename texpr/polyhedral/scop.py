"""The polyhedral model of a program: which instances run, when, and what they touch.

Every Block at its place in a loop tree becomes a :class:`Statement`, whose maps start from the
iteration vector that the Block was declared with. So two programs that place the same Blocks
differently are compared instance by instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import islpy as isl

from texpr.ir.buffer import Buffer, Part
from texpr.ir.expr import Binary, Expr, Unary, Var
from texpr.ir.program import Alloc, Block, If, Let, Loop, LoopKind, Program, Seq, Stmt
from texpr.ir.simplify import prove, simplify
from texpr.polyhedral.accesses import Access, accesses
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import IN, OUT, Analysis
from texpr.polyhedral.digits import DigitFinder, Digits, has_symbolic_base, number_bounds
from texpr.polyhedral.domain import Around, Domain, facts_of, parameters, place_key, placed_domain
from texpr.polyhedral.region import NotAffine, Region, Value

Column: TypeAlias = int | Loop
"""A component of time: a textual position, or the value of a loop's variable."""

Bound: TypeAlias = tuple[Expr, Expr, Expr]
"""A number, a base and a factor: the number is less than their product."""


@dataclass(frozen=True, eq=False)
class Relation:
    """A map of isl's and whether it says exactly what happens, or may hold too much."""

    over: isl.Map
    missing: NotAffine | None = None

    @property
    def is_exact(self) -> bool:
        return self.missing is None


@dataclass(frozen=True, eq=False)
class Touch:
    """An access of a statement: its instances, to the cells of ``access.buffer``."""

    statement: Statement
    access: Access
    cells: Relation

    @property
    def has_affine_subscripts(self) -> bool:
        """Whether it is known which cells an instance touches, if it does."""
        if self.access.is_whole:
            return self.cells.is_exact
        frame = self.statement.frame
        return not any(isinstance(frame.value(i), NotAffine) for i in self.access.indices)


class Statement:
    """A Block at its place in a program.

    ``columns`` are the components of its time: textual positions and loops, outermost first.
    """

    def __init__(
        self,
        scop: Scop,
        block: Block,
        place: tuple[Around, ...],
        columns: tuple[Column, ...],
        homes: dict[Buffer, tuple[Loop, ...]],
    ) -> None:
        self.scop, self.block, self.place, self.columns = scop, block, place, columns
        self.homes = homes

    @property
    def label(self) -> str:
        return self.block.label

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops around it, outermost first."""
        return tuple(column for column in self.columns if isinstance(column, Loop))

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What its instances hang on: statements that agree in it run the same, in whatever order.

        How its loops run, and what else they are around, is no part of it.
        """
        return (
            self.label, self.block.bindings, self.block.predicate, place_key(self.place),
            self.is_moved, self._home_key, self.scop.params, self.scop.facts,
        )  # fmt: skip

    @property
    def is_moved(self) -> bool:
        """Whether it writes a part of what it was declared to write."""
        return any(isinstance(store.buffer, Part) for store in self.block.stores)

    @property
    def _home_key(self) -> tuple[object, ...]:
        return tuple(
            (buffer, *(loop.var for loop in self.homes.get(buffer, ())))
            for buffer in (b.whole for b in self.block.buffers)
        )

    @cached_property
    def _geometry(self) -> _Geometry:
        """Its instances in isl's sets; statements that have the same share them."""
        kept = self.scop.analysis.geometries
        key = (*self.key, self.block.iters)
        found = kept.get(key)
        if found is None:
            found = _Geometry(self)
            if not found.digits:  # whose variables are those of one program
                kept[key] = found
        return found

    @property
    def digits(self) -> dict[tuple[int, ...], Digits]:
        """The numbers in symbolic bases among its bindings."""
        return self._geometry.digits

    @property
    def open_base(self) -> NotAffine | None:
        """A base that such a number is taken apart in and that may be negative, None if none is."""
        return self._geometry.open_base

    @property
    def frame(self) -> Frame:
        """The space of its iteration variables and the loops around it."""
        return self._geometry.frame

    @property
    def region(self) -> Region:
        """The instances that its place runs; its predicate is a guard of each access."""
        return self._geometry.region

    def image(self, expressions: Sequence[Expr | int], where: Region) -> Relation:
        """Return the map from instances in ``where`` to the values of ``expressions``.

        What is not affine stands for any value.
        """
        frame, missing = self.frame, where.missing
        columns: list[isl.Aff | isl.PwAff] = []
        unknown: list[int] = []
        for position, expression in enumerate(expressions):
            if isinstance(expression, int):
                value: Value | NotAffine = frame.constant(expression)
            else:
                value = frame.value(expression)
            if isinstance(value, NotAffine):
                missing = missing or value
                unknown.append(position)
                value = frame.constant(0)
            columns.append(value.aff)
        space = frame.space.from_domain().add_dims(OUT, len(expressions))
        image = map_of(space, columns)
        image = image.intersect_domain(where.over)
        for position in unknown:
            image = image.project_out(OUT, position, 1).insert_dims(OUT, position, 1)
        own = len(self.block.iters)
        image = image.project_out(IN, own, len(frame.dims) - own)
        return Relation(image.set_tuple_name(IN, self.label), missing)

    @cached_property
    def time(self) -> Relation:
        """The map from instances to their times.

        The lanes of a vectorized loop share their time: where they are is no part of it.
        """
        columns: list[Expr | int] = []
        for column in self.columns:
            if isinstance(column, int):
                columns.append(column)
            elif column.kind is not LoopKind.VECTORIZED:
                columns.append(column.var)
            else:
                columns.append(0)
        columns += [0] * (self.scop.depth - len(columns))
        return self.image(columns, self.region)

    def iterations(
        self,
        loops: Sequence[Loop],
        keys: Sequence[tuple[int, ...]] = (),
        lanes: Sequence[Loop] = (),
    ) -> Relation:
        """Return the map from instances to the iterations of ``loops`` that they run in.

        The digits of ``keys`` follow, and the iterations of ``lanes``.
        """
        key = (tuple(loops), tuple(keys), tuple(lanes))
        found = self._geometry.iterations.get(key)
        if found is None:
            columns: list[Expr | int] = [loop.var for loop in loops]
            columns += [part for one in keys for part in self.digits[one].columns]
            columns += [loop.var for loop in lanes]
            found = self._geometry.iterations[key] = self.image(columns, self.region)
        return found

    @cached_property
    def touches(self) -> tuple[Touch, ...]:
        """What it reads and writes."""
        found = []
        for access in accesses(self.block):
            where = self.region & self.frame.region(access.guard)
            if access.is_whole:
                cells = self.whole(access.buffer, where)
            else:
                cells = self.image([*self.home(access.buffer), *access.indices], where)
                if not cells.is_exact:
                    inside = self.whole(access.buffer, where)
                    cells = replace(cells, over=cells.over.intersect(inside.over))
            found.append(Touch(self, access, cells))
        return tuple(found)

    def whole(self, buffer: Buffer, where: Region) -> Relation:
        """Return the map from instances in ``where`` to all cells of ``buffer``."""
        home = self.home(buffer)
        extents = self.image([*home, *buffer.shape], where)
        return replace(extents, over=extents.over.apply_range(_below(extents.over, len(home))))

    def home(self, buffer: Buffer) -> tuple[Expr, ...]:
        """Return the variables of the loops that give ``buffer`` new cells in each iteration."""
        return tuple(loop.var for loop in self.homes.get(buffer.whole, ()))


class _Geometry:
    """The instances of a statement, and its loops' iterations, in isl's sets."""

    def __init__(self, statement: Statement) -> None:
        scop = statement.scop
        placed = placed_domain(statement.block, statement.place)
        domain, digits, bounds = _in_digits(placed, scop.digits)
        self.digits = digits
        self.frame = frame = domain.frame(scop.analysis, scop.params)
        if digits:
            domain = _affine_part(domain, frame)
        region = domain.region(frame) & frame.all_of(scop.facts)
        # What is given makes its digits, and may show that other sums have some.
        self.open_base: NotAffine | None = None
        given = [one for one in digits.values() if one.is_given]
        around = region
        if given:
            around = _around(domain, statement.block).region(frame) & frame.all_of(scop.facts)
        for one in given:
            if _has_digits(frame, around, one, bounds):
                known = _with_digits(frame, around, one, bounds)
                around, region = around & known, region & known
            else:
                problem = NotAffine(one.base, "a loop's base, and perhaps negative")
                self.open_base = self.open_base or problem
                region = Region(region.over, region.under, region.missing or problem)
        for one in digits.values():
            is_digit = frame.region(one.is_digit)
            if not (one.is_given or _is_sure(region, is_digit)):
                problem = NotAffine(one.high * one.base, "a product of sizes or loops")
                region = Region(region.over, region.under, region.missing or problem)
        self.region = region
        self.iterations: dict[tuple[object, ...], Relation] = {}


def _has_digits(frame: Frame, region: Region, one: Digits, bounds: Sequence[Bound]) -> bool:
    """Whether a remainder of a number that is there is a digit, as its base is not negative.

    A base of 0 makes loops that do not run. Nor is a base negative where some number that is not
    ends at a multiple of it that is not, such as the end of a loop that was fused.
    """
    if _is_sure(region, frame.region(one.base >= 0)):
        return True
    return any(
        (prove(times >= 0) or _is_sure(region, frame.region(times >= 0)))
        and _is_sure(region, frame.region(number >= 0))
        for number, base, times in bounds
        if base is one.base
    )


def _around(domain: Domain, block: Block) -> Domain:
    """Return what holds of the loops around a statement, whatever its axes may be."""
    own = {axis.var for axis in block.iters}
    return replace(domain, spans=tuple(span for span in domain.spans if span.var not in own))


def _with_digits(frame: Frame, region: Region, one: Digits, bounds: Sequence[Bound]) -> Region:
    """Return what is known of the digits of a number that is there."""
    known = frame.region(one.is_digit)
    if _is_sure(region, frame.region(one.number >= 0)):
        known = known & frame.region(one.high >= 0)
    for number, base, times in bounds:
        if number is one.number and base is one.base and not has_symbolic_base(times):
            known = known & frame.region(one.high < times)
    return known


def _in_digits(
    domain: Domain, known: dict[tuple[int, ...], Digits]
) -> tuple[Domain, dict[tuple[int, ...], Digits], list[Bound]]:
    """Return what holds of instances, with numbers in symbolic bases taken apart, and these.

    Also which numbers end at multiples of these bases.
    """
    if not any(has_symbolic_base(condition) for condition in domain.terms):
        return domain, {}, []
    loops = {
        span.var: (span.lower, simplify(span.upper - span.lower))
        for span in domain.spans
        if span.lower is not None and span.upper is not None
    }
    finder = DigitFinder(known, loops)

    def plain(expr: Expr | None) -> Expr | None:
        return None if expr is None else finder.rewrite_expr(expr)

    spans = tuple(
        replace(span, lower=plain(span.lower), upper=plain(span.upper), value=plain(span.value))
        for span in domain.spans
    )
    others = tuple(finder.rewrite_expr(other) for other in domain.others)
    if not finder.found:
        return domain, {}, []
    bounds = [
        (finder.rewrite_expr(number), finder.rewrite_expr(base), bound)
        for (number, base), bound in number_bounds(domain).items()
    ]
    fresh = tuple(var for digits in finder.found.values() for var in digits.fresh)
    return Domain((*domain.dims, *fresh), spans, others), finder.found, bounds


class Scop:
    """A program as statements with domains, times and accesses, parametric in its sizes.

    Parameters
    ----------
    program : Program
    analysis : Analysis, optional
        The isl context to use; another program can be compared only in the same one.

    >>> from texpr import te
    >>> A = te.placeholder((te.size_var("n"),), name="A")
    >>> B = te.compute(A.shape, lambda i: A[i] * 2, name="B")
    >>> print(Scop.of(te.create_schedule(B.op).program))
    B: [n] -> { B[i] : 0 <= i < n }
        time   [n] -> { B[i] -> [i] : 0 <= i < n }
        reads  A  [n] -> { B[i] -> [i] : 0 <= i < n }
        writes B  [n] -> { B[i] -> [i] : 0 <= i < n }
    """

    def __init__(self, program: Program, analysis: Analysis | None = None) -> None:
        self.program = program
        self.analysis = analysis or Analysis()
        found = list(_statements(program.body, (), (), {}))
        self.digits: dict[tuple[int, ...], Digits] = {}
        self.depth = max((len(columns) for _, _, columns, _ in found), default=0)
        self.facts: tuple[Expr, ...] = ()
        self.params: tuple[Var, ...] = ()
        self.statements: tuple[Statement, ...] = tuple(
            Statement(self, block, place, columns, homes) for block, place, columns, homes in found
        )
        known = facts_of(program)
        params: dict[Var, None] = {}
        facts: dict[Expr, None] = {}
        kept = self.analysis.parameters
        for table in (kept, self.analysis.geometries):
            table.make_room(2 * len(found))  # for what is declared and what is proposed
        for statement in self.statements:
            block = statement.block
            key = (
                block.iters, block.bindings, block.contents, place_key(statement.place), known,
            )  # fmt: skip
            answer = kept.get(key)
            if answer is None:
                answer = kept[key] = _parameters(statement, known)
            params.update(dict.fromkeys(answer[0]))
            facts.update(dict.fromkeys(answer[1]))
        self.params, self.facts = tuple(params), tuple(facts)

    @staticmethod
    def of(program: Program) -> Scop:
        """Return the model of ``program``."""
        return Scop(program)

    def __getitem__(self, label: str) -> Statement:
        for statement in self.statements:
            if statement.label == label:
                return statement
        raise KeyError(label)

    def __str__(self) -> str:
        lines = []
        for statement in self.statements:
            known = statement.frame.all_of(self.facts).over.params()
            time = statement.time.over.gist_params(known)
            lines.append(f"{statement.label}: {time.domain()}")
            lines.append(f"    time   {time}")
            for touch in statement.touches:
                verb = "writes" if touch.access.is_write else "reads "
                may = "" if touch.cells.is_exact else "  (may)"
                cells = touch.cells.over.gist_params(known)
                lines.append(f"    {verb} {touch.access.buffer.name}  {cells}{may}")
        return "\n".join(lines)


def _parameters(
    statement: Statement, known: Sequence[Expr]
) -> tuple[tuple[Var, ...], tuple[Expr, ...]]:
    """Return the sizes that a statement hangs on, and what of all that is ``known`` is of them."""
    used = [
        part for access in accesses(statement.block) for part in (*_places(access), access.guard)
    ]
    return parameters(placed_domain(statement.block, statement.place), used, known)


def textual_order(
    first: Sequence[Column], second: Sequence[Column]
) -> Literal["always", "never", "sometimes"]:
    """Tell whether the first always, never or sometimes comes before the second, by position."""
    for a, b in zip(first, second, strict=False):
        if isinstance(a, int) and isinstance(b, int):
            if a != b:
                return "always" if a < b else "never"
        else:
            return "sometimes"
    return "sometimes"


def map_of(space: isl.Space, columns: Sequence[isl.Aff | isl.PwAff]) -> isl.Map:
    """Return the map of ``space`` whose columns are given: of one piece where all of them are."""
    context = space.get_ctx()
    if all(isinstance(column, isl.Aff) for column in columns):
        affs = isl.AffList.alloc(context, len(columns))
        for column in columns:
            affs = affs.add(column)
        return isl.Map.from_multi_aff(isl.MultiAff.from_aff_list(space, affs))
    pieces = isl.PwAffList.alloc(context, len(columns))
    for column in columns:
        is_one = isinstance(column, isl.Aff)
        pieces = pieces.add(isl.PwAff.from_aff(column) if is_one else column)
    return isl.Map.from_multi_pw_aff(isl.MultiPwAff.from_pw_aff_list(space, pieces))


def _places(access: Access) -> tuple[Expr, ...]:
    """Return the expressions that say which cells ``access`` is of."""
    return access.buffer.shape if access.is_whole else access.indices


def _is_sure(known: Region, claim: Region) -> bool:
    return claim.is_exact and bool(known.over.is_subset(claim.under))


def _below(extents: isl.Map, start: int) -> isl.Map:
    """Return the map from extents to the cells inside; the columns before ``start`` stay."""
    inside = isl.Map.universe(extents.range().get_space().map_from_set())
    for column in range(start):
        inside = inside.equate(IN, column, OUT, column)
    zero = isl.Val.zero(extents.get_ctx())
    for column in range(start, extents.dim(OUT)):
        inside = inside.order_lt(OUT, column, IN, column).lower_bound_val(OUT, column, zero)
    return inside


def _affine_part(domain: Domain, frame: Frame) -> Domain:
    """Return ``domain`` without the bounds that are products of sizes.

    They bound a loop that was fused or split; its instances are known by the declared axes, which
    have ranges of their own.
    """

    def affine(expr: Expr | None) -> Expr | None:
        is_known = expr is not None and not isinstance(frame.value(expr), NotAffine)
        return expr if is_known else None

    spans = tuple(
        replace(span, lower=affine(span.lower), upper=affine(span.upper)) for span in domain.spans
    )
    others = tuple(
        other
        for other in domain.others
        if not isinstance(other, Binary) or all(affine(side) is not None for side in _sides(other))
    )
    return Domain(domain.dims, spans, others)


def _sides(condition: Binary) -> tuple[Expr, ...]:
    """Return the integers that ``condition`` compares, none where it compares no integers."""
    return condition.children if condition.a.dtype.is_integer else ()


_Found: TypeAlias = tuple[
    Block, tuple[Around, ...], tuple[Column, ...], dict[Buffer, tuple[Loop, ...]]
]


def _statements(
    stmt: Stmt,
    place: tuple[Around, ...],
    columns: tuple[Column, ...],
    homes: dict[Buffer, tuple[Loop, ...]],
) -> Iterator[_Found]:
    """Yield every Block with what stands around it, its time, and where its scratch lives."""
    if isinstance(stmt, Alloc):
        around = tuple(column for column in columns if isinstance(column, Loop))
        homes = dict(homes)
        while isinstance(stmt, Alloc):  # as many in a row as there are stages
            homes[stmt.buffer.whole] = around
            stmt = stmt.body
    if isinstance(stmt, Block):
        yield stmt, place, columns, homes
    elif isinstance(stmt, Seq):
        for position, part in enumerate(stmt.stmts):
            yield from _statements(part, place, (*columns, position), homes)
    elif isinstance(stmt, Loop):
        yield from _statements(stmt.body, (*place, stmt), (*columns, stmt), homes)
    elif isinstance(stmt, Let):
        yield from _statements(stmt.body, (*place, stmt), columns, homes)
    elif isinstance(stmt, If):
        yield from _statements(stmt.then, (*place, stmt.condition), (*columns, 0), homes)
        if stmt.orelse is not None:
            otherwise = Unary("not", stmt.condition)
            yield from _statements(stmt.orelse, (*place, otherwise), (*columns, 1), homes)
