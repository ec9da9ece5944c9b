"""``erf(x) = 1 - e**(x*h(x) - x)`` with a polynomial ``h``, for positive numbers; it is odd."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.exp import power_less_one
from texpr.target.llvm.mathfunctions.formula import Formula, Term

# log(1 - erf(x))/x + 1 in x
H = {
    32: (
        -0.12837917, -0.63661957, -0.10277625, 0.019147461, 0.00017042029, -0.0016767905,
        0.0006380609, -0.00011907712, 9.413989e-06,
    ),
    64: (
        -0.12837916709551256, -0.6366197723675849, -0.10277260330173632, 0.019128447004105306,
        0.00020919470496105273, -0.0016962064534222485, 0.0005901258630216284,
        -2.587962652708707e-05, -6.448935140897962e-05, 2.9719339911667848e-05,
        -3.4003935839642756e-06, -2.843063130197134e-06, 1.7488336759176553e-06,
        -3.4174616283617377e-07, -1.3397744678159927e-07, 1.402217485447032e-07,
        -6.513723534149465e-08, 2.0777717715365304e-08, -4.952183536441949e-09,
        8.99463550946307e-10, -1.235536228401392e-10, 1.2471638317664641e-11,
        -8.740978392927849e-13, 3.8019666775513974e-14, -7.729244206592838e-16,
    ),
}  # fmt: skip

# From where erf rounds to 1.
LARGE = {32: 4.0, 64: 6.0}


def emit(f: Formula, x: Term) -> Term:
    """Return the error function of ``x``."""
    size = f.at_most(f.magnitude(x), LARGE[f.format.bits])
    more = size * f.polynomial(size, H[f.format.bits])
    return f.with_sign_of(power_less_one(f, -size, more), x)
