"""``1 / (1 + exp(-x))``."""

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Composition, Intrinsic
from texpr.ir.intrinsics.exp import INTRINSIC as EXP

INTRINSIC = Intrinsic(
    name="sigmoid",
    numpy=lambda x: (1 / (1 + np.exp(-x.astype("float64")))).astype(x.dtype),
    lowering=Composition(lambda x: 1.0 / (1.0 + Call(EXP, (-x,)))),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, float("inf"), float("-inf"), float("nan")),
    ulps=4,
)
