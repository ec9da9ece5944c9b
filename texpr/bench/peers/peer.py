"""A library that does workloads: what each of them has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from texpr.bench.workloads import Array


@dataclass(frozen=True)
class Prepared:
    """A workload that is ready to be timed."""

    run: Callable[[], object]
    """Does it once, and returns when it is done."""
    result: Callable[[], Array]
    """Returns what the last run made, as a NumPy array."""


class Peer(ABC):
    """A library, in a process of its own.

    A subclass has a method for each kind of workload that it can do: it is called as the kind,
    takes the inputs as NumPy arrays and returns what is :class:`Prepared`. Compiling, conversions
    and room for the result belong there, not into ``run``.

    Parameters
    ----------
    num_threads : int
        What the library is to be held to; the process was started with ``environment``.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    """What is imported and, on PyPI, installed."""
    is_pinned: ClassVar[bool] = False
    """Whether the only way to limit its threads is to give the process fewer cores."""

    def __init__(self, num_threads: int) -> None:
        self.num_threads = num_threads

    @classmethod
    def environment(cls, num_threads: int) -> dict[str, str]:  # noqa: ARG003 - others use it
        """Return the variables that a process of it is started with."""
        return {}

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return what a reader has to know to repeat the measurement."""

    def prepared(self, kind: str, inputs: tuple[Array, ...]) -> Prepared | None:
        """Return the workload ready to be timed, None where there is no such method."""
        method: Callable[..., Prepared] | None = getattr(self, kind, None)
        return None if method is None else method(*inputs)
