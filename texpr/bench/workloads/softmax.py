"""Softmax: rows of numbers that are positive and add up to 1."""

from __future__ import annotations

import numpy as np

from texpr.bench.workloads.workload import (
    BYTES,
    Array,
    Workload,
    itemsize,
    uniform_inputs,
    unit_roundoff,
)


def softmax(n: int, m: int, dtype: str = "float32") -> Workload:
    """``exp(x) / sum(exp(x))`` of each of ``n`` rows."""
    return Workload(
        name=f"softmax-{n}x{m}",
        kind="softmax",
        dtype=dtype,
        inputs=uniform_inputs((n, m), dtype=dtype, low=-8.0),
        reference=softmax_reference,
        # A comparison, a difference, an exponential, a sum and a quotient.
        flops=5.0 * n * m,
        size_bytes=2.0 * n * m * itemsize(dtype),
        unit=BYTES,
    )


def softmax_reference(x: Array) -> tuple[Array, Array]:
    """Return the softmax of the rows and the errors allowed.

    ``x - max`` is rounded once, which the exponential multiplies by its size: ``|x - max| u``, in
    the numerator and at most so in the sum. The sum of ``m`` positive terms is off by ``m u``;
    16 u are left for both exponentials and the quotient.
    """
    wide = x.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    parts = 2 * np.abs(wide).max(axis=1, keepdims=True) + x.shape[1] + 16
    y = np.exp(wide)
    y /= y.sum(axis=1, keepdims=True)
    return y, y * parts * unit_roundoff(x.dtype)
