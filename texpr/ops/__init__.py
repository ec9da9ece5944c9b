"""Ready operators: a declaration, and a schedule for it that suits the target."""

from texpr.ops.matmul import MatmulBlocks, matmul, matmul_blocks, schedule_matmul

__all__ = ["MatmulBlocks", "matmul", "matmul_blocks", "schedule_matmul"]
