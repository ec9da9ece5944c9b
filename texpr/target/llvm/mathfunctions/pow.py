"""``x ** y = 2 ** (y * log2(x))``, with the logarithm to more digits than the type has.

An error of the logarithm is multiplied by ``y``: a power near the largest number, ``2**1024``,
needs eleven bits more. A float32 has them in float64, where its powers are neither subnormal nor
infinite yet; a float64 has them in two parts.

With ``s = (m - 1)/(m + 1)`` and ``z = s**2``, ``log2(m) = s*(C + z*(C/3 + z*TAIL(z)))``: only the
first two terms need two parts.
"""

from __future__ import annotations

import math

from llvmlite import ir

from texpr.target.llvm.mathfunctions.exp import TAIL as EXP_TAIL
from texpr.target.llvm.mathfunctions.exp import Power
from texpr.target.llvm.mathfunctions.formula import FLOAT64, Formula, Term
from texpr.target.llvm.mathfunctions.log import apart
from texpr.target.llvm.mathfunctions.two_parts import fast_sum, less_product, product
from texpr.target.llvm.types import like

# 2/log(2), a third of it, and log(2), in two parts each
C = (2.8853900817779268, 4.0710547481862066e-17)
THIRD_OF_C = (0.9617966939259756, 5.0577616648125907e-17)
LOG_2 = (0.6931471805599453, 2.3190468138462996e-17)

# ((log2((1+s)/(1-s))/s - C)/z - C/3)/z in z = s**2
TAIL = (
    0.577078016355585, 0.4121985831114076, 0.32059889789926144, 0.26230820018453205,
    0.22195217296314593, 0.192404867449234, 0.16838283359733036, 0.17336680483003533,
)  # fmt: skip

# For float32: log2(1 + t)/t, and 2**r.
SLOPE = (
    1.4426950408641455, -0.7213475209533992, 0.480898364107154, -0.36067366114179894,
    0.2885370339773532, -0.2404536406546519, 0.2061841453767885, -0.18029886354768762,
    0.15864724478388179, -0.14305644494319267, 0.14534991066018552, -0.1437378619593729,
    0.0773781949139257,
)  # fmt: skip
EXP2 = (
    1.0, 0.6931472049561243, 0.24022647642099265, 0.055503275546923504, 0.00961845725124386,
    0.0013400904177431074, 0.00015351714749648447,
)  # fmt: skip

LARGEST_EXPONENT = 2.0**66
"""A power of anything but 1 with an exponent as large is 0 or infinite."""

FAR = {32: 200.0, 64: 1100.0}
"""Two to it is infinite in the type, and two to the negative of it 0."""


def emit(f: Formula, x: Term, y: Term) -> Term:
    """Return ``x ** y``."""
    # A power of 1 with an infinite exponent is 1.
    y = f.at_least(f.at_most(y, LARGEST_EXPONENT), -LARGEST_EXPONENT)
    size = f.magnitude(x)
    made = (_of_float64 if f.format is FLOAT64 else _of_float32)(f, size, y)
    made = f.where(y.equals(0.0), 1.0, made)
    made = f.where(x.equals(1.0), 1.0, made)  # of NaN and 1, too
    return _with_sign(f, made, x, y)


def _of_float32(f: Formula, x: Term, y: Term) -> Term:
    wide = Formula(f.builder, like(ir.DoubleType(), f.type), fused=f.fused)
    k, t = apart(f, x)
    k, t, y = (
        wide.term(f.builder.fpext(term.value, wide.type))
        for term in (_at_the_ends(f, x, k), t, y)
    )  # fmt: skip
    log2 = wide.fma(t, wide.polynomial(t, SLOPE), k)
    n, rest = _whole(wide, _not_far(wide, y * log2, FAR[32]))
    made = Power(wide, wide.polynomial(rest, EXP2), n).normal()
    return f.term(f.builder.fptrunc(made.value, f.type))


def _of_float64(f: Formula, x: Term, y: Term) -> Term:
    log2, log2_low = _log2(f, x)
    exponent, low = product(f, y, log2)
    is_near = f.magnitude(exponent) < FAR[64]
    low = f.where(is_near, f.fma(y, log2_low, low), 0.0)
    n, rest = _whole(f, _not_far(f, exponent, FAR[64]))
    return Power(f, _exp2(f, rest, low), n).number()


def _log2(f: Formula, x: Term) -> tuple[Term, Term]:
    """Return the logarithm of ``x``, which is not negative, to base 2 in two parts."""
    k, t = apart(f, x)
    k = _at_the_ends(f, x, k)
    bottom, bottom_low = fast_sum(2.0, t)
    inverse = 1.0 / bottom
    s = t * inverse
    s_low = (less_product(f, t, s, bottom) - s * bottom_low) * inverse
    z, z_low = product(f, s, s)
    z_low = f.fma(s + s, s_low, z_low)
    # C/3 + z*TAIL(z), that times z, and C added to it
    tail = f.polynomial(z, TAIL)
    third, third_low = fast_sum(THIRD_OF_C[0], z * tail)
    third_low = f.fma(z_low, tail, third_low + THIRD_OF_C[1])
    factor, factor_low = product(f, z, third)
    factor_low = f.fma(z, third_low, f.fma(z_low, third, factor_low)) + C[1]
    factor, lost = fast_sum(C[0], factor)
    factor_low = lost + factor_low
    log2, log2_low = product(f, s, factor)
    log2_low = f.fma(s, factor_low, f.fma(s_low, factor, log2_low))
    log2, lost = fast_sum(k, log2)
    return log2, lost + log2_low


def _exp2(f: Formula, rest: Term, low: Term) -> Term:
    """``2 ** (rest + low)``; all but the last sum has digits to spare."""
    rest, low = fast_sum(rest, low)
    r, r_low = product(f, rest, LOG_2[0])
    r_low = f.fma(low, LOG_2[0], f.fma(rest, LOG_2[1], r_low))
    tail = f.fma(r * r, f.polynomial(r, EXP_TAIL[64]), r_low)
    high, lost = fast_sum(1.0, r)
    return high + (lost + tail)


def _at_the_ends(f: Formula, x: Term, k: Term) -> Term:
    k = f.where(x < math.inf, k, x)  # infinity and NaN
    return f.where(x.equals(0.0), -math.inf, k)


def _not_far(f: Formula, exponent: Term, limit: float) -> Term:
    return f.at_least(f.at_most(exponent, limit), -limit)


def _whole(f: Formula, exponent: Term) -> tuple[Term, Term]:
    """Return the nearest whole number as :class:`Power` has it, and what is left."""
    rounder = 1.5 * 2.0**52 + 2 * f.format.bias  # its unit is 1
    moved = exponent + rounder
    return f.bits(moved), exponent - (moved - rounder)


def _with_sign(f: Formula, made: Term, x: Term, y: Term) -> Term:
    """Return the power ``made`` of ``|x|`` with the sign that ``x`` gives it, or NaN."""
    build, unit = f.builder, 2.0**f.format.fraction_bits
    size = f.at_most(f.magnitude(y), 2 * unit)  # which is even, as all beyond are
    up = f.where(size < unit, unit, 0.0)
    moved = size + up  # its last bit is that of the whole number
    is_whole = (moved - up).equals(size)
    odd = f.bits(f.where(is_whole, moved, 0.0)) << (f.format.bits - 1)
    made = f.float_of(f.bits(made) ^ (f.bits(x) & odd))
    is_root = build.and_(build.and_(x < 0.0, x > -math.inf), build.not_(is_whole))
    return f.where(is_root, math.nan, made)
