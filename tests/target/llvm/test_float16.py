"""float16 and bfloat16 in machine code: every value, every way to round, on every target."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import texpr
from tests.strategies import equal_values, rounded
from texpr import te
from texpr.bind import bind_arguments
from texpr.ir.dtypes import BFLOAT16, BOOL, FLOAT16, FLOAT32, FLOAT64, INT8, INT64, UINT64, DType
from texpr.ir.interpreter import interpret
from texpr.target.target import Target

SHORT = (FLOAT16, BFLOAT16)
X86 = "llvm -mtriple=x86_64-linux-gnu -mcpu="
ARM = "llvm -mtriple=aarch64-linux-gnu"
RISCV = "llvm -mtriple=riscv64-linux-gnu"

every_dtype = pytest.mark.parametrize("dtype", SHORT, ids=str)


@pytest.fixture(params=["the target's", "our own"])
def conversions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the instructions that this machine has for float16, and without."""
    if request.param == "our own":
        monkeypatch.setattr(Target, "has_half", property(lambda _: False))
    return request.param


def every(dtype: DType) -> np.ndarray:
    return np.arange(1 << 16, dtype="uint16").view(dtype.numpy)


def run(
    rule: Callable[..., Any],
    *arrays: np.ndarray,
    lanes: int | None = None,
    interpreted: bool = False,
) -> list[np.ndarray]:
    """Return what ``rule`` of the elements of ``arrays`` gives, element by element.

    ``lanes`` vectorizes: where they do not divide the length, the last ones are masked.
    """
    tensors = [te.placeholder(a.shape, a.dtype, name=f"x{k}") for k, a in enumerate(arrays)]
    made = te.compute(arrays[0].shape, lambda i: rule(*(t[i] for t in tensors)), name="made")
    outputs = made if isinstance(made, tuple) else (made,)
    s = te.create_schedule(outputs[0].op, fp="exact", contract=False)
    args = [*tensors, *outputs]
    if interpreted:
        filled = [np.zeros_like(arrays[0], tensor.dtype.numpy) for tensor in outputs]
        interpret(bind_arguments(s.program, args), *arrays, *filled)
        return filled
    if lanes is not None:
        _, inner = s[outputs[0]].split(outputs[0].op.axis[0], factor=lanes)
        s[outputs[0]].vectorize(inner)
    found = texpr.build(s, args)(*arrays)
    return list(found) if isinstance(found, tuple) else [found]


def unary(dtype: DType) -> Callable[[Any], Any]:
    other = BFLOAT16 if dtype is FLOAT16 else FLOAT16
    kinds = (FLOAT32, FLOAT64, INT8, INT64, UINT64, BOOL, other)
    return lambda x: (
        *(x.astype(kind) for kind in kinds),
        -x, abs(x), te.isnan(x), te.isinf(x), te.isfinite(x),
        te.min(x, 1.0), te.max(x, 1.0), te.select(x < 0, x, 0.0),
    )  # fmt: skip


def saturated(x: np.ndarray, dtype: DType) -> np.ndarray:
    """A float64 as Cast says: towards zero, the ends for what is beyond, 0 for NaN."""
    values = [0 if np.isnan(v) else v for v in x]
    low, high = int(dtype.min), int(dtype.max)
    ends = {np.inf: high, -np.inf: low}
    return np.array(
        [ends[v] if np.isinf(v) else min(max(int(v), low), high) for v in values], dtype.numpy
    )


def by_numpy(x: np.ndarray, dtype: DType) -> list[np.ndarray]:
    other = BFLOAT16 if dtype is FLOAT16 else FLOAT16
    with np.errstate(all="ignore"):
        wide = x.astype("float32").astype("float64")  # exact, both of them
        nan = np.isnan(wide)
        one = np.ones_like(wide)
        return [
            wide.astype("float32"), wide,
            *(saturated(wide, kind) for kind in (INT8, INT64, UINT64)),
            wide != 0, rounded(wide, other),
            rounded(-wide, dtype), rounded(abs(wide), dtype), nan, np.isinf(wide),
            np.isfinite(wide), rounded(np.minimum(wide, one), dtype),
            rounded(np.maximum(wide, one), dtype), rounded(np.where(wide < 0, wide, 0), dtype),
        ]  # fmt: skip


