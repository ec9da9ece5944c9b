"""``1 / sqrt(x)``, both steps correctly rounded."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Composition, Intrinsic
from texpr.ir.intrinsics.sqrt import INTRINSIC as SQRT

INTRINSIC: Intrinsic = Intrinsic(
    name="rsqrt",
    numpy=lambda x: x.dtype.type(1) / np.sqrt(x),
    lowering=Composition(lambda x: 1.0 / Call(SQRT, (x,))),
    points=(0.0, -0.0, 1.0, 0.5, 2.0, 1e-30, 1e30, -1.0, inf, nan),
    ulps=1,
    partials=(lambda x: -0.5 * Call(INTRINSIC, (x,)) / x,),
)
