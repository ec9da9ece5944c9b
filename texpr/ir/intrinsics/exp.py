"""``e ** x``."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode

INTRINSIC: Intrinsic = Intrinsic(
    name="exp",
    numpy=np.exp,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    ulps=2,
    partials=(lambda x: Call(INTRINSIC, (x,)),),
)
