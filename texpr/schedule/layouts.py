"""Rewrites of a declaration: arrays that are laid out anew in memory.

As :mod:`texpr.schedule.caches` they make another declared program, and a witness that
:mod:`texpr.polyhedral.layouts` checks. Arguments keep the shape that callers pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer, twin
from texpr.ir.expr import Binary, Const, Expr, Load, Var, free_vars, int_value
from texpr.ir.functions import all_of, if_then_else
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import TRUE, ZERO, Alloc, Block, Loop, LoopKind, Seq, Stmt, Store, buffers_in
from texpr.ir.simplify import Ranges, simplify
from texpr.ir.visitor import CellRewriter, Rewriter, Visit, substitute
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.domain import facts_of
from texpr.polyhedral.layouts import LaidOut, is_inverse
from texpr.schedule.attach import declared_loops
from texpr.schedule.caches import rewritten
from texpr.schedule.index_map import IndexMap
from texpr.schedule.state import StageNode, State, Tree

# ---------------------------------------------------------------- which arrays


def arrays_of(what: str, state: State, stage: str) -> tuple[Buffer, ...]:
    """Return the arrays that ``stage`` writes, which the program keeps to itself.

    ``what`` is the primitive that is to change them.

    Raises
    ------
    ScheduleError
        It is inlined and stores nothing, an argument, or passed on as a whole.
    """
    declared = state.declared.stages[stage]
    if stage in state.inlined:
        raise ScheduleError(
            f"{what}: {stage!r} is inlined and stores nothing; call s[{stage}].compute_root() first"
        )
    found = tuple(dict.fromkeys(declared.block.written_buffers))
    for array in found:
        if array not in state.declared.homes:
            raise ScheduleError(
                f"{what}: {array.name!r} is an argument and stays as callers pass it; "
                f"cache_write it first, and change the cache"
            )
        check_kept(what, state, array)
    return found


def check_kept(what: str, state: State, array: Buffer) -> None:
    """Refuse to change an array that something else than statements needs as it is.

    Raises
    ------
    ScheduleError
        An extern function takes it, or the range of a loop is read from it.
    """
    for name, other in state.declared.stages.items():
        call = other.block.extern
        if call is not None and array in {*call.inputs, *call.outputs}:
            raise ScheduleError(
                f"{what}: {name!r} passes {array.name!r} to an extern function, which takes "
                f"whole arrays; leave it as it is"
            )
    for axis, loop in state.declared.loop_of.items():
        if array in set(buffers_in(Loop(loop.var, loop.lower, loop.upper, Seq(())))):
            raise ScheduleError(
                f"{what}: the range of loop {axis.name!r} is read from {array.name!r}; "
                f"leave it as it is"
            )


# ---------------------------------------------------------------- other cells


class Relaid(CellRewriter):
    """Puts the new arrays in the place of the old ones, and ``nests`` in that of loops."""

    def __init__(self, layout: LaidOut, nests: Mapping[Var, Stmt] | None = None) -> None:
        self.layout, self.nests = layout, nests or {}

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        new = self.layout.arrays.get(buffer)
        return (buffer, indices) if new is None else (new, self.layout.image_at(indices))

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        around = [node]
        while isinstance(around[-1].body, Alloc):  # as many in a row as there are stages
            around.append(around[-1].body)
        body: Stmt = yield around[-1].body
        for each in reversed(around):
            body = Alloc(self.layout.arrays.get(each.buffer, each.buffer), body)
        return body

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        if node.var in self.nests:
            return self.nests[node.var]
        return (yield from self.generic(node))  # type: ignore[no-any-return]


def relaid(state: State, layout: LaidOut, nests: Mapping[Var, Stmt] | None = None) -> State:
    """Return the state in which arrays are as ``layout`` says."""
    program = state.declared.program
    body = Relaid(layout, nests).rewrite_stmt(program.body)
    new = rewritten(state, program.with_body(body), layout)
    assumed = frozenset(layout.arrays.get(array, array) for array in state.assumed)
    return replace(new, tree=state.tree, assumed=assumed)


def changed(state: State, arrays: Sequence[Buffer], **fields: Any) -> State:
    """Return the state in which arrays have other fields, and their cells where they were."""
    index = tuple(Var(f"i{k}") for k in range(arrays[0].ndim))
    return relaid(state, LaidOut({b: twin(b, **fields) for b in arrays}, index, index))


def transformed(
    state: State, stage: str, index_map: IndexMap, pad: float | bool | None
) -> tuple[State, tuple[IterVar, ...]]:
    """Return the state in which the arrays of ``stage`` are laid out by a map, and its new axes.

    There are none where its loops stay as they are.
    """
    arrays = arrays_of("transform_layout", state, stage)
    shape = index_map.shape(arrays[0].shape)
    layout = LaidOut(
        {array: twin(array, shape=shape, has_gaps=True) for array in arrays},
        index_map.index,
        index_map.image,
    )
    over_layout = _over_layout(state, stage, index_map, layout, shape)
    if over_layout is None:
        if pad is not None:
            raise ScheduleError(
                f"transform_layout: pad_value needs loops of {stage!r} over the new layout, and "
                f"none were found: it must give every element its one value, and the map must be "
                f"one that can be undone; leave pad_value out"
            )
        return relaid(state, layout), ()
    layout = over_layout
    _check_unscheduled(state, stage)
    if pad is not None:
        layout = replace(layout, pad=_pads(state, stage, layout, pad))
    is_full = layout.valid is TRUE or bool(layout.pad)
    arrays_now = {
        array: twin(new, has_gaps=array.has_gaps or not is_full)
        for array, new in layout.arrays.items()
    }
    layout = replace(layout, arrays=arrays_now)
    bound = dict(
        zip(
            state.declared.stages[stage].block.iters,
            state.declared.stages[stage].block.bindings,
            strict=True,
        )
    )
    data = {bound[axis] for axis in layout.values}
    nest = next(
        node for node in _declared_path(state, stage) if state.declared.loop_of[node].var in data
    )
    loop = state.declared.loop_of[nest]
    made = relaid(state, layout, {loop.var: _nest(loop, layout, data)})
    old, new = state.nest_of(stage), made_nest(made, stage)
    names = {axis.name for axis in made.declared.stages[stage].axes}
    taken = made.names.get(stage, frozenset()) | names
    return (
        replace(
            made,
            tree=tuple(_replaced(node, old, new) for node in state.tree),
            names={**made.names, stage: taken},
        ),
        layout.axes,
    )


def made_nest(state: State, stage: str) -> Tree:
    """Return the nest of ``stage`` as it is declared."""
    return replace(state, tree=state.declared.tree).nest_of(stage)


def _replaced(node: Tree, old: Tree, new: Tree) -> Tree:
    if node is old:
        return new
    if isinstance(node, StageNode):
        return node
    return replace(node, children=tuple(_replaced(child, old, new) for child in node.children))


# ---------------------------------------------------------------- loops over the new layout


def _declared_path(state: State, stage: str) -> list[IterVar]:
    """Return the declared loops that only ``stage`` is in, outermost first."""
    plain = State(state.declared, state.declared.tree)
    return [*plain.leaves(stage)][len(plain.shared_loops(stage)) :]


def _over_layout(
    state: State, stage: str, index_map: IndexMap, layout: LaidOut, shape: Sequence[Expr]
) -> LaidOut | None:
    """Return ``layout`` with loops of ``stage`` over it, None where they stay as they are."""
    declared = state.declared.stages[stage]
    cells, roots = declared.cell_axes, declared_loops(state, stage)
    if cells is None or roots is None or not cells:
        return None
    path = _declared_path(state, stage)
    inner = path[len(roots) :]
    loops = state.declared.loop_of
    data = {loops[root].var for root in roots}
    is_outside = set(path[: len(roots)]) == set(roots) and all(axis.is_reduce for axis in inner)
    sizes = set(state.declared.program.params)
    is_plain = all(
        axis.dom is not None and sizes.issuperset(free_vars(*axis.dom)) for axis in cells
    ) and not any(data & set(free_vars(loops[axis].lower, loops[axis].upper)) for axis in inner)
    blocks = [declared.block, *([] if declared.init is None else [declared.init])]
    own = tuple(axis.var for axis in cells)
    is_own = all(
        all(a is b for a, b in zip(load.indices, own, strict=True))
        for block in blocks
        for load in block.reads
        if load.buffer in layout.arrays
    )
    if not (is_outside and is_plain and is_own):
        return None
    names: list[str] = []
    others = [axis.name for axis in declared.block.iters if axis not in set(cells)]
    for name in index_map.names([axis.name for axis in cells]):
        names.append(unique_name(name, [*names, *others]))
    axes = tuple(IterVar(name, (ZERO, extent)) for name, extent in zip(names, shape, strict=True))
    places = [axis.var for axis in axes]
    found = index_map.inverse(places, [axis.upper for axis in cells])
    if found is None:
        return None
    ranges: Ranges = {axis.var: (0, _last(axis.upper)) for axis in axes}
    values = {
        axis: simplify(found[index], ranges)
        for axis, index in zip(cells, index_map.index, strict=True)
    }
    at = [*values.values()]
    whole = dict(zip(places, shape, strict=True))
    conditions = [
        *(Binary("ge", value, axis.lower) for axis, value in values.items()),
        *(
            Binary("lt", value, axis.upper)
            for axis, value in values.items()
            if not isinstance(value, Var) or whole.get(value) is not axis.upper
        ),
        *(
            Binary("eq", part, place)
            for part, place in zip(layout.image_at(at), places, strict=True)
        ),
    ]
    simple = dict.fromkeys(simplify(condition, ranges) for condition in conditions)
    simple.pop(TRUE, None)
    new = replace(layout, stage=stage, axes=axes, values=values, valid=all_of(simple))
    facts = facts_of(state.declared.program)
    return new if is_inverse(Analysis(), new, facts) else None


def _last(extent: Expr) -> int | None:
    known = int_value(extent)
    return None if known is None else max(known - 1, 0)


def _check_unscheduled(state: State, stage: str) -> None:
    """Refuse to replace loops that primitives have changed.

    Raises
    ------
    ScheduleError
        Something was said of a loop of ``stage``.
    """
    for name, (parent, axis) in state.attached.items():
        if parent == stage:
            raise ScheduleError(
                f"transform_layout: {name!r} is computed at loop {axis.name!r} of {stage!r}, which "
                f"would be replaced; lay {stage!r} out first, then move {name!r}"
            )
    own = _declared_path(state, stage)
    now = state.path(stage)[len(state.path(stage)) - len(own) :]
    is_plain = stage not in {*state.decomposed, *state.rolled} and all(
        node.kind is LoopKind.SERIAL and not node.annotations for node in now
    )
    if [*map(id, own)] != [id(node.axis) for node in now] or not is_plain:
        raise ScheduleError(
            f"transform_layout: the loops of {stage!r} were scheduled before, and would be "
            f"replaced; lay it out first, then schedule its new loops"
        )


def _pads(state: State, stage: str, layout: LaidOut, value: float | bool) -> dict[Buffer, Const]:
    """Return what stands in the cells of the new arrays that stand for none of before."""
    writers = [
        name
        for name, other in state.declared.stages.items()
        if set(layout.arrays) & set(other.block.written_buffers)
    ]
    declared = state.declared.stages[stage]
    if writers != [stage] or (declared.init or declared.block).predicate is not TRUE:
        raise ScheduleError(
            f"transform_layout: pad_value needs a stage that alone writes all of its array; "
            f"{', '.join(writers)} write{'s' if len(writers) == 1 else ''} "
            f"{next(iter(layout.arrays)).name!r}, perhaps in part; leave pad_value out"
        )
    return {array: Const(value, array.dtype) for array in layout.arrays}


def _nest(loop: Loop, layout: LaidOut, data: set[Expr]) -> Stmt:
    """Return the loops over the new layout in the place of those from ``loop`` inwards."""
    inner: Stmt = loop
    while isinstance(inner, Loop) and inner.var in data:
        inner = inner.body
    variables = tuple(Var(axis.name) for axis in layout.axes)
    body = _Recast(layout, variables).rewrite_stmt(inner)
    for axis, var in reversed([*zip(layout.axes, variables, strict=True)]):
        body = Loop(var, axis.lower, axis.upper, body)
    return body


class _Recast(Rewriter):
    """Makes the statements of a stage those over the new axes."""

    def __init__(self, layout: LaidOut, variables: Sequence[Var]) -> None:
        self.layout, self.variables = layout, tuple(variables)
        self.places = tuple(axis.var for axis in layout.axes)
        self.values = {axis.var: value for axis, value in layout.values.items()}

    def visit_Block(self, node: Block) -> Stmt:
        layout = self.layout
        own = _Accumulators(layout.arrays, self.places)

        def moved(expr: Expr) -> Expr:
            return substitute(own.rewrite_expr(expr), self.values)

        # What is not there any more: a reduction starts with it, and adds nothing.
        is_first = node.role == "init" or not node.is_reduction
        pads = layout.pad if is_first and layout.valid is not TRUE else {}
        stores = []
        for store in node.stores:
            value = moved(store.value)
            if store.buffer in pads:
                value = if_then_else(layout.valid, value, pads[store.buffer])
            stores.append(Store(layout.arrays[store.buffer], self.places, value))
        guards = [] if pads or layout.valid is TRUE else [layout.valid]
        if node.predicate is not TRUE:
            guards.append(moved(node.predicate))
        bound = dict(zip(node.iters, node.bindings, strict=True))
        kept = [axis for axis in node.iters if axis not in layout.values]
        outer = [axis for axis in kept if not axis.is_reduce]
        inner = [axis for axis in kept if axis.is_reduce]
        return replace(
            node,
            iters=(*outer, *layout.axes, *inner),
            bindings=(*(bound[a] for a in outer), *self.variables, *(bound[a] for a in inner)),
            stores=tuple(stores),
            predicate=all_of(guards),
        )


class _Accumulators(Rewriter):
    """Puts the cells at the new axes in the place of those that a stage reads of its own."""

    def __init__(self, arrays: Mapping[Buffer, Buffer], places: Sequence[Var]) -> None:
        self.arrays, self.places = arrays, places

    def visit_Load(self, node: Load) -> Visit[Expr]:
        new = self.arrays.get(node.buffer)
        if new is not None:
            return Load(new, self.places)
        return (yield from self.generic(node))  # type: ignore[no-any-return]
