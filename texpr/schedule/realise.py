"""From a state to the Program that it describes; a pure function.

Loops nest as the tree says. The value of every declared axis follows from the loops made out of
it, and guards stand right inside the innermost loop that they depend on. A reduction's
initialisation is a nest of its own, over the data loops only, before the outermost loop that
reduces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from texpr.errors import ScheduleError
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO, Alloc, Block, If, Loop, Program, Stmt, buffers_in, seq
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.schedule.monotone import direction
from texpr.schedule.state import Fuse, LoopNode, Split, StageDecl, StageNode, State, Tree


def realise(state: State) -> Program:
    """Return the Program that ``state`` describes.

    Raises
    ------
    ScheduleError
        A loop whose bounds depend on a loop inside it.
    """
    nest = _Nest(state)
    scope = _Scope({}, {})
    body: Stmt = seq(*(part for node in state.tree for part in nest.build(node, scope)))
    return state.declared.program.with_body(nest.housed(body, None, scope))


# ---------------------------------------------------------------- inlining


class _Inline(Rewriter):
    """Puts the value of an inlined stage where its element is read."""

    def __init__(self, rules: Mapping[int, tuple[tuple[Var, ...], Expr]]) -> None:
        self.rules = rules

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        rule = self.rules.get(id(node.buffer))
        if rule is None:
            return node.rebuild(indices)
        iters, value = rule
        return substitute(value, dict(zip(iters, indices, strict=True)))


def inlined_stages(state: State) -> tuple[dict[str, StageDecl], _Inline | None]:
    """Return the stages that run, with the inlined ones put into their readers, and what puts."""
    rules: dict[int, tuple[tuple[Var, ...], Expr]] = {}
    running: dict[str, StageDecl] = {}
    for name, stage in state.declared.stages.items():
        if rules:
            rewriter = _Inline(rules)
            init = stage.init and cast(Block, rewriter.rewrite_stmt(stage.init))
            block = cast(Block, rewriter.rewrite_stmt(stage.block))
            stage = replace(stage, block=block, init=init)  # noqa: PLW2901 - as readers see it
        if name in state.inlined:
            (store,) = stage.block.stores
            own = tuple(cast(Var, index) for index in store.indices)
            rules[id(store.buffer)] = (own, store.value)
        else:
            running[name] = stage
    return running, _Inline(rules) if rules else None


# ---------------------------------------------------------------- loops

Ranges = Mapping[Var, tuple[int | None, int | None]]


@dataclass(frozen=True)
class _Scope:
    """The loops around a place: the variable of each axis, and what is known of its values."""

    var_of: Mapping[IterVar, Var]
    ranges: Ranges

    def inside(self, axis: IterVar, var: Var, lower: Expr, upper: Expr) -> _Scope:
        low, high = int_value(lower), int_value(upper)
        known = (low, None if high is None else high - 1)
        return _Scope({**self.var_of, axis: var}, {**self.ranges, var: known})


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

    def build(self, node: Tree, scope: _Scope) -> list[Stmt]:
        """Return the statements of ``node``: none where all its stages are inlined."""
        if isinstance(node, StageNode):
            stage = self.stages.get(node.stage)
            return [] if stage is None else [self.place(stage.block, scope)]
        lower, upper = self.bounds(node.axis, scope)
        inner = scope.inside(node.axis, node.var, lower, upper)
        parts = [part for child in node.children for part in self.build(child, inner)]
        if not parts:
            return []
        body = self.guarded(self.housed(seq(*parts), scope, inner), scope, inner)
        inits = [self.init_nest(stage, node, scope) for stage in self.reduced_first_by(node)]
        return [*inits, Loop(node.var, lower, upper, body, node.kind, chunks=node.chunks)]

    def housed(self, body: Stmt, outside: _Scope | None, inside: _Scope) -> Stmt:
        """Put the scratch around ``body`` whose home is between two scopes.

        That is where every axis of its home has got its value: an iteration more there is another
        scratch.
        """
        used = set(buffers_in(body))
        for buffer, home in reversed([*self.state.declared.homes.items()]):
            is_new = outside is None or not self.is_known(home, outside)
            if is_new and buffer in used and self.is_known(home, inside):
                body = Alloc(buffer, body)
        return body

    def is_known(self, axes: Sequence[IterVar], scope: _Scope) -> bool:
        return all(self.value(axis, scope) is not None for axis in axes)

    def bounds(self, axis: IterVar, scope: _Scope) -> tuple[Expr, Expr]:
        """Return the first value of the loop of ``axis`` and one past its last, at ``scope``.

        Bounds that depend on a loop further in are taken for all its iterations together.
        """
        loop = self.state.declared.loop_of.get(axis)
        lower, upper = (ZERO, self.state.extent(axis)) if loop is None else (loop.lower, loop.upper)
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
        var = scope.var_of.get(axis)
        if var is not None:
            return var
        relation = self.state.relation_from(axis)
        if relation is None:
            return None
        lower = self.at(self.state.lower(axis), scope)
        if isinstance(relation, Split):
            outer, inner = self.value(relation.outer, scope), self.value(relation.inner, scope)
            if outer is None or inner is None or self.unknown(lower, scope):
                return None
            return lower + (outer * self.at(relation.factor, scope) + inner)
        if isinstance(relation, Fuse):
            fused = self.value(relation.fused, scope)
            if fused is None or self.unknown(lower, scope):
                return None
            width = self.at(self.state.extent(relation.inner), scope)
            return lower + (fused // width if axis is relation.outer else fused % width)
        return None

    def guarded(self, body: Stmt, outside: _Scope, inside: _Scope) -> Stmt:
        """Put ``body`` under the guards that come to be known between two scopes."""
        for guard in self.new_guards(outside, inside):
            here = simplify(guard, inside.ranges)
            if not prove(here, inside.ranges):
                body = If(here, body)
        return body

    def new_guards(self, outside: _Scope, inside: _Scope) -> Iterator[Expr]:
        """Yield what must hold of the axes, where that can be told inside and not yet outside."""
        for relation in reversed(self.state.relations):
            if isinstance(relation, Split) and relation.parent not in inside.var_of:
                parent = relation.parent
                end = self.state.lower(parent) + self.state.extent(parent)
                if self.can_tell(parent, end, inside) and not self.can_tell(parent, end, outside):
                    yield self.known_value(parent, inside) < self.at(end, inside)
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
            var = Var(axis.name)
            lower, upper = self.bounds(axis, scope)
            inner = scope.inside(axis, var, lower, upper)
            body = self.guarded(nest(rest, inner), scope, inner)
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