@every_dtype
@pytest.mark.parametrize("lanes", [None, 24])
def test_every_value_in_every_unary_operation(
    dtype: DType, lanes: int | None, conversions: str
) -> None:
    x = every(dtype)
    wanted = by_numpy(x, dtype)
    for number, (one, other) in enumerate(
        zip(wanted, run(unary(dtype), x, lanes=lanes), strict=True)
    ):
        assert equal_values(one, other), f"{number} of {dtype} by {conversions}"


@every_dtype
def test_the_interpreter_reads_every_value_as_numpy_does(dtype: DType) -> None:
    x = every(dtype)
    for one, other in zip(by_numpy(x, dtype), run(unary(dtype), x, interpreted=True), strict=True):
        assert equal_values(one, other)


@every_dtype
def test_signs_of_zeros_and_bits_of_numbers_stay(dtype: DType) -> None:
    x = every(dtype)
    (negated,) = run(lambda v: -v, x, lanes=16)
    np.testing.assert_array_equal(negated.view("uint16"), x.view("uint16") ^ 0x8000)
    (there_and_back,) = run(lambda v: (v.astype("float32") * 1.0).astype(dtype), x, lanes=16)
    numbers = ~np.isnan(x.astype("float32"))
    np.testing.assert_array_equal(there_and_back.view("uint16")[numbers], x.view("uint16")[numbers])


# ---------------------------------------------------------------- rounding


def near_boundaries(dtype: DType, source: str) -> np.ndarray:
    """Numbers of ``source`` around each number of ``dtype`` and each middle between two."""
    with np.errstate(all="ignore"):
        exact = every(dtype).astype("float32").astype("float64")
    exact = np.sort(exact[np.isfinite(exact)])
    last = exact[-1] + (exact[-1] - exact[-2]) / 2  # from here on there is infinity
    points = np.concatenate([exact, (exact[:-1] + exact[1:]) / 2, [last, -last]])
    points = points.astype(source)
    with np.errstate(all="ignore"):
        below, above = np.nextafter(points, -np.inf), np.nextafter(points, np.inf)
    special = np.array([np.inf, -np.inf, np.nan, -0.0], source)
    return np.concatenate([points, below, above, special])


@every_dtype
@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("lanes", [None, 16])
def test_floats_are_rounded_once_to_the_nearest(
    dtype: DType, source: str, lanes: int | None, conversions: str
) -> None:
    rng = np.random.default_rng(0)
    words = {"float32": "uint32", "float64": "uint64"}[source]
    bits = rng.integers(0, np.iinfo(words).max, 1 << 16, dtype=words, endpoint=True).view(source)
    x = np.concatenate([near_boundaries(dtype, source), bits])
    (found,) = run(lambda v: v.astype(dtype), x, lanes=lanes)
    with np.errstate(all="ignore"):
        wanted = rounded(x, dtype)
    assert equal_values(found, wanted)
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(x[numbers]))


@every_dtype
@pytest.mark.parametrize("lanes", [None, 8])
@pytest.mark.parametrize(
    "source",
    ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"],
)
def test_integers_are_rounded_once(
    dtype: DType, source: str, lanes: int | None, conversions: str
) -> None:
    if source == "bool":
        x = np.array([False, True] * 8)
    elif np.dtype(source).itemsize <= 2:
        info = np.iinfo(source)
        x = np.arange(info.min, info.max + 1).astype(source)
    else:
        info = np.iinfo(source)
        rng = np.random.default_rng(1)
        powers = [1 << k for k in range(info.bits)]
        ties = [p + (p >> 8) + (p >> 9) + d for p in powers for d in (-1, 0, 1)]
        ties += [p + (p >> 11) + (p >> 12) + d for p in powers for d in (-1, 0, 1)]
        near = [p + d for p in powers for d in (-1, 0, 1)] + ties + [info.max, info.min, 65519]
        near += [-value for value in near]
        inside = [value for value in near if info.min <= value <= info.max]
        drawn = rng.integers(info.min, info.max, 4000, dtype=source, endpoint=True)
        shifted = drawn >> rng.integers(0, info.bits - 1, 4000).astype(source)
        x = np.concatenate([np.array(inside, source), drawn, shifted])
    (found,) = run(lambda v: v.astype(dtype), x, lanes=lanes)
    wanted = np.array([dtype.canonical(int(value)) for value in x]).astype(dtype.numpy)
    assert equal_values(found, wanted)
    assert equal_values(rounded(x, dtype), wanted)


