"""The state of a schedule: the declared program and one fact for every primitive applied.

A state is a value: a primitive returns a new one, so that undo, copies and search cost nothing.
It holds a tree of loops over stages, the relations that say how each loop was made from others,
and which stages are inlined; :mod:`texpr.schedule.realise` turns it into a Program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

from texpr.errors import InternalError, ScheduleError, did_you_mean
from texpr.ir.buffer import Buffer, Part
from texpr.ir.chunks import STATIC, Chunks
from texpr.ir.expr import Binary, Expr, Var
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import (
    ZERO,
    Alloc,
    Annotations,
    Block,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    blocks,
)
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.polyhedral.footprint import Window
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.kept import Kept
from texpr.polyhedral.rewrites import Witness
from texpr.polyhedral.unfolding import Absorbed, Merged
from texpr.schedule.monotone import direction
from texpr.schedule.relations import Ends, Relation
from texpr.schedule.trace import Step

MAX_FOOTPRINTS = 2_000
"""How many answers about footprints a declaration keeps, some kilobytes each: those of some hundred
states, and a search changes a state a little at a time."""


MAX_JUDGES = 16
"""How many sets of inlined stages a declaration keeps a judge of, some megabytes each."""

MAX_NESTS = 500
"""How many loop nests a declaration keeps, some kilobytes each: those of some hundred states."""


@dataclass(frozen=True, eq=False)
class StageNode:
    """A leaf of the tree: where a stage runs."""

    stage: str


@dataclass(frozen=True, eq=False)
class LoopNode:
    """A loop of the tree over what runs inside it, in order.

    ``var`` is its variable in the IR; ``steps`` is that where the loop runs through a window and
    counts from its start, which the declared variable does not.
    """

    axis: IterVar
    var: Var
    children: tuple[Tree, ...]
    steps: Var
    kind: LoopKind = LoopKind.SERIAL
    chunks: Chunks = STATIC
    annotations: Annotations = ()

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """The stages inside."""
        return tuple(stage for child in self.children for stage in stages_inside(child))

    @cached_property
    def axes(self) -> tuple[IterVar, ...]:
        """The axes of the loop and those inside."""
        return (self.axis, *(axis for child in self.children for axis in axes_inside(child)))


Tree: TypeAlias = LoopNode | StageNode
Fact = TypeVar("Fact")


def stages_inside(node: Tree) -> tuple[str, ...]:
    """Return the stages inside ``node``."""
    return (node.stage,) if isinstance(node, StageNode) else node.stages


def axes_inside(node: Tree) -> tuple[IterVar, ...]:
    """Return the axes of the loops of ``node``."""
    return () if isinstance(node, StageNode) else node.axes


@dataclass(frozen=True, eq=False)
class StageDecl:
    """A declared statement: its Block, the Block that initialises a reduction, its root axes."""

    block: Block
    init: Block | None
    axes: tuple[IterVar, ...]
    home: frozenset[IterVar] = frozenset()
    """The axes of the statement whose every value has cells of its own: they need no subscript."""

    @property
    def is_reduction(self) -> bool:
        return self.init is not None

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """The arrays that the statement reads and does not write."""
        written = set(self.block.written_buffers)
        return tuple(b for b in dict.fromkeys(self.block.read_buffers) if b not in written)

    @cached_property
    def cell_axes(self) -> tuple[IterVar, ...] | None:
        """The axis of the statement that each subscript of its arrays is.

        None where some subscript is anything else, or an axis is missing that is neither reduced
        over nor one of ``home``: where the statement does not give every element that it writes
        one value.
        """
        if self.block.extern is not None:
            return None
        axes = {axis.var: axis for axis in self.block.iters}
        indices = self.block.stores[0].indices
        found = tuple(axes[i] for i in indices if isinstance(i, Var) and i in axes)
        named = set(found)
        same = all(
            a is b
            for store in self.block.stores
            for a, b in zip(store.indices, indices, strict=True)
        )
        free = named | self.home
        is_whole = all(axis in free or axis.is_reduce for axis in self.block.iters)
        return found if same and is_whole and len(named) == len(indices) else None


@dataclass(frozen=True, eq=False)
class Declared:
    """The declared program, taken apart: stages by name and the loop of every root axis."""

    program: Program
    stages: Mapping[str, StageDecl]
    loop_of: Mapping[IterVar, Loop]
    axis_of: Mapping[Var, IterVar]
    homes: Mapping[Buffer, tuple[IterVar, ...]]
    """The scratch, each with the axes of the loops whose every iteration has its own."""
    tree: tuple[Tree, ...]
    before: Declared | None = None
    """The declaration that this one was made of by a rewrite of values."""
    witness: Witness | None = None
    """What stands for what in this declaration and the one before."""
    footprints: Kept[tuple[Window, ...]] = field(default_factory=lambda: Kept(MAX_FOOTPRINTS))
    """What was asked of :func:`texpr.polyhedral.footprint.footprint` before."""
    inlined: Kept[Any] = field(default_factory=lambda: Kept(MAX_JUDGES))
    """What :func:`texpr.schedule.inline.inlined_stages` found, by the stages that are inlined."""
    nests: Kept[tuple[Stmt, ...]] = field(default_factory=lambda: Kept(MAX_NESTS))
    """The loop nests that :mod:`texpr.schedule.realise` made of the states so far."""
    parts: Kept[Part] = field(default_factory=lambda: Kept(MAX_NESTS))
    """The parts of arrays in these."""
    known: dict[Expr, bool] = field(default_factory=dict)
    """Which conditions on the sizes hold always."""
    init_vars: Kept[Var] = field(default_factory=lambda: Kept(MAX_NESTS))
    """The variables of the loops around initialisations, by axis."""
    judges: Kept[Judge] = field(default_factory=lambda: Kept(MAX_JUDGES))
    """By the stages that are inlined: who knows the dependences that are left."""

    def __post_init__(self) -> None:
        for table in (self.nests, self.parts, self.footprints, self.init_vars):
            table.make_room(2 * len(self.stages))

    @property
    def and_before(self) -> Iterator[Declared]:
        """The declaration itself, and those that it was made of."""
        found: Declared | None = self
        while found is not None:
            yield found
            found = found.before


@dataclass(frozen=True)
class Rolled:
    """Room that is used again and again along a dimension, ``extent`` long.

    None for the dimension along which the stage slides, and for the extent that just suffices.
    """

    axis: int | None = None
    extent: int | None = None


@dataclass(frozen=True, eq=False)
class State:
    """A declared program and what was said about how it runs."""

    declared: Declared
    tree: tuple[Tree, ...]
    relations: tuple[Relation, ...] = ()
    inlined: frozenset[str] = frozenset()
    assumed: frozenset[Buffer] = frozenset()
    """Arrays of which the user says that no undecided dependence is one."""
    trace: tuple[Step, ...] = ()
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names of loops used up so far, by stage."""
    attached: Mapping[str, tuple[str, IterVar]] = field(default_factory=dict)
    """The stages that are computed inside a loop of another: that stage, and which loop it was.

    Their loops stay where they are in the tree; only :mod:`texpr.schedule.realise` puts them there.
    """
    waiting: frozenset[str] = frozenset()
    """Those of them whose loop is not around all that reads them yet; till then they stay at root.
    """
    after: frozenset[str] = frozenset()
    """Those of the attached ones that follow what they read there, in the place of preceding it."""
    stored: Mapping[str, tuple[str, IterVar] | None] = field(default_factory=dict)
    """The stages whose room was placed: in which loop of which stage, None for outside of all.

    Whether that is so already, :mod:`texpr.schedule.storage` tells.
    """
    rolled: Mapping[str, Rolled] = field(default_factory=dict)
    """The stages whose room is to be used again and again."""
    windows: Mapping[IterVar, Window] = field(default_factory=dict)
    """What is computed of a declared axis where its stage is attached, while that is realised."""
    is_judged: bool = True
    """Whether the judge found it legal; else that is asked before it is built."""
    decomposed: Mapping[str, IterVar] = field(default_factory=dict)
    """The reductions that are initialised further out than need be, each with the loop before
    which they are, as it was called then."""
    became: Mapping[IterVar, IterVar] = field(default_factory=dict)
    """Axes of loops that a rewrite of the declaration gave another axis: which."""

    annotations: Mapping[str, Annotations] = field(default_factory=dict)
    """The notes on stages; those on loops are in the tree."""

    # ------------------------------------------------------------ asking

    def current(self, axis: IterVar) -> IterVar:
        """Return the axis that a loop has now which had ``axis``."""
        while axis in self.became:
            axis = self.became[axis]
        return axis

    def path(self, stage: str) -> tuple[LoopNode, ...]:
        """The loops around ``stage``, outermost first."""
        found = self._paths.get(stage)
        if found is None and stage not in self.declared.stages:
            raise unknown_stage(stage, self)
        if found is None:
            raise InternalError(f"stage {stage!r} has no place in the tree")
        return found

    @cached_property
    def _paths(self) -> dict[str, tuple[LoopNode, ...]]:
        paths: dict[str, tuple[LoopNode, ...]] = {}

        def walk(nodes: tuple[Tree, ...], above: tuple[LoopNode, ...]) -> None:
            for node in nodes:
                if isinstance(node, StageNode):
                    paths[node.stage] = above
                else:
                    walk(node.children, (*above, node))

        walk(self.tree, ())
        return paths

    def loops_called(self, name: str) -> dict[IterVar, str]:
        """The loops with that name, each with a stage inside it."""
        found: dict[IterVar, str] = {}
        for stage in self.declared.stages:
            for axis in self.leaves(stage):
                if axis.name == name:
                    found.setdefault(axis, stage)
        return found

    def leaves(self, stage: str) -> tuple[IterVar, ...]:
        """The axes of the loops around ``stage``, outermost first."""
        return tuple(node.axis for node in self.path(stage))

    def node(self, stage: str, axis: IterVar) -> LoopNode:
        """The loop of ``axis`` around ``stage``."""
        for node in self.path(stage):
            if node.axis is axis:
                return node
        raise InternalError(f"axis {axis.name!r} is no loop of {stage!r}")

    def relation_from(self, axis: IterVar) -> Relation | None:
        """The relation that used ``axis`` up, None where it is a loop still."""
        return self._users.get(axis)

    @cached_property
    def _users(self) -> dict[IterVar, Relation]:
        return {axis: relation for relation in self.relations for axis in relation.parents}

    def relation_to(self, axis: IterVar) -> Relation | None:
        """The relation that made ``axis``, None for a declared one."""
        return self._makers.get(axis)

    @cached_property
    def _makers(self) -> dict[IterVar, Relation]:
        return {axis: relation for relation in self.relations for axis in relation.made}

    def remains(self, axis: IterVar) -> tuple[IterVar, ...]:
        """The loops that ``axis`` has become: itself as long as no primitive used it up."""
        relation = self.relation_from(axis)
        if relation is None:
            return (axis,)
        return tuple(loop for made in relation.made for loop in self.remains(made))

    def nest_of(self, stage: str) -> Tree:
        """The outermost loop that only ``stage`` is in, or its leaf where it is in none."""
        shared = self.shared_loops(stage)
        nodes = shared[-1].children if shared else self.tree
        return next(node for node in nodes if self.stage_in(node) == stage)

    def shared_loops(self, stage: str) -> tuple[LoopNode, ...]:
        """The loops around ``stage`` that are around other stages, too, outermost first."""
        return tuple(node for node in self.path(stage) if self.stage_in(node) is None)

    def stage_in(self, node: Tree) -> str | None:
        """The stage inside ``node``, None where there are several."""
        found = stages_inside(node)
        return found[0] if len(found) == 1 else None

    def anchor(self, stage: str) -> IterVar | None:
        """The loop in which ``stage`` is computed, None where it has a place of its own, or still.

        A loop that was split since has become its inner part, one that was fused the fused loop.
        """
        found = self.attached.get(stage)
        if found is None or stage in self.waiting:
            return None
        parent, loop = found
        around = set(self.leaves(parent))
        loops = [axis for axis in self.remains(loop) if axis in around]
        return loops[-1] if loops else self.remains(loop)[-1]

    def init_place(self, stage: str) -> LoopNode | None:
        """The loop before which a reduction is initialised, None where no loop reduces.

        That is the outermost one that reduces, or the one that was named, where that is further
        out. One that was split since has become its outer part, one that was fused the fused loop.
        """
        named = self.decomposed.get(stage)
        around = set(self.leaves(stage))
        parts = () if named is None else self.remains(named)
        first = next((axis for axis in parts if axis in around), None)
        for node in self.path(stage):
            if self.reduces(node.axis, stage) or node.axis is first:
                return node
        return None

    def whole_path(self, stage: str) -> tuple[LoopNode, ...]:
        """The loops around ``stage`` and those around the loop that it is attached to."""
        path = self.path(stage)
        anchor = self.anchor(stage)
        if anchor is None:
            return path
        above = self.whole_path(self.attached[stage][0])
        places = [k for k, node in enumerate(above) if node.axis is anchor]
        own = path[len(self.shared_loops(stage)) :]
        return (*above[: places[0] + 1], *own) if places else path

    def hosts(self, stage: str) -> list[str]:
        """The stages in whose loops ``stage`` is, the one whose loop is innermost first."""
        found = []
        while self.anchor(stage) is not None:
            stage = self.attached[stage][0]
            found.append(stage)
        return found

    def loop_around(self, node: Tree) -> LoopNode | None:
        """The loop that ``node`` is directly inside of, None for the root."""
        loops = (loop for path in self._paths.values() for loop in path)
        return next((loop for loop in loops if any(c is node for c in loop.children)), None)

    def stage_around(self, axis: IterVar) -> str | None:
        """The first stage that the loop of ``axis`` is around, None where it is no loop."""
        for stage, path in self._paths.items():
            if any(node.axis is axis for node in path):
                return stage
        return None

    def lower(self, axis: IterVar) -> Expr:
        """The first value of ``axis``, over the declared loops' variables."""
        if axis in self.windows:
            return self.windows[axis].lower
        relation = self.relation_to(axis)
        if relation is not None:
            return relation.lower(axis, self)
        loop = self.declared.loop_of.get(axis)
        return ZERO if loop is None else loop.lower

    def extent(self, axis: IterVar) -> Expr:
        """How many values ``axis`` takes, over the declared loops' variables."""
        found = self._extents.get(axis)
        if found is None:
            found = self._extents[axis] = simplify(self._extent(axis))
        return found

    @cached_property
    def _extents(self) -> dict[IterVar, Expr]:
        return {}

    def ends(self, axis: IterVar) -> Ends:
        """The first value and one past the last that ``axis`` must keep to."""
        found = self._all_ends.get(axis)
        if found is None:
            found = self._all_ends[axis] = self._ends(axis)
        return found

    @cached_property
    def _all_ends(self) -> dict[IterVar, Ends]:
        return {}

    def _ends(self, axis: IterVar) -> Ends:
        relation = self.relation_to(axis)
        if relation is not None:
            return relation.ends(axis, self)
        if axis in self.windows:
            return self.lower(axis), self.lower(axis) + self.extent(axis)
        loop = self.declared.loop_of[axis]
        return loop.lower, loop.upper

    def is_loose(self, axis: IterVar) -> bool:
        """Whether the range of ``axis`` is larger than what it must keep to."""
        relation = self.relation_to(axis)
        return relation is not None and relation.is_loose(axis, self)

    def var_of(self, axis: IterVar) -> Var:
        """The variable that stands for ``axis`` in ranges of others."""
        loop = self.declared.loop_of.get(axis)
        return axis.var if loop is None else loop.var

    @cached_property
    def axis_of(self) -> Mapping[Var, IterVar]:
        """The axis that a variable stands for in ranges."""
        made = {axis.var: axis for axis in self._makers}
        return {**self.declared.axis_of, **made}

    def at_most(self, bound: Expr, axis: IterVar, side: int) -> Expr:
        """The greatest ``bound`` over the range of ``axis``, the least where ``side`` is -1.

        Raises
        ------
        ScheduleError
            It goes up and down as the axis grows.
        """
        way = direction(bound, self.var_of(axis))
        if way is None:
            raise ScheduleError(
                f"{bound} goes up and down with loop {axis.name!r}, so that nothing is known of it "
                f"over all iterations"
            )
        end = self.lower(axis)
        if way * side > 0:
            end = end + self.extent(axis) - 1
        return simplify(substitute(bound, {self.var_of(axis): end}))

    def _extent(self, axis: IterVar) -> Expr:
        if axis in self.windows:
            return self.windows[axis].extent
        relation = self.relation_to(axis)
        if relation is None:
            loop = self.declared.loop_of[axis]
            return Binary("sub", loop.upper, loop.lower)
        return relation.extent(axis, self)

    def ancestors(self, axis: IterVar) -> set[IterVar]:
        """``axis`` and everything that its value depends on."""
        found = {axis}
        for relation in reversed(self.relations):
            if any(made in found for made in relation.made):
                found.update(relation.sources)
        return found

    def lineage(self, axis: IterVar) -> set[IterVar]:
        """``axis`` and everything that was used up to make it."""
        found = {axis}
        for relation in reversed(self.relations):
            if any(made in found for made in relation.made):
                found.update(relation.parents)
        return found

    def stages_with(self, axis: IterVar) -> frozenset[str]:
        """The stages that ``axis`` is an axis of, or was made from one."""
        lineage = self.lineage(axis)
        stages = self.declared.stages.items()
        return frozenset(name for name, stage in stages if not lineage.isdisjoint(stage.axes))

    def reduces(self, axis: IterVar, stage: str) -> bool:
        """Whether the loop of ``axis`` reduces in ``stage``; it may run over data in another."""
        if not axis.is_reduce:
            return False
        own = self.ancestors(axis).intersection(self.declared.stages[stage].axes)
        return any(root.is_reduce for root in own)

    def is_mixed(self, axis: IterVar) -> bool:
        """Whether ``axis`` runs over data and reduction axes together."""
        roots = [a for a in self.ancestors(axis) if a in self.declared.loop_of]
        return len({root.is_reduce for root in roots}) == 2

    # ------------------------------------------------------------ changing

    def fresh_axis(
        self, stage: str, name: str, *others: str, is_reduce: bool
    ) -> tuple[State, IterVar]:
        """Return a new axis whose name no loop of ``stage`` has had, or of its neighbours.

        Neighbours are the stages inside the same outermost loop, with which it may share loops,
        and those of ``others``.
        """
        tops = [self.path(one)[:1] for one in (stage, *others)]
        neighbours = [
            other
            for other in self.declared.stages
            if other == stage or (self.path(other) and self.path(other)[:1] in tops)
        ]
        taken = frozenset().union(*(self.names.get(other, frozenset()) for other in neighbours))
        unique = unique_name(name, taken)
        names = {**self.names, **{other: taken | {unique} for other in neighbours}}
        return replace(self, names=names), IterVar(unique, is_reduce=is_reduce)

    def at_root(self, stage: str) -> State:
        """Return the state in which ``stage`` is in a nest of its own, and its array whole."""
        return replace(
            self,
            inlined=self.inlined - {stage},
            attached=_without(self.attached, stage),
            waiting=self.waiting - {stage},
            after=self.after - {stage},
            stored=_without(self.stored, stage),
            rolled=_without(self.rolled, stage),
        )

    def with_windows(self, axes: Sequence[IterVar], windows: Sequence[Window]) -> State:
        """Return the state in which ``windows`` are computed of declared axes."""
        return replace(self, windows={**self.windows, **dict(zip(axes, windows, strict=True))})

    def with_relation(self, relation: Relation) -> State:
        return replace(self, relations=(*self.relations, relation))

    def edit(self, axis: IterVar, change: Callable[[LoopNode], Tree]) -> State:
        """Return the state with the loop of ``axis`` replaced by ``change(loop)``."""

        def walk(node: Tree) -> Tree:
            if isinstance(node, StageNode):
                return node
            if node.axis is axis:
                return change(node)
            children = tuple(walk(child) for child in node.children)
            if all(new is old for new, old in zip(children, node.children, strict=True)):
                return node
            return replace(node, children=children)

        return replace(self, tree=tuple(walk(node) for node in self.tree))

    def edit_inside(
        self, loop: LoopNode | None, change: Callable[[tuple[Tree, ...]], tuple[Tree, ...]]
    ) -> State:
        """Return the state with what is inside ``loop``, None for the root, replaced."""
        if loop is None:
            return replace(self, tree=change(self.tree))
        return self.edit(loop.axis, lambda node: replace(node, children=change(node.children)))

    def wrap(self, stage: str, change: Callable[[StageNode], Tree]) -> State:
        """Return the state with the leaf of ``stage`` replaced by ``change(leaf)``."""

        def walk(node: Tree) -> Tree:
            if isinstance(node, StageNode):
                return change(node) if node.stage == stage else node
            return replace(node, children=tuple(walk(child) for child in node.children))

        return replace(self, tree=tuple(walk(node) for node in self.tree))


