"""A judge that enumerates: every pair of instances at given sizes, and whether it keeps its order.

Where instances run several times, or storage is used again, it runs both programs on symbols
instead: what an instance writes is what it is and what it reads.

It shares nothing with ``texpr.polyhedral``: it walks both loop trees with numbers for the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, groupby, product
from typing import Any

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, IfThenElse, Load, Var
from texpr.ir.interpreter import evaluate
from texpr.ir.program import Alloc, Block, If, Let, Loop, LoopKind, Program, Seq, Stmt
from texpr.ir.visitor import substitute

Env = Mapping[Var, int]
Cell = tuple[Buffer, tuple[int, ...], tuple[int, ...]]
Key = tuple[str, tuple[int, ...]]


@dataclass
class Run:
    """One run of a Block: its time, the parallel loops it is in, and the cells it touches."""

    key: Key
    block: Block
    time: tuple[int, ...]
    parallel: tuple[tuple[int, int], ...]
    lanes: tuple[Var, ...]
    lanes_at: tuple[tuple[int, int], ...] = ()
    reads: set[Cell] = field(default_factory=set)
    writes: set[Cell] = field(default_factory=set)
    stores: list[tuple[Cell, list[Cell]]] = field(default_factory=list)
    """Each cell that it writes, with those that it reads for that, in the order of the text."""


def value(expr: Expr, env: Env) -> Any:
    return evaluate(expr, env).item()


def runs(program: Program, sizes: Env) -> list[Run]:
    """Return every run of every Block, in textual order of the unrolled program."""
    return list(_walk(program.body, dict(sizes), (), (), (), {}))


def _walk(  # noqa: C901 - a case for each kind of statement
    stmt: Stmt,
    env: dict[Var, int],
    time: tuple[int, ...],
    parallel: tuple[tuple[int, int], ...],
    lanes: tuple[tuple[Var, int, int], ...],
    homes: dict[Buffer, tuple[int, ...]],
) -> Iterator[Run]:
    if isinstance(stmt, Seq):
        for position, part in enumerate(stmt.stmts):
            yield from _walk(part, env, (*time, position), parallel, lanes, homes)
    elif isinstance(stmt, Loop):
        for step in range(value(stmt.lower, env), value(stmt.upper, env), stmt.step):
            at = 0 if stmt.kind is LoopKind.VECTORIZED else step
            inside, inner_lanes = parallel, lanes
            if stmt.kind is LoopKind.VECTORIZED:
                inner_lanes = (*lanes, (stmt.var, len(time), step))
            if stmt.kind is LoopKind.PARALLEL:
                inside = (*parallel, (len(time), step))
            loops = env | {stmt.var: step}
            yield from _walk(stmt.body, loops, (*time, at), inside, inner_lanes, homes)
    elif isinstance(stmt, If):
        holds = value(stmt.condition, env)
        branch = stmt.then if holds else stmt.orelse
        if branch is not None:
            yield from _walk(branch, env, (*time, 0 if holds else 1), parallel, lanes, homes)
    elif isinstance(stmt, Alloc):
        loops = (*env.values(), *time)  # another Alloc gives other cells
        yield from _walk(stmt.body, env, time, parallel, lanes, {**homes, stmt.buffer: loops})
    elif isinstance(stmt, Let):
        bound = {**env, stmt.var: value(stmt.value, env)}
        yield from _walk(stmt.body, bound, time, parallel, lanes, homes)
    elif isinstance(stmt, Block):
        point = tuple(value(binding, env) for binding in stmt.bindings)
        inner = {**env, **{axis.var: p for axis, p in zip(stmt.iters, point, strict=True)}}
        in_lanes = tuple((at, step) for _, at, step in lanes)
        lane_vars = tuple(var for var, _, _ in lanes)
        run = Run((stmt.label, point), stmt, time, parallel, lane_vars, in_lanes)
        if value(stmt.predicate, inner):
            for store in stmt.stores:
                found: list[Cell] = []
                for part in (*store.indices, store.value):
                    found += _loads(part, inner, homes)
                at_cell = tuple(value(index, inner) for index in store.indices)
                target = (store.buffer, homes.get(store.buffer, ()), at_cell)
                run.reads.update(found)
                run.writes.add(target)
                run.stores.append((target, found))
        yield run


def _loads(expr: Expr, env: Env, homes: Mapping[Buffer, tuple[int, ...]]) -> list[Cell]:
    if isinstance(expr, IfThenElse):
        test, a, b = expr.children
        return _loads(test, env, homes) + _loads(a if value(test, env) else b, env, homes)
    found: list[Cell] = []
    if isinstance(expr, Load):
        at = tuple(value(index, env) for index in expr.indices)
        found.append((expr.buffer, homes.get(expr.buffer, ()), at))
    for child in expr.children:
        found += _loads(child, env, homes)
    return found


def chained(first: Run, second: Run, cell: Cell, free: bool) -> bool:
    """Whether both are updates ``x = x op e`` of ``cell`` by one operator whose order is free."""
    operators = []
    for run in (first, second):
        if len(run.block.stores) != 1:
            return False
        (store,) = run.block.stores
        own, update = Load(store.buffer, store.indices), store.value
        if not isinstance(update, Binary) or update.op not in ("add", "sub", "mul", "min", "max"):
            return False
        term = update.b if update.a is own else update.a if update.b is own else None
        if term is None or (update.op == "sub" and update.a is not own):
            return False
        if any(buffer is store.buffer for buffer in _buffers(term)):
            return False
        operators.append("add" if update.op == "sub" else update.op)
    if operators[0] != operators[1] or cell not in first.writes or cell not in second.writes:
        return False
    return free or operators[0] in ("min", "max")


def _buffers(expr: Expr) -> list[Buffer]:
    own = [expr.buffer] if isinstance(expr, Load) else []
    return own + [buffer for child in expr.children for buffer in _buffers(child)]


def keeps_every_dependence(
    declared: Program, proposed: Program, sizes: Env, *, free: bool
) -> tuple[Run, Run] | None:
    """Return a pair that ``proposed`` breaks at ``sizes``, None where it keeps them all.

    ``free`` says whether the order of reductions is.
    """
    before = runs(declared, sizes)
    after: dict[Key, list[Run]] = {}
    for run in runs(proposed, sizes):
        after.setdefault(run.key, []).append(run)
    assert {run.key for run in before} == set(after), "instances were lost or made"
    for again in after.values():
        for one, other in combinations(again, 2):
            if one.reads & one.writes or _races(one, other) or _in_lanes(one, other):
                return one, other
    order = sorted(range(len(before)), key=lambda k: before[k].time)
    for place, k in enumerate(order):
        for m in order[place + 1 :]:
            first, second = before[k], before[m]
            for one, other in product(after[first.key], after[second.key]):
                if not _kept(first, second, one, other, free):
                    return first, second
    return None


def _kept(first: Run, second: Run, new_first: Run, new_second: Run, free: bool) -> bool:
    meets = [(cell, "anti") for cell in first.reads & second.writes]
    meets += [(cell, "flow") for cell in first.writes & second.reads]
    meets += [(cell, "output") for cell in first.writes & second.writes]
    a, b = _padded(new_first.time, new_second.time)
    for cell, kind in meets:
        if _races(new_first, new_second):
            return False
        if chained(first, second, cell, free):
            # Lanes meet in one cell: they fold if all of them hit the same.
            if a == b and not _uniform(new_first, cell):
                return False
        elif a > b or (a == b and kind != "anti"):
            return False
    return True


def _in_lanes(first: Run, second: Run) -> bool:
    """Whether two runs of one instance are in different lanes of one loop."""
    for (at, x), (other, y) in zip(first.lanes_at, second.lanes_at, strict=False):
        if at != other or first.time[:at] != second.time[:at]:
            return False
        if x != y:
            return True
    return False


def _races(first: Run, second: Run) -> bool:
    for (at, x), (other, y) in zip(first.parallel, second.parallel, strict=False):
        if at != other or first.time[:at] != second.time[:at]:
            return False
        if x != y:
            return True
    return False


def _uniform(run: Run, cell: Cell) -> bool:
    bound = {axis.var: b for axis, b in zip(run.block.iters, run.block.bindings, strict=True)}
    (store,) = run.block.stores
    used = [substitute(index, bound) for index in store.indices]
    return not any(_mentions(index, lane) for index in used for lane in run.lanes)


def _mentions(expr: Expr, var: Var) -> bool:
    return expr is var or any(_mentions(child, var) for child in expr.children)


def _padded(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    width = max(len(a), len(b))
    return a + (0,) * (width - len(a)), b + (0,) * (width - len(b))


# ---------------------------------------------------------------- on symbols


class Symbols:
    """Runs programs on symbols, which it numbers: what is written, by whom, of which others."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.meanings: list[Any] = []

    def of(self, *meaning: Any) -> int:
        """Return the number of a symbol."""
        if meaning not in self.numbers:
            self.numbers[meaning] = len(self.meanings)
            self.meanings.append(meaning)
        return self.numbers[meaning]

    def outcome(self, program: Program, sizes: Env) -> dict[Any, Any]:
        """Return what the arguments hold in the end; what the updates of a reduction add is a set.

        All that runs at one time, such as lanes, reads before it writes.
        """
        memory: dict[Cell, int] = {}
        self.given = set(program.buffers)
        ordered = sorted(runs(program, sizes), key=lambda run: run.time)
        for _, together in groupby(ordered, key=lambda run: run.time):
            written = {}
            for run in together:
                for k, (cell, read) in enumerate(run.stores):
                    held = [(other, self.held(memory, other)) for other in read]
                    if not (run.block.is_reduction and run.block.role == "compute"):
                        written[cell] = self.of("value", run.key, k, *(h for _, h in held))
                        continue
                    base = written.get(cell, self.held(memory, cell))
                    if cell in written and not _uniform(run, cell):
                        base = self.of("nothing")  # lanes meet, and nobody folds them
                    # Tensors are no values to compare: that they are one is seen by identity.
                    terms = [h for (b, *at), h in held if b is not cell[0] or at != [*cell[1:]]]
                    written[cell] = self.updated(base, run, terms)
            memory.update(written)
        return {cell[0::2]: held for cell, held in memory.items() if cell[0] in self.given}

    def held(self, memory: dict[Cell, int], cell: Cell) -> int:
        """Return what ``cell`` holds: what it was given, or, of scratch, nothing."""
        if cell in memory:
            return memory[cell]
        return self.of("given", cell[0], cell[2]) if cell[0] in self.given else self.of("nothing")

    def updated(self, base: int, run: Run, terms: list[int]) -> int:
        """Return what ``base`` becomes by an update."""
        term = self.of("term", run.key, *terms)
        meaning = self.meanings[base]
        if meaning[0] == "sum" and meaning[1] == run.key[0]:
            return self.of("sum", run.key[0], meaning[2], tuple(sorted((*meaning[3], term))))
        return self.of("sum", run.key[0], base, (term,))


def computes_the_same(
    declared: Program, proposed: Program, sizes: Env, *, once: bool = False
) -> str | None:
    """Return what ``proposed`` computes otherwise at ``sizes``, or where it races; None if nothing.

    An instance may run again in another room, and, unless it is to run ``once``, in the same, if
    that changes nothing. The order of reductions is free.
    """
    symbols = Symbols()
    wanted, found = symbols.outcome(declared, sizes), symbols.outcome(proposed, sizes)
    for cell in wanted | found:
        if wanted.get(cell) != found.get(cell):
            return f"{cell} holds another value"
    touching: dict[Cell, list[tuple[Run, bool]]] = {}
    seen: set[tuple[Key, Cell]] = set()
    for run in runs(proposed, sizes):
        for cell in run.writes:
            if once and (run.key, cell) in seen:
                return f"{run.key} runs twice in one room"
            seen.add((run.key, cell))
        for cell in run.reads | run.writes:
            touching.setdefault(cell, []).append((run, cell in run.writes))
    for cell, touches in touching.items():
        for (first, writes), (second, also) in combinations(touches, 2):
            if (writes or also) and _races(first, second):
                return f"{first.key} and {second.key} race for {cell}"
    return None
