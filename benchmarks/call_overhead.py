"""What a call of a kernel costs beside the kernel: calls of kernels that do next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32, INT64
from texpr.ir.expr import Const, Var
from texpr.ir.program import Block, Program, Seq, Store
from texpr.target.kernel import Kernel, make_kernel
from texpr.target.llvm.compile import compile_program
from texpr.target.signature import Signature
from texpr.target.target import Target
from texpr.target.timing import Timing, measure


def idle_kernel(name: str, args: Sequence[Var | Buffer], outputs: Sequence[Buffer]) -> Kernel:
    """Return a kernel that writes a single element of each output."""
    zero = Const(0, INT64)
    body = Seq(
        tuple(
            Block(
                buffer.name,
                (),
                (),
                (Store(buffer, (zero,) * buffer.ndim, Const(0.0, buffer.dtype)),),
            )
            for buffer in outputs
        )
    )
    program = Program(name, tuple(args), body)
    compiled = compile_program(program, Target.host())
    return make_kernel(
        program=program,
        signature=Signature.of(program),
        code=compiled.code,
        target=Target.host(),
        sites=compiled.sites,
        compile_strided=compiled.compile_strided,
    )


def measure_call_overhead() -> dict[str, Timing]:
    """Return the time of a call by the way of calling."""
    n, k, m, x = Var("n"), Var("k"), Var("m"), Var("x", FLOAT32)
    A, B = Buffer("A", (n, k), FLOAT32), Buffer("B", (k, m), FLOAT32)
    C = Buffer("C", (n, m), FLOAT32)
    three = idle_kernel("three", (A, B, C), (C,))
    one = idle_kernel("one", (A,), (A,))
    scaled = idle_kernel("scaled", (x, A, B, C), (C,))
    a, b, c = np.zeros((4, 8), "f4"), np.zeros((8, 2), "f4"), np.zeros((4, 2), "f4")
    turned = np.zeros((2, 4), "f4").T
    calls: dict[str, Callable[[], object]] = {
        "a function of Python that does nothing": partial(_nothing, a, b, c),
        "1 array": partial(one, a),
        "3 arrays": partial(three, a, b, c),
        "3 arrays, a float": partial(scaled, 0.5, a, b, c),
        "3 arrays, one a transposed view": partial(three, a, b, turned),
        "2 arrays, a third made and returned": partial(three, a, b),
        "3 arrays, one by name": partial(three, a, b, C=c),
    }
    return {name: measure(call) for name, call in calls.items()}


def _nothing(*args: object) -> None:
    """What a call costs in Python itself."""


def main() -> None:
    """Print a table."""
    for name, timing in measure_call_overhead().items():
        print(f"{timing.median_ns:8.0f} ns  {name}")


if __name__ == "__main__":
    main()
