"""Operators on arrays: which kernels are built, and kept; what becomes of the arrays."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import texpr
from texpr import ops
from texpr.ops import arrays
from texpr.target.threads import get_num_threads, set_num_threads


@pytest.fixture
def kernels():
    arrays.kernel_of.cache_clear()
    return arrays.kernel_of.cache_info


def test_a_kernel_for_each_combination_of_shapes_types_and_options(kernels):
    a = np.ones((4, 4), "float32")
    for _ in range(3):
        ops.matmul(a, a)
    assert (kernels().currsize, kernels().hits) == (1, 2)
    ops.matmul(a[:2], a)
    ops.matmul(a.astype("float64"), a)
    ops.matmul(a, a, trans_b=True)
    ops.matmul(a, a.T)
    assert (kernels().currsize, kernels().hits) == (4, 3)


def test_another_number_of_threads_and_another_target_have_kernels_of_their_own(
    kernels, monkeypatch
):
    before = get_num_threads()
    a = np.ones((4, 4), "float32")
    try:
        for count in (1, 2):
            set_num_threads(count)
            ops.matmul(a, a)
    finally:
        set_num_threads(before)
    assert kernels().currsize == 2
    monkeypatch.setenv("TEXPR_TARGET", "llvm -vector-width=128")
    ops.matmul(a, a)
    assert kernels().currsize == 3


def test_kernels_are_bounded(kernels):
    assert kernels().maxsize == arrays.MAX_KERNELS


def test_code_for_another_machine_is_declared_and_not_run(kernels, monkeypatch):
    monkeypatch.setenv("TEXPR_TARGET", "llvm -mtriple=riscv64-linux-gnu")
    with pytest.raises(texpr.TexprError, match=r"matmul: the target llvm .* is another machine"):
        ops.matmul(np.ones((2, 2)), np.ones((2, 2)))


def test_arrays_are_copied_only_where_rows_have_gaps():
    a = np.ones((6, 8), "float32")
    assert arrays.as_array(a) is a
    rows = a[1:3, 2:5]
    assert arrays.as_array(rows) is rows
    assert not np.shares_memory(arrays.as_array(a[:, ::2]), a)
    assert arrays.as_array([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_torch_and_jax_arrays_are_taken():
    assert ops.matmul(jnp.ones((2, 3)), jnp.ones((3, 2))).tolist() == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (
            np.ones((3, 2), "float32"),
            texpr.ShapeError,
            r"matmul: out is of shape \(3, 2\), and the",
        ),
        (np.ones((2, 2)), texpr.DTypeError, "matmul: out is float64, and the result float32; pass"),
        (
            [[1, 2], [3, 4]],
            texpr.DTypeError,
            r"matmul: out is \[\[1, 2\], \[3, 4\]\]; pass a NumPy",
        ),
    ],
)
def test_another_out_than_the_result(out, error, words):
    a = np.ones((2, 2), "float32")
    with pytest.raises(error, match=words):
        ops.matmul(a, a, out=out)


def test_out_may_not_overlap_an_operand():
    a = np.ones((2, 2), "float32")
    with pytest.raises(texpr.TexprError, match="overlaps A in memory"):
        ops.matmul(a, a, out=a)


def test_types_that_do_not_exist_here():
    with pytest.raises(texpr.DTypeError):
        ops.matmul(np.ones((2, 2), "complex64"), np.ones((2, 2), "complex64"))
    with pytest.raises(texpr.DTypeError):
        ops.matmul(np.ones((2, 2), ">f4"), np.ones((2, 2), ">f4"))
