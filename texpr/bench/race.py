"""Timing several calls against one another: they take turns, so that drift hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from texpr.target.timing import Timing

MIN_ROUNDS: Final = 5
MAX_ROUNDS: Final = 200
# A shorter measurement than this is repeated within itself: clocks and interrupts.
MIN_MEASURE_NS: Final = 2_000_000

Measured = Callable[[int], float]
"""Makes so many calls, one after the other, and returns how many ns they took together."""


def race(
    calls: Mapping[str, Measured],
    *,
    budget_s: float,
    min_rounds: int = MIN_ROUNDS,
    max_rounds: int = MAX_ROUNDS,
    min_measure_ns: float = MIN_MEASURE_NS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time ``calls`` in rounds; the samples of one round stand at one place of each timing.

    Before the first round each is called till a measurement is long enough; that warms caches
    and clocks, and says how many calls it takes. In a round, each is called once untimed before
    it is measured, since another had the caches meanwhile; but for calls so long that it does not
    matter.

    Parameters
    ----------
    calls : mapping of str to callable
    budget_s : float
        Time in s after which no further round begins.
    min_rounds, max_rounds : int
        Rounds that there are whatever the time, and no more than so many.
    min_measure_ns : float
        What a measurement takes at least.
    clock : callable
        The time in s.

    >>> timings = race({"one": lambda n: 10.0 * n, "two": lambda n: 20.0 * n}, budget_s=0,
    ...                min_measure_ns=30)
    >>> timings["two"].median_ns, timings["two"].calls_per_sample, len(timings["one"].samples_ns)
    (20.0, 2, 5)
    """
    counts = {name: _calls_needed(call, min_measure_ns) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    stop = clock() + budget_s
    rounds = 0
    while calls and (rounds < min_rounds or (rounds < max_rounds and clock() < stop)):
        for name, call in calls.items():
            count, is_long = counts[name]
            if not is_long:
                call(1)
            samples[name].append(call(count) / count)
        rounds += 1
    return {name: Timing(tuple(taken), counts[name][0]) for name, taken in samples.items()}


def _calls_needed(call: Measured, min_measure_ns: float) -> tuple[int, bool]:
    """Return how many calls make a measurement, and whether a single one is ten of those."""
    call(1)
    count = 1
    while (taken := call(count)) < min_measure_ns:
        needed = int(min_measure_ns * count / max(taken, 1)) + 1
        count = min(10 * count, max(count + 1, needed))
    return count, count == 1 and taken > 10 * min_measure_ns
