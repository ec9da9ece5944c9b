"""The process of a peer: ``python -m texpr.bench.worker NAME THREADS`` answers questions."""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from typing import IO

from texpr.bench.peers import PEERS, Peer, Prepared
from texpr.bench.process import send
from texpr.bench.workloads import Array, Workload
from texpr.target.timing import elapsed_ns


class Seat:
    """A peer that answers: prepares a workload, shows its result, is timed."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.ready: Prepared | None = None

    def versions(self) -> dict[str, str]:
        """Return the versions that the peer tells."""
        return self.peer.versions()

    def prepare(self, workload: Workload) -> float | None:
        """Make a workload ready and do it once; return the time of that in s.

        None where the peer has nothing for it.
        """
        self.ready = None
        inputs = workload.inputs()
        start = time.perf_counter()
        ready = self.peer.prepared(workload.kind, inputs)
        if ready is None:
            return None
        ready.run()
        self.ready = ready
        return time.perf_counter() - start

    def result(self) -> Array:
        """Return what the last run made."""
        assert self.ready is not None
        return self.ready.result()

    def elapsed_ns(self, count: int) -> float:
        """Do the workload ``count`` times, and return how long that took."""
        assert self.ready is not None
        return elapsed_ns(self.ready.run, count)

    def forget(self) -> None:
        """Give up the arrays of the workload."""
        self.ready = None


def pin(num_cores: int) -> None:
    """Leave this process the first of the cores it may use; where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:num_cores])


def answer(name: str, num_threads: int, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until nothing more is asked."""
    kind = PEERS[name]
    seat: Seat | None = None
    while True:
        try:
            what, *arguments = pickle.load(questions)  # noqa: S301 - from who started us
        except EOFError:
            return
        try:
            if seat is None:
                if kind.is_pinned:
                    pin(num_threads)
                seat = Seat(kind(num_threads))
            method: Callable[..., object] = getattr(seat, what)
            reply = True, method(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a library raises is its answer
            reply = False, "".join(traceback.format_exception_only(error)).strip()
            # A kernel that failed may hold arrays.
            if seat is not None:
                seat.forget()
        send(answers, reply)


def main() -> None:
    """Answer on what was the standard output; what libraries print goes to the error output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
