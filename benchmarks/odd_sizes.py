"""What a size costs that tiles do not divide, beside one that they do, for each operation.

The kernels are compiled once, for sizes that are known only when they are called.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable

import numpy as np

import texpr
from texpr import te
from texpr.target.llvm import query

ROUNDS = 30
SIZES = (496, 497, 495)
"""Tiles of 4 x 16 divide the first, which is no power of two: their rows share sets of a cache."""
PROCESSORS = {"x86_64": ("native", "haswell", "x86-64")}
"""Masks of AVX-512, of AVX2, and none; other machines run their own code and the least one's."""


def product() -> tuple[te.TeSchedule, list[te.Tensor]]:
    """A product of matrices in tiles of 4 x 16 that nobody packs."""
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A, B = te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B")
    r = te.reduce_axis((0, k), name="r")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, 16)
    s[C].reorder(i_o, j_o, r, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    return s, [A, B, C]


def elementwise() -> tuple[te.TeSchedule, list[te.Tensor]]:
    """Twice one matrix plus another, in vectors of 16."""
    n, m = te.size_var("n"), te.size_var("m")
    A, B = (te.placeholder((n, m), name=name) for name in "AB")
    C = te.compute((n, m), lambda i, j: 2 * A[i, j] + B[i, j], name="C")
    s = te.create_schedule(C.op)
    s[C].vectorize(s[C].split("j", factor=16)[1])
    return s, [A, B, C]


def costs(kernel: texpr.Kernel, power: int) -> list[float]:
    """Return how many times as long each of the sizes but the first takes for an operation."""
    calls = [functools.partial(kernel, *arrays(size)) for size in SIZES]
    samples: list[list[float]] = [[] for _ in SIZES]
    for _ in range(ROUNDS):
        for call, own in zip(calls, samples, strict=True):
            start = time.perf_counter()
            call()
            own.append(time.perf_counter() - start)
    each = [statistics.median(own) / n**power for own, n in zip(samples, SIZES, strict=True)]
    return [one / each[0] for one in each[1:]]


def arrays(size: int) -> list[np.ndarray]:
    """Return two inputs and an output."""
    return list(np.random.default_rng(0).random((3, size, size), "float32"))


def main() -> None:
    """Print a table."""
    arch = query.architecture(query.process_triple())
    processors = PROCESSORS.get(arch, ("native", query.least_cpu(query.process_triple())))
    print(f"{'':30}" + "".join(f"{size:>8}" for size in SIZES[1:]) + f"  beside {SIZES[0]}")
    kinds: list[tuple[Callable[[], tuple[te.TeSchedule, list[te.Tensor]]], int]]
    kinds = [(product, 3), (elementwise, 2)]
    for build, power in kinds:
        for cpu in processors:
            s, args = build()
            found = costs(texpr.build(s, args, f"llvm -mcpu={cpu}"), power)
            print(f"{build.__name__ + ', ' + cpu:30}" + "".join(f"{ratio:8.2f}" for ratio in found))


if __name__ == "__main__":
    main()
