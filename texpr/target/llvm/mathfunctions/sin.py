"""``sin(x)``: by its quadrant a sine or a cosine near 0."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term
from texpr.target.llvm.mathfunctions.quadrants import Quadrant, quadrant

# (sin(r)/r - 1) / r**2 in r**2, to pi/4
SINE = {
    32: (
        -0.16666667, 0.008333394, -0.00019859638, 2.9000569e-06,
    ),
    64: (
        -0.16666666666666666, 0.008333333333332924, -0.0001984126984075179, 2.75573189424862e-06,
        -2.50520336529823e-08, 1.6049399200597833e-10, -7.144752365497988e-13,
    ),
}  # fmt: skip

# (cos(r) - 1 + r**2/2) / r**4 in r**2
COSINE = {
    32: (
        0.041666664, -0.0013888248, 2.4537736e-05,
    ),
    64: (
        0.041666666666666664, -0.0013888888888886905, 2.4801587298181274e-05,
        -2.7557317005646415e-07, 2.087609535079159e-09, -1.1379186363056622e-11,
    ),
}  # fmt: skip


def emit(f: Formula, x: Term) -> Term:
    """Return the sine of ``x``."""
    return sine(f, quadrant(f, x))


def sine(f: Formula, angle: Quadrant) -> Term:
    """Return the sine of an angle."""
    r, n = angle.r, angle.n
    square = r * r
    near = f.fma(r * square, f.polynomial(square, SINE[f.format.bits]), r)
    near = f.with_sign_of(near, r)  # that of a zero
    tail = f.polynomial(square, COSINE[f.format.bits])
    across = f.fma(square * square, tail, f.fma(square, -0.5, 1.0))
    turned = f.where(f.is_odd(n), across, near)
    # The second bit of n says whether the sign changes.
    return f.float_of(f.bits(turned) ^ ((n >> 1) << (f.format.bits - 1)))
