"""The arc tangent, in radians."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC = Intrinsic(
    name="atan",
    numpy=np.arctan,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    ulps=2,
    partials=(lambda x: 1.0 / (1.0 + x * x),),
)
