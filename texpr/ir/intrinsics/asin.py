"""The arc sine, in radians; NaN outside [-1, 1]."""

from math import nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode
from texpr.ir.intrinsics.sqrt import INTRINSIC as SQRT

INTRINSIC = Intrinsic(
    name="asin",
    numpy=np.arcsin,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -0.25, 1.5, nan),
    ulps=2,
    partials=(lambda x: 1.0 / Call(SQRT, (1.0 - x * x,)),),
)
