"""Rewrites of a declaration: arrays that are read or written through a cache.

Such a rewrite makes another declared program, which the schedule goes on with, and a witness by
which :mod:`texpr.polyhedral.rewrites` checks that it computes the same. The new stage is declared
at the root, over the whole array; where it runs and how much it holds is for other primitives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer, ComputedBuffer
from texpr.ir.expr import Expr, Load, Var
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import ZERO, Alloc, Block, Let, Loop, Program, Seq, Stmt, Store, blocks, seq
from texpr.ir.visitor import CellRewriter, Rewriter, Visit, substitute
from texpr.polyhedral.rewrites import Cached, Witness
from texpr.schedule.state import LoopNode, StageNode, State, Tree, taken_apart

SCOPES = ("global", "local", "shared", "warp")


def checked_scope(what: str, scope: object) -> str:
    """Return the name of a kind of memory.

    Raises
    ------
    ScheduleError
        There is none of that name.
    """
    if not isinstance(scope, str) or scope not in SCOPES:
        raise ScheduleError(
            f"{what}: no scope {scope!r}; it is one of {', '.join(map(repr, SCOPES))}, "
            f"which on a CPU are all memory"
        )
    return scope


def fresh_name(state: State, name: str, others: Collection[str] = ()) -> str:
    """Return ``name``, with ``_1``, ``_2`` … where a stage or an array has it, or ``others``."""
    program = state.declared.program
    taken = {*others, *state.declared.stages, *(b.name for b in program.buffers)}
    taken |= {buffer.name for buffer in state.declared.homes}
    return unique_name(name, taken)


# ---------------------------------------------------------------- reading through a cache


def arrays_called(state: State, name: str) -> set[Buffer]:
    """Return the arrays that ``name`` may mean.

    Of arrays with one name, as several whole tensors ``T_add``, each is meant by the name of the
    stage that makes it.
    """
    stages = state.declared.stages
    if name in stages:
        made = {store.buffer for store in stages[name].block.stores}
        own = {b for b in made if re.fullmatch(rf"{re.escape(b.name)}(_\d+)?", name)}
        if len(made) == len(own) == 1:
            return own
    return {b for stage in stages.values() for b in stage.block.buffers if b.name == name}


def read_through(
    state: State, array: Buffer, name: str, scope: str, readers: Collection[str]
) -> State:
    """Return the state in which ``readers`` read ``array`` from a copy made by the stage ``name``.

    The copy is made before the first nest with a reader in it.
    """
    program = state.declared.program
    cache = ComputedBuffer(name, array.shape, array.dtype, scope=scope)
    axes = tuple(IterVar(f"i{k}", (ZERO, extent)) for k, extent in enumerate(array.shape))
    at = tuple(axis.var for axis in axes)
    store = Store(cache, at, Load(array, at))
    rewriter = _Redirect({array: cache}, set(readers))

    def is_reader(stmt: Stmt) -> bool:
        return any(block.name in readers for block in blocks(stmt))

    loops = tuple(Var(axis.name) for axis in axes)
    nest: Stmt = Block(name, axes, loops, (store,))
    for axis, var in reversed([*zip(axes, loops, strict=True)]):
        nest = Loop(var, axis.lower, axis.upper, nest)
    body = rewriter.rewrite_stmt(program.body)
    body = Alloc(cache, placed(body, is_reader, lambda stmt: seq(nest, stmt)))
    new = rewritten(state, program.with_body(body), Cached(name, {cache: array}))
    place = next(k for k, node in enumerate(state.tree) if stages_in(node) & set(readers))
    nodes = (*state.tree[:place], new.nest_of(name), *state.tree[place:])
    return replace(new, tree=nodes)


class _Redirect(Rewriter):
    """Puts caches in the place of the arrays that some statements read."""

    def __init__(self, caches: Mapping[Buffer, Buffer], stages: Collection[str]) -> None:
        self.caches, self.stages = caches, stages

    def visit_Block(self, node: Block) -> Block:
        if node.name not in self.stages:
            return node
        inside = _Reads(self.caches)
        stores = tuple(
            Store(
                store.buffer,
                tuple(map(inside.rewrite_expr, store.indices)),
                inside.rewrite_expr(store.value),
            )
            for store in node.stores
        )
        return replace(node, stores=stores, predicate=inside.rewrite_expr(node.predicate))


class _Reads(CellRewriter):
    def __init__(self, caches: Mapping[Buffer, Buffer]) -> None:
        self.caches = caches

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        return self.caches.get(buffer, buffer), indices


# ---------------------------------------------------------------- writing through a cache


def write_through(state: State, stage: str, name: str, scope: str) -> State:
    """Return the state in which the stage ``name`` computes what ``stage`` then copies."""
    declared = state.declared
    own = declared.stages[stage]
    cells = own.cell_axes
    assert cells is not None
    caches = {
        store.buffer: ComputedBuffer(
            name if len(own.block.stores) == 1 else f"{name}_v{k}",
            store.buffer.shape,
            store.buffer.dtype,
            scope=scope,
        )
        for k, store in enumerate(own.block.stores)
    }
    fresh = {axis: _renamed(axis) for axis in cells}
    new_var: dict[Var, Expr] = {axis.var: new.var for axis, new in fresh.items()}
    loop_vars: dict[Var, Expr] = {}
    for axis, binding in zip(own.block.iters, own.block.bindings, strict=True):
        if axis in fresh and isinstance(binding, Var):
            loop_vars[binding] = Var(fresh[axis].name)
    renaming = _Computed(stage, name, caches, fresh, new_var)

    def is_own(stmt: Stmt) -> bool:
        return any(block.name == stage for block in blocks(stmt))

    stores = tuple(
        Store(store.buffer, store.indices, Load(caches[store.buffer], store.indices))
        for store in own.block.stores
    )
    data = [loop for loop in _loops_of(declared.program, stage) if loop.var in loop_vars]
    bindings = dict(zip(own.block.iters, own.block.bindings, strict=True))
    copy: Stmt = Block(
        stage,
        cells,
        tuple(bindings[axis] for axis in cells),
        stores,
        location=own.block.location,
    )
    for loop in reversed(data):
        copy = replace(loop, body=copy)

    def split(nest: Stmt) -> Stmt:
        computed = _Loops(loop_vars).rewrite_stmt(renaming.rewrite_stmt(nest))
        return seq(computed, copy)

    body = placed(declared.program.body, is_own, split)
    for cache in reversed(caches.values()):
        body = Alloc(cache, body)

    witness = Cached(
        stage,
        {cache: array for array, cache in caches.items()},
        is_write=True,
        renamed={name: stage},
        axes={new.var: axis.var for axis, new in fresh.items()},
    )
    new = rewritten(state, declared.program.with_body(body), witness)
    reducing = [node for node in state.path(stage) if node.axis.is_reduce]
    computed = around([n for n in new.path(name) if not n.axis.is_reduce] + reducing, name)
    copied = around([n for n in state.path(stage) if not n.axis.is_reduce], stage)
    nodes: list[Tree] = []
    for node in state.tree:
        nodes += [computed, copied] if stage in stages_in(node) else [node]
    return replace(new, tree=tuple(nodes))


def around(loops: Sequence[LoopNode], stage: str) -> Tree:
    """Return the nest of ``loops`` around a stage."""
    nest: Tree = StageNode(stage)
    for node in reversed(loops):
        nest = replace(node, children=(nest,))
    return nest


def _renamed(axis: IterVar) -> IterVar:
    return IterVar(f"{axis.name}_c", axis.dom)


class _Computed(Rewriter):
    """Makes the statements of a stage those that compute its cache."""

    def __init__(
        self,
        stage: str,
        name: str,
        caches: Mapping[Buffer, Buffer],
        axes: Mapping[IterVar, IterVar],
        new_var: Mapping[Var, Expr],
    ) -> None:
        self.stage, self.name, self.caches = stage, name, caches
        self.axes, self.new_var = axes, new_var

    def visit_Block(self, node: Block) -> Block:
        if node.name != self.stage:
            return node
        reads = _Reads(self.caches)

        def own(expr: Expr) -> Expr:
            return substitute(reads.rewrite_expr(expr), self.new_var)

        stores = tuple(
            Store(self.caches[store.buffer], tuple(map(own, store.indices)), own(store.value))
            for store in node.stores
        )
        iters = tuple(self.axes.get(axis, axis) for axis in node.iters)
        return replace(
            node, name=self.name, iters=iters, stores=stores, predicate=own(node.predicate)
        )


class _Loops(Rewriter):
    """Gives loops other variables."""

    def __init__(self, loop_vars: Mapping[Var, Expr]) -> None:
        self.loop_vars = loop_vars

    def visit_Var(self, node: Var) -> Expr:
        return self.loop_vars.get(node, node)

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        lower = yield node.lower
        upper = yield node.upper
        body = yield node.body
        var = self.loop_vars.get(node.var, node.var)
        assert isinstance(var, Var)
        return replace(node, var=var, lower=lower, upper=upper, body=body)


def _loops_of(program: Program, stage: str) -> list[Loop]:
    """Return the declared loops around ``stage``, outermost first."""

    def walk(stmt: Stmt) -> list[Loop] | None:
        while isinstance(stmt, Alloc):  # as many in a row as there are stages
            stmt = stmt.body
        if isinstance(stmt, Block):
            return [] if stmt.name == stage and stmt.role == "compute" else None
        for child in stmt.children:
            found = walk(child) if isinstance(child, Stmt) else None
            if found is not None:
                return [stmt, *found] if isinstance(stmt, Loop) else found
        return None

    return walk(program.body) or []


# ---------------------------------------------------------------- programs and trees


def placed(body: Stmt, is_place: Callable[[Stmt], bool], change: Callable[[Stmt], Stmt]) -> Stmt:
    """Return ``body`` with its first outermost statements that ``is_place`` changed.

    They are changed together as long as one follows another: a reduction to a scalar is two.
    """
    around: list[Alloc | Let] = []  # as many Allocs in a row as there are stages
    while isinstance(body, (Alloc, Let)):
        around.append(body)
        body = body.body
    if isinstance(body, Seq):
        first = next(k for k, part in enumerate(body.stmts) if is_place(part))
        end = first + 1
        while end < len(body.stmts) and is_place(body.stmts[end]):
            end += 1
        changed = change(seq(*body.stmts[first:end]))
        body = seq(*body.stmts[:first], changed, *body.stmts[end:])
    else:
        body = change(body)
    for outer in reversed(around):
        body = replace(outer, body=body)
    return body


def stages_in(node: Tree) -> set[str]:
    """Return the stages inside ``node``."""
    if isinstance(node, StageNode):
        return {node.stage}
    return set().union(*(stages_in(child) for child in node.children))


def rewritten(
    state: State, program: Program, witness: Witness, known: Mapping[Var, IterVar] | None = None
) -> State:
    """Return ``state`` of another declaration; its tree is the declared one.

    ``known`` are axes of loops, as before unless given.
    """
    declared = taken_apart(program, state.declared.axis_of if known is None else known)
    declared = replace(declared, before=state.declared, witness=witness)
    names = dict(state.names)
    for name, stage in declared.stages.items():
        names.setdefault(name, frozenset(axis.name for axis in stage.axes))
    return replace(state, declared=declared, tree=declared.tree, names=names)
