"""Arrays and scalars of float16 and bfloat16 in calls: what is taken, made and refused."""

from __future__ import annotations

import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import texpr
from texpr import te
from texpr.errors import DTypeError, TexprError
from texpr.ir.dtypes import BFLOAT16, FLOAT16, DType

N = texpr.size("N")
every_dtype = pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)


def scaled(dtype: DType) -> texpr.Kernel:
    """``B[i] = A[i] * f`` of a scalar ``f`` of the type, rounded."""
    n = te.size_var("n")
    A, f = te.placeholder((n,), dtype, name="A"), te.var("f", dtype)
    B = te.compute((n,), lambda i: (A[i] * f).astype(dtype), name="B")
    return texpr.build(te.create_schedule(B.op), [A, f, B])


def numbers(dtype: DType, count: int = 37) -> np.ndarray:
    return np.random.default_rng(0).normal(size=count).astype(dtype.numpy)


def test_bfloat16_is_that_of_ml_dtypes() -> None:
    assert BFLOAT16.numpy == np.dtype(ml_dtypes.bfloat16)
    assert texpr.bf16.dtype == BFLOAT16.numpy
    assert np.zeros(2, texpr.f16).dtype == np.float16
    assert type(texpr.bf16(1.5)) is ml_dtypes.bfloat16


@every_dtype
def test_outputs_are_made_or_written_in_place(dtype: DType) -> None:
    kernel, a = scaled(dtype), numbers(dtype)
    wanted = (a.astype("float32") * 2).astype(dtype.numpy)
    made = kernel(a, 2.0)
    assert made.dtype == dtype.numpy
    np.testing.assert_array_equal(made, wanted)
    room = np.zeros(100, dtype.numpy)
    kernel(a, 2.0, room[10:47])  # a view: its own memory is written
    np.testing.assert_array_equal(room[10:47], wanted)
    assert not room[:10].any()
    assert not room[47:].any()
    by_name = np.zeros_like(a)
    kernel(A=a, f=2.0, B=by_name)
    np.testing.assert_array_equal(by_name, wanted)


@every_dtype
def test_strides_and_read_only_inputs(dtype: DType) -> None:
    kernel, a = scaled(dtype), numbers(dtype, 74)
    a.flags.writeable = False
    wanted = (a.astype("float32") * 2).astype(dtype.numpy)
    np.testing.assert_array_equal(kernel(a[::2], 2.0), wanted[::2])
    np.testing.assert_array_equal(kernel(a[::-2], 2.0), wanted[::-2])
    room = np.zeros(111, dtype.numpy)
    kernel(a[:37], 2.0, room[::3])
    np.testing.assert_array_equal(room[::3], wanted[:37])


@every_dtype
def test_a_scalar_is_rounded_once_to_its_type(dtype: DType) -> None:
    kernel, one = scaled(dtype), np.ones(1, dtype.numpy)
    tie = 1 + 2.0**-dtype.digits
    for value in (tie, tie + 2.0**-40, 1e-7, 1e300, -0.0, 7, True, np.float32(0.1)):
        assert float(kernel(one, value)[0]) == dtype.canonical(float(value))
    assert float(kernel(one, dtype.numpy.type(2.5))[0]) == 2.5
    assert np.isnan(float(kernel(one, np.nan)[0]))


def test_a_type_of_another_object_is_the_same_type() -> None:
    kernel, a = scaled(BFLOAT16), numbers(BFLOAT16)
    wanted = kernel(a, 2.0)
    again = pickle.loads(pickle.dumps(a))
    marked = a.astype(np.dtype(ml_dtypes.bfloat16, metadata={"unit": "m"}))
    for other in (again, marked, a.view(type("Own", (np.ndarray,), {}))):
        np.testing.assert_array_equal(np.asarray(kernel(other, 2.0)), wanted)


