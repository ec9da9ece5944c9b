"""Our own exp and its kin: how exact, at every special value, in scalars and vectors, anywhere."""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from typing import Any

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Var
from texpr.ir.functions import call
from texpr.ir.interpreter import evaluate
from texpr.ir.intrinsic import OwnCode
from texpr.ir.intrinsics import INTRINSICS
from texpr.target.llvm import mathfunctions
from texpr.target.llvm.function import emit_kernel
from texpr.target.target import Target

NAMES = [name for name, f in INTRINSICS.items() if isinstance(f.lowering, OwnCode)]
X86 = "llvm -mtriple=x86_64-linux-gnu -mcpu="
TARGETS = {
    "sse2": X86 + "x86-64",
    "avx2": X86 + "haswell",
    "avx512": X86 + "skylake-avx512",
    "neon": "llvm -mtriple=aarch64-linux-gnu",
    "riscv": "llvm -mtriple=riscv64-linux-gnu -mcpu=sifive-u74",
}

every_function = pytest.mark.parametrize("name", NAMES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def run(
    name: str,
    *columns: np.ndarray,
    contract: bool = True,
    lanes: int | None = None,
    fp: Any = "exact",
    target: str | None = None,
) -> np.ndarray:
    args = [te.placeholder(x.shape, x.dtype.name, name="X") for x in columns]
    Y = te.compute(args[0].shape, lambda i: getattr(te, name)(*(X[i] for X in args)), name="Y")
    s = te.create_schedule(Y.op, fp=fp, contract=contract)
    if lanes is not None:
        s[Y].vectorize(Y.op.axis[0], lanes)
    found: np.ndarray = texpr.build(s, [*args, Y], target=target)(*columns)
    return found


def around(points: list[float], dtype: str, count: int = 40) -> np.ndarray:
    """The numbers next to each of the points, of both signs."""
    bits = np.array(points, dtype).view(f"int{np.dtype(dtype).itemsize * 8}")
    near = (bits[:, None] + np.arange(-count, count + 1)).ravel().view(dtype)
    near = near[np.isfinite(near)]
    return np.concatenate([near, -near])


# Where a formula changes, and where a result becomes subnormal, 0, 1 or infinite.
HARD = {
    "exp": ([math.log(2) / 2, 87.33655, 88.72284, 103.97208, 16.5],
            [math.log(2) / 2, 708.3964185322641, 709.782712893384, 745.1332191019412, 16.5]),
    "sigmoid": ([88.72284, 87.33655, 103.97208, 16.635532, 5.545177],
                [709.782712893384, 708.3964185322641, 745.1332191019412, 36.7368005696771]),
    "tanh": ([0.625, 9.01, 9.1], [0.625, 19.06, 19.5]),
    "erf": ([1.0, 3.83, 3.92, 4.0], [1.0, 5.86, 5.92, 6.0]),
    "log": ([1.0, math.sqrt(0.5), math.sqrt(2), 2.0**-126, 3.4e38],
            [1.0, math.sqrt(0.5), math.sqrt(2), 2.0**-1022, 1.7e308]),
}  # fmt: skip
# The numbers of each type that are nearest to a multiple of pi/2, for their size.
HARD["sin"] = HARD["cos"] = HARD["tan"] = (
    [math.pi / 2, math.pi, 3 * math.pi / 4, 2.0**24, 16367173 * 2.0**72, 3.4e38],
    [math.pi / 2, math.pi, 3 * math.pi / 4, 2.0**20, 6381956970095103 * 2.0**797, 1.7e308],
)
HARD["log2"] = HARD["log10"] = HARD["log"]
HARD["atan"] = HARD["atan2"] = (
    [1.0, 0.5463025, 1.6e7, 3.4e38],
    [1.0, 0.5463024898437905, 9e15, 1.7e308],
)
HARD["asin"] = HARD["acos"] = ([0.5, math.sqrt(0.5), math.sin(1), 1.0],) * 2
# Beside the ends: where the least results have a power that is not 1, and 2**-n ceases to count.
HARD["sinh"] = HARD["cosh"] = (
    [math.log(2) / 2, math.log(2) * 1.5, 8.0166, 20.0, 2.0**-13, 88.72284, 89.415985],
    [math.log(2) / 2, math.log(2) * 1.5, 18.4, 40.0, 2.0**-28, 709.782712893384, 710.4758600739439],
)
ARITY = {name: INTRINSICS[name].arity for name in NAMES}


def arguments(name: str, dtype: str) -> list[np.ndarray]:
    """Arguments of a function, a column for each of its operands."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    digits = info.nmant + 1
    points = [*HARD[name][dtype == "float64"], float(info.tiny), 2.0 ** (-digits / 2), 0.5, 2.0]
    any_exponent = rng.normal(size=3000) * 2.0 ** rng.integers(-digits, digits, 3000)
    parts = [
        around(points, dtype),
        rng.uniform(-1, 1, 3000),
        rng.uniform(-10, 10, 3000),
        rng.uniform(-2 * info.maxexp, info.maxexp, 2000) * 0.75,
        any_exponent,
        np.arange(1, 40) * float(info.smallest_subnormal),
    ]
    if name in ("sin", "cos", "tan"):
        parts.append(np.arange(-5000, 5000) * (math.pi / 2))
        parts.append(rng.normal(size=3000) * 2.0 ** rng.integers(0, info.maxexp - 3, 3000))
    x = np.concatenate([part.astype(dtype) for part in parts])
    if ARITY[name] == 1:
        return [x]
    with np.errstate(all="ignore"):
        near = x * (rng.normal(size=len(x)) * 2.0 ** rng.integers(-3, 4, len(x))).astype(dtype)
    others = [near, x, -x[::-1], rng.permutation(x)]
    return [np.concatenate([x] * len(others)), np.concatenate(others)]


def all_over(name: str) -> list[np.ndarray]:
    """Each 16411th of all float32."""
    bits = np.arange(0, 1 << 32, 16411, dtype="uint64")
    # Another of the same size, more or less, and of any sign.
    other = bits + bits * 2654435761 % (1 << 26) + (bits % 2 << 31)
    return [b.astype("uint32").view("float32") for b in (bits, other)][: ARITY[name]]


def exact(name: str, *columns: np.ndarray) -> np.ndarray:
    """What the function is, with eleven digits of binary or more to spare."""
    type_ = "longdouble" if columns[0].dtype == "float64" else "float64"
    with np.errstate(all="ignore"):
        wide, *others = (x.astype(type_) for x in columns)
        if name == "sigmoid":
            small = np.exp(-abs(wide))
            return np.where(wide < 0, small, 1) / (1 + small)
        if name == "erf":
            return erf_exact(wide)
        found: np.ndarray = INTRINSICS[name].numpy(wide, *others)
        return found


def erf_exact(x: np.ndarray) -> np.ndarray:
    """Erf by its series to 3, and by 1 - erfc with a continued fraction from there on.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.6 and 7.1.14.
    """
    if x.dtype == "float64":
        return np.array([math.erf(v) for v in x])
    size = np.minimum(abs(x), 12)
    square = size * size
    small = size < 3
    series = term = np.where(small, size, 0)
    for n in range(1, 90):
        term = term * 2 * square / (2 * n + 1)
        series = series + term
    pi = np.longdouble(4) * np.arctan(np.longdouble(1))
    near = 2 / np.sqrt(pi) * np.exp(-square) * series
    fraction = size
    for n in range(120, 0, -1):
        fraction = size + np.longdouble(n) / 2 / np.where(small, 1, fraction)
    far = 1 - np.exp(-square) / np.sqrt(pi) / fraction
    return np.copysign(np.where(small, near, far), x)


def units_apart(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How many units in the last place of the result lie between."""
    info = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        rounded = wanted.astype(found.dtype)
        _, exponent = np.frexp(np.where(np.isfinite(wanted), wanted, 1))
        unit = np.ldexp(wanted.dtype.type(1), np.maximum(exponent - 1, info.minexp) - info.nmant)
        apart = abs(found - wanted) / unit
        same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
        return np.where(same, np.minimum(np.nan_to_num(apart), 0.5), np.nan_to_num(apart, nan=1e9))


@every_dtype
@every_function
def test_errors_are_within_the_stated_bound(name: str, dtype: str, machine: dict[str, Any]) -> None:
    assert_near(name, arguments(name, dtype), machine)


@every_function
def test_errors_of_float32_all_over(name: str, machine: dict[str, Any]) -> None:
    assert_near(name, all_over(name), {**machine, "lanes": 16})


def assert_near(name: str, columns: list[np.ndarray], how: dict[str, Any]) -> None:
    apart = units_apart(run(name, *columns, **how), exact(name, *columns))
    worst = int(np.argmax(apart))
    assert apart[worst] <= INTRINSICS[name].ulps, ([x[worst] for x in columns], apart[worst])


def test_the_references_are_right_themselves() -> None:
    x = np.linspace(-7, 7, 2001)
    assert np.max(units_apart(np.array([math.erf(v) for v in x]), exact("erf", x))) < 1.1
    # From a table: erf(1), erf(3), to 18 digits.
    found = erf_exact(np.array([1, 3], "longdouble"))
    wanted = np.array(["0.842700792949714869", "0.999977909503001415"], "longdouble")
    np.testing.assert_allclose(found, wanted, rtol=1e-17)


# ---------------------------------------------------------------- special values

# The operands, and the result.
SPECIAL: dict[str, list[tuple[float, ...]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (math.inf, math.inf), (-math.inf, 0.0), (1e30, math.inf),
            (-1e30, 0.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (math.inf, 1.0), (-math.inf, 0.0), (1e30, 1.0),
                (-1e30, 0.0)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (math.inf, 1.0), (-math.inf, -1.0), (1e30, 1.0),
             (-1e30, -1.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (math.inf, 1.0), (-math.inf, -1.0), (1e30, 1.0),
            (-1e30, -1.0)],
    "log": [(0.0, -math.inf), (-0.0, -math.inf), (1.0, 0.0), (math.inf, math.inf),
            (-1.0, math.nan), (-math.inf, math.nan), (-1e-40, math.nan)],
}  # fmt: skip
SPECIAL["sin"] = [(0.0, 0.0), (-0.0, -0.0), (math.inf, math.nan), (-math.inf, math.nan)]
SPECIAL["cos"] = [(0.0, 1.0), (-0.0, 1.0), (math.inf, math.nan), (-math.inf, math.nan)]
SPECIAL["tan"] = SPECIAL["sin"]
HALF_PI = math.pi / 2  # rounded to a float32 it is the nearest, too
SPECIAL["atan"] = [(0.0, 0.0), (-0.0, -0.0), (math.inf, HALF_PI), (-math.inf, -HALF_PI),
                   (1.0, HALF_PI / 2), (-1.0, -HALF_PI / 2), (1e30, HALF_PI)]  # fmt: skip
SPECIAL["asin"] = [(0.0, 0.0), (-0.0, -0.0), (1.0, HALF_PI), (-1.0, -HALF_PI),
                   (1.0000002, math.nan), (-1.0000002, math.nan),
                   (-math.inf, math.nan)]  # fmt: skip
SPECIAL["acos"] = [(0.0, HALF_PI), (-0.0, HALF_PI), (1.0, 0.0), (-1.0, math.pi),
                   (1.0000002, math.nan), (-1.0000002, math.nan), (math.inf, math.nan)]  # fmt: skip
SPECIAL["sinh"] = [(0.0, 0.0), (-0.0, -0.0), (math.inf, math.inf), (-math.inf, -math.inf),
                   (1e30, math.inf), (-1e30, -math.inf), (711.0, math.inf)]  # fmt: skip
SPECIAL["cosh"] = [(0.0, 1.0), (-0.0, 1.0), (math.inf, math.inf), (-math.inf, math.inf),
                   (1e30, math.inf), (-1e30, math.inf), (-711.0, math.inf)]  # fmt: skip
# y, x, and the angle; C's annex F.10.1.4, each with -y too.
SPECIAL["atan2"] = [
    (sign * y, x, sign * angle)
    for sign in (1.0, -1.0)
    for y, x, angle in [
        (0.0, -0.0, math.pi), (0.0, 0.0, 0.0), (0.0, -3.0, math.pi), (0.0, 3.0, 0.0),
        (2.0, -0.0, HALF_PI), (2.0, 0.0, HALF_PI), (2.0, -math.inf, math.pi), (2.0, math.inf, 0.0),
        (math.inf, -3.0, HALF_PI), (math.inf, 3.0, HALF_PI), (math.inf, 0.0, HALF_PI),
        (math.inf, -math.inf, math.pi * 0.75), (math.inf, math.inf, HALF_PI / 2),
        (0.0, -math.inf, math.pi), (0.0, math.inf, 0.0), (1e-40, 1e-40, HALF_PI / 2),
        (2.0**-90, 2.0**90, 2.0**-180), (1e30, 1e-30, HALF_PI), (1e-30, -1e30, math.pi),
        (math.nan, 1.0, math.nan), (1.0, math.nan, math.nan), (math.nan, math.nan, math.nan),
        (math.inf, math.nan, math.nan), (math.nan, math.inf, math.nan),
        (0.0, math.nan, math.nan), (math.nan, 0.0, math.nan),
    ]
]  # fmt: skip
SPECIAL["log2"] = [*SPECIAL["log"], *((2.0**k, float(k)) for k in range(-126, 128))]
SPECIAL["log10"] = [*SPECIAL["log"], *((10.0**k, float(k)) for k in range(11))]


@every_dtype
@every_function
@pytest.mark.parametrize("lanes", [None, 8])
def test_special_values_are_exact(
    name: str, dtype: str, lanes: int | None, machine: dict[str, Any]
) -> None:
    rows = [*SPECIAL[name], (math.nan,) * (ARITY[name] + 1)]
    *columns, wanted = (np.array(c, dtype) for c in zip(*rows, strict=True))
    found = run(name, *columns, lanes=lanes, **machine)
    np.testing.assert_array_equal(found, wanted)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(wanted[numbers]))


@every_dtype
@every_function
def test_the_interpreter_has_the_same_special_values(name: str, dtype: str) -> None:
    x = [Var(f"x{k}", as_dtype(dtype)) for k in range(ARITY[name])]
    for *given, wanted in SPECIAL[name][: 7 if ARITY[name] == 1 else None]:
        at = dict(zip(x, map(np.dtype(dtype).type, given), strict=True))
        found = evaluate(call(name, *x), at)
        np.testing.assert_array_equal(found, np.dtype(dtype).type(wanted))
        assert np.isnan(wanted) or np.signbit(found) == np.signbit(wanted)


@every_dtype
def test_subnormal_numbers(dtype: str, machine: dict[str, Any]) -> None:
    least = float(np.finfo(dtype).smallest_subnormal)
    x = np.array([least, -least, 7 * least, -(2.0**20) * least], dtype)
    for name in ("tanh", "erf", "sin", "tan", "asin", "atan", "sinh"):
        wanted = exact(name, x).astype(dtype)
        assert np.all(abs(run(name, x, **machine) - wanted) <= least), name
    for name in ("tanh", "tan", "asin", "atan", "sinh"):
        np.testing.assert_array_equal(run(name, x, **machine), x)
    np.testing.assert_array_equal(run("atan2", x, np.ones_like(x), **machine), x)
    for name in ("exp", "cosh"):
        np.testing.assert_array_equal(run(name, x, **machine), np.ones_like(x))
    # The least result that is not 0, and the first that is.
    end = np.float64(math.log(least)) - math.log(2)
    near = np.array([end * (1 - 1e-5), end * (1 + 1e-5)], dtype)
    np.testing.assert_array_equal(run("exp", near, **machine), np.array([least, 0], dtype))
    np.testing.assert_array_equal(run("sigmoid", near, **machine), np.array([least, 0], dtype))


@every_dtype
@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "exp"])
def test_monotone_at_the_ends(name: str, dtype: str, machine: dict[str, Any]) -> None:
    """Where neighbours differ by less than a unit the result may only rise."""
    info = np.finfo(dtype)
    for start in HARD[name][dtype == "float64"]:
        if (name in ("tanh", "erf") and start <= 1) or start == 16.5:
            continue
        for sign in (-1, 1):
            x = np.sort(sign * start * (1 + np.arange(-3000, 3000) * 2 * float(info.eps)))
            y = run(name, x.astype(dtype), **machine)
            assert np.all(y[1:] >= y[:-1]), (start, sign)
    big = np.linspace(0, 2 * info.maxexp, 4001).astype(dtype)
    for x in (big, -big[::-1]):
        y = run(name, x, **machine)
        assert np.all(y[1:] >= y[:-1])
    if name != "exp":
        assert np.all(abs(run(name, np.concatenate([big, -big]), **machine)) <= 1)


