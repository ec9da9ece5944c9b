"""The arc tangent, in radians."""

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LibmCall

INTRINSIC = Intrinsic(
    name="atan",
    numpy=np.arctan,
    lowering=LibmCall("atan"),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, float("inf"), float("-inf"), float("nan")),
    ulps=2,
)
