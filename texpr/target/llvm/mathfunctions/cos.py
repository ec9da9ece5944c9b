"""``cos(x) = sin(x + pi/2)``: the next quadrant of the same angle."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term
from texpr.target.llvm.mathfunctions.quadrants import Quadrant, quadrant
from texpr.target.llvm.mathfunctions.sin import sine


def emit(f: Formula, x: Term) -> Term:
    """Return the cosine of ``x``."""
    angle = quadrant(f, x)
    return sine(f, Quadrant(angle.r, angle.n + 1))
