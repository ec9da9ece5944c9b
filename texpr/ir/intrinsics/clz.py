"""The number of leading zero bits, as a value of the operand's type; the width for 0."""

from typing import Any

import numpy as np

from texpr.ir.intrinsic import INTEGERS, Intrinsic, LLVMIntrinsic


def _clz(x: Any) -> Any:
    bits = x.dtype.itemsize * 8
    smeared = x.view(f"uint{bits}")
    shift = 1
    while shift < bits:  # sets every bit below the highest one
        smeared = smeared | smeared >> shift
        shift *= 2
    return (bits - np.bitwise_count(smeared)).astype(x.dtype)


INTRINSIC = Intrinsic(
    name="clz",
    numpy=_clz,
    lowering=LLVMIntrinsic("llvm.ctlz", flags=(False,)),
    points=(0, 1, 2, 3, 5, 64, 127, -1, -128, 2**31, 2**62),
    kinds=INTEGERS,
)
