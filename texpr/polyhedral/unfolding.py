"""Whether statements that were put together, or taken apart, compute what those before did.

Each rewrite leaves a *witness* of which statement stands for which; nothing else of it is
believed. The statements are compared with what the declared ones make of it, and then the rewrite
is *unfolded*: in the new program, at the places of the new statements, stand the declared ones
again. What is left is a program of the declared statements in another order, which the judge of
the program before judges as any schedule. So there is a rule for values here, and none for order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars
from texpr.ir.functions import all_of
from texpr.ir.program import TRUE, Block, If, Program, Seq, Stmt, Store, seq
from texpr.ir.simplify import simplify
from texpr.ir.update import is_neutral, neutral, update_of
from texpr.ir.visitor import Rewriter, Visit, substitute, with_element
from texpr.polyhedral.context import Unknown
from texpr.polyhedral.dependences import chain_operator
from texpr.polyhedral.instances import is_once
from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.scop import Scop, Statement, Touch


@dataclass(frozen=True, eq=False)
class Merged:
    """The witness of a reduction made of a statement ``init`` that sets and one that updates.

    ``values`` gives the axes of ``init`` in terms of those of the new initialisation, ``axes``
    the variable that was declared for every one of the new update.
    """

    init: str
    stage: str
    values: Mapping[Var, Expr]
    axes: Mapping[Var, Var]


@dataclass(frozen=True, eq=False)
class Absorbed:
    """The witness of a ``consumer`` that is computed where ``stage`` writes what it reads.

    ``values`` gives the axes of the consumer in terms of those of ``stage``, where ``guards`` hold.
    """

    stage: str
    consumer: str
    values: Mapping[Var, Expr]
    guards: tuple[Expr, ...]


@dataclass(frozen=True, eq=False)
class Privatised:
    """The witness of an update in parts: ``start`` makes them neutral, ``stage`` updates them.

    ``total`` then combines them. ``values`` gives every axis that was declared in terms of the
    axes of ``stage``, where ``guards`` hold. The parts have the dimensions ``kept`` of the array,
    and at ``dimension`` one for the parts.
    """

    stage: str
    start: str
    total: str
    values: Mapping[Var, Expr]
    guards: tuple[Expr, ...]
    kept: tuple[int, ...]
    dimension: int


Unfolded: TypeAlias = Merged | Absorbed | Privatised


def other_value(
    before: Judge, after: Judge, witness: Unfolded, assumed: Collection[Buffer]
) -> Finding | None:
    """Return why ``after`` may compute other values than ``before``, None where it does not."""
    made = _unfolded(before.scop, after.scop, witness)
    if isinstance(made, str):
        return Finding("instances", None, missing=made)
    finding = before.first_fault(made, assumed)
    if finding is not None and finding.fault == "instances" and finding.missing is not None:
        return replace(finding, missing=_in_words(finding.missing, witness))
    return finding


def _unfolded(before: Scop, after: Scop, witness: Unfolded) -> Program | str:
    """Return the new program with the declared statements, or why it has other values."""
    if isinstance(witness, Merged):
        return _unmerged(before, after, witness)
    if isinstance(witness, Absorbed):
        return _spread(before, after, witness)
    return _joined(before, after, witness)


def _in_words(reason: str, witness: Unfolded) -> str:
    """Say of instances that are lost or added what that means of a rewrite."""
    if isinstance(witness, Merged) and reason.startswith(f"{witness.init}:"):
        if "every instance" in reason:
            return f"{witness.init} sets elements that {witness.stage} does not update"
        if "not declared" in reason:
            return f"{witness.init} does not set every element that {witness.stage} updates"
    is_consumer = isinstance(witness, Absorbed) and reason.startswith(f"{witness.consumer}:")
    if isinstance(witness, Absorbed) and is_consumer and "every instance" in reason:
        return f"{witness.consumer} has elements for which {witness.stage} computes none"
    return reason


class _Put(Rewriter):
    """Puts statements in the place of others, or nothing."""

    def __init__(self, changes: Mapping[str, Callable[[Block], Stmt]]) -> None:
        self.changes = changes

    def visit_Block(self, node: Block) -> Stmt:
        change = self.changes.get(node.label)
        return node if change is None else change(node)


def _unfold(scop: Scop, changes: Mapping[str, Callable[[Block], Stmt]]) -> Program:
    return scop.program.with_body(_Put(changes).rewrite_stmt(scop.program.body))


def _nothing(block: Block) -> Stmt:
    return Seq(())


def _declared_at(block: Block, declared: Block, values: Mapping[Var, Expr]) -> Block:
    """Return ``declared`` where ``block`` stands, its axes having ``values`` in terms of those."""
    here = _bound(block)
    bindings = (values.get(axis.var, axis.var) for axis in declared.iters)
    return replace(declared, bindings=tuple(simplify(substitute(b, here)) for b in bindings))


def _bound(block: Block) -> dict[Var, Expr]:
    return {axis.var: value for axis, value in zip(block.iters, block.bindings, strict=True)}


def _are_same(found: Sequence[object], wanted: Sequence[object]) -> bool:
    return len(found) == len(wanted) and all(a is b for a, b in zip(found, wanted, strict=True))


# ---------------------------------------------------------------- a reduction of two statements


def _unmerged(before: Scop, after: Scop, witness: Merged) -> Program | str:
    start, update = before[witness.init].block, before[witness.stage].block
    init, own = after[f"{witness.stage}.init"].block, after[witness.stage].block
    known = update_of(update)
    fold = own.fold
    if known is None or fold is None:
        return f"{witness.stage} does not update what it writes"
    (set_to,), (sets,), (target,) = start.stores, init.stores, own.stores
    if not is_neutral(set_to.value, known.fold, target.buffer.dtype):
        value = neutral(known.fold, target.buffer.dtype)
        return (
            f"{witness.init} sets it to {set_to.value}, and what is neutral for "
            f"{witness.stage} is {value}"
        )
    wanted = [simplify(substitute(index, witness.values)) for index in set_to.indices]
    if not (
        sets.buffer is target.buffer is set_to.buffer
        and sets.value is set_to.value
        and start.predicate is init.predicate is TRUE
        and _are_same([simplify(index) for index in sets.indices], wanted)
        and _are_same(sets.indices, target.indices)
    ):
        return f"{witness.stage} starts with something else than {witness.init} sets"
    axes: dict[Var, Expr] = {**witness.axes}
    here = [substitute(part, axes) for part in _contents(own)]
    is_own = _are_same(here, _contents(update))
    mapped = [axes.get(axis.var, axis.var) for axis in own.iters]
    if not is_own or not _are_same(mapped, [axis.var for axis in update.iters]):
        return f"{witness.stage} is another statement than declared"
    combined = (Binary(known.fold, fold.old[0], fold.new[0]),)
    if not _are_same(fold.combined, combined) or not _are_same(fold.identity, (sets.value,)):
        return f"{witness.stage} combines its terms in another way"
    back: dict[Var, Expr] = {
        old.var: new.var for old, new in zip(update.iters, own.iters, strict=True)
    }
    return _unfold(
        after,
        {
            init.label: lambda block: _declared_at(block, start, witness.values),
            own.label: lambda block: _declared_at(block, update, back),
        },
    )


def _contents(block: Block) -> list[Expr]:
    found: list[Expr] = [block.predicate]
    for store in block.stores:
        found += [*store.indices, store.value]
    return found


# ---------------------------------------------------------------- a consumer in its producer


def absorbed(
    producer: Block, consumer: Block, values: Mapping[Var, Expr], guards: Sequence[Expr]
) -> Block:
    """Return the producer that writes what its consumer computes of its value."""
    (made,), (store,) = producer.stores, consumer.stores
    forward = _Forward(made.buffer, made.value)

    def moved(expr: Expr) -> Expr:
        return forward.rewrite_expr(substitute(expr, values))

    tests = [*guards]
    for predicate in (producer.predicate, moved(consumer.predicate)):
        if predicate is not TRUE and not any(predicate is one for one in tests):
            tests.append(predicate)
    indices = tuple(simplify(moved(index)) for index in store.indices)
    stores = (Store(store.buffer, indices, moved(store.value)),)
    return replace(producer, stores=stores, predicate=all_of(tests) if tests else TRUE)


class _Forward(Rewriter):
    """Puts a value in the place of the elements of a buffer."""

    def __init__(self, buffer: Buffer, value: Expr) -> None:
        self.buffer, self.value = buffer, value

    def visit_Load(self, node: Load) -> Visit[Expr]:
        if node.buffer is self.buffer:
            return self.value
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return node.rebuild(indices)


def _spread(before: Scop, after: Scop, witness: Absorbed) -> Program | str:
    producer, consumer = before[witness.stage].block, before[witness.consumer].block
    own = after[witness.stage].block
    (made,) = producer.stores
    buffer = made.buffer
    if buffer in set(before.program.buffers):
        return f"{buffer.name} is an argument, and nothing would write it"
    for statement in before.statements:
        label, touched = statement.label, set(statement.block.buffers)
        if buffer in touched and label not in (witness.stage, witness.consumer):
            return f"{label} touches {buffer.name}, too"
    if made.value.dtype is not buffer.dtype:
        return f"{buffer.name} holds other values than {witness.stage} computes"
    reads = [load for load in consumer.reads if load.buffer is buffer]
    if len(reads) != 1 or buffer in set(producer.read_buffers):
        return f"{witness.consumer} does not read one element of {buffer.name}"
    at = [simplify(substitute(index, witness.values)) for index in reads[0].indices]
    if not all(
        one is other or _is_guarded(one, other, witness.guards)
        for one, other in zip(at, made.indices, strict=True)
    ):
        return f"{witness.consumer} reads another element than {witness.stage} computes there"
    expected = absorbed(producer, consumer, witness.values, witness.guards)
    if not _are_same(_contents(own), _contents(expected)) or not (
        own.stores[0].buffer is expected.stores[0].buffer
        and _are_same([*own.iters], [*producer.iters])
    ):
        return f"{witness.stage} does not compute what {witness.consumer} does of its value"

    def apart(block: Block) -> Stmt:
        here = _bound(block)
        reader: Stmt = _declared_at(block, consumer, witness.values)
        tests = [*witness.guards, *([] if producer.predicate is TRUE else [producer.predicate])]
        for test in reversed(tests):
            reader = If(simplify(substitute(test, here)), reader)
        return seq(replace(producer, bindings=block.bindings), reader)

    return _unfold(after, {own.label: apart})


def _is_guarded(index: Expr, wanted: Expr, guards: Sequence[Expr]) -> bool:
    """Whether a guard says that ``index``, which no axis moves, is ``wanted``."""
    return any(Binary("eq", wanted, index) is guard for guard in guards)


# ---------------------------------------------------------------- an update in parts


def _joined(before: Scop, after: Scop, witness: Privatised) -> Program | str:
    declared, parts = before[witness.total].block, after[witness.stage]
    start, total = after[witness.start], after[witness.total]
    update, (store,) = update_of(declared), declared.stores
    policy = before.program.float_policy
    writes = [t for t in before[witness.total].touches if t.access.is_write]
    if update is None or any(chain_operator(touch, policy) is None for touch in writes):
        return f"the order of the terms of {witness.total} is not free"
    own = {load for index in store.indices for load in _loads(index)}
    own |= set(_loads(declared.predicate))
    if store.buffer in {load.buffer for load in own}:
        return f"where {witness.total} updates {store.buffer.name} hangs on what is there"
    (part,) = parts.block.stores
    known = {buffer for one in before.statements for buffer in one.block.buffers}
    if part.buffer in known | set(after.program.buffers):
        return f"the parts of {witness.total} are in an array that is there already"
    reason = (
        _other_update(declared, parts.block, witness)
        or _other_total(declared, total, parts.block, update.fold, witness)
        or _not_neutral(start, parts, update.fold, witness)
        or _interfering(after, start, parts, total)
        or _incomplete(after, start, parts, total, part.buffer)
    )
    if reason is not None:
        return reason

    gone = (start.label, total.label)
    return whole_again(after, parts.label, gone, declared, witness.values, witness.guards)


def whole_again(
    scop: Scop,
    parts: str,
    gone: Collection[str],
    declared: Block,
    values: Mapping[Var, Expr],
    guards: Sequence[Expr],
) -> Program:
    """Return a program in which the declared statement stands in the place of its parts."""

    def whole(block: Block) -> Stmt:
        here = _bound(block)
        made: Stmt = _declared_at(block, declared, values)
        for guard in reversed(guards):
            made = If(simplify(substitute(guard, here)), made)
        return made

    return _unfold(scop, {parts: whole, **dict.fromkeys(gone, _nothing)})


def _loads(expr: Expr) -> list[Load]:
    found, stack = [], [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, Load):
            found.append(node)
        stack += node.children
    return found


def _other_update(declared: Block, parts: Block, witness: Privatised) -> str | None:
    """Return why the parts are updated in another way than the whole was."""
    (store,), (part,) = declared.stores, parts.stores
    number = part.indices[witness.dimension]
    cell = tuple(substitute(store.indices[d], witness.values) for d in witness.kept)
    at = (*cell[: witness.dimension], number, *cell[witness.dimension :])
    own = substitute(Load(store.buffer, store.indices), witness.values)
    tests = [*witness.guards]
    if declared.predicate is not TRUE:
        tests.append(substitute(declared.predicate, witness.values))
    wanted = [
        all_of(tests) if tests else TRUE,
        *at,
        with_element(substitute(store.value, witness.values), own, Load(part.buffer, at)),
    ]
    is_axis = any(number is axis.var for axis in parts.iters)
    if not is_axis or not _are_same(_contents(parts), wanted):
        return f"{witness.stage} computes other terms than {witness.total}"
    return None


def _other_total(
    declared: Block, total: Statement, parts: Block, fold: str, witness: Privatised
) -> str | None:
    """Return why the parts are combined in another way than their terms were."""
    block = total.block
    (store,), (target,), (part,) = declared.stores, block.stores, parts.stores
    axes, here, there = {axis.var for axis in block.iters}, _bound(block), _bound(parts)
    declared_axes = [axis.var for axis in declared.iters]
    shared = [v for v in declared_axes if v in axes]
    fixed = {d: index for d, index in enumerate(store.indices) if d not in witness.kept}
    moving = [target.indices[d] for d in witness.kept]
    others = {v for v in axes if not any(v is one for one in shared)}
    value = target.value
    read = value.b if isinstance(value, Binary) else None
    if not isinstance(read, Load) or read.buffer is not part.buffer:
        return f"{witness.total} does not combine its parts"
    number = read.indices[witness.dimension]
    cell = (*moving[: witness.dimension], number, *moving[witness.dimension :])
    own = Load(target.buffer, target.indices)
    # Every axis that is not shared with the declared statement is one subscript of the parts.
    is_whole = (
        target.buffer is store.buffer
        and block.predicate is TRUE
        and value is Binary(fold, own, read)
        and _are_same(read.indices, cell)
        and len({*cell}) == len(cell)
        and {*cell} == others
        and all(target.indices[d] is index for d, index in fixed.items())
        and not any(v not in axes and v.is_axis for i in fixed.values() for v in free_vars(i))
        and all(v in there or v in witness.values for v in declared_axes)
        and all(v not in witness.values and here[v] is there.get(v) for v in shared)
        and is_once(total, 0)
    )
    return None if is_whole else f"{witness.total} does not combine all parts"


def _not_neutral(start: Statement, parts: Statement, fold: str, witness: Privatised) -> str | None:
    (first,), (part,) = start.block.stores, parts.block.stores
    bound = [_bound(one.block) for one in (start, parts)]
    numbers = [s.indices[witness.dimension] for s in (first, part)]
    at = [
        here.get(number) if isinstance(number, Var) else None
        for here, number in zip(bound, numbers, strict=True)
    ]
    is_neutral_start = (
        first.buffer is part.buffer
        and start.block.predicate is TRUE
        and first.value is neutral(fold, part.buffer.dtype)
        # Both belong to the same iteration of the loop over the parts.
        and at[0] is not None
        and at[0] is at[1]
        and any(at[0] is loop.var for loop in start.loops)
        and is_once(start, 0)
    )
    return None if is_neutral_start else f"{witness.stage} does not start with what is neutral"


def _interfering(after: Scop, start: Statement, parts: Statement, total: Statement) -> str | None:
    """Return what comes between the start of the parts and their combination, or too early."""
    first, last = _fork(start, parts), _fork(parts, total)
    if first is None or last is None or first[1] > 0 or last[1] > 0 or first[0] <= last[0]:
        return f"{total.label} may run before its parts are complete"
    for other in after.statements:
        if other in (start, parts, total):
            continue
        forks = [_fork(other, one) for one in (start, parts, total)]
        if any(f is None or f[0] > last[0] for f in forks) or len({f and f[1] for f in forks}) > 1:
            return f"{other.label} is between the parts of {total.label}"
    return None


def _fork(first: Statement, second: Statement) -> tuple[int, int] | None:
    """Return where two statements part, and -1 if the first is before the second there, or 1.

    The loops before that place are around both. None where they never part.
    """
    for place, (a, b) in enumerate(zip(first.columns, second.columns, strict=False)):
        if a is not b and a != b:
            if isinstance(a, int) and isinstance(b, int):
                return place, -1 if a < b else 1
            return None
    return None


def _incomplete(
    after: Scop, start: Statement, parts: Statement, total: Statement, buffer: Buffer
) -> str | None:
    """Return which cells of the parts are not set first, or not combined."""

    def cells(statement: Statement, *, is_write: bool) -> isl.Set | None:
        found = [
            touch.cells.over.range()
            for touch in statement.touches
            if touch.access.buffer is buffer and touch.access.is_write is is_write
        ]
        return reduce(isl.Set.union, found) if found else None

    def ask() -> str | None:
        exact = [*_touches(start, buffer), *_touches(total, buffer)]
        if any(touch.cells.missing is not None for touch in exact):
            return f"which parts {total.label} combines is not known"
        whole = [cells(start, is_write=True), cells(total, is_write=False)]
        needed = cells(parts, is_write=True)
        if needed is None or whole[0] is None or whole[1] is None:
            return f"{total.label} has no parts"
        if not whole[1].is_subset(whole[0]) or not needed.is_subset(whole[0]):
            return f"{start.label} does not set all parts of {total.label}"
        return None if needed.is_subset(whole[1]) else f"{total.label} does not combine all parts"

    answer = after.analysis.ask(ask)
    return str(answer) if isinstance(answer, Unknown) else answer


def _touches(statement: Statement, buffer: Buffer) -> list[Touch]:
    return [touch for touch in statement.touches if touch.access.buffer is buffer]
