"""What was measured, and the ratios that follow; plain data that becomes JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from texpr.bench.workloads import FLOPS, Workload
from texpr.target.timing import Timing

SCHEMA: Final = 1
OWN: Final = "texpr"


@dataclass(frozen=True)
class Spread:
    """The quartiles of some numbers."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Return the quartiles.

        >>> Spread.of([3.0, 1.0, 2.0]), Spread.of([4.0])
        (Spread(low=1.5, median=2.0, high=2.5), Spread(low=4.0, median=4.0, high=4.0))
        """
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass(frozen=True)
class Ceilings:
    """What the machine can do at most with so many threads, as measured; None where it was not."""

    num_threads: int
    peak_gflops: dict[str, float] = field(default_factory=dict)
    """Multiply-adds in registers by type, each two operations."""
    bandwidth_gb_s: dict[str, float] = field(default_factory=dict)
    """Of memory, by the way it was measured."""

    def time_ns(self, workload: Workload) -> float | None:
        """Return the least time of a workload: of its operations, or of its bytes.

        The roofline of S. Williams, A. Waterman and D. Patterson, CACM 52(4), 2009.
        """
        peak = self.peak_gflops.get(workload.dtype)
        if peak is None or not self.bandwidth_gb_s:
            return None
        return max(workload.flops / peak, workload.size_bytes / max(self.bandwidth_gb_s.values()))


@dataclass(frozen=True)
class Result:
    """One peer at one workload.

    ``why`` says why there is no timing: the peer has nothing for it, failed, or was wrong.
    ``error`` is the largest error as a part of what rounding explains, right up to 1.
    """

    workload: str
    peer: str
    num_threads: int
    unit: str
    state: str
    """``timed``, ``wrong``, ``failed`` or ``absent``."""
    why: str = ""
    error: float | None = None
    prepare_s: float | None = None
    timing: Timing | None = None
    rate: float | None = None
    """In ``unit``, of the median."""
    part_of_ceiling: float | None = None
    ratio: Spread | None = None
    """How many times the time of texpr it took, round by round: above 1 texpr is the faster."""

    @property
    def time_ns(self) -> Spread | None:
        """The quartiles of the time of a call."""
        return None if self.timing is None else Spread.of(self.timing.samples_ns)


@dataclass(frozen=True)
class Report:
    """A whole run."""

    machine: dict[str, Any]
    peers: dict[str, dict[str, str]]
    """The versions of the peers that took part."""
    missing: dict[str, str]
    """Why others did not."""
    budget_s: float
    ceilings: list[Ceilings] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def has_wrong(self) -> bool:
        """Whether a peer computed something wrong, or failed."""
        return any(result.state in ("wrong", "failed") for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return everything as what JSON has."""
        found = {"schema": SCHEMA, **asdict(self)}
        for shown, result in zip(found["results"], self.results, strict=True):
            spread = result.time_ns
            shown["time_ns"] = None if spread is None else asdict(spread)
            best = best_peer(self.results, result.workload, result.num_threads)
            shown["is_best_peer"] = best is result
        return found


def ratio(own: Timing, other: Timing) -> Spread:
    """Return how many times as long the other took, each round by itself.

    >>> ratio(Timing((1.0, 2.0, 4.0), 1), Timing((2.0, 4.0, 8.0), 1)).median
    2.0
    """
    pairs = zip(own.samples_ns, other.samples_ns, strict=True)
    return Spread.of([theirs / ours for ours, theirs in pairs])


def best_peer(results: Iterable[Result], workload: str, num_threads: int) -> Result | None:
    """Return the fastest that is not texpr, of those that are right."""
    others = [
        result
        for result in results
        if (result.workload, result.num_threads) == (workload, num_threads)
        and result.peer != OWN
        and result.timing is not None
    ]
    return min(others, key=lambda r: r.timing.median_ns if r.timing else 0.0, default=None)


def ceilings_of(num_threads: int, measured: Iterable[tuple[Workload, Timing]]) -> Ceilings:
    """Return the ceilings from the timings of their workloads.

    The best sample counts, not the median: nothing runs above a ceiling.
    """
    peak: dict[str, float] = {}
    bandwidth: dict[str, float] = {}
    for workload, timing in measured:
        rate = workload.rate(timing.best_ns)
        if workload.unit == FLOPS:
            peak[workload.dtype] = rate
        else:
            bandwidth[workload.name] = rate
    return Ceilings(num_threads, peak, bandwidth)
