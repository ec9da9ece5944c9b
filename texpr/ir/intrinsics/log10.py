"""The logarithm to base 10."""

from math import inf, log, nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC = Intrinsic(
    name="log10",
    numpy=np.log10,
    lowering=OwnCode(),
    points=(0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, inf, nan),
    ulps=1,
    partials=(lambda x: 1.0 / (x * log(10.0)),),
)
