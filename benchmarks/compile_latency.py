"""How long it takes from nothing to a kernel: importing texpr, declaring, scheduling, compiling."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import texpr
from texpr import te

PRIMITIVES = 8
REPEAT = 7


def import_seconds() -> dict[str, float]:
    """Return the time that ``import`` takes in a new interpreter, beyond starting it.

    The first import, which may compile to bytecode, is not counted.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return time.perf_counter() - start

    found = {}
    for name in ("numpy", "texpr"):
        seconds(f"import {name}")
        samples = [seconds(f"import {name}") - seconds("pass") for _ in range(REPEAT)]
        found[f"import {name}"] = statistics.median(samples)
    return found


def matmul_seconds(size: int = 1024) -> dict[str, float]:
    """Return the time of each step from a declared float32 matmul to its kernel."""
    steps: dict[str, list[float]] = {}

    def timed(step: str, run: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = run()
        steps.setdefault(step, []).append(time.perf_counter() - start)
        return result

    for _ in range(REPEAT):
        start = time.perf_counter()
        A, B = te.placeholder((size, size), name="A"), te.placeholder((size, size), name="B")
        k = te.reduce_axis((0, size), name="k")
        C = te.compute((size, size), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")  # noqa: B023
        s = timed("declare", lambda: te.create_schedule(C.op))  # noqa: B023
        steps["declare"][-1] = time.perf_counter() - start
        timed("schedule (8 primitives)", lambda: eight_primitives(s, C))  # noqa: B023
        timed("lower", lambda: texpr.lower(s, [A, B, C]))  # noqa: B023
        timed("lower and compile", lambda: texpr.build(s, [A, B, C]))  # noqa: B023
    found = {step: statistics.median(samples) for step, samples in steps.items()}
    found["in all"] = sum(found[s] for s in found if s != "lower")
    return found


def eight_primitives(s: te.TeSchedule, C: te.Tensor) -> None:
    """Schedule a matmul with tiles in registers and panels of the reduction."""
    stage = s[C]
    i_o, j_o, i_i, j_i = stage.tile(*C.op.axis, 6, 64)
    k_o, k_i = stage.split(C.op.reduce_axis[0], factor=256)
    stage.reorder(j_o, k_o, i_o, k_i, i_i, j_i)
    stage.split(k_i, factor=2)
    j_oo, j_oi = stage.split(j_o, factor=2)
    stage.reorder(j_oo, k_o, i_o, j_oi)
    stage.vectorize(j_i)
    stage.unroll(i_i)
    assert len(s.trace) == PRIMITIVES


def main() -> None:
    """Print a table."""
    for name, seconds in {**import_seconds(), **matmul_seconds()}.items():
        print(f"{seconds * 1e3:8.1f} ms  {name}")


if __name__ == "__main__":
    main()
