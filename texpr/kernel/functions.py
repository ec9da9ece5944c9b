"""What the callables that a kernel may call mean: te's, math's, NumPy's and Python's own.

A kernel calls objects, whatever names it has for them: ``te.exp``, ``from math import exp`` and
``np.exp`` are recognised by the object. Those of te, which stands beside this package, are known
by the module and the name that they were defined with.

``math.exp(x)`` and ``te.exp(x)`` of a float32 are computed in float32, as ``np.exp(x)`` is; of an
integer, in float64. A NumPy function of Python numbers is a float64 that is not weak.
"""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from texpr.errors import DTypeError
from texpr.ir.dtypes import ALL_DTYPES, BOOL, FLOAT64, DType, as_dtype
from texpr.ir.expr import Const, Expr, Select, cast
from texpr.ir.functions import call
from texpr.ir.intrinsics import INTRINSICS
from texpr.kernel.declare import ElementType
from texpr.kernel.values import (
    Value,
    Weak,
    binary,
    chosen,
    combined,
    converted,
    is_number,
    lesser_or_greater,
    plain,
    to_bool,
    to_float,
    to_int,
    together,
    truth,
    unary,
)


@dataclass(frozen=True)
class Function:
    """A callable of the language: its name, how many arguments it takes, and what they make."""

    name: str
    least: int
    most: int | None
    apply: Callable[..., Value]

    def __call__(self, *values: Value) -> Value:
        """Return the value of a call.

        Raises
        ------
        DTypeError
            Too few or too many arguments, or of a type that it does not take.
        """
        if len(values) < self.least or (self.most is not None and len(values) > self.most):
            takes = str(self.least) if self.most == self.least else f"at least {self.least}"
            plural = "s" * (self.least != 1)
            raise DTypeError(
                f"{self.name}: {len(values)} arguments were given; it takes {takes} "
                f"argument{plural} here"
            )
        return self.apply(*values)


# ---------------------------------------------------------------- makers of functions


def _intrinsic(name: str, *, is_strong: bool = False) -> Function:
    """The scalar function ``name``; of Python numbers strong only where NumPy's is."""
    function = INTRINSICS[name]

    def apply(*values: Value) -> Value:
        operands, weak = together(values, operand_dtype=function.operand_dtype)
        dtype = operands[0].dtype
        is_fine = function.takes(dtype) or function.is_identity_on(dtype)
        if function.kinds == {"float"} and not is_fine:
            operands = [cast(operand, FLOAT64) for operand in operands]
        if all(map(is_number, values)):
            return _known(operands, function.numpy, is_strong, name)
        result = call(name, *operands)
        return Weak(result) if weak and not is_strong else result

    return Function(name, function.arity, function.arity, apply)


def _known(operands: list[Expr], meaning: Callable[..., Any], is_strong: bool, name: str) -> Value:
    """Return the function of numbers that are known already."""
    numbers = [node.dtype.numpy.type(node.value) for node in operands if isinstance(node, Const)]
    with np.errstate(all="ignore"):
        result: bool | int | float = np.asarray(meaning(*numbers)).item()
    call(name, *operands)  # refuses what the function does not take
    dtype = BOOL if isinstance(result, bool) else operands[0].dtype
    return Const(result, dtype) if is_strong else result


def _rounding(name: str) -> Function:
    """Rounding to an int, as math.floor and Python's round do."""

    def apply(value: Value) -> Value:
        operand = plain(value)
        if not operand.dtype.is_float:
            return to_int(value)
        rounded = _intrinsic(name)(value)
        return to_int(rounded)

    return Function(name, 1, 1, apply)


def _operator(name: str, op: str) -> Function:
    return Function(name, 2, 2, lambda a, b: binary(op, a, b))


def _extremum(op: str) -> Function:
    return Function(op, 2, None, lambda *values: lesser_or_greater(op, values))


def _in_floats(function: Function) -> Function:
    """``function`` with its arguments made floats first, as those of module math are."""

    def apply(*values: Value) -> Value:
        operands, weak = together(values)
        if all(map(is_number, values)) or operands[0].dtype.is_float:
            return function(*(float(v) if is_number(v) else v for v in values))  # type: ignore[arg-type]
        floats = [cast(operand, FLOAT64) for operand in operands]
        return function(*(Weak(f) if weak else f for f in floats))

    return Function(function.name, function.least, function.most, apply)


def _select(test: Value, a: Value, b: Value) -> Value:
    condition = truth(test)
    if isinstance(condition, bool):
        return a if condition else b
    (x, y), weak = together((a, b))
    return Weak(Select(condition, x, y)) if weak else Select(condition, x, y)


