"""Workloads: names, sizes, and that what is wrong is found."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from texpr.bench.workloads import WORKLOADS, Reference
from texpr.bench.workloads.ceilings import copy, peak, read, stream_elements, triad
from texpr.bench.workloads.gelu import gelu
from texpr.bench.workloads.products import batched_matmul, gemm, gemv
from texpr.bench.workloads.softmax import softmax
from texpr.target.target import Target

SMALL = [
    gemm(5, 6, 7), gemm(5, 6, 7, "float64"), gemv(5, 6), batched_matmul(2, 3, 4, 5), softmax(3, 7),
    gelu(50), gelu(50, "float64"), copy(9), triad(9), read(12, 3),
    peak(Target.host(), 2, "float64"),
]  # fmt: skip


def test_names_are_different():
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)


@pytest.mark.parametrize("workload", SMALL, ids=lambda workload: workload.name)
def test_goes_to_another_process_and_makes_the_same_inputs(workload):
    again = pickle.loads(pickle.dumps(workload))
    for one, other in zip(workload.inputs(), again.inputs(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert workload.size_bytes > 0
    assert workload.rate(1.0) == (
        workload.flops if workload.unit == "GFLOP/s" else workload.size_bytes
    )


@pytest.mark.parametrize("workload", SMALL, ids=lambda workload: workload.name)
def test_what_is_wrong_is_found(workload):
    reference = Reference.of(workload)
    exact = reference.exact.astype(workload.dtype)
    assert reference.error(exact) <= 1
    wrong = exact.copy()
    wrong.flat[0] += 1e-3
    assert reference.error(wrong) > 1
    wrong.flat[0] = np.nan
    assert reference.error(wrong) == float("inf")
    assert reference.error(exact.reshape(1, -1)[:, :-1]) == float("inf")


def test_an_error_within_rounding_is_right():
    workload = gemm(40, 40, 300)
    a, b = workload.inputs()
    reference = Reference.of(workload)
    assert 0 < reference.error(a @ b) <= 1
    half = a.astype("float16").astype("float32") @ b
    assert reference.error(half) > 1


def test_work_is_counted():
    product = gemm(2, 3, 5)
    assert (product.flops, product.size_bytes) == (60, 4 * (10 + 15 + 6))
    assert (gemv(2, 3).flops, gemv(2, 3).size_bytes) == (12, 4 * (6 + 3 + 2))
    assert batched_matmul(7, 2, 3, 5).flops == 7 * 60
    assert triad(10).size_bytes == 240


def test_streams_are_larger_than_the_last_cache():
    target = Target.parse("llvm -l3=8M")
    assert stream_elements(target) * 8 == 1 << 26
    assert stream_elements(Target.parse("llvm -l3=64M")) * 8 <= 1 << 27
