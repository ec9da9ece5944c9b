"""The arc sine, in radians; NaN outside [-1, 1]."""

from math import nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LibmCall

INTRINSIC = Intrinsic(
    name="asin",
    numpy=np.arcsin,
    lowering=LibmCall("asin"),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -0.25, 1.5, nan),
    ulps=2,
)
