"""The comparison of a program with one whose scratch lives elsewhere, and what it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import texpr
from texpr.ir.buffer import Buffer, twin
from texpr.ir.dtypes import FLOAT32
from texpr.ir.program import Alloc, Block, Loop, Program, Stmt, stmts
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.homes import Rehomed, home_fault
from texpr.polyhedral.judge import Judge

N = texpr.size("N")


@texpr.kernel
def rows(A: texpr.f64[N, N], B: texpr.f64[N]):
    T = texpr.empty((N,), "float64")
    for i in range(N):
        for j in range(N):
            T[j] = A[i, j] * 2.0
        for j in range(N):
            B[i] = B[i] + T[j]


def rehomed(primitive: str) -> tuple[Program, Program, Rehomed]:
    s = texpr.create_schedule(rows)
    getattr(s, primitive)("T", "i")
    declared = s.state.declared
    assert isinstance(declared.witness, Rehomed)
    assert declared.before is not None
    return declared.before.program, declared.program, declared.witness


def is_refused(before: Program, after: Program, witness: Rehomed) -> bool:
    return home_fault(Judge(before), before, after, witness) is not None


@pytest.mark.parametrize("primitive", ["expand", "privatize"])
def test_what_the_primitives_leave(primitive):
    assert not is_refused(*rehomed(primitive))


class Changed(Rewriter):
    """Changes each kind of statement by a function."""

    def __init__(self, kind: type[Stmt], change: Callable[[Stmt], Stmt]) -> None:
        self.kind, self.change = kind, change

    def changed(self, node: Stmt) -> Visit[Stmt]:
        new = yield from self.generic(node)
        return self.change(new) if isinstance(node, self.kind) else new

    visit_Alloc = visit_Loop = visit_Block = changed


def twice(node: Block) -> Block:
    (store,) = node.stores
    return replace(node, stores=(replace(store, value=store.value * 2.0),))


def elsewhere(node: Block) -> Block:
    (store,) = node.stores
    return replace(node, stores=(replace(store, indices=(*store.indices[:-1], N - 1)),))


BROKEN: dict[str, Callable[[Program, Rehomed], Program]] = {
    name: (
        lambda program, _, kind=kind, change=change: program.with_body(
            Changed(kind, change).rewrite_stmt(program.body)
        )
    )
    for name, kind, change in (
        ("another value", Block, twice),
        ("another cell", Block, elsewhere),
        ("another condition", Block, lambda node: replace(node, predicate=N > 1)),
        ("a longer loop", Loop, lambda node: replace(node, upper=node.upper + 1)),
        ("made nowhere", Alloc, lambda node: node.body),
        ("made twice", Alloc, lambda node: Alloc(node.buffer, node)),
    )
}


@pytest.mark.parametrize("primitive", ["expand", "privatize"])
@pytest.mark.parametrize("name", BROKEN)
def test_another_program(primitive, name):
    before, after, witness = rehomed(primitive)
    assert is_refused(before, BROKEN[name](after, witness), witness)


def made_in_the_inner_loops(body: Stmt, new: Buffer) -> Stmt:
    """Return ``body`` with ``new`` made in each of the loops over j."""

    def inner(node: Stmt) -> Stmt:
        assert isinstance(node, Loop)
        return replace(node, body=Alloc(new, node.body)) if node.var.name == "j" else node

    bare = Changed(Alloc, lambda node: node.body).rewrite_stmt(body)  # type: ignore[attr-defined]
    return Changed(Loop, inner).rewrite_stmt(bare)


def test_made_where_not_all_that_touches_it_sees_it():
    before, after, witness = rehomed("privatize")
    other = after.with_body(made_in_the_inner_loops(after.body, witness.new))
    assert is_refused(before, other, witness)


def test_another_witness():
    before, after, witness = rehomed("expand")
    (outer,) = (s for s in stmts(before.body) if isinstance(s, Loop) and s.var is witness.loop)
    inner = next(s for s in stmts(outer.body) if isinstance(s, Loop))
    for other in (
        replace(witness, loop=None),
        replace(witness, loop=inner.var),
        replace(witness, new=twin(witness.new)),
        replace(witness, new=twin(witness.new, dtype=FLOAT32)),
        replace(witness, array=before.buffers[0]),
    ):
        assert is_refused(before, after, other)


def test_scratch_that_would_be_shared():
    """What every iteration has for itself must not become one for all."""
    before, after, witness = rehomed("privatize")
    assert is_refused(after, before, witness)
