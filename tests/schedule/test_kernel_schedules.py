"""Schedules of loop kernels: names, shared loops, private scratch, triangles."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr.errors import DTypeError, IllegalScheduleError, ScheduleError

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def matmul(A: texpr.f64[N, N], B: texpr.f64[N, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0.0
            for k in range(N):
                C[i, j] += A[i, k] * B[k, j]


@texpr.kernel
def twice(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[N]):
    for i in range(N):
        B[i] = A[i] * 2
    for i in range(N):
        C[i] = B[i] + 1


@texpr.kernel
def scalars(A: texpr.f64[N, M], B: texpr.f64[N, M]):
    for i in range(N):
        for j in range(M):
            t = A[i, j] * 2
            u = t + 1
            t = t * u
            B[i, j] = t - u


@texpr.kernel
def rows(A: texpr.f64[N, 4], B: texpr.f64[N, 4]):
    for i in range(N):
        t = texpr.empty((4,), "float64")
        for j in range(4):
            t[j] = A[i, j] * 2
        for k in range(4):
            B[i, k] = t[3 - k]


@texpr.kernel
def carried(A: texpr.f64[N, M], B: texpr.f64[N, M]):
    for i in range(N):
        t = 0.0
        for j in range(M):
            t = t * 0.5 + A[i, j]
            B[i, j] = t


@texpr.kernel
def upper(A: texpr.f64[N, N], B: texpr.f64[N, N]):
    for i in range(N):
        for j in range(i, N):
            B[i, j] = A[j, i] * 2 + B[i, j]


def check(kernel, s, *, sizes=((0, 3), (1, 1), (3, 5), (9, 2), (13, 9))):
    """Check the compiled schedule against the interpreter, at sizes with and without remainders."""
    built, rng = texpr.build(s), np.random.default_rng(0)
    for n, m in sizes:
        arrays = []
        for buffer in kernel.program.buffers:
            shape = tuple({"N": n, "M": m}.get(str(e)) or int(str(e).replace("N", str(n)))
                          for e in buffer.shape)  # fmt: skip
            arrays.append(rng.integers(-9, 9, shape).astype(buffer.dtype.numpy))
        wanted = [array.copy() for array in arrays]
        kernel.interpret(*wanted)
        built(*arrays)
        for found, array in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(found, array, err_msg=str(s))


# ---------------------------------------------------------------- names


def test_statements_and_loops_by_name():
    s = texpr.create_schedule(matmul)
    assert [stage.name for stage in s.stages] == ["S0", "S1"]
    assert [loop.name for loop in s["S1"].loops] == ["i", "j", "k"]
    assert s.loop("k") is s["S1"].loop("k") is s["S1"].loops[2]


def test_a_loop_of_several_statements_is_one_loop():
    s = texpr.create_schedule(matmul)
    assert s["S0"].loop("i") is s["S1"].loop("i") is s.loop("i")
    s.parallel(s.loop("i"))
    assert str(s).count("for i in parallel(N)") == 1
    outer, inner = s["S0"].split("j", factor=4)
    assert s["S1"].loops[1:3] == (outer, inner)
    check(matmul, s)


def test_the_schedule_takes_names_too():
    s = texpr.create_schedule(matmul)
    s.vectorize("j", lanes=4)
    s.parallel("i")
    check(matmul, s)


def test_a_name_that_several_loops_have():
    s = texpr.create_schedule(twice)
    with pytest.raises(
        ScheduleError,
        match=r"loop: 2 loops are called 'i', around S0, S1; ask one of the stages, "
        r"s\['S0'\]\.loop\('i'\)",
    ):
        s.loop("i")
    assert s["S0"].loop("i") is not s["S1"].loop("i")
    s.parallel(s["S1"].loop("i"))
    assert str(s).count("parallel") == 1
    check(twice, s)


def test_names_that_there_are_not():
    s = texpr.create_schedule(matmul)
    with pytest.raises(ScheduleError, match="loop: no loop 'x'; the loops are i, j, k"):
        s.loop("x")
    with pytest.raises(ScheduleError, match="stage 'S0' has no loop 'k'; its loops are i, j"):
        s["S0"].loop("k")
    with pytest.raises(ScheduleError, match=r"no stage 'S2'.*the stages are S0, S1"):
        s["S2"]


def test_references_stay_valid():
    s = texpr.create_schedule(scalars)
    i, j = s["S0"].loops
    j_o, j_i = s["S0"].split(j, factor=4)
    s["S0"].reorder(j_o, i)
    assert s["S3"].loops == (j_o, i, j_i)
    s["S0"].parallel(i)
    s["S0"].vectorize(j_i)
    with pytest.raises(ScheduleError, match=r"loop 'j' of 'S0' became j_o and j_i; use these"):
        s["S0"].unroll(j)
    with pytest.raises(ScheduleError, match=r"parallel: loop 'j' became j_o and j_i; use these"):
        s.parallel(j)
    check(scalars, s)


def test_refusals_leave_the_schedule_alone():
    s = texpr.create_schedule(matmul)
    before = str(s)
    with pytest.raises(IllegalScheduleError):
        s.parallel("k")
    with pytest.raises(ScheduleError, match=r"reorder: loop 'j' contains more than one nest"):
        s["S1"].reorder("k", "j")
    with pytest.raises(ScheduleError, match="fuse: no loop given"):
        s.fuse()
    assert str(s) == before


# ---------------------------------------------------------------- scratch


@pytest.mark.parametrize(
    "primitives",
    [
        [("reorder", "j", "i")],
        [("parallel", "i")],
        [("parallel", "j")],
        [("vectorize", "j", 4)],
        [("vectorize", "i", 4)],
        [("reorder", "j", "i"), ("vectorize", "i", 8)],
        [("fuse", "i", "j")],
    ],
    ids=str,
)
def test_private_scalars(primitives):
    s = texpr.create_schedule(scalars)
    for name, *args in primitives:
        getattr(s["S1"], name)(*args)
    check(scalars, s)


@pytest.mark.parametrize("name", ["parallel", "vectorize"])
def test_a_private_array(name):
    s = texpr.create_schedule(rows)
    getattr(s, name)("i", *([4] if name == "vectorize" else []))
    check(rows, s)


def test_a_private_scalar_in_lanes_with_a_rest_to_do():
    # The rest of the lanes runs one by one, on scratch that is not laid out for lanes.
    s = texpr.create_schedule(scalars)
    j_o, j_i = s["S0"].split("j", factor=5)
    s["S0"].vectorize(j_i)
    s["S0"].parallel(j_o)
    check(scalars, s)
    s = texpr.create_schedule(carried)
    s.vectorize("i", lanes=5)
    s.parallel("i_o")
    assert "S1.parallel('i_o')" in str(s.trace) or "parallel('i_o')" in str(s.trace)
    check(carried, s)


def test_scratch_that_a_loop_hands_on():
    s = texpr.create_schedule(carried)
    verdict = s["S1"].why_not("parallel", "j")
    assert (verdict.kind, verdict.cell) == ("illegal", "t[()]")
    assert s["S1"].why_not("vectorize", "j", lanes=4).kind == "illegal"
    s.parallel("i")
    check(carried, s)


# ---------------------------------------------------------------- triangles


def test_a_triangle_interchanged_split_and_vectorized():
    s = texpr.create_schedule(upper)
    s["S0"].reorder("j", "i")
    i_o, i_i = s["S0"].split("i", factor=4)
    s["S0"].vectorize(i_i)
    s["S0"].parallel("j")
    assert s["S0"].loops[1:] == (i_o, i_i)
    check(upper, s)
    a = np.random.default_rng(0).normal(size=(11, 11))
    b, wanted = np.zeros((11, 11)), np.zeros((11, 11))
    for i in range(11):
        for j in range(i, 11):
            wanted[i, j] = a[j, i] * 2
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b, wanted)


def test_a_triangle_is_no_rectangle():
    s = texpr.create_schedule(upper)
    with pytest.raises(ScheduleError, match="the range of 'j' depends on loop 'i'"):
        s["S0"].fuse("i", "j")


# ---------------------------------------------------------------- assumptions


@texpr.kernel
def scatter(A: texpr.f64[N], B: texpr.f64[N], idx: texpr.i32[N]):
    for i in range(N):
        A[idx[i]] = B[i]


@texpr.kernel
def running(A: texpr.f64[N]):
    for i in range(1, N):
        A[i] = A[i - 1] + A[i]


def test_an_assumption_about_one_array():
    s = texpr.create_schedule(scatter)
    s.assume("B")
    assert s["S0"].why_not("parallel", "i").kind == "unknown"
    s.assume("A")
    s["S0"].parallel("i")
    again = texpr.create_schedule(scatter)
    s.trace.replay(again)
    assert str(again) == str(s)


def test_no_assumption_makes_right_what_is_surely_wrong():
    s = texpr.create_schedule(running)
    s.assume("A")
    assert s["S0"].why_not("parallel", "i").kind == "illegal"


def test_an_assumption_taken_back():
    s = texpr.create_schedule(scatter)
    s.assume("A")
    assert s["S0"].why_not("parallel", "i") is None
    s.undo()
    assert s["S0"].why_not("parallel", "i").kind == "unknown"


def test_a_schedule_of_nothing():
    with pytest.raises(
        DTypeError,
        match=r"create_schedule: 3 declares nothing to compute; pass a @texpr\.kernel, or C\.op",
    ):
        texpr.create_schedule(3)
