"""The cosine of x radians."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode, by_name

INTRINSIC = Intrinsic(
    name="cos",
    numpy=np.cos,
    lowering=OwnCode(),
    points=(0.0, -0.0, 0.5, -0.5, 1.5707963, 3.1415927, 100.0, -1000.0, inf, nan),
    ulps=2,
    partials=(lambda x: -Call(by_name("sin"), (x,)),),
)
