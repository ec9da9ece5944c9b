"""How exact the functions of ``texpr/target/llvm/mathfunctions/`` are, in units in the last place.

``python -m benchmarks.function_ulps [name …]`` tries all 2**32 float32 against NumPy in float64
(our own float64 code for erf, which NumPy lacks, and those for which it is too slow), some minutes
a function, and for float64 random arguments and those near the ends against mpmath. ``atan2`` has
each float32 for its first operand, and beside it another of about its size. ``--quick`` takes each
257th float32.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from mpmath import mp

import texpr
from texpr import te
from texpr.ir.intrinsic import OwnCode
from texpr.ir.intrinsics import INTRINSICS

NAMES = tuple(name for name, f in INTRINSICS.items() if isinstance(f.lowering, OwnCode))
CHUNK = 1 << 16  # what stays in a cache
EXACT_SAMPLES = 200_000
MODES = {"fused": True, "not fused": False}
BY_OUR_FLOAT64 = ("erf", "sin", "cos", "tan", "asin", "acos")


def compiled(name: str, dtype: str, *, contract: bool) -> texpr.Kernel:
    """Return a function as a kernel of arrays of any length."""
    n, arity = te.size_var("n"), INTRINSICS[name].arity
    args = [te.placeholder((n,), dtype, name="x") for _ in range(arity)]
    y = te.compute((n,), lambda i: getattr(te, name)(*(x[i] for x in args)), name="y")
    s = te.create_schedule(y.op, fp="exact", contract=contract)
    s[y].vectorize(y.op.axis[0], 16)
    return texpr.build(s, [*args, y])


def reference(name: str) -> Callable[..., np.ndarray]:
    """Return the function in float64."""
    if name in BY_OUR_FLOAT64:
        return compiled(name, "float64", contract=True)
    return INTRINSICS[name].numpy


def all_float32(step: int) -> Iterator[np.ndarray]:
    """Give every ``step``-th float32, in pieces."""
    for first in range(0, 1 << 32, CHUNK * step):
        end = min(first + CHUNK * step, 1 << 32)
        yield np.arange(first, end, step, dtype="uint64").astype("uint32").view("float32")


def another(x: np.ndarray) -> np.ndarray:
    """Return a float32 for each of ``x``, some powers of two larger or smaller, of any sign."""
    bits = x.view("uint32")
    mixed = bits * np.uint32(2654435761)
    return (bits + (mixed >> 5) + (mixed << 31)).view("float32")


def worst_float32(name: str, *, contract: bool, step: int) -> tuple[float, float]:
    """Return the largest error, and where it is."""
    kernel, exact_of = compiled(name, "float32", contract=contract), reference(name)
    worst, where = 0.0, 0.0
    with np.errstate(all="ignore"):
        for x in all_float32(step):
            columns = [x, another(x)][: INTRINSICS[name].arity]
            found = kernel(*columns)
            exact = exact_of(*(column.astype("float64") for column in columns))
            error = units_apart(found, exact)
            at = int(np.argmax(error))  # the first NaN, where there is one
            if not error[at] <= 1e6:
                rounded = exact.astype("float32")
                settled = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
                error = np.where(settled, 0, np.where(np.isfinite(error), error, np.inf))
                at = int(np.argmax(error))
            if error[at] > worst:
                worst, where = float(error[at]), float(x[at])
    return worst, where


def units_apart(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the difference in units in the last place of a float32, of finite numbers."""
    unit = (exact.view("uint64") & np.uint64(0x7FF << 52)).view("float64")
    unit *= 2.0**-23
    np.maximum(unit, 2.0**-149, out=unit)
    error = np.subtract(found, exact)
    np.abs(error, out=error)
    error /= unit
    return error


MP: dict[str, Callable[..., Any]] = {
    "exp": mp.exp, "log": mp.log, "log10": mp.log10, "tanh": mp.tanh, "erf": mp.erf,
    "log2": lambda x: mp.log(x) / mp.ln(2), "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "asin": mp.asin, "acos": mp.acos,
    "atan": mp.atan, "atan2": mp.atan2, "sinh": mp.sinh, "cosh": mp.cosh,
}  # fmt: skip


def float64_samples(name: str) -> list[np.ndarray]:
    """Return arguments all over the range of a function, and where its formulas change."""
    x = _float64_samples(name)
    rng = np.random.default_rng(1)
    others = x * np.exp(rng.uniform(-3, 3, len(x))) * rng.choice([-1, 1], len(x))
    return [x, others][: INTRINSICS[name].arity]


def _float64_samples(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    n = EXACT_SAMPLES // 4
    if name.startswith("log"):
        near_one = np.exp(rng.uniform(-0.4, 0.4, 2 * n))
        return np.concatenate([near_one, rng.uniform(0, 4, n), 2.0 ** rng.uniform(-1070, 1020, n)])
    ends = {"exp": (-745, 709), "sigmoid": (-740, 40), "tanh": (-20, 20), "erf": (-6, 6),
            "sinh": (-710, 710), "cosh": (-710, 710)}  # fmt: skip
    if name in ("asin", "acos"):
        return np.concatenate([rng.uniform(-1, 1, 3 * n), np.sin(rng.uniform(0, np.pi / 2, n))])
    low, high = ends.get(name, (-1e6, 1e6))
    parts = [rng.uniform(low, high, n), rng.uniform(-2, 2, n), rng.uniform(0.3, 1.2, n)]
    return np.concatenate([*parts, rng.uniform(-40, 40, n)])


def worst_float64(name: str, *, contract: bool) -> tuple[float, float]:
    """Return the largest error of samples, and where it is."""
    columns = float64_samples(name)
    found = compiled(name, "float64", contract=contract)(*columns)
    worst, where = 0.0, 0.0
    with mp.workprec(160):
        for *given, value in zip(*columns, found, strict=True):
            exact = MP[name](*(mp.mpf(float(argument)) for argument in given))
            unit = max(mp.mpf(2) ** (mp.mag(exact) - 53) if exact else 0, mp.mpf(2) ** -1074)
            error = float(abs(mp.mpf(float(value)) - exact) / unit)
            if error > worst:
                worst, where = error, float(given[0])
    return worst, where


def main() -> None:
    """Print a table."""
    wanted = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    step = 257 if "--quick" in sys.argv else 1
    for name in wanted or NAMES:
        for mode, contract in MODES.items():
            single, at = worst_float32(name, contract=contract, step=step)
            double, at64 = worst_float64(name, contract=contract)
            print(
                f"{name:8} {mode:10} float32 {single:.3f} at {at:<14.9g} "
                f"float64 {double:.3f} at {at64:.17g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