@every_dtype
@pytest.mark.parametrize(
    "name", ["tanh", "erf", "sin", "cos", "tan", "asin", "atan", "sinh", "cosh"]
)
def test_odd_and_even_to_the_bit(name: str, dtype: str, machine: dict[str, Any]) -> None:
    (x,) = arguments(name, dtype)
    mirrored = run(name, x, **machine)
    is_even = name in ("cos", "cosh")
    np.testing.assert_array_equal(run(name, -x, **machine), mirrored if is_even else -mirrored)


@every_dtype
def test_angles_are_mirrored_to_the_bit(dtype: str, machine: dict[str, Any]) -> None:
    y, x = arguments("atan2", dtype)
    angle = run("atan2", y, x, **machine)
    np.testing.assert_array_equal(run("atan2", -y, x, **machine), -angle)
    ones, right = np.ones_like(y), ~np.signbit(x)
    np.testing.assert_array_equal(run("atan2", y, ones, **machine), run("atan", y, **machine))
    assert np.all(abs(angle[right]) <= np.dtype(dtype).type(HALF_PI))
    assert np.all(abs(angle[~right]) >= np.dtype(dtype).type(HALF_PI))


@every_dtype
def test_arcs_stay_within_their_ends(dtype: str, machine: dict[str, Any]) -> None:
    """No arc is beyond what it is, rounded, of 1 and of infinity."""
    half, whole = np.array([HALF_PI, math.pi], dtype)
    (x,) = arguments("asin", dtype)
    inside = x[abs(x) <= 1]
    assert np.all(abs(run("asin", inside, **machine)) <= half)
    arcs = run("acos", inside, **machine)
    assert np.all((arcs >= 0) & (arcs <= whole))
    for name in ("asin", "acos"):
        assert np.all(np.isnan(run(name, x[abs(x) > 1], **machine)))
    assert np.all(abs(run("atan", *arguments("atan", dtype), **machine)) <= half)


