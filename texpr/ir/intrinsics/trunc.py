"""x without its fraction."""

from math import inf, nan

import numpy as np

from texpr.ir.intrinsic import Intrinsic, Rounding

INTRINSIC = Intrinsic(
    name="trunc",
    numpy=np.trunc,
    lowering=Rounding("llvm.trunc"),
    points=(0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, 8388609.0, 1e30, inf, nan),
    identity_on_integers=True,
    partials=(lambda x: 0.0,),
)
