"""The logarithm to base 2; of a power of two it is exact."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import FLOAT32, Formula, Term
from texpr.target.llvm.mathfunctions.log import Base, apart, at_the_ends, in_base

BASE = {
    32: Base(per_unit=(1.4423828125, 0.000312228396), per_k=(1.0, 0.0)),
    64: Base(per_unit=(1.4426950216293335, 1.9259629911266175e-08), per_k=(1.0, 0.0)),
}

# log2(1 + t)/t - 1.5 in t, for float32
SLOPE = 1.5
SERIES = (
    -0.05730496, -0.72134733, 0.4808983, -0.36069894, 0.28856805, -0.2395557, 0.20452973,
    -0.19153938, 0.18692535, -0.10970733,
)  # fmt: skip


def emit(f: Formula, x: Term) -> Term:
    """Return the logarithm of ``x`` to base 2.

    Of float32, a polynomial in ``t`` saves the division and the two parts: ``1.5*t`` carries the
    digits, and is exact, as three times ``t`` has no more of them than there are. Without
    multiply-adds that round once it would be off by more than a unit; of float64 it would be twice
    as long.
    """
    if f.fused and f.format is FLOAT32:
        k, t = apart(f, x)
        return at_the_ends(f, x, k + f.fma(t, f.polynomial(t, SERIES), t * SLOPE))
    return in_base(f, x, BASE[f.format.bits])
