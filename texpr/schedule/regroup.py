"""What rewrites share that make one statement of two, or several of one.

As those of :mod:`texpr.schedule.caches` they make another declared program and a witness, here one
that :mod:`texpr.polyhedral.unfolding` checks. The loops of statements that stay keep their
schedule; references to loops whose axes become others go on to mean the same loops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Const, Expr, Var, free_vars
from texpr.ir.itervar import IterVar
from texpr.ir.linear import sum_of
from texpr.ir.program import Alloc, Block, Loop, Seq, Stmt, blocks, seq
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.schedule.relations import Relation
from texpr.schedule.state import StageNode, State, Tree


class Without(Rewriter):
    """Leaves a stage out, loops that were around it alone, and the room for some buffers."""

    def __init__(self, stage: str, buffers: Collection[Buffer] = ()) -> None:
        self.stage, self.buffers = stage, buffers

    def visit_Block(self, node: Block) -> Stmt:
        return Seq(()) if node.name == self.stage else node

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        return body if _is_empty(body) else replace(node, body=body)

    def visit_Seq(self, node: Seq) -> Visit[Stmt]:
        parts = []
        for part in node.stmts:
            parts.append((yield part))
        return seq(*(part for part in parts if not _is_empty(part)))

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        body = yield node.body
        return body if node.buffer in self.buffers else replace(node, body=body)


def _is_empty(stmt: Stmt) -> bool:
    return isinstance(stmt, Seq) and not stmt.stmts


class Replaced(Rewriter):
    """Changes the outermost statement in which there is nothing but one stage, of one Block."""

    def __init__(self, stage: str, change: Callable[[Stmt], Stmt]) -> None:
        self.stage, self.change = stage, change

    def is_own(self, stmt: Stmt) -> bool:
        return {block.name for block in blocks(stmt)} == {self.stage}

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        if self.is_own(node):
            return self.change(node)
        body = yield node.body
        return replace(node, body=body)

    def visit_Block(self, node: Block) -> Stmt:
        return self.change(node) if node.name == self.stage else node


def pruned(nodes: Sequence[Tree], stage: str) -> tuple[Tree, ...]:
    """Return a tree without a stage, and without loops that were around it alone."""
    left: list[Tree] = []
    for node in nodes:
        if isinstance(node, StageNode):
            left += [] if node.stage == stage else [node]
        else:
            children = pruned(node.children, stage)
            left += [replace(node, children=children)] if children else []
    return tuple(left)


def exchanged(nodes: Sequence[Tree], old: Tree, new: Sequence[Tree]) -> tuple[Tree, ...]:
    """Return a tree with several nodes in the place of one."""
    left: list[Tree] = []
    for node in nodes:
        if node is old:
            left += new
        elif isinstance(node, StageNode):
            left.append(node)
        else:
            left.append(replace(node, children=exchanged(node.children, old, new)))
    return tuple(left)


def own_roots(state: State, stage: str) -> list[IterVar]:
    """Return the declared loops that are around ``stage`` alone, outermost first."""
    shared = {root for node in state.shared_loops(stage) for root in state.ancestors(node.axis)}
    return [axis for axis in state.declared.stages[stage].axes if axis not in shared]


def check_uncut(what: str, state: State, stage: str) -> None:
    """Refuse a stage with a loop of its own that is a part of one which other stages were in.

    Raises
    ------
    ScheduleError
        It has one.
    """
    for root in own_roots(state, stage):
        others = state.stages_with(root) - {stage}
        if others:
            raise ScheduleError(
                f"{what}: loop {root.name!r} of {stage!r} was declared around "
                f"{', '.join(sorted(others))}, too, and cut since; {what} first, and then fission"
            )


def without_own_loops(what: str, state: State, stage: str) -> State:
    """Return the state without what was made of the declared loops that are around ``stage`` alone.

    ``what`` is the primitive.

    Raises
    ------
    ScheduleError
        Which these are is no longer as declared.
    """
    for node in state.shared_loops(stage):
        if any(state.stages_with(axis) == {stage} for axis in state.lineage(node.axis)):
            raise ScheduleError(
                f"{what}: loop {node.axis.name!r} was made of one of {stage!r} and one of another "
                f"stage; {what} first, and then fuse_loops"
            )
    check_uncut(what, state, stage)
    gone = set(own_roots(state, stage))
    kept: list[Relation] = []
    for relation in state.relations:
        if relation.parents and gone.intersection(relation.parents):
            gone.update(relation.made)
        else:
            kept.append(relation)
    return replace(state, relations=tuple(kept))


def renewed(state: State, axes: Mapping[IterVar, IterVar]) -> State:
    """Return the state in which some declared loops run over other axes.

    What was made of them is made of the new ones, and may reduce now.
    """
    new = dict(axes)
    relations: list[Relation] = []
    for relation in state.relations:
        if any(parent in new for parent in relation.parents):
            is_reduce = any(new.get(parent, parent).is_reduce for parent in relation.parents)
            for made in relation.made:
                new[made] = IterVar(made.name, is_reduce=is_reduce)
        relations.append(relation.of(new))

    def walk(node: Tree) -> Tree:
        if isinstance(node, StageNode):
            return node
        children = tuple(map(walk, node.children))
        return replace(node, axis=new.get(node.axis, node.axis), children=children)

    return replace(
        state,
        relations=tuple(relations),
        tree=tuple(map(walk, state.tree)),
        attached={
            stage: (parent, new.get(axis, axis)) for stage, (parent, axis) in state.attached.items()
        },
        stored={
            stage: None if where is None else (where[0], new.get(where[1], where[1]))
            for stage, where in state.stored.items()
        },
        decomposed={stage: new.get(axis, axis) for stage, axis in state.decomposed.items()},
        became={**state.became, **new},
    )


def solved(index: Expr, wanted: Expr, axes: Collection[Var]) -> tuple[Var, Expr] | None:
    """Return which of ``axes`` an index hangs on, and its value where the index is ``wanted``.

    None where that is not just one, plus or minus something.
    """
    moving = [var for var in free_vars(index) if var in axes]
    if len(moving) != 1:
        return None
    (var,) = moving
    factor = sum_of(index).terms.get(var, 0)
    rest = simplify(substitute(index, {var: Const(0, var.dtype)}))
    if factor not in (1, -1) or var in set(free_vars(simplify(index - var * factor))):
        return None
    return var, simplify(wanted - rest if factor == 1 else rest - wanted)


def loops_around(stmt: Stmt, stage: str) -> list[Loop]:
    """Return the loops around ``stage`` in ``stmt``, outermost first."""
    if isinstance(stmt, Block):
        return []
    for child in stmt.children:
        if isinstance(child, Stmt) and any(block.name == stage for block in blocks(child)):
            inside = loops_around(child, stage)
            return [stmt, *inside] if isinstance(stmt, Loop) else inside
    return []


def nest(loops: Sequence[tuple[Var, IterVar]], body: Stmt) -> Stmt:
    """Return loops with these variables over the ranges of these axes, around ``body``."""
    for var, axis in reversed(loops):
        body = Loop(var, axis.lower, axis.upper, body)
    return body
