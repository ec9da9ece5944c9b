"""Ready operators: on arrays they compute, on te tensors they declare; with schedules.

``ops.matmul(a, b)`` of arrays runs; of te tensors it returns the tensor that is declared, for
which ``ops.schedule_matmul`` makes a schedule that suits a target. A module for each:
``ops/<name>.py``.
"""

from texpr.ops.batched_matmul import batched_matmul, schedule_batched_matmul
from texpr.ops.dense import dense, schedule_dense
from texpr.ops.gelu import gelu, schedule_gelu
from texpr.ops.gemv import GemvBlocks, gemv, gemv_blocks, schedule_gemv
from texpr.ops.matmul import MatmulBlocks, matmul, matmul_blocks, schedule_matmul
from texpr.ops.softmax import schedule_softmax, softmax

__all__ = [
    "GemvBlocks",
    "MatmulBlocks",
    "batched_matmul",
    "dense",
    "gelu",
    "gemv",
    "gemv_blocks",
    "matmul",
    "matmul_blocks",
    "schedule_batched_matmul",
    "schedule_dense",
    "schedule_gelu",
    "schedule_gemv",
    "schedule_matmul",
    "schedule_softmax",
    "softmax",
]
