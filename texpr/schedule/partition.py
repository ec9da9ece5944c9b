"""The rewrite of a loop into several in a row, each over a part of its range.

As :mod:`texpr.schedule.caches` it makes another declared program and a witness that
:mod:`texpr.polyhedral.rewrites` checks: every stage inside the loop becomes one stage for each
part. What was said of the loops inside is carried over. Loops around stay one for all of the
parts, also where the declared loop is further in: there the parts have declared loops of their
own, which become one loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from texpr.errors import ScheduleError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import Alloc, Block, Loop, Seq, Stmt, Store, blocks, seq, stmts
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.domain import always
from texpr.polyhedral.rewrites import Parted, Witness
from texpr.schedule.caches import fresh_name, rewritten, stages_in
from texpr.schedule.relations import Relation, Shared, Split
from texpr.schedule.state import LoopNode, StageNode, State, Tree, axes_inside


def parted(
    what: str, state: State, stage: str, axis: IterVar, points: Sequence[Expr | int]
) -> tuple[State, tuple[IterVar, ...]]:
    """Return the state in which the loop of ``axis`` is several, and these loops.

    ``points`` count iterations of the loop, negative ones from its end. ``what`` is the primitive.

    Raises
    ------
    ScheduleError
        The loop cannot be cut.
    """
    why = obstacle(state, stage, axis)
    if why is not None:
        raise ScheduleError(f"{what}: {why}")
    state = _by_width(state, axis)
    root, width = _root_of(state, axis)
    loop = state.declared.loop_of[root]
    cuts = _cuts(state, axis, loop, width, points)
    inside = sorted(stages_in(state.node(stage, axis)), key=[*state.declared.stages].index)
    around = {node.axis for node in state.path(stage)[: _depth(state, stage, axis)]}
    top = nest_top(state, inside, around)
    parts: list[LoopPart] = []
    taken = frozenset().union(*state.names.values())
    names = {*state.declared.stages}
    for k, (lower, upper) in enumerate(pairwise(cuts)):
        part = LoopPart(state, inside, root, (lower, upper))
        for name in inside:
            part.stages[name] = name if k == 0 else fresh_name(state, name, names)
            names.add(part.stages[name])
        taken = part.name_axes(top, around, taken, is_first=k == 0)
        if k > 0:
            allocs = (one for one in stmts(top) if isinstance(one, Alloc))
            part.buffers = {one.buffer: replace(one.buffer) for one in allocs}
        parts.append(part)
    body = Replaced(top, [part.copied(top) for part in parts]).rewrite_stmt(
        state.declared.program.body
    )
    witness = Parted(
        {new: old for part in parts for old, new in part.stages.items()},
        {new.var: old.var for part in parts for old, new in part.axes.items()},
        {new: old for part in parts for old, new in part.buffers.items()},
    )
    return state_of(state, stage, axis, body, parts, witness)


def obstacle(state: State, stage: str, axis: IterVar) -> str | None:
    """Return why the loop of ``axis`` cannot be cut, None where it can."""
    inside = stages_in(state.node(stage, axis))
    why = _elsewhere(state, stage, axis)
    if why is not None:
        return why
    for node in state.path(stage):
        if state.is_mixed(node.axis):
            return (
                f"loop {node.axis.name!r} runs over data and a reduction together; "
                f"cut loop {axis.name!r} before fusing these"
            )
    try:
        root, _ = _root_of(state, axis)
    except ScheduleError as error:
        return str(error)
    var = state.declared.loop_of[root].var
    for name in inside:
        if not any(value is var for value in state.declared.stages[name].block.bindings):
            return (
                f"loop {axis.name!r} is around parts of a loop that was cut inside it; "
                f"cut {axis.name!r} first"
            )
    depth = _depth(state, stage, axis)
    around = {node.axis for node in state.path(stage)[:depth]}
    own = nest_top(state, sorted(inside), around)
    if {block.name for block in blocks(own)} != set(inside):
        return f"loop {axis.name!r} is around some of the stages of loop {own.var.name!r} only"
    inner = {one.var: one for one in stmts(own) if isinstance(one, Loop)}
    for one in inner.values():
        outer = state.declared.axis_of[one.var]
        bound = [v for v in free_vars(one.lower, one.upper) if v in inner]
        if bound and around.intersection(state.remains(outer)):
            return (
                f"the range of loop {outer.name!r}, which is around it, depends on loop "
                f"{bound[0].name!r} inside; cut it before reordering these"
            )
    return None


def _elsewhere(state: State, stage: str, axis: IterVar) -> str | None:
    """Return what of a loop is computed elsewhere, or what else is computed in it."""
    node = state.node(stage, axis)
    for name in stages_in(node):
        if name in state.inlined:
            return f"{name!r} is inlined; call s[{name}].compute_root() first"
        if name in state.attached:
            return f"{name!r} is computed in a loop of another stage; cut its loops before"
    for name in sorted(state.after):
        anchor = state.anchor(name)
        if any(anchor is inside for inside in axes_inside(node)):
            return (
                f"{name!r} follows in loop {axis.name!r} or inside it, and would in a part of it "
                f"alone; cut {axis.name!r} before"
            )
    return None


def _depth(state: State, stage: str, axis: IterVar) -> int:
    return state.path(stage).index(state.node(stage, axis))


def _root_of(state: State, axis: IterVar) -> tuple[IterVar, Expr]:
    """Return the declared axis that ``axis`` is the outermost part of, and the width of a step."""
    relation, width = state.relation_to(axis), Const(1, INT64)
    if relation is None or isinstance(relation, Shared):
        return axis, width
    if not isinstance(relation, Split) or axis is not relation.outer:
        made_of = " and ".join(parent.name for parent in relation.parents) or "nothing"
        raise ScheduleError(
            f"loop {axis.name!r} was made of {made_of}, of which a part of it is no part; "
            f"cut {made_of} first"
        )
    inner = state.extent(relation.inner)
    if int_value(inner) is None:
        raise ScheduleError(
            f"a step of loop {axis.name!r} is {inner} long, which is known only at run time; "
            f"split {relation.parent.name!r} by factor="
        )
    root, outer = _root_of(state, relation.parent)
    return root, simplify(outer * inner)


def _by_width(state: State, axis: IterVar) -> State:
    """Return the state in which the steps of ``axis`` are as long in every part of its range."""
    chain = {*state.ancestors(axis)}
    relations = []
    for relation in state.relations:
        if isinstance(relation, Split) and relation.is_parts and relation.outer in chain:
            width = int_value(state.extent(relation.inner))
            assert width is not None
            relation = replace(relation, count=width, is_parts=False)  # noqa: PLW2901 - the same
        relations.append(relation)
    return replace(state, relations=tuple(relations))


def _cuts(
    state: State, axis: IterVar, loop: Loop, width: Expr, points: Sequence[Expr | int]
) -> list[Expr]:
    """Return where the parts begin and end, as values of the declared loop."""
    extent, program = state.extent(axis), state.declared.program
    cuts = [loop.lower]
    for point in points:
        known = int_value(point) if isinstance(point, Expr) else point
        count = point if isinstance(point, Expr) else Const(point, INT64)
        if known is not None and known < 0:
            count = extent + known
        # Where the loop is shorter than it needs to be, parts are empty.
        cut = simplify(loop.lower + count * width)
        if not always(Binary("le", cut, loop.upper), program):
            cut = simplify(Binary("min", cut, loop.upper))
        if not always(Binary("le", cuts[-1], cut), program):
            cut = simplify(Binary("max", cut, cuts[-1]))
        cuts.append(cut)
    return [*cuts, loop.upper]


def nest_top(state: State, inside: Sequence[str], around: set[IterVar]) -> Loop:
    """Return the outermost declared loop around stages that is not a loop around all the parts."""
    (first, *_) = inside
    for root in state.declared.stages[first].axes:
        if not set(state.remains(root)) <= around:
            return state.declared.loop_of[root]
    raise AssertionError("the loop that is cut is one of them")


@dataclass
class LoopPart:
    """One part: its range, and what its stages, axes and arrays are called by in the whole."""

    state: State
    inside: Sequence[str]
    root: IterVar
    dom: tuple[Expr, Expr]
    stages: dict[str, str] = field(default_factory=dict)
    axes: dict[IterVar, IterVar] = field(default_factory=dict)
    vars: dict[Var, Expr] = field(default_factory=dict)
    buffers: dict[Buffer, Buffer] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)

    def name_axes(
        self, top: Loop, around: set[IterVar], taken: frozenset[str], *, is_first: bool
    ) -> frozenset[str]:
        """Give the axes that are its own other names, and return all that are taken.

        The first part keeps those whose range is as before.
        """
        names = set(taken)

        def fresh(axis: IterVar, dom: tuple[Expr, Expr] | None) -> None:
            name = axis.name if is_first else unique_name(axis.name, names)
            names.add(name)
            self.axes[axis] = IterVar(name, dom, is_reduce=axis.is_reduce)

        axis_of, iters = self.state.declared.axis_of, self._iters()
        for loop in (one for one in stmts(top) if isinstance(one, Loop)):
            axis = axis_of[loop.var]
            for one in iters.get(loop.var, ()):
                dom = self._dom(one, iters, is_root=axis is self.root)
                if not is_first or dom is not one.dom:
                    fresh(one, dom)
                    self.vars[one.var] = self.axes[one].var
            if not is_first:
                if axis not in self.axes:
                    fresh(axis, axis.dom)
                self.vars[loop.var] = Var(self.axes[axis].name)
                if axis in around:
                    self.relations.append(Shared(self.axes[axis], axis))
        for relation in () if is_first else self.state.relations:
            if any(parent in self.axes for parent in relation.parents):
                for made in relation.made:
                    is_shared = set(self.state.remains(made)) <= around
                    if not is_shared and made not in self.axes:
                        fresh(made, None)
                self.relations.append(relation.of(self.axes))
        return frozenset(names)

    def _iters(self) -> dict[Var, list[IterVar]]:
        """Return the axes of the statements that are each loop."""
        found: dict[Var, list[IterVar]] = {}
        for name in self.inside:
            block = self.state.declared.stages[name].block
            for axis, value in zip(block.iters, block.bindings, strict=True):
                if isinstance(value, Var):
                    own = found.setdefault(value, [])
                    if not any(axis is other for other in own):
                        own.append(axis)
        return found

    def _dom(
        self, axis: IterVar, iters: Mapping[Var, list[IterVar]], *, is_root: bool
    ) -> tuple[Expr, Expr] | None:
        if axis.dom is None:
            return None
        if is_root:
            # The bounds are over the loops, the ranges of axes over the axes.
            at = {var: own[0].var for var, own in iters.items()}
            lower, upper = (substitute(bound, at) for bound in self.dom)
        else:
            lower, upper = axis.dom
        new = (substitute(lower, self.vars), substitute(upper, self.vars))
        same = new[0] is axis.dom[0] and new[1] is axis.dom[1]
        return axis.dom if same else new

    def copied(self, top: Loop) -> Stmt:
        """Return the nest of ``top`` for this part."""
        return Copied(self).rewrite_stmt(top)


class Copied(Rewriter):
    """Makes the nest of a part from that of the whole."""

    def __init__(self, part: LoopPart) -> None:
        self.part = part
        self.is_first = all(new == old for old, new in part.stages.items())

    def visit_Var(self, node: Var) -> Expr:
        return self.part.vars.get(node, node)

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return Load(self.part.buffers.get(node.buffer, node.buffer), indices)

    def visit_Store(self, node: Store) -> Visit[Stmt]:
        children = []
        for child in node.children:
            children.append((yield child))
        *indices, value = children
        buffer = self.part.buffers.get(node.buffer, node.buffer)
        return Store(buffer, tuple(indices), value)

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        body = yield node.body
        return Alloc(self.part.buffers.get(node.buffer, node.buffer), body)

    def visit_Seq(self, node: Seq) -> Visit[Stmt]:
        stmts = []
        for stmt in node.stmts:
            stmts.append((yield stmt))
        return seq(*stmts)

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        lower = yield node.lower
        upper = yield node.upper
        body = yield node.body
        if self.part.state.declared.axis_of[node.var] is self.part.root:
            lower, upper = (self.visit(bound) for bound in self.part.dom)
        var = self.part.vars.get(node.var, node.var)
        assert isinstance(var, Var)
        return replace(node, var=var, lower=lower, upper=upper, body=body)

    def visit_Block(self, node: Block) -> Visit[Stmt]:
        if node.role == "init" and self.part.root.is_reduce and not self.is_first:
            return Seq(())  # what the first part has begun with goes on
        new: Block = yield from self.generic(node)
        iters = tuple(self.part.axes.get(axis, axis) for axis in node.iters)
        return replace(new, name=self.part.stages[node.name], iters=iters)


class Replaced(Rewriter):
    """Puts the parts in the place of the nest that they were."""

    def __init__(self, nest: Loop, parts: Sequence[Stmt]) -> None:
        self.nest, self.parts = nest, parts

    def visit_Seq(self, node: Seq) -> Visit[Stmt]:
        stmts = []
        for stmt in node.stmts:
            stmts.append((yield stmt))
        return seq(*stmts)

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        if node is self.nest:
            return seq(*self.parts)
        body = yield node.body
        return replace(node, body=body)

    def visit_Block(self, node: Block) -> Block:
        return node


# ---------------------------------------------------------------- the state afterwards


def state_of(
    state: State,
    stage: str,
    axis: IterVar,
    body: Stmt,
    parts: Sequence[LoopPart],
    witness: Witness,
) -> tuple[State, tuple[IterVar, ...]]:
    """Return the state of the program ``body``, with the loop of ``axis`` in parts, and these."""
    first, *others = parts
    kept = [
        relation.of(first.axes)
        for relation in (*state.relations, *(one for part in others for one in part.relations))
    ]
    known = {
        new: part.axes[state.declared.axis_of[old]]
        for part in others
        for old, new in part.vars.items()
        if old in state.declared.axis_of and isinstance(new, Var)
    }
    known |= {var: first.axes.get(one, one) for var, one in state.declared.axis_of.items()}
    program = state.declared.program.with_body(body)
    new = rewritten(state, program, witness, known)
    attached = {
        name: (parent, first.axes.get(anchor, anchor))
        for name, (parent, anchor) in state.attached.items()
    }
    names, notes = dict(new.names), dict(state.annotations)
    everything = frozenset(one.name for part in others for one in part.axes.values())
    for part in parts:
        for old, name in part.stages.items():
            names[name] = state.names[old] | everything
            if old in notes:
                notes[name] = notes[old]

    cut = state.node(stage, axis)

    def walk(node: Tree) -> tuple[Tree, ...]:
        if node is cut:
            return tuple(_node_of(node, part, first) for part in parts)
        if isinstance(node, StageNode):
            return (node,)
        children = tuple(new for child in node.children for new in walk(child))
        return (replace(node, axis=first.axes.get(node.axis, node.axis), children=children),)

    new = replace(
        new,
        tree=tuple(one for node in state.tree for one in walk(node)),
        relations=tuple(kept),
        attached=attached,
        names=names,
        annotations=notes,
    )
    return new, tuple(part.axes.get(axis, axis) for part in parts)


def _node_of(node: Tree, part: LoopPart, first: LoopPart) -> Tree:
    """Return the tree of a part."""
    if isinstance(node, StageNode):
        return StageNode(part.stages[node.stage])
    axis = part.axes.get(node.axis, node.axis)
    children = tuple(_node_of(child, part, first) for child in node.children)
    if part is first:
        return replace(node, axis=axis, children=children)
    var = part.vars.get(node.var, None)
    own = var if isinstance(var, Var) else Var(axis.name)
    return LoopNode(axis, own, children, Var(axis.name), node.kind, node.chunks, node.annotations)
