"""The logarithm to base 2; of a power of two it is exact."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term
from texpr.target.llvm.mathfunctions.log import Base, in_base

BASE = {
    32: Base(per_unit=(1.4423828125, 0.000312228396), per_k=(1.0, 0.0)),
    64: Base(per_unit=(1.4426950216293335, 1.9259629911266175e-08), per_k=(1.0, 0.0)),
}


def emit(f: Formula, x: Term) -> Term:
    """Return the logarithm of ``x`` to base 2."""
    return in_base(f, x, BASE[f.format.bits])