@every_dtype
def test_one_operation_rounded_back_is_arithmetic_in_the_type(dtype: DType) -> None:
    """Rounded to float32 and again is rounded once: 24 >= 2*11 + 2."""
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 1 << 16, (2, 1 << 18)).astype("uint16")
    a, b = bits.view(dtype.numpy)
    results = run(
        lambda x, y: tuple(e.astype(dtype) for e in (x + y, x - y, x * y, x / y)), a, b, lanes=16
    )
    (root,) = run(lambda x: te.sqrt(x).astype(dtype), every(dtype), lanes=16)
    with np.errstate(all="ignore"):
        x, y = (v.astype("float32").astype(np.longdouble) for v in (a, b))
        for found, exact in zip(results, (x + y, x - y, x * y, x / y), strict=True):
            assert equal_values(found, rounded(exact, dtype))
        exact = np.sqrt(every(dtype).astype("float32").astype(np.longdouble))
        assert equal_values(root, rounded(exact, dtype))


# ---------------------------------------------------------------- two operands


@every_dtype
@pytest.mark.parametrize("lanes", [None, 24])
def test_pairs_are_compared_and_chosen(dtype: DType, lanes: int | None) -> None:
    rng = np.random.default_rng(3)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype.numpy)
    some = np.concatenate([special, rng.choice(every(dtype), 250)])
    a, b = (v.ravel() for v in np.meshgrid(some, some))
    found = run(
        lambda x, y: (x < y, x <= y, x > y, x >= y, x.equal(y), x != y, te.min(x, y), te.max(x, y)),
        a, b, lanes=lanes,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        x, y = a.astype("float32"), b.astype("float32")
        wanted = [x < y, x <= y, x > y, x >= y, x == y, x != y]
        wanted += [np.minimum(x, y).astype(dtype.numpy), np.maximum(x, y).astype(dtype.numpy)]
    for one, other in zip(found, wanted, strict=True):
        assert equal_values(one, other)


# ---------------------------------------------------------------- reductions


@every_dtype
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 61])
def test_reductions(dtype: DType, n: int, conversions: str) -> None:
    A = te.placeholder((n,), dtype, name="A")
    k = te.reduce_axis((0, n), name="k")
    where = (k % 3).equal(0) if n else None
    reductions = {
        "sum": lambda: te.sum(A[k], axis=k, where=where),
        "max": lambda: te.max(A[k], axis=k),
        "min": lambda: te.min(A[k], axis=k, where=where),
        "prod": lambda: te.prod(A[k], axis=k),
    }
    a = np.random.default_rng(n).integers(-3, 4, n).astype(dtype.numpy)
    wide = a.astype("float32")
    wanted = {
        "sum": wide[::3].sum(),
        "max": wide.max(initial=-np.inf).astype(dtype.numpy),
        "min": wide[::3].min(initial=np.inf).astype(dtype.numpy),
        "prod": wide.prod(),
    }
    for (name, rule), vectorized in itertools.product(reductions.items(), (False, True)):
        made = te.compute((), rule, name=name)
        s = te.create_schedule(made.op)
        if vectorized:
            _, inner = s[made].split(k, factor=8)
            s[made].vectorize(inner)
        found = texpr.build(s, [A, made])(a)
        assert found.dtype == made.dtype.numpy == wanted[name].dtype, name
        np.testing.assert_array_equal(found, wanted[name], name)


@every_dtype
def test_argmax_and_ends(dtype: DType) -> None:
    A = te.placeholder((3, 40), dtype, name="A")
    k = te.reduce_axis((0, 40), name="k")
    index, value = te.compute((3,), lambda i: te.argmax(A[i, k], axis=k), name="M")
    assert value.dtype is dtype
    a = np.random.default_rng(0).normal(size=(3, 40)).astype(dtype.numpy)
    a[1, 7] = np.nan
    found, best = texpr.build(te.create_schedule(index.op), [A, index, value])(a)
    np.testing.assert_array_equal(found, np.argmax(a.astype("float32"), axis=1))
    assert equal_values(best, a[np.arange(3), found])
    ends = te.compute((2,), lambda i: te.select(
        i.equal(0), te.min_value(dtype), te.max_value(dtype)), name="E")  # fmt: skip
    low, high = texpr.build(te.create_schedule(ends.op), [ends])()
    assert (float(low), float(high)) == (dtype.min, dtype.max)


