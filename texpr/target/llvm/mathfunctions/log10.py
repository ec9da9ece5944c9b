"""The logarithm to base 10."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term
from texpr.target.llvm.mathfunctions.log import Base, in_base

BASE = {
    32: Base(
        per_unit=(0.4342041015625, 9.03803375e-5),
        per_k=(0.301025390625, 4.60503907e-6),
    ),
    64: Base(
        per_unit=(0.4342944622039795, 1.9699272335463627e-08),
        per_k=(0.30102999566383914, 1.42050232272661e-13),
    ),
}


def emit(f: Formula, x: Term) -> Term:
    """Return the logarithm of ``x`` to base 10."""
    return in_base(f, x, BASE[f.format.bits])
