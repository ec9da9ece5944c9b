"""The error function ``2 / sqrt(pi) * integral of exp(-t**2) from 0 to x``."""

from math import erf, inf, nan, pi, sqrt
from typing import Any

import numpy as np

from texpr.ir.expr import Call
from texpr.ir.intrinsic import Intrinsic, OwnCode
from texpr.ir.intrinsics.exp import INTRINSIC as EXP

_of_each = np.vectorize(erf, otypes=[float])  # NumPy has no erf of its own


def _erf(x: Any) -> Any:
    return _of_each(x)[()].astype(x.dtype)  # [()]: a scalar stays a scalar


INTRINSIC = Intrinsic(
    name="erf",
    numpy=_erf,
    lowering=OwnCode(),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    ulps=2,
    partials=(lambda x: 2.0 / sqrt(pi) * Call(EXP, (-x * x,)),),
)
