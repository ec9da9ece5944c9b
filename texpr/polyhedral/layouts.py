"""Whether a program in which arrays are laid out anew computes the values of the one before it.

A rewrite leaves a *witness* that says where each cell is; nothing else of it is believed. The two
programs are the same tree, statement by statement, once cells stand for one another; no two cells
share a place; and where the loops of a stage run over the new layout, they run its instances once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from texpr.ir.buffer import Buffer, aligned_strides
from texpr.ir.expr import Binary, Const, Expr, Load, Unary, Var, free_vars
from texpr.ir.functions import all_of, any_of, if_then_else
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    TRUE,
    ZERO,
    Alloc,
    Block,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    Store,
    blocks,
)
from texpr.ir.visitor import CellRewriter, Rewriter, Visit, substitute
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Analysis, Unknown
from texpr.polyhedral.counterexample import Point, smallest_point
from texpr.polyhedral.domain import Domain, facts_of, parameters


@dataclass(frozen=True, eq=False)
class LaidOut:
    """The witness of a layout: the cell at ``index`` of each array is at ``image`` of another.

    ``arrays`` are those of before, each with the new one. Where the loops of ``stage`` run over the
    new layout, ``values`` gives its axes of before in terms of ``axes``, where ``valid`` holds;
    in other cells stands ``pad``, where there is one.
    """

    arrays: Mapping[Buffer, Buffer]
    index: tuple[Var, ...]
    image: tuple[Expr, ...]
    stage: str | None = None
    axes: tuple[IterVar, ...] = ()
    values: Mapping[IterVar, Expr] = field(default_factory=dict)
    valid: Expr = TRUE
    pad: Mapping[Buffer, Const] = field(default_factory=dict)

    def image_at(self, indices: Sequence[Expr]) -> tuple[Expr, ...]:
        """Return where the cell at ``indices`` is."""
        at = dict(zip(self.index, indices, strict=True))
        return tuple(substitute(part, at) for part in self.image)


def layout_fault(
    before: Program, after: Program, witness: LaidOut, analysis: Analysis
) -> str | None:
    """Return why ``after`` may compute other values than ``before``, None where it does not."""
    facts = facts_of(before)
    for old, new in witness.arrays.items():
        if old in set(before.args) or new in set(after.args) or old.dtype is not new.dtype:
            return f"{old.name} is an argument, or of another type"
        for question in (shared_place, outside):
            found = question(analysis, old.shape, witness, new.shape, facts)
            if found is not None:
                return f"two cells of {old.name} share a place, or have none ({found})"
        if not _has_room(new):
            return f"the strides of {new.name} do not keep its cells apart"
    if before.args is not after.args and [*map(id, before.args)] != [*map(id, after.args)]:
        return "the arguments are others"
    return _Comparison(witness, analysis, facts).difference(before.body, after.body)


def _has_room(buffer: Buffer) -> bool:
    """Whether the strides are none, or those that are known to keep cells apart."""
    known = aligned_strides(buffer.shape, buffer.aligned)
    if buffer.strides is None or known is None:
        return buffer.strides is known
    return _are_same(buffer.strides, known)


# ---------------------------------------------------------------- cells


def _box(variables: Sequence[Var], extents: Sequence[Expr]) -> list[Expr]:
    pairs = [*zip(variables, extents, strict=True)]
    return [
        *(Binary("ge", var, ZERO) for var, _ in pairs),
        *(Binary("lt", var, end) for var, end in pairs),
    ]


def _least(
    analysis: Analysis, dims: Sequence[Var], conditions: Sequence[Expr], facts: Sequence[Expr]
) -> Point | Unknown | None:
    """Return the smallest values of ``dims`` at which all ``conditions`` hold, None without any."""

    def ask() -> Point | Unknown | None:
        params, true = parameters(Domain(tuple(dims), ()), conditions, facts)
        frame = Frame(analysis, dims, params)
        region = frame.all_of([*true, *conditions])
        if region.over.is_empty():
            return None
        found = smallest_point(frame, region.under)
        return Unknown(str(region.missing)) if found is None else found

    return analysis.ask(ask)


def shared_place(
    analysis: Analysis,
    shape: Sequence[Expr],
    layout: LaidOut,
    new_shape: Sequence[Expr],
    facts: Sequence[Expr],
) -> str | Unknown | None:
    """Return two cells of an array that ``layout`` gives one place, None where there are none."""
    again = tuple(Var(f"{var.name}_") for var in layout.index)
    same = [Binary("eq", a, b) for a, b in zip(layout.image, layout.image_at(again), strict=True)]
    # One of the two comes first.
    pairs = [*zip(layout.index, again, strict=True)]
    first = any_of(
        all_of([*(Binary("eq", *pair) for pair in pairs[:k]), Binary("lt", *pairs[k])])
        for k in range(len(pairs))
    )
    conditions = [*_box(layout.index, shape), *_box(again, shape), *same, first]
    found = _least(analysis, (*layout.index, *again), conditions, facts)
    if not isinstance(found, Point):
        return found
    return f"{_cell(found, layout.index)} and {_cell(found, again)}{_sizes(found)}"


def outside(
    analysis: Analysis,
    shape: Sequence[Expr],
    layout: LaidOut,
    new_shape: Sequence[Expr],
    facts: Sequence[Expr],
) -> str | Unknown | None:
    """Return a cell of an array for which there is no room in the new one, None without any."""
    beyond = any_of(
        condition
        for part, end in zip(layout.image, new_shape, strict=True)
        for condition in (Binary("lt", part, ZERO), Binary("ge", part, end))
    )
    found = _least(analysis, layout.index, [*_box(layout.index, shape), beyond], facts)
    if not isinstance(found, Point):
        return found
    return f"{_cell(found, layout.index)}{_sizes(found)}"


def _cell(point: Point, variables: Sequence[Var]) -> str:
    return f"[{', '.join(str(point.dims[var]) for var in variables)}]"


def _sizes(point: Point) -> str:
    return "".join(f", {var.name}={value}" for var, value in point.params.items())


def is_inverse(analysis: Analysis, layout: LaidOut, facts: Sequence[Expr]) -> bool:
    """Whether the new axes of a stage run just its cells where ``valid`` holds, each once.

    From there and back is where it was, either way.
    """
    if len(layout.values) != len(layout.index):
        return False
    new = next(iter(layout.arrays.values()))
    places = tuple(axis.var for axis in layout.axes)
    old = tuple(axis.var for axis in layout.values)
    values = tuple(layout.values.values())
    ranges = [axis.dom for axis in layout.values]
    image = layout.image_at(old)
    domain = [
        condition
        for var, dom in zip(old, ranges, strict=True)
        if dom is not None
        for condition in (Binary("ge", var, dom[0]), Binary("lt", var, dom[1]))
    ]
    there = dict(zip(places, image, strict=True))
    back = dict(zip(old, values, strict=True))
    inside = _box(places, new.shape)
    lost = any_of(
        [
            Unary("not", substitute(all_of([*inside, layout.valid]), there)),
            *(Binary("ne", substitute(v, there), o) for v, o in zip(values, old, strict=True)),
        ]
    )
    moved = any_of(
        [
            *(
                Binary("ne", substitute(part, back), p)
                for part, p in zip(image, places, strict=True)
            ),
            Unary("not", substitute(all_of(domain), back)),
        ]
    )
    return (
        None not in ranges
        and _least(analysis, old, [*domain, lost], facts) is None
        and _least(analysis, places, [*inside, layout.valid, moved], facts) is None
    )


# ---------------------------------------------------------------- statements


class _Cells(CellRewriter):
    """Puts the new cells in the place of the old ones."""

    def __init__(self, layout: LaidOut) -> None:
        self.layout = layout

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        new = self.layout.arrays.get(buffer)
        return (buffer, indices) if new is None else (new, self.layout.image_at(indices))


class _OwnCells(Rewriter):
    """Puts the cells at the new axes in the place of those that a stage reads of its own."""

    def __init__(self, layout: LaidOut) -> None:
        self.layout = layout
        self.places = tuple(axis.var for axis in layout.axes)

    def visit_Load(self, node: Load) -> Visit[Expr]:
        new = self.layout.arrays.get(node.buffer)
        if new is not None:
            return Load(new, self.places)
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return node.rebuild(indices)


def _are_same(found: Sequence[object], wanted: Sequence[object]) -> bool:
    return len(found) == len(wanted) and all(a is b for a, b in zip(found, wanted, strict=True))


Compare: TypeAlias = Callable[[Stmt, Stmt], "str | None"]


class _Comparison:
    """Compares two programs, the second of which should be the first in another layout."""

    def __init__(self, layout: LaidOut, analysis: Analysis, facts: Sequence[Expr]) -> None:
        self.layout, self.analysis, self.facts = layout, analysis, facts
        self.cells = _Cells(layout)
        self.data: dict[Var, None] = {}
        """The variables of the loops that were replaced."""

    def difference(self, before: Stmt, after: Stmt) -> str | None:
        """Return what differs, None where nothing does."""
        while isinstance(before, Alloc) and isinstance(after, Alloc):
            if self.layout.arrays.get(before.buffer, before.buffer) is not after.buffer:
                return f"{before.buffer.name} became {after.buffer.name}"
            before, after = before.body, after.body
        names = {block.name for block in blocks(before)}
        if self.layout.stage is not None and names == {self.layout.stage}:
            return self.other_nest(before, after)
        return self.other_children(before, after, self.difference)

    def other_children(self, before: Stmt, after: Stmt, compare: Compare) -> str | None:
        if isinstance(before, Seq) and isinstance(after, Seq):
            if len(before.stmts) != len(after.stmts):
                return "there are more statements, or fewer"
            pairs = zip(before.stmts, after.stmts, strict=True)
            return next((found for pair in pairs if (found := compare(*pair)) is not None), None)
        if isinstance(before, Loop) and isinstance(after, Loop):
            bounds = [self.cells.rewrite_expr(end) for end in (before.lower, before.upper)]
            own = (before.var, *bounds, before.step, before.kind)
            if not _are_same((after.var, after.lower, after.upper, after.step, after.kind), own):
                return f"the loop {before.var.name} is another"
            return compare(before.body, after.body)
        if isinstance(before, Block) and isinstance(after, Block):
            return None if self.is_same(before, after) else f"{before.label} is another statement"
        return "there is another kind of statement"

    def is_same(self, before: Block, after: Block) -> bool:
        cells = self.cells
        return (
            before.label == after.label
            and before.extern is after.extern
            and len(before.stores) == len(after.stores)
            and _are_same(after.iters, before.iters)
            and _are_same(after.bindings, before.bindings)
            and after.predicate is cells.rewrite_expr(before.predicate)
            and all(
                _is_same_store(b, cells.rewrite_stmt(a))
                for a, b in zip(before.stores, after.stores, strict=True)
            )
        )

    # ------------------------------------------------------------ the stage with other loops

    def other_nest(self, before: Stmt, after: Stmt) -> str | None:
        layout = self.layout
        name = f"the loops of {layout.stage}"
        if not is_inverse(self.analysis, layout, self.facts):
            return f"{name} may not run every instance once"
        new = next(iter(layout.arrays.values()))
        bound = {
            value: axis
            for block in blocks(before)
            for axis, value in zip(block.iters, block.bindings, strict=True)
            if axis in layout.values and isinstance(value, Var)
        }
        while isinstance(before, Loop) and before.var in bound:
            axis = bound[before.var]
            if not _is_plain(before, axis.dom):
                return f"{name} have other ranges than declared"
            self.data[before.var] = None
            before = before.body
        if len(self.data) != len(layout.values):
            return f"{name} are not all around it"
        variables: list[Var] = []
        for axis, extent in zip(layout.axes, new.shape, strict=True):
            whole = (ZERO, extent)
            if not isinstance(after, Loop) or not _is_plain(after, whole):
                return f"{name} do not run over the whole layout"
            if axis.dom is None or not _are_same(axis.dom, whole):
                return f"{name} do not run over the whole layout"
            variables.append(after.var)
            after = after.body
        self.variables = tuple(variables)
        return self.other_part(before, after)

    def other_part(self, before: Stmt, after: Stmt) -> str | None:
        if isinstance(before, Block) and isinstance(after, Block):
            expected = self.expected(before)
            same = expected is not None and _is_same_block(expected, after)
            return None if same else f"{before.label} is another statement than declared"
        if isinstance(before, Loop) and self.data.keys() & set(
            free_vars(before.lower, before.upper)
        ):
            return f"the loop {before.var.name} depends on loops that were replaced"
        return self.other_children(before, after, self.other_part)

    def expected(self, block: Block) -> Block | None:
        """Return the statement over the new axes; None where its instances may need one another."""
        layout = self.layout
        at = {store.buffer: store.indices for store in block.stores}
        wanted = tuple(axis.var for axis in layout.values)
        if set(at) != set(layout.arrays) or not all(_are_same(i, wanted) for i in at.values()):
            return None
        if any(load.buffer in at and not _are_same(load.indices, wanted) for load in block.reads):
            return None
        bound = dict(zip(block.iters, block.bindings, strict=True))
        kept = [axis for axis in block.iters if axis not in layout.values]
        if self.data.keys() & set(free_vars(*(bound[axis] for axis in kept))):
            return None
        outer = [axis for axis in kept if not axis.is_reduce]
        inner = [axis for axis in kept if axis.is_reduce]
        values = {axis.var: value for axis, value in layout.values.items()}
        own = _OwnCells(layout)
        is_first = block.role == "init" or not block.is_reduction

        def moved(expr: Expr) -> Expr:
            return substitute(own.rewrite_expr(expr), values)

        predicate = [] if block.predicate is TRUE else [moved(block.predicate)]
        stores = []
        for store in block.stores:
            value = moved(store.value)
            pad = layout.pad.get(store.buffer)
            if pad is not None and is_first and layout.valid is not TRUE:
                if predicate:
                    return None
                value = if_then_else(layout.valid, value, pad)
            stores.append(Store(layout.arrays[store.buffer], own.places, value))
        is_whole = bool(layout.pad) and is_first
        guards = [] if layout.valid is TRUE or is_whole else [layout.valid]
        return Block(
            block.name,
            (*outer, *layout.axes, *inner),
            (*(bound[a] for a in outer), *self.variables, *(bound[a] for a in inner)),
            tuple(stores),
            all_of([*guards, *predicate]),
            role=block.role,
            fold=block.fold,
        )


def _is_plain(loop: Loop, ends: tuple[Expr, Expr] | None) -> bool:
    """Whether ``loop`` runs over just what is between ``ends``."""
    is_serial = loop.kind is LoopKind.SERIAL and loop.step == 1
    return is_serial and ends is not None and _are_same((loop.lower, loop.upper), ends)


def _is_same_store(found: Store, wanted: Stmt) -> bool:
    assert isinstance(wanted, Store)
    return found.buffer is wanted.buffer and _are_same(found.children, wanted.children)


def _is_same_block(wanted: Block, found: Block) -> bool:
    return (
        wanted.label == found.label
        and wanted.fold is found.fold
        and found.extern is None
        and _are_same(found.iters, wanted.iters)
        and _are_same(found.bindings, wanted.bindings)
        and found.predicate is wanted.predicate
        and len(found.stores) == len(wanted.stores)
        and all(_is_same_store(a, b) for a, b in zip(found.stores, wanted.stores, strict=True))
    )
