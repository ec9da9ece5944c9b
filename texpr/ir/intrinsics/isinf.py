"""Whether x is an infinity of either sign."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Composition, Intrinsic

INTRINSIC = Intrinsic(
    name="isinf",
    numpy=np.isinf,
    lowering=Composition(lambda x: abs(x).equal(inf)),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    returns_bool=True,
)
