"""``merge_reduction``: two statements of a loop kernel as one reduction."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import texpr
from tests.readings import filled, story
from tests.schedule.kernel_readings import check_kernel, check_replays
from texpr.errors import IllegalScheduleError, ScheduleError

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def matmul(A: texpr.f64[N, M], B: texpr.f64[M, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0.0
            for k in range(M):
                C[i, j] += A[i, k] * B[k, j]


@texpr.kernel
def apart(A: texpr.f64[N, M], B: texpr.f64[M, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0.0
    for k in range(M):
        for j in range(N):
            for i in range(N):
                C[i, j] -= A[i, k] * B[k, j]


def inputs(n, m):
    return (
        filled(n, m, dtype="float64"),
        filled(m, n, dtype="float64", seed=1),
        np.full((n, n), 7.0),
    )


def test_golden(golden):
    s = texpr.create_schedule(apart)
    before = str(s)
    s.merge_reduction("S0", "S1")
    golden(story(before, s), "primitive_merge_reduction")
    a, b, c = inputs(4, 5)
    check_kernel(apart, s, a, b, c, expected={2: -a @ b})


@pytest.mark.parametrize("kernel", [matmul, apart], ids=["matmul", "apart"])
@pytest.mark.parametrize(("n", "m"), [(0, 3), (1, 0), (3, 4), (4, 3), (5, 5)])
def test_it_is_a_reduction_as_any_other(kernel, n, m):
    s = texpr.create_schedule(kernel, fp="reassoc")
    s.merge_reduction("S0", "S1")
    k_o, k_i = s["S1"].split("k", 2)
    cache = s.cache_write("S1", "local")
    i_o, j_o, _, _ = s["S1"].tile("i", "j", 2, 3)
    cache.compute_at(s["S1"], j_o)
    cache.reorder(k_o, "i_c", "j_c", k_i)
    cache.vectorize("j_c")
    s["S1"].parallel(i_o)
    check_kernel(kernel, s, *inputs(n, m))
    t = texpr.create_schedule(kernel, fp="reassoc")
    t.merge_reduction("S0", "S1")
    k_o, _ = t["S1"].split("k", 2)
    parts = t.rfactor("S1", k_o)
    parts.parallel("k_o")
    check_kernel(kernel, t, *inputs(n, m))
    t = texpr.create_schedule(kernel)
    t.merge_reduction("S0", "S1")
    t["S1"].reorder("i", "j", "k")
    t["S1"].decompose_reduction("i")
    check_kernel(kernel, t, *inputs(n, m))


def test_before_or_after_its_loops_are_scheduled():
    first, second = (texpr.create_schedule(matmul) for _ in range(2))
    first.merge_reduction("S0", "S1")
    for s in (first, second):
        i_o, _ = s["S1"].split("i", 4)
        k_o, k_i = s["S1"].split("k", 4)
        s["S1"].unroll(k_i)
        s["S1"].parallel(i_o)
    second.merge_reduction("S0", "S1")
    assert str(first) == str(second)
    second["S1"].reorder(k_o, "j")  # a reference from before means the same loop
    second.parallel("j")
    check_kernel(matmul, second, *inputs(5, 9))


@pytest.mark.parametrize(
    ("word", "start"),
    [("max", -np.inf), ("min", np.inf), ("mul", 1.0), ("add", -0.0)],
)
def test_other_operators(word, start):  # noqa: C901 - loops of four kernels
    @texpr.kernel
    def by_max(A: texpr.f64[N, M], R: texpr.f64[N + 1]):
        for i in range(N):
            R[i + 1] = -np.inf
        for i in range(N):
            for k in range(M):
                R[i + 1] = max(R[i + 1], A[i, k])

    @texpr.kernel
    def by_min(A: texpr.f64[N, M], R: texpr.f64[N + 1]):
        for i in range(N):
            R[i + 1] = np.inf
        for i in range(N):
            for k in range(M):
                R[i + 1] = min(R[i + 1], A[i, k])

    @texpr.kernel
    def by_mul(A: texpr.f64[N, M], R: texpr.f64[N + 1]):
        for i in range(N):
            R[i + 1] = 1.0
        for i in range(N):
            for k in range(M):
                R[i + 1] *= A[i, k]

    @texpr.kernel
    def by_add(A: texpr.f64[N, M], R: texpr.f64[N + 1]):
        for i in range(N):
            R[i + 1] = -0.0
        for i in range(N):
            for k in range(M):
                R[i + 1] += A[i, k]

    kernel = {"max": by_max, "min": by_min, "mul": by_mul, "add": by_add}[word]
    s = texpr.create_schedule(kernel, fp="reassoc")
    s.merge_reduction("S0", "S1")
    assert s.state.declared.stages["S1"].block.fold.identity[0].value == start
    check_kernel(kernel, s, filled(4, 3, dtype="float64"), np.full(5, 7.0))


def test_undo_traces_and_pickles():
    s = texpr.create_schedule(apart)
    before = str(s)
    s["S1"].split("k", 4)
    s.merge_reduction("S0", "S1")
    s["S1"].vectorize("j", 4)
    assert str(pickle.loads(pickle.dumps(s))) == str(s)
    check_replays(lambda: texpr.create_schedule(apart), s)
    for _ in range(3):
        s.undo()
    assert str(s) == before


# ---------------------------------------------------------------- refusals


@texpr.kernel
def between(A: texpr.f64[N, M], C: texpr.f64[N], D: texpr.f64[N]):
    for i in range(N):
        C[i] = 0.0
    for i in range(N):
        D[i] = C[i]
    for i in range(N):
        for k in range(M):
            C[i] += A[i, k]


def test_what_reads_the_array_in_between():
    s = texpr.create_schedule(between)
    with pytest.raises(IllegalScheduleError) as error:
        s.merge_reduction("S0", "S2")
    assert "instance S1(i=0) reads C[0], which instance S0(i=0) writes" in str(error.value)
    assert "the proposed order runs S1(i=0) first" in str(error.value)


def test_elements_that_are_not_the_same():  # noqa: C901 - loops of kernels
    @texpr.kernel
    def fewer(A: texpr.f64[N, M], C: texpr.f64[N]):
        for i in range(N):
            C[i] = 0.0
        for i in range(N - 1):
            for k in range(M):
                C[i] += A[i, k]

    @texpr.kernel
    def more(A: texpr.f64[N, M], C: texpr.f64[N]):
        for i in range(N - 1):
            C[i] = 0.0
        for i in range(N):
            for k in range(M):
                C[i] += A[i, k]

    @texpr.kernel
    def others(A: texpr.f64[N, M], C: texpr.f64[N, N]):
        for i in range(N):
            C[i, i] = 0.0
        for i in range(N):
            for k in range(M):
                C[i, 0] += A[i, k]

    with pytest.raises(IllegalScheduleError, match="S0 sets elements that S1 does not update"):
        texpr.create_schedule(fewer).merge_reduction("S0", "S1")
    with pytest.raises(IllegalScheduleError, match="S0 does not set every element that S1 updates"):
        texpr.create_schedule(more).merge_reduction("S0", "S1")
    with pytest.raises(ScheduleError, match=r"'S0' sets C\[i, i\], and 'S1' updates C\[i, 0\]"):
        texpr.create_schedule(others).merge_reduction("S0", "S1")


def test_a_start_that_is_not_neutral_or_not_everywhere():
    @texpr.kernel
    def two(A: texpr.f64[N, M], C: texpr.f64[N], D: texpr.f64[N]):
        for i in range(N):
            C[i] = 2.0
        for i in range(N):
            for k in range(M):
                C[i] += A[i, k]
        for i in range(N):
            if A[i, 0] > 0:
                D[i] = 0.0
        for i in range(N):
            for k in range(M):
                D[i] += A[i, k]

    s = texpr.create_schedule(two)
    with pytest.raises(
        ScheduleError, match=r"'S0' sets C to 2.0, .* 'add', for which -0.0 is neut"
    ):
        s.merge_reduction("S0", "S1")
    with pytest.raises(ScheduleError, match="'S2' sets elements only where"):
        s.merge_reduction("S2", "S3")
    with pytest.raises(ScheduleError, match="'S2' does not set C, which 'S1' updates"):
        s.merge_reduction("S2", "S1")


def test_no_update_and_no_loop_that_reduces():
    @texpr.kernel
    def once(A: texpr.f64[N], C: texpr.f64[N]):
        for i in range(N):
            C[i] = 0.0
        for i in range(N):
            C[i] += A[i]

    s = texpr.create_schedule(once)
    with pytest.raises(ScheduleError, match="'S0' is no update x = x op term"):
        s.merge_reduction("S1", "S0")
    with pytest.raises(ScheduleError, match="no loop of it reduces"):
        s.merge_reduction("S0", "S1")
    with pytest.raises(ScheduleError, match="'S1' is no reduction yet; name the stage that sets"):
        s["S1"].merge_reduction()
    with pytest.raises(ScheduleError, match="no stage 'S7'"):
        s.merge_reduction("S7", "S1")


def test_loops_that_do_not_suit():  # noqa: C901 - loops of kernels
    @texpr.kernel
    def around(A: texpr.f64[N, M], C: texpr.f64[N], D: texpr.f64[M]):
        for i in range(N):
            C[i] = 0.0
        for k in range(M):
            D[k] = 1.0
            for i in range(N):
                C[i] += A[i, k]

    @texpr.kernel
    def again(A: texpr.f64[N, M], C: texpr.f64[N]):
        for _t in range(2):
            for i in range(N):
                C[i] = 0.0
        for i in range(N):
            for k in range(M):
                C[i] += A[i, k]

    @texpr.kernel
    def triangle(A: texpr.f64[N, N], C: texpr.f64[N]):
        for i in range(N):
            C[i] = 0.0
        for k in range(N):
            for i in range(k):
                C[i] += A[i, k]

    with pytest.raises(ScheduleError, match="loop 'k', over which 'S2' reduces, is around other"):
        texpr.create_schedule(around).merge_reduction("S0", "S2")
    with pytest.raises(ScheduleError, match="in each iteration of '_t' again"):
        texpr.create_schedule(again).merge_reduction("S0", "S1")
    with pytest.raises(
        ScheduleError, match="the range of loop 'i' of 'S1' depends on one that red"
    ):
        texpr.create_schedule(triangle).merge_reduction("S0", "S1")


def test_a_stage_that_is_gone_says_where_it_went():
    s = texpr.create_schedule(matmul)
    init = s["S0"]
    s.merge_reduction("S0", "S1")
    for use in (lambda: s["S0"], lambda: init.split("i", 2), lambda: init.loops):
        with pytest.raises(ScheduleError, match="'S0' became the initialisation of 'S1', by merge"):
            use()


def test_what_is_a_reduction_already():
    @texpr.kernel
    def twice(A: texpr.f64[N, M], C: texpr.f64[N]):
        for i in range(N):
            C[i] = 0.0
        for i in range(N):
            C[i] = 0.0
        for i in range(N):
            for k in range(M):
                C[i] += A[i, k]

    s = texpr.create_schedule(twice)
    s.merge_reduction("S1", "S2")
    with pytest.raises(ScheduleError, match="'S2' is a reduction already"):
        s.merge_reduction("S0", "S2")
