"""How long the judge takes: dependences once for a declaration, then a verdict a primitive.

A tuner's question as well: a schedule of twenty primitives, judged at each of them, judged once at
the end, and not judged at all.
"""

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


def moved_three_times(s: te.TeSchedule, O: te.Tensor) -> None:  # noqa: E741
    """Apply twenty primitives: the sums in a cache, the filters and the padding moved to them."""
    P, W = O.op.input_tensors
    OC = s.cache_write(O, "local")
    WC = s.cache_read(W, "local", [OC])
    b, f, y, x = s[O].op.axis
    f_o, f_i = s[O].split(f, factor=8)
    x_o, x_i = s[O].split(x, factor=14)
    y_o, y_i = s[O].split(y, factor=2)
    s[O].reorder(b, f_o, y_o, x_o, y_i, f_i, x_i)
    s[OC].compute_at(s[O], x_o)
    b_c, f_c, y_c, x_c = OC.op.axis
    c, dy, dx = OC.op.reduce_axis
    c_o, c_i = s[OC].split(c, factor=4)
    s[OC].reorder(c_o, dy, dx, c_i, b_c, y_c, f_c, x_c)
    s[OC].vectorize(x_c)
    s[OC].unroll(f_c)
    s[OC].unroll(dx)
    s[WC].compute_at(s[OC], c_o)
    s[P].compute_at(s[O], y_o)
    s[WC].unroll(WC.op.axis[3])
    s[O].vectorize(x_i)
    s[O].unroll(f_i)
    s[O].parallel(s[O].fuse(b, f_o))
    s[P].vectorize(P.op.axis[3])


def moved_five_times(s: te.TeSchedule, O: te.Tensor) -> None:  # noqa: E741
    """Apply twenty primitives, as above and with a copy of the padding."""
    P, W = O.op.input_tensors
    OC = s.cache_write(O, "local")
    WC, PC = s.cache_read(W, "local", [OC]), s.cache_read(P, "local", [OC])
    b, f, y, x = s[O].op.axis
    f_o, f_i = s[O].split(f, factor=8)
    x_o, x_i = s[O].split(x, factor=14)
    y_o, y_i = s[O].split(y, factor=2)
    s[O].reorder(b, f_o, y_o, x_o, y_i, f_i, x_i)
    s[OC].compute_at(s[O], x_o)
    b_c, f_c, y_c, x_c = OC.op.axis
    c, dy, dx = OC.op.reduce_axis
    c_o, c_i = s[OC].split(c, factor=4)
    s[OC].reorder(c_o, dy, dx, c_i, b_c, y_c, f_c, x_c)
    s[OC].vectorize(x_c)
    s[OC].unroll(f_c)
    s[WC].compute_at(s[OC], c_o)
    s[PC].compute_at(s[OC], c_o)
    s[P].compute_at(s[O], y_o)
    s[O].vectorize(x_i)
    s[O].unroll(f_i)
    s[O].parallel(s[O].fuse(b, f_o))
    s[P].vectorize(P.op.axis[3])


def _of_twenty() -> dict[str, float]:
    """Return medians in seconds for schedules of twenty primitives on the convolution."""
    found = {}
    for name, schedule in (("3 moves", moved_three_times), ("5 moves", moved_five_times)):
        judged: list[float] = []
        recorded: list[float] = []
        whole: list[float] = []
        for _ in range(REPEAT):
            output, _ = conv2d()
            s = te.create_schedule(output.op)
            judged.append(_seconds(lambda: schedule(s, output)))  # noqa: B023
            later = te.create_schedule(output.op, judged=False)
            recorded.append(_seconds(lambda: s.trace.replay(later)))  # noqa: B023
            whole.append(_seconds(later.judge))
        label = f"padded conv2d: {len(s.trace)} primitives with {name}"
        found[f"{label}, each judged"] = statistics.median(judged)
        found[f"{label}, replayed without the judge"] = statistics.median(recorded)
        found[f"{label}, then judged as a whole"] = statistics.median(whole)
    return found


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
    return {**found, **_of_twenty()}


def _seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()  # of this process: what else runs makes little difference
    run()
    return time.process_time() - start


def main() -> None:
    """Print a table."""
    for name, seconds in measure().items():
        print(f"{seconds * 1e3:8.1f} ms  {name}")


if __name__ == "__main__":
    main()
