"""Calls of functions from outside: whole arrays read and written, exactly."""

from __future__ import annotations

import pytest

from texpr import te
from texpr.errors import UninitializedError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32
from texpr.ir.expr import Const, Load, Var
from texpr.ir.extern import PythonFunction
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    ZERO,
    Alloc,
    Block,
    ExternCall,
    Loop,
    LoopKind,
    Program,
    Stmt,
    Store,
    seq,
)
from texpr.polyhedral.initialised import check_initialised
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.scop import Scop
from texpr.polyhedral.verdict import verdict_on

n = Var("n", is_size=True)
A, B, C, T = (Buffer(name, (n,), FLOAT32) for name in "ABCT")


def call(name: str, source: Buffer, target: Buffer) -> Block:
    extern = ExternCall(PythonFunction("f", print), (source, target), (source,), (target,))
    return Block(name, (), (), (), extern=extern)


def copy(name: str, source: Buffer, target: Buffer, upper: Var | None = None) -> Stmt:
    end = n if upper is None else upper
    i, loop = IterVar("i", (ZERO, end)), Var("i")
    store = Store(target, (i.var,), Load(source, (i.var,)))
    return Loop(loop, ZERO, end, Block(name, (i,), (loop,), (store,)))


def verdict(declared: Stmt, proposed: Stmt) -> str | None:
    judge = Judge(Program("main", (A, B, C), declared))
    finding = judge.first_fault(Program("main", (A, B, C), proposed))
    return None if finding is None else str(verdict_on(judge, finding, "it"))


def test_it_stays_behind_what_it_reads_and_before_what_reads_it():
    before, middle, after = copy("before", A, B), call("middle", B, C), copy("after", C, T)
    declared = Alloc(T, seq(before, middle, after))
    assert verdict(declared, declared) is None
    found = verdict(declared, Alloc(T, seq(middle, before, after)))
    assert "with n=1: instance middle reads B[0], which instance before(i=0) writes" in found
    found = verdict(declared, Alloc(T, seq(before, after, middle)))
    assert "instance after(i=0) reads C[0], which instance middle writes (flow" in found


def test_what_does_not_meet_may_change_places():
    one, other = call("one", A, B), copy("other", A, C)
    assert verdict(seq(one, other), seq(other, one)) is None
    # A write of what it reads may not.
    late = copy("late", C, A)
    assert "anti" in verdict(seq(one, late), seq(late, one))


def test_two_calls_that_fill_one_array_keep_their_order():
    one, two = call("one", A, B), call("two", C, B)
    found = verdict(seq(one, two), seq(two, one))
    assert "instance two writes an element of B, which instance one writes, too (output" in found


def test_the_cell_in_which_they_meet_is_named():
    last = Block("last", (), (), (Store(A, (n - 1,), Const(1.0, FLOAT32)),))
    one = call("one", A, B)
    found = verdict(seq(one, last), seq(last, one))
    assert "with n=1: instance last writes A[0], which instance one reads (anti" in found
    elsewhere = Block("elsewhere", (), (), (Store(C, (n - 1,), Const(1.0, FLOAT32)),))
    assert verdict(seq(one, elsewhere), seq(elsewhere, one)) is None


def test_in_a_loop_it_meets_itself():
    k, loop = IterVar("k", (ZERO, n)), Var("k")
    extern = ExternCall(PythonFunction("f", print), (A, B), (A,), (B,))

    def around(kind: LoopKind) -> Stmt:
        return Loop(loop, ZERO, n, Block("call", (k,), (loop,), (), extern=extern), kind)

    assert verdict(around(LoopKind.SERIAL), around(LoopKind.SERIAL)) is None
    assert "(output dependence)" in verdict(around(LoopKind.SERIAL), around(LoopKind.PARALLEL))


def test_scratch_with_a_home_is_another_one_in_each_iteration():
    k, loop = IterVar("k", (ZERO, n)), Var("k")
    R = Buffer("R", (n,), FLOAT32)
    fill = ExternCall(PythonFunction("f", print), (A, R), (A,), (R,))
    use = Store(B, (k.var,), Load(R, (k.var,)))

    def around(kind: LoopKind) -> Stmt:
        parts = seq(
            Block("fill", (k,), (loop,), (), extern=fill), Block("use", (k,), (loop,), (use,))
        )
        return Loop(loop, ZERO, n, Alloc(R, parts), kind)

    program = Program("main", (A, B, C), around(LoopKind.SERIAL))
    writes = "writes R  [n] -> { fill[k] -> [k, o1] : 0 <= k < n and 0 <= o1 < n }"
    assert writes in str(Scop.of(program))
    assert verdict(around(LoopKind.SERIAL), around(LoopKind.PARALLEL)) is None


def test_it_reads_all_of_its_scratch():
    m = Var("m", is_size=True)
    use = call("use", T, B)
    check_initialised(Judge(Program("main", (A, B), Alloc(T, seq(copy("all", A, T), use)))))
    some = Program("main", (m, A, B), Alloc(T, seq(copy("some", A, T, m), use)))
    with pytest.raises(UninitializedError, match=r"use: .*extern f.* reads 'T' with m=0, n=1, and"):
        check_initialised(Judge(some))


def test_arrays_of_rank_0_are_one_cell():
    X = te.placeholder((), name="X")
    Y = te.extern((), [X], te.packed(print), name="Y")
    text = str(Scop.of(te.create_schedule(Y.op).program))
    assert "reads  X  { Y[] -> [] }" in text
    assert "writes Y  { Y[] -> [] }" in text
