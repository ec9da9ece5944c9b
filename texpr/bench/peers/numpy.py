"""NumPy, with whatever BLAS it was built on."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array


class NumPy(Peer):
    """NumPy; only its products use more than one thread."""

    name: ClassVar[str] = "numpy"
    package: ClassVar[str] = "numpy"

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        threadpool_limits(limits=num_threads, user_api="blas")

    def versions(self) -> dict[str, str]:
        blas, threads = numpy_blas()
        return {"numpy": np.__version__, "BLAS": blas, "threads": str(threads or "unknown")}

    def gemm(self, a: Array, b: Array) -> Prepared:
        out = np.empty((*a.shape[:-1], *b.shape[a.ndim - 1 :]), a.dtype)
        return Prepared(lambda: np.matmul(a, b, out=out), lambda: out)

    batched_matmul = gemv = gemm

    def softmax(self, x: Array) -> Prepared:
        out = np.empty_like(x)

        def run() -> None:
            np.subtract(x, x.max(axis=1, keepdims=True), out=out)
            np.exp(out, out=out)
            np.divide(out, out.sum(axis=1, keepdims=True), out=out)

        return Prepared(run, lambda: out)

    def gelu(self, x: Array) -> Prepared:
        out = np.empty_like(x)
        factor = x.dtype.type(math.sqrt(2 / math.pi))
        cubic = x.dtype.type(0.044715)

        def run() -> None:
            np.multiply(x, x, out=out)
            np.multiply(out, cubic, out=out)
            np.add(out, 1, out=out)
            np.multiply(out, x, out=out)
            np.multiply(out, factor, out=out)
            np.tanh(out, out=out)
            np.add(out, 1, out=out)
            np.multiply(out, x, out=out)
            np.multiply(out, x.dtype.type(0.5), out=out)

        return Prepared(run, lambda: out)


def numpy_blas() -> tuple[str, int | None]:
    """Return the name of the library that NumPy multiplies with and its number of threads now.

    Apple's Accelerate does not show itself to threadpoolctl, nor can it be held to one thread
    from inside a process; the number is None there.
    """
    for library in threadpool_info():
        if library["user_api"] == "blas":
            words = (library["internal_api"], library["version"], library.get("architecture"))
            return " ".join(str(word) for word in words if word), int(library["num_threads"])
    return "unknown", None
