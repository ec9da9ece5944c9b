"""``**`` of floats: how exact it is, C's special values, and the same bits everywhere."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest

from tests.target.llvm.pairs import all_pairs, any_floats, assert_same, kernel, run
from tests.target.llvm.test_mathfunctions import TARGETS, called, every_dtype, units_apart
from texpr import te
from texpr.ir.operators import BINARY
from texpr.target.target import Target

SPECIAL = (
    0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 9.0, 10.0, 2.0**23, 2.0**23 + 1, 2.0**24 - 1,
    2.0**24, 2.0**24 + 2, 2.0**52 + 1, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**70, 1e-38, 3e38,
    1e-45, 5e-324, 2.0**-1022, 1e308, 1 - 2.0**-53, 1 + 2.0**-52, 1 - 2.0**-24, 1 + 2.0**-23,
    math.inf, math.nan,
)  # fmt: skip


def special(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        values = np.array(SPECIAL, dtype)
    return all_pairs(np.concatenate([values, -values]))


def arguments(dtype: str, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose powers are all over the type, and some beyond its ends."""
    rng = np.random.default_rng(0)
    bases = [
        abs(any_floats(rng, dtype, count)),
        rng.uniform(0.5, 2, count),
        rng.uniform(0.97, 1.03, count) * 2.0 ** rng.choice([-0.5, 0.5], count),  # the hardest
        1 + rng.uniform(-1, 1, count) * 2.0 ** -rng.integers(1, np.finfo(dtype).nmant, count),
        np.full(count, 10.0),
    ]
    # Where a formula changes: the ends of the reduced range, and their neighbours.
    ends = np.array([math.sqrt(0.5), math.sqrt(2), 1.0, np.finfo(dtype).tiny], dtype)
    near = ends.view(f"int{ends.itemsize * 8}")[:, None] + np.arange(-50, 50)
    bases.append(np.repeat(near.ravel().view(dtype), 20))
    x = np.concatenate([base.astype(dtype) for base in bases])
    x = x[np.isfinite(x) & (x > 0) & (x != 1)]
    most = {"float32": 152, "float64": 1080}[dtype]
    y = rng.uniform(-most, most, len(x)) / np.log2(x.astype("longdouble"))
    x = np.concatenate([x, rng.uniform(0, 10, count).astype(dtype)])
    y = np.concatenate([y.astype(dtype), rng.uniform(-5, 5, count).astype(dtype)])
    return x, y


def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    wide = "longdouble" if x.dtype == "float64" else "float64"
    with np.errstate(all="ignore"):
        return np.power(x.astype(wide), y.astype(wide))


@every_dtype
def test_errors_are_within_the_stated_bound(dtype: str, machine: dict[str, Any]) -> None:
    x, y = arguments(dtype)
    apart = units_apart(run(operator.pow, x, y, **machine), exact(x, y))
    worst = int(np.argmax(apart))
    assert apart[worst] <= BINARY["pow"].ulps, (x[worst], y[worst], apart[worst])


@every_dtype
@pytest.mark.parametrize("lanes", [None, 8])
def test_special_values_are_those_of_c(
    dtype: str, lanes: int | None, machine: dict[str, Any]
) -> None:
    x, y = special(dtype)
    found = run(operator.pow, x, y, lanes=lanes, **machine)
    with np.errstate(all="ignore"):
        wanted = np.array([a**b for a, b in zip(x, y, strict=True)], dtype)
    is_special = ~np.isfinite(wanted) | (wanted == 0) | (abs(x) == 1) | (y == 0)
    assert_same(found[is_special], wanted[is_special], x[is_special], y[is_special])
    numbers = ~is_special
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(wanted[numbers]))
    np.testing.assert_array_max_ulp(found[numbers], wanted[numbers], 2)


@every_dtype
def test_annex_f_of_the_c_standard(dtype: str, machine: dict[str, Any]) -> None:
    inf, nan = math.inf, math.nan
    cases = [
        (0.0, -3.0, inf), (-0.0, -3.0, -inf), (0.0, -2.0, inf), (-0.0, -2.0, inf),
        (-0.0, -2.5, inf), (0.0, -inf, inf), (-0.0, -inf, inf), (0.0, 3.0, 0.0),
        (-0.0, 3.0, -0.0), (0.0, 2.5, 0.0), (-0.0, 2.0, 0.0), (-0.0, 2.5, 0.0),
        (-1.0, inf, 1.0), (-1.0, -inf, 1.0), (1.0, nan, 1.0), (1.0, inf, 1.0), (1.0, 5.5, 1.0),
        (nan, 0.0, 1.0), (nan, -0.0, 1.0), (inf, 0.0, 1.0), (-inf, -0.0, 1.0), (0.0, 0.0, 1.0),
        (-8.0, 1 / 3, nan), (-2.0, 0.5, nan), (0.5, -inf, inf), (-0.5, -inf, inf),
        (2.0, -inf, 0.0), (-2.0, -inf, 0.0), (0.5, inf, 0.0), (-0.5, inf, 0.0), (2.0, inf, inf),
        (-2.0, inf, inf), (-inf, -3.0, -0.0), (-inf, -2.0, 0.0), (-inf, -2.5, 0.0),
        (-inf, 3.0, -inf), (-inf, 2.0, inf), (-inf, 2.5, inf), (inf, -1.0, 0.0), (inf, 0.5, inf),
        (nan, 2.0, nan), (2.0, nan, nan), (0.0, nan, nan), (inf, nan, nan), (-1.0, nan, nan),
    ]  # fmt: skip
    x, y, wanted = (np.array(column, dtype) for column in zip(*cases, strict=True))
    assert_same(run(operator.pow, x, y, **machine), wanted, x, y)


