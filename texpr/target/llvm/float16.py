"""float16 and bfloat16 in LLVM's instructions: their bits in an ``i16``, converted and compared.

LLVM converts them by calls of ``__extendhfsf2``, ``__truncsfhf2`` and ``__truncsfbf2`` wherever a
processor has no instruction for it, and the process need not have these functions. So the
conversions are made of integer arithmetic here; LLVM's own are used for float16 where the target
has instructions for them (F16C, NEON). For bfloat16 they never are: ``vcvtneps2bf16`` takes
subnormal numbers for zeros. Values that are only compared or chosen are not converted at all.

float16 is 1 bit of sign, 5 of exponent, 10 of fraction; bfloat16 the upper half of a float32.
"""

from __future__ import annotations

import struct

from llvmlite import ir

from texpr.ir.dtypes import BFLOAT16, FLOAT16, DType
from texpr.target.llvm.types import I32, constant, intrinsic, like

_F32 = ir.FloatType()
_HALF = ir.HalfType()
_I16 = ir.IntType(16)

_SIGN = 0x8000
_MAGNITUDE = 0x7FFF
_INFINITY = {FLOAT16: 0x7C00, BFLOAT16: 0x7F80}
_NAN = {FLOAT16: 0x7E00, BFLOAT16: 0x7FC0}

_SHIFT = 23 - 10  # between the fractions of a float16 and a float32
_REBIASED = (127 - 15) << 23  # between their exponents
_LEAST_NORMAL = (127 - 14) << 23  # 2**-14 as a float32


def is_float16(dtype: DType) -> bool:
    """Whether a value of ``dtype`` is an ``i16`` with the bits of a float."""
    return dtype in _INFINITY


def bits_of(value: float, dtype: DType) -> int:
    """Return the bits of ``value``, a number of ``dtype``.

    >>> hex(bits_of(1.0, FLOAT16)), hex(bits_of(-1.0, BFLOAT16))
    ('0x3c00', '0xbf80')
    """
    found: int = struct.unpack("=H", dtype.numpy.type(value).tobytes())[0]
    return found


# ---------------------------------------------------------------- compared and chosen


