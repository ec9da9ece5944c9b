"""The scalar functions and operators of te: types, and what they refuse.

What each computes is compared with NumPy, for every type, in tests/ir/test_intrinsics.py and
tests/test_three_readings.py.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import DTypeError
from texpr.ir.intrinsics import INTRINSICS
from texpr.te import functions

F = te.placeholder((8,), name="F")
D = te.placeholder((8,), "float64", name="D")
I = te.placeholder((8,), "int32", name="I")  # noqa: E741 - short as the others
U = te.placeholder((8,), "uint8", name="U")
B = te.placeholder((8,), "bool", name="B")


def test_every_intrinsic_has_a_function():
    assert set(INTRINSICS) <= set(vars(functions))
    assert set(INTRINSICS) <= set(te.__all__)


def test_every_name_exists_and_is_documented():
    for name in te.__all__:
        assert inspect.getdoc(getattr(te, name)), name


@pytest.mark.parametrize("name", sorted(INTRINSICS))
def test_of_an_element_and_of_a_whole_tensor(name):
    intrinsic = INTRINSICS[name]
    arg = I if "float" not in intrinsic.kinds else F
    function = getattr(te, name)
    element = function(*[arg[0]] * intrinsic.arity)
    assert element.dtype == ("bool" if intrinsic.returns_bool else arg.dtype)
    whole = function(*[arg] * intrinsic.arity)
    assert isinstance(whole, te.Tensor)
    assert whole.op.name == f"T_{name}"


@pytest.mark.parametrize(
    ("a", "b", "dtype"),
    [
        (B, I, "int32"),
        (I, F, "float32"),
        (F, D, "float64"),
        (U, I, "int32"),
        (I, te.placeholder((8,), "int64"), "int64"),
        (I, te.placeholder((8,), "uint32"), "uint32"),
        (te.placeholder((8,), "int64"), F, "float32"),
    ],
)
def test_types_meet_as_in_tvm(a, b, dtype):
    assert (a[0] + b[0]).dtype == dtype
    assert te.multiply(b[0], a[0]).dtype == dtype


@pytest.mark.parametrize(
    ("element", "number", "dtype"),
    [
        (F[0], 1, "float32"),
        (F[0], 1.5, "float32"),
        (D[0], 1.5, "float64"),
        (I[0], 1, "int32"),
        (I[0], 1.5, "float32"),
        (U[0], 255, "uint8"),
        (B[0], 1, "int64"),
    ],
)
def test_python_numbers_are_weak(element, number, dtype):
    assert (element + number).dtype == dtype
    assert (number + element).dtype == dtype


EXPRESSIONS = {
    "power": lambda i: te.power(I[i], 3) + te.pow(I[i], 0),
    "div": lambda i: te.div(F[i], 4.0) - te.add(F[i], 1) * te.subtract(2, F[i]),
    "floordiv": lambda i: te.floordiv(I[i], 3) + te.indexdiv(i, 2) * te.indexmod(i, 3),
    "truncdiv": lambda i: te.truncdiv(I[i], 3) - te.truncmod(I[i], 3) + te.floormod(I[i], 3),
    "abs": lambda i: te.abs(I[i]) + te.fabs(I[i]),
    "round": lambda i: te.round(F[i] / 2) + te.nearbyint(F[i] / 2) + te.trunc(F[i] / 2),
    "select": lambda i: te.select(I[i] > 0, F[i], D[i]),
    "lazy": lambda i: te.if_then_else(i > 0, F[i - 1], 0.0),
    "limits": lambda i: te.max(
        te.min_value("int32") + I[i] * 0, te.max_value("int8").astype("int32")
    ),
    "bits": lambda i: (U[i] << 2) | (U[i] >> 1) & ~U[i],
    "bools": lambda i: te.all(B[i], I[i] > 0, F[i] >= 0) | te.any(~B[i], I[i] != 2),
    "many": lambda i: te.max(I[i], 0, 2) + te.min(I[i], 1) + te.sum(I[i], 2, 3) * te.prod(I[i], 2),
    "casts": lambda i: (F[i] * 1.5).astype("int8").astype("uint8").astype("float64"),
}


@pytest.mark.parametrize("case", EXPRESSIONS)
@pytest.mark.parametrize("vectorized", [False, True], ids=["scalar", "vector"])
def test_values(case, vectorized):
    C = te.compute((8,), EXPRESSIONS[case], name="C")
    s = te.create_schedule(C.op)
    if vectorized:
        s[C].vectorize("i")
    arrays = {
        tensor: filled(8, dtype=tensor.dtype.name, seed=seed)
        for seed, tensor in enumerate((F, D, I, U, B))
        if tensor in C.op.input_tensors
    }
    check_readings(s, [C], arrays)


REFUSED = {
    "int / int": (
        lambda: I[0] / 2,
        (
            r"/: I\[0\] / 2 has operands of int32; ambiguous division of integers: write // or "
            r"te.truncdiv for an integer result, or cast to a float first"
        ),
    ),
    "te.div of ints": (lambda: te.div(I[0], I[1]), r"ambiguous division of integers"),
    "bool + bool": (
        lambda: B[0] + B[1],
        (
            r"\+: B\[0\] \+ B\[1\] has operands of bool; cast the bools to a number first, or "
            r"combine them with &, \| and ~"
        ),
    ),
    "- bool": (lambda: -B[0], r"-: - B\[0\] has operands of bool; cast"),
    "~ float": (lambda: ~F[0], r"~: ~ F\[0\] has operands of float32; cast to an integer first"),
    "float << 1": (lambda: F[0] << 1, r"<<: F\[0\] << 1 has operands of float32; cast to an int"),
    "float & float": (lambda: F[0] & F[1], r"&: F\[0\] & F\[1\] has operands of float32"),
    "uint8 + 300": (
        lambda: U[0] + 300,
        r"constant: 300 does not fit uint8 \(0 to 255\); cast the other operand to a wider type",
    ),
    "uint8 - 1 below": (lambda: U[0] + -1, r"constant: -1 does not fit uint8"),
    "int ** int": (lambda: I[0] ** I[1], r"\*\*: .* has operands of int32; cast to a float first"),
    "int ** 9": (lambda: I[0] ** 9, r"use an exponent from 0 to 8"),
    "exp of an int": (
        lambda: te.exp(I[0]),
        r"exp: I\[0\] is int32 and exp takes a float; cast first",
    ),
    "popcount of a float": (lambda: te.popcount(F[0]), r"popcount takes an integer; cast first"),
    "a choice by a number": (
        lambda: te.if_then_else(I[0], 1, 2),
        r"if_then_else: the condition I\[0\] is int32; write I\[0\] != 0 to make it a bool",
    ),
    "select by a number": (
        lambda: te.select(F[0], 1, 2),
        r"select: the condition F\[0\] is float32",
    ),
    "all of numbers": (lambda: te.all(I[0], B[0]), r"all: the condition I\[0\] is int32"),
    "text": (lambda: F[0] + "x", r"expression: 'x' \(str\) is neither a number nor an expression"),
    "None": (lambda: F[0] * None, r"expression: None \(NoneType\) is neither a number"),
    "complex": (lambda: F[0] * 1j, r"expression: 1j \(complex\) is neither"),
    "a list": (lambda: F[0] + [1], r"expression: \[1\] \(list\) is neither"),
    "float(…)": (lambda: float(F[0]), r"F\[0\] is an expression and has no value yet"),
    "a list's subscript": (lambda: [1, 2][I[0]], r"integer: I\[0\] is an expression"),
    "an unknown type": (lambda: F[0].astype("half"), r"dtype: 'half' is not a type of texpr"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(DTypeError, match=message):
        make()


def test_limits():
    assert te.min_value("int8").value == -128
    assert te.max_value("uint16").value == 65535
    assert te.max_value("float32").value == float(np.finfo("float32").max)


# ---------------------------------------------------------------- a wider type to compute in


@pytest.mark.parametrize(("name", "symbol"), [("add", "+"), ("subtract", "-"), ("multiply", "*")])
def test_operands_are_converted_before_the_operation(name, symbol):
    A, B = te.placeholder((8,), "uint8", name="A"), te.placeholder((8,), "int8", name="B")
    compute = getattr(te, name)
    gap = "" if symbol == "*" else " "
    assert str(compute(A[0], B[0], dtype="int32")) == f"int32(A[0]){gap}{symbol}{gap}int32(B[0])"
    assert compute(A[0], B[0]).dtype == "uint8"
    assert compute(A[0], 3, dtype="int16").dtype == "int16"
    assert compute(A[0], True, dtype=np.int64).dtype == "int64"
    assert compute(F[0], B[0], dtype="float64").dtype == "float64"


def test_a_result_has_the_type_that_was_asked_for():
    H = te.placeholder((8,), "float16", name="H")
    assert str(te.multiply(H[0], H[1], dtype="float16")) == "float16(float32(H[0])*float32(H[1]))"
    whole = te.multiply(U, U, dtype="int32")
    assert (whole.dtype, whole.shape[0].value) == ("int32", 8)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: te.multiply(I[0], U[0], dtype="int8"),
            r"\*: I\[0\] is int32 and dtype='int8' does not hold its values; pass 'int32', or cast",
        ),
        (lambda: te.add(F[0], I[0], dtype="int64"), r"\+: F\[0\] is float32 and dtype='int64'"),
        (
            lambda: te.subtract(D[0], 1, dtype="float32"),
            r"-: D\[0\] is float64 and dtype='float32'",
        ),
        (lambda: te.multiply(U[0], 1000, dtype="uint8"), r"constant: 1000 does not fit uint8"),
        (lambda: te.multiply(U[0], 0.5, dtype="int32"), r"\*: 0.5 is float32 and dtype='int32'"),
        (lambda: te.multiply(U[0], U[0], dtype="int24"), r"dtype: 'int24' is not a type of texpr"),
        (lambda: te.multiply(B[0], B[0], dtype="bool"), r"\*: .* has operands of bool"),
    ],
)
def test_a_type_that_is_not_wider_is_refused(build, message):
    with pytest.raises(DTypeError, match=message):
        build()


# ---------------------------------------------------------------- floats of 16 bits


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_computes_is_float32_and_what_chooses_keeps_the_type(dtype):
    H = te.placeholder((8,), dtype, name="H")
    x, y, n = H[0], H[1], te.var("n")
    kept = [
        -x,
        abs(x),
        te.min(x, y),
        te.max(x, 1),
        te.select(x < y, x, 0.5),
        te.if_then_else(x < 1, x, y),
    ]
    assert {e.dtype.name for e in kept} == {dtype}
    computed = [
        x + y, x - 1, 2 * x, x / y, x // 2.0, x % y, x**2, x**1, x**0, x**0.5, x + n, True + x,
        te.floor(x), te.exp(x), te.power(x, y), te.fmod(x, n), te.truncdiv(x, 3), np.float16(2) * x,
    ]  # fmt: skip
    assert {e.dtype.name for e in computed} == {"float32"}
    assert (x + np.float64(1)).dtype == "float64"
    assert str(x + n) == "float32(H[0]) + float32(n)"
    assert {e.dtype.name for e in (x < y, te.isnan(x), te.isinf(x), x.equal(0))} == {"bool"}


def test_float16_and_bfloat16_meet_in_float32():
    H, G = te.placeholder((8,), "float16", name="H"), te.placeholder((8,), "bfloat16", name="G")
    assert str(te.max(H[0], G[0])) == "max(float32(H[0]), float32(G[0]))"
    assert te.select(H[0] < G[0], H[0], G[0]).dtype == "float32"


def test_what_16_bits_cannot_do_is_refused():
    H = te.placeholder((8,), "bfloat16", name="H")
    with pytest.raises(DTypeError, match=r"&: .* has operands of bfloat16; cast to an integer"):
        H[0] & H[1]
    with pytest.raises(DTypeError, match=r"clz: H\[0\] is float32 and clz takes an integer|clz: "):
        te.clz(H[0])
    with pytest.raises(DTypeError, match=r"constant: 70000 does not fit float16; write it as"):
        te.max(te.placeholder((1,), "float16")[0], 70000)
