"""The scalar functions of te; on a whole tensor each works element by element.

What each means, its types and its accuracy stand in ``texpr.ir.intrinsics`` and
``texpr.ir.operators``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from texpr.ir import expr
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Const, Expr, binary, cast, spread, unary, widened
from texpr.ir.functions import call
from texpr.ir.functions import if_then_else as _if_then_else
from texpr.ir.functions import select as _select
from texpr.ir.operators import BINARY


def exp(x: Any) -> Expr:
    """``e ** x``."""
    return spread(call, "exp", x)


def log(x: Any) -> Expr:
    """The natural logarithm; NaN below 0, -inf at 0."""
    return spread(call, "log", x)


def log2(x: Any) -> Expr:
    """The logarithm to base 2."""
    return spread(call, "log2", x)


def log10(x: Any) -> Expr:
    """The logarithm to base 10."""
    return spread(call, "log10", x)


def sqrt(x: Any) -> Expr:
    """The square root; NaN below 0."""
    return spread(call, "sqrt", x)


def rsqrt(x: Any) -> Expr:
    """``1 / sqrt(x)``."""
    return spread(call, "rsqrt", x)


def sin(x: Any) -> Expr:
    """The sine of x radians."""
    return spread(call, "sin", x)


def cos(x: Any) -> Expr:
    """The cosine of x radians."""
    return spread(call, "cos", x)


def tan(x: Any) -> Expr:
    """The tangent of x radians."""
    return spread(call, "tan", x)


def asin(x: Any) -> Expr:
    """The arc sine in radians."""
    return spread(call, "asin", x)


def acos(x: Any) -> Expr:
    """The arc cosine in radians."""
    return spread(call, "acos", x)


def atan(x: Any) -> Expr:
    """The arc tangent in radians."""
    return spread(call, "atan", x)


def sinh(x: Any) -> Expr:
    """The hyperbolic sine."""
    return spread(call, "sinh", x)


def cosh(x: Any) -> Expr:
    """The hyperbolic cosine."""
    return spread(call, "cosh", x)


def tanh(x: Any) -> Expr:
    """The hyperbolic tangent."""
    return spread(call, "tanh", x)


def sigmoid(x: Any) -> Expr:
    """``1 / (1 + exp(-x))``."""
    return spread(call, "sigmoid", x)


def erf(x: Any) -> Expr:
    """The error function."""
    return spread(call, "erf", x)


def floor(x: Any) -> Expr:
    """The greatest integer not above x, in the type of x."""
    return spread(call, "floor", x)


def ceil(x: Any) -> Expr:
    """The least integer not below x, in the type of x."""
    return spread(call, "ceil", x)


def round(x: Any) -> Expr:
    """The nearest integer, halves to the even one, in the type of x."""
    return spread(call, "round", x)


def trunc(x: Any) -> Expr:
    """X without its fraction, in the type of x."""
    return spread(call, "trunc", x)


def isnan(x: Any) -> Expr:
    """Whether x is NaN."""
    return spread(call, "isnan", x)


def isinf(x: Any) -> Expr:
    """Whether x is an infinity."""
    return spread(call, "isinf", x)


def isfinite(x: Any) -> Expr:
    """Whether x is neither infinite nor NaN."""
    return spread(call, "isfinite", x)


def clz(x: Any) -> Expr:
    """The number of leading zero bits of an integer; its width for 0."""
    return spread(call, "clz", x)


def popcount(x: Any) -> Expr:
    """The number of bits of an integer that are 1."""
    return spread(call, "popcount", x)


def atan2(y: Any, x: Any) -> Expr:
    """The angle of the point (x, y) in radians."""
    return spread(call, "atan2", y, x)


def fmod(x: Any, y: Any) -> Expr:
    """C's ``fmod`` of two floats: the remainder has the sign of x."""
    return spread(call, "fmod", x, y)