@every_dtype
def test_hyperbolic_functions_overflow_only_with_the_result(
    dtype: str, machine: dict[str, Any]
) -> None:
    """The last numbers whose functions are finite lie beyond where ``e**x`` overflows."""
    info = np.finfo(dtype)
    last = np.dtype(dtype).type(np.log(info.max.astype("longdouble")) + np.log(np.longdouble(2)))
    x = np.array([np.nextafter(last, 0 * last), last * (1 + 2 * info.eps)], dtype)
    for name in ("sinh", "cosh"):
        found = run(name, x, **machine)
        assert np.isfinite(found[0])
        assert found[0] > info.max * 0.99
        assert found[1] == np.inf


# ---------------------------------------------------------------- the same everywhere


@every_dtype
@every_function
def test_scalars_and_lanes_have_the_same_bits(
    name: str, dtype: str, machine: dict[str, Any]
) -> None:
    ends = np.meshgrid(*[[np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]] * ARITY[name])
    columns = [
        np.concatenate([x, end.ravel()]).astype(dtype)
        for x, end in zip(arguments(name, dtype), ends, strict=True)
    ]
    bits = f"uint{columns[0].itemsize * 8}"
    wanted = run(name, *columns, **machine)
    for lanes in (2, 3, 16, 100):  # of which some are not divisors, nor powers of two
        found = run(name, *columns, lanes=lanes, **machine)
        np.testing.assert_array_equal(found.view(bits), wanted.view(bits))
    for fp in ("exact", "reassoc"):
        found = run(name, *columns, fp=fp, lanes=8, **machine)
        np.testing.assert_array_equal(found.view(bits), wanted.view(bits))


