"""The Gaussian error linear unit, in its approximation by tanh that every library has."""

from __future__ import annotations

import math

import numpy as np

from texpr.bench.workloads.workload import (
    BYTES,
    Array,
    Workload,
    itemsize,
    uniform_inputs,
    unit_roundoff,
)


def gelu(size: int, dtype: str = "float32") -> Workload:
    """``0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3)))`` of ``size`` numbers."""
    sizes = f"{size >> 20}M" if size % (1 << 20) == 0 else str(size)
    return Workload(
        name=f"gelu-{sizes}",
        kind="gelu",
        dtype=dtype,
        inputs=uniform_inputs((size,), dtype=dtype, low=-6.0),
        reference=gelu_reference,
        flops=9.0 * size,  # tanh as one
        size_bytes=2.0 * size * itemsize(dtype),
        unit=BYTES,
    )


def gelu_reference(x: Array) -> tuple[Array, Array]:
    """Return the result and the errors allowed.

    An error of some u in the argument of tanh, and one of some u in its value, are at most so
    many u in ``1 + tanh``, which ``x / 2`` multiplies: 16 of them are more than any library
    needs.
    """
    wide = x.astype(np.float64)
    cube = wide * wide * wide
    y = 0.5 * wide * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * cube)))
    return y, 16 * unit_roundoff(x.dtype) * np.abs(wide)
