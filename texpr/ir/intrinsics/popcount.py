"""The number of bits that are 1."""

from typing import Any

import numpy as np

from texpr.ir.intrinsic import INTEGERS, Intrinsic, LLVMIntrinsic


def _popcount(x: Any) -> Any:
    bits = x.dtype.itemsize * 8
    unsigned = np.atleast_1d(x).view(f"uint{bits}").astype(object)
    count = np.array([int(value).bit_count() for value in unsigned.ravel()])
    return count.reshape(np.shape(x)).astype(x.dtype)


INTRINSIC = Intrinsic(
    name="popcount",
    numpy=_popcount,
    lowering=LLVMIntrinsic("llvm.ctpop"),
    points=(0, 1, 2, 3, 127, 64, 5),
    kinds=INTEGERS,
)
