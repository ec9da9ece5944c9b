"""Kernels of an operator of two floats, for the tests of those that are code of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import texpr
from texpr import te

Rule = Callable[[Any, Any], Any]


def kernel(
    rule: Rule,
    dtype: str,
    *,
    contract: bool = True,
    lanes: int | None = 8,
    fp: Any = "exact",
    target: str | None = None,
) -> texpr.Kernel:
    n = te.size_var("n")
    X, Y = te.placeholder((n,), dtype, name="X"), te.placeholder((n,), dtype, name="Y")
    Z = te.compute((n,), lambda i: rule(X[i], Y[i]), name="Z")
    s = te.create_schedule(Z.op, fp=fp, contract=contract)
    if lanes is not None:
        s[Z].vectorize(Z.op.axis[0], lanes)
    return texpr.build(s, [X, Y, Z], target=target)


def run(rule: Rule, x: np.ndarray, y: np.ndarray, **how: Any) -> np.ndarray:
    found: np.ndarray = kernel(rule, x.dtype.name, **how)(x, y)
    return found


def any_floats(rng: np.random.Generator, dtype: str, count: int) -> np.ndarray:
    """Floats with any bits: of all sizes, infinities, NaN and subnormal ones."""
    bits = np.dtype(dtype).itemsize * 8
    return rng.integers(0, 2**bits, count, dtype=f"uint{bits}").view(dtype)


def all_pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(values, values)
    return x.ravel(), y.ravel()


def assert_same(found: np.ndarray, wanted: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """The same numbers to the bit, and NaN at the same places."""
    both_nan = np.isnan(found) & np.isnan(wanted)
    bits = f"uint{found.itemsize * 8}"
    wrong = np.flatnonzero((found.view(bits) != wanted.view(bits)) & ~both_nan)
    assert not len(wrong), [(x[k], y[k], found[k], wanted[k]) for k in wrong[:5]]
