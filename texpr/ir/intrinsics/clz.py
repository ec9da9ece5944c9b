"""The number of leading zero bits; the width for 0."""

from typing import Any

import numpy as np

from texpr.ir.intrinsic import INTEGERS, Intrinsic, LLVMIntrinsic


def _clz(x: Any) -> Any:
    bits = x.dtype.itemsize * 8
    unsigned = np.atleast_1d(x).view(f"uint{bits}").astype(object)
    count = np.array([bits - int(value).bit_length() for value in unsigned.ravel()])
    return count.reshape(np.shape(x)).astype(x.dtype)


INTRINSIC = Intrinsic(
    name="clz",
    numpy=_clz,
    lowering=LLVMIntrinsic("llvm.ctlz", flags=(False,)),
    points=(0, 1, 2, 3, 127, 64, 5),
    kinds=INTEGERS,
)
