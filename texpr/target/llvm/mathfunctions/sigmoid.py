"""``1 / (1 + e**-x) = 1 - q`` with ``q = s / (1 + s)`` and ``s = e**-x``; of ``-x``, ``s - q*s``.

There, too, ``q`` itself is the result, but subtracting from ``s`` rounds less, as ``q*s`` is small.
"""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.exp import LIMITS, power
from texpr.target.llvm.mathfunctions.formula import Formula, Term


def emit(f: Formula, x: Term) -> Term:
    """Return the logistic function of ``x``."""
    low, _ = LIMITS[f.format.bits]
    small = power(f, f.at_least(-f.magnitude(x), low)).number()  # 1 at most
    part = small / (1.0 + small)
    return f.where(x < 0.0, f.fma(-part, small, small), 1.0 - part)