def loops_in(tree: Sequence[Tree]) -> Iterator[LoopNode]:
    """Yield every loop of ``tree``."""
    for node in tree:
        if isinstance(node, LoopNode):
            yield node
            yield from loops_in(node.children)


def _without(facts: Mapping[str, Fact], stage: str) -> dict[str, Fact]:
    return {name: fact for name, fact in facts.items() if name != stage}


class StateRanges:
    """The ranges of axes in a state, for who knows values of them."""

    def __init__(self, state: State) -> None:
        self.state = state

    def lower(self, axis: IterVar) -> Expr:
        return self.state.lower(axis)

    def extent(self, axis: IterVar) -> Expr:
        return self.state.extent(axis)

    def ends(self, axis: IterVar) -> Ends:
        return self.state.ends(axis)

    def is_loose(self, axis: IterVar) -> bool:
        return self.state.is_loose(axis)


def loop_node(
    axis: IterVar,
    *children: Tree,
    kind: LoopKind = LoopKind.SERIAL,
    annotations: Annotations = (),
) -> LoopNode:
    """Return a loop for an axis that a primitive made."""
    return LoopNode(axis, Var(axis.name), children, Var(axis.name), kind, annotations=annotations)


def initial_state(program: Program) -> State:
    """Open a state on a declared program."""
    declared = taken_apart(program, {})
    names = {
        name: frozenset(axis.name for axis in stage.axes) for name, stage in declared.stages.items()
    }
    return State(declared, declared.tree, names=names)


