"""Derives the polynomials of ``texpr/target/llvm/mathfunctions/``; needs mpmath.

``python tools/minimax.py`` prints the coefficients that stand in those modules: for each function
and each of the two float types, of the polynomial of a degree that comes nearest to it on an
interval, by Remez' exchange on a grid. Coefficients are rounded one after the other, the lowest
first, and those above are fitted anew to what the rounding left: so the error stays near that of
the best polynomial with real coefficients.

Source: J.-M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd ed., chapter 3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf

mp.prec = 240

GRID = 480
EXCHANGES = 12

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Task:
    """A polynomial to find: ``function`` on [low, high], where an error counts ``weight`` times.

    ``degrees`` are those of float32 and of float64, None where that has another formula.
    """

    name: str
    function: Function
    low: Any
    high: Any
    degrees: tuple[int | None, int | None]
    weight: Function = lambda _: mpf(1)
    highs: tuple[Any, Any] | None = None
    """Where the interval ends at another place for each of the types."""


def rounded(value: Any, bits: int) -> Any:
    """Return the number of the type nearest to ``value``."""
    if bits == 64:
        return mpf(float(value))
    with mp.workprec(24):
        return +value


def grid(low: Any, high: Any) -> list[Any]:
    """Points that lie closer towards the ends, as the extrema of the error do."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cospi(mpf(i) / (GRID - 1)) for i in range(GRID)]


def remez(
    points: Sequence[Any], values: Sequence[Any], weights: Sequence[Any], powers: Sequence[int]
) -> tuple[list[Any], Any]:
    """Return the coefficients of ``powers`` whose largest weighted error is least, and it."""
    count = len(powers) + 1
    at = [round(i * (len(points) - 1) / (count - 1)) for i in range(count)]
    found: list[Any] = []
    error = mpf(0)
    for _ in range(EXCHANGES):
        matrix = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for row, i in enumerate(at):
            for column, power in enumerate(powers):
                matrix[row, column] = points[i] ** power
            matrix[row, count - 1] = (-1) ** row / weights[i]
            right[row] = values[i]
        solution = mp.lu_solve(matrix, right)
        found = [solution[i] for i in range(count - 1)]
        errors = [
            (sum(c * x**p for c, p in zip(found, powers, strict=True)) - y) * w
            for x, y, w in zip(points, values, weights, strict=True)
        ]
        error = max(map(abs, errors))
        extrema = _alternating(errors, count)
        if len(extrema) < count or extrema == at:
            break
        at = extrema
    return found, error


def _alternating(errors: Sequence[Any], count: int) -> list[int]:
    """Return the places of ``count`` extrema of alternating signs, the largest."""
    best: list[int] = []
    for i, error in enumerate(errors):
        if best and (error > 0) == (errors[best[-1]] > 0):
            if abs(error) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    while len(best) > count:
        best.pop(0 if abs(errors[best[0]]) < abs(errors[best[-1]]) else -1)
    return best


def coefficients(task: Task, bits: int) -> tuple[list[Any], Any]:
    """Return the coefficients of ``task`` in a type, lowest first, and the largest error."""
    high = task.high if task.highs is None else task.highs[bits == 64]
    points = [x for x in grid(mpf(task.low), mpf(high)) if x != 0]
    weights = [task.weight(x) for x in points]
    values = [task.function(x) for x in points]
    degree = task.degrees[bits == 64]
    assert degree is not None
    made, _ = remez(points, values, weights, range(degree + 1))
    for power in range(degree + 1):
        exact = made[power]
        made[power] = rounded(exact, bits)
        above = range(power + 1, degree + 1)
        lost = [(exact - made[power]) * x**power for x in points]
        for other, change in zip(above, least_squares(points, lost, weights, above), strict=True):
            made[other] += change
    errors = [
        abs((sum(c * x**p for p, c in enumerate(made)) - y) * w)
        for x, y, w in zip(points, values, weights, strict=True)
    ]
    return made, max(errors)


def least_squares(
    points: Sequence[Any], values: Sequence[Any], weights: Sequence[Any], powers: Sequence[int]
) -> list[Any]:
    """Return the coefficients of ``powers`` that come near ``values``."""
    if not powers:
        return []
    rows = [[w * x**p for p in powers] for x, w in zip(points, weights, strict=True)]
    matrix = mp.matrix(len(powers), len(powers))
    right = mp.matrix(len(powers), 1)
    for i in range(len(powers)):
        right[i] = sum(row[i] * y * w for row, y, w in zip(rows, values, weights, strict=True))
        for j in range(len(powers)):
            matrix[i, j] = sum(row[i] * row[j] for row in rows)
    return list(mp.lu_solve(matrix, right))


# ---------------------------------------------------------------- the functions

MARGIN = mpf(1) + mpf(2) ** -6
"""Arguments are reduced in the type, and come out a little beyond the interval's ends."""

SQRT2 = mp.sqrt(2)


def _exp(r: Any) -> Any:
    return (mp.exp(r) - 1 - r) / r**2


def _exp_weight(r: Any) -> Any:
    """By how much ``e**r - 1`` is off, relative to it, for each unit that the polynomial is."""
    return r**2 / abs(mp.expm1(r))


def _log(z: Any) -> Any:
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


LOG2_SLOPE = mpf("1.5")


def _log2(t: Any) -> Any:
    return mp.log1p(t) / mp.ln(2) / t - LOG2_SLOPE


def _log2_weight(t: Any) -> Any:
    """By how much the logarithm is off, relative to it, for each unit that the polynomial is."""
    return mp.ln(2) * t / mp.log1p(t)


def _tanh(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.tanh(x) / x - 1) / z


def _erf(x: Any) -> Any:
    return mp.log(mp.erfc(x)) / x + 1


