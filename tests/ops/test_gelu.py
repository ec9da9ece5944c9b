"""Gelu of arrays of all shapes."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import gelu, schedule_gelu
from texpr.ops.gelu import reference


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).uniform(-6, 6, shape).astype(dtype)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (15,), (16,), (17,), (3, 0, 2), (7, 11)])
def test_shapes(shape):
    check(shape, False, "float32")


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_types(dtype, approximate):
    check((1000,), approximate, dtype)


def check(shape, approximate, dtype):
    x = numbers(shape, dtype)
    found, wanted = gelu(x, approximate=approximate), reference(x, approximate)
    assert (found.dtype, found.shape) == (wanted.dtype, shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def test_views_and_out():
    x = numbers((20, 30), "float32")
    for view in (x.T, x[::2, 3:], np.asfortranarray(x)):
        np.testing.assert_allclose(gelu(view), reference(view), rtol=1e-5, atol=2e-6)
    out = np.empty_like(x)
    assert gelu(x, out=out) is out
    np.testing.assert_allclose(out, reference(x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_cut_for_threads(num_threads):
    X = te.placeholder((6, 40), name="X")
    Y = gelu(X)
    s = schedule_gelu(Y, num_threads=num_threads)
    assert ("parallel" in str(s)) == (num_threads > 1)
    x = numbers((6, 40), "float32")
    np.testing.assert_allclose(texpr.build(s, [X, Y])(x), reference(x), rtol=1e-5, atol=2e-6)


def test_refusals():
    with pytest.raises(texpr.DTypeError, match="gelu: A is int64; pass floats"):
        gelu(np.arange(3))
    with pytest.raises(texpr.ShapeError, match=r"gelu: out is no contiguous array of shape \(3,\)"):
        gelu(np.ones(3), out=np.ones(6)[::2])
    X = te.placeholder((4,), name="X")
    with pytest.raises(texpr.ScheduleError, match="schedule_gelu: 'X' is no gelu; declare it with"):
        schedule_gelu(X)
