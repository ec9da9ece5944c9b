"""Whether x is NaN."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Binary
from texpr.ir.intrinsic import Composition, Intrinsic

INTRINSIC = Intrinsic(
    name="isnan",
    numpy=np.isnan,
    lowering=Composition(lambda x: Binary("ne", x, x)),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    returns_bool=True,
)