def _erf_weight(x: Any) -> Any:
    """By how much erf is off, relative to it, for each unit that the polynomial is."""
    return mp.erfc(x) * x / mp.erf(x)


def _sin(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.sin(x) / x - 1) / z


def _cos(z: Any) -> Any:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def _tan(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.tan(x) / x - 1) / z


def _tan_weight(z: Any) -> Any:
    """By how much the tangent is off, relative to it, for each unit that the polynomial is."""
    x = mp.sqrt(z)
    return z * x / mp.tan(x)


def _atan(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.atan(x) / x - 1) / z


def _atan_weight(z: Any) -> Any:
    """By how much the arc is off, relative to it, for each unit that the polynomial is."""
    x = mp.sqrt(z)
    return z * x / mp.atan(x)


def _asin(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.asin(x) / x - 1) / z


def _asin_weight(z: Any) -> Any:
    """By how much the arc is off, relative to it, for each unit that the polynomial is."""
    x = mp.sqrt(z)
    return z * x / mp.asin(x)


def _sinh(z: Any) -> Any:
    x = mp.sqrt(z)
    return (mp.sinh(x) / x - 1) / z


def _cosh(z: Any) -> Any:
    return (mp.cosh(mp.sqrt(z)) - 1) / z


def _log2_of_ratio(z: Any) -> Any:
    s = mp.sqrt(z)
    return 2 * mp.atanh(s) / s / mp.ln(2)


def _log2_of_ratio_tail(z: Any) -> Any:
    return ((_log2_of_ratio(z) - 2 / mp.ln(2)) / z - 2 / (3 * mp.ln(2))) / z


def _log2_of_ratio_tail_weight(z: Any) -> Any:
    """By how much the logarithm is off, relative to it, for each unit that the polynomial is."""
    return z**2 / _log2_of_ratio(z)


def _log2_slope(t: Any) -> Any:
    return mp.log1p(t) / mp.ln(2) / t


HALF_LOG_2 = mp.ln(2) / 2 * MARGIN
LOG_END = ((SQRT2 - 1) / (SQRT2 + 1)) ** 2 * MARGIN
TANH_END = mpf("0.625") ** 2
QUARTER_PI = mp.pi / 4 * MARGIN

TASKS = (
    Task(
        "exp: (e**r - 1 - r) / r**2",
        _exp,
        -HALF_LOG_2,
        HALF_LOG_2,
        (4, 10),
        weight=_exp_weight,
    ),
    Task("log: (log((1+s)/(1-s))/s - 2) / z, z = s**2", _log, 0, LOG_END, (2, 6)),
    Task(
        "log2: log2(1 + t)/t - 1.5",
        _log2,
        (1 / SQRT2 - 1) * MARGIN,
        (SQRT2 - 1) * MARGIN,
        (9, None),
        weight=_log2_weight,
    ),
    Task("tanh: (tanh(x)/x - 1) / z, z = x**2", _tanh, 0, TANH_END, (4, 11)),
    Task("erf: log(1 - erf(x))/x + 1", _erf, 0, 6, (8, 24), weight=_erf_weight, highs=(4, 6)),
    Task("sin: (sin(x)/x - 1) / z, z = x**2", _sin, 0, QUARTER_PI**2, (3, 6)),
    Task("cos: (cos(x) - 1 + z/2) / z**2, z = x**2", _cos, 0, QUARTER_PI**2, (2, 5)),
    Task(
        "tan: (tan(x)/x - 1) / z, z = x**2",
        _tan,
        0,
        QUARTER_PI**2,
        (6, 14),
        weight=_tan_weight,
    ),
    Task("atan: (atan(x)/x - 1) / z, z = x**2", _atan, 0, 1, (8, 19), weight=_atan_weight),
    Task("asin: (asin(x)/x - 1) / z, z = x**2", _asin, 0, 0.25, (4, 12), weight=_asin_weight),
    Task("sinh: (sinh(x)/x - 1) / z, z = x**2", _sinh, 0, HALF_LOG_2**2, (2, 4)),
    Task("cosh: (cosh(x) - 1) / z, z = x**2", _cosh, 0, HALF_LOG_2**2, (2, 5)),
    Task(
        "pow of float32: log2(1 + t)/t",
        _log2_slope,
        (1 / SQRT2 - 1) * MARGIN,
        (SQRT2 - 1) * MARGIN,
        (None, 12),
        weight=lambda t: 1 / _log2_slope(t),
    ),
    Task(
        "pow of float32: (2**r - 1)/r",
        lambda r: (mpf(2) ** r - 1) / r,
        -MARGIN / 2,
        MARGIN / 2,
        (None, 5),
        weight=lambda r: abs(r) / mpf(2) ** r,
    ),
    Task(
        "pow: ((log2((1+s)/(1-s))/s - 2/log(2)) / z - 2/(3*log(2))) / z, z = s**2",
        _log2_of_ratio_tail,
        0,
        LOG_END,
        (None, 7),
        weight=_log2_of_ratio_tail_weight,
    ),
)


def main() -> None:
    """Print the tables."""
    for task in TASKS:
        for bits in [bits for bits in (32, 64) if task.degrees[bits == 64] is not None]:
            found, error = coefficients(task, bits)
            print(f"{task.name}  float{bits}, error 2**{float(mp.log(error, 2)):.1f}", flush=True)
            for value in found:
                print(f"        {shortest(float(value), bits)},")


def shortest(value: float, bits: int) -> str:
    """Return the shortest decimal that the type reads as ``value``."""
    if bits == 64:
        return repr(value)
    for digits in range(1, 12):
        text = f"{value:.{digits}g}"
        if struct.unpack("=f", struct.pack("=f", float(text)))[0] == value:
            return text
    raise ValueError(value)


if __name__ == "__main__":
    main()
