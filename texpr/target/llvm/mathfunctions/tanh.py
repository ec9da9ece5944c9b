"""``tanh(x)``: a polynomial near 0, from where that keeps all digits ``1 - 2 / (e**(2*x) + 1)``."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.exp import power
from texpr.target.llvm.mathfunctions.formula import Formula, Term

SMALL = 0.625

# (tanh(x)/x - 1) / x**2 in x**2
NEAR_0 = {
    32: (
        -0.33333328, 0.13332765, -0.053851344, 0.021000804, -0.006102657,
    ),
    64: (
        -0.3333333333333333, 0.13333333333332725, -0.05396825396769271, 0.021869488512895104,
        -0.008863235001289075, 0.0035921207097704476, -0.0014557685664969076,
        0.0005896311088581913, -0.00023750736389104956, 9.242356967899376e-05,
        -3.105184486497898e-05, 6.419470368927771e-06,
    ),
}  # fmt: skip

# From where tanh rounds to 1.
LARGE = {32: 9.1, 64: 19.5}


def emit(f: Formula, x: Term) -> Term:
    """Return the hyperbolic tangent of ``x``."""
    size = f.magnitude(x)
    square = size * size
    near = f.fma(size * square, f.polynomial(square, NEAR_0[f.format.bits]), size)
    bounded = f.at_most(size, LARGE[f.format.bits])
    far = 1.0 - 2.0 / (power(f, bounded + bounded).normal() + 1.0)
    return f.with_sign_of(f.where(size < SMALL, near, far), x)
