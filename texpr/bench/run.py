"""The run: start the peers, check each, let those that are right take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Protocol

from texpr.bench.machine import machine
from texpr.bench.peers import PEERS, Peer, is_installed
from texpr.bench.process import PeerError, PeerProcess
from texpr.bench.race import race
from texpr.bench.results import OWN, Ceilings, Report, Result, ceilings_of, ratio
from texpr.bench.workloads import WORKLOADS, Array, Reference, Workload
from texpr.bench.workloads.ceilings import copy, peak, read, stream_elements, triad
from texpr.errors import TexprError, did_you_mean
from texpr.target import host
from texpr.target.target import Target
from texpr.target.threads import get_num_threads
from texpr.target.timing import Timing

# Seconds for a workload, of all peers together: enough for a hundred rounds of what takes a
# millisecond, and for the least number of rounds of what takes a second.
BUDGET_S = 2.0
QUICK_BUDGET_S = 0.2


class Contestant(Protocol):
    """A peer as it is asked here; in a process of its own, or, in tests, not."""

    def versions(self) -> dict[str, str]:
        """Return what to know of it."""

    def prepare(self, workload: Workload) -> float | None:
        """Make ready; None where it cannot do that."""

    def result(self) -> Array:
        """Return what it computed."""

    def elapsed_ns(self, count: int) -> float:
        """Do it so many times, and return the time."""

    def forget(self) -> None:
        """Give up what was prepared."""

    def close(self) -> None:
        """Take part no longer."""


Start = Callable[[type[Peer], int], Contestant]


def run_benchmark(
    workloads: Sequence[Workload] = WORKLOADS,
    peers: Sequence[type[Peer]] = tuple(PEERS.values()),
    threads: Sequence[int] | None = None,
    *,
    budget_s: float = BUDGET_S,
    with_ceilings: bool = True,
    start: Start = PeerProcess,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Measure every workload with every peer, for each number of threads.

    Parameters
    ----------
    workloads, peers
        What, and who.
    threads : sequence of int, optional
        One, and as many as there are cores, unless given.
    budget_s : float
        Time in s for the rounds of a workload, for all peers together.
    with_ceilings : bool
        Whether to measure what the machine can do at most.
    start : callable
        Starts a peer with a number of threads.
    clock : callable
        The time in s.
    progress : callable
        Is told what is done now.
    """
    counts = sorted({1, get_num_threads()}) if threads is None else list(threads)
    missing = {
        peer.name: f"not installed: pip install {peer.package}"
        for peer in peers
        if not is_installed(peer)
    }
    present = [peer for peer in peers if peer.name not in missing]
    report = Report(machine(), {}, missing, budget_s)
    references: dict[str, Reference] = {}
    for num_threads in counts:
        running: dict[str, Contestant] = {}
        try:
            for peer in present:
                progress(f"starting {peer.name}")
                try:
                    running[peer.name] = start(peer, num_threads)
                except PeerError as error:
                    missing[peer.name] = str(error)
                    continue
                report.peers.setdefault(peer.name, running[peer.name].versions())
            ceilings = Ceilings(num_threads)
            if with_ceilings:
                own = running.get(OWN) or running.setdefault(OWN, start(PEERS[OWN], num_threads))
                progress(f"measuring the ceilings of {num_threads} thread(s)")
                ceilings = measure_ceilings(own, num_threads, budget_s / 2, clock)
                report.ceilings.append(ceilings)
            for workload in workloads:
                progress(f"{workload.name}, {num_threads} thread(s)")
                if workload.name not in references:
                    references[workload.name] = Reference.of(workload)
                chosen = {peer.name: running[peer.name] for peer in present if peer.name in running}
                reference = references[workload.name]
                report.results.extend(
                    compare(
                        workload,
                        reference,
                        chosen,
                        num_threads,
                        ceilings,
                        budget_s=budget_s,
                        clock=clock,
                    )
                )
        finally:
            for contestant in running.values():
                contestant.close()
    return report


