"""Rewrites of a declaration: scratch that has other cells in each iteration of a loop.

As :mod:`texpr.schedule.caches` they make another declared program, and a witness that
:mod:`texpr.polyhedral.homes` checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.buffer import Buffer, twin
from texpr.ir.expr import Binary, Expr, Load, free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO, Alloc, Block, Loop, Stmt, Store
from texpr.ir.simplify import simplify
from texpr.ir.visitor import CellRewriter, Rewriter, Visit
from texpr.polyhedral.homes import Rehomed
from texpr.schedule.caches import arrays_called, rewritten
from texpr.schedule.layouts import check_kept
from texpr.schedule.state import State


def scratch_and_loop(
    what: str, state: State, stage: str, array: Any, loop: str
) -> tuple[Buffer, IterVar]:
    """Return scratch by its name, and the declared loop of that name around ``stage``.

    Raises
    ------
    ScheduleError
        There is no such scratch or loop, or not all that touches it is inside.
    """
    called = arrays_called(state, array) if isinstance(array, str) else set()
    if len(called) != 1:
        known = sorted({buffer.name for buffer in state.declared.homes})
        raise ScheduleError(
            f"{what}: {len(called) or 'no'} arrays are called {shown(array)}"
            f"{did_you_mean(str(array), known)}; the scratch is {', '.join(known) or 'none'}"
        )
    (buffer,) = called
    if buffer not in state.declared.homes:
        raise ScheduleError(
            f"{what}: {array!r} is an argument, and its cells are the caller's; name scratch, "
            f"which the program keeps to itself"
        )
    check_kept(what, state, buffer)
    axes = {axis.name: axis for axis in state.declared.stages[stage].axes}
    if loop not in axes:
        raise ScheduleError(
            f"{what}: {stage!r} has no declared loop {shown(loop)}{did_you_mean(str(loop), axes)}; "
            f"its declared loops are {', '.join(axes) or 'none'}"
        )
    axis = axes[loop]
    for name, other in state.declared.stages.items():
        if buffer not in set(other.block.buffers):
            continue
        blocks = [other.block, *([] if other.init is None else [other.init])]
        var = state.declared.loop_of[axis].var
        is_inside = any(axis is own for own in other.axes)
        if not is_inside or (axis.is_reduce and len(blocks) > 1):
            raise ScheduleError(
                f"{what}: {name!r} touches {array!r} outside of the loop {loop!r}, where no "
                f"iteration has cells of its own; name a loop around all that touches it"
            )
        if state.attached.get(name) is not None:
            raise ScheduleError(
                f"{what}: {name!r} is computed in a loop of another stage; call "
                f"s[{name}].compute_root() first"
            )
        if name in state.inlined:
            raise ScheduleError(f"{what}: {name!r} is inlined; call s[{name}].compute_root() first")
        if not all(any(value is var for value in block.bindings) for block in blocks):
            raise ScheduleError(f"{what}: {loop!r} is no axis of {name!r}; leave it as it is")
    return buffer, axis


def expanded(state: State, buffer: Buffer, axis: IterVar) -> State:
    """Return the state in which ``buffer`` has a dimension for the iterations of ``axis``."""
    loop = state.declared.loop_of[axis]
    extent = simplify(Binary("max", loop.upper - loop.lower, ZERO))
    # Alignment counts dimensions from the first.
    aligned = tuple((k + 1, factor, offset) for k, factor, offset in buffer.aligned)
    new = twin(buffer, shape=(extent, *buffer.shape), aligned=aligned)
    is_inside = any(axis is own for own in state.declared.homes[buffer])
    move = _Move(buffer, new, loop, at_loop=is_inside, expands=True)
    return _rehomed(state, move, Rehomed(buffer, new, loop.var))


def privatized(state: State, buffer: Buffer, axis: IterVar) -> State:
    """Return the state in which every iteration of ``axis`` has a ``buffer`` of its own."""
    loop = state.declared.loop_of[axis]
    move = _Move(buffer, buffer, loop, at_loop=True, expands=False)
    return _rehomed(state, move, Rehomed(buffer, buffer))


def _rehomed(state: State, move: _Move, witness: Rehomed) -> State:
    program = state.declared.program
    new = rewritten(state, program.with_body(move.rewrite_stmt(program.body)), witness)
    assumed = frozenset(witness.new if b is witness.array else b for b in state.assumed)
    return replace(new, tree=state.tree, assumed=assumed)


def has_fixed_range(state: State, axis: IterVar) -> bool:
    """Whether the range of a declared loop is the same wherever it runs."""
    loop = state.declared.loop_of[axis]
    return set(state.declared.program.params).issuperset(
        free_vars(loop.lower, loop.upper)
    ) and not (_reads_memory(loop.lower) or _reads_memory(loop.upper))


def _reads_memory(expr: Expr) -> bool:
    pending = [expr]
    while pending:
        node = pending.pop()
        if isinstance(node, Load):
            return True
        pending += node.children
    return False


class _Move(Rewriter):
    """Makes scratch in another place, with a dimension for a loop where it ``expands``.

    That is around the loop, or in its body, where ``at_loop``; else where it was.
    """

    def __init__(
        self, buffer: Buffer, new: Buffer, loop: Loop, *, at_loop: bool, expands: bool
    ) -> None:
        self.buffer, self.new, self.loop = buffer, new, loop
        self.at_loop, self.expands = at_loop, expands

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        made = []
        body: Stmt = node
        while isinstance(body, Alloc):  # as many in a row as there are stages
            made.append(body.buffer)
            body = body.body
        body = yield body
        for buffer in reversed(made):
            if buffer is not self.buffer:
                body = Alloc(buffer, body)
            elif not self.at_loop:
                body = Alloc(self.new, body)
        return body

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        if node.var is not self.loop.var or not self.at_loop:
            return node if body is node.body else replace(node, body=body)
        if self.expands:
            return Alloc(self.new, replace(node, body=body))
        return replace(node, body=Alloc(self.new, body))

    def visit_Block(self, node: Block) -> Stmt:
        if not self.expands or self.buffer not in set(node.buffers):
            return node
        bound = zip(node.iters, node.bindings, strict=True)
        axis = next(axis for axis, value in bound if value is self.loop.var)
        cells = _Cells(self.buffer, self.new, simplify(axis.var - self.loop.lower))
        stores = tuple(cast(Store, cells.rewrite_stmt(store)) for store in node.stores)
        return replace(node, stores=stores, predicate=cells.rewrite_expr(node.predicate))


class _Cells(CellRewriter):
    """Puts the cells of an iteration in the place of those that it shared."""

    def __init__(self, buffer: Buffer, new: Buffer, first: Expr) -> None:
        self.buffer, self.new, self.first = buffer, new, first

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        return (self.new, (self.first, *indices)) if buffer is self.buffer else (buffer, indices)
