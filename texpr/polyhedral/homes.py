"""Whether scratch may have other cells in each iteration of a loop.

It may where no iteration reads what another one wrote. Scratch that moves into a loop is new in
each of its iterations; scratch with a dimension for a loop has cells of its own for each, and can
live outside. The statements, and their order, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, Var
from texpr.ir.program import ZERO, Alloc, Block, Loop, Program, Seq, Stmt, Store, stmts
from texpr.ir.simplify import simplify
from texpr.ir.visitor import CellRewriter, Rewriter, Visit
from texpr.polyhedral.context import IN, OUT, Unknown
from texpr.polyhedral.judge import Finding, Judge
from texpr.polyhedral.scop import Scop, Statement


@dataclass(frozen=True, eq=False)
class Rehomed:
    """The witness of scratch that lives elsewhere: ``array`` became ``new``.

    With ``loop``, the variable of one, ``new`` has a first dimension for its iterations.
    """

    array: Buffer
    new: Buffer
    loop: Var | None = None


def home_fault(judge: Judge, before: Program, after: Program, witness: Rehomed) -> Finding | None:
    """Return why ``after`` may compute other values than ``before``, None where it does not.

    ``judge`` knows the dependences of ``before``.
    """
    scop = Scop(after, judge.scop.analysis)
    reason = _other_program(before, after, witness) or _other_homes(scop, witness)
    if reason is not None:
        return Finding("instances", None, missing=reason)
    was, now = (_home(one, buffer) for one, buffer in
                ((judge.scop, witness.array), (scop, witness.new)))  # fmt: skip
    apart = [*now, *([] if witness.loop is None else [witness.loop])]
    if not set(was).issubset(apart):
        return Finding("instances", None, missing=f"{witness.array.name} would share cells")
    found = judge.scop.analysis.ask(lambda: next(_crossing(judge, witness.array, apart), None))
    if isinstance(found, Unknown):
        return Finding("storage", None, missing=str(found))
    return found


def _home(scop: Scop, buffer: Buffer) -> tuple[Var, ...]:
    """Return the variables of the loops whose every iteration has a ``buffer`` of its own."""
    for statement in scop.statements:
        if buffer in set(statement.block.buffers):
            return tuple(loop.var for loop in statement.homes.get(buffer, ()))
    return ()


def _crossing(judge: Judge, array: Buffer, loops: Sequence[Var]) -> Iterator[Finding]:
    """Yield the values of ``array`` that one iteration of ``loops`` has from another."""
    for one in judge.dependences.value_flow:
        if one.buffer is not array:
            continue
        missing = None if one.missing is None else str(one.missing)
        for loop in loops:
            source, sink = (_place(touch.statement, loop) for touch in (one.source, one.sink))
            if source is None or sink is None:
                yield Finding("storage", one, missing=f"{loop.name} is no axis of its statements")
                continue
            across = one.pairs.subtract(one.pairs.equate(IN, source, OUT, sink))
            if not across.is_empty():
                yield Finding("storage", one, across, missing=missing)


def _place(statement: Statement, loop: Var) -> int | None:
    """Return which of the axes of ``statement`` runs as ``loop`` does."""
    bindings = statement.block.bindings
    return next((k for k, value in enumerate(bindings) if value is loop), None)


# ---------------------------------------------------------------- the same program


def _other_homes(after: Scop, witness: Rehomed) -> str | None:
    allocs = [s for s in stmts(after.program.body) if isinstance(s, Alloc)]
    if sum(one.buffer is witness.new for one in allocs) != 1:
        return f"{witness.new.name} is not made once"
    for statement in after.statements:
        touched = set(statement.block.buffers)
        if witness.new in touched and witness.new not in statement.homes:
            return f"{statement.label} is where {witness.new.name} is not made yet"
    return None


def _other_program(before: Program, after: Program, witness: Rehomed) -> str | None:
    """Return what of the programs differs besides the cells of the array, None if nothing does."""
    array, new = witness.array, witness.new
    loops = [s for s in stmts(before.body) if isinstance(s, Loop) and s.var is witness.loop]
    shape = array.shape
    if witness.loop is not None:
        if len(loops) != 1:
            return f"{witness.loop.name} is no loop"
        extent = Binary("max", loops[0].upper - loops[0].lower, ZERO)
        shape = (simplify(extent), *shape)
    is_same = len(shape) == len(new.shape) and all(
        a is b for a, b in zip(shape, new.shape, strict=True)
    )
    if (
        array in set(before.args)
        or new in set(after.args)
        or array.dtype is not new.dtype
        or not is_same
    ):
        return f"{new.name} is no scratch as {array.name} is"
    if len(before.args) != len(after.args) or any(
        a is not b for a, b in zip(before.args, after.args, strict=True)
    ):
        return "the arguments are others"
    expected = _Expanded(witness, loops[0] if loops else None).rewrite_stmt(before.body)
    return _difference(expected, _Without(new).rewrite_stmt(after.body))


class _Without(Rewriter):
    """Takes out where a buffer is made."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        kept = []
        body: Stmt = node
        while isinstance(body, Alloc):  # as many in a row as there are stages
            kept.append(body.buffer)
            body = body.body
        body = yield body
        for buffer in reversed(kept):
            body = body if buffer is self.buffer else Alloc(buffer, body)
        return body


