"""C's ``fmod``: x minus the whole multiples of y, with the sign of x."""

from math import inf, nan

import numpy as np

from texpr.ir.expr import Binary
from texpr.ir.intrinsic import Composition, Intrinsic

INTRINSIC = Intrinsic(
    name="fmod",
    numpy=np.fmod,
    lowering=Composition(lambda x, y: Binary("truncmod", x, y)),
    points=(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 10.0, -10.0, inf, -inf, nan),
    arity=2,
    partials=(
        lambda x, y: 1.0,
        lambda x, y: -Binary("truncdiv", x, y),
    ),
)
