"""Interval arithmetic of integer operators, over the integers: nothing wraps here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from texpr.ir.dtypes import ALL_DTYPES, DType

Interval: TypeAlias = tuple[int, int]
"""The least and the greatest value, inclusive."""

FULL: Final[dict[str, Interval]] = {
    dtype.name: (int(dtype.min), int(dtype.max)) for dtype in ALL_DTYPES if dtype.is_integer
}
"""Every value of each integer type, by name."""


def hull(x: Interval, y: Interval) -> Interval:
    """Return the least interval that holds both."""
    return min(x[0], y[0]), max(x[1], y[1])


def _mul(x: Interval, y: Interval) -> Interval:
    products = [a * b for a in x for b in y]
    return min(products), max(products)


def _quotients(x: Interval, y: Interval, divide: Callable[[int, int], int]) -> Interval:
    """A quotient is monotonic in either operand while the divisor keeps its sign."""
    low, high = y
    divisors = [d for d in (low, high, 1, -1) if d and low <= d <= high]
    found = [divide(a, d) for a in x for d in divisors]
    if low <= 0 <= high:
        found.append(0)  # x // 0
    return min(found), max(found)


def _floordiv(x: Interval, y: Interval) -> Interval:
    return _quotients(x, y, lambda a, d: a // d)


def _truncdiv(x: Interval, y: Interval) -> Interval:
    return _quotients(x, y, lambda a, d: a // d if (a < 0) == (d < 0) else -(-a // d))


def _floormod(x: Interval, y: Interval) -> Interval:
    low, high = y
    if low < 0:
        return min(low + 1, 0), max(high - 1, 0)
    if x[0] >= 0 and x[1] < low:
        return x
    if low == high > 0 and x[0] // low == x[1] // low:
        return x[0] % low, x[1] % low
    greatest = max(high - 1, 0)
    return 0, min(greatest, x[1]) if x[0] >= 0 else greatest


def _truncmod(x: Interval, y: Interval) -> Interval:
    magnitude = max(abs(y[0]), abs(y[1]), 1) - 1
    return max(-magnitude, min(x[0], 0)), min(magnitude, max(x[1], 0))


def _minimum(x: Interval, y: Interval) -> Interval:
    return min(x[0], y[0]), min(x[1], y[1])


def _maximum(x: Interval, y: Interval) -> Interval:
    return max(x[0], y[0]), max(x[1], y[1])


def _bits_above(*values: int) -> int:
    """The greatest number of as many bits as the longest of ``values``."""
    return int((1 << max(value.bit_length() for value in values)) - 1)


def _bitand(x: Interval, y: Interval) -> Interval | None:
    ends = [high for low, high in (x, y) if low >= 0]
    return (0, min(ends)) if ends else None


def _bitor(x: Interval, y: Interval) -> Interval | None:
    return (max(x[0], y[0]), _bits_above(x[1], y[1])) if x[0] >= 0 <= y[0] else None


def _bitxor(x: Interval, y: Interval) -> Interval | None:
    return (0, _bits_above(x[1], y[1])) if x[0] >= 0 <= y[0] else None


def _shr(x: Interval, y: Interval) -> Interval:
    # A count outside the width shifts everything out, as 64 does.
    shifts = (min(y[0], 64), min(y[1], 64)) if y[0] >= 0 else (0, 64)
    found = [a >> count for a in x for count in shifts]
    return min(found), max(found)


def _shl(x: Interval, y: Interval) -> Interval | None:
    return (x[0] << y[0], x[1] << y[0]) if y[0] == y[1] and 0 <= y[0] < 64 else None


def absolute(x: Interval) -> Interval:
    """Return the interval of ``abs``."""
    low, high = abs(x[0]), abs(x[1])
    return (0 if x[0] <= 0 <= x[1] else min(low, high)), max(low, high)


def inverted(x: Interval, dtype: DType) -> Interval:
    """Return the interval of ``~``: of what the ends have left to all bits set."""
    ones = -1 if dtype.kind == "int" else FULL[dtype.name][1]
    return ones - x[1], ones - x[0]


BINARY_INTERVALS: Final[dict[str, Callable[[Interval, Interval], Interval | None]]] = {
    "mul": _mul,
    "floordiv": _floordiv,
    "floormod": _floormod,
    "truncdiv": _truncdiv,
    "truncmod": _truncmod,
    "min": _minimum,
    "max": _maximum,
    "bitand": _bitand,
    "bitor": _bitor,
    "bitxor": _bitxor,
    "shr": _shr,
    "shl": _shl,
}
"""The interval of each operator but those of sums; None where nothing is known."""


def of_type(found: Interval | None, dtype: DType) -> Interval:
    """Return ``found`` where no value of it wraps in ``dtype``, else every value of the type."""
    full = FULL[dtype.name]
    return found if found is not None and full[0] <= found[0] and found[1] <= full[1] else full
