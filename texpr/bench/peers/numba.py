"""Numba: the loops that one would write in Python, compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array


class Numba(Peer):
    """Plain loops; ``prange`` over the rows, and arithmetic that may be reordered."""

    name: ClassVar[str] = "numba"
    package: ClassVar[str] = "numba"

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        import numba

        self.numba: Any = numba
        numba.set_num_threads(num_threads)

    @classmethod
    def environment(cls, num_threads: int) -> dict[str, str]:
        return {"NUMBA_NUM_THREADS": str(num_threads)}

    def versions(self) -> dict[str, str]:
        return {
            "numba": self.numba.__version__,
            "threads": str(self.numba.get_num_threads()),
        }

    def gemm(self, a: Array, b: Array) -> Prepared:
        prange = self.numba.prange

        def gemm(a: Array, b: Array, out: Array) -> None:
            for i in prange(a.shape[0]):
                out[i] = 0
                for k in range(a.shape[1]):
                    for j in range(b.shape[1]):
                        out[i, j] += a[i, k] * b[k, j]

        return self._compiled(gemm, a, b, out=np.empty((a.shape[0], b.shape[1]), a.dtype))

    def gemv(self, a: Array, x: Array) -> Prepared:
        prange = self.numba.prange

        def gemv(a: Array, x: Array, out: Array) -> None:
            for i in prange(a.shape[0]):
                total = a.dtype.type(0)
                for k in range(a.shape[1]):
                    total += a[i, k] * x[k]
                out[i] = total

        return self._compiled(gemv, a, x, out=np.empty(a.shape[0], a.dtype))

    def batched_matmul(self, a: Array, b: Array) -> Prepared:
        prange = self.numba.prange

        def batched_matmul(a: Array, b: Array, out: Array) -> None:
            for p in prange(a.shape[0]):
                out[p] = 0
                for i in range(a.shape[1]):
                    for k in range(a.shape[2]):
                        for j in range(b.shape[2]):
                            out[p, i, j] += a[p, i, k] * b[p, k, j]

        out = np.empty((*a.shape[:2], b.shape[2]), a.dtype)
        return self._compiled(batched_matmul, a, b, out=out)

    def softmax(self, x: Array) -> Prepared:
        prange = self.numba.prange

        def softmax(x: Array, out: Array) -> None:
            for i in prange(x.shape[0]):
                greatest = x[i, 0]
                for j in range(x.shape[1]):
                    greatest = max(greatest, x[i, j])
                total = x.dtype.type(0)
                for j in range(x.shape[1]):
                    out[i, j] = np.exp(x[i, j] - greatest)
                    total += out[i, j]
                for j in range(x.shape[1]):
                    out[i, j] /= total

        return self._compiled(softmax, x, out=np.empty_like(x))

    def gelu(self, x: Array) -> Prepared:
        prange = self.numba.prange
        half, one, cubic = (x.dtype.type(value) for value in (0.5, 1.0, 0.044715))
        factor = x.dtype.type(math.sqrt(2 / math.pi))

        def gelu(x: Array, out: Array) -> None:
            for i in prange(x.size):
                inner = factor * x[i] * (one + cubic * x[i] * x[i])
                out[i] = half * x[i] * (one + np.tanh(inner))

        return self._compiled(gelu, x, out=np.empty_like(x))

    def _compiled(self, function: Callable[..., None], *arrays: Array, out: Array) -> Prepared:
        parallel = self.num_threads > 1
        compiled = self.numba.njit(function, parallel=parallel, fastmath=True)
        return Prepared(lambda: compiled(*arrays, out), lambda: out)
