"""``acos(x) = pi/2 - asin(x)``: twice ``asin(sqrt((1 - x)/2))`` from 1/2 on."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.arcs import arc, rounded_pi
from texpr.target.llvm.mathfunctions.asin import NEAR_0, halved
from texpr.target.llvm.mathfunctions.formula import Formula, Term


def emit(f: Formula, x: Term) -> Term:
    """Return the arc cosine of ``x``."""
    half = halved(f, f.magnitude(x))
    is_left = f.is_negative(x)
    pi = rounded_pi(f)
    start = f.where(half.is_large, f.where(is_left, pi, 0.0), pi / 2)
    # Towards 0 from pi/2 and from pi, where the cosine is -1; away from 0, where it is 1.
    t = f.where(half.is_large, half.sine * 2.0, -half.sine)
    t = f.where(is_left, -t, t)
    return arc(f, start, t, half.square, NEAR_0[f.format.bits])
