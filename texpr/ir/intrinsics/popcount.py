"""The number of bits that are 1, as a value of the operand's type."""

from typing import Any

import numpy as np

from texpr.ir.intrinsic import INTEGERS, Intrinsic, LLVMIntrinsic


def _popcount(x: Any) -> Any:
    # Of a negative number NumPy counts the bits of its absolute value.
    return np.bitwise_count(x.view(f"uint{x.dtype.itemsize * 8}")).astype(x.dtype)


INTRINSIC = Intrinsic(
    name="popcount",
    numpy=_popcount,
    lowering=LLVMIntrinsic("llvm.ctpop"),
    points=(0, 1, 2, 3, 5, 64, 127, -1, -128, 2**31, 2**62),
    kinds=INTEGERS,
)
