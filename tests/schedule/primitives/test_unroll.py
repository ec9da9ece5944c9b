"""``unroll``: the iterations of a loop are written out."""

from __future__ import annotations

import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import LoweringError, ScheduleError


def increased(n):
    A = te.placeholder((n,), "int32", name="A")
    return A, te.compute((n,), lambda i: A[i] + 1, name="B")


def test_golden(golden):
    A, B = increased(10)
    s = te.create_schedule(B.op)
    before = str(s)
    outer, inner = s[B].split("i", factor=4)
    s[B].unroll(outer)
    s[B].unroll(inner)
    lowered = texpr.lower(s, [A, B], target="llvm -mcpu=x86-64-v3")
    golden(f"{story(before, s)}\n\nlower:\n\n{lowered}", "primitive_unroll")
    check_readings(s, [B], {A: filled(10, dtype="int32")})


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_copies_with_a_guard(size):
    A, B = increased(size)
    s = te.create_schedule(B.op)
    _, inner = s[B].split("i", factor=4)
    s[B].unroll(inner)
    check_readings(s, [B], {A: filled(size, dtype="int32")})


def test_copies_with_a_guard_of_a_symbolic_size():
    n = te.var("n")
    A, B = increased(n)
    s = te.create_schedule(B.op)
    _, inner = s[B].split("i", factor=4)
    s[B].unroll(inner)
    kernel = None
    for size in (0, 1, 3, 4, 5, 7, 8):
        arrays = {A: filled(size, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={n: size}, kernel=kernel)


def test_a_reduction_with_its_initialisation():
    A, k = te.placeholder((3, 5), "int32", name="A"), te.reduce_axis((0, 5), name="k")
    B = te.compute((3,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].reorder(k, "i")
    s[B].unroll("i")
    s[B].unroll(k)
    assert "for " not in str(texpr.lower(s, [A, B]))
    check_readings(s, [B], {A: filled(3, 5, dtype="int32")})


def test_a_range_that_depends_on_an_unrolled_loop():
    A = te.placeholder((4, 4), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((4,), rule, name="B")
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    a = filled(4, 4, dtype="int32")
    lower = [a[i, : i + 1].sum(dtype="int32") for i in range(4)]
    check_readings(s, [B], {A: a}, expected=[a[:, 0] * 0 + lower])


def test_twice_is_once():
    _, B = increased(4)
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    s[B].unroll("i")
    assert str(s).count("unrolled(4)") == 1


def test_an_extent_known_only_at_run_time():
    _, B = increased(te.var("n"))
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError,
        match=r"unroll: the extent n of loop 'i' is known only at run time; split it by a number "
        r"first and unroll the inner loop",
    ):
        s[B].unroll("i")


def test_a_loop_that_is_marked_otherwise():
    _, B = increased(4)
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    with pytest.raises(
        ScheduleError, match=r"unroll: loop 'i' is vectorized already; split it to mark a part"
    ):
        s[B].unroll("i")


def test_a_huge_loop_is_refused_before_it_fills_the_memory():
    A, B = increased(1 << 40)
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    assert len(str(s)) < 200
    with pytest.raises(
        LoweringError,
        match=r"B: unrolling loop 'i' makes 1099511627776 statements, more than 16384; "
        r"split it and unroll the inner part only",
    ):
        texpr.build(s, [A, B])


def test_loops_that_are_huge_together():
    A = te.placeholder((300, 300), name="A")
    B = te.compute((300, 300), lambda i, j: A[i, j] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    s[B].unroll("j")
    with pytest.raises(LoweringError, match=r"unrolling loop 'i' makes 90000 statements"):
        texpr.build(s, [A, B])


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_by_a_factor_it_is_split_first(size):
    A, B = increased(size)
    s, t = te.create_schedule(B.op), te.create_schedule(B.op)
    s.unroll("i", factor=3)
    _, inner = t[B].split("i", 3)
    t[B].unroll(inner)
    assert str(s) == str(t)
    check_readings(s, [B], {A: filled(size, dtype="int32")})


def test_a_factor_that_is_none():
    _, B = increased(5)
    with pytest.raises(ScheduleError, match=r"unroll: factor 0 of loop 'i' \(extent 5\) must be"):
        te.create_schedule(B.op)[B].unroll("i", 0)
