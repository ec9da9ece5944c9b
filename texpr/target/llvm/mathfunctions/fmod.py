"""``x - n*y`` with the whole number ``n`` for which it is nearest to 0 and not beyond it: exact.

While the quotient is too long for a float, its first digits times ``y`` are subtracted, which
leaves a number of no more digits than ``y`` has: of float64, 49 bits of the quotient are gone at a
time, and no more than 43 rounds are possible. Few quotients are so long; a vector takes as many
rounds as its longest.

A float32 is taken to float64, in which products of it with quotients of 28 bits are exact.
"""

from __future__ import annotations

from llvmlite import ir

from texpr.target.llvm.mathfunctions.formula import FLOAT64, Formula, Term
from texpr.target.llvm.mathfunctions.two_parts import less_product
from texpr.target.llvm.types import I1, intrinsic, is_vector, like

QUOTIENT_BITS = {32: 28, 64: 50}
"""A rounded quotient of these is off by an eighth of its last place: what is left fits the type."""

SCALE = 2.0**700
"""Quotients of numbers less far apart than this are not infinite."""


def emit(f: Formula, x: Term, y: Term) -> Term:
    """Return C's ``fmod(x, y)``."""
    wide, bits = f, QUOTIENT_BITS[f.format.bits]
    a, b = f.magnitude(x), f.magnitude(y)
    if f.format is not FLOAT64:
        wide = Formula(f.builder, like(ir.DoubleType(), f.type), fused=f.fused)
        a, b = (wide.term(f.builder.fpext(term.value, wide.type)) for term in (a, b))
    rest = _shortened(wide, a, b, bits, from_float32=wide is not f)
    rounder = 1.5 * 2.0**52  # its unit is 1
    quotient = (rest / b + rounder) - rounder
    rest = _less(wide, rest, quotient, b, from_float32=wide is not f)
    rest = wide.where(rest < 0.0, rest + b, rest)
    rest = wide.where(a < b, a, rest)  # where y is infinite, too
    if wide is not f:
        rest = f.term(f.builder.fptrunc(rest.value, f.type))
    return f.with_sign_of(rest, x)


def _shortened(f: Formula, a: Term, b: Term, bits: int, *, from_float32: bool) -> Term:
    """Return ``a`` less multiples of ``b``, which has a quotient of no more than ``bits`` bits."""
    build = f.builder
    limit = b * 2.0**bits  # of NaN and of a quotient that is short a round makes nothing
    first = build.block
    loop, body, end = (build.append_basic_block(name) for name in ("long", "shorten", "short"))
    build.branch(loop)
    build.position_at_end(loop)
    phi = build.phi(f.type)
    phi.add_incoming(a.value, first)
    rest = f.term(phi)
    is_long = limit <= f.magnitude(rest)
    wanted = is_long
    if is_vector(is_long):
        wanted = intrinsic(build, "llvm.vector.reduce.or", [is_long], [is_long.type], I1)
    build.cbranch(wanted, body, end)
    build.position_at_end(body)
    divisor = b if from_float32 else _scaled(f, b, f.magnitude(rest))
    quotient = f.float_of(f.bits(rest / divisor) & (-1 << (53 - bits)))
    less = _less(f, rest, quotient, divisor, from_float32=from_float32)
    phi.add_incoming(f.where(is_long, less, rest).value, build.block)
    build.branch(loop)
    build.position_at_end(end)
    return rest


def _scaled(f: Formula, b: Term, size: Term) -> Term:
    """Return ``b``, or a multiple of it that is not too far from ``size`` for a quotient."""
    once = b * SCALE
    twice = once * SCALE
    return f.where(twice <= size, twice, f.where(once <= size, once, b))


def _less(f: Formula, a: Term, quotient: Term, b: Term, *, from_float32: bool) -> Term:
    """``a - quotient*b``, which is a number of the type, to the last bit."""
    if f.fused:
        return less_product(f, a, quotient, b)
    if from_float32:
        return a - quotient * b
    # A product a little beyond the largest number is not to be infinite.
    is_large = f.magnitude(a) > 2.0**1000
    scale = f.where(is_large, 2.0**-4, 1.0)
    less = less_product(f, a * scale, quotient, b * scale)
    return less * f.where(is_large, 2.0**4, 1.0)
