"""``sinh(x)`` of ``x = n*log(2) + r`` by two polynomials near 0, without ``e**x``.

With ``d = sinh(n*log(2)) = (2**n - 2**-n)/2`` and ``g = cosh(n*log(2)) = (2**n + 2**-n)/2``::

    sinh(x) = d*cosh(r) + g*sinh(r)
    cosh(x) = g*cosh(r) + d*sinh(r)

of which the first terms, less what the cosine is more than 1, carry the digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from texpr.target.llvm.mathfunctions.exp import LOG2_E, LOG_2
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# (sinh(r)/r - 1) / r**2 in r**2, to log(2)/2
SINE = {
    32: (
        0.16666667, 0.008333155, 0.00019992172,
    ),
    64: (
        0.16666666666666669, 0.008333333333328629, 0.00019841269868080546, 2.7557262093421473e-06,
        2.5103023009057208e-08,
    ),
}  # fmt: skip

# (cosh(r) - 1) / r**2 in r**2, to log(2)/2
COSINE = {
    32: (
        0.5, 0.0416665, 0.0013931929,
    ),
    64: (
        0.5, 0.04166666666666668, 0.0013888888888877297, 2.48015873413279e-05,
        2.755725819166666e-07, 2.0919945944888915e-09,
    ),
}  # fmt: skip

# Where the result is beyond the largest number.
LARGE = {32: 89.5, 64: 710.5}

# From where 2**-n is nothing beside 2**n.
ONE_SIDED = {32: 20.0, 64: 40.0}

# To where sinh(x) rounds to x.
SMALL = {32: 2.0**-13, 64: 2.0**-28}


@dataclass(frozen=True)
class Parts:
    """Quarters of ``2**n`` and ``2**-n``, which do not overflow, and functions of ``r``."""

    up: Term
    down: Term
    r: Term
    sine_less_r: Term
    cosine_less_one: Term


def parts(f: Formula, size: Term) -> Parts:
    """Take a positive number apart."""
    form = f.format
    bias = form.bias - 2  # that of a quarter
    bounded = f.at_most(size, LARGE[form.bits])
    rounder = 1.5 * 2.0**form.fraction_bits + bias
    moved = f.fma(bounded, LOG2_E, rounder)
    n, biased = moved - rounder, f.bits(moved)
    high, low = LOG_2[form.bits]
    r = f.fma(n, -low, f.fma(n, -high, bounded))
    square = r * r
    down = f.float_of((2 * bias - biased) << form.fraction_bits)
    return Parts(
        f.float_of(biased << form.fraction_bits),
        f.where(bounded > ONE_SIDED[form.bits], 0.0, down),
        r,
        r * square * f.polynomial(square, SINE[form.bits]),
        square * f.polynomial(square, COSINE[form.bits]),
    )


def emit(f: Formula, x: Term) -> Term:
    """Return the hyperbolic sine of ``x``."""
    size = f.magnitude(x)
    p = parts(f, size)
    d, g = p.up - p.down, p.up + p.down  # halves of them
    half = d + f.fma(g, p.r, f.fma(g, p.sine_less_r, d * p.cosine_less_one))
    return f.with_sign_of(f.where(size < SMALL[f.format.bits], size, half + half), x)
