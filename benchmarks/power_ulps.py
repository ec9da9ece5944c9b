"""How exact ``x ** y`` is, in units in the last place: ``python -m benchmarks.power_ulps``.

Pairs at random whose powers are all over the type: a third of them with any ``x``, a third with
one near 1 and so with a large ``y``, and a third with one near √½ or √2, where the logarithm is
hardest; for float32 100 million against NumPy in float64, for float64 500,000 against mpmath.
"""

from __future__ import annotations

import numpy as np
from mpmath import mp

import texpr
from benchmarks.function_ulps import MODES, units_apart
from texpr import te

CHUNK = 1 << 16  # what stays in a cache
COUNTS = {"float32": 100_000_000, "float64": 500_000}
MOST = {"float32": 150, "float64": 1076}
"""The powers lie between two to this and two to the negative of it."""


def compiled(dtype: str, *, contract: bool) -> texpr.Kernel:
    """Return ``x ** y`` as a kernel of arrays of any length."""
    n = te.size_var("n")
    x, y = te.placeholder((n,), dtype, name="x"), te.placeholder((n,), dtype, name="y")
    z = te.compute((n,), lambda i: x[i] ** y[i], name="z")
    s = te.create_schedule(z.op, fp="exact", contract=contract)
    s[z].vectorize(z.op.axis[0], 16)
    return texpr.build(s, [x, y, z])


def pairs(rng: np.random.Generator, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a chunk of bases and exponents."""
    count, info = CHUNK // 3, np.finfo(dtype)
    far = 2.0 ** rng.uniform(info.minexp - info.nmant, info.maxexp, count)
    near = 1 + rng.uniform(-0.5, 1, count) * 2.0 ** -rng.integers(0, info.nmant, count)
    hard = rng.uniform(0.97, 1.03, count) * 2.0 ** rng.choice([-0.5, 0.5], count)
    x = np.concatenate([far, near, hard]).astype(dtype)
    x = np.where((x == 1) | (x == 0) | np.isinf(x), np.dtype(dtype).type(1.5), x)
    y = rng.uniform(-MOST[dtype], MOST[dtype], len(x)) / np.log2(x.astype("longdouble"))
    return x, y.astype(dtype)


def errors(x: np.ndarray, y: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return how far each power is off."""
    if x.dtype == "float32":
        exact = np.power(x.astype("float64"), y.astype("float64"))
        error = units_apart(found, exact)
        return np.where(found == exact.astype("float32"), np.minimum(error, 0.5), error)
    made = np.empty(len(x))
    with mp.workprec(160):
        for k, (a, b, power) in enumerate(zip(x, y, found, strict=True)):
            value = mp.mpf(float(a)) ** mp.mpf(float(b))
            unit = max(mp.mpf(2) ** (mp.mag(value) - 53), mp.mpf(2) ** -1074)
            is_out = value >= mp.mpf(2) ** 1024
            made[k] = (
                (not np.isinf(power)) * 1e9 if is_out else abs(mp.mpf(float(power)) - value) / unit
            )
    return made


def main() -> None:
    """Print a table."""
    for dtype, count in COUNTS.items():
        for mode, contract in MODES.items():
            rng, kernel = np.random.default_rng(0), compiled(dtype, contract=contract)
            worst, where = 0.0, (0.0, 0.0)
            with np.errstate(all="ignore"):
                for _ in range(0, count, CHUNK):
                    x, y = pairs(rng, dtype)
                    error = errors(x, y, kernel(x, y))
                    at = int(np.argmax(error))
                    if not error[at] <= worst:
                        worst, where = float(error[at]), (float(x[at]), float(y[at]))
            print(f"pow {mode:10} {dtype} {worst:.3f} at {where}", flush=True)


if __name__ == "__main__":
    main()
