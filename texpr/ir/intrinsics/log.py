"""The natural logarithm; NaN below 0, -inf at 0."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC = Intrinsic(
    name="log",
    numpy=np.log,
    lowering=OwnCode(),
    points=(0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, inf, nan),
    ulps=1,
    partials=(lambda x: 1.0 / x,),
)
