"""Statements and Programs, executed one instance after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from texpr.errors import InternalError, ScheduleError, ShapeError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, Var
from texpr.ir.extern import PythonFunction
from texpr.ir.interpreter.arguments import Scope, bind
from texpr.ir.interpreter.expression import Code, check_ndim
from texpr.ir.interpreter.memory import Cell, Lane, Memory, Race, Site
from texpr.ir.program import (
    STMT_NODES,
    Alloc,
    Block,
    ExternCall,
    If,
    Let,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    Store,
)
from texpr.ir.update import update_of
from texpr.ir.visitor import Visit, Visitor

OnInstance = Callable[[str, tuple[int, ...]], None]
Write = tuple[Site, Memory, Cell, Any]


def interpret(program: Program, *args: object, on_instance: OnInstance | None = None) -> None:
    """Execute ``program`` on ``args``, scalars and NumPy arrays; arrays are written in place.

    This is what the program means; nothing is rearranged, and nothing goes unchecked. A buffer's
    strides say where its cells lie in memory, not which they are, and play no part.

    Parameters
    ----------
    args
        One for each of ``program.args``. Sizes follow from the shapes of the arrays.
    on_instance
        Called with the label and the iteration vector of every instance of a Block that runs.

    Raises
    ------
    DTypeError, ShapeError
        An argument does not fit.
    BoundsError
        An access outside its buffer.
    UninitializedError
        A read of a cell of an allocated buffer that nothing has written.
    ScheduleError
        Two lanes of a vectorized loop write different values to one cell in one statement.
    IllegalScheduleError
        Two iterations of a parallel loop touch one cell, and one of them writes it.

    >>> from texpr.ir.buffer import Buffer
    >>> from texpr.ir.dtypes import INT32
    >>> from texpr.ir.expr import Load
    >>> from texpr.ir.itervar import IterVar
    >>> from texpr.ir.program import ZERO
    >>> n, i, row = Var("n", is_size=True), Var("i"), IterVar("row")
    >>> A = Buffer("A", (n,), INT32)
    >>> double = Store(A, (row.var,), Load(A, (row.var,)) * 2)
    >>> body = Loop(i, ZERO, n, Block("double", (row,), (i,), (double,)))
    >>> array = np.array([3, 4, 5], "int32")
    >>> interpret(Program("main", (A,), body), array)
    >>> array.tolist()
    [6, 8, 10]
    """
    with np.errstate(all="ignore"):
        scope = bind(program, args)
        _Machine(scope, on_instance).visit(program.body)


class _Plan:
    """The code of a Block."""

    def __init__(self, block: Block) -> None:
        for store in block.stores:
            check_ndim(store.buffer, store.indices)
        self.label = block.label
        self.location = block.location
        self.variables = tuple(axis.var for axis in block.iters)
        self.names = tuple(var.name for var in self.variables)
        self.bindings = Code(*block.bindings)
        self.predicate = Code(block.predicate)
        self.accesses = Code(*(expr for at in block.stores for expr in (*at.indices, at.value)))
        self.buffers = [store.buffer for store in block.stores]
        self.is_update = update_of(block) is not None

    def writes(self, lane: Lane) -> list[Write]:
        """Evaluate every index and value in ``lane``; nothing is stored yet."""
        found: list[Write] = []
        values = iter(self.accesses.run(lane))
        for buffer in self.buffers:
            cell = tuple([next(values) for _ in buffer.shape])
            value = next(values)
            found.append((lane.site, lane.memory(buffer, cell, "writes"), cell, value))
        return found


class _Machine(Visitor[None], over=STMT_NODES):
    """Executes a statement in every one of ``lanes``, of which there is one outside vector loops.

    All lanes finish a Block before one of them starts the next.
    """

    memoise = False

    def __init__(self, scope: Scope, on_instance: OnInstance | None) -> None:
        self.races: list[Race] = []
        self.lanes = [Lane(scope, self.races, Site("program"))]
        self.on_instance = on_instance
        self.loops: list[Var] = []
        self.codes: dict[Expr, Code] = {}
        self.plans: dict[Stmt, _Plan] = {}

    def values(self, what: str, expr: Expr) -> list[Any]:
        """Return the value of ``expr`` in every lane; ``what`` names it in errors."""
        code = self.codes.get(expr)
        if code is None:
            code = self.codes[expr] = Code(expr)
        found = []
        for lane in self.lanes:
            if code.has_loads:
                lane.site = self.site(what, lane)
            found.append(code.run(lane)[0])
        return found

    def site(self, label: str, lane: Lane) -> Site:
        names = tuple(var.name for var in self.loops)
        return Site(label, names, tuple(lane.scope[var] for var in self.loops))

    def enter(self, thing: Any, values: list[Any]) -> None:
        """Bind ``thing``, a variable or buffer, in every lane."""
        for lane, value in zip(self.lanes, values, strict=True):
            if thing in lane.scope:
                raise InternalError(f"interpreter: {thing!r} is bound within its own scope")
            lane.scope[thing] = value

    def leave(self, thing: Any) -> None:
        for lane in self.lanes:
            del lane.scope[thing]

    def visit_Seq(self, node: Seq) -> Visit[None]:
        yield from node.stmts

    def visit_Loop(self, node: Loop) -> Visit[None]:
        what = f"bounds of loop {node.var}"
        lower, upper = self.values(what, node.lower), self.values(what, node.upper)
        ranges = [range(a, b, node.step) for a, b in zip(lower, upper, strict=True)]
        lanes = self.lanes
        self.loops.append(node.var)
        if node.kind is LoopKind.VECTORIZED:
            self.lanes = [
                Lane(lane.scope.copy(), self.races, lane.site)
                for lane, values in zip(lanes, ranges, strict=True)
                for _ in values
            ]
            self.enter(node.var, [value for values in ranges for value in values])
            if self.lanes:
                yield node.body
        else:
            race = Race(str(node.var)) if node.kind is LoopKind.PARALLEL else None
            if race is not None:
                self.races.append(race)
            for trip in range(max(map(len, ranges))):
                # Lanes whose own range has ended sit out the rest of the trips.
                active = [k for k, values in enumerate(ranges) if trip < len(values)]
                self.lanes = [lanes[k] for k in active]
                self.enter(node.var, [ranges[k][trip] for k in active])
                if race is not None:
                    race.iteration = trip
                yield node.body
                self.leave(node.var)
            if race is not None:
                self.races.pop()
        self.lanes = lanes
        self.loops.pop()

    def visit_If(self, node: If) -> Visit[None]:
        holds = self.values("if", node.condition)
        lanes = self.lanes
        for branch, chosen in ((node.then, True), (node.orelse, False)):
            self.lanes = [lane for lane, held in zip(lanes, holds, strict=True) if held is chosen]
            if self.lanes and branch is not None:
                yield branch
        self.lanes = lanes

    def visit_Let(self, node: Let) -> Visit[None]:
        self.enter(node.var, self.values(f"let {node.var}", node.value))
        yield node.body
        self.leave(node.var)

    def visit_Alloc(self, node: Alloc) -> Visit[None]:
        buffer = node.buffer
        what = f"alloc {buffer.name}"
        extents = [self.values(what, extent) for extent in buffer.shape]
        memories = []
        for k in range(len(self.lanes)):
            shape = tuple(extent[k] for extent in extents)
            if min(shape, default=0) < 0:
                raise ShapeError(f"{what}: the shape is {shape}; keep the extents at 0 or more")
            memories.append(Memory(buffer, np.empty(shape, buffer.dtype.numpy), is_fresh=True))
        self.enter(buffer, memories)
        yield node.body
        self.leave(buffer)

    def visit_Block(self, node: Block) -> Visit[None]:
        plan = self.plan(node, node)
        writes: list[Write] = []
        active: list[Lane] = []
        for lane in self.lanes:
            if plan.bindings.has_loads:
                lane.site = self.site(plan.label, lane)
            instance = tuple(plan.bindings.run(lane))
            scope = lane.scope.copy()
            scope.update(zip(plan.variables, instance, strict=True))
            inner = Lane(scope, self.races, Site(plan.label, plan.names, instance, plan.location))
            if plan.predicate.run(inner)[0]:
                if self.on_instance is not None:
                    self.on_instance(plan.label, instance)
                active.append(inner)
                writes += plan.writes(inner)
        if node.extern is not None:
            lanes, self.lanes = self.lanes, active
            yield node.extern
            self.lanes = lanes
        elif plan.is_update and len(active) > 1 and len({write[1:3] for write in writes}) == 1:
            for inner in active:  # lanes that update one cell are folded into it
                self.store(plan.writes(inner))
        else:
            self.store(writes)

    def visit_Store(self, node: Store) -> None:
        plan = self.plan(node, Block(f"store to {node.buffer.name}", (), (), (node,)))
        writes: list[Write] = []
        for lane in self.lanes:
            lane.site = self.site(plan.label, lane)
            writes += plan.writes(lane)
        self.store(writes)

    def visit_ExternCall(self, node: ExternCall) -> None:
        scalars = Code(*node.scalars)
        for lane in self.lanes:
            numbers = iter(scalars.run(lane))
            arrays = {buffer: lane.whole(buffer, writes=False) for buffer in node.inputs}
            arrays.update((buffer, lane.whole(buffer, writes=True)) for buffer in node.outputs)
            arguments = [arrays[a] if isinstance(a, Buffer) else next(numbers) for a in node.args]
            outputs = [arrays[buffer] for buffer in node.outputs]
            if isinstance(node.function, PythonFunction):
                node.function.fill(arguments, outputs)
            else:
                node.function.fill(arguments, outputs, [_scalar_dtype(a) for a in node.args])

    def plan(self, node: Stmt, block: Block) -> _Plan:
        found = self.plans.get(node)
        if found is None:
            found = self.plans[node] = _Plan(block)
        return found

    def store(self, writes: list[Write]) -> None:
        """Perform what all lanes evaluated, in order."""
        if len(self.lanes) > 1:
            _check_lanes(writes)
        for site, memory, cell, value in writes:
            for race in self.races:
                race.touch(memory, cell, True, site)
            memory.write(cell, value)


def _scalar_dtype(arg: Buffer | Expr) -> DType | None:
    return None if isinstance(arg, Buffer) else arg.dtype


def _check_lanes(writes: list[Write]) -> None:
    """Refuse two lanes that write one cell: in one step, neither would be the last."""
    seen: dict[tuple[Memory, Cell], tuple[Site, Any]] = {}
    for site, memory, cell, value in writes:
        first, other = seen.setdefault((memory, cell), (site, value))
        # By repr, so that NaN is the same as itself and 0.0 is not -0.0.
        if first is not site and repr(other) != repr(value):
            raise ScheduleError(
                f"vectorized loop: {first} writes {other} to {memory.name_of(cell)} and {site} "
                f"writes {value} to it in the same step; run the loop serially"
            )