def compare(
    workload: Workload,
    reference: Reference,
    running: dict[str, Contestant],
    num_threads: int,
    ceilings: Ceilings,
    *,
    budget_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Result]:
    """Let those that do the workload right take turns at it; return a result for everyone."""
    results = {
        name: _checked(workload, reference, name, contestant, num_threads)
        for name, contestant in running.items()
    }
    calls = {
        name: running[name].elapsed_ns
        for name, result in results.items()
        if result.state == "timed"
    }
    timings: dict[str, Timing] | None = None
    while timings is None:
        try:
            timings = race(calls, budget_s=budget_s, clock=clock)
        except PeerError as failure:  # the others start anew, without it
            del calls[failure.peer]
            results[failure.peer] = replace(results[failure.peer], state="failed", why=str(failure))
    least_ns = ceilings.time_ns(workload)
    for name, timing in timings.items():
        results[name] = replace(
            results[name],
            timing=timing,
            rate=workload.rate(timing.median_ns),
            part_of_ceiling=None if least_ns is None else least_ns / timing.median_ns,
            ratio=ratio(timings[OWN], timing) if OWN in timings and name != OWN else None,
        )
    for name in calls:
        running[name].forget()
    return list(results.values())


def _checked(
    workload: Workload,
    reference: Reference,
    name: str,
    contestant: Contestant,
    num_threads: int,
) -> Result:
    """Prepare a workload and look at its result; ``timed`` is who may take part."""
    result = Result(workload.name, name, num_threads, workload.unit, "absent")
    try:
        prepare_s = contestant.prepare(workload)
        if prepare_s is None:
            return replace(result, why=f"{name} has no {workload.kind}")
        error = reference.error(contestant.result())
    except PeerError as failure:
        return replace(result, state="failed", why=str(failure))
    result = replace(result, prepare_s=prepare_s, error=error)
    if error > 1:
        why = f"its error is {error:.3g} times what rounding explains"
        return replace(result, state="wrong", why=why)
    return replace(result, state="timed")


def measure_ceilings(
    own: Contestant, num_threads: int, budget_s: float, clock: Callable[[], float]
) -> Ceilings:
    """Measure what the machine can do at most with so many threads.

    Raises
    ------
    TexprError
        A kernel of ours that computes something else.
    """
    target = Target.of(None)
    elements = stream_elements(target)
    found = []
    for workload in (
        peak(target, num_threads, "float32"),
        peak(target, num_threads, "float64"),
        read(elements, num_threads),
        copy(elements),
        triad(elements),
    ):
        result = _checked(workload, Reference.of(workload), OWN, own, num_threads)
        if result.state != "timed":
            raise TexprError(
                f"bench: the kernel of the ceiling {workload.name!r} is {result.state}: "
                f"{result.why}; leave it out with --no-ceilings"
            )
        timing = race({OWN: own.elapsed_ns}, budget_s=budget_s, clock=clock)[OWN]
        own.forget()
        found.append((workload, timing))
    return ceilings_of(num_threads, found)


def choose_workloads(patterns: Iterable[str]) -> list[Workload]:
    """Return the workloads whose names fit one of ``patterns``, all of them where there is none.

    Raises
    ------
    TexprError
        A pattern that fits none.

    >>> [workload.name for workload in choose_workloads(["gemm-f64*", "softmax*"])]
    ['gemm-f64-1024', 'softmax-4096x1024']
    """
    wanted = list(patterns)
    names = [workload.name for workload in WORKLOADS]
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = did_you_mean(pattern, names) or f"; there are {', '.join(names)}"
            raise TexprError(f"bench: no workload is called {pattern!r}{near}")
    return [
        workload
        for workload in WORKLOADS
        if not wanted or any(fnmatchcase(workload.name, pattern) for pattern in wanted)
    ]


def choose_peers(names: Iterable[str]) -> list[type[Peer]]:
    """Return the peers of these names, all of them where there is none; texpr always.

    Raises
    ------
    TexprError
        There is none of the name.
    """
    wanted = list(names)
    for name in wanted:
        if name not in PEERS:
            near = did_you_mean(name, PEERS) or f"; there are {', '.join(PEERS)}"
            raise TexprError(f"bench: no peer is called {name!r}{near}")
    return [peer for name, peer in PEERS.items() if not wanted or name in wanted or name == OWN]


def choose_threads(text: str) -> list[int]:
    """Return the numbers of threads that a text such as ``1,all`` means.

    Raises
    ------
    TexprError
        A word that is no number above zero, nor ``all``.

    >>> choose_threads("1,4,1")
    [1, 4]
    """
    counts: list[int] = []
    for word in text.split(","):
        stripped = word.strip()
        count = host.num_cores() if stripped == "all" else 0
        if stripped.isascii() and stripped.isdecimal():
            count = int(stripped)
        if count < 1:
            raise TexprError(
                f"bench: {stripped!r} is no number of threads; write numbers and all, as in 1,all"
            )
        if count not in counts:
            counts.append(count)
    return counts