def taken_apart(program: Program, known: Mapping[Var, IterVar]) -> Declared:
    """Return a declared program taken apart.

    A declared loop whose variable is just what one axis of a statement is bound to becomes that
    axis; so ``s[C].op.axis`` are the first loops of ``C``. ``known`` are the axes of other loops.
    """
    stages: dict[str, StageDecl] = {}
    inits: dict[str, Block] = {}
    loop_of: dict[IterVar, Loop] = {}
    axis_of: dict[Var, IterVar] = {}
    homes: dict[Buffer, tuple[IterVar, ...]] = {}
    bound: dict[Var, IterVar] = {}
    for block in blocks(program.body):
        if block.role == "compute":
            for iter_, value in zip(block.iters, block.bindings, strict=True):
                if isinstance(value, Var):
                    bound.setdefault(value, iter_)

    def walk(stmt: Stmt, above: tuple[IterVar, ...]) -> tuple[Tree, ...]:
        while isinstance(stmt, Alloc):  # as many in a row as there are stages
            homes[stmt.buffer] = above
            stmt = stmt.body
        if isinstance(stmt, Seq):
            return tuple(node for part in stmt.stmts for node in walk(part, above))
        if isinstance(stmt, Loop):
            axis = bound.get(stmt.var, known.get(stmt.var))
            if axis is None:
                axis = IterVar(stmt.var.name)
            loop_of[axis], axis_of[stmt.var] = stmt, axis
            children = walk(stmt.body, (*above, axis))
            node = LoopNode(axis, stmt.var, children, Var(stmt.var.name), stmt.kind)
            return (node,) if children else ()
        if isinstance(stmt, Block):
            if stmt.role == "init":
                inits[stmt.name] = stmt
                return ()
            around = set(homes.get(stmt.stores[0].buffer, ())) if stmt.stores else set()
            bound_to = zip(stmt.iters, stmt.bindings, strict=True)
            home = frozenset(
                axis for axis, v in bound_to if isinstance(v, Var) and axis_of.get(v) in around
            )
            stages[stmt.name] = StageDecl(stmt, inits.get(stmt.name), above, home)
            return (StageNode(stmt.name),)
        raise InternalError(f"a declared program has no {type(stmt).__name__}")

    tree = walk(program.body, ())
    return Declared(program, stages, loop_of, axis_of, homes, tree)


def unknown_stage(name: object, state: State) -> ScheduleError:
    """Say that no stage is called ``name``, or no longer, and which there are."""
    known = list(state.declared.stages)
    listed = f"the stages are {', '.join(known)}"
    declared = state.declared
    while declared.before is not None:
        witness = declared.witness
        if isinstance(witness, Merged) and isinstance(name, str) and witness.init == name:
            return ScheduleError(
                f"schedule: stage {name!r} became the initialisation of {witness.stage!r}, by "
                f"merge_reduction; use that ({listed})"
            )
        if isinstance(witness, Absorbed) and isinstance(name, str) and witness.consumer == name:
            return ScheduleError(
                f"schedule: stage {name!r} is computed where {witness.stage!r} writes, by "
                f"reverse_compute_inline; use that ({listed})"
            )
        declared = declared.before
    return ScheduleError(f"schedule: no stage {name!r}{did_you_mean(str(name), known)}; {listed}")
