"""``loop_partition``: one loop becomes several in a row, each scheduled by itself."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.schedule import Trace

SIZES = (0, 1, 2, 3, 4, 5, 7, 23)
N = texpr.size("N")


def doubled(n):
    A = te.placeholder((n,), name="A")
    return A, te.compute((n,), lambda i: A[i] * 2 + i, name="B")


def row_sums(n, m):
    A, k = te.placeholder((n, m), "int32", name="A"), te.reduce_axis((0, m), name="k")
    return A, te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")


def test_golden(golden):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    main, rest = s[B].loop_partition("i", [n // 4 * 4])
    assert (main.name, rest.name) == ("i", "i_1")
    assert s[B].loops == (main,)
    assert s["B_1"].loops == (rest,)
    _, inner = s[B].split(main, factor=4)
    s[B].vectorize(inner)
    golden(story(before, s), "primitive_loop_partition")
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("points", [[1], [-1], [1, -1], [0, 3, 3], [2, 4, 6], ["n//2"], ["n - 5"]])
def test_every_size(points):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    s.loop_partition("i", points)
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("points", [[1], [-1], [1, -1], [5], [-5], [0, 5], [2, 2]])
def test_a_size_that_is_known(points):
    A, B = doubled(5)
    s = te.create_schedule(B.op)
    s.loop_partition("i", points)
    assert "min(" not in str(s)
    check_readings(s, [B], {A: filled(5)})


def test_what_was_said_of_the_loops_inside_holds_in_every_part():
    A = te.placeholder((8, 6), "int32", name="A")
    B = te.compute((8, 6), lambda i, j: A[i, j] + j, name="B")
    s = te.create_schedule(B.op)
    j_o, j_i = s[B].split("j", 4)
    s[B].reorder(j_o, "i", j_i)
    s[B].vectorize(j_i)
    s[B].annotate("i", "a", 1)
    s[B].annotate(key="b")
    s[B].loop_partition("i", [3])
    assert str(s).count("for j_o in") == 1, "the loop around is one for both parts"
    assert [str(s).count(text) for text in ("in vectorized(4)", "a=1", "b=True")] == [2, 2, 2]
    assert s[B].loops[0] is s["B_1"].loops[0] is j_o
    s["B_1"].unroll("i_1")
    check_readings(s, [B], {A: filled(8, 6, dtype="int32")})


@pytest.mark.parametrize("points", [[1], [-1], [1, -1]])
def test_the_outer_part_of_a_split(points):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    s[B].split("i", 4)
    s[B].loop_partition("i_o", points)
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


def test_parts_by_their_number_become_parts_by_their_length():
    A, B = doubled(10)
    s = te.create_schedule(B.op)
    s[B].split("i", nparts=3)
    s[B].loop_partition("i_o", [1])
    assert [int(s.state.extent(axis).value) for axis in s[B].loops] == [1, 4]
    assert [int(s.state.extent(axis).value) for axis in s["B_1"].loops] == [2, 4]
    check_readings(s, [B], {A: filled(10)})


def test_full_tiles_are_not_guarded():
    n = te.size_var("n")
    _, B = doubled(n)
    s = te.create_schedule(B.op)
    s[B].loop_partition("i", [n // 6 * 6])
    s[B].split("i", 6)
    s[B].split("i_i", 3)
    assert "if " not in str(s)


def test_a_reduction_goes_on_where_the_first_part_ends():
    n = te.size_var("n")
    A, B = row_sums(5, n)
    s = te.create_schedule(B.op)
    s[B].loop_partition("k", [2, -1])
    assert str(s).count("= 0") == 1
    kernel = None
    for size in SIZES:
        arrays = {A: filled(5, size, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("order", [("i", "k"), ("k", "i")])
@pytest.mark.parametrize("loop", ["i", "k"])
def test_a_reduction_in_any_order(order, loop):
    A, B = row_sums(5, 7)
    s = te.create_schedule(B.op)
    s[B].reorder(*order)
    s[B].loop_partition(loop, [3])
    s[B].loop_partition(loop, [1])
    check_readings(s, [B], {A: filled(5, 7, dtype="int32")})


def test_tiles_of_which_parts_are_around():
    """The loop around is a part of a loop that goes on inside."""
    A = te.placeholder((9, 10), "int32", name="A")
    B = te.compute((9, 10), lambda i, j: A[i, j] * 2, name="B")
    s = te.create_schedule(B.op)
    i_o, j_o, _, j_i = s[B].tile("i", "j", 4, 4)
    s[B].loop_partition(j_o, [2])
    assert [axis.name for axis in s["B_1"].loops] == ["i_o", "j_o_1", "i_i_1", "j_i_1"]
    s["B_1"].reorder("j_i_1", "i_i_1")
    s["B"].unroll(j_i)
    s["B"].split(i_o, 2)
    check_readings(s, [B], {A: filled(9, 10, dtype="int32")})


def test_a_range_that_depends_on_the_loop():
    A = te.placeholder((7, 7), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((7,), rule, name="B")
    for loop, points in (("i", [2, -2]), ("k", [2])):
        s = te.create_schedule(B.op)
        s[B].loop_partition(loop, points)
        a = filled(7, 7, dtype="int64")
        check_readings(s, [B], {A: a}, expected=[np.tril(a).sum(1)])


def test_a_loop_with_several_stages_and_scratch_inside():
    @texpr.kernel
    def smooth(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for t in range(N):
            T = texpr.empty((N,), texpr.f64)
            for i in range(N):
                T[i] = A[t, i] * 2.0
            for j in range(1, N):
                B[t, j] = T[j] + T[j - 1]

    s = texpr.create_schedule(smooth)
    s.loop_partition("t", [1, -1])
    assert [stage.name for stage in s.stages] == ["S0", "S1", "S0_1", "S1_1", "S0_2", "S1_2"]
    s["S0_1"].vectorize("i_1", 2)
    s.parallel("t_1")
    for size in (1, 2, 3, 6):
        a = np.arange(float(size * size)).reshape(size, size)
        expected = np.zeros_like(a)
        expected[:, 1:] = 2 * (a[:, 1:] + a[:, :-1])
        for run in (smooth, texpr.build(s)):
            b = np.zeros_like(a)
            run(a, b)
            np.testing.assert_array_equal(b, expected)


def test_a_loop_over_time_around_is_shared():
    @texpr.kernel
    def waves(A: texpr.f64[N, N]):
        for t in range(1, N):
            for i in range(1, N - 1):
                A[t, i] = A[t - 1, i - 1] + A[t - 1, i + 1]

    s = texpr.create_schedule(waves)
    s.loop_partition("i", [2])
    assert s["S0"].loops[0] is s["S0_1"].loops[0]
    kernel = texpr.build(s)
    for size in (1, 2, 3, 4, 9):
        a = np.arange(float(size * size)).reshape(size, size)
        b = a.copy()
        waves(a)
        kernel(b)
        np.testing.assert_array_equal(a, b)


def test_steps_of_a_scan():
    A = te.placeholder((9, 4), "int32", name="A")
    S = te.placeholder((9, 4), "int32", name="S")
    first = te.compute((1, 4), lambda t, j: A[t, j], name="first")
    step = te.compute((9, 4), lambda t, j: S[t - 1, j] + A[t, j], name="step")
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op)
    s[step].loop_partition("t", [2])
    s["step_1"].unroll("t_1")
    a = filled(9, 4, dtype="int32")
    check_readings(s, [Y], {A: a}, expected=[np.cumsum(a, 0, dtype="int32")])


def test_parts_that_a_caller_may_not_read_before_they_are_there():
    """Loops in an order in which the later part would come too late for the earlier one."""

    @texpr.kernel
    def chain(A: texpr.f64[N, N]):
        for i in range(1, N):
            for j in range(N):
                A[i, j] = A[i - 1, j] + 1.0

    s = texpr.create_schedule(chain)
    s.reorder("j", "i")
    s.loop_partition("i", [1])
    kernel = texpr.build(s)
    a, b = np.zeros((5, 5)), np.zeros((5, 5))
    chain(a)
    kernel(b)
    np.testing.assert_array_equal(a, b)


def test_traces_pickles_and_undo():
    n = te.size_var("n")
    _, B = doubled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].loop_partition("i", [1, n - 1])
    s["B_1"].split("i_1", 4)
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(B.op))
    scope: dict = {}
    exec(str(s.trace), scope)
    written = te.create_schedule(B.op)
    scope["schedule"](written)
    assert str(again) == str(written) == str(pickle.loads(pickle.dumps(s))) == str(s)
    assert "B.loop_partition(i, points=[1, 'n - 1'])" in str(s.trace)
    assert str(s.undo().undo()) == before


def test_stages_are_found_by_name():
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    s[B].loop_partition("i", [4])
    s[B].split(s[B].op.axis[0], 2)
    s["B_1"].split(s["B_1"].op.axis[0], 2)
    with pytest.raises(ScheduleError, match="schedule: no stage 'B_2'; did you mean 'B_1'"):
        _ = s["B_2"]


REFUSALS = {
    "none": ([], "loop_partition: () names no points of loop 'i'; pass a list of the iterations"),
    "outside": (
        [9],
        "loop_partition: point 9 is outside of loop 'i', which runs 8 times; pass -8 to 8",
    ),
    "order": (
        [5, -4],
        "loop_partition: point -4 of loop 'i' comes before 5; pass them in ascending order",
    ),
    "a float": (
        [2.0],
        (
            "loop_partition: point 2.0 of loop 'i' (extent 8) is no number; pass ints, or sums and "
            "products of sizes"
        ),
    ),
    "no size": (["m + 1"], "loop_partition: no size 'm'; the sizes of the program are none"),
    "no text": (
        ["1 +"],
        (
            "loop_partition: '1 +' is no number; write it with integers, sizes, "
            "+ - * // % and min or max"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    points, message = REFUSALS[case]
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=re.escape(message)):
        s[B].loop_partition("i", points)
    assert str(s) == before
    assert len(s.trace) == 0


def refused(s, stage, loop, message):
    with pytest.raises(ScheduleError, match=re.escape(f"loop_partition: {message}")):
        s[stage].loop_partition(loop, [1])


def test_loops_that_cannot_be_cut():
    n = te.size_var("n")
    A = te.placeholder((n, 8), name="A")
    B = te.compute((n, 8), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((n, 8), lambda i, j: B[i, j] + 1, name="C")
    s = te.create_schedule(C.op)
    s[C].split("i", 4)
    refused(s, C, "i_i", "loop 'i_i' was made of i, of which a part of it is no part; cut i first")
    s = te.create_schedule(C.op)
    s[C].split("i", nparts=4)
    refused(s, C, "i_o", "a step of loop 'i_o' is (n + 3)//4 long, which is known only at run time")
    s = te.create_schedule(C.op)
    s[C].fuse("i", "j")
    refused(s, C, "i_j", "loop 'i_j' was made of i and j, of which")
    s = te.create_schedule(C.op)
    s[C].fuse()
    refused(s, C, "one", "loop 'one' was made of nothing")
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    refused(s, B, "i", "'B' is inlined; call s[B].compute_root() first")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], "i")
    refused(s, B, "j", "'B' is computed in a loop of another stage; cut its loops before")
    refused(s, C, "i", "'B' is computed at loop 'i' of 'C', which would not be around all that")


def test_a_loop_around_parts_of_another_is_cut_first():
    _, B = row_sums(5, 7)
    s = te.create_schedule(B.op)
    s[B].reorder("k", "i")
    s[B].loop_partition("i", [2])
    refused(s, B, "k", "loop 'k' is around parts of a loop that was cut inside it; cut 'k' first")


def test_a_loop_around_whose_range_depends_on_it():
    A = te.placeholder((7, 7), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((7,), rule, name="B")
    s = te.create_schedule(B.op)
    s[B].reorder("k", "i")
    refused(s, B, "i", "the range of loop 'k', which is around it, depends on loop 'i' inside")


def test_parts_are_neither_inlined_nor_moved():
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] + 1, name="B")
    C = te.compute((8,), lambda i: B[i] + 1, name="C")
    s = te.create_schedule(C.op)
    s[B].loop_partition("i", [4])
    with pytest.raises(ScheduleError, match="does not give every element of 'B' its one value"):
        s[B].compute_inline()
    with pytest.raises(ScheduleError, match="does not give every element of 'B' its one value"):
        s["B_1"].compute_at(s[C], "i")
    with pytest.raises(ScheduleError, match="'B' does not give every element of its arrays"):
        s[B].cache_write("local")
    s["C"].cache_read("B", "local")
    check_readings(s, [C], {A: filled(8)})


def test_an_order_that_the_parts_would_break_is_refused():
    """The earlier part would need what the later one computes two steps before."""

    @texpr.kernel
    def waves(A: texpr.f64[N, N]):
        for t in range(2, N):
            for i in range(N - 1):
                A[t, i] = A[t - 2, i + 1] + 1.0

    s = texpr.create_schedule(waves)
    s.split("t", 2)
    s["S0"].reorder("t_o", "i", "t_i")
    before = str(s)
    with pytest.raises(
        IllegalScheduleError,
        match=r"(?s)s\[S0\].loop_partition\(i, points=\(2,\)\) would change the result.*"
        r"with N=\d+: instance \(t=\d, i=1\) reads A\[\d, 2\], which instance \(t=\d, i=2\) writes",
    ):
        s.loop_partition("i", [2])
    assert str(s) == before


def test_what_follows_in_the_loop_would_follow_in_a_part():
    A = te.placeholder((9, 3), name="A")
    B = te.compute((9, 3), lambda i, j: A[i, j] * 2, name="B")
    C = te.compute((8, 3), lambda i, j: B[i, j] + 1, name="C")
    s = te.create_schedule([B.op, C.op])
    s[C].reverse_compute_at(s[B], "i")
    with pytest.raises(
        ScheduleError,
        match=(
            "loop_partition: 'C' follows in loop 'i' or inside it, and would in a part of it "
            "alone; cut 'i' before"
        ),
    ):
        s[B].loop_partition("i", [1])
    s[B].loop_partition("j", [1])
    s.undo().undo()
    s[B].loop_partition("i", [1])
