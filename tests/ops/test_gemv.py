"""A matrix by a vector, as it is and transposed."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import GemvBlocks, gemv, gemv_blocks, schedule_gemv
from texpr.ops.gemv import reference
from texpr.target.target import Target


def whole_numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


@pytest.mark.parametrize(
    ("n", "k", "dtype"),
    [
        *((n, k, "float32") for n, k in [(0, 3), (3, 0), (1, 1), (1, 50), (7, 15), (8, 16)]),
        *((n, k, "float32") for n, k in [(9, 17), (23, 129), (5000, 3)]),
        *((23, 29, dtype) for dtype in ("float16", "bfloat16", "float64")),
    ],
)
@pytest.mark.parametrize("trans", [False, True])
def test_product(n, k, trans, dtype):
    a, x = whole_numbers((k, n) if trans else (n, k), dtype), whole_numbers(k, dtype, 1)
    y = gemv(a, x, trans=trans)
    np.testing.assert_array_equal(y, reference(a, x, trans))
    assert y.dtype == (np.float64 if dtype == "float64" else np.float32)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize("trans", [False, True])
def test_cut_for_threads(num_threads, trans):
    A, X = te.placeholder((40, 40), name="A"), te.placeholder((40,), name="X")
    Y = gemv(A, X, trans=trans)
    s = schedule_gemv(Y, num_threads=num_threads)
    assert ("parallel" in str(s)) == (num_threads > 1)
    a, x = whole_numbers((40, 40), "float32"), whole_numbers(40, "float32", 1)
    np.testing.assert_array_equal(texpr.build(s, [A, X, Y])(a, x), (a.T if trans else a) @ x)


@pytest.mark.parametrize("trans", [False, True])
def test_views(trans):
    big = whole_numbers((30, 30), "float32")
    for a in (big[2:12, 5:15], big.T[:10, :10], big[::3, ::3], np.asfortranarray(big[:10, :10])):
        for x in (big[0, :10], big[::3, 0]):
            np.testing.assert_array_equal(gemv(a, x, trans=trans), (a.T if trans else a) @ x)


@pytest.mark.parametrize(
    ("flags", "blocks"),
    [
        ("-mcpu=x86-64", GemvBlocks(4, 8, 2048)),
        ("-mcpu=haswell", GemvBlocks(8, 8, 2048)),
        ("-mcpu=znver4", GemvBlocks(16, 8, 2048)),
    ],
)
def test_blocks_follow_the_machine(flags, blocks):
    caches = "-l1d=32K -l2=512K"
    target = Target.parse(f"llvm -mtriple=x86_64-linux-gnu {flags} {caches}")
    assert gemv_blocks("float32", target) == blocks


def test_refusals():
    A, X = te.placeholder((4, 5), name="A"), te.placeholder((5,), name="X")
    with pytest.raises(
        texpr.ShapeError, match=r"gemv: X of shape \(5\) and A .* are no matrix and"
    ):
        gemv(X, A)
    with pytest.raises(texpr.ShapeError, match=r"gemv: X of shape \(5\) is multiplied with 4 "):
        gemv(A, X, trans=True)
    with pytest.raises(texpr.ScheduleError, match="schedule_gemv: 'A' is no product of a matrix"):
        schedule_gemv(A)
