"""The error function ``2 / sqrt(pi) * integral of exp(-t**2) from 0 to x``."""

import math

import numpy as np

from texpr.ir.intrinsic import Intrinsic, LibmCall

_erf = np.vectorize(math.erf, otypes=[float])  # NumPy has no erf of its own

INTRINSIC = Intrinsic(
    name="erf",
    numpy=lambda x: _erf(x).astype(x.dtype),
    lowering=LibmCall("erf"),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, float("inf"), float("-inf"), float("nan")),
    ulps=2,
)
