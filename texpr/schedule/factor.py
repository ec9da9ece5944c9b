"""The rewrite of a reduction into parts, one for each iteration of a loop, and their combination.

As :mod:`texpr.schedule.caches` it makes another declared program and a witness that
:mod:`texpr.polyhedral.rewrites` checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer, ComputedBuffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, int_value
from texpr.ir.functions import all_of
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, TRUE, ZERO, Alloc, Block, Loop, Stmt, Store, blocks, seq
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.rewrites import Factored
from texpr.schedule.caches import around, placed, rewritten, stages_in
from texpr.schedule.relations import Split
from texpr.schedule.state import StageDecl, State, StateRanges, Tree

T = TypeVar("T")


@dataclass(frozen=True)
class _Parts:
    """The axes of the parts of a reduction, and the declared ones in terms of them."""

    factored: IterVar
    data: tuple[IterVar, ...]
    reduced: tuple[IterVar, ...]
    values: dict[Var, Expr]
    guards: tuple[Expr, ...]


def factor(state: State, stage: str, axis: IterVar, name: str, dimension: int) -> State:
    """Return the state in which the stage ``name`` reduces for every value of ``axis`` apart.

    ``stage`` combines what it computes. The new dimension of its arrays is ``dimension``.
    """
    own = state.declared.stages[stage]
    fold, cells = own.block.fold, own.cell_axes
    assert fold is not None
    assert cells is not None
    parts = _parts(state, own, axis)
    buffers = [
        ComputedBuffer(
            name if len(own.block.stores) == 1 else f"{name}_v{k}",
            _with(store.buffer.shape, dimension, parts.factored.extent),
            store.buffer.dtype,
        )
        for k, store in enumerate(own.block.stores)
    ]
    at = _with([parts.values[cell.var] for cell in cells], dimension, parts.factored.var)
    outer = _with(parts.data, dimension, parts.factored)
    nest = _parts_nest(own, name, buffers, at, outer, parts)

    last = IterVar(f"{axis.name}_v", parts.factored.dom, is_reduce=True)
    cell = tuple(c.var for c in cells)
    new = {
        var: Load(buffer, _with(cell, dimension, last.var))
        for var, buffer in zip(fold.new, buffers, strict=True)
    }
    old = {
        var: Load(store.buffer, cell) for var, store in zip(fold.old, own.block.stores, strict=True)
    }
    bindings = dict(zip(own.block.iters, own.block.bindings, strict=True))
    data = tuple(i for i in own.block.iters if not i.is_reduce)
    loop = Var(last.name)
    total: Stmt = Block(
        stage,
        (*data, last),
        (*(bindings[i] for i in data), loop),
        tuple(
            Store(store.buffer, cell, substitute(value, {**old, **new}))
            for store, value in zip(own.block.stores, fold.combined, strict=True)
        ),
        fold=fold,
        location=own.block.location,
    )
    total = Loop(loop, last.lower, last.upper, total)
    reduce_loops = {bindings[i] for i in own.block.iters if i.is_reduce}

    def is_own(stmt: Stmt) -> bool:
        return any(block.name == stage for block in blocks(stmt))

    def change(stmt: Stmt) -> Stmt:
        return seq(nest, _Total(reduce_loops, stage, total).rewrite_stmt(stmt))

    body = placed(state.declared.program.body, is_own, change)
    for buffer in reversed(buffers):
        body = Alloc(buffer, body)
    witness = Factored(name, stage, parts.values, parts.guards, dimension)
    kept = tuple(
        relation
        for relation in state.relations
        if not any(a.is_reduce and _is_of(state, a, own) for a in relation.parents)
    )
    made = rewritten(
        replace(state, relations=kept), state.declared.program.with_body(body), witness
    )
    data_loops = [node for node in state.path(stage) if not node.axis.is_reduce]
    last_loop = next(node for node in made.path(stage) if node.axis is last)
    nodes: list[Tree] = []
    for node in state.tree:
        is_here = stage in stages_in(node)
        nest_of_total = around([*data_loops, last_loop], stage)
        nodes += [made.nest_of(name), nest_of_total] if is_here else [node]
    taken = {*made.names.get(stage, ()), last.name}
    return replace(made, tree=tuple(nodes), names={**made.names, stage: frozenset(taken)})


def _with(items: Sequence[T], place: int, item: T) -> tuple[T, ...]:
    return (*items[:place], item, *items[place:])


def _is_of(state: State, axis: IterVar, stage: StageDecl) -> bool:
    roots = state.ancestors(axis) & set(stage.axes)
    return bool(roots)


def _parts(state: State, own: StageDecl, axis: IterVar) -> _Parts:
    """Return the axes that the parts of a reduction have, by the loops that it has now."""
    block = own.block
    root = {
        state.declared.axis_of[value]: i
        for i, value in zip(block.iters, block.bindings, strict=True)
        if isinstance(value, Var)
    }
    leaves = [a for a in state.leaves(block.name) if a.is_reduce]
    made: dict[IterVar, IterVar] = {}
    for leaf in leaves:
        dom = new_range(state, leaf, is_factored=leaf is axis)
        made[leaf] = IterVar(leaf.name, dom, is_reduce=leaf is not axis)
    data = tuple(IterVar(i.name, i.dom) for i in block.iters if not i.is_reduce)
    old_data = [i for i in block.iters if not i.is_reduce]
    values: dict[Var, Expr] = {i.var: new.var for i, new in zip(old_data, data, strict=True)}
    reducing = [i for i in block.iters if i.is_reduce]
    roots = {i.var: declared for declared, i in root.items() if any(i is one for one in reducing)}
    found, guards = declared_values(state, roots, made, axis, data)
    values.update(found)
    reduced = tuple(new for leaf, new in made.items() if leaf is not axis)
    if not reduced:  # a reduction over one term still starts with what is neutral
        reduced = (IterVar("one", (ZERO, ONE), is_reduce=True),)
    return _Parts(made[axis], data, reduced, values, guards)


def declared_values(
    state: State,
    roots: Mapping[Var, IterVar],
    made: Mapping[IterVar, IterVar],
    factored: IterVar,
    others: Iterable[IterVar] = (),
) -> tuple[dict[Var, Expr], tuple[Expr, ...]]:
    """Return the values of declared loops in terms of the axes that their loops now become.

    ``roots`` are the declared loops by the variable that each gives a value, ``made`` the new axis
    for every loop, of which that for ``factored`` counts from 0. The guards say where those values
    are in their ranges; ``others`` are further axes, whose ranges help to prove that.

    Raises
    ------
    ScheduleError
        A value hangs on a loop that is not one of them.
    """
    ranges = {
        new.var: (_number(new.lower), _number(new.upper - 1)) for new in (*made.values(), *others)
    }
    here = _Here(state, factored, made, ranges)
    values: dict[Var, Expr] = {}
    for var, root in roots.items():
        value = here.value(root)
        if value is None:
            raise ScheduleError(
                f"rfactor: loop {root.name!r} moves along with one that is around other stages, "
                f"too; rfactor first, and then skew"
            )
        values[var] = value
    return values, tuple(here.guards)


class _Here(StateRanges):
    """The values of axes in the nest of the parts, and the guards that they need there."""

    def __init__(
        self,
        state: State,
        factored: IterVar,
        made: Mapping[IterVar, IterVar],
        ranges: Mapping[Var, tuple[int | None, int | None]],
    ) -> None:
        super().__init__(state)
        self.factored, self.made, self.ranges = factored, made, ranges
        self.guards: list[Expr] = []

    def value(self, axis: IterVar) -> Expr | None:
        new = self.made.get(axis)
        if new is not None:
            return simplify(self.lower(axis) + new.var) if axis is self.factored else new.var
        relation = self.state.relation_from(axis)
        found = None if relation is None else relation.value(axis, self)
        if relation is None or found is None:
            return None
        ends, sides = self.ends(axis), relation.overruns(axis, self)
        for op, end, overruns in zip(("ge", "lt"), ends, sides, strict=True):
            guard = Binary(op, found, simplify(end))
            is_known = not overruns or prove(guard, self.ranges)
            if not is_known and not any(guard is one for one in self.guards):
                self.guards.append(guard)
        return simplify(found, self.ranges)


def new_range(state: State, leaf: IterVar, *, is_factored: bool) -> tuple[Expr, Expr]:
    """Return the range of the axis that the loop ``leaf`` becomes."""
    # The factored axis is a dimension of the parts and counts from 0.
    lower = ZERO if is_factored else state.lower(leaf)
    relation, extent = state.relation_to(leaf), state.extent(leaf)
    is_counted = isinstance(relation, Split) and relation.is_parts and leaf is relation.outer
    if isinstance(relation, Split) and is_counted and int_value(extent) is None:
        # As many as were asked for; where there are fewer, the last are empty.
        extent = Const(relation.count, INT64)
    return lower, simplify(lower + extent)


def _number(expr: Expr) -> int | None:
    found = simplify(expr)
    return int(found.value) if isinstance(found, Const) else None


def _parts_nest(
    own: StageDecl,
    name: str,
    buffers: Sequence[ComputedBuffer],
    at: Sequence[Expr],
    outer: Sequence[IterVar],
    parts: _Parts,
) -> Stmt:
    """Return the loops that compute the parts."""
    fold = own.block.fold
    assert fold is not None
    loops = {a: Var(a.name) for a in (*outer, *parts.reduced)}
    here: dict[Buffer, Load] = {
        store.buffer: Load(buffer, at)
        for store, buffer in zip(own.block.stores, buffers, strict=True)
    }
    accumulate = _Accumulators(here)

    def moved(expr: Expr) -> Expr:
        return accumulate.rewrite_expr(substitute(expr, parts.values))

    predicate = moved(own.block.predicate)
    tests = [*parts.guards, *([] if predicate is TRUE else [predicate])]
    init: Stmt = Block(
        name,
        tuple(outer),
        tuple(loops[a] for a in outer),
        tuple(
            Store(buffer, tuple(at), value)
            for buffer, value in zip(buffers, fold.identity, strict=True)
        ),
        role="init",
        location=own.block.location,
    )
    update: Stmt = Block(
        name,
        (*outer, *parts.reduced),
        tuple(loops[a] for a in (*outer, *parts.reduced)),
        tuple(
            Store(buffer, tuple(at), moved(store.value))
            for buffer, store in zip(buffers, own.block.stores, strict=True)
        ),
        all_of(tests),
        fold=fold,
        location=own.block.location,
    )
    for a in reversed(parts.reduced):
        update = Loop(loops[a], a.lower, a.upper, update)
    body = seq(init, update)
    for a in reversed(outer):
        body = Loop(loops[a], a.lower, a.upper, body)
    return body


class _Accumulators(Rewriter):
    """Puts the cells of the parts in the place of those of the whole."""

    def __init__(self, cells: dict[Buffer, Load]) -> None:
        self.cells = cells

    def visit_Load(self, node: Load) -> Visit[Expr]:
        cell = self.cells.get(node.buffer)
        if cell is not None:
            return cell
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return node.rebuild(indices)


class _Total(Rewriter):
    """Puts the combination of the parts in the place of the loops that reduce."""

    def __init__(self, loops: set[Expr], stage: str, total: Stmt) -> None:
        self.loops, self.stage, self.total = loops, stage, total

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        if node.var in self.loops:
            return self.total
        body = yield node.body
        return replace(node, body=body)
