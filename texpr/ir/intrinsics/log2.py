"""The logarithm to base 2."""

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LLVMIntrinsic

INTRINSIC = Intrinsic(
    name="log2",
    numpy=np.log2,
    lowering=LLVMIntrinsic("llvm.log2"),
    points=(0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, float("inf"), float("nan")),
    ulps=2,
)
