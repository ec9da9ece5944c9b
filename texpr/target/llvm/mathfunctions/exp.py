"""``e ** x = 2**n * e**r`` with a whole number ``n`` and ``|r| <= log(2)/2``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from texpr.target.llvm.mathfunctions.formula import Formula, Term

LOG2_E = 1.4426950408889634

# log(2) in two parts. The first has so many zeros at its end that its product with any n is exact.
LOG_2 = {32: (0.693145751953125, 1.42860676533018e-06),
         64: (0.693147180559663, 2.8235290563031577e-13)}  # fmt: skip

# (e**r - 1 - r) / r**2
TAIL = {
    32: (
        0.49999997, 0.16666536, 0.04166748, 0.008367538, 0.0013868142,
    ),
    64: (
        0.5, 0.16666666666666677, 0.04166666666666659, 0.008333333333321008, 0.0013888888888936028,
        0.00019841269888476145, 2.4801587214237832e-05, 2.7557241218622066e-06,
        2.755737051785419e-07, 2.511026141054324e-08, 2.0884978198893842e-09,
    ),
}  # fmt: skip

# Where the result is beyond the largest number, and where it is less than half the least.
LIMITS = {32: (-105.0, 89.0), 64: (-746.0, 710.0)}


@dataclass(frozen=True)
class Power:
    """``2**n * factor``, with ``n`` in the low bits of ``shifted``, twice the bias added."""

    formula: Formula
    factor: Term
    shifted: Term

    def normal(self) -> Term:
        """Return the number, where it is normal."""
        form = self.formula.format
        return self.factor * self._two_to(self.shifted - form.bias)

    def number(self) -> Term:
        """Return the number, subnormal or infinite too; it is rounded once.

        Half of ``n`` is an exponent where ``n`` itself need not be; only the last of the two
        products may be inexact.
        """
        half = self.shifted >> 1
        return self.factor * self._two_to(half) * self._two_to(self.shifted - half)

    def _two_to(self, biased: Term) -> Term:
        return self.formula.float_of(biased << self.formula.format.fraction_bits)


def power(f: Formula, x: Term) -> Power:
    """``e ** x`` for ``x`` between the limits; NaN has a factor that is NaN."""
    form = f.format
    # The unit of 1.5 * 2**23, or 2**52, is 1: adding it rounds to a whole number.
    rounder = 1.5 * 2.0**form.fraction_bits + 2 * form.bias
    moved = f.fma(x, LOG2_E, rounder)
    n = moved - rounder
    high, low = LOG_2[form.bits]
    r = f.fma(n, -low, f.fma(n, -high, x))
    tail = f.polynomial(r, TAIL[form.bits])
    return Power(f, 1.0 + f.fma(r * r, tail, r), f.bits(moved))


def power_less_one(f: Formula, x: Term, more: Term) -> Term:
    """``e ** (x + more) - 1`` of sums that are not positive, where the power is normal.

    With ``more`` small beside an ``x`` near 0, it has the digits of a result near 0. One number is
    enough for log(2): what that is rounded by is lost beside the 1.
    """
    form = f.format
    rounder = 1.5 * 2.0**form.fraction_bits + form.bias
    moved = f.fma(x + more, LOG2_E, rounder)
    rest = f.fma(moved - rounder, -math.log(2), x)
    r = rest + more
    tail = f.polynomial(r, TAIL[form.bits])
    scale = f.float_of(f.bits(moved) << form.fraction_bits)
    return f.fma(scale, rest + f.fma(r * r, tail, more), scale - 1.0)


def emit(f: Formula, x: Term) -> Term:
    """Return ``e ** x``."""
    low, high = LIMITS[f.format.bits]
    return power(f, f.at_least(f.at_most(x, high), low)).number()
