"""``x = n*pi/2 + r`` with ``|r| <= pi/4``, for sine and cosine of any number.

A float32 is taken apart in float64. Up to some millions ``pi/2`` is subtracted in parts, of which
the first have so many zeros at their ends that their products with ``n`` are exact. Beyond, a lane
is taken apart by a function of integers, which no loop calls before it meets such a number.

Source: W. J. Cody and W. Waite, "Software Manual for the Elementary Functions"; M. Payne and
R. Hanek, "Radian Reduction for Trigonometric Functions", SIGNUM Newsletter 18(1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from texpr.target.llvm.mathfunctions.formula import FLOAT64, Formula, Term
from texpr.target.llvm.types import I1, I32, I64, PTR, intrinsic, is_vector, like

_F64 = ir.DoubleType()
_I128 = ir.IntType(128)

# pi/2, each part but the last of 29 or 33 bits: n has as many as are left of 53.
HALF_PI = {
    32: (1.570796325802803, 9.920935796805404e-10),
    64: (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32),
}
LIMITS = {32: 2.0**24, 64: 2.0**20}

# 2/pi to 1216 binary places, after 64 zeros
TWO_OVER_PI = (
    0,
    0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484,
    0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
)  # fmt: skip
HALF_PI_FIXED = 0xC90FDAA22168C235  # pi/2 * 2**63


@dataclass(frozen=True)
class Quadrant:
    """An angle: ``r`` beyond the multiple of ``pi/2`` that the low bits of ``n`` say."""

    r: Term
    n: Term


def quadrant(f: Formula, x: Term) -> Quadrant:
    """Take ``x`` apart; ``n`` is as wide as ``x``, and ``r`` NaN where ``x`` is not finite."""
    wide = Formula(f.builder, like(_F64, f.type), fused=f.fused)
    y = wide.term(f.builder.fpext(x.value, wide.type)) if f.format is not FLOAT64 else x
    rounder = 1.5 * 2.0**52  # its unit is 1
    moved = wide.fma(y, 2 / math.pi, rounder)
    r = _less_multiples(wide, y, moved - rounder, HALF_PI[f.format.bits])
    n = wide.bits(moved)
    size = wide.magnitude(y)
    is_large = f.builder.and_(size > LIMITS[f.format.bits], size < math.inf)
    r, n = _where_large(wide, is_large, y, r, n)
    if f.format is FLOAT64:
        return Quadrant(r, n)
    return Quadrant(
        f.term(f.builder.fptrunc(r.value, f.type)), f.term(f.builder.trunc(n.value, f.bits_type))
    )


def _less_multiples(f: Formula, x: Term, n: Term, parts: Sequence[float]) -> Term:
    """``x - n*(parts[0] + parts[1] + …)``; what each difference but the first rounds away counts.

    The products but the last are exact, and so is the first difference.
    """
    *firsts, last = parts
    r = x - n * firsts[0]
    lost = f.number(0.0)
    for part in firsts[1:]:
        product = n * part
        less = r - product
        lost = lost + ((r - less) - product)
        r = less
    return r - (n * last - lost)  # so that -0 stays -0


def _where_large(f: Formula, is_large: ir.Value, x: Term, r: Term, n: Term) -> tuple[Term, Term]:
    """Return ``r`` and ``n``, in the lanes that are large by :func:`_of_large`."""
    build = f.builder
    function = _of_large(build.module)
    wanted = is_large
    if is_vector(is_large):
        wanted = intrinsic(build, "llvm.vector.reduce.or", [is_large], [is_large.type], I1)
    before, after = build.block, None
    with build.if_then(wanted, likely=False):
        if is_vector(is_large):
            made_r, made_n = _lane_by_lane(build, function, is_large, x.value, r.value, n.value)
        else:
            pair = build.call(function, [x.value])
            made_r, made_n = build.extract_value(pair, 0), build.extract_value(pair, 1)
        after = build.block
    results = []
    for old, new in ((r.value, made_r), (n.value, made_n)):
        phi = build.phi(old.type)
        phi.add_incoming(old, before)
        phi.add_incoming(new, after)
        results.append(f.term(phi))
    return results[0], results[1]


def _lane_by_lane(
    build: ir.IRBuilder,
    function: ir.Function,
    is_large: ir.Value,
    x: ir.Value,
    r: ir.Value,
    n: ir.Value,
) -> tuple[ir.Value, ir.Value]:
    """Emit a loop that calls ``function`` for the lanes in which ``is_large`` holds."""
    before = build.block
    head, body, following, done = (
        build.append_basic_block(name) for name in ("lane", "large", "next", "done")
    )
    build.branch(head)
    build.position_at_end(head)
    lane, now_r, now_n = build.phi(I32), build.phi(r.type), build.phi(n.type)
    for phi, start in ((lane, ir.Constant(I32, 0)), (now_r, r), (now_n, n)):
        phi.add_incoming(start, before)
    build.cbranch(build.extract_element(is_large, lane), body, following)
    build.position_at_end(body)
    pair = build.call(function, [build.extract_element(x, lane)])
    new_r = build.insert_element(now_r, build.extract_value(pair, 0), lane)
    new_n = build.insert_element(now_n, build.extract_value(pair, 1), lane)
    build.branch(following)
    build.position_at_end(following)
    made = []
    for old, new in ((now_r, new_r), (now_n, new_n)):
        phi = build.phi(old.type)
        phi.add_incoming(old, head)
        phi.add_incoming(new, body)
        old.add_incoming(phi, following)
        made.append(phi)
    step = build.add(lane, ir.Constant(I32, 1))
    lane.add_incoming(step, following)
    build.cbranch(build.icmp_unsigned("<", step, ir.Constant(I32, x.type.count)), head, done)
    build.position_at_end(done)
    return made[0], made[1]


def _of_large(module: ir.Module) -> ir.Function:
    """The function from a float64 of ``2**20`` or more to ``r`` and ``n``.

    ``x = m * 2**e`` with a whole ``m`` of 53 bits. Bits of ``2/pi`` whose product with ``2**e`` is
    a multiple of 4 change no quadrant; of those that follow, 192 give ``x * 2/pi`` modulo 4 to 137
    binary places, and no float64 is nearer to a multiple than 62. All in fixed point::

        m * v = quadrant (2 bits) . fraction (126 bits)  and 64 more bits, which only carry
    """
    name = "texpr.quadrant_of_large"
    function = module.globals.get(name)
    if function is not None:
        return function
    result = ir.LiteralStructType([_F64, I64])
    function = ir.Function(module, ir.FunctionType(result, [_F64]), name)
    function.linkage = "internal"
    for attribute in ("noinline", "cold"):
        function.attributes.add(attribute)
    build = ir.IRBuilder(function.append_basic_block())

    def const(value: int) -> ir.Constant:
        return ir.Constant(I64, value)

    def wide(value: ir.Value) -> ir.Value:
        return build.zext(value, _I128)

    def upper(value: ir.Value) -> ir.Value:
        return build.trunc(build.lshr(value, ir.Constant(_I128, 64)), I64)

    (x,) = function.args
    bits = build.bitcast(x, I64)
    biased = build.and_(build.lshr(bits, const(52)), const(0x7FF))
    m = build.or_(build.and_(bits, const((1 << 52) - 1)), const(1 << 52))
    # The first bit that counts has the weight 2**(1 - e), after 64 zeros; e is biased - 1075.
    first = build.sub(biased, const(1075 + 2 - 64))
    word, shift = build.lshr(first, const(6)), build.and_(first, const(63))
    table = _table(module)
    words = []
    for k in range(4):
        address = build.gep(table, [build.add(word, const(k))], inbounds=True, source_etype=I64)
        words.append(build.load(address, align=8, typ=I64))
    v = [
        intrinsic(build, "llvm.fshl", [words[k], words[k + 1], shift], [I64], I64) for k in range(3)
    ]
    carried = upper(build.mul(wide(v[2]), wide(m)))
    lower_part = build.add(build.mul(wide(v[1]), wide(m)), wide(carried))
    top = build.add(build.mul(v[0], m), upper(lower_part))
    product = build.or_(
        build.shl(wide(top), ir.Constant(_I128, 64)), wide(build.trunc(lower_part, I64))
    )
    # A fraction of a half and more counts as negative, from the next quadrant.
    n = build.lshr(build.add(top, const(1 << 61)), const(62))
    fraction = build.shl(product, ir.Constant(_I128, 2))
    is_negative = build.icmp_signed("<", fraction, ir.Constant(_I128, 0))
    size = build.select(is_negative, build.neg(fraction), fraction)
    zeros = intrinsic(build, "llvm.ctlz", [upper(size), ir.Constant(I1, 0)], [I64], I64)
    digits = upper(build.shl(size, wide(zeros)))
    r = build.uitofp(upper(build.mul(wide(digits), ir.Constant(_I128, HALF_PI_FIXED))), _F64)
    scale = build.shl(build.sub(const(1023 - 63), zeros), const(52))
    r = build.fmul(r, build.bitcast(scale, _F64))
    # A negative x has the angle mirrored.
    is_mirrored = build.icmp_signed("<", bits, const(0))
    r = build.select(build.xor(is_negative, is_mirrored), build.fneg(r), r)
    n = build.select(is_mirrored, build.neg(n), n)
    pair = build.insert_value(ir.Constant(result, ir.Undefined), r, 0)
    build.ret(build.insert_value(pair, n, 1))
    return function


def _table(module: ir.Module) -> ir.GlobalVariable:
    type_ = ir.ArrayType(I64, len(TWO_OVER_PI))
    table = ir.GlobalVariable(module, type_, "texpr.two_over_pi")
    table.initializer = ir.Constant(type_, list(TWO_OVER_PI))
    table.global_constant = True
    table.linkage = "internal"
    table.type = PTR  # llvmlite would have it typed
    return table
