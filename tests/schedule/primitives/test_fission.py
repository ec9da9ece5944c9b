"""``fission``: a loop around several stages becomes several."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError

N, M = texpr.size("N"), texpr.size("M")
SIZES = ((1, 1), (2, 5), (5, 3), (9, 8))


@texpr.kernel
def rows(A: texpr.f64[N, M], B: texpr.f64[N, M], R: texpr.f64[N]):
    for i in range(N):
        R[i] = 0.0
        for j in range(M):
            A[i, j] = A[i, j] * 2
            B[i, j] = A[i, j] + 1
        for j in range(M):
            R[i] += B[i, j]


def agree(kernel, s, sizes=SIZES):
    """Compare a schedule, interpreted and compiled, with the loops as they are written."""
    built = texpr.build(s)
    for n, m in sizes:
        start = [filled(n, m, dtype="float64"), filled(n, m, dtype="float64"), np.zeros(n)]
        wanted = [array.copy() for array in start]
        kernel.interpret(*wanted)
        given = [array.copy() for array in start]
        built(*given)
        for one, other in zip(given, wanted, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=str(s))


def test_golden(golden):
    s = texpr.create_schedule(rows)
    before = str(s)
    made = s["S1"].fission("i")
    assert [axis.name for axis in made] == ["i_1", "i_2", "j_1", "j_2"]
    golden(story(before, s), "primitive_fission")
    agree(rows, s)


@pytest.mark.parametrize("stage", ["S0", "S1", "S2"])
def test_every_place_to_cut(stage):
    s = texpr.create_schedule(rows)
    s.fission("i", after=stage)
    agree(rows, s)


def test_the_parts_are_scheduled_apart():
    s = texpr.create_schedule(rows)
    s.fission(s["S1"].loop("j"), after="S1")
    s["S1"].split("j_1", 4)
    s["S2"].reverse("j_2")
    s["S2"].vectorize(s["S2"].split("j_2_r", 4)[1])
    agree(rows, s)
    s.fission("i", after="S2")
    s["S3"].reorder("j", "i_2")
    s["S1"].parallel("i_1")
    agree(rows, s)


def test_a_tensor_expression_whose_loops_were_fused():
    A = te.placeholder((7, 9), "int32", name="A")
    k = te.reduce_axis((0, 9), name="k")
    B = te.compute((7,), lambda i: te.sum(A[i, k], axis=k), name="B")
    C = te.compute((7,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule([B.op, C.op])
    made = s.fuse_loops(s[B].loop("i"), s[C].loop("i"), shift=1)
    outer, _ = s.split(made, 4)
    s.fission(outer, after="B")
    assert [axis.name for axis in s[C].loops] == ["i_f_o_2", "i_f_i_2"]
    check_readings(s, [B, C], {A: filled(7, 9, dtype="int32")})


def test_a_stage_that_was_moved_stays_with_its_reader():
    A = te.placeholder((20,), "int32", name="A")
    P = te.compute((20,), lambda i: A[i] + 1, name="P")
    B = te.compute((18,), lambda i: A[i] * 2, name="B")
    C = te.compute((18,), lambda i: P[i] - P[i + 2], name="C")
    s = te.create_schedule([B.op, C.op])
    s[P].compute_at(s[C], "i")
    s[C].split("i", 6)
    made = s[B].fuse_loops(s[B].split("i", 6)[0], C, "i_o")
    s.fission(made, after="B")
    check_readings(s, [B, C], {A: filled(20, dtype="int32")})


def test_the_order_of_calls_does_not_matter():
    texts = []
    for order in (0, 1):
        s = texpr.create_schedule(rows)
        steps = [lambda s: s.fission("i", after="S2"), lambda s: s["S1"].split("j", 4)]
        for step in steps if order else reversed(steps):
            step(s)
        texts.append(str(s))
    assert texts[0] == texts[1]


@texpr.kernel
def chained(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(1, N):
        A[i] = B[i - 1]
        B[i] = A[i] + 1


def test_what_comes_first_needs_what_comes_then():
    s = texpr.create_schedule(chained)
    with pytest.raises(IllegalScheduleError) as info:
        s["S0"].fission("i")
    text = str(info.value)
    assert "s[S0].fission(i) would change the result" in text
    assert "instance S0(i=2) reads B[1], which instance S1(i=1) writes (flow dependence);" in text


@texpr.kernel
def scratch(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        t = A[i] * 2
        B[i] = t + 1


def test_scratch_of_each_iteration_is_lost():
    s = texpr.create_schedule(scratch)
    with pytest.raises(IllegalScheduleError) as info:
        s["S0"].fission("i")
    text = str(info.value)
    assert "s[S0].fission(i) would change the result" in text
    assert "t[()] would be another cell by the time of" in text
    assert text.endswith("legal here: expand(t, i) and then fission(i)")
    s.expand("t", "i")
    s["S0"].fission("i")
    built = texpr.build(s)
    for n in (0, 1, 5):
        a, b = filled(n, dtype="float64"), np.zeros(n)
        built(a, b)
        np.testing.assert_array_equal(b, a * 2 + 1)


@texpr.kernel
def nested(A: texpr.f64[N, M], B: texpr.f64[N, M]):
    for i in range(N):
        for j in range(M):
            t = A[i, j] * 2
            u = t + 1
            B[i, j] = u * t


def test_scratch_that_is_needed_later_is_named():
    s = texpr.create_schedule(nested)
    j_o, _ = s.split("j", 4)
    legal = {
        ("S0", j_o): "expand(t, j) and then fission(j_o)",
        ("S1", j_o): "expand(t, j), expand(u, j) and then fission(j_o)",
        ("S0", "i"): "expand(t, j), expand(t, i) and then fission(i)",
    }
    for (stage, loop), text in legal.items():
        assert s[stage].why_not("fission", loop).legal == (text,)
    s.expand("t", "j")
    s.expand("t", "i")
    s["S0"].fission("i")
    built = texpr.build(s)
    a = filled(5, 6, dtype="float64")
    b = np.zeros_like(a)
    built(a, b)
    np.testing.assert_array_equal(b, (a * 2 + 1) * (a * 2))


def test_nothing_follows():
    s = texpr.create_schedule(rows)
    with pytest.raises(
        ScheduleError,
        match="fission: nothing in loop 'i' runs after 'S3'; name the stage after which to cut",
    ):
        s["S3"].fission("i")


def test_a_marked_loop_is_not_cut():
    s = texpr.create_schedule(rows)
    s["S1"].parallel("i")
    with pytest.raises(ScheduleError, match="fission: loop 'i' is parallel already; fission it"):
        s["S1"].fission("i")


@texpr.kernel
def row_sums(A: texpr.i32[N, M], B: texpr.i32[N]):
    for i in range(N):
        B[i] = 0
        for j in range(M):
            B[i] += A[i, j]


@pytest.mark.parametrize("name", ["merge_reduction", "rfactor"])
def test_rewrites_that_need_the_loop_whole(name):
    s = texpr.create_schedule(row_sums)
    s.fission("i", after="S0")
    with pytest.raises(
        ScheduleError,
        match=(
            f"{name}: loop 'i' of 'S1' was declared around S0, too, and cut since; "
            f"{name} first, and then fission"
        ),
    ):
        s.merge_reduction("S0", "S1") if name == "merge_reduction" else s.rfactor("S1", "j")
