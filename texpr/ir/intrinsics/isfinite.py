"""Whether x is neither an infinity nor NaN."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Composition, Intrinsic

INTRINSIC = Intrinsic(
    name="isfinite",
    numpy=np.isfinite,
    lowering=Composition(lambda x: abs(x) < inf),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    returns_bool=True,
)
