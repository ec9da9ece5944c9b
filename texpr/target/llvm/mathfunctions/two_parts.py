"""Numbers in two parts, whose sum has twice the digits of a float64: exact products and sums.

Source: T. J. Dekker, "A floating-point technique for extending the available precision",
Numerische Mathematik 18.
"""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term

HALF_OF_THE_DIGITS = {32: 12, 64: 27}


def product(f: Formula, a: Term, b: Term | float) -> tuple[Term, Term]:
    """Return ``a*b`` rounded, and what the rounding lost.

    That is exact where ``a`` has three bits less than the type, and else, without multiply-adds
    that round once, to a bit beyond the last of two floats.
    """
    b = a.like(b)
    whole = a * b
    if f.fused:
        return whole, f.fma(a, b, -whole)
    a_high, a_low = halves(f, a)
    b_high, b_low = halves(f, b)
    lost = (a_high * b_high - whole) + a_high * b_low + a_low * b_high
    return whole, lost + a_low * b_low


def less_product(f: Formula, a: Term, b: Term, c: Term) -> Term:
    """Return ``a - b*c``: to the last bit where it is a number of the type and ``b*c`` near."""
    if f.fused:
        return f.fma(-b, c, a)
    whole, lost = product(f, b, c)
    return (a - whole) - lost


def halves(f: Formula, x: Term) -> tuple[Term, Term]:
    """Return the upper half of the digits of ``x``, and the rest."""
    high = f.float_of(f.bits(x) & (-1 << HALF_OF_THE_DIGITS[f.format.bits]))
    return high, x - high


def fast_sum(a: Term | float, b: Term) -> tuple[Term, Term]:
    """Return ``a + b`` rounded, and what the rounding lost; ``a`` is 0, or the larger."""
    whole = a + b
    return whole, (a - whole) + b
