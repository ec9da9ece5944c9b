"""PyTorch on the CPU, eager: its products are those of oneDNN and MKL."""

from __future__ import annotations

from typing import Any, ClassVar

from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.workloads import Array


class Torch(Peer):
    """PyTorch, outputs given where an operator takes them."""

    name: ClassVar[str] = "torch"
    package: ClassVar[str] = "torch"

    def __init__(self, num_threads: int) -> None:
        super().__init__(num_threads)
        import torch

        self.torch: Any = torch
        torch.set_num_threads(num_threads)
        torch.set_grad_enabled(False)

    def versions(self) -> dict[str, str]:
        torch = self.torch
        return {
            "torch": torch.__version__,
            "oneDNN": str(torch.backends.mkldnn.is_available()),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "threads": str(torch.get_num_threads()),
        }

    def gemm(self, a: Array, b: Array) -> Prepared:
        left, right = self.torch.from_numpy(a), self.torch.from_numpy(b)
        out = self.torch.empty((*a.shape[:-1], *b.shape[a.ndim - 1 :]), dtype=left.dtype)
        return Prepared(lambda: self.torch.matmul(left, right, out=out), out.numpy)

    batched_matmul = gemv = gemm

    def softmax(self, x: Array) -> Prepared:
        given = self.torch.from_numpy(x)
        out = self.torch.empty_like(given)
        return Prepared(lambda: self.torch.softmax(given, 1, out=out), out.numpy)

    def gelu(self, x: Array) -> Prepared:
        given = self.torch.from_numpy(x)
        out = self.torch.empty_like(given)
        gelu = self.torch.ops.aten.gelu.out
        return Prepared(lambda: gelu(given, approximate="tanh", out=out), out.numpy)
