"""The natural logarithm; NaN below 0, -inf at 0."""

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LLVMIntrinsic

INTRINSIC = Intrinsic(
    name="log",
    numpy=np.log,
    lowering=LLVMIntrinsic("llvm.log"),
    points=(0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, float("inf"), float("nan")),
    ulps=2,
)
