"""JAX on the CPU: XLA compiles each workload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array


class Jax(Peer):
    """JAX. XLA sizes its threads by the cores it may use, so those are what limits them."""

    name: ClassVar[str] = "jax"
    package: ClassVar[str] = "jax"
    is_pinned: ClassVar[bool] = True

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        import jax

        self.jax: Any = jax

    @classmethod
    def environment(cls, num_threads: int) -> dict[str, str]:
        eigen = "true" if num_threads > 1 else "false"
        flags = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={num_threads}"
        return {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "XLA_FLAGS": flags}

    def versions(self) -> dict[str, str]:
        import jaxlib

        return {"jax": self.jax.__version__, "jaxlib": jaxlib.__version__}

    def gemm(self, a: Array, b: Array) -> Prepared:
        return self._compiled(self.jax.numpy.matmul, a, b)

    batched_matmul = gemv = gemm

    def softmax(self, x: Array) -> Prepared:
        return self._compiled(lambda x: self.jax.nn.softmax(x, axis=1), x)

    def gelu(self, x: Array) -> Prepared:
        return self._compiled(lambda x: self.jax.nn.gelu(x, approximate=True), x)

    def _compiled(self, function: Callable[..., Any], *arrays: Array) -> Prepared:
        given = [self.jax.device_put(array) for array in arrays]
        compiled = self.jax.jit(function).lower(*given).compile()
        last: list[Any] = [None]

        def run() -> None:
            last[0] = compiled(*given)
            last[0].block_until_ready()

        return Prepared(run, lambda: np.asarray(last[0]))
