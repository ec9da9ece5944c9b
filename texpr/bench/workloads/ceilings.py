"""The machine's ceilings, as workloads: what no other can exceed.

``peak``: multiply-adds in registers, in chains that do not depend on one another.
``read``, ``copy`` and ``triad``: arrays that no cache holds.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from texpr.bench.workloads.workload import (
    BYTES,
    FLOPS,
    Array,
    Workload,
    itemsize,
    sum_error,
    uniform_inputs,
    unit_roundoff,
)
from texpr.target.host import memory_bytes
from texpr.target.target import Target

# Every chain of x * c + y approaches y / (1 - x), here 1, whatever it starts from.
FACTOR, SUMMAND = 0.5, 0.5
PEAK_STEPS = 1 << 16

# Arrays of so many bytes where the machine does not tell its last cache.
MIN_STREAM_BYTES = 1 << 26


def peak(target: Target, num_threads: int, dtype: str, steps: int = PEAK_STEPS) -> Workload:
    """The rate of multiply-adds of ``num_threads`` threads, whose operands stay in registers.

    Half of the registers hold a chain each. Two units of a latency of four or five cycles need
    8 to 10 chains; 16 registers less the two of the operands are enough for 8, 32 for 16.
    """
    chains = max(8, (target.num_vector_registers or 16) // 2)
    shape = (num_threads, chains, target.vector_lanes(dtype))
    return Workload(
        name=f"peak-{dtype}",
        kind="peak",
        dtype=dtype,
        inputs=partial(peak_inputs, steps, shape, dtype),
        reference=peak_reference,
        flops=2.0 * steps * math.prod(shape),
        size_bytes=2.0 * math.prod(shape) * itemsize(dtype),
        unit=FLOPS,
    )


def peak_inputs(steps: int, shape: tuple[int, ...], dtype: str) -> tuple[Array, ...]:
    """Return the number of steps, both operands and where the chains start."""
    return (
        np.array(steps, np.int64),
        np.full(1, FACTOR, dtype),
        np.full(1, SUMMAND, dtype),
        *uniform_inputs(shape, dtype=dtype)(),
    )


def peak_reference(steps: Array, x: Array, y: Array, c: Array) -> tuple[Array, Array]:
    """Return the chains after all steps: the start is forgotten by half at each of them.

    Each step rounds by u of a value of at most 2, and forgets half of the error before it.
    """
    limit = SUMMAND / (1 - FACTOR)
    exact = limit + (c.astype(np.float64) - limit) * FACTOR ** int(steps)
    return exact, np.full(exact.shape, 4 * unit_roundoff(x.dtype))


def stream_elements(target: Target) -> int:
    """Return how many float64 make an array that the last cache cannot hold.

    Twice the last cache, within a sixteenth of the memory.
    """
    wanted = max(MIN_STREAM_BYTES, 2 * target.l3_bytes)
    memory = memory_bytes()
    return min(wanted, wanted if memory is None else memory // 16) // 8


def read(size: int, num_threads: int) -> Workload:
    """Sums of the parts of an array: bytes that are read, and nothing is written."""
    length = size // num_threads
    return Workload(
        name="read",
        kind="read",
        dtype="float64",
        inputs=uniform_inputs((num_threads, length), dtype="float64"),
        reference=read_reference,
        flops=1.0 * num_threads * length,
        size_bytes=8.0 * num_threads * length,
        unit=BYTES,
    )


def copy(size: int) -> Workload:
    """``b = a``: a byte read for each that is written."""
    return Workload(
        name="copy",
        kind="copy",
        dtype="float64",
        inputs=uniform_inputs((size,), dtype="float64"),
        reference=copy_reference,
        flops=0.0,
        size_bytes=16.0 * size,
        unit=BYTES,
    )


def triad(size: int) -> Workload:
    """``c = a + 3 * b``: two bytes read for each that is written.

    Source: J. McCalpin, STREAM; as there, what a store reads into the cache before it writes is
    not counted.
    """
    return Workload(
        name="triad",
        kind="triad",
        dtype="float64",
        inputs=uniform_inputs((size,), (size,), dtype="float64"),
        reference=triad_reference,
        flops=2.0 * size,
        size_bytes=24.0 * size,
        unit=BYTES,
    )


def read_reference(a: Array) -> tuple[Array, Array]:
    """Return the sums of the rows; see :func:`sum_error`."""
    return a.sum(axis=1), sum_error(a.shape[1], "float64") * np.abs(a).sum(axis=1)


def copy_reference(a: Array) -> tuple[Array, Array]:
    """Return the copy, in which nothing may differ."""
    return a, np.zeros_like(a)


def triad_reference(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the sum; the product may be rounded before the sum is, here and there."""
    return a + 3 * b, 4 * unit_roundoff("float64") * (np.abs(a) + 3 * np.abs(b))
