"""The rewrite of a stage that is computed where its producer writes what it reads."""

from __future__ import annotations

from dataclasses import replace

from texpr.errors import ScheduleError
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import Block, Stmt
from texpr.ir.simplify import Ranges, prove, simplify
from texpr.ir.visitor import Rewriter, substitute
from texpr.polyhedral.unfolding import Absorbed, absorbed
from texpr.schedule.caches import rewritten
from texpr.schedule.regroup import Without, pruned, solved, without_own_loops
from texpr.schedule.state import State


def absorb(state: State, producer: str, consumer: str, read: Load) -> State:
    """Return the state in which ``producer`` writes what ``consumer`` computes of it.

    ``read`` is the element that the consumer reads.

    Raises
    ------
    ScheduleError
        It is not known which element of the consumer that is.
    """
    made, own = (state.declared.stages[name].block for name in (producer, consumer))
    (store,) = made.stores
    values, guards = _inverse(made, own, read)
    witness = Absorbed(producer, consumer, values, tuple(guards))
    block = absorbed(made, own, values, guards)
    body = Without(consumer, [store.buffer]).rewrite_stmt(state.declared.program.body)
    body = _Instead(producer, block).rewrite_stmt(body)
    state = without_own_loops("reverse_compute_inline", state, consumer)
    after = rewritten(state, state.declared.program.with_body(body), witness)
    return replace(after, tree=pruned(state.tree, consumer))


class _Instead(Rewriter):
    """Puts a statement in the place of a stage's."""

    def __init__(self, stage: str, block: Block) -> None:
        self.stage, self.block = stage, block

    def visit_Block(self, node: Block) -> Stmt:
        return self.block if node.name == self.stage else node


def _inverse(made: Block, own: Block, read: Load) -> tuple[dict[Var, Expr], list[Expr]]:
    """Return the axes of ``own`` in terms of those of ``made``, and where they are in range."""
    axes = {axis.var: axis for axis in own.iters}
    values: dict[Var, Expr] = {}
    guards: list[Expr] = []
    around = {value: axis for axis, value in zip(made.iters, made.bindings, strict=True)}
    for axis, value in zip(own.iters, own.bindings, strict=True):
        if value in around:  # a loop around both
            values[axis.var] = around[value].var
    (store,) = made.stores
    for index, cell in zip(read.indices, store.indices, strict=True):
        index = substitute(index, values)  # noqa: PLW2901 - in terms of the shared loops
        if axes.keys().isdisjoint(free_vars(index)):
            if index is not cell:
                guards.append(Binary("eq", cell, index))
            continue
        found = solved(index, cell, axes)
        if found is None or found[0] in values:
            raise ScheduleError(
                f"reverse_compute_inline: {own.name!r} reads {read}, and the subscript {index} "
                f"does not tell which element of {own.name!r} that is for; subscripts may be axes, "
                f"each once, and offsets"
            )
        values[found[0]] = found[1]
    free = [axis.name for axis in own.iters if axis.var not in values]
    if free:
        raise ScheduleError(
            f"reverse_compute_inline: {own.name!r} reads {read} again for every {free[0]!r}, which "
            f"is in no subscript; s[{made.name}].compute_at or compute_inline suits that"
        )
    return values, guards + _in_range(made, own, values)


def _in_range(made: Block, own: Block, values: dict[Var, Expr]) -> list[Expr]:
    """Return what of the ranges of the axes of ``own`` those of ``made`` do not say already."""
    by_var = {axis.var: axis for axis in made.iters}
    ranges: dict[Var, tuple[int | None, int | None]] = {}
    for axis in made.iters:
        if axis.dom is not None:
            last = int_value(simplify(axis.upper - 1))
            ranges[axis.var] = (int_value(axis.lower), last)
    guards: list[Expr] = []
    for axis in own.iters:
        value = values[axis.var]
        if axis.dom is None:
            continue
        same = by_var.get(value) if isinstance(value, Var) else None
        lower, upper = (substitute(bound, values) for bound in axis.dom)
        if not _is_bound(same, 0, lower):
            _add(guards, value >= lower, ranges)
        if not _is_bound(same, 1, upper):
            _add(guards, value < upper, ranges)
    return guards


def _is_bound(axis: IterVar | None, side: int, bound: Expr) -> bool:
    return axis is not None and axis.dom is not None and axis.dom[side] is bound


def _add(guards: list[Expr], guard: Expr, ranges: Ranges) -> None:
    guard = simplify(guard, ranges)
    if not prove(guard, ranges):
        guards.append(guard)
