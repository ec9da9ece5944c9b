"""The rewrite of a loop that runs over its end, up to whole parts, into room made for it.

As :mod:`texpr.schedule.caches` it makes another declared program and a witness that
:mod:`texpr.polyhedral.padded` checks: the stage has more instances, and its arrays have cells for
them, which nobody else reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer, twin
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Expr, Load, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import Alloc, Block, Stmt, Store
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.padded import Padded
from texpr.schedule.attach import declared_loops, tangled_loops
from texpr.schedule.partition import Copied, LoopPart, Replaced, nest_top, state_of
from texpr.schedule.relations import ceildiv
from texpr.schedule.state import State


def rounded_up(
    what: str, state: State, stage: str, axis: IterVar, count: int
) -> tuple[State, IterVar]:
    """Return the state in which ``axis`` takes a multiple of ``count`` values, and that loop.

    Raises
    ------
    ScheduleError
        There is no room for more, and none can be made.
    """
    extent = state.extent(axis)
    size = int_value(extent)
    if size is not None and size % count == 0:
        return state, axis
    why = obstacle(state, stage, axis)
    if why is not None:
        raise ScheduleError(f"{what}: {why}")
    new_extent = simplify(ceildiv(extent, Const(count, INT64)) * count)
    roots = declared_loops(state, stage)
    assert roots is not None
    dimension = [root is axis for root in roots].index(True)
    buffers = {
        store.buffer: _longer(store.buffer, dimension, new_extent)
        for store in state.declared.stages[stage].block.stores
    }
    loop = state.declared.loop_of[axis]
    part = LoopPart(state, [stage], axis, (loop.lower, new_extent), {stage: stage}, buffers=buffers)
    top = nest_top(state, [stage], set())
    part.name_axes(top, set(), frozenset(), is_first=True)
    body = Replaced(top, [Copied(part).rewrite_stmt(top)]).rewrite_stmt(state.declared.program.body)
    witness = Padded(
        stage,
        {new.var: old.var for old, new in part.axes.items()},
        {new: old for old, new in buffers.items()},
    )
    assumed = frozenset(buffers.get(one, one) for one in state.assumed)
    made, (axis, *_) = state_of(
        state, stage, axis, _Elsewhere(buffers).rewrite_stmt(body), [part], witness
    )
    return replace(made, assumed=assumed), axis


def obstacle(state: State, stage: str, axis: IterVar) -> str | None:
    """Return why there can be no room for more iterations of ``axis``, None where there can."""
    declared = state.declared.stages[stage]
    stores = declared.block.stores
    if declared.block.extern is not None:
        return f"{stage!r} calls an extern function, which fills whole arrays"
    if stage in state.inlined or stage in state.attached:
        return f"{stage!r} is computed elsewhere; split its loops before it is moved or inlined"
    if any(store.buffer not in state.declared.homes for store in stores):
        return (
            f"{stage!r} writes an array of the caller's, which has no room for more; "
            f"call cache_write, and round up what computes the cache"
        )
    if axis.is_reduce:
        return "it reduces, and would add more terms; take tail='guard' or 'cut'"
    roots = declared_loops(state, stage)
    if state.shared_loops(stage) or roots is None or not any(axis is root for root in roots):
        return (
            f"it is no declared loop of {stage!r} alone that is a subscript of what it writes; "
            f"take tail='guard'"
        )
    tangled = tangled_loops(state, stage, "round up")
    if tangled is not None:
        return tangled
    dimension = [root is axis for root in roots].index(True)
    loop = state.declared.loop_of[axis]
    for store in stores:
        whole = store.buffer.shape[dimension]
        is_whole = int_value(loop.lower) == int_value(simplify(loop.upper - whole)) == 0
        if not is_whole or store.buffer.strides is not None:
            return f"it does not run over all of {store.buffer.name!r}; take tail='guard'"
    written = {store.buffer for store in stores}
    for name, other in state.declared.stages.items():
        touched = other.block.written_buffers if other.block.extern is None else other.block.buffers
        if name != stage and written & set(touched):
            return f"{name!r} fills {stores[0].buffer.name!r}, too, or takes it whole"
    return None


def _longer(buffer: Buffer, dimension: int, extent: Expr) -> Buffer:
    return twin(buffer, shape=(*buffer.shape[:dimension], extent, *buffer.shape[dimension + 1 :]))


class _Elsewhere(Rewriter):
    """Puts the longer arrays in the place of the others in the rest of the program."""

    def __init__(self, buffers: Mapping[Buffer, Buffer]) -> None:
        self.buffers = buffers

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        buffer = self.buffers.get(node.buffer)
        return node.rebuild(indices) if buffer is None else Load(buffer, indices)

    def visit_Store(self, node: Store) -> Visit[Stmt]:
        children = []
        for child in node.children:
            children.append((yield child))
        buffer = self.buffers.get(node.buffer, node.buffer)
        return replace(node.rebuild(children), buffer=buffer)

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        body = yield node.body
        return Alloc(self.buffers.get(node.buffer, node.buffer), body)

    def visit_Block(self, node: Block) -> Visit[Stmt]:
        if not any(buffer in self.buffers for buffer in node.buffers):
            return node
        changed: Stmt = yield from self.generic(node)
        return changed
