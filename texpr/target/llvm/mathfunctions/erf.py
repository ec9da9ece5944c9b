"""``erf(x)``: a polynomial to 1, from there ``1 - e**(-x*(x + g(x)))`` with another one, ``g``."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.exp import power
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# erf(x)/x - 1 in x**2, to 1
NEAR_0 = {
    32: (
        0.12837917, -0.3761263, 0.11283619, -0.026855174, 0.0051908446, -0.0008031836,
        7.9241305e-05,
    ),
    64: (
        0.1283791670955126, -0.37612638903183876, 0.11283791670958783, -0.026866170645631907,
        0.0052239776292458484, -0.0008548327199373758, 0.00012055338162056219,
        -1.492574819695881e-05, 1.646324757668188e-06, -1.6372374631623744e-07,
        1.4798374212964441e-08, -1.1876613653803285e-09, 6.762884525021909e-11,
    ),
}  # fmt: skip

# -log(1 - erf(x))/x - x in x - 3, from 1
CENTRE = 3.0
FAR = {
    32: (
        0.57344955, -0.08993999, 0.015653955, -0.0029273566, 0.0003876649, -9.7946155e-05,
        1.4131156e-05,
    ),
    64: (
        0.5734543473270838, -0.08990021944071708, 0.01576481274713718, -0.0027843069988824076,
        0.0004769988116215077, -7.710221971792552e-05, 1.134033482649846e-05,
        -1.4080091510702645e-06, 1.1285785941427132e-07, 7.347066297568566e-09,
        -6.677090482799257e-09, 1.9964583184134696e-09, -2.3134868885207908e-10,
        1.8185992767489498e-10, -1.993182617233669e-11, -2.345839528162269e-11,
        -9.888480323509141e-12, -1.5078105424513185e-12,
    ),
}  # fmt: skip

# From where erf rounds to 1.
LARGE = {32: 4.0, 64: 6.0}


def emit(f: Formula, x: Term) -> Term:
    """Return the error function of ``x``."""
    size = f.magnitude(x)
    near = f.fma(size, f.polynomial(size * size, NEAR_0[f.format.bits]), size)
    bounded = f.at_most(size, LARGE[f.format.bits])
    g = f.polynomial(bounded - CENTRE, FAR[f.format.bits])
    far = 1.0 - power(f, -(bounded * (bounded + g))).normal()
    return f.with_sign_of(f.where(size < 1.0, near, far), x)
