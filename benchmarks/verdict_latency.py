"""How long the judge takes: dependences once for a declaration, then a verdict a primitive."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from texpr import te
from texpr.polyhedral.judge import Judge

REPEAT = 9


def matmul() -> tuple[te.Tensor, Callable[[te.TeSchedule], object]]:
    """Declare a product of symbolic sizes; return it and what to schedule."""
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A, B = te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B")
    r = te.reduce_axis((0, k), name="r")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")

    def schedule(s: te.TeSchedule) -> None:
        i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 6, 64)
        r_o, r_i = s[C].split(r, factor=256)
        s[C].reorder(j_o, r_o, i_o, r_i, i_i, j_i)
        s[C].vectorize(j_i)
        s[C].unroll(i_i)
        s[C].parallel(j_o)

    return C, schedule


def conv2d() -> tuple[te.Tensor, Callable[[te.TeSchedule], object]]:
    """Declare a padded convolution of seven loops; return it and what to schedule."""
    batch, channels, size, filters, window = 4, 16, 28, 32, 3
    I = te.placeholder((batch, channels, size, size), name="I")  # noqa: E741 - the field's name
    W = te.placeholder((filters, channels, window, window), name="W")
    P = te.compute(
        (batch, channels, size + 2, size + 2),
        lambda b, c, y, x: te.if_then_else(
            te.all(y >= 1, y <= size, x >= 1, x <= size), I[b, c, y - 1, x - 1], 0.0
        ),
        name="P",
    )
    c = te.reduce_axis((0, channels), name="c")
    dy, dx = te.reduce_axis((0, window), name="dy"), te.reduce_axis((0, window), name="dx")
    O = te.compute(  # noqa: E741 - the field's name
        (batch, filters, size, size),
        lambda b, f, y, x: te.sum(P[b, c, y + dy, x + dx] * W[f, c, dy, dx], axis=[c, dy, dx]),
        name="O",
    )

    def schedule(s: te.TeSchedule) -> None:
        b, f, y, x = O.op.axis
        f_o, f_i = s[O].split(f, factor=8)
        x_o, x_i = s[O].split(x, factor=14)
        s[O].reorder(b, f_o, y, x_o, c, dy, dx, f_i, x_i)
        s[O].unroll(f_i)
        s[O].parallel(b)

    return O, schedule


def measure() -> dict[str, float]:
    """Return medians in seconds."""
    found = {}
    for name, declare in (("matmul", matmul), ("padded conv2d", conv2d)):
        first: list[float] = []
        further: list[float] = []
        for _ in range(REPEAT):
            output, schedule = declare()
            s = te.create_schedule(output.op)
            declared = s.program
            schedule(s)
            proposed = s.program
            first.append(_seconds(lambda: Judge(declared).first_fault(proposed)))  # noqa: B023
            judge = Judge(declared)
            judge.first_fault(declared)
            further.append(_seconds(lambda: judge.first_fault(proposed)))  # noqa: B023
        found[f"{name}: dependences and a first verdict"] = statistics.median(first)
        found[f"{name}: a further verdict, whole schedule"] = statistics.median(further)
    return found


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    for name, seconds in measure().items():
        print(f"{seconds * 1e3:8.1f} ms  {name}")


if __name__ == "__main__":
    main()