def _clip(value: Value, low: Value, high: Value) -> Value:
    return lesser_or_greater("min", [lesser_or_greater("max", [value, low]), high])


def _cast(name: str, dtype: DType) -> Function:
    return Function(name, 1, 1, lambda value: converted(value, dtype))


def _all_or_any(op: str) -> Function:
    def apply(*values: Value) -> Value:
        test = combined(op, [truth(value) for value in values])
        return test if isinstance(test, bool) else Weak(test)

    return Function("all" if op == "and" else "any", 1, None, apply)


# ---------------------------------------------------------------- the tables

_ABS = Function("abs", 1, 1, lambda value: unary("abs", value))
_IF_THEN_ELSE = Function("if_then_else", 3, 3, lambda c, a, b: chosen(truth(c), a, b))
_SELECT = Function("select", 3, 3, _select)

_MATH_NAMES: Final = (
    "exp", "log", "log2", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "erf", "fmod", "isnan", "isinf", "isfinite",
)  # fmt: skip

_NUMPY_NAMES: Final = {
    "exp": "exp", "log": "log", "log2": "log2", "log10": "log10", "sqrt": "sqrt", "sin": "sin",
    "cos": "cos", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "rint": "round", "round": "round", "isnan": "isnan",
    "isinf": "isinf", "isfinite": "isfinite", "fmod": "fmod",
}  # fmt: skip

_BY_OBJECT: Final[dict[Any, Function]] = {
    **{getattr(math, name): _intrinsic(name) for name in _MATH_NAMES},
    math.floor: _rounding("floor"),
    math.ceil: _rounding("ceil"),
    math.trunc: _rounding("trunc"),
    math.fabs: _in_floats(_ABS),
    math.pow: _in_floats(_operator("pow", "pow")),
    **{getattr(np, name): _intrinsic(own, is_strong=True) for name, own in _NUMPY_NAMES.items()},
    np.absolute: _ABS,
    np.fabs: _in_floats(_ABS),
    np.power: _operator("power", "pow"),
    np.minimum: _operator("minimum", "min"),
    np.maximum: _operator("maximum", "max"),
    np.where: _SELECT,
    np.clip: Function("clip", 3, 3, _clip),
    builtins.abs: _ABS,
    builtins.min: _extremum("min"),
    builtins.max: _extremum("max"),
    builtins.pow: _operator("pow", "pow"),
    builtins.round: _rounding("round"),
    builtins.int: Function("int", 1, 1, to_int),
    builtins.float: Function("float", 1, 1, to_float),
    builtins.bool: Function("bool", 1, 1, to_bool),
    **{dtype.numpy.type: _cast(dtype.name, dtype) for dtype in ALL_DTYPES},
}
"""By the object that is called."""

_TE: Final = "texpr.te.functions"

_BY_NAME: Final[dict[tuple[str, str], Function]] = {
    **{(_TE, name): _intrinsic(name) for name in INTRINSICS},
    (_TE, "fabs"): _ABS,
    (_TE, "power"): _operator("power", "pow"),
    (_TE, "add"): _operator("add", "add"),
    (_TE, "subtract"): _operator("subtract", "sub"),
    (_TE, "multiply"): _operator("multiply", "mul"),
    (_TE, "div"): _operator("div", "div"),
    **{(_TE, op): _operator(op, op) for op in ("floordiv", "floormod", "truncdiv", "truncmod")},
    **{(module, "if_then_else"): _IF_THEN_ELSE for module in (_TE, "texpr.ir.functions")},
    **{(module, "select"): _SELECT for module in (_TE, "texpr.ir.functions")},
    ("texpr.te.reducers", "min"): _extremum("min"),
    ("texpr.te.reducers", "max"): _extremum("max"),
    ("texpr.te.reducers", "all"): _all_or_any("and"),
    ("texpr.te.reducers", "any"): _all_or_any("or"),
}
"""By the module and the name of its definition."""


def function_of(called: object) -> Function | None:
    """Return what a call of the object ``called`` means, None where it is not of the language.

    >>> function_of(np.exp).name, function_of(float).name, function_of(print)
    ('exp', 'float', None)
    """
    if isinstance(called, ElementType):
        return _cast(repr(called), called.element)
    try:
        found = _BY_OBJECT.get(called)
    except TypeError:  # an object that cannot be hashed
        return None
    if found is None and inspect.isfunction(called):
        found = _BY_NAME.get((called.__module__, called.__name__))
    return found


def dtype_named(given: object) -> DType:
    """Return the type that an object names: a string, an ElementType, anything NumPy takes."""
    return given.element if isinstance(given, ElementType) else as_dtype(given)
