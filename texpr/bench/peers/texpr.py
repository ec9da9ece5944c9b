"""texpr: its ready operators, and the kernels that measure the machine's ceilings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from texpr import ops
from texpr.bench.ceilings import copy_kernel, peak_kernel, read_kernel, triad_kernel
from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array
from texpr.target.llvm import query
from texpr.target.target import Target
from texpr.target.threads import get_num_threads, set_num_threads
from texpr.version import __version__


class Texpr(Peer):
    """The operators of ``texpr.ops`` on arrays, with the schedules that they have."""

    name: ClassVar[str] = "texpr"
    package: ClassVar[str] = "texpr"

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        set_num_threads(num_threads)

    def versions(self) -> dict[str, str]:
        return {
            "texpr": __version__,
            **query.versions(),
            "target": str(Target.of(None)),
            "threads": str(get_num_threads()),
        }

    def gemm(self, a: Array, b: Array) -> Prepared:
        out = ops.matmul(a, b)
        return Prepared(lambda: ops.matmul(a, b, out=out), lambda: out)

    def batched_matmul(self, a: Array, b: Array) -> Prepared:
        out = ops.batched_matmul(a, b)
        return Prepared(lambda: ops.batched_matmul(a, b, out=out), lambda: out)

    def gemv(self, a: Array, x: Array) -> Prepared:
        out = ops.gemv(a, x)
        return Prepared(lambda: ops.gemv(a, x, out=out), lambda: out)

    def softmax(self, x: Array) -> Prepared:
        out = ops.softmax(x)
        return Prepared(lambda: ops.softmax(x, out=out), lambda: out)

    def gelu(self, x: Array) -> Prepared:
        out = ops.gelu(x, approximate=True)
        return Prepared(lambda: ops.gelu(x, approximate=True, out=out), lambda: out)

    def peak(self, steps: Array, x: Array, y: Array, c: Array) -> Prepared:
        kernel = peak_kernel(str(c.dtype), c.shape[1], c.shape[2])
        count = int(steps)
        return Prepared(lambda: kernel(count, x, y, c), lambda: c)

    def read(self, a: Array) -> Prepared:
        kernel = read_kernel(*a.shape)
        out = np.empty(len(a), a.dtype)
        return Prepared(lambda: kernel(a, out), lambda: out)

    def copy(self, a: Array) -> Prepared:
        kernel = copy_kernel(a.size)
        out = np.empty_like(a)
        return Prepared(lambda: kernel(a, out), lambda: out)

    def triad(self, a: Array, b: Array) -> Prepared:
        kernel = triad_kernel(a.size)
        out = np.empty_like(a)
        return Prepared(lambda: kernel(a, b, out), lambda: out)
