"""``tan(x)``: by its quadrant a polynomial near 0, or ``-1`` over it."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import FLOAT32, Formula, Term
from texpr.target.llvm.mathfunctions.quadrants import wide_quadrant

# (tan(r)/r - 1) / r**2 in r**2, to pi/4
NEAR_0 = {
    32: (
        0.33333355, 0.13332479, 0.05408084, 0.02117362, 0.011119093, -0.00027212824, 0.0045559225,
    ),
    64: (
        0.3333333333333341, 0.13333333333320976, 0.05396825397527811, 0.021869488334500312,
        0.008863238965785574, 0.003592090053418748, 0.0014561219464329152, 0.0005884860613860327,
        0.000245090868007119, 8.0155332650849e-05, 7.337703112401341e-05, -3.336519304396391e-05,
        5.504504009248716e-05, -2.7425931403920786e-05, 1.0495409825295723e-05,
    ),
}  # fmt: skip


def emit(f: Formula, x: Term) -> Term:
    """Return the tangent of ``x``.

    It may be off by four times as much as ``r`` is: of float32 all is float64 but the quotient, and
    of float64 what ``r`` and the sum are rounded by counts.
    """
    angle, excess = wide_quadrant(f, x)
    r, wide = angle.r, angle.r.formula
    square = r * r
    bend = r * square * wide.polynomial(square, NEAR_0[f.format.bits])
    if f.format is FLOAT32:
        near = f.term(f.builder.fptrunc((r + bend).value, f.type))
        across = -1.0 / near
    else:
        bend -= wide.fma(excess, square, excess)  # times 1 + tan(r)**2, or near to it
        near = r + bend
        across = -1.0 / near
        across = f.fma(((r - near) + bend) * across, across, across)
    return f.where(wide.is_odd(angle.n), across, near)
