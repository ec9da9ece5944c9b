"""Values while a kernel is translated, and the types that operators give them.

The rules are NumPy's. Python's own numbers are *weak*: beside a value of an array's type they
take that type, so ``0.5 * A[i]`` is a float32 where ``A`` is one; among themselves an int is an
int64 and a float a float64. Loop variables, sizes and what is computed from them are Python ints,
hence weak. Where two strong types meet, the table of :mod:`texpr.ir.dtypes` says what they make,
and that floats of 16 bits are computed with in float32.
An integer divided by ``/`` is a float64, as it is beside a float literal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from texpr.errors import DTypeError, TexprError
from texpr.ir.dtypes import BOOL, FLOAT64, INT64, DType, dtype_of_python, promote
from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Unary, cast, expr_text, power
from texpr.ir.expr import as_index as _as_index
from texpr.ir.expr import binary as _binary
from texpr.ir.expr import unary as _unary
from texpr.ir.operators import BINARY


@dataclass(frozen=True, slots=True, eq=False)
class Weak:
    """An expression whose value Python holds as a number of its own: bool, int64 or float64."""

    expr: Expr


Value: TypeAlias = Expr | Weak | bool | int | float
"""A strong expression, a weak one, or a Python number that is known already."""

Condition: TypeAlias = Expr | bool
"""A bool expression, or a bool that is known already."""

_MAX_SHIFT: Final = 1 << 10
"""The largest exponent or shift with which constants are computed."""

_FOLDS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "floormod": operator.mod, "pow": operator.pow,
    "shl": operator.lshift, "shr": operator.rshift, "bitand": operator.and_,
    "bitor": operator.or_, "bitxor": operator.xor, "eq": operator.eq, "ne": operator.ne,
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "min": min, "max": max,
}  # fmt: skip

COMPARISONS: Final = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_BITS: Final = frozenset({"bitand", "bitor", "bitxor"})


def is_number(value: Value) -> bool:
    """Whether ``value`` is known: a Python number."""
    return isinstance(value, (bool, int, float))


def plain(value: Value) -> Expr:
    """Return ``value`` as it is on its own, as an expression.

    >>> plain(0.5)
    <float64 0.5>
    """
    if isinstance(value, Weak):
        return value.expr
    if isinstance(value, Expr):
        return value
    return _constant(value, _kind_of(value))


def dtype_of(value: Value) -> DType:
    """Return the type that ``value`` has on its own."""
    if isinstance(value, Weak):
        return value.expr.dtype
    return value.dtype if isinstance(value, Expr) else _kind_of(value)


def is_weak(value: Value) -> bool:
    """Whether ``value`` takes the type of what it meets."""
    return not isinstance(value, Expr)


def text_of(value: Value) -> str:
    """Return ``value`` as it prints."""
    return repr(value) if isinstance(value, (bool, int, float)) else expr_text(plain(value))


def _kind_of(number: bool | int | float) -> DType:
    if isinstance(number, bool):
        return BOOL
    return INT64 if isinstance(number, int) else FLOAT64


def _constant(number: bool | int | float, dtype: DType) -> Const:
    """Return ``number`` as a constant of ``dtype``, refusing an int that does not fit."""
    if isinstance(number, int) and not isinstance(number, bool):
        dtype_of_python(number, dtype)
    return Const(number, dtype)


def together(
    values: Sequence[Value],
    *,
    is_comparison: bool = False,
    operand_dtype: Callable[[DType], DType] | None = None,
) -> tuple[list[Expr], bool]:
    """Return ``values`` as expressions of one type, and whether all of them are weak.

    ``operand_dtype`` returns the type that is wanted where the values meet in a given one, for
    example float32 where they are float16 and computed with.

    Raises
    ------
    DTypeError
        A number that does not fit the type of the others.
    """
    strong = [value.dtype for value in values if isinstance(value, Expr)]
    kinds = [dtype_of(value) for value in values if is_weak(value)]
    common = BOOL
    for dtype in strong or kinds:
        common = promote(common, dtype)
    if strong and not common.is_float and any(kind.is_float for kind in kinds):
        common = FLOAT64
    elif strong and common.is_bool and any(kind.is_integer for kind in kinds):
        common = INT64
    elif is_comparison and common.is_integer and not all(_fits(v, common) for v in values):
        # NumPy compares with Python's ints exactly; a loop's variable need not fit an int8.
        common = promote(common, INT64)
    if operand_dtype is not None:
        common = operand_dtype(common)
    return [_of_type(value, common) for value in values], not strong


def _fits(value: Value, dtype: DType) -> bool:
    """Whether ``value`` surely has a value of ``dtype``."""
    if isinstance(value, Weak):
        return False
    return not isinstance(value, int) or dtype.min <= value <= dtype.max


def _of_type(value: Value, dtype: DType) -> Expr:
    if isinstance(value, (Weak, Expr)):
        return cast(plain(value), dtype)
    return _constant(value, dtype)


def _like(result: Expr, weak: bool) -> Value:
    return Weak(result) if weak else result


def binary(op: str, a: Value, b: Value) -> Value:
    """Return ``a op b`` for an operator of :mod:`texpr.ir.operators`.

    Raises
    ------
    DTypeError
        The operator does not take operands of these types.
    TexprError
        Numbers with which it cannot be computed.

    >>> from texpr.ir.expr import Var
    >>> from texpr.ir.dtypes import FLOAT32
    >>> i, x = Weak(Var("i")), Var("x", FLOAT32)
    >>> binary("mul", 0.5, x), binary("div", i, 2), binary("add", 1, 2)
    (<float32 0.5*x>, Weak(expr=<float64 float64(i)/2.0>), 3)
    """
    if isinstance(a, (bool, int, float)) and isinstance(b, (bool, int, float)) and op in _FOLDS:
        return _folded(op, a, b)
    if op == "pow" and isinstance(b, int) and 0 <= b <= 8:
        return _like(power("pow", _number(a) if is_weak(a) else plain(a), b), is_weak(a))
    (x, y), weak = together(
        (a, b), is_comparison=op in COMPARISONS, operand_dtype=BINARY[op].operand_dtype
    )
    if op == "div" and not x.dtype.is_float:
        x, y = cast(x, FLOAT64), cast(y, FLOAT64)
    elif weak and x.dtype.is_bool and op not in COMPARISONS and op not in _BITS:
        x, y = cast(x, INT64), cast(y, INT64)  # True + True is 2
    return _like(_binary(op, x, y), weak)


def _folded(op: str, a: bool | int | float, b: bool | int | float) -> bool | int | float:
    symbol = expr_text(Binary(op, plain(a), plain(a)))
    try:
        if op in ("pow", "shl") and abs(b) > _MAX_SHIFT:
            raise OverflowError("the result is too large")
        found = _FOLDS[op](a, b)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise TexprError(f"constant: {a!r} and {b!r} in {symbol}: {error}") from None
    if isinstance(found, complex):
        raise DTypeError(f"constant: {a!r} ** {b!r} is a complex number, which no array holds")
    result: bool | int | float = found
    return result


def _number(value: Value) -> Expr:
    """Return a weak value as a number: a bool as an int."""
    found = plain(value)
    return cast(found, INT64) if found.dtype.is_bool else found


def unary(op: str, a: Value) -> Value:
    """Return ``op a`` for neg, abs or invert; raises DTypeError where it does not take ``a``."""
    if isinstance(a, (bool, int, float)):
        if op == "invert":
            if isinstance(a, float):
                raise DTypeError(f"~: {a!r} is a float; cast to an integer first, int(x)")
            return ~int(a)
        return -a if op == "neg" else abs(a)
    if isinstance(a, Weak):
        return Weak(_unary(op, a.expr if op == "invert" else _number(a)))
    return _unary(op, a)


def lesser_or_greater(op: str, values: Sequence[Value]) -> Value:
    """Return ``min`` or ``max`` of ``values``; NaN where one is, whichever comes first."""
    # From the right: in `m = max(m, x, y)` the cell then meets one term, as in an update.
    result = values[-1]
    for value in reversed(values[:-1]):
        result = binary(op, value, result)
    return result


# ---------------------------------------------------------------- conditions


def truth(value: Value) -> Condition:
    """Return whether ``value`` is true as Python means it: a number where it is not 0."""
    if isinstance(value, (bool, int, float)):
        return bool(value)
    found = plain(value)
    return found if found.dtype.is_bool else Binary("ne", found, Const(0, found.dtype))


def negation(test: Condition) -> Condition:
    """Return ``not test``."""
    return not test if isinstance(test, bool) else Unary("not", test)


def combined(op: str, tests: Sequence[Condition]) -> Condition:
    """Return the conditions under ``and`` or ``or``, without those that decide nothing."""
    decides = op == "or"
    result: Condition = not decides
    for test in tests:
        if isinstance(result, bool):
            if result is decides:
                return result
            result = test
        elif isinstance(test, bool):
            if test is decides:
                # The left operand is pure, so that nothing is lost with it.
                return test
        else:
            result = Binary(op, result, test)
    return result


def chosen(test: Condition, a: Value, b: Value) -> Value:
    """Return ``a if test else b``."""
    if isinstance(test, bool):
        return a if test else b
    (x, y), weak = together((a, b))
    return _like(IfThenElse(test, x, y), weak)


# ---------------------------------------------------------------- conversions


def converted(value: Value, dtype: DType) -> Expr:
    """Return ``value`` cast to ``dtype``, a strong value: ``float32(x)``.

    Raises
    ------
    DTypeError
        An int that does not fit.
    """
    if isinstance(value, (bool, int, float)):
        is_cut = isinstance(value, float) and dtype.is_integer
        return _constant(_integer(value) if is_cut else value, dtype)
    return cast(plain(value), dtype)


def to_int(value: Value) -> Value:
    """``int(x)``: towards zero, and weak."""
    if isinstance(value, (bool, int, float)):
        return _integer(value)
    return Weak(cast(plain(value), INT64))


def _integer(value: float) -> int:
    try:
        return int(value)
    except (OverflowError, ValueError) as error:
        raise DTypeError(f"int: {value!r} is no integer: {error}") from None


def to_float(value: Value) -> Value:
    """``float(x)``: a float64, and weak."""
    return float(value) if isinstance(value, (bool, int, float)) else Weak(_float64(value))


def _float64(value: Value) -> Expr:
    return cast(plain(value), FLOAT64)


def to_bool(value: Value) -> Value:
    """``bool(x)``: whether it is not 0."""
    test = truth(value)
    return test if isinstance(test, bool) else Weak(test)


def stored(value: Value, dtype: DType, what: str) -> Expr:
    """Return ``value`` as it is stored in an element of ``dtype``.

    Integers wrap and floats round; what would lose more is refused.

    Raises
    ------
    DTypeError
        A float for an integer, a number for a bool, or a constant that does not fit.
    """
    own = dtype_of(value)
    if own.is_float and not dtype.is_float:
        advice = "compare it, x != 0" if dtype.is_bool else f"cast it, {_cast_text(dtype)}(x)"
        raise DTypeError(f"{what} is {dtype} and {text_of(value)} is {own}; {advice}")
    if dtype.is_bool and not own.is_bool:
        raise DTypeError(f"{what} is bool and {text_of(value)} is {own}; compare it, x != 0")
    return _of_type(value, dtype)


def _cast_text(dtype: DType) -> str:
    return "int" if dtype is INT64 else f"np.{dtype}"


def as_index(value: Value, what: str) -> Expr:
    """Return ``value`` as an int64 subscript, bound or extent; raises DTypeError unless it is."""
    return _as_index(plain(value), what)
