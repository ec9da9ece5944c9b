"""Stacks of matrices."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import batched_matmul, schedule_batched_matmul
from texpr.ops.batched_matmul import reference


def whole_numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


@pytest.mark.parametrize(
    ("batch", "n", "m", "k", "dtype"),
    [
        (0, 2, 3, 4, "float32"),
        (1, 1, 1, 1, "float32"),
        (2, 14, 32, 256, "float32"),
        (5, 1, 33, 2, "float32"),
        (2, 3, 4, 0, "float32"),
        *((3, 13, 31, 7, dtype) for dtype in ("float16", "bfloat16", "float32", "float64")),
    ],
)
def test_products(batch, n, m, k, dtype):
    a, b = whole_numbers((batch, n, k), dtype), whole_numbers((batch, k, m), dtype, 1)
    np.testing.assert_array_equal(batched_matmul(a, b), reference(a, b))


@pytest.mark.parametrize(("trans_a", "trans_b"), [(True, False), (False, True), (True, True)])
def test_transposed(trans_a, trans_b):
    a = whole_numbers((3, 7, 15) if trans_a else (3, 15, 7), "float32")
    b = whole_numbers((3, 40, 7) if trans_b else (3, 7, 40), "float32", 1)
    found = batched_matmul(a, b, trans_a=trans_a, trans_b=trans_b)
    np.testing.assert_array_equal(found, reference(a, b, trans_a, trans_b))


def test_one_matrix_for_all():
    a, b = whole_numbers((1, 4, 5), "float32"), whole_numbers((3, 5, 6), "float32", 1)
    np.testing.assert_array_equal(batched_matmul(a, b), a @ b)


def test_views():
    a = whole_numbers((7, 9, 6), "float32")
    b = whole_numbers((6, 7, 9), "float32", 1).transpose(1, 0, 2)
    np.testing.assert_array_equal(batched_matmul(a, b), a @ b)
    np.testing.assert_array_equal(batched_matmul(a[::-2, 1:], b[::-2]), a[::-2, 1:] @ b[::-2])


@pytest.mark.parametrize(("batch", "loop"), [(1, "i_o_o"), (8, "b")])
def test_the_parallel_loop_is_one_that_is_long_enough(batch, loop):
    A, B = te.placeholder((batch, 64, 8), name="A"), te.placeholder((batch, 8, 16), name="B")
    assert f"for {loop} in parallel" in str(
        schedule_batched_matmul(batched_matmul(A, B), num_threads=4)
    )


def test_refusals():
    A, B = te.placeholder((4, 5), name="A"), te.placeholder((2, 5, 4), name="B")
    with pytest.raises(
        texpr.ShapeError, match=r"batched_matmul: A .* and B .* are not both stacks"
    ):
        batched_matmul(A, B)
    with pytest.raises(
        texpr.ShapeError, match=r"matmul: A of shape \(2, 3, 4\) has 4 columns, and B .* has 3 rows"
    ):
        batched_matmul(np.ones((2, 3, 4)), np.ones((2, 3, 4)))
