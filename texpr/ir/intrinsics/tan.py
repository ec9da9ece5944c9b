"""The tangent of x radians."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC: Intrinsic = Intrinsic(
    name="tan",
    numpy=np.tan,
    lowering=OwnCode(),
    points=(0.0, -0.0, 0.5, -0.5, 1.5707963, 3.1415927, 100.0, -1000.0, inf, nan),
    ulps=2,
    partials=(lambda x: 1.0 + Call(INTRINSIC, (x,)) * Call(INTRINSIC, (x,)),),
)
