"""From a state to the Program that it describes; a pure function.

Loops nest as the tree says. The value of every declared axis follows from the loops made out of
it, and guards stand right inside the innermost loop that they depend on. A reduction's
initialisation is a nest of its own, over the data loops only, before the outermost loop that
reduces, or before one further out that was named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer, Part, aligned_strides
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    ZERO,
    Alloc,
    Block,
    If,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    buffers_in,
    seq,
    stmts,
)
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import CellRewriter, substitute
from texpr.polyhedral.domain import Place, always, facts_of, place_key
from texpr.polyhedral.footprint import Window, footprint
from texpr.schedule.attach import check_places, declared_loops
from texpr.schedule.follow import followed
from texpr.schedule.inline import inlined_stages
from texpr.schedule.monotone import direction
from texpr.schedule.relations import Ends, Relation
from texpr.schedule.slide import Slide, folds_of, slid
from texpr.schedule.state import LoopNode, StageNode, State, Tree, axes_inside, loops_in
from texpr.schedule.storage import computed_in, is_moved, room_of


def realise(state: State) -> Program:
    """Return the Program that ``state`` describes.

    Raises
    ------
    ScheduleError
        A loop whose bounds depend on a loop inside it, or a stage that is computed in a loop
        which is not around all that reads it.
    """
    check_places(state)
    nest = _Nest(state)
    scope = _Scope({}, {})
    roots = (node for node in state.tree if not nest.is_attached(node))
    body: Stmt = seq(*(part for node in roots for part in nest.of(node, scope)))
    for name in reversed(nest.stored_in.get(None, [])):
        body = nest.store(name, body, scope)
    return state.declared.program.with_body(nest.housed(body, None, scope))


def check_loops(program: Program) -> None:
    """Refuse lanes and copies that cannot be counted before the program runs.

    Raises
    ------
    ScheduleError
        There is a vectorized or unrolled loop of unknown extent.
    """
    for stmt in stmts(program.body):
        if isinstance(stmt, Loop) and stmt.kind in (LoopKind.VECTORIZED, LoopKind.UNROLLED):
            extent = simplify(stmt.upper - stmt.lower)
            if int_value(extent) is None:
                raise ScheduleError(
                    f"loop {stmt.var.name!r} is {stmt.kind.value} and would run {extent} times, "
                    f"which is known only at run time; split it by a number and mark the inner part"
                )


# ---------------------------------------------------------------- parts of arrays


class _Parts(CellRewriter):
    """Puts parts of buffers in the place of the whole ones."""

    def __init__(self, parts: Mapping[int, Part]) -> None:
        self.parts = parts

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        part = self.parts.get(id(buffer))
        return (buffer, indices) if part is None else (part, part.index_here(indices))


# ---------------------------------------------------------------- loops


_OF_ALL_NESTS = tuple(
    field.name
    for field in fields(State)
    if field.name
    not in {
        "declared", "tree", "relations", "windows", "trace", "names", "became", "assumed",
        "is_judged",
    }
)  # fmt: skip
"""The facts of which a change may change any nest: all but those that a nest's key tells apart,
and those that say nothing about loops."""


class Same:
    """Equal to what is the same object."""

    __slots__ = ("thing",)

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


Ranges = Mapping[Var, tuple[int | None, int | None]]


@dataclass(frozen=True)
class _Scope:
    """The loops around a place: the variable of each axis, and what is known of its values."""

    var_of: Mapping[IterVar, Var]
    ranges: Ranges
    place: Place = ()
    """The loops and conditions around, outermost first; the loops without what is inside."""
    values: dict[IterVar, Expr | None] = field(default_factory=dict)
    """The values of axes that were asked for here, which do not change."""

    def inside(self, axis: IterVar, var: Var, lower: Expr, upper: Expr) -> _Scope:
        low, high = int_value(lower), int_value(upper)
        known = (low, None if high is None else high - 1)
        place = (*self.place, Loop(var, lower, upper, Seq(())))
        return _Scope({**self.var_of, axis: var}, {**self.ranges, var: known}, place)


@dataclass(frozen=True)
class _Values:
    """What relations ask of a place among the loops."""

    nest: _Nest
    scope: _Scope

    def value(self, axis: IterVar) -> Expr | None:
        return self.nest.value(axis, self.scope)

    def lower(self, axis: IterVar) -> Expr | None:
        return self.known(self.nest.state.lower(axis))

    def extent(self, axis: IterVar) -> Expr | None:
        return self.known(self.nest.state.extent(axis))

    def ends(self, axis: IterVar) -> tuple[Expr | None, Expr | None]:
        lower, upper = self.nest.state.ends(axis)
        return self.known(lower), self.known(upper)

    def is_loose(self, axis: IterVar) -> bool:
        return self.nest.state.is_loose(axis)

    def known(self, expr: Expr) -> Expr | None:
        if isinstance(expr, Const):
            return expr
        found = self.nest.at(expr, self.scope)
        return None if self.nest.unknown(found, self.scope) else found


@dataclass(frozen=True)
class _Partly(_Values):
    """What relations ask where the variables of axes stand for the values that are not known."""

    def value(self, axis: IterVar) -> Expr | None:
        found = self.nest.value(axis, self.scope)
        return self.nest.state.var_of(axis) if found is None else found

    def known(self, expr: Expr) -> Expr | None:
        return self.nest.at(expr, self.scope)


@dataclass(frozen=True)
class _Guard:
    """A condition, and the stages that it is for."""

    condition: Expr
    stages: frozenset[str]


class _Nest:
    """Builds the loops of a state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.stages, self.inline = inlined_stages(state)
        self.dependent = [*self.dependent_axes()]
        """The axes that must keep to what depends on others."""
        self.inner_homes = {b: home for b, home in state.declared.homes.items() if home}
        """The scratch that lives inside of some loop."""
        self.inits: dict[IterVar, list[str]] = {}
        """The stages that are initialised right before a loop."""
        for name, stage in self.stages.items():
            place = None if stage.init is None else state.init_place(name)
            if place is not None:
                self.inits.setdefault(place.axis, []).append(name)
        self.attached_to: dict[IterVar, list[str]] = {}
        self.following: dict[IterVar, list[str]] = {}
        self.stored_in: dict[IterVar | None, list[str]] = {}
        """The stages that have their room somewhere, and are not computed right there."""
        self.slides: dict[str, Slide] = {}
        for name in self.stages:
            anchor = state.anchor(name)
            if anchor is not None:
                where = self.attached_to if is_moved(state, name) else self.following
                where.setdefault(anchor, []).append(name)
            room = room_of(state, name)
            if room is not None:
                axis = room[-1].axis if room else None
                if axis is not anchor or not is_moved(state, name):
                    self.stored_in.setdefault(axis, []).append(name)

    @cached_property
    def kinds(self) -> dict[IterVar, LoopKind]:
        """How each loop runs."""
        return {node.axis: node.kind for node in loops_in(self.state.tree)}

    def dependent_axes(self) -> Iterator[IterVar]:
        state = self.state
        axes = [*state.declared.loop_of]
        for relation in state.relations:
            axes += (axis for axis in relation.made if not relation.covers(axis))
        for axis in axes:
            if any(var in state.axis_of for var in free_vars(*state.ends(axis))):
                yield axis

    def is_attached(self, node: Tree) -> bool:
        """Whether ``node`` is the nest of a stage that is computed in a loop of another."""
        stage = self.state.stage_in(node)
        if stage is None or self.state.anchor(stage) is None:
            return False
        return node is self.state.nest_of(stage)

    def of(self, node: Tree, scope: _Scope) -> tuple[Stmt, ...]:
        """Return the statements of a whole nest, which are kept for the states to come.

        A primitive changes one nest of many. And nests that stay the same objects are known again
        by all that keeps what it found out of one.
        """
        key = self.key(node, scope)
        nests = self.state.declared.nests
        found = nests.get(key)
        if found is None:
            slides = len(self.slides)
            found = tuple(self.build(node, scope))
            if len(self.slides) == slides:  # else it is to be told further out how a stage slides
                nests[key] = found
        return found

    def key(self, node: Tree, scope: _Scope) -> tuple[object, ...]:
        """Return all that the statements of a nest hang on."""
        here: list[object] = []
        known = {*scope.var_of}
        nodes = [node]
        while nodes:
            part = nodes.pop()
            here.append(part)
            for axis in axes_inside(part):
                known.add(axis)
                for name in (*self.attached_to.get(axis, ()), *self.following.get(axis, ())):
                    here.append((axis, name))
                    nodes.append(self.state.nest_of(name))
        for relation in reversed(self.state.relations):
            if not known.isdisjoint(relation.made):
                known.update(relation.sources)
                here.append(relation)
        windows = ((axis, w) for axis, w in self.state.windows.items() if axis in known)
        around = (*scope.var_of.items(), place_key(scope.place))
        facts = (getattr(self.state, name) for name in _OF_ALL_NESTS)
        others = (fact if isinstance(fact, frozenset) else Same(fact) for fact in facts)
        return (*here, None, *windows, None, *around, None, *others)

    def build(self, node: Tree, scope: _Scope, waiting: Sequence[_Guard] = ()) -> list[Stmt]:
        """Return the statements of ``node``: none where all its stages are inlined.

        Guards that are ``waiting`` are for some of its stages only.
        """
        if isinstance(node, StageNode):
            stage = self.stages.get(node.stage)
            if stage is None:
                return []
            block = self.place(stage.block, scope)
            notes = self.state.annotations.get(node.stage)
            return [replace(block, annotations=notes) if notes else block]
        lower, upper = self.bounds(node.axis, scope)
        var = node.steps if node.axis in self.state.windows else node.var
        inner = scope.inside(node.axis, var, lower, upper)
        guards = [*self.guards(scope, inner)]
        running = self.running(node)
        whole = [guard.condition for guard in guards if running <= guard.stages]
        for_some = [guard for guard in guards if not running <= guard.stages]
        inner = replace(inner, place=(*inner.place, *whole))
        parts = self.build_children(node, inner, [*for_some, *waiting])
        if not parts:
            return []
        body = seq(*parts)
        for name in self.following.get(node.axis, []):
            own = [guard.condition for guard in (*for_some, *waiting) if name in guard.stages]
            body = self.follow(name, body, inner, own)
        for name in reversed(self.attached_to.get(node.axis, [])):
            body = self.attach(name, body, inner)
        for name in reversed(self.stored_in.get(node.axis, [])):
            body = self.store(name, body, inner)
        body = guarded(self.housed(body, scope, inner), whole)
        loop = Loop(
            var, lower, upper, body, node.kind, chunks=node.chunks, annotations=node.annotations
        )
        return [*self.inits_before(node, scope, waiting), loop]

    def build_children(
        self, node: LoopNode, scope: _Scope, waiting: Sequence[_Guard]
    ) -> list[Stmt]:
        """Return the statements inside ``node``, each in the guards for it."""
        parts: list[Stmt] = []
        group: list[Stmt] = []
        conditions: list[Expr] = []
        for child in node.children:
            if self.is_attached(child):
                continue
            running = self.running(child)
            here = [guard.condition for guard in waiting if running <= guard.stages]
            further = [guard for guard in waiting if not running <= guard.stages]
            if [*map(id, here)] != [*map(id, conditions)]:
                parts += [guarded(seq(*group), conditions)] if group else []
                group, conditions = [], here
            place = (*scope.place, *here)
            group += self.build(child, replace(scope, place=place), further)
        return [*parts, guarded(seq(*group), conditions)] if group else parts

    def running(self, node: Tree) -> frozenset[str]:
        """Return the stages that run inside ``node`` in ranges of their own."""
        if isinstance(node, StageNode):
            return frozenset([node.stage] if node.stage in self.stages else [])
        here = (child for child in node.children if not self.is_attached(child))
        followers = filter(self.is_fused, self.following.get(node.axis, ()))
        return frozenset(followers).union(*(self.running(child) for child in here))

    def is_fused(self, name: str) -> bool:
        """Whether a stage has a loop that was made one with the loop of another."""
        own = set(self.state.declared.stages[name].axes)
        shared = (self.state.lineage(node.axis) for node in self.state.shared_loops(name))
        roots = self.state.declared.loop_of
        return any(axis in roots and axis not in own for axis in chain(*shared))

    def attach(self, name: str, body: Stmt, scope: _Scope) -> Stmt:
        """Return ``body`` after a computation of what it reads of the stage ``name``.

        What is computed is a window of its arrays. Where the room for them is further out, it is
        what no iteration before has computed.
        """
        windows = self.footprint(name, body, scope)
        room = room_of(self.state, name)
        is_here = room is not None and room[-1:] == computed_in(self.state, name)[-1:]
        if not is_here:
            outer = None if not room else scope.var_of[room[-1].axis]
            self.slides[name], windows = slid(name, windows, scope.place, outer)
        self.state = self.state.with_windows(self.roots(name), windows)
        whole = seq(*self.of(self.state.nest_of(name), scope), body)
        return self.roomy(name, whole, windows) if is_here else whole

    def follow(self, name: str, body: Stmt, scope: _Scope, own: Sequence[Expr]) -> Stmt:
        """Return ``body`` before a computation of those elements of ``name`` that it completes.

        ``own`` are the conditions for the stage alone, of loops that were made one with others.
        """
        windows = followed(self.state, name, self.stages[name], body, scope.place)
        self.state = self.state.with_windows([*windows], [*windows.values()])
        inside = replace(scope, place=(*scope.place, *own))
        return seq(body, guarded(seq(*self.of(self.state.nest_of(name), inside)), own))

    def store(self, name: str, body: Stmt, scope: _Scope) -> Stmt:
        """Return ``body`` with room for what is computed of the stage ``name`` inside it."""
        return self.roomy(name, body, self.footprint(name, body, scope, writes=True))

    def footprint(
        self, name: str, body: Stmt, scope: _Scope, *, writes: bool = False
    ) -> tuple[Window, ...]:
        """Return the box of what ``body`` reads of the stage ``name``, or writes."""
        loops = [self.state.declared.loop_of[root] for root in self.roots(name)]
        return footprint(
            body,
            scope.place,
            [store.buffer for store in self.stages[name].block.stores],
            [(loop.lower, loop.upper) for loop in loops],
            facts_of(self.state.declared.program),
            self.state.declared.footprints,
            writes=writes,
        )

    def roots(self, name: str) -> list[IterVar]:
        """Return the declared axis of every dimension of what the stage ``name`` writes."""
        roots = declared_loops(self.state, name)
        assert roots is not None
        return roots

    def roomy(self, name: str, body: Stmt, windows: Sequence[Window]) -> Stmt:
        """Return ``body`` with parts of the arrays of ``name`` in their place, in ``windows``."""
        parts: dict[int, Part] = {}
        folds = folds_of(self.state, name, windows, self.slides.get(name))
        for buffer in (store.buffer for store in self.stages[name].block.stores):
            # The same one at every primitive, so that what was found out of it holds still.
            key = (buffer, *windows, folds)
            part = self.state.declared.parts.get(key)
            if part is None:
                shape = tuple(
                    window.extent if fold is None else Const(fold, INT64)
                    for window, fold in zip(windows, folds, strict=True)
                )
                origin = tuple(window.lower for window in windows)
                part = Part(
                    buffer.name,
                    shape,
                    buffer.dtype,
                    aligned_strides(shape, buffer.aligned),
                    buffer.scope,
                    aligned=buffer.aligned,
                    of=buffer,
                    origin=origin,
                    folds=folds,
                )
                self.state.declared.parts[key] = part
            parts[id(buffer)] = part
        body = _Parts(parts).rewrite_stmt(body)
        for part in reversed(parts.values()):
            body = Alloc(part, body)
        return body

    def housed(self, body: Stmt, outside: _Scope | None, inside: _Scope) -> Stmt:
        """Put the scratch around ``body`` whose home is between two scopes.

        That is where every axis of its home has got its value: an iteration more there is another
        scratch.
        """
        homes = self.state.declared.homes if outside is None else self.inner_homes
        here = [
            buffer
            for buffer, home in homes.items()
            if (outside is None or not self.is_known(home, outside)) and self.is_known(home, inside)
        ]
        used = set(buffers_in(body)) if here else set()
        for buffer in reversed(here):
            if buffer in used:
                body = Alloc(buffer, body)
        return body

    def is_known(self, axes: Sequence[IterVar], scope: _Scope) -> bool:
        return all(self.value(axis, scope) is not None for axis in axes)

    def bounds(self, axis: IterVar, scope: _Scope) -> tuple[Expr, Expr]:
        """Return the first value of the loop of ``axis`` and one past its last, at ``scope``.

        Bounds that depend on a loop further in are taken for all its iterations together.
        """
        lower: Expr = ZERO
        upper = self.state.extent(axis)
        if self.is_clipped(axis):
            window = self.state.windows[axis]
            lower, upper = window.start, upper if window.stop is None else window.stop
        elif axis not in self.state.windows:
            relation = self.state.relation_to(axis)
            useful = None if relation is None else relation.useful(axis, self.state)
            if useful is not None:
                with suppress(ScheduleError):  # which then are not known
                    return self.useful_bounds(axis, useful, scope)
            lower, upper = self.state.ends(axis)
        return self.hull(axis, lower, scope, -1), self.hull(axis, upper, scope, 1)

    def is_clipped(self, axis: IterVar) -> bool:
        """Whether the loop of ``axis`` runs through that part of a window which is new.

        One whose iterations are counted before the program runs is guarded instead.
        """
        is_counted = self.kinds.get(axis) in (LoopKind.VECTORIZED, LoopKind.UNROLLED)
        return axis in self.state.windows and not is_counted

    def useful_bounds(self, axis: IterVar, useful: Ends, scope: _Scope) -> tuple[Expr, Expr]:
        """Return bounds of a loop that leave out iterations in which guards fail anyhow.

        A loop whose outer part is known gives closer ones than all its iterations together.
        """
        partly, ends = _Partly(self, scope), []
        for end, side in zip(useful, (-1, 1), strict=True):
            found, was = self.at(end, scope), None
            while found is not was:
                was = found
                for var in self.unknown(found, scope):
                    inner = self.state.axis_of[var]
                    relation = self.state.relation_from(inner)
                    value = None if relation is None else relation.value(inner, partly)
                    found = found if value is None else substitute(found, {var: value})
            ends.append(self.hull(axis, found, scope, side))
        return ends[0], ends[1]

    def hull(self, axis: IterVar, bound: Expr, scope: _Scope, side: int) -> Expr:
        """Return the greatest value of ``bound`` at ``scope``, the least where ``side`` is -1."""
        found = self.at(bound, scope)
        while True:
            unknown = self.unknown(found, scope)
            if not unknown:
                return simplify(found, scope.ranges)
            inner = unknown[0]
            way = direction(found, inner)
            if way is None:
                raise ScheduleError(
                    f"loop {axis.name!r} has the bound {bound}, and {inner.name!r} has no value "
                    f"outside its own loops; keep {axis.name!r} inside them"
                )
            lower, upper = self.state.ends(self.state.axis_of[inner])
            end = upper - 1 if way * side > 0 else lower
            found = self.at(substitute(found, {inner: end}), scope)

    def unknown(self, expr: Expr, scope: _Scope) -> list[Var]:
        """Return the variables of declared loops in ``expr`` that have no value at ``scope``."""
        axis_of, found = self.state.axis_of, []
        for var in free_vars(expr):
            axis = axis_of.get(var)
            if axis is not None and scope.var_of.get(axis) is not var:
                found.append(var)
        return found

    def at(self, expr: Expr, scope: _Scope) -> Expr:
        """Return ``expr`` with the declared loops' variables replaced by their values here."""
        if self.inline is not None:
            expr = self.inline.rewrite_expr(expr)
        values = {}
        for var in free_vars(expr):
            axis = self.state.axis_of.get(var)
            value = None if axis is None else self.value(axis, scope)
            if value is not None:
                values[var] = value
        return substitute(expr, values)

    def value(self, axis: IterVar, scope: _Scope) -> Expr | None:
        """Return the value of ``axis`` in terms of the loops around, None where it has none yet."""
        if axis not in scope.values:
            scope.values[axis] = self.new_value(axis, scope)
        return scope.values[axis]

    def new_value(self, axis: IterVar, scope: _Scope) -> Expr | None:
        """Return what :meth:`value` has to be asked for just once."""
        var = scope.var_of.get(axis)
        if var is not None:
            window = self.state.windows.get(axis)
            return var if window is None else window.lower + var
        relation = self.state.relation_from(axis)
        return None if relation is None else relation.value(axis, _Values(self, scope))

    def guards(self, outside: _Scope, inside: _Scope) -> Iterator[_Guard]:
        """Yield the guards that come to be known between two scopes, the innermost first."""
        for axis, guard in self.new_guards(outside, inside):
            here = simplify(guard, inside.ranges)
            if not prove(here, inside.ranges):
                yield _Guard(here, self.state.stages_with(axis))

    def new_guards(self, outside: _Scope, inside: _Scope) -> Iterator[tuple[IterVar, Expr]]:
        """Yield what must hold of axes, where that can be told inside and not yet outside."""
        here = _Values(self, inside)
        for relation in reversed(self.state.relations):
            for parent in relation.parents:
                # The loops around an initialisation are the parents themselves.
                sides = relation.overruns(parent, here)
                if any(sides) and parent not in inside.var_of and not self.fits(relation, parent):
                    yield from self.guards_of_overrun(parent, sides, outside, inside)
        yield from self.guards_of_windows(outside, inside)
        yield from self.guards_of_dependent(outside, inside)

    def fits(self, relation: Relation, parent: IterVar) -> bool:
        """Whether ``parent`` never runs over its ends, which are the same in all iterations."""
        ends = free_vars(self.state.lower(parent), self.state.extent(parent))
        if self.state.is_loose(parent) or any(var in self.state.axis_of for var in ends):
            return False
        condition = simplify(relation.fits(parent, self.state))
        known = self.state.declared.known
        if condition not in known:
            known[condition] = always(condition, self.state.declared.program)
        return known[condition]

    def guards_of_overrun(
        self, parent: IterVar, sides: tuple[bool, bool], outside: _Scope, inside: _Scope
    ) -> Iterator[tuple[IterVar, Expr]]:
        """Yield what keeps ``parent`` within its range where what it became may leave that."""
        for op, end, overruns in zip(("ge", "lt"), self.state.ends(parent), sides, strict=True):
            is_known = overruns and self.can_tell(parent, end, inside)
            if is_known and not self.can_tell(parent, end, outside):
                yield parent, Binary(op, self.known_value(parent, inside), self.at(end, inside))

    def guards_of_windows(self, outside: _Scope, inside: _Scope) -> Iterator[tuple[IterVar, Expr]]:
        """Yield what keeps windows inside their arrays, over the ends of which they may reach."""
        for axis, window in self.state.windows.items():
            if self.value(axis, inside) is not None and self.value(axis, outside) is None:
                for guard in self.window_guards(axis, window, inside):
                    yield axis, guard

    def window_guards(self, axis: IterVar, window: Window, scope: _Scope) -> Iterator[Expr]:
        """Yield what must hold of ``axis`` so that it is in a window, in its array, and new."""
        loop, value = self.state.declared.loop_of[axis], self.known_value(axis, scope)
        if window.may_end_late:
            yield value < loop.upper
        if window.may_start_early:
            yield value >= loop.lower
        if axis in scope.var_of and self.is_clipped(axis):
            return
        if window.start is not ZERO:
            yield value >= window.lower + window.start
        if window.stop is not None:
            yield value < window.lower + window.stop

    def guards_of_dependent(
        self, outside: _Scope, inside: _Scope
    ) -> Iterator[tuple[IterVar, Expr]]:
        """Yield what stops loops whose bounds depend on others, outside of which they were put."""
        for axis in self.dependent:
            lower, upper = self.state.ends(axis)  # of a window, where there is one by now
            relation = self.state.relation_from(axis)
            if relation is not None and (self.state.is_loose(axis) or not relation.hangs(axis)):
                continue
            ends = (("lt", upper), ("ge", lower))
            late = [self.unknown(self.at(bound, outside), outside) for _, bound in ends]
            for (op, bound), is_late in zip(ends, late, strict=True):
                # What was made counts from the lower end, so that both ends hang on either.
                hangs = any(late) if relation is not None else is_late
                if hangs and self.can_tell(axis, bound, inside):
                    value = self.known_value(axis, inside)
                    yield axis, Binary(op, value, self.at(bound, inside))

    def can_tell(self, axis: IterVar, bound: Expr, scope: _Scope) -> bool:
        """Whether the value of ``axis`` and a bound of it are known at ``scope``."""
        if self.value(axis, scope) is None:
            return False
        return not self.unknown(self.at(bound, scope), scope)

    def known_value(self, axis: IterVar, scope: _Scope) -> Expr:
        value = self.value(axis, scope)
        assert value is not None
        return value

    def place(self, block: Block, scope: _Scope) -> Block:
        """Return ``block`` bound to the loops around it."""
        bindings = (simplify(self.at(value, scope), scope.ranges) for value in block.bindings)
        return replace(block, bindings=tuple(bindings))

    # ------------------------------------------------------------ initialisation of reductions

    def inits_before(
        self, node: LoopNode, scope: _Scope, waiting: Sequence[_Guard]
    ) -> Iterator[Stmt]:
        """Yield the initialisations of the stages that come right before the loop ``node``."""
        for name in self.inits.get(node.axis, ()):
            own = [guard.condition for guard in waiting if name in guard.stages]
            yield guarded(self.init_nest(name, node, scope), own)

    def init_nest(self, name: str, node: LoopNode, scope: _Scope) -> Stmt:
        """Return the initialisation of ``name``: its data loops from ``node`` inwards."""
        path = self.state.path(name)
        inward = path[path.index(node) :]
        loop_of = {loop.axis: loop for loop in inward}
        axes = data_axes(self.state, name, [loop.axis for loop in inward])
        init = self.stages[name].init
        assert init is not None

        def nest(axes: Sequence[IterVar], scope: _Scope) -> Stmt:
            if not axes:
                return self.place(init, scope)
            axis, *rest = axes
            # The same one at every primitive, so that what was found out of the nest holds still.
            var = self.state.declared.init_vars.setdefault((axis,), Var(axis.name))
            lower, upper = self.bounds(axis, scope)
            inner = scope.inside(axis, var, lower, upper)
            own = [g.condition for g in self.guards(scope, inner) if name in g.stages]
            body = guarded(nest(rest, inner), own)
            loop = loop_of.get(axis)
            if loop is None:
                return Loop(var, lower, upper, body)
            return Loop(var, lower, upper, body, loop.kind, chunks=loop.chunks)

        return nest(axes, scope)


def guarded(body: Stmt, conditions: Sequence[Expr]) -> Stmt:
    """Return ``body`` inside the conditions, the innermost first."""
    for condition in conditions:
        body = If(condition, body)
    return body


def data_axes(state: State, stage: str, axes: Sequence[IterVar]) -> list[IterVar]:
    """Return the axes over data of ``stage`` that ``axes`` run through.

    An axis over data and reduction together is taken apart again, back to the axes it was made
    from; what only reduces is dropped.
    """
    own = set(state.declared.stages[stage].axes)
    found = list(axes)
    for relation in reversed(state.relations):
        made = set(relation.made)
        at = [k for k, axis in enumerate(found) if axis in made]
        roots = {root for axis in made for root in state.ancestors(axis) & own}
        if not at or len({root.is_reduce for root in roots}) < 2:
            continue
        found = [axis for axis in found if axis not in made]
        found[at[0] : at[0]] = [a for a in relation.parents if state.lineage(a) & own]
    return [axis for axis in found if not state.reduces(axis, stage)]
