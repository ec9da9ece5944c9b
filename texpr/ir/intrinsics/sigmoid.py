"""``1 / (1 + exp(-x))``, without overflow on either side."""

from math import inf, nan
from typing import Any

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode


# exp(-x) itself overflows at x = -89 in float32, where the result is 2e-39 and not yet 0.
def _sigmoid(x: Any) -> Any:
    wide = x.astype("float64")
    small = np.exp(-np.abs(wide))
    return (np.where(wide < 0, small, 1.0) / (1.0 + small)).astype(x.dtype)


INTRINSIC: Intrinsic = Intrinsic(
    name="sigmoid",
    numpy=_sigmoid,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -87.0, -95.0, -720.0, 40.0, inf, -inf, nan),
    ulps=2,
    partials=(lambda x: Call(INTRINSIC, (x,)) * (1.0 - Call(INTRINSIC, (x,))),),
)
