"""From a state to the Program that it describes; a pure function.

Loops nest as the tree says. The value of every declared axis follows from the loops made out of
it, and guards stand right inside the innermost loop that they depend on. A reduction's
initialisation is a nest of its own, over the data loops only, before the outermost loop that
reduces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from texpr.errors import ScheduleError
from texpr.ir.buffer import Part
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars, int_value
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
    Store,
    buffers_in,
    seq,
    stmts,
)
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.domain import Place, facts_of, place_key
from texpr.polyhedral.footprint import footprint
from texpr.schedule.attach import check_places, declared_loops
from texpr.schedule.inline import inlined_stages
from texpr.schedule.monotone import direction
from texpr.schedule.state import (
    Fuse,
    LoopNode,
    Split,
    StageNode,
    State,
    Tree,
    axes_inside,
    stages_inside,
)


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


class _Parts(Rewriter):
    """Puts parts of buffers in the place of the whole ones."""

    def __init__(self, parts: Mapping[int, Part]) -> None:
        self.parts = parts

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        part = self.parts.get(id(node.buffer))
        return node.rebuild(indices) if part is None else Load(part, part.index_here(indices))

    def visit_Store(self, node: Store) -> Visit[Stmt]:
        children = []
        for child in node.children:
            children.append((yield child))
        part = self.parts.get(id(node.buffer))
        if part is None:
            return node.rebuild(children)
        return Store(part, part.index_here(children[:-1]), children[-1])


# ---------------------------------------------------------------- loops

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


class _Nest:
    """Builds the loops of a state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.stages, self.inline = inlined_stages(state)
        self.dependent = {
            axis: loop
            for axis, loop in state.declared.loop_of.items()
            if any(var in state.declared.axis_of for var in free_vars(loop.lower, loop.upper))
        }
        """The declared loops whose bounds depend on others."""
        self.inner_homes = {b: home for b, home in state.declared.homes.items() if home}
        """The scratch that lives inside of some loop."""
        self.attached_to: dict[IterVar, list[str]] = {}
        for name in state.declared.stages:
            anchor = state.anchor(name)
            if anchor is not None and name in self.stages:
                self.attached_to.setdefault(anchor, []).append(name)

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
            found = nests[key] = tuple(self.build(node, scope))
        return found

    def key(self, node: Tree, scope: _Scope) -> tuple[object, ...]:
        """Return all that the statements of a nest hang on."""
        here: list[object] = []
        known = {*scope.var_of}
        nodes = [node]
        while nodes:
            part = nodes.pop()
            here.append(part)
            for stage in stages_inside(part):
                here.append(self.state.anchor(stage))
            for axis in axes_inside(part):
                known.add(axis)
                for name in self.attached_to.get(axis, ()):
                    here.append((axis, name))
                    nodes.append(self.state.nest_of(name))
        for relation in reversed(self.state.relations):
            if not known.isdisjoint(relation.made):
                known.update(relation.parents)
                here.append(relation)
        windows = ((axis, w) for axis, w in self.state.windows.items() if axis in known)
        around = (*scope.var_of.items(), place_key(scope.place))
        return (*here, None, *windows, None, *around, self.state.inlined)

    def build(self, node: Tree, scope: _Scope) -> list[Stmt]:
        """Return the statements of ``node``: none where all its stages are inlined."""
        if isinstance(node, StageNode):
            stage = self.stages.get(node.stage)
            return [] if stage is None else [self.place(stage.block, scope)]
        lower, upper = self.bounds(node.axis, scope)
        var = node.steps if node.axis in self.state.windows else node.var
        inner = scope.inside(node.axis, var, lower, upper)
        guards = [*self.guards(scope, inner)]
        inner = replace(inner, place=(*inner.place, *guards))
        here = (child for child in node.children if not self.is_attached(child))
        parts = [part for child in here for part in self.build(child, inner)]
        if not parts:
            return []
        body = seq(*parts)
        for name in reversed(self.attached_to.get(node.axis, [])):
            body = self.attach(name, body, inner)
        body = self.housed(body, scope, inner)
        for guard in guards:
            body = If(guard, body)
        inits = [self.init_nest(stage, node, scope) for stage in self.reduced_first_by(node)]
        return [*inits, Loop(var, lower, upper, body, node.kind, chunks=node.chunks)]

    def attach(self, name: str, body: Stmt, scope: _Scope) -> Stmt:
        """Return ``body`` after a computation of what it reads of the stage ``name``.

        What is computed is a window of its arrays, for which there is room inside the loop.
        """
        stores = self.stages[name].block.stores
        roots = declared_loops(self.state, name)
        assert roots is not None
        loops = [self.state.declared.loop_of[root] for root in roots]
        windows = footprint(
            body,
            scope.place,
            [store.buffer for store in stores],
            [(loop.lower, loop.upper) for loop in loops],
            facts_of(self.state.declared.program),
            self.state.declared.footprints,
        )
        known = {**self.state.windows, **dict(zip(roots, windows, strict=True))}
        self.state = replace(self.state, windows=known)
        whole = seq(*self.of(self.state.nest_of(name), scope), body)
        parts: dict[int, Part] = {}
        for buffer in (store.buffer for store in stores):
            # The same one at every primitive, so that what was found out of it holds still.
            key = (buffer, *windows)
            part = self.state.declared.parts.get(key)
            if part is None:
                shape = tuple(window.extent for window in windows)
                origin = tuple(window.lower for window in windows)
                part = Part(buffer.name, shape, buffer.dtype, of=buffer, origin=origin)
                self.state.declared.parts[key] = part
            parts[id(buffer)] = part
        whole = _Parts(parts).rewrite_stmt(whole)
        for part in reversed(parts.values()):
            whole = Alloc(part, whole)
        return whole

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
        loop = self.state.declared.loop_of.get(axis)
        lower: Expr = ZERO
        upper = self.state.extent(axis)
        if loop is not None and axis not in self.state.windows:
            lower, upper = loop.lower, loop.upper
        return self.hull(axis, lower, scope, -1), self.hull(axis, upper, scope, 1)

    def hull(self, axis: IterVar, bound: Expr, scope: _Scope, side: int) -> Expr:
        """Return the greatest value of ``bound`` at ``scope``, the least where ``side`` is -1."""
        found = self.at(bound, scope)
        while True:
            unknown = self.unknown(found, scope)
            if not unknown:
                return simplify(found, scope.ranges)
            inner = unknown[0]
            loop = self.state.declared.loop_of[self.state.declared.axis_of[inner]]
            way = direction(found, inner)
            if way is None:
                raise ScheduleError(
                    f"loop {axis.name!r} has the bound {bound}, and {inner.name!r} has no value "
                    f"outside its own loops; keep {axis.name!r} inside them"
                )
            end = loop.upper - 1 if way * side > 0 else loop.lower
            found = self.at(substitute(found, {inner: end}), scope)

    def unknown(self, expr: Expr, scope: _Scope) -> list[Var]:
        """Return the variables of declared loops in ``expr`` that have no value at ``scope``."""
        axis_of, found = self.state.declared.axis_of, []
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
            axis = self.state.declared.axis_of.get(var)
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
        if relation is None:
            return None
        lower = self.at(self.state.lower(axis), scope)
        if isinstance(relation, Split):
            outer, inner = self.value(relation.outer, scope), self.value(relation.inner, scope)
            if outer is None or inner is None or self.unknown(lower, scope):
                return None
            return lower + (outer * self.at(self.state.extent(relation.inner), scope) + inner)
        if isinstance(relation, Fuse):
            fused = self.value(relation.fused, scope)
            if fused is None or self.unknown(lower, scope):
                return None
            width = self.at(self.state.extent(relation.inner), scope)
            return lower + (fused // width if axis is relation.outer else fused % width)
        return None

    def guards(self, outside: _Scope, inside: _Scope) -> Iterator[Expr]:
        """Yield the guards that come to be known between two scopes, the innermost first."""
        for guard in self.new_guards(outside, inside):
            here = simplify(guard, inside.ranges)
            if not prove(here, inside.ranges):
                yield here

    def new_guards(self, outside: _Scope, inside: _Scope) -> Iterator[Expr]:
        """Yield what must hold of the axes, where that can be told inside and not yet outside."""
        for relation in reversed(self.state.relations):
            if isinstance(relation, Split) and relation.parent not in inside.var_of:
                parent = relation.parent
                end = self.state.lower(parent) + self.state.extent(parent)
                if self.can_tell(parent, end, inside) and not self.can_tell(parent, end, outside):
                    yield self.known_value(parent, inside) < self.at(end, inside)
        # A window may reach over the ends of its array.
        for axis, window in self.state.windows.items():
            if self.value(axis, inside) is not None and self.value(axis, outside) is None:
                loop = self.state.declared.loop_of[axis]
                if window.may_end_late:
                    yield self.known_value(axis, inside) < loop.upper
                if window.may_start_early:
                    yield self.known_value(axis, inside) >= loop.lower
        # A declared loop whose bounds depend on others, put outside of them, runs too far.
        for axis, loop in self.dependent.items():
            if isinstance(self.state.relation_from(axis), Split):
                continue  # that has a guard already
            ends = (("lt", loop.upper), ("ge", loop.lower))
            late = [self.unknown(self.at(bound, outside), outside) for _, bound in ends]
            for (op, bound), is_late in zip(ends, late, strict=True):
                # A fused loop counts from the lower end, so that both ends hang on either.
                hangs = any(late) if self.state.relation_from(axis) else is_late
                if hangs and self.can_tell(axis, bound, inside):
                    yield Binary(op, self.known_value(axis, inside), self.at(bound, inside))

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

    def reduced_first_by(self, node: LoopNode) -> list[str]:
        """Return the stages with an initialisation whose outermost reducing loop is ``node``."""
        if not node.axis.is_reduce:
            return []
        found = []
        for name, stage in self.stages.items():
            if stage.init is not None:
                first = next((n for n in self.state.path(name) if n.axis.is_reduce), None)
                if first is node:
                    found.append(name)
        return found

    def init_nest(self, name: str, node: LoopNode, scope: _Scope) -> Stmt:
        """Return the initialisation of ``name``: its data loops from ``node`` inwards."""
        path = self.state.path(name)
        inward = path[path.index(node) :]
        loop_of = {loop.axis: loop for loop in inward}
        axes = data_axes(self.state, [loop.axis for loop in inward])
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
            body = nest(rest, inner)
            for guard in self.guards(scope, inner):
                body = If(guard, body)
            loop = loop_of.get(axis)
            if loop is None:
                return Loop(var, lower, upper, body)
            return Loop(var, lower, upper, body, loop.kind, chunks=loop.chunks)

        return nest(axes, scope)


def data_axes(state: State, axes: Sequence[IterVar]) -> list[IterVar]:
    """Return the axes over data that ``axes`` run through.

    An axis over data and reduction together is taken apart again, back to the axes it was made
    from; what only reduces is dropped.
    """
    found = list(axes)
    for relation in reversed(state.relations):
        made = set(relation.made)
        at = [k for k, axis in enumerate(found) if axis in made]
        if not at or not any(state.is_mixed(axis) for axis in made):
            continue
        found = [axis for axis in found if axis not in made]
        found[at[0] : at[0]] = relation.parents
    return [axis for axis in found if not axis.is_reduce]
