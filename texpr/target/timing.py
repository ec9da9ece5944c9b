"""How long a call takes: median and spread of repeated measurements."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from texpr.errors import TexprError


@dataclass(frozen=True)
class Timing:
    """Measurements of one call: each sample is the mean of ``calls_per_sample`` calls."""

    samples_ns: tuple[float, ...]
    calls_per_sample: int

    @property
    def median_ns(self) -> float:
        return statistics.median(self.samples_ns)

    @property
    def spread_ns(self) -> float:
        """The interquartile range: half of the samples lie within it."""
        if len(self.samples_ns) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.samples_ns, n=4, method="inclusive")
        return high - low

    @property
    def best_ns(self) -> float:
        return min(self.samples_ns)

    def __str__(self) -> str:
        samples = f"{len(self.samples_ns)} sample{'s' if len(self.samples_ns) > 1 else ''}"
        if self.calls_per_sample > 1:
            samples += f" of {self.calls_per_sample} calls"
        return f"{format_ns(self.median_ns)}, spread {format_ns(self.spread_ns)} ({samples})"


def format_ns(time_ns: float) -> str:
    """Return a time with three digits and a fitting unit.

    >>> format_ns(451.2), format_ns(12_345), format_ns(2.5e9)
    ('451 ns', '12.3 us', '2.5 s')
    """
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if time_ns >= 0.9995 * size:
            return f"{time_ns / size:.3g} {unit}"
    return f"{time_ns:.3g} ns"


def measure(call: Callable[[], object], *, repeat: int = 15, min_time_ms: float = 5.0) -> Timing:
    """Time ``call``, in ``repeat`` samples of at least ``min_time_ms`` each, after warming up.

    Raises
    ------
    TexprError
        ``repeat`` is below 1, or ``min_time_ms`` negative.
    """
    if repeat < 1:
        raise TexprError(f"time: repeat = {repeat} must be at least 1; pass a larger one")
    if min_time_ms < 0:
        raise TexprError(f"time: min_time_ms = {min_time_ms} is negative; pass 0 or more")
    count = 1
    while True:
        taken_ns = elapsed_ns(call, count)
        if taken_ns >= min_time_ms * 1e6:
            break
        # Aim a little above the time wanted; the first calls, in a cold cache, mislead.
        needed = 1.2 * min_time_ms * 1e6 / max(taken_ns, 1) * count
        count = min(10 * count, max(count + 1, int(needed)))
    return Timing(tuple(elapsed_ns(call, count) / count for _ in range(repeat)), count)


def elapsed_ns(call: Callable[[], object], count: int) -> int:
    """Return how long ``count`` calls take."""
    iterations = itertools.repeat(None, count)
    start = time.perf_counter_ns()
    for _ in iterations:
        call()
    return time.perf_counter_ns() - start
