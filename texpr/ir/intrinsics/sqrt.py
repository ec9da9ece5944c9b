"""The square root, correctly rounded; NaN below 0."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, LLVMIntrinsic

INTRINSIC: Intrinsic = Intrinsic(
    name="sqrt",
    numpy=np.sqrt,
    lowering=LLVMIntrinsic("llvm.sqrt"),
    points=(0.0, -0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, inf, nan),
    partials=(lambda x: 0.5 / Call(INTRINSIC, (x,)),),
)