@every_dtype
@every_function
def test_uncontracted_bits_do_not_depend_on_the_processor(name: str, dtype: str) -> None:
    columns = arguments(name, dtype)
    wanted = run(name, *columns, contract=False)
    older = "llvm -mattr=-fma,-avx512f,-avx2,-avx" if "x86" in Target.host().triple else "llvm"
    found = run(name, *columns, contract=False, lanes=8, target=older)
    np.testing.assert_array_equal(found, wanted)


@every_dtype
@every_function
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("lanes", [None, 8])
def test_nothing_is_called(name: str, dtype: str, target: str, lanes: int | None) -> None:
    n = te.size_var("n")
    args = [te.placeholder((n,), dtype, name="A") for _ in range(ARITY[name])]
    B = te.compute((n,), lambda i: getattr(te, name)(*(A[i] for A in args)), name="B")
    s = te.create_schedule(B.op)
    if lanes:
        s[B].vectorize(B.op.axis[0], lanes)
    asm = texpr.build(s, [*args, B], target=target).asm
    # A function of integers, for what is larger than some millions.
    of_large = {"texpr.quadrant_of_large", "texpr.quadrants_of_large"}
    assert set(called(asm)) <= (of_large if name in ("sin", "cos", "tan") else set())


def called(asm: str) -> list[str]:
    """What an assembly calls or jumps to by name."""
    jump = r"^\s(?:callq?|jmp|bl|b|call|tail)\s+([A-Za-z_][\w.]*(?:@PLT)?)$"
    return re.findall(jump, asm, re.MULTILINE)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_is_called_is_seen(target: str) -> None:
    A = te.placeholder((8,), "float64", name="A")
    B = te.compute((8,), lambda i: te.call_pure_extern("float64", "cbrt", A[i]), name="B")
    asm = texpr.build(te.create_schedule(B.op), [A, B], target=target).asm
    assert {name.removesuffix("@PLT") for name in called(asm)} == {"cbrt"}


