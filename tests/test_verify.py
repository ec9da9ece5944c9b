"""``TEXPR_VERIFY``: calls that are compared with what the program means."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te, verify
from texpr.errors import IllegalScheduleError

N = texpr.size("N")


@texpr.kernel
def histogram(H: texpr.i64[8], I: texpr.i32[N]):  # noqa: E741 - the usual name
    for i in range(N):
        H[I[i]] += 1


@texpr.kernel
def double(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        B[i] = A[i] * 2


def assumed():
    s = texpr.create_schedule(histogram)
    s.assume("H")
    s["S0"].vectorize("i", lanes=4)
    return s


APART = np.array([0, 1, 2, 3, 7, 6, 5, 4], "int32")
REPEATED = np.array([1, 1, 1, 1, 2, 2, 2, 2], "int32")


@pytest.mark.parametrize("level", ["2", "3"])
def test_a_wrong_assumption_is_caught(monkeypatch, level):
    monkeypatch.setenv("TEXPR_VERIFY", level)
    kernel = texpr.build(assumed())
    with pytest.raises(
        IllegalScheduleError, match=r"histogram: the result differs .* take s\.assume\(\.\.\.\) out"
    ):
        kernel(np.zeros(8, "int64"), REPEATED)


@pytest.mark.parametrize("level", ["0", "2", "3"])
def test_a_right_assumption_passes(monkeypatch, level):
    monkeypatch.setenv("TEXPR_VERIFY", level)
    counts = np.zeros(8, "int64")
    texpr.build(assumed())(counts, APART)
    np.testing.assert_array_equal(counts, np.ones(8))


def test_nothing_is_compared_below_two(monkeypatch):
    monkeypatch.setenv("TEXPR_VERIFY", "1")
    counts = np.zeros(8, "int64")
    texpr.build(assumed())(counts, REPEATED)
    assert counts.sum() < 8  # the lanes overwrote each other, and nobody looked


@pytest.mark.parametrize(("level", "calls"), [("1", 0), ("2", 0), ("3", 2)])
def test_without_assumptions_only_the_highest_level_compares(monkeypatch, level, calls):
    seen = []
    interpret = verify.interpret
    monkeypatch.setattr(
        verify, "interpret", lambda program, *args: (seen.append(1), interpret(program, *args))
    )
    monkeypatch.setenv("TEXPR_VERIFY", level)
    kernel = texpr.build(texpr.create_schedule(double))
    for size in (0, 5):
        a, b = np.arange(float(size)), np.zeros(size)
        kernel(a, b)
        np.testing.assert_array_equal(b, a * 2)
    assert len(seen) == calls


def test_outputs_left_out(monkeypatch):
    monkeypatch.setenv("TEXPR_VERIFY", "3")
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] + 1, name="B")
    kernel = texpr.build(te.create_schedule(B.op), [A, B])
    a = np.arange(5, dtype="float32")
    np.testing.assert_array_equal(kernel(a), a + 1)
    given = np.zeros(5, "float32")
    kernel(a, given)
    np.testing.assert_array_equal(given, a + 1)


def test_orders_of_a_sum_may_differ_a_little(monkeypatch):
    monkeypatch.setenv("TEXPR_VERIFY", "3")
    A, k = te.placeholder((1000,), name="A"), te.reduce_axis((0, 1000), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(k, lanes=8)
    a = np.random.default_rng(0).normal(size=1000).astype("float32")
    result = texpr.build(s, [A, S])(a)
    np.testing.assert_allclose(result, a.sum(), rtol=1e-4)


@texpr.kernel
def count(C: texpr.i64[()], A: texpr.i64[N]):
    for i in range(N):
        C[()] += A[i]


def test_an_array_of_rank_0_is_compared_and_written_once(monkeypatch):
    monkeypatch.setenv("TEXPR_VERIFY", "3")
    compared = []
    monkeypatch.setattr(verify, "_compare", lambda _, found, wanted: compared.append(found.ndim))
    total = np.array(10, "int64")
    texpr.build(texpr.create_schedule(count))(total, np.arange(4))
    assert total == 16
    assert compared == [0, 1]


@pytest.mark.parametrize("element", [texpr.f16, texpr.bf16])
def test_floats_of_16_bits_are_compared(monkeypatch, element):
    monkeypatch.setenv("TEXPR_VERIFY", "3")
    A = te.placeholder((5,), element, name="A")
    B = te.compute((5,), lambda i: (A[i] * 1.5).astype(A.dtype), name="B")
    a = np.array([1, 2, np.nan, np.inf, -0.0], element)
    found = texpr.build(te.create_schedule(B.op), [A, B])(a)
    np.testing.assert_array_equal(found.astype("float32"), [1.5, 3, np.nan, np.inf, 0])
