"""Formulas on floats and on their bits, written with operators and emitted as instructions.

No instruction carries a fast-math flag: reductions of arguments are exact only as they are
written. A fused multiply-add is asked for by name, and never left to LLVM's judgement, which
might differ between a scalar and a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from texpr.target.llvm.types import I1, constant, intrinsic, like

Operand = "Term | float"


@dataclass(frozen=True)
class FloatFormat:
    """What a float type of IEEE 754 looks like: its width, and the bits of its fraction."""

    bits: int
    fraction_bits: int

    @property
    def bias(self) -> int:
        """What is added to an exponent: 127 or 1023."""
        return (1 << (self.bits - self.fraction_bits - 2)) - 1

    @property
    def least_normal(self) -> float:
        """The least positive number that is not subnormal."""
        return 2.0 ** (1 - self.bias)


FLOAT32 = FloatFormat(32, 23)
FLOAT64 = FloatFormat(64, 52)


class Formula:
    """Emits one function of floats of ``type_``, which may be a vector.

    ``fused``: :meth:`fma` is an instruction of the target, and may be used.
    """

    def __init__(self, builder: ir.IRBuilder, type_: ir.Type, *, fused: bool) -> None:
        self.builder = builder
        self.type = type_
        self.fused = fused
        element = type_.element if isinstance(type_, ir.VectorType) else type_
        self.format = FLOAT32 if element == ir.FloatType() else FLOAT64
        self.bits_type = like(ir.IntType(self.format.bits), type_)

    def term(self, value: ir.Value) -> Term:
        """Return a value as something to calculate with."""
        return Term(self, value)

    def number(self, value: float) -> Term:
        """Return a float constant."""
        return self.term(constant(self.type, value))

    def pick(self, for_float32: float, for_float64: float) -> float:
        """Return the one of two numbers that is meant for the type."""
        return for_float32 if self.format is FLOAT32 else for_float64

    # ------------------------------------------------------------ floats

    def fma(self, a: Term, b: Term | float, c: Term | float) -> Term:
        """``a*b + c``, rounded once where the target can, else twice."""
        if not self.fused:
            return a * b + c
        values = [a.value, a.like(b).value, a.like(c).value]
        return self.term(intrinsic(self.builder, "llvm.fma", values, [self.type], self.type))

    def polynomial(self, x: Term, coefficients: Sequence[float]) -> Term:
        """Return the polynomial with these coefficients, lowest first, by Horner's rule.

        The lanes of a loop hide its latency, and no other order has fewer operations or rounds
        less.
        """
        result = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return result

    def magnitude(self, x: Term) -> Term:
        """``|x|``."""
        return self.term(intrinsic(self.builder, "llvm.fabs", [x.value], [self.type], self.type))

    def with_sign_of(self, x: Term, signed: Term) -> Term:
        """``|x|`` with the sign of ``signed``, that of a zero or a NaN included."""
        values = [x.value, signed.value]
        return self.term(intrinsic(self.builder, "llvm.copysign", values, [self.type], self.type))

    def square_root(self, x: Term) -> Term:
        """The square root of ``x``, correctly rounded; NaN of a negative number."""
        return self.term(intrinsic(self.builder, "llvm.sqrt", [x.value], [self.type], self.type))

    # Whatever is compared with NaN is false, so that these two keep a NaN.

    def at_most(self, x: Term, limit: float) -> Term:
        """Return the lesser of ``x`` and ``limit``; NaN stays."""
        return self.where(x > limit, limit, x)

    def at_least(self, x: Term, limit: float) -> Term:
        """Return the greater of ``x`` and ``limit``; NaN stays."""
        return self.where(x < limit, limit, x)

    def where(self, condition: ir.Value, a: Term | float, b: Term | float) -> Term:
        """Return ``a`` where ``condition`` holds, else ``b``."""
        a = a if isinstance(a, Term) else self.number(a)
        b = b if isinstance(b, Term) else self.number(b)
        return self.term(self.builder.select(condition, a.value, b.value))

    # ------------------------------------------------------------ bits

    def bits(self, x: Term) -> Term:
        """Return the bits of a float, to calculate with as integers."""
        return self.term(self.builder.bitcast(x.value, self.bits_type))

    def is_negative(self, x: Term) -> ir.Value:
        """Whether the float ``x`` has its sign bit set, as -0 has."""
        bits = self.bits(x)
        return self.builder.icmp_signed("<", bits.value, bits.like(0).value)

    def is_odd(self, n: Term) -> ir.Value:
        """Whether the integer ``n`` is odd."""
        return self.builder.trunc(n.value, like(I1, self.type))

    def float_of(self, bits: Term) -> Term:
        """Return the float with these bits."""
        return self.term(self.builder.bitcast(bits.value, self.type))


@dataclass(frozen=True, eq=False)
class Term:
    """A float, or an integer with a float's bits, in a formula."""

    formula: Formula
    value: ir.Value

    def like(self, other: Term | float) -> Term:
        """Return a constant of this term's type; a term as it is."""
        if isinstance(other, Term):
            return other
        return Term(self.formula, constant(self.value.type, other))

    @property
    def _is_float(self) -> bool:
        return bool(self.value.type == self.formula.type)

    def _made(self, value: ir.Value) -> Term:
        return Term(self.formula, value)

    def __add__(self, other: Term | float) -> Term:
        build = self.formula.builder
        add = build.fadd if self._is_float else build.add
        return self._made(add(self.value, self.like(other).value))

    def __sub__(self, other: Term | float) -> Term:
        build = self.formula.builder
        sub = build.fsub if self._is_float else build.sub
        return self._made(sub(self.value, self.like(other).value))

    def __mul__(self, other: Term | float) -> Term:
        return self._made(self.formula.builder.fmul(self.value, self.like(other).value))

    def __truediv__(self, other: Term | float) -> Term:
        return self._made(self.formula.builder.fdiv(self.value, self.like(other).value))

    def __rsub__(self, other: float) -> Term:
        return self.like(other) - self

    def __rtruediv__(self, other: float) -> Term:
        return self.like(other) / self

    def __neg__(self) -> Term:
        return self._made(self.formula.builder.fneg(self.value))

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: Term | float) -> ir.Value:
        return self.formula.builder.fcmp_ordered("<", self.value, self.like(other).value)

    def __gt__(self, other: Term | float) -> ir.Value:
        return self.formula.builder.fcmp_ordered(">", self.value, self.like(other).value)

    def __le__(self, other: Term | float) -> ir.Value:
        return self.formula.builder.fcmp_ordered("<=", self.value, self.like(other).value)

    def equals(self, other: Term | float) -> ir.Value:
        """Whether two floats are equal."""
        return self.formula.builder.fcmp_ordered("==", self.value, self.like(other).value)

    def __lshift__(self, count: int) -> Term:
        return self._made(self.formula.builder.shl(self.value, self.like(count).value))

    def __rshift__(self, count: int) -> Term:
        """Shift in zeros: processors lack the other shift for lanes of 64 bits."""
        return self._made(self.formula.builder.lshr(self.value, self.like(count).value))

    def __and__(self, other: Term | int) -> Term:
        return self._made(self.formula.builder.and_(self.value, self.like(other).value))

    def __xor__(self, other: Term | int) -> Term:
        return self._made(self.formula.builder.xor(self.value, self.like(other).value))

    def __or__(self, other: Term | int) -> Term:
        return self._made(self.formula.builder.or_(self.value, self.like(other).value))
