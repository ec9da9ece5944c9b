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
from texpr.target.llvm.types import I1, I64, PTR, internal, intrinsic, is_vector, like

_F64 = ir.DoubleType()
_I128 = ir.IntType(128)
_COLD = ("noinline", "cold")

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
    angle, _ = wide_quadrant(f, x)
    if f.format is FLOAT64:
        return angle
    return Quadrant(
        f.term(f.builder.fptrunc(angle.r.value, f.type)),
        f.term(f.builder.trunc(angle.n.value, f.bits_type)),
    )


def wide_quadrant(f: Formula, x: Term) -> tuple[Quadrant, Term]:
    """The same in float64, and ``n`` as wide, whatever ``x`` is; and what ``r`` has too much."""
    wide = Formula(f.builder, like(_F64, f.type), fused=f.fused)
    y = wide.term(f.builder.fpext(x.value, wide.type)) if f.format is not FLOAT64 else x
    rounder = 1.5 * 2.0**52  # its unit is 1
    moved = wide.fma(y, 2 / math.pi, rounder)
    r, excess = _less_multiples(wide, y, moved - rounder, HALF_PI[f.format.bits])
    n = wide.bits(moved)
    size = wide.magnitude(y)
    limit = LIMITS[f.format.bits]
    is_large = f.builder.and_(size > limit, size < math.inf)
    r, excess, n = _where_large(wide, is_large, limit, y, [r, excess, n])
    return Quadrant(r, n), excess


def _less_multiples(f: Formula, x: Term, n: Term, parts: Sequence[float]) -> tuple[Term, Term]:
    """``x - n*(parts[0] + parts[1] + …)``, and what it is rounded by.

    What each difference but the first rounds away counts. The products but the last are exact, and
    so is the first difference.
    """
    *firsts, last = parts
    r = x - n * firsts[0]
    lost = f.number(0.0)
    for part in firsts[1:]:
        product = n * part
        less = r - product
        lost = lost + ((r - less) - product)
        r = less
    more = n * last - lost
    result = r - more  # so that -0 stays -0
    return result, more - (r - result)


def _where_large(
    f: Formula, is_large: ir.Value, limit: float, x: Term, small: Sequence[Term]
) -> list[Term]:
    """Return ``r``, its excess and ``n``: ``small``, where ``x`` is large those of its own."""
    build = f.builder
    values = [x.value, *(term.value for term in small)]
    rooms = [build.alloca(value.type) for value in values] if is_vector(is_large) else []
    wanted = is_large
    if is_vector(is_large):
        wanted = intrinsic(build, "llvm.vector.reduce.or", [is_large], [is_large.type], I1)
    before, after = build.block, None
    with build.if_then(wanted, likely=False):
        if is_vector(is_large):
            for room, value in zip(rooms, values, strict=True):
                room.type = PTR  # llvmlite would have it typed
                build.store(value, room, align=8)
            count = ir.Constant(I64, x.value.type.count)
            build.call(_of_large_lanes(build.module), [*rooms, count, ir.Constant(_F64, limit)])
            made = [
                build.load(room, align=8, typ=value.type)
                for room, value in zip(rooms[1:], values[1:], strict=True)
            ]
        else:
            found = build.call(_of_large(build.module), [x.value])
            made = [build.extract_value(found, k) for k in range(len(small))]
        after = build.block
    results = []
    for old, new in zip(values[1:], made, strict=True):
        phi = build.phi(old.type)
        phi.add_incoming(old, before)
        phi.add_incoming(new, after)
        results.append(f.term(phi))
    return results


def _of_large_lanes(module: ir.Module) -> ir.Function:
    """The function from the lanes of ``x`` in memory to those of ``r``, its excess and ``n``.

    It is there once and not inlined: unlikely to run, and long. It leaves the lanes that are not
    beyond the limit.
    """
    parameters = [PTR, PTR, PTR, PTR, I64, _F64]
    function = internal(module, "texpr.quadrants_of_large", ir.VoidType(), parameters, _COLD)
    if function.blocks:
        return function
    x, *results, count, limit = function.args
    build = ir.IRBuilder(function.append_basic_block())
    before, body = build.block, build.append_basic_block("lane")
    build.branch(body)
    build.position_at_end(body)
    lane = build.phi(I64)
    lane.add_incoming(ir.Constant(I64, 0), before)

    def cell(array: ir.Value, type_: ir.Type) -> ir.Value:
        return build.gep(array, [lane], inbounds=True, source_etype=type_)

    value = build.load(cell(x, _F64), align=8, typ=_F64)
    size = intrinsic(build, "llvm.fabs", [value], [_F64], _F64)
    is_large = build.and_(
        build.fcmp_ordered(">", size, limit),
        build.fcmp_ordered("<", size, ir.Constant(_F64, math.inf)),
    )
    with build.if_then(is_large):
        found = build.call(_of_large(module), [value])
        for k, (array, type_) in enumerate(zip(results, (_F64, _F64, I64), strict=True)):
            build.store(build.extract_value(found, k), cell(array, type_), align=8)
    following = build.add(lane, ir.Constant(I64, 1))
    lane.add_incoming(following, build.block)
    done = build.append_basic_block("done")
    build.cbranch(build.icmp_unsigned("<", following, count), body, done)
    build.position_at_end(done)
    build.ret_void()
    return function


def _of_large(module: ir.Module) -> ir.Function:
    """The function from a float64 of ``2**20`` or more to ``r``, its excess and ``n``.

    ``x = m * 2**e`` with a whole ``m`` of 53 bits. Bits of ``2/pi`` whose product with ``2**e`` is
    a multiple of 4 change no quadrant; of those that follow, 192 give ``x * 2/pi`` modulo 4 to 137
    binary places, and no float64 is nearer to a multiple than 62. All in fixed point::

        m * v = quadrant (2 bits) . fraction (126 bits)  and 64 more bits, which only carry
    """
    result = ir.LiteralStructType([_F64, _F64, I64])
    function = internal(module, "texpr.quadrant_of_large", result, [_F64], _COLD)
    if function.blocks:
        return function
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
    fixed = upper(build.mul(wide(digits), ir.Constant(_I128, HALF_PI_FIXED)))
    r = build.uitofp(fixed, _F64)
    excess = build.sitofp(build.sub(build.fptoui(r, I64), fixed), _F64)
    scale = build.bitcast(build.shl(build.sub(const(1023 - 63), zeros), const(52)), _F64)
    # A negative x has the angle mirrored.
    is_mirrored = build.icmp_signed("<", bits, const(0))
    signed = build.select(build.xor(is_negative, is_mirrored), build.fneg(scale), scale)
    n = build.select(is_mirrored, build.neg(n), n)
    found = ir.Constant(result, ir.Undefined)
    for k, value in enumerate((build.fmul(r, signed), build.fmul(excess, signed), n)):
        found = build.insert_value(found, value, k)
    build.ret(found)
    return function


def _table(module: ir.Module) -> ir.GlobalVariable:
    type_ = ir.ArrayType(I64, len(TWO_OVER_PI))
    table = ir.GlobalVariable(module, type_, "texpr.two_over_pi")
    table.initializer = ir.Constant(type_, list(TWO_OVER_PI))
    table.global_constant = True
    table.linkage = "internal"
    table.type = PTR  # llvmlite would have it typed
    return table