class _Expanded(_Without):
    """Puts the new cells in the place of the old ones, and takes out where these are made."""

    def __init__(self, witness: Rehomed, loop: Loop | None) -> None:
        super().__init__(witness.array)
        self.witness, self.loop = witness, loop

    def visit_Block(self, node: Block) -> Stmt:
        if self.witness.array not in set(node.buffers):
            return node
        first: tuple[Expr, ...] = ()
        if self.loop is not None:
            bound = zip(node.iters, node.bindings, strict=True)
            axis = next((axis for axis, value in bound if value is self.loop.var), None)
            if axis is None:
                return node  # which then differs
            first = (simplify(axis.var - self.loop.lower),)
        cells = _Cells(self.witness, first)
        stores = tuple(cast(Store, cells.rewrite_stmt(store)) for store in node.stores)
        return replace(node, stores=stores, predicate=cells.rewrite_expr(node.predicate))


class _Cells(CellRewriter):
    def __init__(self, witness: Rehomed, first: tuple[Expr, ...]) -> None:
        self.witness, self.first = witness, first

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        if buffer is not self.witness.array:
            return buffer, indices
        return self.witness.new, (*self.first, *indices)


def _difference(wanted: Stmt, found: Stmt) -> str | None:
    """Return what differs between two trees, None where nothing does."""
    while isinstance(wanted, Alloc) and isinstance(found, Alloc):
        if wanted.buffer is not found.buffer:
            return f"{wanted.buffer.name} became {found.buffer.name}"
        wanted, found = wanted.body, found.body
    if isinstance(wanted, Block) and isinstance(found, Block):
        return None if _is_same(wanted, found) else f"{wanted.label} is another statement"
    if isinstance(wanted, Loop) and isinstance(found, Loop):
        same = (wanted.var, wanted.lower, wanted.upper, wanted.step, wanted.kind, wanted.chunks)
        other = (found.var, found.lower, found.upper, found.step, found.kind, found.chunks)
        if any(a is not b for a, b in zip(same, other, strict=True)):
            return f"the loop {wanted.var.name} is another"
        return _difference(wanted.body, found.body)
    if isinstance(wanted, Seq) and isinstance(found, Seq) and len(wanted.stmts) == len(found.stmts):
        pairs = zip(wanted.stmts, found.stmts, strict=True)
        return next((why for pair in pairs if (why := _difference(*pair)) is not None), None)
    return "there are other statements"


def _is_same(wanted: Block, found: Block) -> bool:
    if wanted is found:
        return True
    ours = (wanted.label, wanted.fold, wanted.extern, wanted.predicate, len(wanted.stores))
    theirs = (found.label, found.fold, found.extern, found.predicate, len(found.stores))
    pairs: list[tuple[object, object]] = [(ours[0] == theirs[0], True)]
    pairs += zip(ours[1:], theirs[1:], strict=True)
    pairs += zip(wanted.iters, found.iters, strict=False)
    pairs.append((len(wanted.iters), len(found.iters)))
    pairs += zip(wanted.bindings, found.bindings, strict=False)
    for a, b in zip(wanted.stores, found.stores, strict=False):
        pairs += [(a.buffer, b.buffer), (len(a.indices), len(b.indices))]
        pairs += zip(a.children, b.children, strict=False)
    return all(a is b for a, b in pairs)
