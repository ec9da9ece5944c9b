"""What a build says about itself: times and programs after each stage, as TEXPR_DEBUG asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from texpr import config

T = TypeVar("T")


class BuildLog:
    """Follows one build; says nothing unless the environment asks for it.

    ``TEXPR_DEBUG=1`` prints the time of every stage, 2 also the first and the last program, 3 the
    program after every stage that changed it, 4 also LLVM IR and assembly. ``TEXPR_DUMP``
    writes the result of every stage to a numbered file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.level = config.debug_level()
        self.dump = config.dump_dir()
        self.count = 0
        self.last: str | None = None

    def stage(self, stage: str, run: Callable[[], T]) -> T:
        """Run one stage and return its result."""
        start = time.perf_counter_ns()
        result = run()
        elapsed_ms = (time.perf_counter_ns() - start) / 1e6
        if self.level or self.dump:
            self.tell(stage, str(result), elapsed_ms)
        return result

    def tell(self, stage: str, text: str, elapsed_ms: float) -> None:
        """Print and keep the result of a stage."""
        if self.level:
            print(f"texpr {self.name}: {stage} {elapsed_ms:.2f} ms", file=sys.stderr)
        if text != self.last:
            if self.level >= 3 or (self.level == 2 and self.count == 0):
                print(text, file=sys.stderr)
            if self.dump is not None:
                path = self.dump / f"{self.name}.{self.count:02d}.{stage}.txt"
                path.write_text(text + "\n", encoding="utf-8")
            self.last = text
        self.count += 1
