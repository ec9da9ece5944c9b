"""What is measured, in the order of the tables; another one is a function and a line here."""

from texpr.bench.workloads.gelu import gelu
from texpr.bench.workloads.products import batched_matmul, gemm, gemv
from texpr.bench.workloads.softmax import softmax
from texpr.bench.workloads.workload import BYTES, FLOPS, Array, Reference, Workload

WORKLOADS = (
    gemm(512, 512, 512),
    gemm(1024, 1024, 1024),
    gemm(2048, 2048, 2048),
    gemm(509, 1021, 733),
    gemm(4096, 64, 256),
    gemm(1024, 1024, 1024, "float64"),
    gemv(4096, 4096),
    batched_matmul(32, 128, 128, 64),
    softmax(4096, 1024),
    gelu(1 << 24),
)

__all__ = ["BYTES", "FLOPS", "WORKLOADS", "Array", "Reference", "Workload"]