# ---------------------------------------------------------------- programs


def gelu(n: int) -> tuple[te.Tensor, list[te.Tensor]]:
    X = te.placeholder((n,), name="X")
    half = 0.5**0.5
    Y = te.compute((n,), lambda i: X[i] * 0.5 * (1.0 + te.erf(X[i] * half)), name="Y")
    return Y, [X, Y]


def softmax(m: int, n: int) -> tuple[te.TeSchedule, list[te.Tensor]]:
    X = te.placeholder((m, n), name="X")
    k, r = te.reduce_axis((0, n), name="k"), te.reduce_axis((0, n), name="r")
    top = te.compute((m,), lambda i: te.max(X[i, k], axis=k), name="top")
    power = te.compute((m, n), lambda i, j: te.exp(X[i, j] - top[i]), name="power")
    total = te.compute((m,), lambda i: te.sum(power[i, r], axis=r), name="total")
    Y = te.compute((m, n), lambda i, j: power[i, j] / total[i], name="Y")
    s = te.create_schedule(Y.op)
    i, j = Y.op.axis
    s[Y].vectorize(j, 16)
    for stage, axis in ((total, r), (power, power.op.axis[1]), (top, k)):
        s[stage].compute_at(s[Y], i)
        s[stage].vectorize(axis, 16)
    return s, [X, Y]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_gelu_and_softmax_call_nothing(target: str) -> None:
    Y, args = gelu(1 << 12)
    s = te.create_schedule(Y.op)
    s[Y].vectorize(Y.op.axis[0], 16)
    kernel = texpr.build(s, args, target=target)
    assert not called(kernel.asm)
    assert not re.search(r"@(expf?|erff?|llvm\.exp|llvm\.erf)\b", kernel.llvm)
    s, args = softmax(8, 256)
    kernel = texpr.build(s, args, target=target)
    assert set(called(kernel.asm)) <= {"malloc", "free", "malloc@PLT", "free@PLT", "memset@PLT"}
    assert not re.search(r"@(expf?|llvm\.exp)\b", kernel.llvm)


