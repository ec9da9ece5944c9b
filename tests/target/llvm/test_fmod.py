"""``%``, ``//``, te.fmod and their kin of floats: every bit, however far apart they are."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import texpr
from tests.target.llvm.pairs import Rule, all_pairs, any_floats, assert_same, kernel, run
from tests.target.llvm.test_mathfunctions import TARGETS, called, every_dtype
from texpr import te

SPECIAL = (
    0.0, 1e-45, 3e-45, 5e-324, 1.5e-323, 1e-38, 2.0**-1022, 2.0**-1000, 2.0**-300, 2.0**-75, 0.1,
    1 / 3, 0.5, 1.0, 1 + 2.0**-23, 1 + 2.0**-52, 1.5, 2.0, 3.0, 7.0, 2.0**24 - 1, 2.0**28 + 64,
    2.0**50 - 1, 2.0**53 - 1, 1e22, 2.0**75, 3.4e38, 2.0**700, 1.7976931348623157e308, math.inf,
    math.nan,
)  # fmt: skip


def floormod(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rest = np.fmod(x, y)
    moved: np.ndarray = np.where((rest != 0) & (np.signbit(rest) != np.signbit(y)), rest + y, rest)
    return moved


RULES: dict[str, tuple[Rule, Rule]] = {
    "fmod": (te.fmod, np.fmod),
    "truncmod": (te.truncmod, np.fmod),
    "%": (operator.mod, floormod),
    "//": (operator.floordiv, lambda x, y: np.floor(x / y)),
    "truncdiv": (te.truncdiv, lambda x, y: np.trunc(x / y)),
}
every_rule = pytest.mark.parametrize(("rule", "meaning"), RULES.values(), ids=RULES)


def arguments(dtype: str, count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    most, least = float(info.max), float(info.smallest_subnormal)
    with np.errstate(all="ignore"):
        special = np.array(SPECIAL, dtype)
    whole = rng.integers(1, 60, count)
    few = rng.integers(1, 1 << info.nmant // 2, (2, count)).astype("float64")
    pairs = [
        all_pairs(np.concatenate([special, -special])),
        (any_floats(rng, dtype, count), any_floats(rng, dtype, count)),
        (rng.uniform(-100, 100, count), rng.uniform(-3, 3, count)),
        # Quotients of any length, and those that are just not whole.
        (2.0 ** rng.uniform(0, 120, count), rng.uniform(1, 4, count)),
        (few[0] * few[1], few[1]),
        (np.nextafter((few[0] * few[1]).astype(dtype), 0), few[1]),
        (np.nextafter((few[0] * few[1]).astype(dtype), np.inf), few[1]),
        # The ends of the type.
        (np.full(count, most), rng.uniform(0.01, 1, count) * most),
        (np.full(count, most), most / whole),
        (np.full(count, most), np.nextafter((most / whole).astype(dtype), 0)),
        (rng.uniform(0, 1, count) * most, least * whole),
        (least * rng.integers(0, 1 << 40, count), least * rng.integers(1, 1 << 20, count)),
    ]
    x, y = (np.concatenate([pair[k].astype(dtype) for pair in pairs]) for k in (0, 1))
    return x, y


@every_rule
@every_dtype
@pytest.mark.parametrize("lanes", [None, 8])
def test_every_bit_is_right(
    rule: Rule, meaning: Rule, dtype: str, lanes: int | None, machine: dict[str, Any]
) -> None:
    x, y = arguments(dtype)
    with np.errstate(all="ignore"):
        wanted = meaning(x, y)
    assert_same(run(rule, x, y, lanes=lanes, **machine), wanted, x, y)


@every_dtype
def test_the_remainder_is_that_of_exact_division(dtype: str, machine: dict[str, Any]) -> None:
    x, y = arguments(dtype, 100)
    usable = np.isfinite(x) & np.isfinite(y) & (y != 0)
    x, y = x[usable], y[usable]
    for a, b, rest in zip(x, y, run(te.fmod, x, y, **machine), strict=True):
        exact = abs(Fraction(float(a))) % abs(Fraction(float(b)))
        assert Fraction(float(rest)) == (-exact if a < 0 else exact), (a, b, rest)
        assert np.signbit(rest) == np.signbit(a)


@every_rule
@every_dtype
def test_scalars_and_lanes_have_the_same_bits(rule: Rule, meaning: Rule, dtype: str) -> None:
    x, y = arguments(dtype, 300)
    wanted = run(rule, x, y, lanes=None)
    for lanes in (2, 3, 16, 100):
        assert_same(run(rule, x, y, lanes=lanes), wanted, x, y)


@every_dtype
def test_lanes_that_do_not_count_divide_by_zero_in_peace(dtype: str) -> None:
    x, y = arguments(dtype, 100)
    y[::3] = 0
    rule = lambda a, b: te.if_then_else(b != 0, te.fmod(a, b), a)  # noqa: E731
    with np.errstate(all="ignore"):
        wanted = np.where(y != 0, np.fmod(x, y), x)
    assert_same(run(rule, x, y), wanted, x, y)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floats_of_16_bits_go_through_float32(dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 1 << 16, 5000, dtype="uint16").view(te.placeholder((1,), dtype).dtype.numpy)
    y = rng.permutation(x)
    wide = [values.astype("float32") for values in (x, y)]
    with np.errstate(all="ignore"):
        assert_same(kernel(te.fmod, dtype)(x, y), np.fmod(*wide), *wide)


@every_dtype
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("lanes", [None, 8])
def test_nothing_is_called(dtype: str, target: str, lanes: int | None) -> None:
    def all_of_them(a: Any, b: Any) -> Any:
        return sum(rule(a, b) for rule, _ in RULES.values())

    assert not called(kernel(all_of_them, dtype, lanes=lanes, target=target).asm)


def test_the_remainder_of_a_loop_kernel() -> None:
    @texpr.kernel
    def wrapped(A: texpr.f32[64], B: texpr.f32[64]):
        for i in range(64):
            B[i] = A[i] % 360.0

    a = np.linspace(-1e6, 1e6, 64).astype("float32")
    b = np.zeros_like(a)
    wrapped(a, b)
    np.testing.assert_array_equal(b, floormod(a, np.full_like(a, 360)))
