"""Kernels that do nothing but reach a ceiling of the machine; built with texpr."""

from __future__ import annotations

from collections.abc import Callable

from texpr import te
from texpr.create import create_schedule
from texpr.driver import build
from texpr.ir.expr import Expr, Var
from texpr.kernel import f32, f64, kernel, size
from texpr.target.kernel import Kernel
from texpr.target.target import Target
from texpr.target.threads import get_num_threads


def peak_kernel(dtype: str, chains: int, lanes: int) -> Kernel:
    """Build multiply-adds in registers, ``chains`` vectors of ``lanes`` for each thread.

    The loop over the steps holds as many multiply-adds as there are chains and nothing that
    touches memory; the tests look for them in the assembly. It takes the number of steps, the
    factor, the summand, and where the chains start, ``(threads, chains, lanes)``.
    """
    num_threads = size("num_threads")
    kind = {"float32": f32, "float64": f64}[dtype]

    @kernel
    def peak(
        steps: size,  # type: ignore[valid-type]
        x: kind[1],  # type: ignore[valid-type]
        y: kind[1],  # type: ignore[valid-type]
        c: kind[num_threads, chains, lanes],  # type: ignore[valid-type]
    ) -> None:
        for thread in range(num_threads):
            for _step in range(steps):
                for i in range(chains):
                    for j in range(lanes):
                        c[thread, i, j] = c[thread, i, j] * x[0] + y[0]  # type: ignore[index]

    s = create_schedule(peak)
    (stage,) = s.stages
    stage.vectorize("j")
    stage.unroll("i")
    stage.parallel("thread")
    return build(s)


def read_kernel(parts: int, length: int) -> Kernel:
    """Build the sums of rows of float64, one for each thread: eight chains of vectors each."""
    A = te.placeholder((parts, length), "float64", name="A")
    r = te.reduce_axis((0, length), name="k")
    C = te.compute((parts,), lambda i: te.sum(A[i, r], axis=r), name="C")
    s = te.create_schedule(C.op)
    lanes = Target.of(None).vector_lanes("float64")
    _, k_i = s[C].split(r, factor=8 * lanes)
    partial = s.rfactor(C, k_i, factor_axis=1)
    (i,) = s[C].op.axis
    s[partial].compute_at(s[C], i)
    chain, lane = s[partial].split(partial.op.axis[1], factor=lanes)
    s[partial].reorder(*partial.op.reduce_axis, chain, lane)
    s[partial].unroll(chain)
    s[partial].vectorize(lane)
    s[C].parallel(i)
    return build(s, [A, C])


def copy_kernel(size: int) -> Kernel:
    """Build ``b = a`` for arrays of ``size`` float64."""
    A = te.placeholder((size,), "float64", name="A")
    return _stream_kernel(size, [A], lambda i: A[i])


def triad_kernel(size: int) -> Kernel:
    """Build ``c = a + 3 * b`` for arrays of ``size`` float64."""
    A, B = (te.placeholder((size,), "float64", name=name) for name in "AB")
    return _stream_kernel(size, [A, B], lambda i: A[i] + 3 * B[i])


def _stream_kernel(size: int, inputs: list[te.Tensor], rule: Callable[[Var], Expr]) -> Kernel:
    C = te.compute((size,), rule, name="C")
    s = te.create_schedule(C.op)
    # One part for each thread: every one runs through memory in a single sweep.
    part, i = s[C].split(C.op.axis[0], nparts=get_num_threads())
    s[C].vectorize(i, lanes=Target.of(None).vector_lanes("float64"))
    s[C].parallel(part)
    return build(s, [*inputs, C])
