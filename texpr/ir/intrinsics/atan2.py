"""The angle of the point (x, y), ``atan2(y, x)``, in radians."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC = Intrinsic(
    name="atan2",
    numpy=np.arctan2,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    ulps=2,
    arity=2,
    partials=(
        lambda y, x: x / (x * x + y * y),
        lambda y, x: -y / (x * x + y * y),
    ),
)