@every_dtype
def test_whole_powers_that_are_numbers_of_the_type_are_exact(
    dtype: str, machine: dict[str, Any]
) -> None:
    digits = np.finfo(dtype).nmant + 1
    cases = [(a, b) for a in range(1, 1500) for b in range(54) if a**b < 2**digits]
    x, y = (np.array(column, dtype) for column in zip(*cases, strict=True))
    wanted = np.array([float(a**b) for a, b in cases], dtype)
    assert_same(run(operator.pow, x, y, **machine), wanted, x, y)
    signed = np.where(y % 2 == 1, -wanted, wanted)
    assert_same(run(operator.pow, -x, y, **machine), signed, -x, y)
    roots = y > 0
    square = (x * x)[roots]
    half = np.full(len(square), 0.5, dtype)
    assert_same(run(operator.pow, square, half, **machine), x[roots], square, half)


@every_dtype
def test_the_first_power_and_powers_of_two(dtype: str, machine: dict[str, Any]) -> None:
    x = any_floats(np.random.default_rng(1), dtype, 20_000)
    assert_same(run(operator.pow, x, np.ones_like(x), **machine), x, x, x)
    info = np.finfo(dtype)
    k = np.arange(info.minexp - info.nmant - 3, info.maxexp + 3).astype(dtype)
    two = np.full_like(k, 2)
    with np.errstate(all="ignore"):
        wanted = np.ldexp(two / 2, k.astype(int))
    assert_same(run(operator.pow, two, k, **machine), wanted, two, k)
    assert_same(run(operator.pow, two / 4, -k, **machine), wanted, two / 4, -k)


@every_dtype
@pytest.mark.parametrize("lanes", [None, 8])
def test_known_exponents_round_once(dtype: str, lanes: int | None, machine: dict[str, Any]) -> None:
    x = np.concatenate([any_floats(np.random.default_rng(2), dtype, 5000), special(dtype)[0][:64]])
    with np.errstate(all="ignore"):
        root = np.where(np.isneginf(x), math.inf, abs(np.sqrt(x))).astype(dtype)
        wanted = {2.0: x * x, -1.0: 1 / x, 0.5: root, 0.0: np.ones_like(x), 1.0: x}
    for exponent, power in wanted.items():
        found = run(lambda a, _, e=exponent: a ** te.const(e, dtype), x, x, lanes=lanes, **machine)
        assert_same(found, power, x, np.full_like(x, exponent))
        with np.errstate(all="ignore"):
            by_c = np.array([a ** np.dtype(dtype).type(exponent) for a in x], dtype)
        numbers = ~np.isnan(by_c)
        np.testing.assert_array_max_ulp(found[numbers], by_c[numbers], 1)


@every_dtype
def test_scalars_and_lanes_have_the_same_bits(dtype: str, machine: dict[str, Any]) -> None:
    x, y = (
        np.concatenate(parts) for parts in zip(arguments(dtype, 500), special(dtype), strict=True)
    )
    wanted = run(operator.pow, x, y, lanes=None, **machine)
    for lanes in (2, 3, 16, 100):  # of which some are not divisors, nor powers of two
        assert_same(run(operator.pow, x, y, lanes=lanes, **machine), wanted, x, y)
    for fp in ("exact", "reassoc"):
        assert_same(run(operator.pow, x, y, fp=fp, **machine), wanted, x, y)


@every_dtype
def test_uncontracted_bits_do_not_depend_on_the_processor(dtype: str) -> None:
    x, y = arguments(dtype, 2000)
    older = "llvm -mattr=-fma,-avx512f,-avx2,-avx" if "x86" in Target.host().triple else "llvm"
    wanted = run(operator.pow, x, y, contract=False, lanes=None)
    assert_same(run(operator.pow, x, y, contract=False, target=older), wanted, x, y)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floats_of_16_bits_go_through_float32(dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 1 << 16, 5000, dtype="uint16").view(te.placeholder((1,), dtype).dtype.numpy)
    y = rng.permutation(x)
    wide = [values.astype("float32") for values in (x, y)]
    assert_same(kernel(operator.pow, dtype)(x, y), run(operator.pow, *wide), *wide)


@every_dtype
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("lanes", [None, 8])
def test_nothing_is_called(dtype: str, target: str, lanes: int | None) -> None:
    def rule(a: Any, b: Any) -> Any:
        return a**b + sum(a ** te.const(exponent, dtype) for exponent in (2.0, -1.0, 0.5, 1.5))

    assert not called(kernel(rule, dtype, lanes=lanes, target=target).asm)
