"""``reverse``: a loop from its end to its start."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError

SIZES = (0, 1, 3, 4, 5, 7, 23)
N = texpr.size("N")


def doubled(n):
    A = te.placeholder((n,), name="A")
    return A, te.compute((n,), lambda i: A[i] * 2 + i, name="B")


def test_golden(golden):
    n = te.var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    made = s[B].reverse(B.op.axis[0])
    assert s[B].leaf_iter_vars == (made,)
    golden(story(before, s), "primitive_reverse")
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_reversed(size):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    _, inner = s[B].split("i", 4)
    s[B].reverse(inner)
    s[B].reverse("i_o")
    check_readings(s, [B], {A: filled(size)})


@pytest.mark.parametrize("size", SIZES)
def test_what_was_reversed_is_split(size):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    s[B].split(s[B].reverse("i"), 4)
    s[B].vectorize("i_r_i")
    check_readings(s, [B], {A: filled(size)})


def test_twice_is_the_same_order():
    s = texpr.create_schedule(summed)
    again = s["S0"].reverse
    assert s["S0"].why_not("reverse", "i") is not None
    s["S0"].reverse("j")
    back = again("j_r")
    assert "A[i, N - 1 - j_r_r]" not in str(s)
    assert f"A[i, {back.name}]" in str(s)


@texpr.kernel
def summed(A: texpr.f64[N, N]):
    for i in range(1, N):
        for j in range(N):
            A[i, j] = A[i - 1, j] + A[i, j]


def test_a_range_that_depends_on_another_loop():
    """Inside that loop it runs over its own range, outside of it over the hull, guarded."""
    A = te.placeholder((9, 9), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((i, 9), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((9,), rule, name="B")
    a = filled(9, 9, dtype="int64")
    expected = [np.triu(a).sum(1)]
    s = te.create_schedule(B.op)
    k_r = s[B].reverse("k")
    assert "for k_r in range(9 - i)" in str(s)
    check_readings(s, [B], {A: a}, expected=expected)
    s[B].reorder(k_r, "i")
    assert "for k_r in range(9)" in str(s)
    check_readings(s, [B], {A: a}, expected=expected)
    s[B].split(k_r, 4)
    check_readings(s, [B], {A: a}, expected=expected)


def test_what_an_earlier_iteration_computes_is_needed():
    s = texpr.create_schedule(summed)
    with pytest.raises(IllegalScheduleError) as info:
        s.reverse("i")
    assert str(info.value).splitlines()[:4] == [
        "s[S0].reverse(i) would change the result",
        f"    {'A[i, j] = A[i - 1, j] + A[i, j]':<60}  {summed_line()}",
        (
            "  with N=3: instance (i=2, j=0) reads A[1, 0], which instance (i=1, j=0) writes "
            "(flow dependence);"
        ),
        ("  the declared order runs (i=1, j=0) first; the proposed order runs (i=2, j=0) first."),
    ]
    assert "legal here: reverse(j)" in str(info.value)


def summed_line() -> str:
    return str(summed.program.body.body.body.location)


def test_a_reduction_whose_order_is_kept_is_not_reversed():
    A, k = te.placeholder((8,), name="A"), te.reduce_axis((0, 8), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op, fp="exact")
    with pytest.raises(IllegalScheduleError, match=r"s\[S\].reverse\(k\) would change the result"):
        s[S].reverse("k")
    s = te.create_schedule(S.op)
    s[S].reverse("k")
    check_readings(s, [S], {A: filled(8)})


def test_a_marked_loop_is_not_reversed():
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    with pytest.raises(ScheduleError, match="reverse: loop 'i' is parallel already; reverse it"):
        s[B].reverse("i")


def test_a_stage_in_a_reversed_loop():
    A = te.placeholder((20,), name="A")
    B = te.compute((20,), lambda i: A[i] + 1, name="B")
    C = te.compute((18,), lambda i: B[i] * B[i + 2], name="C")
    s = te.create_schedule(C.op)
    _, i_i = s[C].split("i", 5)
    s[B].compute_at(s[C], "i_o")
    s[C].reverse("i_o")
    s[B].reverse("i")
    s[C].reverse(i_i)
    assert "empty((7,)" in str(s)
    check_readings(s, [C], {A: filled(20)})