def negated(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """``-x``: the other sign."""
    return b.xor(x, constant(x.type, _SIGN))


def magnitude(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """``abs(x)``: no sign."""
    return b.and_(x, constant(x.type, _MAGNITUDE))


def is_nan(b: ir.IRBuilder, dtype: DType, x: ir.Value) -> ir.Value:
    """Whether ``x`` is no number."""
    return b.icmp_unsigned(">", magnitude(b, x), constant(x.type, _INFINITY[dtype]))


def is_nonzero(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Whether ``x`` is neither zero; NaN is not."""
    return b.icmp_unsigned("!=", magnitude(b, x), constant(x.type, 0))


def _ordered(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Return integers in the order of the numbers: from sign and magnitude to two's complement.

    Both zeros become 0.
    """
    sign = b.ashr(x, constant(x.type, 15))
    return b.sub(b.xor(magnitude(b, x), sign), sign)


def compared(b: ir.IRBuilder, sign: str, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    """``x sign y``: false where one is NaN, but ``!=`` true."""
    holds = b.icmp_signed(sign, _ordered(b, x), _ordered(b, y))
    unordered = b.or_(is_nan(b, dtype, x), is_nan(b, dtype, y))
    return b.or_(holds, unordered) if sign == "!=" else b.and_(holds, b.not_(unordered))


def lesser_or_greater(b: ir.IRBuilder, op: str, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    """``min`` or ``max`` of ``x`` and ``y``, NaN where one is."""
    sign = "<=" if op == "min" else ">="
    chosen = b.select(b.icmp_signed(sign, _ordered(b, x), _ordered(b, y)), x, y)
    chosen = b.select(is_nan(b, dtype, y), y, chosen)
    return b.select(is_nan(b, dtype, x), x, chosen)


# ---------------------------------------------------------------- to float32


def widened(b: ir.IRBuilder, dtype: DType, x: ir.Value, *, has_half: bool) -> ir.Value:
    """Return the float32 of the same value; ``has_half``: the target has instructions for it."""
    single = like(_F32, x.type)
    if dtype is FLOAT16 and has_half:
        return b.fpext(b.bitcast(x, like(_HALF, x.type)), single)
    wide = b.zext(x, like(I32, x.type))
    if dtype is BFLOAT16:
        return b.bitcast(b.shl(wide, constant(wide.type, 16)), single)

    def const(value: int) -> ir.Constant:
        return constant(wide.type, value)

    size = b.and_(wide, const(_MAGNITUDE))
    sign = b.shl(b.and_(wide, const(_SIGN)), const(16))
    shifted = b.shl(size, const(_SHIFT))
    bits = b.add(shifted, const(_REBIASED))
    # The largest exponent, of infinities and NaN, is the largest here as there.
    is_finite = b.icmp_unsigned("<", size, const(_INFINITY[FLOAT16]))
    bits = b.select(is_finite, bits, b.add(bits, const(_REBIASED)))
    # A subnormal number is its fraction in units of the least one.
    small = b.fmul(b.uitofp(size, single), constant(single, 2.0**-24))
    is_normal = b.icmp_unsigned(">=", size, const(1 << 10))
    bits = b.select(is_normal, bits, b.bitcast(small, wide.type))
    return b.bitcast(b.or_(bits, sign), single)


# ---------------------------------------------------------------- from float32 and float64


def narrowed(b: ir.IRBuilder, dtype: DType, x: ir.Value, *, has_half: bool) -> ir.Value:
    """Return a float32 rounded to ``dtype``, halves to even; overflow makes an infinity."""
    short = like(_I16, x.type)
    if dtype is FLOAT16 and has_half:
        return b.bitcast(b.fptrunc(x, like(_HALF, x.type)), short)
    bits = b.bitcast(x, like(I32, x.type))

    def const(value: int) -> ir.Constant:
        return constant(bits.type, value)

    def rounded_shift(value: ir.Value, count: int) -> ir.Value:
        # Just below a half is added, and one more where that makes the result even.
        odd = b.and_(b.lshr(value, const(count)), const(1))
        below_half = const((1 << (count - 1)) - 1)
        return b.lshr(b.add(b.add(value, below_half), odd), const(count))

    is_nan_ = b.fcmp_unordered("!=", x, x)
    if dtype is BFLOAT16:
        result = b.select(is_nan_, const(_NAN[BFLOAT16]), rounded_shift(bits, 16))
        return b.trunc(result, short)
    size = b.and_(bits, const(0x7FFFFFFF))
    normal = rounded_shift(b.sub(size, const(_REBIASED)), _SHIFT)
    normal = intrinsic(b, "llvm.umin", [normal, const(_INFINITY[FLOAT16])], [bits.type], bits.type)
    # The unit of 0.5 as a float32 is that of subnormal float16s: the sum is rounded to it.
    half = constant(x.type, 0.5)
    sum_ = b.bitcast(b.fadd(b.bitcast(size, x.type), half), bits.type)
    subnormal = b.sub(sum_, const(0x3F000000))
    is_normal = b.icmp_unsigned(">=", size, const(_LEAST_NORMAL))
    result = b.select(is_normal, normal, subnormal)
    result = b.select(is_nan_, const(_NAN[FLOAT16]), result)
    sign = b.and_(b.lshr(bits, const(16)), const(_SIGN))
    return b.trunc(b.or_(result, sign), short)


def float32_to_odd(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Return a float64 as one of the two nearest float32s: the odd one, unless it is exact.

    Rounded again to 11 bits or less it gives what ``x`` itself would give; the nearest float32
    might not. Source: S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums:
    proved algorithms using rounding to odd", IEEE Transactions on Computers 57(4), theorem 3.
    """
    single = b.fptrunc(x, like(_F32, x.type))
    back = b.fpext(single, x.type)
    bits = b.bitcast(single, like(I32, x.type))

    def size(value: ir.Value) -> ir.Value:
        return intrinsic(b, "llvm.fabs", [value], [value.type], value.type)

    one, zero = constant(bits.type, 1), constant(bits.type, 0)
    is_inexact = b.fcmp_ordered("!=", back, x)
    is_beyond = b.fcmp_ordered(">", size(back), size(x))
    towards_zero = b.sub(bits, b.select(is_beyond, one, zero))
    odd = b.or_(towards_zero, b.select(is_inexact, one, zero))
    return b.bitcast(odd, single.type)


def int64_to_odd(b: ir.IRBuilder, x: ir.Value, *, is_signed: bool) -> ir.Value:
    """Return an integer of 64 bits as one that a float64 holds, to be rounded again.

    Where ``x`` has more than 53 bits the last 11 are put into one: whether any of them is set.
    """
    low = b.and_(x, constant(x.type, (1 << 11) - 1))
    kept = b.sub(x, low)
    sticky = b.select(
        b.icmp_unsigned("!=", low, constant(x.type, 0)),
        constant(x.type, 1 << 11),
        constant(x.type, 0),
    )
    # The numbers below 2**53, and of signed ones also those above -2**53, are exact.
    offset = 1 << 53 if is_signed else 0
    shifted = b.add(x, constant(x.type, offset))
    is_exact = b.icmp_unsigned("<", shifted, constant(x.type, offset + (1 << 53)))
    return b.select(is_exact, x, b.or_(kept, sticky))
