"""``unroll_and_jam``: copies of an outer loop's iterations, side by side in the innermost."""

from __future__ import annotations

import re

import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError


def row_sums(n, m):
    A, k = te.placeholder((n, m), "int32", name="A"), te.reduce_axis((0, m), name="k")
    return A, te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")


def test_golden(golden):
    A, B = row_sums(12, 6)
    s = te.create_schedule(B.op)
    before = str(s)
    outer, inner = s[B].unroll_and_jam("i", 4)
    assert (outer.name, inner.name) == ("i_o", "i_i")
    assert [axis.name for axis in s[B].loops] == ["i_o", "k", "i_i"]
    lowered = texpr.lower(s, [A, B], target="llvm -mcpu=x86-64-v3")
    golden(f"{story(before, s)}\n\nlower:\n\n{lowered}", "primitive_unroll_and_jam")
    check_readings(s, [B], {A: filled(12, 6, dtype="int32")})


@pytest.mark.parametrize("factor", [1, 3, 4, 9])
def test_every_size(factor):
    n, m = te.size_var("n"), te.size_var("m")
    A, B = row_sums(n, m)
    s = te.create_schedule(B.op)
    s.unroll_and_jam("i", factor)
    kernel = None
    for rows in (0, 1, 3, 4, 5, 7):
        arrays, sizes = {A: filled(rows, 5, dtype="int32")}, {n: rows, m: 5}
        kernel = check_readings(s, [B], arrays, sizes=sizes, kernel=kernel)


def test_a_vectorized_loop_stays_innermost():
    A = te.placeholder((8, 8), "int32", name="A")
    B = te.compute((8, 8), lambda i, j: A[i, j] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("j")
    s[B].unroll_and_jam("i", 2)
    assert [axis.name for axis in s[B].loops] == ["i_o", "i_i", "j"]
    check_readings(s, [B], {A: filled(8, 8, dtype="int32")})


def test_the_innermost_loop_itself_is_unrolled():
    A, B = row_sums(5, 6)
    s, t = te.create_schedule(B.op), te.create_schedule(B.op)
    s[B].unroll_and_jam("k", 2)
    t[B].unroll("k", 2)
    assert str(s) == str(t)
    check_readings(s, [B], {A: filled(5, 6, dtype="int32")})


def test_iterations_that_need_each_other_are_refused():
    N = texpr.size("N")

    @texpr.kernel
    def smooth(A: texpr.f64[N, N]):
        for i in range(1, N):
            for j in range(N - 1):
                A[i, j] = A[i - 1, j + 1] + 1.0

    s = texpr.create_schedule(smooth)
    with pytest.raises(
        IllegalScheduleError,
        match=re.escape("s[S0].unroll_and_jam(i, factor=2) would change the result"),
    ):
        s.unroll_and_jam("i", 2)
    assert len(s.trace) == 0


def test_two_nests_inside_are_refused():
    N = texpr.size("N")

    @texpr.kernel
    def twice(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for i in range(N):
            for j in range(N):
                A[i, j] = 1.0
            for k in range(N):
                B[i, k] = 1.0

    s = texpr.create_schedule(twice)
    with pytest.raises(ScheduleError, match=r"loop 'i_i' contains more than one nest"):
        s.unroll_and_jam("i", 2)


def test_a_factor_of_0():
    _, B = row_sums(5, 6)
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match=r"unroll_and_jam: factor 0 of loop 'i' \(extent 5\)"):
        s[B].unroll_and_jam("i", 0)
