"""Softmax of rows of many lengths."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import schedule_softmax, softmax
from texpr.ops.softmax import reference


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).uniform(-9, 9, shape).astype(dtype)


@pytest.mark.parametrize(
    "shape",
    [(1,), (50,), (0, 3), (3, 0), (1, 1), (3, 15), (4, 16), (5, 17), (2, 129), (2, 3, 40)],
)
def test_rows(shape):
    check(shape, "float32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_types(dtype):
    check((5, 37), dtype)


def check(shape, dtype):
    x = numbers(shape, dtype)
    found, wanted = softmax(x), reference(x)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_large_numbers_overflow_nowhere():
    x = np.array([[1000.0, 1000.0], [-1000.0, 0.0], [-np.inf, 0.0]], "float32")
    np.testing.assert_array_equal(softmax(x), np.array([[0.5, 0.5], [0, 1], [0, 1]], "float32"))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_axes(axis):
    x = numbers((3, 4, 5), "float64")
    power = np.exp(x)
    wanted = power / power.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(softmax(x, axis=axis), wanted)
    out = np.empty_like(x)
    assert softmax(x, axis=axis, out=out) is out
    np.testing.assert_allclose(out, wanted)
    np.testing.assert_allclose(softmax(x[::-1, ::2], axis=axis).sum(axis=axis), 1)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_cut_for_threads(num_threads):
    X = te.placeholder((6, 40), name="X")
    Y = softmax(X)
    s = schedule_softmax(Y, num_threads=num_threads)
    assert ("parallel" in str(s)) == (num_threads > 1)
    x = numbers((6, 40), "float32")
    np.testing.assert_allclose(texpr.build(s, [X, Y])(x), reference(x), rtol=1e-5)


def test_refusals():
    with pytest.raises(texpr.DTypeError, match="softmax: A is int64; pass floats"):
        softmax(np.arange(3))
    with pytest.raises(texpr.ShapeError, match="softmax: axis 2 of 2 dimensions; pass one that"):
        softmax(np.ones((2, 2)), axis=2)
    with pytest.raises(texpr.ShapeError, match="softmax: axis 0 of 0 dimensions"):
        softmax(1.0, axis=0)
    X = te.placeholder((3, te.size_var("n")), name="X")
    with pytest.raises(texpr.ShapeError, match=r"softmax: axis 0 of .*; the last one of a tensor"):
        softmax(X, axis=0)
    with pytest.raises(texpr.ScheduleError, match="schedule_softmax: 'X' is no softmax; declare"):
        schedule_softmax(X)
