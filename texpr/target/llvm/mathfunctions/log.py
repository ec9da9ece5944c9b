"""``log(x) = k*log(2) + log(1 + t)`` with ``x = 2**k * (1 + t)``, ``1 + t`` between √½ and √2.

With ``s = t/(2 + t)``, ``log(1 + t) = 2*s + s*R(s**2) = t - t**2/2 + s*(t**2/2 + R)``: the first
two terms carry the digits, and the last is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from texpr.target.llvm.mathfunctions.exp import LOG_2
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# (log((1+s)/(1-s))/s - 2) / s**2 in s**2
SERIES = {
    32: (
        0.66666687, 0.39988306, 0.2959966,
    ),
    64: (
        0.666666666666667, 0.399999999998927, 0.28571428629750933, 0.22222210477619012,
        0.181829383191159, 0.15330066649169752, 0.14636999979867688,
    ),
}  # fmt: skip

SQRT_HALF_BITS = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}


@dataclass(frozen=True)
class Reduced:
    """``log(x) = k*log(2) + t - half_square + rest``, whatever the base of the logarithm is."""

    k: Term
    t: Term
    half_square: Term
    rest: Term


def apart(f: Formula, x: Term) -> tuple[Term, Term]:
    """Return ``k`` and ``t`` of a positive number."""
    form = f.format
    up = form.fraction_bits + 1  # subnormal numbers have their digits further down
    is_subnormal = x < form.least_normal
    bits = f.bits(f.where(is_subnormal, x * 2.0**up, x))
    one = form.bias << form.fraction_bits
    moved = bits + (one - SQRT_HALF_BITS[form.bits])
    biased = moved >> form.fraction_bits
    fraction = moved & ((1 << form.fraction_bits) - 1)
    t = f.float_of(fraction + SQRT_HALF_BITS[form.bits]) - 1.0
    # Whole numbers from 2**23, or 2**52, on have themselves for a fraction.
    unit = 2.0**form.fraction_bits
    whole = f.float_of(biased | ((form.bias + form.fraction_bits) << form.fraction_bits))
    offset = unit + form.bias
    return whole - f.where(is_subnormal, offset + up, offset), t


def reduced(f: Formula, x: Term) -> Reduced:
    """Take ``x``, a positive number, apart."""
    k, t = apart(f, x)
    s = t / (t + 2.0)
    z = s * s
    half_square = t * t * 0.5
    series = z * f.polynomial(z, SERIES[f.format.bits])
    return Reduced(k, t, half_square, s * (half_square + series))


@dataclass(frozen=True)
class Base:
    """Another base: the logarithms of e and of 2 to it, each in two parts.

    The first parts have so many zeros at their ends that what they are multiplied with is exact:
    half of the digits of a logarithm, or any ``k``.
    """

    per_unit: tuple[float, float]
    per_k: tuple[float, float]


def in_base(f: Formula, x: Term, base: Base) -> Term:
    """Return the logarithm of ``x`` to another base.

    The logarithm is taken in two parts, since rounding it before it is multiplied by a number
    that is rounded too would cost a unit.
    """
    parts = reduced(f, x)
    form = f.format
    dropped = (form.fraction_bits + 1) // 2 if form.bits == 32 else 32
    first = f.float_of(f.bits(parts.t - parts.half_square) & (-1 << dropped))
    second = (parts.t - first) - parts.half_square + parts.rest
    unit_high, unit_low = base.per_unit
    k_high, k_low = base.per_k
    low = f.fma(first + second, unit_low, second * unit_high)
    low = f.fma(parts.k, k_low, low) if k_low else low
    high, whole = first * unit_high, parts.k * k_high
    total = whole + high  # k is 0, or the greater of the two
    return at_the_ends(f, x, total + (low + ((whole - total) + high)))


def at_the_ends(f: Formula, x: Term, result: Term) -> Term:
    """Return ``result`` but where ``x`` has no finite logarithm."""
    outside = f.where(x.equals(0.0), -math.inf, math.nan)
    result = f.where(x < math.inf, result, x)  # infinity and NaN
    return f.where(x <= 0.0, outside, result)


def emit(f: Formula, x: Term) -> Term:
    """Return the natural logarithm of ``x``."""
    parts = reduced(f, x)
    high, low = LOG_2[f.format.bits]
    small = parts.half_square - f.fma(parts.k, low, parts.rest)
    return at_the_ends(f, x, f.fma(parts.k, high, -(small - parts.t)))
