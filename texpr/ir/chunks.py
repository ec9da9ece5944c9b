"""How the iterations of a parallel loop are given to threads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from texpr.errors import ScheduleError

_WRITTEN: Final = re.compile(r"\s*(static|dynamic)\s*(?:,\s*(-?\d+)\s*)?")
MAX_SIZE: Final = 1 << 31


@dataclass(frozen=True)
class Chunks:
    """Runs of iterations, each for one thread.

    ``static``: thread k of p takes the k-th of p runs, equal up to one iteration; with a ``size``
    it takes the runs k, k + p, … of so many. ``dynamic``: each thread takes the next run of
    ``size`` as soon as it is done with its last.
    """

    kind: Literal["static", "dynamic"] = "static"
    size: int | None = None

    @staticmethod
    def parse(text: object) -> Chunks:
        """Return the chunks that ``text`` asks for, in OpenMP's words.

        Raises
        ------
        ScheduleError
            It asks for none.

        >>> Chunks.parse("dynamic, 4")
        Chunks(kind='dynamic', size=4)
        >>> str(Chunks.parse("dynamic"))
        'dynamic, 1'
        """
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise ScheduleError(
                f"parallel_schedule: {text!r} says not how to share the iterations; "
                f"write 'static', 'static, 4' or 'dynamic, 4'"
            )
        size = None if found[2] is None else int(found[2])
        if size is not None and not 1 <= size <= MAX_SIZE:
            raise ScheduleError(
                f"parallel_schedule: a chunk of {size} iterations in {text!r}; "
                f"write a number from 1 to {MAX_SIZE}"
            )
        if found[1] == "dynamic":
            return Chunks("dynamic", size or 1)
        return Chunks("static", size)

    def __str__(self) -> str:
        return self.kind if self.size is None else f"{self.kind}, {self.size}"


STATIC: Final = Chunks()
"""What a parallel loop has unless it is told otherwise."""
