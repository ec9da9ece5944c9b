"""A matrix product, scheduled, run, checked and timed beside NumPy's."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from texpr import te
from texpr.bench.peers.numpy import numpy_blas
from texpr.bench.race import race
from texpr.driver import build
from texpr.ops import matmul, schedule_matmul
from texpr.target.target import Target
from texpr.target.timing import elapsed_ns

# Time for the rounds of the comparison.
BUDGET_S = 2.0


@dataclass(frozen=True, slots=True)
class Demo:
    """What was declared, how it was scheduled, and what came out.

    Times are medians over ``rounds`` rounds in which both sides ran, one after the other, each
    on one thread. ``max_relative_error`` is the largest ``|C - exact| / (|A| @ |B|)``, the
    measure by which rounding errors of sums are bounded.
    """

    size: int
    dtype: str
    target: str
    declared: str
    trace: str
    loop_nest: str
    seconds: float
    gflops: float
    numpy_seconds: float
    numpy_gflops: float
    ratio_to_numpy: float
    max_relative_error: float
    numpy_max_relative_error: float
    error_bound: float
    compile_seconds: float
    rounds: int
    numpy_blas: str
    numpy_threads: int | None

    @property
    def is_right(self) -> bool:
        """Whether the error is within what rounding explains; not so where it is a NaN."""
        return self.max_relative_error <= self.error_bound

    def measured(self) -> dict[str, Any]:
        """Return everything but the texts of programs, for JSON."""
        texts = ("declared", "trace", "loop_nest")
        return {name: value for name, value in asdict(self).items() if name not in texts}


def run_demo(size: int, target: Target | str | None = None) -> Demo:
    """Declare, schedule, build, run, check and time ``C = A @ B`` in float32.

    Parameters
    ----------
    size : int
        Rows and columns of all three.
    target : Target or str, optional
        What code is made for; it must run here.

    Raises
    ------
    TargetError
        The target is another machine.
    """
    own = Target.of(target)
    start = time.perf_counter()
    A, B = (te.placeholder((size, size), "float32", name=name) for name in "AB")
    C = matmul(A, B)
    # One thread against one, below.
    s = schedule_matmul(C, own, num_threads=1)
    kernel = build(s, [A, B, C], target=own, name="matmul")
    compile_seconds = time.perf_counter() - start

    random = np.random.default_rng(0)
    a, b = (random.uniform(-1, 1, (size, size)).astype(np.float32) for _ in "AB")
    c, by_numpy = (np.full((size, size), np.nan, np.float32) for _ in "CD")
    with threadpool_limits(limits=1, user_api="blas"):
        blas, threads = numpy_blas()
        ours = partial(elapsed_ns, lambda: kernel(a, b, c))
        theirs = partial(elapsed_ns, lambda: np.matmul(a, b, out=by_numpy))
        timings = race({"texpr": ours, "numpy": theirs}, budget_s=BUDGET_S)
    seconds, numpy_seconds = (timing.median_ns / 1e9 for timing in timings.values())
    exact = a.astype(np.float64) @ b.astype(np.float64)
    scale = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    giga = 2.0 * size**3 / 1e9
    return Demo(
        size=size,
        dtype="float32",
        target=str(own),
        declared=str(te.create_schedule(C.op)),
        trace=str(s.trace),
        loop_nest=str(s),
        seconds=seconds,
        gflops=giga / seconds,
        numpy_seconds=numpy_seconds,
        numpy_gflops=giga / numpy_seconds,
        ratio_to_numpy=numpy_seconds / seconds,
        max_relative_error=float(np.max(np.abs(c - exact) / scale)),
        numpy_max_relative_error=float(np.max(np.abs(by_numpy - exact) / scale)),
        # Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. (3.5): a sum of k
        # products in any order is off by at most k u / (1 - k u) of the sum of their sizes.
        error_bound=size * 2.0**-24 / (1 - size * 2.0**-24),
        compile_seconds=compile_seconds,
        rounds=len(timings["texpr"].samples_ns),
        numpy_blas=blas,
        numpy_threads=threads,
    )
