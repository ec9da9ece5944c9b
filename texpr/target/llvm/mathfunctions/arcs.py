"""What arc functions end in: a polynomial's arc near 0, beyond 0, ``pi/2`` or ``pi``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from texpr.target.llvm.mathfunctions.formula import Formula, Term

# By how much pi is more than the nearest number of the type, relative to it; so is pi/2.
REST = {32: -2.7827534e-08, 64: 3.8981718325193755e-17}


def arc(f: Formula, start: Term, t: Term, square: Term, coefficients: Sequence[float]) -> Term:
    """``start + (t + t*square*p(square))`` with a start of 0, ``pi/2`` or ``pi``.

    What the first sum rounds away counts, as the start may be greater than the result.
    """
    tail = f.fma(t * square, f.polynomial(square, coefficients), start * REST[f.format.bits])
    total = start + t
    return total + (tail + ((start - total) + t))


def rounded_pi(f: Formula) -> float:
    """Return the number of the type that is nearest to pi."""
    return f.pick(3.1415927410125732, math.pi)
