"""The types of scalars: one for each, found from all that is assigned to it."""

from __future__ import annotations

from dataclasses import dataclass

from texpr.ir.dtypes import BOOL, FLOAT64, INT64, DType, promote
from texpr.kernel.values import Value, dtype_of, is_weak


@dataclass(frozen=True)
class ScalarType:
    """The type of a scalar, whether it is weak, and the line that says so.

    ``other`` is a second strong type that another line gives it: then it has none.
    """

    dtype: DType
    is_weak: bool
    line: int
    other: tuple[DType, int] | None = None


def type_of(value: Value, line: int) -> ScalarType:
    """Return the type that an assignment of ``value`` in ``line`` gives."""
    return ScalarType(dtype_of(value), is_weak(value), line)


def joined(a: ScalarType | None, b: ScalarType) -> ScalarType:
    """Return the type that both assignments together give.

    Python's numbers take the type of what is strong: after ``s = 0.0`` and ``s = A[i]`` of a
    float32, ``s`` is a float32. A float among integers makes a float64.

    >>> from texpr.ir.dtypes import FLOAT32, INT32
    >>> joined(ScalarType(INT64, True, 1), ScalarType(FLOAT32, False, 2)).dtype
    float32
    >>> joined(ScalarType(FLOAT64, True, 1), ScalarType(INT32, False, 2)).dtype
    float64
    """
    if a is None:
        return b
    if a.other is not None:
        return a
    if a.is_weak and b.is_weak:
        return max(a, b, key=lambda kind: [BOOL, INT64, FLOAT64].index(kind.dtype))
    if not a.is_weak and not b.is_weak:
        if a.dtype is b.dtype:
            return a
        return ScalarType(a.dtype, False, a.line, (b.dtype, b.line))
    strong, weak = (b, a) if a.is_weak else (a, b)
    if weak.dtype.is_float and not strong.dtype.is_float:
        return ScalarType(FLOAT64, False, strong.line)
    if strong.dtype.is_bool and weak.dtype.is_integer:
        return ScalarType(promote(strong.dtype, INT64), False, strong.line)
    return strong