def test_gelu_and_softmax_are_right() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1 << 12).astype("float32")
    Y, args = gelu(len(x))
    s = te.create_schedule(Y.op)
    s[Y].vectorize(Y.op.axis[0], 16)
    wide = x.astype("float64")
    wanted = wide * 0.5 * (1 + np.array([math.erf(v * 0.5**0.5) for v in wide]))
    np.testing.assert_allclose(texpr.build(s, args)(x), wanted, rtol=2e-6, atol=2e-7)
    x = rng.normal(size=(37, 1003)).astype("float32") * 10
    s, args = softmax(*x.shape)
    power = np.exp((x - x.max(axis=1, keepdims=True)).astype("float64"))
    wanted = power / power.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(texpr.build(s, args)(x), wanted, rtol=2e-6, atol=1e-30)


def test_a_function_is_written_once_for_each_type() -> None:
    A = te.placeholder((64,), name="A")
    B = te.compute((64,), lambda i: te.exp(A[i]) + te.exp(A[i] + 1) * te.exp(A[i] * 2), name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize(B.op.axis[0])
    target = Target.parse(TARGETS["avx2"])
    text = str(emit_kernel(texpr.lower(s, [A, B], target=target), target).module)
    defined = re.findall(r"^define internal .*@\"?([\w.]+)\"?\(", text, re.MULTILINE)
    assert defined == ["texpr.exp.v8f32"]
    assert "alwaysinline" in text


def test_every_function_of_our_own_has_its_module() -> None:
    shared = {"arcs", "formula", "quadrants", "rounding", "two_parts"}
    operators = {"fmod", "pow"}
    modules = {module.name for module in pkgutil.iter_modules(mathfunctions.__path__)} - shared
    assert modules == operators.union(NAMES)
    for name in modules:
        module = importlib.import_module(f"{mathfunctions.__name__}.{name}")
        assert callable(module.emit)
