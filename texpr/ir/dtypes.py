"""Scalar types, their NumPy names, and the promotion table.

Promotion follows TVM's te: a float beats an integer whatever their widths, the wider of two
floats or of two integers wins, and at equal width the unsigned integer wins. It differs from
NumPy in three places: ``int64 + float32`` is float32 (NumPy: float64), ``int32 + uint32`` is
uint32 (NumPy: int64), and ``int64 + uint64`` is uint64 (NumPy: float64).

float16 and bfloat16 store values in 16 bits; they meet each other in float32. What compares,
chooses or changes a sign keeps the type. What computes does so in float32 and yields float32:
the operands are converted first (an integer beside a float16 straight to float32), sums and
products accumulate in float32, and ``.astype("float16")`` on a result rounds it. Of ``+ - * /``
and ``sqrt`` that is what arithmetic in the type itself would give: float32 has more than twice
its significant bits and two, 24 >= 2*11 + 2, so that rounding twice is rounding once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import ml_dtypes
import numpy as np

from texpr.errors import DTypeError, did_you_mean

_finfo: Any = ml_dtypes.finfo  # NumPy's, of all its float types and bfloat16

Kind = Literal["bool", "int", "uint", "float"]


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """A scalar type: ``kind`` and width in ``bits``; it equals its name.

    >>> FLOAT32.size_bytes, INT8.min, INT8.max
    (4, -128, 127)
    >>> FLOAT32 == "float32"
    True
    """

    name: str
    kind: Kind
    bits: int

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return self is other or self.name == other

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return (as_dtype, (self.name,))

    @property
    def size_bytes(self) -> int:
        """Bytes that one element takes in memory; a bool takes one."""
        return max(1, self.bits // 8)

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("int", "uint")

    @property
    def is_bool(self) -> bool:
        return self.kind == "bool"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy type of the same name; bfloat16's is that of ``ml_dtypes``."""
        return _NUMPY[self.name]

    @property
    def arithmetic(self) -> DType:
        """The type in which operators and functions that may round compute.

        >>> FLOAT16.arithmetic, FLOAT64.arithmetic, INT8.arithmetic
        (float32, float64, int8)
        """
        return FLOAT32 if self.is_float and self.bits == 16 else self

    @property
    def digits(self) -> int:
        """The significant bits of a float, as many as integers have to be exact in it."""
        return int(_finfo(self.numpy).nmant) + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """What NumPy asks for where it is given this as a type: ``np.zeros(3, A.dtype)``.

        >>> np.zeros(2, FLOAT32).dtype
        dtype('float32')
        """
        return self.numpy

    @property
    def min(self) -> int | float:
        """The least finite value."""
        if self.is_float:
            return float(_finfo(self.numpy).min)
        return -(1 << (self.bits - 1)) if self.kind == "int" else 0

    @property
    def max(self) -> int | float:
        """The greatest finite value."""
        if self.is_float:
            return float(_finfo(self.numpy).max)
        return (1 << (self.bits - (self.kind == "int"))) - 1

    def wrap(self, value: int) -> int:
        """Return ``value`` reduced to this integer type, two's complement.

        >>> INT8.wrap(200), UINT8.wrap(-1)
        (-56, 255)
        """
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.kind == "int" and value > self.max else value

    def canonical(self, value: bool | int | float) -> bool | int | float:
        """Return ``value`` as this type holds it: wrapped, or rounded to the float's width."""
        if self.is_bool:
            return bool(value)
        if self.is_integer:
            return self.wrap(int(value))
        if isinstance(value, int):
            value = _float_of_int(value, self.bits)
        if math.isnan(value):
            return math.nan  # without the sign that -nan has
        if self.arithmetic is not self:
            return _rounded(value, self)
        with np.errstate(over="ignore"):  # 1e300 as float32 is inf, by IEEE 754's rounding
            return float(self.numpy.type(value))


def _float_of_int(value: int, bits: int) -> float:
    """Return ``value`` as a double that rounds to a float of ``bits`` as ``value`` itself does."""
    excess = abs(value).bit_length() - 53
    if bits < 64 and excess > 0 and value % (1 << excess):
        # Rounding twice may differ from rounding once, but not where the first is "to odd".
        value = ((value >> excess) | 1) << excess
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _rounded(value: float, dtype: DType) -> float:
    """Return ``value`` as a float of 16 bits; ``ml_dtypes`` rounds to float32 in between."""
    if value == 0 or math.isinf(value):
        return value
    limits = _finfo(dtype.numpy)
    _, exponent = math.frexp(value)
    if exponent > int(limits.maxexp):
        return math.copysign(math.inf, value)
    # Subnormal numbers have the unit of the least normal one.
    unit = max(exponent, int(limits.minexp) + 1) - dtype.digits
    magnitude = math.ldexp(round(math.ldexp(abs(value), -unit)), unit)  # round: halves to even
    return math.copysign(magnitude if magnitude <= dtype.max else math.inf, value)


