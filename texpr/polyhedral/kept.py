"""Answers that are kept to be asked for again, as long as there is room for them."""

from __future__ import annotations

from typing import TypeVar

V = TypeVar("V")


class Kept(dict[tuple[object, ...], V]):
    """A table of answers that forgets the oldest one where there are more than ``limit``.

    What is forgotten is asked again: a bound on memory, and nothing else. A long tuning run puts
    thousands of schedules to one declaration.

    >>> squares = Kept(2)
    >>> for k in range(3):
    ...     squares[k,] = k*k
    >>> dict(squares)
    {(1,): 1, (2,): 4}
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def make_room(self, count: int) -> None:
        """Keep at least ``count`` answers from now on, as many as one program asks for."""
        self.limit = max(self.limit, count)

    def __setitem__(self, key: tuple[object, ...], value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self.limit:
            del self[next(iter(self))]

    def setdefault(self, key: tuple[object, ...], default: V) -> V:
        """Return the answer of ``key``, ``default`` where there was none so far."""
        if key not in self:
            self[key] = default
        return self[key]
