"""Whether x is NaN."""

import numpy as np

from texpr.ir.expr import Binary
from texpr.ir.intrinsic import Composition, Intrinsic

INTRINSIC = Intrinsic(
    name="isnan",
    numpy=np.isnan,
    lowering=Composition(lambda x: Binary("ne", x, x)),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, float("inf"), float("-inf"), float("nan")),
    returns_bool=True,
)
