"""The rewrite of an update into parts of its array, one for each iteration of a loop.

The parts start with what is neutral, are updated apart from each other, and are combined with the
array at the end. Nothing is asked of the subscripts: they may be data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from texpr.ir.buffer import ComputedBuffer
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars
from texpr.ir.functions import all_of
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import TRUE, ZERO, Alloc, Block, Stmt, Store, seq
from texpr.ir.simplify import prove
from texpr.ir.update import Update, neutral
from texpr.ir.visitor import substitute, with_element
from texpr.polyhedral.unfolding import Privatised
from texpr.schedule.caches import fresh_name, rewritten
from texpr.schedule.factor import declared_values, new_range
from texpr.schedule.regroup import Replaced, exchanged, nest, own_roots, without_own_loops
from texpr.schedule.state import State


def update_factored(
    state: State, stage: str, update: Update, axis: IterVar, name: str, dimension: int
) -> State:
    """Return the state in which ``stage`` is updated in parts, one for every value of ``axis``.

    ``stage`` combines the parts, which the stage ``name`` updates.
    """
    own, (store,) = state.declared.stages[stage].block, state.declared.stages[stage].block.stores
    roots = own_roots(state, stage)
    axis_of = state.declared.axis_of
    root_of = {
        i.var: axis_of[v]
        for i, v in zip(own.iters, own.bindings, strict=True)
        if isinstance(v, Var) and any(axis_of[v] is root for root in roots)
    }
    around = [i for i in own.iters if i.var not in root_of]
    leaves = [node.axis for node in state.path(stage)[len(state.shared_loops(stage)) :]]
    made = {
        leaf: IterVar(leaf.name, new_range(state, leaf, is_factored=leaf is axis))
        for leaf in leaves
    }
    values, guards = declared_values(state, root_of, made, axis)
    part = made[axis]
    inner = [new for leaf, new in made.items() if leaf is not axis]

    # A subscript that the stage's own loops do not change needs no dimension.
    kept = [d for d, index in enumerate(store.indices) if not _is_fixed(index, root_of)]
    place = min(dimension, len(kept))
    cells = [_cell(store, d, own, root_of) for d in kept]
    taken = [a.name for a in around]
    starts = _axes([(f"{base}_c", dom) for base, dom in cells], [*taken, part.name])
    *totals, last = _axes(
        [*((f"{base}_v", dom) for base, dom in cells), (f"{axis.name}_v", _dom(part))], taken
    )
    shape = [store.buffer.shape[d] for d in kept]
    count = part.extent if prove(part.extent >= 0) else Binary("max", part.extent, ZERO)
    buffer = ComputedBuffer(name, (*shape[:place], count, *shape[place:]), store.buffer.dtype)

    def at(number: Expr, cell: list[Expr]) -> tuple[Expr, ...]:
        return (*cell[:place], number, *cell[place:])

    loop_of = {a: Var(a.name) for a in (part, *inner, *starts, *totals, last)}
    bound = dict(zip(own.iters, own.bindings, strict=True))

    def block(name: str, axes: list[IterVar], store: Store, predicate: Expr = TRUE) -> Block:
        return Block(
            name,
            (*around, *axes),
            (*(bound[a] for a in around), *(loop_of[a] for a in axes)),
            (store,),
            predicate,
            location=own.location,
        )

    identity = neutral(update.fold, buffer.dtype)
    start = fresh_name(state, f"{name}_init")
    cell = [cell.var for cell in starts]
    first = block(start, [part, *starts], Store(buffer, at(part.var, [*cell]), identity))
    here = at(part.var, [substitute(store.indices[d], values) for d in kept])
    whole = substitute(Load(store.buffer, store.indices), values)
    value = with_element(substitute(store.value, values), whole, Load(buffer, here))
    tests = [*guards]
    if own.predicate is not TRUE:
        tests.append(substitute(own.predicate, values))
    updates = block(
        name, [part, *inner], Store(buffer, here, value), all_of(tests) if tests else TRUE
    )
    indices = [*store.indices]
    for d, total_axis in zip(kept, totals, strict=True):
        indices[d] = total_axis.var
    read = Load(buffer, at(last.var, [axis.var for axis in totals]))
    combined = Binary(update.fold, Load(store.buffer, indices), read)
    total = block(stage, [*totals, last], Store(store.buffer, tuple(indices), combined))

    def loops(axes: list[IterVar], body: Stmt) -> Stmt:
        return nest([(loop_of[a], a) for a in axes], body)

    def change(stmt: Stmt) -> Stmt:
        parts = loops([part], seq(loops(starts, first), loops(inner, updates)))
        return Alloc(buffer, seq(parts, loops([*totals, last], total)))

    body = Replaced(stage, change).rewrite_stmt(state.declared.program.body)
    witness = Privatised(name, start, stage, values, guards, tuple(kept), place)
    after = rewritten(
        without_own_loops("rfactor", state, stage),
        state.declared.program.with_body(body),
        witness,
    )
    (parts_nest,) = {after.shared_loops(name)[-1]}
    nodes = (parts_nest, after.nest_of(stage))
    tree = exchanged(state.tree, state.nest_of(stage), nodes)
    names = {*after.names.get(stage, ()), *(a.name for a in (*totals, last))}
    return replace(
        after,
        tree=tree,
        names={**after.names, stage: frozenset(names)},
        became={**state.became, **made},
    )


def _is_fixed(index: Expr, root_of: Mapping[Var, IterVar]) -> bool:
    return not any(var in root_of for var in free_vars(index))


def _cell(
    store: Store, dimension: int, own: Block, root_of: Mapping[Var, IterVar]
) -> tuple[str, tuple[Expr, Expr]]:
    """Return a name and a range for the part of a dimension that the update may reach.

    Where the subscript is just a loop that is the loop's range, else all of it.
    """
    index = store.indices[dimension]
    is_alone = sum(index is other for other in store.indices) == 1
    for axis in own.iters:
        if axis.var is index and axis.var in root_of and is_alone:
            return axis.name, _dom(axis)
    return f"i{dimension}", (ZERO, store.buffer.shape[dimension])


def _dom(axis: IterVar) -> tuple[Expr, Expr]:
    return axis.lower, axis.upper


def _axes(wanted: Iterable[tuple[str, tuple[Expr, Expr]]], taken: Iterable[str]) -> list[IterVar]:
    """Return axes, with ``_1``, ``_2`` … behind names that are taken."""
    names, made = set(taken), []
    for name, dom in wanted:
        made.append(IterVar(unique_name(name, names), dom))
        names.add(made[-1].name)
    return made
