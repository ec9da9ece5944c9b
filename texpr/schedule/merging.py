"""The rewrite of a statement that sets an array and one that updates it into a reduction."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from texpr.errors import ScheduleError
from texpr.ir.expr import Binary, Expr, Var, free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.program import Block, Fold, Stmt, Store, seq
from texpr.ir.simplify import simplify
from texpr.ir.update import Update
from texpr.ir.visitor import substitute
from texpr.polyhedral.unfolding import Merged
from texpr.schedule.caches import rewritten
from texpr.schedule.regroup import (
    Replaced,
    Without,
    check_uncut,
    loops_around,
    own_roots,
    pruned,
    renewed,
    solved,
    without_own_loops,
)
from texpr.schedule.state import State


def merge(state: State, init: str, stage: str, update: Update) -> State:
    """Return the state in which ``stage`` is a reduction that starts with what ``init`` sets.

    Raises
    ------
    ScheduleError
        The two do not fit.
    """
    start, own = state.declared.stages[init].block, state.declared.stages[stage].block
    (set_to,), (target,) = start.stores, own.stores
    values = _init_values(start, own)
    used = {v for expr in (*target.indices, *values.values()) for v in free_vars(expr)}
    bound = dict(zip(own.iters, own.bindings, strict=True))
    fresh = {
        axis: IterVar(axis.name, axis.dom, is_reduce=True)
        for axis in own.iters
        if axis.var not in used
    }
    loop_vars = [var for axis in fresh if isinstance(var := bound[axis], Var)]
    _check_loops(state, stage, [state.declared.axis_of[var] for var in loop_vars])
    renamed: dict[Var, Expr] = {old.var: new.var for old, new in fresh.items()}
    old, new = (Var(name, target.buffer.dtype) for name in ("old", "new"))
    reducing = Block(
        stage,
        tuple(fresh.get(axis, axis) for axis in own.iters),
        own.bindings,
        (Store(target.buffer, target.indices, substitute(target.value, renamed)),),
        substitute(own.predicate, renamed),
        fold=Fold((old,), (new,), (Binary(update.fold, old, new),), (set_to.value,)),
        location=own.location,
    )
    data = tuple(axis for axis in own.iters if axis not in fresh)
    first = Block(
        stage,
        data,
        tuple(bound[axis] for axis in data),
        (Store(target.buffer, target.indices, set_to.value),),
        role="init",
        location=start.location,
    )
    body = Without(init).rewrite_stmt(state.declared.program.body)
    body = Replaced(stage, partial(_reduction, first, reducing, set(loop_vars))).rewrite_stmt(body)
    witness = Merged(init, stage, values, {new.var: old.var for old, new in fresh.items()})
    without = without_own_loops("merge_reduction", state, init)
    made = rewritten(without, state.declared.program.with_body(body), witness)
    now = made.declared.axis_of
    others = {
        axis: now[var]
        for var, axis in state.declared.axis_of.items()
        if var in now and now[var] is not axis
    }
    return renewed(replace(made, tree=pruned(state.tree, init)), others)


def _reduction(first: Block, update: Block, reducing: set[Var], nest: Stmt) -> Stmt:
    """Return a reduction in the loops of ``nest``, those over data outside of all that reduce."""
    loops = loops_around(nest, update.name)
    inner: Stmt = update
    for loop in reversed(loops):
        if loop.var in reducing:
            inner = replace(loop, body=inner)
    made = seq(first, inner)
    for loop in reversed(loops):
        if loop.var not in reducing:
            made = replace(loop, body=made)
    return made


def _init_values(start: Block, own: Block) -> dict[Var, Expr]:
    """Return the axes of the statement that sets in terms of those of the one that updates."""
    values: dict[Var, Expr] = {}
    around = {value: axis for axis, value in zip(own.iters, own.bindings, strict=True)}
    for axis, value in zip(start.iters, start.bindings, strict=True):
        if value in around:  # a loop around both
            values[axis.var] = around[value].var
    axes = {axis.var for axis in start.iters}
    (set_to,), (target,) = start.stores, own.stores
    for index, wanted in zip(set_to.indices, target.indices, strict=True):
        here = substitute(index, values)
        found = solved(here, wanted, axes - set(values))
        if found is not None:
            values[found[0]] = found[1]
        elif simplify(here) is not simplify(wanted):
            raise ScheduleError(
                f"merge_reduction: {start.name!r} sets {_element(start)}, and {own.name!r} updates "
                f"{_element(own)}; name the statement that sets just these, each in a loop of its "
                f"own"
            )
    free = [axis.name for axis in start.iters if axis.var not in values]
    if free:
        raise ScheduleError(
            f"merge_reduction: {start.name!r} sets {_element(start)} in each iteration of "
            f"{free[0]!r} again; name a statement that sets every element once"
        )
    return values


def _element(block: Block) -> str:
    (store,) = block.stores
    return f"{store.buffer.name}[{', '.join(map(str, store.indices)) or '()'}]"


def _check_loops(state: State, stage: str, reducing: list[IterVar]) -> None:
    """Refuse loops of which there can be no reduction."""
    if not reducing:
        raise ScheduleError(
            f"merge_reduction: {stage!r} updates every element once, so that no loop of it "
            f"reduces; leave it as it is"
        )
    check_uncut("merge_reduction", state, stage)
    own = own_roots(state, stage)
    for axis in reducing:
        if not any(axis is one for one in own):
            raise ScheduleError(
                f"merge_reduction: loop {axis.name!r}, over which {stage!r} reduces, is around "
                f"other stages, too; declare it apart from them"
            )
    variables = {state.declared.loop_of[axis].var for axis in reducing}
    for axis in own:
        loop = state.declared.loop_of[axis]
        if not any(axis is one for one in reducing) and variables.intersection(
            free_vars(loop.lower, loop.upper)
        ):
            raise ScheduleError(
                f"merge_reduction: the range of loop {axis.name!r} of {stage!r} depends on one "
                f"that reduces, and there is no such loop around an initialisation; leave the two "
                f"as they are"
            )