def power(x: Any, y: Any) -> Expr:
    """``x ** y``; of integers only for a Python int y from 0 to 8."""
    return spread(expr.power, "pow", x, y)


pow = power


def fabs(x: Any) -> Expr:
    """The absolute value, in the type of x."""
    return spread(unary, "abs", x)


abs = fabs
nearbyint = round


def add(lhs: Any, rhs: Any, dtype: object = None) -> Expr:
    """``lhs + rhs``; ``dtype`` as in :func:`multiply`."""
    return spread(_computed_in(dtype), "add", lhs, rhs)


def subtract(lhs: Any, rhs: Any, dtype: object = None) -> Expr:
    """``lhs - rhs``; ``dtype`` as in :func:`multiply`."""
    return spread(_computed_in(dtype), "sub", lhs, rhs)


def multiply(lhs: Any, rhs: Any, dtype: object = None) -> Expr:
    """``lhs * rhs``, in ``dtype`` where one is given: both operands are converted to it first.

    NumPy's ``np.multiply(a, b, dtype=...)``. Products of int8 that are to be summed:

    >>> from texpr import te
    >>> A, B = te.placeholder((8,), "int8", name="A"), te.placeholder((8,), "int8", name="B")
    >>> te.multiply(A[0], B[0], dtype="int32")
    <int32 int32(A[0])*int32(B[0])>

    Raises
    ------
    DTypeError
        ``dtype`` is narrower than an operand, or an integer where one is a float.
    """
    return spread(_computed_in(dtype), "mul", lhs, rhs)


def _computed_in(dtype: object) -> Callable[[str, Any, Any], Expr]:
    """Return :func:`binary` with operands that are converted to ``dtype``, and such a result."""
    if dtype is None:
        return binary
    to = as_dtype(dtype)

    def compute(op: str, x: object, y: object) -> Expr:
        symbol = BINARY[op].symbol
        return cast(binary(op, widened(x, to, symbol), widened(y, to, symbol)), to)

    return compute


def div(a: Any, b: Any) -> Expr:
    """``a / b`` of floats; of integers the call says which of the divisions to choose."""
    return spread(binary, "div", a, b)


def floordiv(a: Any, b: Any) -> Expr:
    """``a // b`` rounded towards minus infinity; of integers, 0 where b is 0."""
    return spread(binary, "floordiv", a, b)


def floormod(a: Any, b: Any) -> Expr:
    """``a % b`` with the sign of b; of integers, 0 where b is 0."""
    return spread(binary, "floormod", a, b)


def truncdiv(a: Any, b: Any) -> Expr:
    """``a / b`` rounded towards zero; of integers, 0 where b is 0."""
    return spread(binary, "truncdiv", a, b)


def truncmod(a: Any, b: Any) -> Expr:
    """The remainder with the sign of a; of integers, 0 where b is 0."""
    return spread(binary, "truncmod", a, b)


indexdiv = floordiv
indexmod = floormod


def if_then_else(cond: Any, t: Any, f: Any) -> Expr:
    """``t`` where ``cond`` holds, else ``f``; only the chosen side is evaluated.

    So it may guard an access: ``te.if_then_else(i > 0, A[i - 1], 0.0)``.
    """
    return spread(lambda _, *xs: _if_then_else(*xs), "if_then_else", cond, t, f)


def select(condition: Any, true_value: Any, false_value: Any) -> Expr:
    """``true_value`` where the condition holds, else ``false_value``; both are evaluated."""
    return spread(lambda _, *xs: _select(*xs), "select", condition, true_value, false_value)


def min_value(dtype: object) -> Const:
    """The least finite value of a type; the neutral element of ``max`` on floats is -inf."""
    kind = as_dtype(dtype)
    return Const(kind.min, kind)


def max_value(dtype: object) -> Const:
    """The greatest finite value of a type."""
    kind = as_dtype(dtype)
    return Const(kind.max, kind)
