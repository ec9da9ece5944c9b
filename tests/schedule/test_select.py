"""Selectors: stages and loops found by what they are called, what they are and what they touch."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import ScheduleError

N = texpr.size("N")


def network(n=6):
    A = te.placeholder((n, 8), name="A")
    W = te.placeholder((8, n), name="W")
    b = te.placeholder((n,), name="b")
    k = te.reduce_axis((0, 8), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * W[k, j], axis=k), name="conv1")
    D = te.compute((n, n), lambda i, j: C[i, j] + b[j], name="bias1")
    E = te.compute((n, n), lambda i, j: te.max(D[i, j], 0.0) + C[j, i], name="relu")
    return A, W, b, C, D, E


def names(found):
    assert isinstance(found, tuple)
    return [one.name for one in found]


# ---------------------------------------------------------------- stages


def test_stages_by_name():
    *_, E = network()
    s = te.create_schedule(E.op)
    assert names(s.stages_called("*1")) == ["conv1", "bias1"]
    assert names(s.stages_called("re?u", "bias[0-9]")) == ["bias1", "relu"]
    assert s.stages_called("pool*") == ()
    with pytest.raises(ScheduleError, match="stages_called: 3 is no pattern"):
        s.stages_called(3)


def test_stages_by_what_they_touch():
    A, W, b, C, D, E = network()
    s = te.create_schedule(E.op)
    assert names(s.stages_reading("conv1")) == names(s.stages_reading(C)) == ["bias1", "relu"]
    assert names(s.stages_reading(A, b)) == names(s.stages_reading("A", "b")) == ["conv1", "bias1"]
    assert names(s.stages_writing(D, "relu")) == ["bias1", "relu"]
    assert s.stages_writing(W) == ()
    assert names(s[C].consumers) == ["bias1", "relu"]
    assert names(s[E].producers) == ["conv1", "bias1"]
    assert (s[C].producers, s[E].consumers) == ((), ())
    AL = s.cache_read(A, "local")
    assert names(s.stages_reading("A")) == ["A_local"]
    assert names(s[AL].consumers) == names(s.stages_reading(AL)) == ["conv1"]
    assert names(s.stages_writing(AL)) == ["A_local"]
    assert names(s[C].loops_along(AL)) == ["k"]
    for given in ("Q", te.placeholder((3,), name="Q"), 7):
        with pytest.raises(
            ScheduleError, match=r"stages_reading: no stage touches an array .*; the"
        ):
            s.stages_reading(given)
    with pytest.raises(ScheduleError, match="array 'conv'; did you mean 'conv1'"):
        s.stages_writing("conv")


def test_a_stage_that_starts_from_another_reads_it():
    A = te.placeholder((4,), name="A")
    P = te.compute((), lambda: A[0] * 2, name="P")
    k = te.reduce_axis((0, 4), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k, init=P()), name="S")
    assert names(te.create_schedule(S.op)[P].consumers) == ["S"]


# ---------------------------------------------------------------- loops


def test_loops_by_place():
    *_, C, _, E = network()
    s = te.create_schedule(E.op)
    assert [s[C].loop(at).name for at in (0, 1, 2, -1, -3)] == ["i", "j", "k", "k", "i"]
    for at in (3, -4):
        with pytest.raises(ScheduleError, match=f"'conv1' has no loop at {at}; its loops are i, j"):
            s[C].loop(at)
    with pytest.raises(ScheduleError, match="has no loop 'q'; its loops are i, j, k"):
        s[C].loop("q")


def test_loops_by_what_they_are():
    *_, C, _, E = network()
    s = te.create_schedule(E.op)
    s[C].split("k", 4)
    s[C].parallel("i")
    s[C].unroll("k_i")
    assert names(s[C].data_loops) == ["i", "j"]
    assert names(s[C].reduce_loops) == ["k_o", "k_i"]
    assert names(s[C].loops_marked("parallel")) == ["i"]
    assert names(s[C].loops_marked("serial")) == ["j", "k_o"]
    assert names(s[C].loops_marked("unrolled")) == ["k_i"]
    with pytest.raises(ScheduleError, match="loops are not 'vector'; did you mean 'vectorized'"):
        s[C].loops_marked("vector")


def test_loops_around_others():
    @texpr.kernel
    def rows(A: texpr.f64[N, 4], B: texpr.f64[N], C: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i, 0]
            for j in range(4):
                C[i] += A[i, j]

    s = texpr.create_schedule(rows)
    assert names(s["S1"].shared_loops) == ["i"]
    assert names(s["S1"].loops) == ["i", "j"]


def test_loops_along_an_array():
    A, W, _, C, _, E = network()
    s = te.create_schedule(E.op)
    assert names(s[C].loops_along(W)) == ["j"]
    assert names(s[C].loops_along(W, 0)) == ["k"]
    assert names(s[C].loops_along("A")) == ["k"]
    assert names(s[E].loops_along(C)) == ["i"]
    s[C].split("j", 4)
    assert names(s[C].loops_along(W)) == ["j_o", "j_i"]
    assert names(s[C].loops_along(W, step=1)) == ["j_i"]
    assert names(s[C].loops_along(W, step=4)) == ["j_o"]
    s[C].fuse("i", "j_o")
    assert names(s[C].loops_along(W)) == ["i_j_o", "j_i"]
    assert names(s[C].loops_along(W, step=1)) == ["j_i"]
    with pytest.raises(ScheduleError, match="'A' has no dimension 2; pass one from -2 to 1"):
        s[C].loops_along(A, 2)
    with pytest.raises(ScheduleError, match="step='one' is no number"):
        s[C].loops_along(A, step="one")
    with pytest.raises(ScheduleError, match="'conv1' does not touch 'b' element by element"):
        s[C].loops_along("b")


def test_strides_and_data_in_subscripts():
    @texpr.kernel
    def strided(A: texpr.f64[N], idx: texpr.i64[N], B: texpr.f64[2 * N + 1]):
        for i in range(N):
            B[2 * i + 1] = A[idx[i]] + A[N - 1 - i]

    s = texpr.create_schedule(strided)
    assert names(s["S0"].loops_along("B")) == ["i"]
    assert names(s["S0"].loops_along("B", step=1)) == []
    assert names(s["S0"].loops_along("B", step=2)) == ["i"]
    assert names(s["S0"].loops_along("A")) == ["i"]
    assert names(s["S0"].loops_along("A", step=-1)) == []
    assert names(s["S0"].loops_along("idx", step=1)) == ["i"]


# ---------------------------------------------------------------- references that are gone


def test_a_loop_that_became_others():
    *_, C, _, E = network()
    s = te.create_schedule(E.op)
    i, j, _ = s[C].loops
    s[C].split(i, 4)
    for use in (lambda: s[C].parallel(i), lambda: s.parallel(i)):
        with pytest.raises(
            ScheduleError, match=r"parallel: loop 'i' .*became i_o and i_i; use these"
        ):
            use()
    s[C].fuse("i_i", j)
    for use in (lambda: s[C].parallel(j), lambda: s.parallel(j)):
        with pytest.raises(ScheduleError, match=r"parallel: loop 'j' .*became i_i_j; use that"):
            use()


def test_stages_and_loops_of_another_schedule():
    *_, C, _, E = network()
    s, t = te.create_schedule(E.op), te.create_schedule(E.op)
    with pytest.raises(ScheduleError, match="'conv1' is one of another schedule"):
        s[t[C]]
    assert s.copy()[s[C]].name == "conv1"  # a copy goes on from the same declaration
    i_o, _ = t[C].split("i", 4)
    with pytest.raises(ScheduleError, match="'i_o' is no loop of this schedule"):
        s.parallel(i_o)


# ---------------------------------------------------------------- schedules as functions


def over_rows(s):
    """Run the outermost loop of what computes an output in parallel, its rows in lanes."""
    for stage in s.stages:
        if not stage.consumers:
            stage.parallel(stage.loop(0))
        for array in [tensor.name for tensor in stage.op.outputs]:
            for loop in stage.loops_along(array, step=1)[-1:]:
                stage.vectorize(loop)


def test_one_function_for_two_operators():
    A, W, b, _, _, E = network()
    s = te.create_schedule(E.op).apply(over_rows)
    assert str(s).count("parallel") == 1
    assert str(s).count("vectorized") >= 3
    check_readings(s, [E], {A: filled(6, 8), W: filled(8, 6, seed=1), b: filled(6, seed=2)})
    X = te.placeholder((5, 7), name="X")
    Y = te.compute((7, 5), lambda i, j: X[j, i] * 2, name="Y")
    s = te.create_schedule(Y.op).apply(over_rows)
    assert names(s[Y].loops_marked("parallel")) == ["i"]
    check_readings(s, [Y], {X: filled(5, 7)}, expected=[np.float32(2) * filled(5, 7).T])
