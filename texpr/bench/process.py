"""A peer in a process of its own, and what is said to it.

Threads can be limited before a library is loaded only, runtimes of threads get into each other's
way in one process, and one that crashes must not take the others along. This end asks,
``texpr.bench.worker`` answers. Each message is a pickle.

Between its answers a process is stopped, where the system can do that: threads that have nothing
to do wait for more by running in circles, up to 200 ms long, and take cores from whoever has its
turn.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from texpr.bench.peers import Peer
from texpr.bench.workloads import Array, Workload
from texpr.errors import TexprError

# What limits the threads of everything that a peer may call, where it has no way of its own.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class PeerError(TexprError):
    """A peer that cannot do what it was asked for; the text is its own."""

    def __init__(self, peer: str, why: str) -> None:
        super().__init__(f"{peer}: {why}")
        self.peer = peer


class PeerProcess:
    """A :class:`~texpr.bench.worker.Seat` in another process, held to ``num_threads``.

    Raises
    ------
    PeerError
        The library cannot be loaded, here or later: whatever it raises, in its words.
    """

    def __init__(self, peer: type[Peer], num_threads: int) -> None:
        limits = dict.fromkeys(THREAD_VARIABLES, str(num_threads))
        environment = {**os.environ, **limits, **peer.environment(num_threads)}
        # The texpr of this process, installed or not.
        environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self.name = peer.name
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "texpr.bench.worker", peer.name, str(num_threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._versions: dict[str, str] = self._ask("versions")
            on_failure.pop_all()

    def versions(self) -> dict[str, str]:
        return self._versions

    def prepare(self, workload: Workload) -> float | None:
        seconds: float | None = self._ask("prepare", workload)
        return seconds

    def result(self) -> Array:
        found: Array = self._ask("result")
        return found

    def elapsed_ns(self, count: int) -> float:
        time_ns: float = self._ask("elapsed_ns", count)
        return time_ns

    def forget(self) -> None:
        self._ask("forget")

    def close(self) -> None:
        """End the process."""
        self._continue(True)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # It may be gone, with something left to be said to it.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.terminate()
        self._process.wait()

    def _continue(self, is_turn: bool) -> None:
        """Let the process run, or stop it till its next turn."""
        if hasattr(signal, "SIGSTOP"):
            self._process.send_signal(signal.SIGCONT if is_turn else signal.SIGSTOP)

    def _ask(self, *message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._continue(True)
        try:
            send(self._process.stdin, message)
            is_answer, value = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (BrokenPipeError, EOFError, pickle.UnpicklingError) as error:
            code = self._process.wait()
            raise PeerError(self.name, f"its process ended with {code}") from error
        self._continue(False)
        if not is_answer:
            raise PeerError(self.name, str(value))
        return value


def send(pipe: IO[bytes], message: object) -> None:
    """Write a message and see that it leaves."""
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()
