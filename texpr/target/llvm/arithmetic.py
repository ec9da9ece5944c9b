"""The operators of expressions in LLVM's instructions, on scalars and on vectors alike.

Each obeys the table in :mod:`texpr.ir.operators`; none traps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from texpr.errors import InternalError
from texpr.ir.dtypes import FLOAT32, FLOAT64, DType
from texpr.ir.update import neutral
from texpr.target.llvm.float16 import (
    compared,
    float32_to_odd,
    int64_to_odd,
    is_float16,
    is_nonzero,
    lesser_or_greater,
    magnitude,
    narrowed,
    negated,
    widened,
)
from texpr.target.llvm.mathfunctions import MathFunctions
from texpr.target.llvm.types import I1, constant, intrinsic, like, scalar_type

_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


_REDUCTIONS = {
    **{(op, kind): op for op in ("add", "mul") for kind in ("int", "uint")},
    **{(op, "int"): f"s{op}" for op in ("min", "max")},
    **{(op, "uint"): f"u{op}" for op in ("min", "max")},
    **{(op, "float"): f"f{op}imum" for op in ("min", "max")},
    **{
        (op, kind): op.removeprefix("bit")
        for op in ("and", "or", "bitand", "bitor", "bitxor")
        for kind in ("bool", "int", "uint")
    },
}


class Arithmetic:
    """Emits operators with a builder; ``flags`` are the fast-math flags in force.

    ``has_half`` says whether the target converts float16 by instructions of its own;
    ``functions``: how it computes powers and remainders of floats.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        flags: Sequence[str],
        *,
        has_half: bool,
        functions: MathFunctions,
    ) -> None:
        self.builder = builder
        self.flags = tuple(flags)
        self.has_half = has_half
        self.functions = functions

    # ------------------------------------------------------------ binary

    def binary(
        self, op: str, dtype: DType, a: ir.Value, b: ir.Value, *, more_flags: Sequence[str] = ()
    ) -> ir.Value:
        """Emit ``a op b`` of operands of ``dtype``."""
        if op in _COMPARE:
            return self.compare(op, dtype, a, b)
        if is_float16(dtype):
            return lesser_or_greater(self.builder, op, dtype, a, b)
        if dtype.is_float:
            return self.float_binary(op, a, b, (*self.flags, *more_flags))
        return self.int_binary(op, dtype, a, b)

    def compare(self, op: str, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
        sign = _COMPARE[op]
        if is_float16(dtype):
            return compared(self.builder, sign, dtype, a, b)
        if dtype.is_float:
            if op == "ne":
                return self.builder.fcmp_unordered(sign, a, b)
            return self.builder.fcmp_ordered(sign, a, b)
        if dtype.kind == "int":
            return self.builder.icmp_signed(sign, a, b)
        return self.builder.icmp_unsigned(sign, a, b)

    def float_binary(self, op: str, a: ir.Value, b: ir.Value, flags: Sequence[str]) -> ir.Value:
        build = self.builder
        simple: dict[str, Callable[..., ir.Value]] = {
            "add": build.fadd, "sub": build.fsub, "mul": build.fmul, "div": build.fdiv,
        }  # fmt: skip
        if op in simple:
            return simple[op](a, b, flags=flags)
        if op in ("min", "max"):
            # llvm.minimum propagates NaN; nsz: which zero comes out is left open.
            name = "llvm.minimum" if op == "min" else "llvm.maximum"
            return intrinsic(build, name, [a, b], [a.type], a.type, ("nsz",))
        if op == "pow":
            return self.power(a, b)
        if op in ("floordiv", "truncdiv"):
            name = "llvm.floor" if op == "floordiv" else "llvm.trunc"
            quotient = build.fdiv(a, b)
            return self.functions.rounded(build, name, quotient)
        remainder = self.functions.call(build, "fmod", [a, b])
        if op == "truncmod":
            return remainder
        if op == "floormod":
            zero = constant(a.type, 0.0)
            nonzero = build.fcmp_unordered("!=", remainder, zero)
            differ = build.xor(
                build.fcmp_ordered("<", remainder, zero), build.fcmp_ordered("<", b, zero)
            )
            moved = build.fadd(remainder, b)
            return build.select(build.and_(nonzero, differ), moved, remainder)
        raise InternalError(f"operator {op} on floats")

    def power(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Return ``a ** b``, by fewer instructions that round once where ``b`` is known."""
        build, exponent = self.builder, _known(b)
        if exponent == 2.0:
            return build.fmul(a, a)
        if exponent == -1.0:
            return build.fdiv(constant(a.type, 1.0), a)
        if exponent == 0.5:  # which is 0 of -0, and infinite of minus infinity
            root = intrinsic(build, "llvm.sqrt", [a], [a.type], a.type)
            root = intrinsic(build, "llvm.fabs", [root], [a.type], a.type)
            is_least = build.fcmp_ordered("==", a, constant(a.type, -math.inf))
            return build.select(is_least, constant(a.type, math.inf), root)
        return self.functions.call(build, "pow", [a, b])

    def int_binary(self, op: str, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
        build = self.builder
        simple: dict[str, Callable[..., ir.Value]] = {
            "add": build.add, "sub": build.sub, "mul": build.mul,
            "bitand": build.and_, "bitor": build.or_, "bitxor": build.xor,
            "and": build.and_, "or": build.or_,
        }  # fmt: skip
        if op in simple:
            return simple[op](a, b)
        if op in ("min", "max"):
            name = f"llvm.{'s' if dtype.kind == 'int' else 'u'}{op}"
            return intrinsic(build, name, [a, b], [a.type], a.type)
        if op in ("shl", "shr"):
            return self.shift(op, dtype, a, b)
        if op in ("floordiv", "truncdiv", "floormod", "truncmod"):
            quotient, remainder = self.divide(dtype, a, b, floor=op.startswith("floor"))
            return quotient if op.endswith("div") else remainder
        raise InternalError(f"operator {op} on integers")

    def shift(self, op: str, dtype: DType, a: ir.Value, b: ir.Value) -> ir.Value:
        build = self.builder
        width = constant(b.type, dtype.bits)
        last = constant(b.type, dtype.bits - 1)
        inside = build.icmp_unsigned("<", b, width)  # a negative count is a large unsigned one
        if op == "shr" and dtype.kind == "int":
            return build.ashr(a, build.select(inside, b, last))
        move = build.shl if op == "shl" else build.lshr
        moved = move(a, build.select(inside, b, constant(b.type, 0)))
        return build.select(inside, moved, constant(a.type, 0))

    def divide(
        self, dtype: DType, a: ir.Value, b: ir.Value, *, floor: bool
    ) -> tuple[ir.Value, ir.Value]:
        """Return quotient and remainder; both are 0 where ``b`` is, and MIN // -1 wraps."""
        build = self.builder
        zero, one = constant(a.type, 0), constant(a.type, 1)
        known = _known(b)
        divisor, by_zero = b, None
        if known is None or known == 0:
            by_zero = build.icmp_signed("==", b, zero)
            divisor = build.select(by_zero, one, b)
        if dtype.kind == "uint":
            quotient, remainder = build.udiv(a, divisor), build.urem(a, divisor)
        else:
            by_minus_one = None
            if known is None or known == -1:
                by_minus_one = build.icmp_signed("==", b, constant(a.type, -1))
                divisor = build.select(by_minus_one, one, divisor)
            quotient, remainder = build.sdiv(a, divisor), build.srem(a, divisor)
            if floor:
                apart = build.icmp_signed("<", build.xor(remainder, divisor), zero)
                inexact = build.icmp_signed("!=", remainder, zero)
                down = build.and_(apart, inexact)
                quotient = build.select(down, build.sub(quotient, one), quotient)
                remainder = build.select(down, build.add(remainder, divisor), remainder)
            if by_minus_one is not None:
                quotient = build.select(by_minus_one, build.neg(a), quotient)
                remainder = build.select(by_minus_one, zero, remainder)
        if by_zero is not None:
            quotient = build.select(by_zero, zero, quotient)
            remainder = build.select(by_zero, zero, remainder)
        return quotient, remainder

    def fold(self, op: str, dtype: DType, terms: ir.Value, mask: ir.Value | None) -> ir.Value:
        """Combine the lanes of ``terms`` in which ``mask`` holds by an associative operator."""
        if is_float16(dtype):  # the lesser or greater of them, which a float32 is as well
            wide = self.fold(op, FLOAT32, self.cast(terms, dtype, FLOAT32), mask)
            return self.cast(wide, FLOAT32, dtype)
        build, element = self.builder, terms.type.element
        start_value = neutral(op, dtype).value
        if mask is not None:
            terms = build.select(mask, terms, constant(terms.type, start_value))
        if dtype.is_float and op in ("add", "mul"):
            # The order of the lanes is free, or nobody would have put them side by side.
            start = ir.Constant(element, start_value)
            name = f"llvm.vector.reduce.f{op}"
            return intrinsic(build, name, [start, terms], [terms.type], element, ("reassoc",))
        name = f"llvm.vector.reduce.{_REDUCTIONS[op, dtype.kind]}"
        return intrinsic(build, name, [terms], [terms.type], element)

    # ------------------------------------------------------------ unary, casts

    def unary(self, op: str, dtype: DType, a: ir.Value) -> ir.Value:
        """Emit ``op a``."""
        build = self.builder
        if is_float16(dtype):
            return (negated if op == "neg" else magnitude)(build, a)
        if op == "neg":
            return build.fneg(a, flags=self.flags) if dtype.is_float else build.neg(a)
        if op in ("not", "invert"):
            return build.not_(a)
        if op == "abs":
            if dtype.is_float:
                return intrinsic(build, "llvm.fabs", [a], [a.type], a.type)
            if dtype.kind == "uint":
                return a
            return intrinsic(build, "llvm.abs", [a, ir.Constant(I1, 0)], [a.type], a.type)
        raise InternalError(f"operator {op}")

    def cast(self, a: ir.Value, source: DType, to: DType) -> ir.Value:
        """Convert ``a``; :class:`texpr.ir.expr.Cast` says what becomes of values out of range."""
        if to is source:
            return a
        if is_float16(source):
            return self.cast_from_float16(a, source, to)
        if is_float16(to):
            return self.cast_to_float16(a, source, to)
        build, wanted = self.builder, like(scalar_type(to), a.type)
        if to.is_bool:
            zero = constant(a.type, 0)
            if source.is_float:
                return build.fcmp_unordered("!=", a, zero)
            return build.icmp_signed("!=", a, zero)
        if source.is_float and to.is_float:
            return build.fpext(a, wanted) if to.bits > source.bits else build.fptrunc(a, wanted)
        if source.is_float:
            name = "llvm.fptosi.sat" if to.kind == "int" else "llvm.fptoui.sat"
            return intrinsic(build, name, [a], [wanted, a.type], wanted)
        if to.is_float:
            return build.sitofp(a, wanted) if source.kind == "int" else build.uitofp(a, wanted)
        if to.bits == source.bits:
            return a
        if to.bits < source.bits:
            return build.trunc(a, wanted)
        return build.sext(a, wanted) if source.kind == "int" else build.zext(a, wanted)

    def cast_from_float16(self, a: ir.Value, source: DType, to: DType) -> ir.Value:
        """Convert ``a`` of a 16-bit float type, by way of float32, which holds it."""
        if to.is_bool:
            return is_nonzero(self.builder, a)
        wide = widened(self.builder, source, a, has_half=self.has_half)
        return wide if to is FLOAT32 else self.cast(wide, FLOAT32, to)

    def cast_to_float16(self, a: ir.Value, source: DType, to: DType) -> ir.Value:
        """Convert ``a`` to a 16-bit float type by way of a float32 after which it rounds once."""
        if source.is_integer and source.bits == 64:
            a = int64_to_odd(self.builder, a, is_signed=source.kind == "int")
        if source.is_integer and source.bits > 16:
            a, source = self.cast(a, source, FLOAT64), FLOAT64
        if source is FLOAT64:
            a = float32_to_odd(self.builder, a)
        elif source is not FLOAT32:
            a = self.cast(a, source, FLOAT32)
        return narrowed(self.builder, to, a, has_half=self.has_half)


def _known(value: ir.Value) -> Any:
    """Return the value of a constant, the same in every lane, else None."""
    if not isinstance(value, ir.Constant):
        return None
    constant_: Any = value.constant
    if isinstance(constant_, list):
        first = constant_[0].constant
        return first if all(lane.constant == first for lane in constant_) else None
    return constant_
