"""``atan(x)``: a polynomial to 1, from there on ``pi/2 - atan(1/x)``."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.arcs import arc, rounded_pi
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# (atan(x)/x - 1) / x**2 in x**2, to 1. Of float32, two differ in their last digits from what is
# derived, so that 4*atan(1) is pi.
NEAR_0 = {
    32: (
        -0.333333, 0.19998536, -0.14264125, 0.10951639, -0.08401991, 0.057934396, -0.031156125,
        0.010903549, -0.0017912615,
    ),
    64: (
        -0.3333333333333307, 0.19999999999951754, -0.1428571428258826, 0.11111111007343387,
        -0.09090907007757268, 0.07692279887750395, -0.06666404409092724, 0.05880529699621769,
        -0.052535262102020565, 0.04722346174482467, -0.042192372983874585, 0.03664302269211674,
        -0.029905516944498698, 0.021986780433499154, -0.013902284620811046, 0.00719766796192993,
        -0.0028854924384639677, 0.000831516499086243, -0.00015220146333802789,
        1.322900003865471e-05,
    ),
}  # fmt: skip


def emit(f: Formula, x: Term) -> Term:
    """Return the arc tangent of ``x``."""
    size = f.magnitude(x)
    is_large = size > 1.0
    t = f.where(is_large, -1.0 / size, size)
    start = f.where(is_large, rounded_pi(f) / 2, 0.0)
    return f.with_sign_of(arc(f, start, t, t * t, NEAR_0[f.format.bits]), x)
