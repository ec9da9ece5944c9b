"""Whether a program in which arrays are cached computes the values of the one before it.

A rewrite leaves a *witness* that says what stands for what; nothing else of it is believed. The
statements are those of the program before once caches stand for their arrays again; the copying
statement copies cell by cell; and where it stands, every cell holds the value that is wanted of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import TypeAlias

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Load, Var
from texpr.ir.functions import all_of
from texpr.ir.program import TRUE, Alloc, Block, Fold, Program, Stmt, blocks
from texpr.ir.visitor import CellRewriter, Rewriter, Visit, substitute
from texpr.polyhedral.context import Unknown
from texpr.polyhedral.dependences import chain_operator
from texpr.polyhedral.homes import Rehomed
from texpr.polyhedral.instances import instances_fault, is_once, runs_over, runs_short
from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.layouts import LaidOut
from texpr.polyhedral.padded import Padded, shown_padding
from texpr.polyhedral.scop import Scop, Statement, Touch, textual_order
from texpr.polyhedral.unfolding import Unfolded, whole_again
from texpr.polyhedral.unfolding import other_value as other_value_unfolded


@dataclass(frozen=True, eq=False)
class Cached:
    """The witness of a cache: ``stage`` copies from the arrays to it, or back where ``is_write``.

    ``arrays`` gives the array for every buffer of the cache; ``renamed`` what was declared under
    another name, ``axes`` the variables that were.
    """

    stage: str
    arrays: Mapping[Buffer, Buffer]
    is_write: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    axes: Mapping[Var, Var] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Factored:
    """The witness of a reduction in parts: ``stage`` computes those that ``total`` combines.

    ``values`` gives every axis that was declared in terms of the axes of ``stage``, where
    ``guards`` hold. Its arrays have one dimension more, ``dimension``.
    """

    stage: str
    total: str
    values: Mapping[Var, Expr]
    guards: tuple[Expr, ...]
    dimension: int


@dataclass(frozen=True, eq=False)
class Parted:
    """The witness of loops that were cut: several stages run what one ran before.

    ``stages`` gives that one for each, ``axes`` and ``buffers`` the variables and arrays that stood
    there before.
    """

    stages: Mapping[str, str]
    axes: Mapping[Var, Var]
    buffers: Mapping[Buffer, Buffer] = field(default_factory=dict)

    def joined(self, program: Program, before: Program) -> Program:
        """Return ``program`` with the statements of ``before`` in the place of their parts."""
        return program.with_body(_Joined(self, before).rewrite_stmt(program.body))


class _Joined(Rewriter):
    """Puts the statements that were declared in the place of their parts."""

    def __init__(self, witness: Parted, before: Program) -> None:
        self.witness = witness
        self.declared = {block.label: block for block in blocks(before.body)}

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        body = yield node.body
        return Alloc(self.witness.buffers.get(node.buffer, node.buffer), body)

    def visit_Block(self, node: Block) -> Block:
        name = self.witness.stages.get(node.name, node.name)
        declared = self.declared[replace(node, name=name).label]
        return replace(declared, bindings=node.bindings)


Witness: TypeAlias = Cached | Factored | LaidOut | Padded | Parted | Rehomed | Unfolded


def other_value(
    before: Judge,
    after: Judge,
    witness: Cached | Factored | Padded | Parted | Unfolded,
    assumed: Collection[Buffer] = (),
) -> Finding | None:
    """Return why ``after`` may compute other values than ``before``, None where it does not.

    What cannot be decided does not count of the arrays in ``assumed``.
    """
    ask = after.scop.analysis.ask
    for statement in after.scop.statements:
        answer = ask(partial(runs_over, statement))
        if answer:
            why = (
                answer
                if isinstance(answer, Unknown)
                else "its loops run instances that it does not have"
            )
            return Finding("instances", None, missing=f"{statement.label}: {why}")
    if isinstance(witness, Padded):
        declared = Scop(before.scop.program, after.scop.analysis)
        finding = _other_order(before, after, witness, assumed)
        if finding is not None:
            return finding
        shown = ask(lambda: shown_padding(declared, after.scop, witness))
        return None if shown is None else Finding("instances", None, missing=str(shown))
    if isinstance(witness, Parted):
        return _other_order(before, after, witness, assumed)
    if not isinstance(witness, Cached | Factored):
        return other_value_unfolded(before, after, witness, assumed)
    if isinstance(witness, Factored):
        # Sets are compared, and those of two contexts must not meet.
        declared = Scop(before.scop.program, after.scop.analysis)
        uneven = ask(lambda: _other_parts(declared, after.scop, witness))
        return None if uneven is None else Finding("instances", None, missing=str(uneven))
    reason = _other_statements(before.scop, after.scop, witness)
    if reason is not None:
        return Finding("instances", None, missing=reason)
    uncopied = ask(lambda: _uncopied(after.scop, witness))
    if uncopied is not None:
        return Finding("instances", None, missing=str(uncopied))
    if witness.is_write:
        reason = _meddling(after.scop, witness)
        return None if reason is None else Finding("instances", None, missing=reason)
    return next(_stale(before, after.scop, witness), None)


def _other_order(
    before: Judge, after: Judge, witness: Parted | Padded, assumed: Collection[Buffer]
) -> Finding | None:
    """Return what the parts of statements do not do as the whole ones did, or not in its order.

    They are declared to run just what their loops run, and put together they are a program that
    runs the statements from before, some in pieces.
    """
    plain = _Uncached(Cached("", witness.buffers, axes=witness.axes))
    stages = witness.stages if isinstance(witness, Parted) else {}
    for statement in after.scop.statements:
        name = stages.get(statement.block.name, statement.block.name)
        label = replace(statement.block, name=name).label
        declared = next((one for one in before.scop.statements if one.label == label), None)
        if declared is None or not _is_same(declared.block, statement.block, plain):
            why = "is another statement than declared"
        else:
            answer = after.scop.analysis.ask(partial(_is_uneven, statement))
            if answer is False:
                continue
            why = "runs other instances than it is declared to"
            why = f"{why}: {answer}" if isinstance(answer, Unknown) else why
        return Finding("instances", None, missing=f"{statement.label} {why}")
    joined = witness.joined(after.scop.program, before.scop.program)
    return before.first_fault(joined, assumed)


def _is_uneven(statement: Statement) -> bool:
    return runs_short(statement) or not is_once(statement, 0)


def _other_parts(before: Scop, after: Scop, witness: Factored) -> str | None:
    """Return why the parts of a reduction do not make up the whole, None where they do."""
    declared, parts = before[witness.total], after[witness.stage]
    start, total = after[f"{witness.stage}.init"], after[witness.total]
    fold = declared.block.fold
    writes = [touch for touch in declared.touches if touch.access.is_write]
    policy = before.program.float_policy
    if fold is None or any(chain_operator(touch, policy) is None for touch in writes):
        return f"the order of the terms of {witness.total} is not free"
    plain = _Uncached(Cached(witness.stage, {}))
    for statement in after.statements:
        is_kept = statement not in (parts, start, total)
        if is_kept and not _is_same(before[statement.label].block, statement.block, plain):
            return f"{statement.label} is another statement than declared"
    if {s.label for s in before.statements} - {s.label for s in after.statements}:
        return "a statement is not there"
    if not _comes_first(start, parts) or _order(parts, total) != "always":
        return f"{witness.total} may run before its parts are complete"
    expected = _expected_parts(declared.block, parts.block, witness)
    if not _are_same(_contents(parts.block), expected):
        return f"{witness.stage} computes other terms than {witness.total}"
    cells = parts.block.stores[0].indices
    data = (*cells[: witness.dimension], *cells[witness.dimension + 1 :])
    wanted = [witness.values[i] for i in declared.block.stores[0].indices if isinstance(i, Var)]
    if not _are_same(data, wanted):
        return f"{witness.stage} keeps its parts in other cells"
    if not _are_same([s.value for s in start.block.stores], fold.identity) or not all(
        _are_same(s.indices, cells) for s in (*start.block.stores, *parts.block.stores)
    ):
        return f"{witness.stage} does not start with what is neutral"
    if not _is_total(declared.block, total.block, parts.block, fold, witness):
        return f"{witness.total} does not combine all parts"
    for statement in (start, parts, total):
        if runs_short(statement) or not is_once(statement, 0):
            return f"the loops of {statement.label} do not run all of its instances once"
    return _uneven(declared, parts, witness)


def _comes_first(first: Statement, second: Statement) -> bool:
    """Whether ``first`` comes before ``second`` in every iteration of the loops around both."""
    for a, b in zip(first.columns, second.columns, strict=False):
        if a is not b and a != b:
            return isinstance(a, int) and isinstance(b, int) and a < b
    return False


def _order(first: Statement, second: Statement) -> str:
    return textual_order(first.columns, second.columns)


def _are_same(found: Sequence[object], wanted: Sequence[object]) -> bool:
    return len(found) == len(wanted) and all(a is b for a, b in zip(found, wanted, strict=True))


def _contents(block: Block) -> list[Expr]:
    return [block.predicate, *(store.value for store in block.stores)]


def _expected_parts(declared: Block, parts: Block, witness: Factored) -> list[Expr]:
    """Return predicate and values of the declared statement at the values of its axes."""
    arrays = {
        store.buffer: (part.buffer, part.indices)
        for store, part in zip(declared.stores, parts.stores, strict=True)
    }

    class _Parts(Rewriter):
        def visit_Load(self, node: Load) -> Visit[Expr]:
            indices = []
            for index in node.indices:
                indices.append((yield index))
            return Load(*arrays.get(node.buffer, (node.buffer, indices)))

    at = [substitute(part, witness.values) for part in _contents(declared)]
    predicate, *values = map(_Parts().rewrite_expr, at)
    own = [] if predicate is TRUE else [predicate]
    return [all_of([*witness.guards, *own]), *values]


def _is_total(declared: Block, total: Block, parts: Block, fold: Fold, witness: Factored) -> bool:
    """Whether ``total`` combines what it has with the part of each value of its last axis."""
    *data, last = total.iters
    cells = declared.stores[0].indices
    at = (*cells[: witness.dimension], last.var, *cells[witness.dimension :])
    own: dict[Var, Expr] = {}
    for k, (store, part) in enumerate(zip(total.stores, parts.stores, strict=True)):
        if store.buffer is not declared.stores[k].buffer or not _are_same(store.indices, cells):
            return False
        own[fold.old[k]], own[fold.new[k]] = Load(store.buffer, cells), Load(part.buffer, at)
    wanted = [substitute(value, own) for value in fold.combined]
    moved = {axis.var: axis for axis in parts.iters}
    index = parts.stores[0].indices[witness.dimension]
    dom = moved[index].dom if isinstance(index, Var) and index in moved else None
    left = [axis for axis in declared.iters if not axis.is_reduce]
    return (
        _are_same([store.value for store in total.stores], wanted)
        and total.predicate is TRUE
        and _are_same(data, left)
        and dom is not None
        and last.dom is not None
        and _are_same(dom, last.dom)
    )


def _uneven(declared: Statement, parts: Statement, witness: Factored) -> str | None:
    """Return which terms the parts do not have just once, None where all are there."""
    gone = (f"{witness.stage}.init", witness.total)
    whole = whole_again(
        parts.scop, parts.label, gone, declared.block, witness.values, witness.guards
    )
    terms = Scop(whole, parts.scop.analysis)[witness.total]
    if declared.region.missing or terms.region.missing:
        return f"the terms of {witness.stage} are not known"
    # A cell of the parts has the data axes of its own; so no two parts of a term may be.
    if instances_fault(declared, [terms]) is not None:
        return f"{witness.stage} does not have every term of {witness.total} once"
    return None


class _Uncached(CellRewriter):
    """Puts the arrays back in the place of their caches."""

    def __init__(self, witness: Cached) -> None:
        self.witness = witness

    def visit_Var(self, node: Var) -> Var:
        return self.witness.axes.get(node, node)

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        return self.witness.arrays.get(buffer, buffer), indices


def _other_statements(before: Scop, after: Scop, witness: Cached) -> str | None:
    known = {statement.label: statement.block for statement in before.statements}
    uncached = _Uncached(witness)
    for statement in after.statements:
        block = statement.block
        if block.name == witness.stage:
            if not _is_copy(block, witness):
                return f"{statement.label} does not copy cell by cell"
            continue
        name = witness.renamed.get(block.name, block.name)
        label = statement.label.replace(block.name, name, 1)
        declared = known.pop(label, None)
        if declared is None or not _is_same(declared, block, uncached):
            return f"{statement.label} is another statement than declared"
    return next((f"{label} is not there" for label in known), None)


def _is_copy(block: Block, witness: Cached) -> bool:
    axes = [axis.var for axis in block.iters]
    for store in block.stores:
        value = store.value
        if not isinstance(value, Load):
            return False
        pair = (value.buffer, store.buffer) if witness.is_write else (store.buffer, value.buffer)
        here = len(axes) == len(store.indices) == len(value.indices) and all(
            a is b is c for a, b, c in zip(axes, store.indices, value.indices, strict=True)
        )
        if witness.arrays.get(pair[0]) is not pair[1] or not here:
            return False
    return {len(block.stores)} == {len(witness.arrays)}


def _is_same(declared: Block, block: Block, uncached: _Uncached) -> bool:
    own = [uncached.visit_Var(axis.var) for axis in block.iters]
    pairs: list[tuple[object, object]] = [
        *zip(own, [axis.var for axis in declared.iters], strict=False),
        (len(own), len(declared.iters)),
        (len(block.stores), len(declared.stores)),
        (uncached.rewrite_expr(block.predicate), declared.predicate),
    ]
    for store, other in zip(block.stores, declared.stores, strict=False):
        pairs.append((uncached.witness.arrays.get(store.buffer, store.buffer), other.buffer))
        own_parts = [*map(uncached.rewrite_expr, (*store.indices, store.value))]
        pairs += zip(own_parts, other.children, strict=False)
    return all(a is b for a, b in pairs)


def _touches(scop: Scop, buffer: Buffer, *, is_write: bool) -> Iterator[Touch]:
    for statement in scop.statements:
        for touch in statement.touches:
            if touch.access.buffer is buffer and touch.access.is_write is is_write:
                yield touch


def _cells(touches: Iterator[Touch]) -> isl.Set | None:
    found = [touch.cells.over.range() for touch in touches]
    return reduce(isl.Set.union, found) if found else None


def _uncopied(after: Scop, witness: Cached) -> str | None:
    """Return which cells are not copied once, though they are read or were written."""
    if not is_once(after[witness.stage], 0):
        return f"the loops of {witness.stage} run some instance twice"
    for cache, array in witness.arrays.items():
        target = array if witness.is_write else cache
        own = (t for t in after[witness.stage].touches if t.access.is_write)
        copied = _cells(t for t in own if t.access.buffer is target)
        wanted = _cells(_touches(after, cache, is_write=witness.is_write))
        if copied is None or wanted is None:
            return f"{witness.stage} copies nothing of {array.name}"
        if not wanted.is_subset(copied):
            return f"{witness.stage} does not copy all of {array.name}"
        if witness.is_write and not copied.is_subset(wanted):
            return f"{witness.stage} copies what is not computed of {array.name}"
    return None


def _meddling(after: Scop, witness: Cached) -> str | None:
    """Return which statement does not leave the copy to a cache where it was."""
    copy = after[witness.stage]
    caches, arrays = set(witness.arrays), set(witness.arrays.values())
    inside = [s for s in after.statements if caches & set(s.block.buffers) and s is not copy]
    for statement in inside:
        if textual_order(statement.columns, copy.columns) != "always":
            return f"{statement.label} may run after the copy"
    for statement in after.statements:
        if statement is copy or not arrays & set(statement.block.buffers):
            continue
        to_copy = textual_order(statement.columns, copy.columns)
        if to_copy == "sometimes" or any(
            textual_order(statement.columns, one.columns) != to_copy for one in inside
        ):
            return f"{statement.label} touches the array while it is computed in the cache"
    return None


def _stale(before: Judge, after: Scop, witness: Cached) -> Iterator[Finding]:
    """Yield the values that a reader of the cache would not get, as the copy is too early."""
    copy = after[witness.stage]
    for reader in after.statements:
        for cache, array in witness.arrays.items():
            if reader is copy or cache not in {load.buffer for load in reader.block.reads}:
                continue
            if textual_order(copy.columns, reader.columns) != "always":
                yield Finding("instances", None, missing=f"{reader.label} may run before the copy")
            for one in before.dependences:
                is_flow = one.kind == "flow" and one.buffer is array
                if not is_flow or one.sink.statement.label != reader.label:
                    continue
                writer: Statement = after[one.source.statement.label]
                if textual_order(writer.columns, copy.columns) != "always":
                    missing = None if one.missing is None else str(one.missing)
                    yield Finding("stale", one, one.pairs, missing=missing)
