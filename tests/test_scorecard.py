"""Eleven small programs that other tools accept or refuse wrongly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.errors import BoundsError, IllegalScheduleError, UninitializedError

N = texpr.size("N")


@texpr.kernel
def backward(A: texpr.f64[N + 1, N + 1]):
    for i in range(N):
        for j in range(N):
            A[i + 1, j] = A[i, j + 1] * 2


@texpr.kernel
def diagonal(A: texpr.f64[N + 1, N + 1]):
    for i in range(N):
        for j in range(N):
            A[i + 1, j + 1] = A[i, j] * 2 + 1


@texpr.kernel
def running(A: texpr.f64[N]):
    for i in range(1, N):
        A[i] = A[i - 1] + A[i]


@texpr.kernel
def far_apart(A: texpr.f64[128]):
    for i in range(8):
        for j in range(8):
            A[8 * i + j] = A[8 * i + j + 64]


@texpr.kernel
def near(A: texpr.f64[128]):
    for i in range(8):
        for j in range(8):
            A[8 * i + j] = A[8 * i + j + 32]


@texpr.kernel
def two_writers(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        A[i // 2] = B[i]


@texpr.kernel
def four_ahead(A: texpr.f64[132]):
    for i in range(128):
        A[i + 4] = A[i] + 1


@texpr.kernel
def shifted_down(A: texpr.f64[129]):
    for i in range(128):
        A[i] = A[i + 1]


@texpr.kernel
def too_far(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        B[i] = A[i + 1]


@texpr.kernel
def never_written(B: texpr.f64[N]):
    t = texpr.empty((1,), "float64")
    for i in range(N):
        B[i] = t[0]


@texpr.kernel
def triangular(A: texpr.f64[N, N], B: texpr.f64[N, N]):
    for i in range(N):
        for j in range(i + 1):
            B[i, j] = A[i, j] * 2


@texpr.kernel
def total(A: texpr.f32[64], S: texpr.f32[1]):
    for k in range(64):
        S[0] += A[k]


@texpr.kernel
def columns(A: texpr.f64[N + 1, N]):
    for i in range(N):
        for j in range(N):
            A[i + 1, j] = A[i, j] * 2


def refusal(kernel: Any, primitive: str, *loops: str, fp: Any = None, **values: Any) -> Any:
    """Return the verdict on one primitive, having seen that it raises the same; None if legal."""
    s = texpr.create_schedule(kernel, fp)
    verdict = s["S0"].why_not(primitive, *loops, **values)
    if verdict is None:
        getattr(s["S0"], primitive)(*loops, **values)
        runs_right(kernel, s)
        return None
    with pytest.raises(IllegalScheduleError) as caught:
        getattr(s["S0"], primitive)(*loops, **values)
    assert str(caught.value) == str(verdict)
    assert verdict.kind == "illegal"
    return verdict


def runs_right(kernel: Any, s: Any, size: int = 9) -> None:
    """Check that the schedule, compiled, gives what the interpreter makes of the declaration."""
    rng = np.random.default_rng(0)
    shapes = [
        tuple(int(str(n).replace("N + 1", str(size + 1)).replace("N", str(size))) for n in b.shape)
        for b in kernel.program.buffers
    ]
    arrays = [rng.integers(-4, 5, shape).astype(b.dtype.numpy) for shape, b in
              zip(shapes, kernel.program.buffers, strict=True)]  # fmt: skip
    wanted = [array.copy() for array in arrays]
    kernel.interpret(*wanted)
    texpr.build(s)(*arrays)
    for a, b in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_1_interchange_that_runs_backwards() -> None:
    verdict = refusal(backward, "reorder", "j", "i")
    assert (verdict.dependence, verdict.sizes) == ("flow", {"N": 2})
    assert verdict.source.values == {"i": 0, "j": 1}
    assert verdict.sink.values == {"i": 1, "j": 0}
    assert verdict.cell == "A[1, 1]"


def test_2_interchange_along_the_diagonal() -> None:
    assert refusal(diagonal, "reorder", "j", "i") is None


def test_3_parallel_over_a_recurrence() -> None:
    verdict = refusal(running, "parallel", "i")
    assert verdict.fault == "parallel"
    assert "in parallel over i nothing says which comes first" in str(verdict)


def test_4_parallel_decided_by_the_sizes() -> None:
    assert refusal(far_apart, "parallel", "i") is None
    verdict = refusal(near, "parallel", "i")
    assert verdict.dependence == "anti"


def test_5_two_writers_of_one_cell() -> None:
    verdict = refusal(two_writers, "parallel", "i")
    assert verdict.dependence == "output"
    assert verdict.cell == "A[0]"


def test_6_lanes_nearer_than_the_dependence() -> None:
    assert refusal(four_ahead, "vectorize", "i", lanes=4) is None
    verdict = refusal(four_ahead, "vectorize", "i", lanes=8)
    assert (verdict.dependence, verdict.fault) == ("flow", "order")
    assert "the lanes of i_i run both at once" in str(verdict)
    assert refusal(shifted_down, "vectorize", "i") is None
    assert refusal(shifted_down, "vectorize", "i", lanes=8) is None


def test_7_a_read_outside_the_array() -> None:
    with pytest.raises(
        BoundsError, match=r"with N=1, at i=0 it reads A\[i \+ 1\], which is A\[1\]"
    ):
        texpr.build(texpr.create_schedule(too_far))


def test_8_a_read_of_what_was_never_written() -> None:
    with pytest.raises(
        UninitializedError,
        match=r"S0: B\[i\] = t\[0\] \(test_scorecard\.py:\d+\) reads 't' with N=1, at i=0, and "
        r"nothing wrote it before; give 't' a value first",
    ):
        texpr.build(texpr.create_schedule(never_written))


def test_9_interchange_of_a_triangle() -> None:
    assert refusal(triangular, "reorder", "j", "i") is None


def test_10_a_float_sum_in_another_order() -> None:
    assert refusal(total, "vectorize", "k").dependence == "flow"
    s = texpr.create_schedule(total)
    k_o, k_i = s["S0"].split("k", factor=8)
    assert s["S0"].why_not("reorder", k_i, k_o).kind == "illegal"
    assert "every reduction keeps its declared order" in str(s.report())

    assert refusal(total, "vectorize", "k", fp="reassoc") is None
    s = texpr.create_schedule(total, fp="reassoc")
    k_o, k_i = s["S0"].split("k", factor=8)
    s["S0"].reorder(k_i, k_o)
    s["S0"].vectorize(k_o)
    runs_right(total, s)
    assert "S0: 64 terms of float32 are combined in another order" in str(s.report())


def test_11_parallel_over_what_is_independent() -> None:
    assert refusal(columns, "parallel", "j") is None
    assert refusal(columns, "parallel", "i").dependence == "flow"


def test_a_sum_declared_as_a_tensor_expression_has_no_order() -> None:
    A, k = te.placeholder((64,), name="A"), te.reduce_axis((0, 64), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(k)
    a = np.arange(64, dtype="float32")
    assert texpr.build(s, [A, S])(a) == a.sum()
    assert s[S].why_not("parallel", k) is not None
