"""What a kernel is declared with: sizes, element types, local arrays, requirements.

All of it also works when Python itself executes the function: ``empty`` makes an array,
``f32(x)`` a NumPy scalar, ``require`` checks.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from types import FunctionType
from typing import Any, Final, TypeVar

import numpy as np

from texpr.errors import DTypeError, ShapeError, TexprError
from texpr.ir.dtypes import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    DType,
    as_dtype,
)
from texpr.ir.expr import Expr, ExprOperators, Var, as_expr, condition, expr_text

T = TypeVar("T")

REQUIREMENTS: Final = "__texpr_requirements__"
"""Where ``@require`` below ``@kernel`` leaves its conditions on the function."""


def size(name: str) -> Var:
    """Declare a size: an int64 of at least 0 that is known when the kernel is called.

    As an annotation, ``T: texpr.size``, it says that an argument is one.

    Parameters
    ----------
    name : str
        Within one kernel, sizes of one name are the same.

    Raises
    ------
    DTypeError, TexprError
        ``name`` is no string, or cannot be a name.

    >>> N = size("N")
    >>> f64[N, 2 * N + 1]
    f64[N, 2*N + 1]
    """
    if not isinstance(name, str):
        raise DTypeError(f"size: the name {name!r} is no string; write texpr.size('N')")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise TexprError(f"size: {name!r} cannot be a name; choose a word such as 'N'")
    return Var(name, INT64, is_size=True)


class ArrayType:
    """The type of an array argument: that of its elements, and its extents as they were given."""

    __slots__ = ("element", "shape")

    def __init__(self, element: DType, shape: tuple[object, ...]) -> None:
        self.element = element
        self.shape = shape

    def __repr__(self) -> str:
        inside = ", ".join(_extent_text(extent) for extent in self.shape) or "()"
        return f"{_SHORT[self.element.name]}[{inside}]"


def _extent_text(extent: object) -> str:
    return expr_text(extent) if isinstance(extent, Expr) else repr(extent)


class ElementType:
    """The type of a scalar argument, or with a subscript that of an array; called, a cast.

    NumPy takes it where it takes a dtype.

    >>> f32["N", "N"], u8[16], f64[()]
    (f32['N', 'N'], u8[16], f64[()])
    >>> i8(2.7), np.zeros(2, f32).dtype
    (np.int8(2), dtype('float32'))
    """

    __slots__ = ("element",)

    def __init__(self, element: DType) -> None:
        self.element = element

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type; by this attribute NumPy understands an ElementType as a dtype."""
        return self.element.numpy

    def __getitem__(self, shape: object) -> ArrayType:
        return ArrayType(self.element, shape if isinstance(shape, tuple) else (shape,))

    def __call__(self, value: Any) -> Any:
        """Convert ``value``: an expression to a Cast, a number to a NumPy scalar."""
        if isinstance(value, ExprOperators):
            return value.astype(self.element)
        return self.element.numpy.type(value)

    def __repr__(self) -> str:
        return _SHORT[self.element.name]


f16 = ElementType(FLOAT16)
bf16 = ElementType(BFLOAT16)
f32 = ElementType(FLOAT32)
f64 = ElementType(FLOAT64)
i8 = ElementType(INT8)
i16 = ElementType(INT16)
i32 = ElementType(INT32)
i64 = ElementType(INT64)
u8 = ElementType(UINT8)
u16 = ElementType(UINT16)
u32 = ElementType(UINT32)
u64 = ElementType(UINT64)
b1 = bool_ = ElementType(BOOL)

ELEMENT_TYPES: Final = {
    "f16": f16, "bf16": bf16, "f32": f32, "f64": f64,
    "i8": i8, "i16": i16, "i32": i32, "i64": i64,
    "u8": u8, "u16": u16, "u32": u32, "u64": u64, "b1": b1,
}  # fmt: skip
"""The element types by their names."""

_SHORT: Final = {kind.element.name: name for name, kind in ELEMENT_TYPES.items()}


def empty(shape: int | Sequence[int], dtype: object = "float64") -> np.ndarray[Any, Any]:
    """Make a local array, whose elements hold nothing until they are written.

    In a loop it is a new array in each iteration. Its extents are numbers and sizes.

    Parameters
    ----------
    shape : int or sequence of int
    dtype : str, ElementType or whatever NumPy takes
        Of the elements; float64 unless given.

    >>> empty((2, 3), "int8").shape
    (2, 3)
    """
    return np.empty(shape, as_dtype(dtype).numpy)


class Requirement:
    """What ``require`` returns; above a kernel, or below ``@kernel``, it is a decorator."""

    __slots__ = ("conditions",)

    def __init__(self, conditions: tuple[Expr, ...]) -> None:
        self.conditions = conditions

    def __call__(self, kernel: T) -> T:
        add = getattr(kernel, "with_requirements", None)
        if add is not None:
            made: T = add(self.conditions)
            return made
        if not isinstance(kernel, FunctionType):
            raise DTypeError(
                f"require: {kernel!r} is no kernel; write @texpr.require(…) above @texpr.kernel, "
                f"or call it at the start of the kernel's body"
            )
        setattr(kernel, REQUIREMENTS, (*self.conditions, *getattr(kernel, REQUIREMENTS, ())))
        return kernel

    def __repr__(self) -> str:
        return f"require({', '.join(map(str, self.conditions))})"


def require(*conditions: object) -> Requirement:
    """Demand that conditions on sizes and scalars hold: facts for every verdict, checked at calls.

    Either a decorator, ``@texpr.require(M >= N)`` beside ``@texpr.kernel``, or a call at the start
    of the kernel's body, ``texpr.require(M >= N, N % 8 == 0)``, where scalar arguments and sizes
    that are named by strings have names, too.

    Raises
    ------
    ShapeError
        A condition that is false already.
    DTypeError
        Something that is no condition.

    >>> M, N = size("M"), size("N")
    >>> require(M >= N, N % 8 == 0)
    require(M >= N, N%8 == 0)
    """
    if not conditions:
        raise DTypeError("require: no condition was given; write texpr.require(M >= N)")
    symbolic: list[Expr] = []
    for position, given in enumerate(conditions):
        if isinstance(given, (bool, np.bool)):
            if not given:
                raise ShapeError(f"require: condition {position} does not hold")
            continue
        if not isinstance(given, ExprOperators):
            raise DTypeError(f"require: {given!r} is no condition; write one such as M >= N")
        symbolic.append(condition(as_expr(given), "require"))
    return Requirement(tuple(symbolic))
