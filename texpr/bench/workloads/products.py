"""Products: of two matrices, of many small ones, of a matrix and a vector."""

from __future__ import annotations

import math

import numpy as np

from texpr.bench.workloads.workload import (
    BYTES,
    FLOPS,
    Array,
    Workload,
    itemsize,
    sum_error,
    uniform_inputs,
)

# How names say a type; float32 is not said.
_SHORT = {"float32": "", "float64": "f64-"}


def gemm(n: int, m: int, k: int, dtype: str = "float32") -> Workload:
    """The product of an (n, k) and a (k, m) matrix.

    >>> gemm(4, 4, 4, "float64").name, gemm(4, 5, 6).name
    ('gemm-f64-4', 'gemm-4x5x6')
    """
    sizes = str(n) if n == m == k else f"{n}x{m}x{k}"
    return _product(f"gemm-{_SHORT[dtype]}{sizes}", "gemm", (n, k), (k, m), dtype, FLOPS)


def batched_matmul(batch: int, n: int, m: int, k: int, dtype: str = "float32") -> Workload:
    """Products of ``batch`` pairs of matrices."""
    name = f"batched-{_SHORT[dtype]}{batch}x{n}x{m}x{k}"
    return _product(name, "batched_matmul", (batch, n, k), (batch, k, m), dtype, FLOPS)


def gemv(n: int, k: int, dtype: str = "float32") -> Workload:
    """The product of an (n, k) matrix and a vector: every element of the matrix is used once."""
    sizes = str(n) if n == k else f"{n}x{k}"
    return _product(f"gemv-{_SHORT[dtype]}{sizes}", "gemv", (n, k), (k,), dtype, BYTES)


def _product(
    name: str, kind: str, a: tuple[int, ...], b: tuple[int, ...], dtype: str, unit: str
) -> Workload:
    result = (*a[:-1], *b[len(a) - 1 :])
    return Workload(
        name=name,
        kind=kind,
        dtype=dtype,
        inputs=uniform_inputs(a, b, dtype=dtype),
        reference=product_reference,
        flops=2.0 * math.prod(result) * a[-1],
        size_bytes=float(itemsize(dtype) * sum(map(math.prod, (a, b, result)))),
        unit=unit,
    )


def product_reference(a: Array, b: Array) -> tuple[Array, Array]:
    """Return ``a @ b`` and the errors allowed: a part of ``|a| @ |b|``."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    allowed = sum_error(a.shape[-1], a.dtype) * (np.abs(wide_a) @ np.abs(wide_b))
    return wide_a @ wide_b, allowed