@pytest.mark.parametrize(
    ("dtype", "given", "text"),
    [
        (
            BFLOAT16,
            np.zeros(3, "uint16"),
            r"B: A is uint16 where bfloat16 is wanted; pass A.astype\('bfloat16'\), or A.view",
        ),
        (FLOAT16, np.zeros(3, "uint16"), r"B: A is uint16 where float16 is wanted"),
        (BFLOAT16, np.zeros(3, "float16"), r"B: A is float16 where bfloat16 is wanted"),
        (FLOAT16, np.zeros(3, ml_dtypes.bfloat16), r"B: A is bfloat16 where float16 is wanted"),
        (BFLOAT16, np.zeros(3, "float32"), r"B: A is float32 where bfloat16 is wanted"),
        (FLOAT16, np.zeros(3, ">f2"), r"B: A has the byte order of another machine"),
        (BFLOAT16, memoryview(np.zeros(3, "uint16")), r"B: A is uint16 where bfloat16 is wanted"),
        (BFLOAT16, [1.0], r"B: A is a list, not an array; pass np.asarray\(A, dtype='bfloat16'\)"),
        (BFLOAT16, np.zeros((3, 1), ml_dtypes.bfloat16), r"B: A has 2 dimensions"),
        (BFLOAT16, None, r"B: A is None"),
    ],
)
def test_other_arrays_are_refused(dtype: DType, given: Any, text: str) -> None:
    kernel = scaled(dtype)
    for args in ((given, 2.0), (given, 2.0, np.zeros(3, dtype.numpy))):
        with pytest.raises(TexprError, match=text):
            kernel(*args)


def test_outputs_and_scalars_of_other_types_are_refused() -> None:
    kernel, a = scaled(BFLOAT16), numbers(BFLOAT16)
    with pytest.raises(
        DTypeError, match=r"B: B is uint16 where bfloat16 is wanted; allocate it with dtype"
    ):
        kernel(a, 2.0, np.zeros(37, "uint16"))
    with pytest.raises(DTypeError, match=r"f = 'x' is a str where the scalar bfloat16 is wanted"):
        kernel(a, "x")
    fixed = np.zeros_like(a)
    fixed.flags.writeable = False
    with pytest.raises(TexprError, match=r"B: B is read-only"):
        kernel(a, 2.0, fixed)
    with pytest.raises(TexprError, match=r"B: .*overlap"):
        kernel(a, 2.0, a)


# ---------------------------------------------------------------- loop kernels


@texpr.kernel
def mean_and_peak(
    A: texpr.f16[N],
    B: texpr.bf16[N],
    scale: texpr.f16,
    out: texpr.bf16[2],
):
    total = 0.0
    peak = texpr.f16(0.0)
    for i in range(A.shape[0]):
        total += A[i] * B[i] * scale
        peak = max(peak, abs(A[i]))
        B[i] = A[i]
    out[0] = total
    out[1] = peak


def test_a_loop_kernel_computes_in_float32_and_stores_16_bits() -> None:
    a, b = numbers(FLOAT16), numbers(BFLOAT16)
    out = np.zeros(2, BFLOAT16.numpy)
    total = np.float32(0)
    for x, y in zip(a.astype("float32"), b.astype("float32"), strict=True):
        total = np.float32(total + np.float32(np.float32(x * y) * np.float32(0.5)))
    mean_and_peak(a, b, 0.5, out)
    assert float(out[0]) == pytest.approx(float(total), rel=2.0**-7)
    assert out[1] == np.abs(a).max().astype(BFLOAT16.numpy)
    np.testing.assert_array_equal(b, a.astype("float32").astype(BFLOAT16.numpy))


HALF = ml_dtypes.bfloat16(0.5)


@texpr.kernel
def halved(A: texpr.bf16[N], B: texpr.f32[N]):
    for i in range(A.shape[0]):
        B[i] = np.exp(A[i] * HALF) if A[i] > HALF else texpr.bf16(B[i])


def test_numbers_of_ml_dtypes_outside_a_kernel_are_constants() -> None:
    a, b = numbers(BFLOAT16), np.full(37, 0.1, "float32")
    halved(a, b)
    wide = a.astype("float32")
    wanted = np.where(wide > 0.5, np.exp(wide * np.float32(0.5)), BFLOAT16.canonical(0.1))
    np.testing.assert_allclose(b, wanted, rtol=1e-6)