# ---------------------------------------------------------------- what the code consists of


def assembly(dtype: DType, target: str) -> str:
    n = te.size_var("n")
    A = te.placeholder((n,), dtype, name="A")
    D = te.placeholder((n,), "float64", name="D")
    L = te.placeholder((n,), "int64", name="L")
    B = te.compute(
        (n,),
        lambda i: (
            (A[i] * 2.0 + 1.0).astype(dtype),
            D[i].astype(dtype),
            L[i].astype(dtype),
            te.max(A[i], 0.5),
            A[i].astype("float64"),
        ),
        name="B",
    )
    s = te.create_schedule(B[0].op)
    _, inner = s[B[0]].split(B[0].op.axis[0], factor=8)
    s[B[0]].vectorize(inner)
    return texpr.build(s, [A, D, L, *B], target=target).asm


@every_dtype
@pytest.mark.parametrize(
    "target",
    [X86 + "x86-64", X86 + "haswell", X86 + "znver4", X86 + "sapphirerapids", ARM,
     ARM + " -mcpu=neoverse-v2", RISCV],
)  # fmt: skip
def test_no_function_is_called_to_convert(dtype: DType, target: str) -> None:
    called = re.findall(r"__\w*(?:hf|bf|h2f|f2h)\w*", assembly(dtype, target))
    assert not called


@pytest.mark.parametrize(
    ("target", "instructions"),
    [
        (X86 + "haswell", (r"vcvtph2ps\t.*%ymm", r"vcvtps2ph\t\$\d, %ymm")),
        (X86 + "znver4", (r"vcvtph2ps\t.*%[yz]mm", r"vcvtps2ph\t\$\d, %[yz]mm")),
        (ARM, (r"fcvtl\tv\d+\.4s", r"fcvtn\tv\d+\.4h")),
    ],
)
def test_vectors_of_float16_use_the_targets_instructions(
    target: str, instructions: tuple[str, ...]
) -> None:
    text = assembly(FLOAT16, target)
    for instruction in instructions:
        assert re.search(instruction, text), instruction


@pytest.mark.parametrize("target", [X86 + "znver4", X86 + "sapphirerapids"])
def test_bfloat16_keeps_subnormal_numbers(target: str) -> None:
    assert "cvtneps2bf16" not in assembly(BFLOAT16, target)
    x = np.array([2.0**-130, 2.0**-133, -(2.0**-133)], "float32")
    (found,) = run(lambda v: v.astype("bfloat16"), x)
    np.testing.assert_array_equal(found.astype("float32"), x)


@pytest.mark.parametrize(
    ("target", "multiply"),
    [
        (X86 + "haswell", r"vpmaddwd"),
        (X86 + "znver4", r"vpdpwssd|vpmaddwd"),
        (ARM + " -mcpu=neoverse-n1", r"sdot"),
    ],
)
def test_products_of_int8_are_summed_by_wide_instructions(target: str, multiply: str) -> None:
    A, B = te.placeholder((64, 64), "int8", name="A"), te.placeholder((64, 64), "int8", name="B")
    k = te.reduce_axis((0, 64), name="k")
    C = te.compute(
        (64, 64),
        lambda i, j: te.sum(te.multiply(A[i, k], B[j, k], dtype="int32"), axis=k),
        name="C",
    )
    assert re.search(multiply, texpr.build(te.create_schedule(C.op), [A, B, C], target=target).asm)


@pytest.mark.parametrize(("a_type", "b_type"), list(itertools.product(["int8", "uint8"], repeat=2)))
@pytest.mark.parametrize("lanes", [None, 32])
def test_every_product_of_8_bits_in_int32(a_type: str, b_type: str, lanes: int | None) -> None:
    ends = [(np.iinfo(t).min, np.iinfo(t).max + 1) for t in (a_type, b_type)]
    a, b = (v.ravel() for v in np.meshgrid(*(np.arange(*end) for end in ends)))
    (found,) = run(
        lambda x, y: te.multiply(x, y, dtype="int32"),
        a.astype(a_type), b.astype(b_type), lanes=lanes,
    )  # fmt: skip
    np.testing.assert_array_equal(found, (a * b).astype("int32"))
