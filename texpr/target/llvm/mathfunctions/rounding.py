"""floor, ceil, trunc and round in sums, for processors that have no instruction for them.

Adding ``2**23``, or ``2**52``, whose unit is 1, rounds to the nearest whole number, halves to the
even one; larger numbers are whole.
"""

from __future__ import annotations

from texpr.target.llvm.mathfunctions.formula import Formula, Term


def rounded(f: Formula, name: str, x: Term) -> Term:
    """Return ``x`` rounded as LLVM's intrinsic ``name`` does."""
    unit, size = 2.0**f.format.fraction_bits, f.magnitude(x)
    near = f.where(size < unit, (size + unit) - unit, size)
    if name == "llvm.trunc":
        near = near - f.where(near > size, 1.0, 0.0)
    elif name != "llvm.rint":
        near = f.with_sign_of(near, x)
        if name == "llvm.floor":
            near = near - f.where(near > x, 1.0, 0.0)
        else:
            near = near + f.where(near < x, 1.0, 0.0)
    return f.with_sign_of(near, x)  # that of a zero
