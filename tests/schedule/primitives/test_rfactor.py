"""``rfactor``: a reduction in parts, and their combination."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.kernel_readings import check_kernel, check_replays
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.schedule import Trace


def row_sums(n):
    A = te.placeholder((3, n), "int32", name="A")
    k = te.reduce_axis((0, n), name="k")
    S = te.compute((3,), lambda i: te.sum(A[i, k], axis=k), name="S")
    return A, S, k


def test_golden(golden):
    A, S, k = row_sums(10)
    s = te.create_schedule(S.op)
    before = str(s)
    _, k_i = s[S].split(k, factor=4)
    s.rfactor(S, k_i)
    golden(story(before, s), "primitive_rfactor")
    check_readings(s, [S], {A: filled(3, 10, dtype="int32")})


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size, is_symbolic):
    n = te.size_var("n") if is_symbolic else size
    A, S, k = row_sums(n)
    for part in (0, 1):
        for place in (0, 1, -1):
            s = te.create_schedule(S.op)
            loops = s[S].split(k, factor=4)
            SF = s.rfactor(S, loops[part], place)
            s[SF].parallel(SF.op.axis[0])
            arrays = {A: filled(3, size, dtype="int32")}
            check_readings(s, [S], arrays, sizes={n: size} if is_symbolic else None)


def test_lanes_of_a_sum():
    A, S, k = row_sums(40)
    s = te.create_schedule(S.op)
    _, k_i = s[S].split(k, factor=8)
    SF = s.rfactor(S, k_i, factor_axis=1)
    assert [axis.name for axis in SF.op.axis] == ["i", "k_i"] or SF.ndim == 2
    s[SF].reorder("i", "k_o", "k_i")
    s[SF].vectorize("k_i")
    s[SF].compute_at(s[S], S.op.axis[0])
    assert "S_rf = empty((1, 8), int32)" in str(s)
    check_readings(s, [S], {A: filled(3, 40, dtype="int32")})


def test_several_axes_a_condition_and_a_start():
    A = te.placeholder((4, 6), "int32", name="A")
    k, l = te.reduce_axis((0, 4), name="k"), te.reduce_axis((1, 6), name="l")  # noqa: E741
    S = te.compute((), lambda: te.sum(A[k, l], axis=[k, l], where=A[k, l] > 0, init=7), name="S")
    for axis in (k, l):
        s = te.create_schedule(S.op)
        SF = s.rfactor(S, axis)
        assert SF.shape[0].value == (4 if axis is k else 5)
        s[SF].unroll(SF.op.axis[0])
        check_readings(s, [S], {A: filled(4, 6, dtype="int32")})
    s = te.create_schedule(S.op)
    fused = s[S].fuse(k, l)
    f_o, _ = s[S].split(fused, nparts=3)
    s.rfactor(S, f_o)
    check_readings(s, [S], {A: filled(4, 6, dtype="int32")})


@pytest.mark.parametrize("part", [0, 1])
def test_parts_of_a_length_that_a_size_decides(part):
    n = te.size_var("n")
    A, S, k = row_sums(n)
    s = te.create_schedule(S.op)
    SF = s.rfactor(S, s[S].split(k, nparts=4)[part])
    s[SF].parallel(SF.op.axis[0])
    assert ("S_rf = empty((4, 3), int32)" in str(s)) == (part == 0)
    for size in (0, 1, 3, 4, 5, 11):
        check_readings(s, [S], {A: filled(3, size, dtype="int32")}, sizes={n: size})


def test_the_only_loop():
    A, S, k = row_sums(5)
    s = te.create_schedule(S.op)
    SF = s.rfactor(S, k)
    s[SF].vectorize(SF.op.axis[0])
    check_readings(s, [S], {A: filled(3, 5, dtype="int32")})


@pytest.mark.parametrize("word", ["argmax", "argmin"])
def test_tuples(word):
    A = te.placeholder((4, 10), "float32", name="A")
    k = te.reduce_axis((0, 10), name="k")
    I, V = te.compute((4,), lambda i: getattr(te, word)(A[i, k], axis=k), name="M")  # noqa: E741
    s = te.create_schedule(I.op)
    k_o, _ = s[I].split(k, nparts=4)
    parts = s.rfactor([I, V], k_o, factor_axis=1)
    assert [tensor.name for tensor in parts] == ["M_rf_v0", "M_rf_v1"]
    s[parts[0]].compute_at(s[I], I.op.axis[0])
    s[parts[0]].parallel(parts[0].op.axis[1])
    a = filled(4, 10)
    a[2, 3] = a[3, 0] = a[3, 9] = np.nan
    check_readings(s, [I, V], {A: a})


def test_reductions_side_by_side_and_a_reducer_of_ones_own():
    A = te.placeholder((10,), "int64", name="A")
    k = te.reduce_axis((0, 10), name="k")
    pair = te.comm_reducer(
        lambda x, y: (x[0] + y[0], te.max(x[1], y[1])),
        lambda a, b: (te.const(0, a), te.min_value(b)),
        name="pair",
    )
    total = te.compute((), lambda: (te.sum(A[k], axis=k), te.max(A[k], axis=k)), name="T")
    own = te.compute((), lambda: pair((A[k], A[k]), axis=k), name="P")
    for outputs in (total, own):
        s = te.create_schedule(outputs[0].op)
        _, k_i = s[outputs[0]].split(k, 4)
        s.rfactor(outputs[0], k_i)
        check_readings(s, list(outputs), {A: filled(10, dtype="int64")})


def test_parts_of_parts():
    A, S, k = row_sums(24)
    s = te.create_schedule(S.op)
    _, k_i = s[S].split(k, 4)
    first = s.rfactor(S, k_i)
    second = s.rfactor(first, first.op.reduce_axis[0])
    assert second.name == "S_rf_rf"
    s.rfactor(S, s[S].op.reduce_axis[0])
    check_readings(s, [S], {A: filled(3, 24, dtype="int32")})


def test_undo_and_traces():
    _, S, k = row_sums(10)
    s = te.create_schedule(S.op)
    before = str(s)
    _, k_i = s[S].split(k, 4)
    SF = s.rfactor(S, k_i)
    s[SF].parallel(SF.op.axis[0])
    s[S].unroll("k_i_v")
    for trace in (s.trace, Trace.from_json(s.trace.to_json())):
        again = te.create_schedule(S.op)
        assert str(trace.replay(again)) == str(s)
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(S.op).apply(namespace["schedule"])) == str(s)
    for _ in range(4):
        s.undo()
    assert str(s) == before


# ---------------------------------------------------------------- refusals


def test_a_loop_over_data_and_no_reduction():
    A, S, _ = row_sums(8)
    B = te.compute((3,), lambda i: S[i] + A[i, 0], name="B")
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match="rfactor: loop 'i' of 'S' runs over data; name a loop"):
        s.rfactor(S, S.op.axis[0])
    with pytest.raises(ScheduleError, match=r"'B' is no declared reduction, .* nor an update"):
        s.rfactor(B, B.op.axis[0])


def test_a_place_that_is_none():
    _, S, k = row_sums(8)
    s = te.create_schedule(S.op)
    with pytest.raises(ScheduleError, match="factor_axis 2 is no place among 2 dimensions"):
        s.rfactor(S, k, 2)
    with pytest.raises(ScheduleError, match="factor_axis 'first' is no number; pass an int"):
        s.rfactor(S, k, "first")


def test_floats_in_their_declared_order():
    A = te.placeholder((8,), "float32", name="A")
    k = te.reduce_axis((0, 8), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op, fp="exact")
    with pytest.raises(ScheduleError, match="order of the terms of 'S' is kept, as its floats"):
        s.rfactor(S, k)
    M = te.compute((), lambda: te.max(A[k], axis=k), name="M")
    s = te.create_schedule(M.op, fp="exact")
    s.rfactor(M, k)
    check_readings(s, [M], {A: filled(8)})


def test_data_and_reduction_fused():
    _, S, k = row_sums(8)
    s = te.create_schedule(S.op)
    fused = s[S].fuse(S.op.axis[0], k)
    with pytest.raises(ScheduleError, match="'i_k' of 'S' runs over data and a reduction together"):
        s.rfactor(S, fused)


def test_a_range_that_depends_on_another():
    A = te.placeholder((8, 8), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    S = te.compute((8,), rule, name="S")
    s = te.create_schedule(S.op)
    with pytest.raises(ScheduleError, match="the range of loop 'k' depends on another loop"):
        s.rfactor(S, "k")


def test_a_combination_that_is_not_what_it_says_is_left_to_its_author():
    """Associativity is taken on trust; with exact floats it is made no use of."""
    A = te.placeholder((8,), "float32", name="A")
    k = te.reduce_axis((0, 8), name="k")
    mean = te.comm_reducer(lambda x, y: (x + y) / 2.0, lambda t: te.const(0, t), name="mean")
    S = te.compute((), lambda: mean(A[k], axis=k), name="S")
    with pytest.raises((ScheduleError, IllegalScheduleError)):
        te.create_schedule(S.op, fp="exact")["S"].rfactor("k")


# ---------------------------------------------------------------- updates of loop kernels

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def histogram(idx: texpr.i64[N], w: texpr.f64[N], H: texpr.f64[M]):
    for i in range(N):
        H[idx[i]] += w[i]


@texpr.kernel
def total(A: texpr.f64[N], S: texpr.f64[1]):
    for k in range(N):
        S[0] += A[k]


def histogram_inputs(n, m):
    rng = np.random.default_rng(n)
    return rng.integers(0, m, n), filled(n, dtype="float64"), filled(m, dtype="float64", seed=1)


def test_a_histogram(golden):
    s = texpr.create_schedule(histogram, fp="reassoc")
    before = str(s)
    i_o, _ = s["S0"].split("i", nparts=4)
    parts = s.rfactor("S0", i_o)
    assert parts.name == "S0_rf"
    s.parallel(i_o)  # the loop of the parts now
    s["S0"].parallel("i0_v")
    golden(story(before, s), "primitive_rfactor_of_an_update")
    check_replays(lambda: texpr.create_schedule(histogram, fp="reassoc"), s)
    for n, m in ((0, 3), (1, 1), (3, 5), (4, 2), (9, 4), (1000, 7)):
        idx, w, h = histogram_inputs(n, m)
        wanted = h + np.bincount(idx, w, minlength=m)
        check_kernel(histogram, s, idx, w, h, expected={2: wanted})


@pytest.mark.parametrize("nparts", [None, 3])
@pytest.mark.parametrize("place", [0, -1])
def test_a_scalar_sum_in_parts(nparts, place):
    s = texpr.create_schedule(total, fp="reassoc")
    k_o, k_i = s["S0"].split("k", nparts=nparts, factor=None if nparts else 4)
    axis = k_o if nparts else k_i
    parts = s.rfactor("S0", axis, place)
    assert [loop.name for loop in parts.shared_loops] == [axis.name]  # with what makes it neutral
    if nparts:
        s.parallel(k_o)
        assert "S0_rf = empty((3,), float64)" in str(s)
    for n in (0, 1, 3, 4, 5, 30):
        a = filled(n, dtype="float64")
        check_kernel(total, s, a, np.full(1, 2.5), expected={1: np.full(1, 2.5 + a.sum())})


def test_every_operator_and_a_loop_that_others_share():
    """The loop over i is around them all, and each is in parts over k after they are apart."""

    @texpr.kernel
    def six(A: texpr.i32[N, M], R: texpr.i32[N, 6]):
        for i in range(N):
            for k in range(M):
                R[i, 0] *= A[i, k]
            for k in range(M):
                R[i, 1] = min(R[i, 1], A[i, k])
            for k in range(M):
                R[i, 2] = max(R[i, 2], A[i, k])
            for k in range(M):
                R[i, 3] &= A[i, k]
            for k in range(M):
                R[i, 4] |= A[i, k]
            for k in range(M):
                R[i, 5] ^= A[i, k]

    s = texpr.create_schedule(six)
    for stage in s.stages:
        k_o, _ = stage.split(stage.loop(-1), 2)
        s.rfactor(stage, k_o)
        s.parallel(k_o)
    assert str(s).count("parallel") == 6
    for n, m in ((1, 0), (3, 1), (2, 5)):
        a, r = filled(n, m, dtype="int32"), filled(n, 6, dtype="int32", seed=1)
        check_kernel(six, s, a, r)


def test_signed_zeros_and_infinities_stay():
    """Elements that no term reaches are combined with what is neutral, and do not change."""
    s = texpr.create_schedule(histogram, fp="reassoc")
    s.rfactor("S0", "i")
    idx, w = np.zeros(2, "int64"), np.ones(2)
    h = np.array([-0.0, -0.0, np.inf, np.nan])
    kernel = texpr.build(s)
    kernel(idx, w, h)
    assert h[0] == 2.0
    assert np.signbit(h[1])
    np.testing.assert_array_equal(h[2:], [np.inf, np.nan])


def test_a_condition_and_data_in_it():
    @texpr.kernel
    def some(idx: texpr.i64[N], w: texpr.i32[N], H: texpr.i32[M, 2]):
        for i in range(N):
            for j in range(2):
                if w[i] > j:
                    H[idx[i], 1 - j] -= w[i]

    s = texpr.create_schedule(some)
    i_o, i_i = s["S0"].split("i", 4)
    s["S0"].reorder(i_o, "j", i_i)
    s.rfactor("S0", i_o, -1)
    s.parallel(i_o)
    for n, m in ((0, 2), (5, 3), (9, 2)):
        idx, w, _ = histogram_inputs(n, m)
        check_kernel(some, s, idx, w.astype("int32"), filled(m, 2, dtype="int32"))


def test_the_refusal_of_parallel_names_it():
    for kernel in (histogram, total):
        s = texpr.create_schedule(kernel, fp="reassoc")
        with pytest.raises(IllegalScheduleError, match=r"legal here: rfactor\([ik]\), which gives"):
            s["S0"].parallel(s["S0"].loop(-1))
    s = texpr.create_schedule(total)  # where the order is kept it would not be legal
    with pytest.raises(IllegalScheduleError) as error:
        s["S0"].parallel("k")
    assert "legal here" not in str(error.value)


def test_updates_that_have_no_parts():
    @texpr.kernel
    def bad(idx: texpr.i64[N], H: texpr.i64[N], C: texpr.f64[N, N], D: texpr.f64[1]):
        for i in range(N):
            H[H[i]] += 1
        for i in range(N):
            if H[0] > i:
                H[0] += 1
        for i in range(N):
            D[0] = D[0] / 2.0 + C[i, 0]
        for i in range(N):
            for j in range(i):
                C[i, 0] += C[0, j]

    s = texpr.create_schedule(bad, fp="reassoc")
    for stage in ("S0", "S1"):
        with pytest.raises(
            ScheduleError, match=f"where '{stage}' updates H hangs on what is there"
        ):
            s.rfactor(stage, "i")
    with pytest.raises(
        ScheduleError, match=r"'S2' is no declared reduction, .* nor an update x = x"
    ):
        s.rfactor("S2", "i")
    with pytest.raises(ScheduleError, match="'S3' is no declared reduction"):
        s.rfactor("S3", "i")
    s = texpr.create_schedule(total)
    with pytest.raises(ScheduleError, match="as its floats are declared exact; create_schedule"):
        s.rfactor("S0", "k")


def test_loops_that_are_around_others_or_depend():
    @texpr.kernel
    def bad(A: texpr.f64[N, N], C: texpr.f64[N], D: texpr.f64[1]):
        for i in range(N):
            D[0] += A[i, i]
            C[i] = 0.0
        for i in range(N):
            for j in range(i):
                D[0] += A[i, j]

    s = texpr.create_schedule(bad, fp="reassoc")
    with pytest.raises(ScheduleError, match="'S0' has no loop of its own that could be factored"):
        s.rfactor("S0", "i")
    with pytest.raises(ScheduleError, match="the range of loop 'j' depends on another loop"):
        s.rfactor("S2", "j")


def test_what_is_written_between_the_terms_is_kept():
    """The terms read what another stage writes later; the parts are where the update was."""

    @texpr.kernel
    def chain(A: texpr.i32[N, M], S: texpr.i32[1]):
        for _t in range(3):
            for i in range(N):
                for j in range(M):
                    S[0] += A[i, j]
            for i in range(N):
                for j in range(M):
                    A[i, j] = A[i, j] + S[0]

    s = texpr.create_schedule(chain)
    s.rfactor("S0", "j")
    s.parallel(s["S0_rf"].loop("j"))
    check_kernel(chain, s, filled(3, 4, dtype="int32"), np.zeros(1, "int32"))


@texpr.kernel
def beside(A: texpr.i32[N, M], B: texpr.i32[N], C: texpr.i32[N]):
    for i in range(N):
        B[i] = 1
        for j in range(M):
            C[i] += A[i, j]


def test_a_loop_that_moves_along_with_one_around_other_stages():
    s = texpr.create_schedule(beside, fp="reassoc")
    s["S1"].skew("i", "j")
    with pytest.raises(
        ScheduleError,
        match=(
            "rfactor: loop 'j' moves along with one that is around other stages, too; rfactor "
            "first, and then skew"
        ),
    ):
        s.rfactor("S1", "j_s")