BOOL = DType("bool", "bool", 1)
INT8 = DType("int8", "int", 8)
INT16 = DType("int16", "int", 16)
INT32 = DType("int32", "int", 32)
INT64 = DType("int64", "int", 64)
UINT8 = DType("uint8", "uint", 8)
UINT16 = DType("uint16", "uint", 16)
UINT32 = DType("uint32", "uint", 32)
UINT64 = DType("uint64", "uint", 64)
FLOAT16 = DType("float16", "float", 16)
BFLOAT16 = DType("bfloat16", "float", 16)
FLOAT32 = DType("float32", "float", 32)
FLOAT64 = DType("float64", "float", 64)

ALL_DTYPES = (
    BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64,
    FLOAT16, BFLOAT16, FLOAT32, FLOAT64,
)  # fmt: skip

_BY_NAME = {dtype.name: dtype for dtype in ALL_DTYPES}
_NUMPY: dict[str, np.dtype[Any]] = {
    name: np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name) for name in _BY_NAME
}


def as_dtype(spec: object) -> DType:
    """Return the type that ``spec`` names: a DType, a name, or anything NumPy takes as one.

    Raises
    ------
    DTypeError
        ``spec`` names no type that texpr has.

    >>> as_dtype("float32") is FLOAT32, as_dtype(np.int8) is INT8, as_dtype(float)
    (True, True, float64)
    """
    if isinstance(spec, DType):
        return spec
    if isinstance(spec, str):
        found = _BY_NAME.get(spec)
        if found is None:
            raise DTypeError(
                f"dtype: {spec!r} is not a type of texpr{did_you_mean(spec, _BY_NAME)}; "
                f"the types are {', '.join(_BY_NAME)}"
            )
        return found
    return as_dtype(_numpy_name(spec))


@cache
def _numpy_name(spec: Any) -> str:
    try:
        return str(np.dtype(spec).name)
    except TypeError as error:
        raise DTypeError(f"dtype: {spec!r} is not a type; pass a name such as 'float32'") from error


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether scalars of a NumPy type are numbers or bools: expressions take them as constants.

    >>> is_numeric(np.dtype("int8")), is_numeric(BFLOAT16.numpy), is_numeric(np.dtype("U3"))
    (True, True, False)
    """
    return dtype.kind in "biuf" or dtype == BFLOAT16.numpy  # its kind is "V", void


def promote(a: DType, b: DType) -> DType:
    """Return the type in which ``a`` and ``b`` meet (the table at the top of this module).

    >>> promote(BOOL, INT32), promote(INT64, FLOAT32), promote(UINT32, INT32), promote(UINT32, INT8)
    (int32, float32, uint32, uint32)
    >>> promote(FLOAT16, INT64), promote(FLOAT16, BFLOAT16)
    (float16, float32)
    """
    if a is b or b.is_bool:
        return a
    if a.is_bool:
        return b
    if a.is_float != b.is_float:
        return a if a.is_float else b
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    if a.is_float:
        return FLOAT32  # float16 and bfloat16: neither holds the other's values
    return a if a.kind == "uint" else b


def dtype_of_python(value: bool | int | float, like: DType | None) -> DType:
    """Return the type that the weak Python scalar ``value`` takes beside an operand of ``like``.

    An int takes ``like`` (also a float ``like``), a float takes a float ``like`` and makes
    float32 of anything else, a bool stays a bool. Alone, an int is an int64 and a float a
    float32.

    Raises
    ------
    DTypeError
        The int does not fit ``like``.
    """
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, float):
        return like if like is not None and like.is_float else FLOAT32
    if like is None or like.is_bool:
        like = INT64
    if like.is_integer and not like.min <= value <= like.max:
        raise DTypeError(
            f"constant: {value} does not fit {like} ({like.min} to {like.max}); "
            f"cast the other operand to a wider type first"
        )
    if like.is_float and math.isinf(like.canonical(value)):
        raise DTypeError(f"constant: {value} does not fit {like}; write it as a float")
    return like
