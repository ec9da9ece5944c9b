"""Dense layers: bias and activations behind a product."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import dense, schedule_dense
from texpr.ops.activations import ACTIVATIONS
from texpr.ops.dense import reference


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


@pytest.mark.parametrize(
    ("activation", "with_bias", "dtype"),
    [
        *((name, True, "float32") for name in [None, *ACTIVATIONS]),
        *((name, False, "float64") for name in [None, "gelu"]),
        *(("gelu_tanh", True, dtype) for dtype in ("float16", "bfloat16", "float64")),
    ],
)
def test_layer(activation, with_bias, dtype):
    x, w = numbers((9, 21), dtype), numbers((21, 35), dtype, 1)
    bias = numbers(35, dtype, 2) if with_bias else None
    found = dense(x, w, bias, activation=activation)
    wanted = reference(x, w, bias, activation=activation)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("n", "m", "k"), [(0, 3, 2), (3, 0, 2), (3, 4, 0), (17, 33, 5)])
@pytest.mark.parametrize("trans_w", [False, True])
def test_sizes(n, m, k, trans_w):
    x, w = numbers((n, k), "float32"), numbers((m, k) if trans_w else (k, m), "float32", 1)
    bias = numbers(m, "float32", 2)
    found = dense(x, w, bias, activation="relu", trans_w=trans_w)
    wanted = reference(x, w, bias, activation="relu", trans_w=trans_w)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_views_and_out():
    big = numbers((40, 40), "float32")
    x, w, bias = big[::2, 3:20], big.T[:17], big[:, 0]
    out = np.empty((20, 40), "float32")
    assert dense(x, w, bias, activation="tanh", out=out) is out
    np.testing.assert_allclose(out, np.tanh(x @ w + bias), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_cut_for_threads(num_threads):
    X, W = te.placeholder((30, 8), name="X"), te.placeholder((8, 20), name="W")
    b = te.placeholder((20,), name="b")
    Y = dense(X, W, b, activation="sigmoid")
    s = schedule_dense(Y, num_threads=num_threads)
    assert ("in parallel" in str(s)) == (num_threads > 1)
    arrays = numbers((30, 8), "float32"), numbers((8, 20), "float32"), numbers(20, "float32")
    wanted = reference(*arrays, activation="sigmoid")
    np.testing.assert_allclose(texpr.build(s, [X, W, b, Y])(*arrays), wanted, rtol=1e-5)


def test_refusals():
    x, w = np.ones((2, 3)), np.ones((3, 4))
    with pytest.raises(texpr.TexprError, match="unknown activation 'rleu'; did you mean 'relu'"):
        dense(x, w, activation="rleu")
    with pytest.raises(texpr.TexprError, match="unknown activation 7; there are none, relu, gelu"):
        dense(x, w, activation=7)
    with pytest.raises(texpr.ShapeError, match=r"dense: C of shape \(3\) is added to rows of 4"):
        dense(x, w, np.ones(3))
    with pytest.raises(texpr.ShapeError, match=r"dense: A .* and B .* are not both matrices"):
        dense(x, np.ones(3))
    with pytest.raises(
        texpr.ShapeError, match=r"matmul: A .* has 3 columns, and B .*, transposed, has 4 rows"
    ):
        dense(x, w, trans_w=True)
    with pytest.raises(texpr.ScheduleError, match="schedule_dense: 'A' is none; declare it with"):
        schedule_dense(te.placeholder((2, 3), name="A"))
