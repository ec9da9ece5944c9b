"""A matrix product, scheduled, run, checked and timed beside NumPy's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from texpr import te
from texpr.driver import build
from texpr.ops import matmul, schedule_matmul
from texpr.target.target import Target

# Rounds of the comparison: at least so many, and more until the time is used up.
MIN_ROUNDS = 5
MAX_ROUNDS = 200
BUDGET_S = 2.0
# A shorter measurement than this is repeated within itself: clocks and interrupts.
MIN_MEASURE_NS = 1_000_000


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
        blas, threads = _numpy_blas()
        (seconds, numpy_seconds), rounds = race(
            [lambda: kernel(a, b, c), lambda: np.matmul(a, b, out=by_numpy)]
        )
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
        rounds=rounds,
        numpy_blas=blas,
        numpy_threads=threads,
    )


def race(actions: Sequence[Callable[[], object]]) -> tuple[list[float], int]:
    """Return the median time in seconds of each action, and the number of rounds.

    The actions take turns, so that a machine that slows down slows all of them. One call of
    each before the first round warms caches and clocks, and tells how many calls make
    a measurement that is long enough.
    """
    repeats = []
    for action in actions:
        action()
        repeats.append(max(1, MIN_MEASURE_NS // max(1, _time_ns(action, 1))))
    times: list[list[float]] = [[] for _ in actions]
    stop = time.perf_counter() + BUDGET_S
    rounds = 0
    while rounds < MIN_ROUNDS or (rounds < MAX_ROUNDS and time.perf_counter() < stop):
        for action, repeat, spent in zip(actions, repeats, times, strict=True):
            spent.append(_time_ns(action, repeat) / repeat / 1e9)
        rounds += 1
    return [statistics.median(spent) for spent in times], rounds


def _time_ns(action: Callable[[], object], repeat: int) -> int:
    start = time.perf_counter_ns()
    for _ in range(repeat):
        action()
    return time.perf_counter_ns() - start


def _numpy_blas() -> tuple[str, int | None]:
    """Return the name of the library that NumPy multiplies with and its number of threads now.

    Apple's Accelerate does not show itself to threadpoolctl, nor can it be held to one thread
    from inside a process; the number is None there.
    """
    for library in threadpool_info():
        if library["user_api"] == "blas":
            words = (library["internal_api"], library["version"], library.get("architecture"))
            return " ".join(str(word) for word in words if word), int(library["num_threads"])
    return "unknown", None
