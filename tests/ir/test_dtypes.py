"""Types, promotion and weak scalars."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texpr.errors import DTypeError
from texpr.ir.dtypes import (
    ALL_DTYPES,
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT32,
    UINT64,
    DType,
    as_dtype,
    dtype_of_python,
    promote,
)

INTEGERS = [dtype for dtype in ALL_DTYPES if dtype.is_integer]


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_agrees_with_numpy(dtype: DType) -> None:
    assert dtype.numpy.name == str(dtype) == repr(dtype)
    assert dtype.size_bytes == dtype.numpy.itemsize
    assert as_dtype(dtype.name) is as_dtype(dtype) is as_dtype(dtype.numpy) is dtype
    assert as_dtype(dtype.numpy.type) is dtype
    if dtype.is_integer:
        assert (dtype.min, dtype.max) == (np.iinfo(dtype.name).min, np.iinfo(dtype.name).max)
    assert [dtype.is_bool, dtype.is_integer, dtype.is_float].count(True) == 1


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_is_a_singleton(dtype: DType) -> None:
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.deepcopy(dtype) is dtype


def test_python_types_name_numpys() -> None:
    assert as_dtype(bool) is BOOL
    assert as_dtype(float) is FLOAT64
    assert as_dtype(int) is INT64


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("flaot32", "dtype: 'flaot32' is not a type of texpr; did you mean 'float32'?; the types"),
        ("float8_e4m3fn", "dtype: 'float8_e4m3fn' is not a type of texpr"),
        (ml_dtypes.float8_e5m2, "dtype: 'float8_e5m2' is not a type of texpr"),
        (np.complex64, "dtype: 'complex64' is not a type of texpr"),
        (3, "dtype: 3 is not a type; pass a name such as 'float32'"),
    ],
)
def test_refuses_what_is_no_type(spec: object, text: str) -> None:
    with pytest.raises(DTypeError) as caught:
        as_dtype(spec)
    assert str(caught.value).startswith(text)
    assert isinstance(caught.value, TypeError)


# ---------------------------------------------------------------- values


@given(st.sampled_from(INTEGERS), st.integers(-(2**70), 2**70))
def test_wrap_is_the_residue_in_range(dtype: DType, value: int) -> None:
    wrapped = dtype.wrap(value)
    assert dtype.min <= wrapped <= dtype.max
    assert (wrapped - value) % 2**dtype.bits == 0


def nearest_float32(value: int) -> float:
    """The float32 nearest to ``value``, by trying the neighbours of an approximation."""
    guess = np.float32(value)
    near = [np.nextafter(guess, np.float32(end)) for end in (-math.inf, math.inf)] + [guess]
    return float(
        min(
            near,
            key=lambda x: (
                abs(Fraction(float(x)) - value),
                struct.unpack("<I", x.tobytes())[0] & 1,
            ),
        )
    )


@given(st.integers(0, 63).flatmap(lambda bits: st.integers(-(2**bits), 2**bits)))
def test_integer_becomes_the_nearest_float(value: int) -> None:
    assert FLOAT64.canonical(value) == float(value)
    assert FLOAT32.canonical(value) == nearest_float32(value)
    assert FLOAT32.canonical(value) == float(np.int64(value).astype("float32"))


def test_integer_is_not_rounded_twice() -> None:
    value = 2**60 + 2**36 + 1  # as a double it is halfway between two float32s
    assert FLOAT32.canonical(value) == 2**60 + 2**37
    assert FLOAT32.canonical(-value) == -(2**60 + 2**37)


def test_canonical_keeps_the_sign_of_zero_and_not_that_of_nan() -> None:
    for dtype in (FLOAT16, BFLOAT16, FLOAT32, FLOAT64):
        assert math.copysign(1, dtype.canonical(-0.0)) == -1
        assert math.copysign(1, dtype.canonical(-math.nan)) == 1
        assert dtype.canonical(10**400) == math.inf
        assert dtype.canonical(-(10**400)) == -math.inf
    assert FLOAT32.canonical(1e300) == math.inf
    assert FLOAT32.canonical(0.1) == float(np.float32(0.1))
    assert BOOL.canonical(3) is True


@pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)
def test_every_number_of_16_bits_is_itself(dtype: DType) -> None:
    every = np.arange(1 << 16, dtype="uint16").view(dtype.numpy)
    for value in every:
        number = float(value)
        same = dtype.numpy.type(dtype.canonical(number))
        assert np.isnan(float(same)) if np.isnan(number) else value.tobytes() == same.tobytes()


@pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)
def test_between_two_numbers_of_16_bits_the_nearest_wins(dtype: DType) -> None:
    finite = np.arange(0x7C00 if dtype is FLOAT16 else 0x7F80, dtype="uint16").view(dtype.numpy)
    numbers = [float(value) for value in finite]
    for number, (low, high) in enumerate(itertools.pairwise(numbers)):
        middle = (low + high) / 2
        even = low if number % 2 == 0 else high
        for sign in (1, -1):
            assert dtype.canonical(sign * middle) == sign * even
            # A float32 between middle and neighbour there is not: this would round to it first.
            assert dtype.canonical(sign * math.nextafter(middle, 0)) == sign * low
            assert dtype.canonical(sign * math.nextafter(middle, math.inf)) == sign * high


def test_limits_of_16_bits() -> None:
    assert (FLOAT16.min, FLOAT16.max) == (-65504.0, 65504.0)
    assert FLOAT16.canonical(65519.99) == 65504
    assert FLOAT16.canonical(65520) == math.inf
    assert BFLOAT16.canonical(-1e300) == -math.inf
    assert BFLOAT16.max == float(2**127 * (2 - 2**-7))
    assert math.copysign(1, FLOAT16.canonical(-1e-300)) == -1
    assert FLOAT16.canonical(5e-324) == BFLOAT16.canonical(5e-324) == 0
    assert BFLOAT16.canonical(2**100 + 2**92 + 1) == 2**100 + 2**93  # a tie but for the 1
    assert (FLOAT16.digits, BFLOAT16.digits, FLOAT32.digits, FLOAT64.digits) == (11, 8, 24, 53)


# ---------------------------------------------------------------- promotion

TABLE = [
    (BOOL, BOOL, BOOL),
    (BOOL, INT8, INT8),
    (BOOL, FLOAT32, FLOAT32),
    (INT8, INT32, INT32),
    (INT8, UINT8, UINT8),
    (INT16, UINT8, INT16),
    (INT32, UINT32, UINT32),
    (UINT32, INT8, UINT32),
    (INT64, UINT64, UINT64),
    (INT64, FLOAT32, FLOAT32),
    (UINT64, FLOAT64, FLOAT64),
    (FLOAT32, FLOAT64, FLOAT64),
    (FLOAT16, FLOAT32, FLOAT32),
    (FLOAT16, FLOAT16, FLOAT16),
    (FLOAT16, BFLOAT16, FLOAT32),
    (BFLOAT16, FLOAT64, FLOAT64),
    (BFLOAT16, INT64, BFLOAT16),
    (FLOAT16, BOOL, FLOAT16),
]


@pytest.mark.parametrize(("a", "b", "common"), TABLE)
def test_promotion_table(a: DType, b: DType, common: DType) -> None:
    assert promote(a, b) is promote(b, a) is common


@pytest.mark.parametrize("a", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("b", ALL_DTYPES, ids=str)
def test_promotion_is_numpys_but_where_it_says_so(a: DType, b: DType) -> None:
    common = promote(a, b)
    assert common is promote(b, a)
    if {a, b} == {FLOAT16, BFLOAT16}:
        assert common is FLOAT32
        return
    assert common in (a, b)
    if a.is_float != b.is_float:  # of bfloat16 and integers NumPy knows none, or float32
        assert common is (a if a.is_float else b)
        return
    numpy = np.promote_types(a.numpy, b.numpy)
    mixed_sign = a.is_integer and b.is_integer and a.kind != b.kind
    if numpy != common.numpy:
        assert mixed_sign
    if mixed_sign and a.bits == b.bits:
        assert common.kind == "uint"


@given(st.sampled_from(ALL_DTYPES), st.sampled_from(ALL_DTYPES), st.sampled_from(ALL_DTYPES))
def test_promotion_does_not_depend_on_order(a: DType, b: DType, c: DType) -> None:
    assert promote(promote(a, b), c) is promote(a, promote(b, c))


@pytest.mark.parametrize(
    ("value", "like", "dtype"),
    [
        (True, None, BOOL),
        (True, INT8, BOOL),
        (1, None, INT64),
        (1, BOOL, INT64),
        (1, INT8, INT8),
        (1, FLOAT32, FLOAT32),
        (1.0, None, FLOAT32),
        (1.0, INT64, FLOAT32),
        (1.0, BOOL, FLOAT32),
        (1.0, FLOAT64, FLOAT64),
        (1.0, FLOAT16, FLOAT16),
        (1, BFLOAT16, BFLOAT16),
        (255, UINT8, UINT8),
        (-128, INT8, INT8),
    ],
)
def test_weak_scalars(value: bool | int | float, like: DType | None, dtype: DType) -> None:
    assert dtype_of_python(value, like) is dtype


@pytest.mark.parametrize(
    ("value", "like", "text"),
    [
        (256, UINT8, r"constant: 256 does not fit uint8 \(0 to 255\); cast the other operand"),
        (-1, UINT32, r"constant: -1 does not fit uint32"),
        (2**63, None, r"constant: 9223372036854775808 does not fit int64"),
        (2**200, FLOAT32, r"does not fit float32; write it as a float"),
        (70000, FLOAT16, r"constant: 70000 does not fit float16; write it as a float"),
        (10**400, FLOAT64, r"does not fit float64; write it as a float"),
    ],
    ids=["uint8", "uint32", "int64", "float32", "float16", "float64"],
)
def test_weak_scalar_that_does_not_fit(value: int, like: DType | None, text: str) -> None:
    with pytest.raises(DTypeError, match=text):
        dtype_of_python(value, like)
