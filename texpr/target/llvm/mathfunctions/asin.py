"""``asin(x)``: a polynomial to 1/2, from there on ``pi/2 - 2*asin(sqrt((1 - x)/2))``."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from texpr.target.llvm.mathfunctions.arcs import arc, rounded_pi
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# (asin(x)/x - 1) / x**2 in x**2, to 1/2
NEAR_0 = {
    32: (
        0.16666752, 0.0749531, 0.04546902, 0.024185503, 0.042157013,
    ),
    64: (
        0.1666666666666676, 0.07499999999970869, 0.04464285717455763, 0.030381942710024413,
        0.02237221493174235, 0.017351612919888886, 0.013980810610211421, 0.011398987330250415,
        0.010779861016725142, 0.0037077943607982675, 0.021704273777415243, -0.020994816275739382,
        0.032626102825362095,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Half:
    """The sine of an angle, or, where ``is_large`` holds, of half of what is left to ``pi/2``."""

    is_large: ir.Value
    sine: Term
    square: Term


def halved(f: Formula, size: Term) -> Half:
    """Take a positive sine apart; beyond 1, all is NaN. ``1 - size`` is exact."""
    is_large = size > 0.5
    square = f.where(is_large, (1.0 - size) * 0.5, size * size)
    return Half(is_large, f.where(is_large, f.square_root(square), size), square)


def emit(f: Formula, x: Term) -> Term:
    """Return the arc sine of ``x``."""
    half = halved(f, f.magnitude(x))
    t = f.where(half.is_large, half.sine * -2.0, half.sine)
    start = f.where(half.is_large, rounded_pi(f) / 2, 0.0)
    return f.with_sign_of(arc(f, start, t, half.square, NEAR_0[f.format.bits]), x)
