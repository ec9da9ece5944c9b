"""x without its fraction."""

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LLVMIntrinsic

INTRINSIC = Intrinsic(
    name="trunc",
    numpy=np.trunc,
    lowering=LLVMIntrinsic("llvm.trunc"),
    points=(0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, 8388609.0, 1e30, float("inf"), float("nan")),
    identity_on_integers=True,
)
