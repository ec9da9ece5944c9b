"""The binary and unary operators of expressions, as a table that every reader shares.

The meaning of each operator stands here, once; the interpreter obeys it and compiled code is
tested against the interpreter. None of them traps.

=============  ==============================================================================
operator       meaning where Python's reading leaves a choice
=============  ==============================================================================
add sub mul    integers wrap (two's complement); floats round to nearest even
div            floats only, IEEE 754: ``x / 0`` is an infinity or NaN
pow            floats only, C's ``pow``, of which compiled code may be off by a unit in the last
               place, but has its zeros, signs, infinities and NaN
floordiv       integers: rounds towards minus infinity; ``x // 0`` is 0; ``MIN // -1`` is
               ``MIN``. Floats: ``floor(x / y)``
floormod       integers: has the sign of the divisor; ``x % 0`` is 0; ``MIN % -1`` is 0.
               Floats: C's ``fmod``, plus ``y`` where it is not 0 and its sign differs from y's
truncdiv       as floordiv, rounding towards zero. Floats: ``trunc(x / y)``
truncmod       integers: has the sign of the dividend; ``x % 0`` is 0. Floats: C's ``fmod``
               float16 and bfloat16 are converted to float32 by all of the above
min max        NaN if either operand is; of zeros of both signs, either
and or         on bools, left to right; the right operand is not evaluated when the left decides
bitand …       on integers and bools
shl            bits shifted out are lost; a count that is negative or at least the width gives 0
shr            arithmetic on signed types; a count outside the width gives 0, or -1 where x < 0
eq … ge        on numbers and bools; false with NaN, but ``ne`` true
neg            integers wrap; a float's sign flips, also that of 0 and NaN
not            bools only
abs            of an integer's MIN is MIN
invert         bitwise on integers, logical on bools
=============  ==============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from texpr.ir.dtypes import DType

NUMBERS: Final = frozenset({"int", "uint", "float"})
INTEGERS: Final = frozenset({"int", "uint"})
BITS: Final = frozenset({"int", "uint", "bool"})
BOOLS: Final = frozenset({"bool"})
ANY: Final = frozenset({"int", "uint", "float", "bool"})


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its printed form and the kinds of operand that it takes."""

    name: str
    symbol: str
    """How it prints; a word such as ``min`` prints as a call."""
    precedence: int
    """Python's, greater binds tighter."""
    kinds: frozenset[str]
    is_comparison: bool = False
    is_arithmetic: bool = False
    """Whether it computes: floats of 16 bits are then converted to float32 first."""
    ulps: float = 0
    """By how many units in the last place compiled code may differ from what it means."""

    @property
    def is_function(self) -> bool:
        """Whether it prints as a call."""
        return self.symbol.isidentifier() and self.symbol not in ("and", "or", "not")

    def takes(self, dtype: DType) -> bool:
        """Whether a node of it may have operands of ``dtype``."""
        return dtype.kind in self.kinds and self.operand_dtype(dtype) is dtype

    def operand_dtype(self, common: DType) -> DType:
        """The type of the operands where those that were given meet in ``common``."""
        return common.arithmetic if self.is_arithmetic else common


CALL: Final = 20

BINARY: Final = {
    operator.name: operator
    for operator in (
        Operator("or", "or", 1, BOOLS),
        Operator("and", "and", 2, BOOLS),
        Operator("eq", "==", 4, ANY, is_comparison=True),
        Operator("ne", "!=", 4, ANY, is_comparison=True),
        Operator("lt", "<", 4, NUMBERS, is_comparison=True),
        Operator("le", "<=", 4, NUMBERS, is_comparison=True),
        Operator("gt", ">", 4, NUMBERS, is_comparison=True),
        Operator("ge", ">=", 4, NUMBERS, is_comparison=True),
        Operator("bitor", "|", 5, BITS),
        Operator("bitxor", "^", 6, BITS),
        Operator("bitand", "&", 7, BITS),
        Operator("shl", "<<", 8, INTEGERS),
        Operator("shr", ">>", 8, INTEGERS),
        Operator("add", "+", 9, NUMBERS, is_arithmetic=True),
        Operator("sub", "-", 9, NUMBERS, is_arithmetic=True),
        Operator("mul", "*", 10, NUMBERS, is_arithmetic=True),
        Operator("div", "/", 10, frozenset({"float"}), is_arithmetic=True),
        Operator("floordiv", "//", 10, NUMBERS, is_arithmetic=True),
        Operator("floormod", "%", 10, NUMBERS, is_arithmetic=True),
        Operator("pow", "**", 12, frozenset({"float"}), is_arithmetic=True, ulps=1),
        Operator("truncdiv", "truncdiv", CALL, NUMBERS, is_arithmetic=True),
        Operator("truncmod", "truncmod", CALL, NUMBERS, is_arithmetic=True),
        Operator("min", "min", CALL, NUMBERS),
        Operator("max", "max", CALL, NUMBERS),
    )
}

UNARY: Final = {
    operator.name: operator
    for operator in (
        Operator("not", "not", 3, BOOLS),
        Operator("neg", "-", 11, NUMBERS),
        Operator("abs", "abs", CALL, NUMBERS),
        Operator("invert", "~", 11, BITS),
    )
}
