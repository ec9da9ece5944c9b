"""``cosh(x)`` by the parts that make ``sinh(x)``."""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term
from texpr.target.llvm.mathfunctions.sinh import parts


def emit(f: Formula, x: Term) -> Term:
    """Return the hyperbolic cosine of ``x``."""
    p = parts(f, f.magnitude(x))
    d, g = p.up - p.down, p.up + p.down
    # Not g itself, which is rounded where 2**-n begins to be small beside 2**n.
    rest = f.fma(d, p.sine_less_r, f.fma(g, p.cosine_less_one, p.down))
    half = p.up + f.fma(d, p.r, rest)
    return half + half
