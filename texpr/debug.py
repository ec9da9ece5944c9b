"""What a build says about itself: times and results of its stages, as the environment asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TypeVar

from texpr import config

T = TypeVar("T")

# The levels of TEXPR_DEBUG; each says all that the ones before it say.
TIMES: Final = 1
ENDS: Final = 2
STAGES: Final = 3
CODE: Final = 4
SETS: Final = 5


class BuildLog:
    """Follows one build; says nothing unless ``TEXPR_DEBUG`` or ``TEXPR_DUMP`` asks for it.

    What is printed goes to stderr; what is dumped, to a numbered file a stage.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.level = config.debug_level()
        self.dump = config.dump_dir()
        self.count = 0
        self.last: str | None = None

    def stage(self, stage: str, run: Callable[[], T]) -> T:
        """Run one stage, whose result is a program, and return it."""
        result = self.timed(stage, run)
        self.show(stage, STAGES if self.count else ENDS, lambda: str(result))
        return result

    def timed(self, stage: str, run: Callable[[], T]) -> T:
        """Run one stage and return its result."""
        start = time.perf_counter_ns()
        result = run()
        elapsed_ms = (time.perf_counter_ns() - start) / 1e6
        if self.level >= TIMES:
            print(f"texpr {self.name}: {stage} {elapsed_ms:.2f} ms", file=sys.stderr)
        return result

    def show(self, what: str, level: int, text_of: Callable[[], str]) -> None:
        """Print a text from ``level`` on, and dump it; one that says nothing new is left out."""
        if self.level < level and self.dump is None:
            return
        text = text_of()
        if text != self.last:
            if self.level >= level:
                print(text, file=sys.stderr)
            if self.dump is not None:
                path = self.dump / f"{self.name}.{self.count:02d}.{what}.txt"
                path.write_text(text + "\n", encoding="utf-8")
            self.last = text
        self.count += 1
