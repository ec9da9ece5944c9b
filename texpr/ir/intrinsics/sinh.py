"""The hyperbolic sine."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode, by_name

INTRINSIC = Intrinsic(
    name="sinh",
    numpy=np.sinh,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    ulps=2,
    partials=(lambda x: Call(by_name("cosh"), (x,)),),
)
