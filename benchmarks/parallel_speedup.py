"""What threads gain: one against two on loops of a few milliseconds, and what a fork costs."""

from __future__ import annotations

import functools
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

import texpr
from texpr import te

ROUNDS = 60
SIZE = 576
"""Of the matrices multiplied: 0.4 GFLOP."""


def matmul(*, parallel: bool, chunks: str | None = None) -> Callable[[], object]:
    """Return a call of a tiled product of matrices: 6 × 32 accumulators in registers."""
    A, B = te.placeholder((SIZE, SIZE), name="A"), te.placeholder((SIZE, SIZE), name="B")
    k = te.reduce_axis((0, SIZE), name="k")
    C = te.compute((SIZE, SIZE), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 6, 32)
    s[C].reorder(i_o, j_o, k, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    if parallel:
        s[C].parallel(i_o)
    if chunks is not None:
        s[C].pragma(i_o, "parallel_schedule", chunks)
    a, b = (np.random.default_rng(0).random((SIZE, SIZE), "float32") for _ in range(2))
    return functools.partial(texpr.build(s, [A, B, C]), a, b, np.empty_like(a))


def elementwise(size: int, *, parallel: bool) -> Callable[[], object]:
    """Return a call of a polynomial over ``size`` numbers, which fit the first cache."""
    A = te.placeholder((size,), name="A")

    def rule(i: texpr.ir.expr.Var) -> texpr.ir.expr.Expr:
        value = A[i]
        for _ in range(64):
            value = value * A[i] + 0.5
        return value

    B = te.compute((size,), rule, name="B")
    s = te.create_schedule(B.op)
    if parallel:
        s[B].parallel("i")
    a = np.random.default_rng(0).random(size, "float32")
    return functools.partial(texpr.build(s, [A, B]), a, np.empty_like(a))


def medians_ns(variants: dict[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """Return the median of each call, ``(threads, call)``, all of them taking turns."""
    samples: dict[str, list[int]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, (threads, call) in variants.items():
            texpr.set_num_threads(threads)
            call()
            start = time.perf_counter_ns()
            call()
            samples[name].append(time.perf_counter_ns() - start)
    return {name: statistics.median(taken) for name, taken in samples.items()}


def main() -> None:
    """Print two tables."""
    chosen = texpr.get_num_threads()
    serial, static = matmul(parallel=False), matmul(parallel=True)
    dynamic = matmul(parallel=True, chunks="dynamic, 4")
    many = 1 << 20
    plain, shared = elementwise(many, parallel=False), elementwise(many, parallel=True)
    large = medians_ns(
        {
            "matmul, no parallel loop": (1, serial),
            "matmul, 1 thread": (1, static),
            "matmul, 2 threads": (2, static),
            "matmul, 2 threads, dynamic": (2, dynamic),
            "polynomial, no parallel loop": (1, plain),
            "polynomial, 1 thread": (1, shared),
            "polynomial, 2 threads": (2, shared),
        }
    )
    for name, time_ns in large.items():
        base = large[f"{name.partition(',')[0]}, 1 thread"]
        print(f"{time_ns / 1e6:8.2f} ms  {base / time_ns:5.2f} of one thread  {name}")
    # 16 elements of 193 operations each are too few for threads, 1024 are enough.
    os.environ["TEXPR_THREAD_WORK"] = "1"
    forked = elementwise(16, parallel=True)
    del os.environ["TEXPR_THREAD_WORK"]
    small = medians_ns(
        {
            "16 elements, no parallel loop": (2, elementwise(16, parallel=False)),
            "16 elements, serial by the rule for small work": (2, elementwise(16, parallel=True)),
            "1024 elements, no parallel loop": (2, elementwise(1024, parallel=False)),
            "1024 elements, 2 threads": (2, elementwise(1024, parallel=True)),
            "16 elements, 2 threads: a fork": (2, forked),
        }
    )
    for name, time_ns in small.items():
        print(f"{time_ns / 1e3:8.2f} us  {name}")
    texpr.set_num_threads(chosen)


if __name__ == "__main__":
    main()
