"""``atan2(y, x)``: the arc tangent of the lesser over the greater, from the nearest axis on."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.arcs import arc, rounded_pi
from texpr.target.llvm.mathfunctions.atan import NEAR_0
from texpr.target.llvm.mathfunctions.formula import Formula, Term


def emit(f: Formula, y: Term, x: Term) -> Term:
    """Return the angle of the point ``(x, y)``."""
    height, width = f.magnitude(y), f.magnitude(x)
    is_steep = height > width
    less, more = f.where(is_steep, width, height), f.where(is_steep, height, width)
    t = less / more
    # Two zeros have the angle 0, as C says, and two infinities that of equal numbers.
    t = f.where(less.equals(more), f.where(less.equals(0.0), 0.0, 1.0), t)
    is_left = f.is_negative(x)
    pi = rounded_pi(f)
    start = f.where(is_steep, pi / 2, f.where(is_left, pi, 0.0))
    t = f.where(f.builder.xor(is_steep, is_left), -t, t)
    return f.with_sign_of(arc(f, start, t, t * t, NEAR_0[f.format.bits]), y)
