# ruff: noqa: E501 - a row of a table is a line
"""What expressions mean, against Python and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.kernel.oracle import check, run_machine
from tests.kernel.written import kernel_of
from texpr import te
from texpr.ir.dtypes import BOOL, FLOAT32, FLOAT64, INT8, INT32, INT64, UINT8
from texpr.ir.expr import Load, Var
from texpr.ir.program import blocks

HEAD = "x: f64[N], y: f32[N], p: i32[N], q: i8[N], r: u8[N], b: b1[N], n: size, alpha: f32, k: i64"


def arguments():
    rng = np.random.default_rng(3)
    return [
        rng.normal(size=6) * 3,
        (rng.normal(size=6) * 3).astype("float32"),
        rng.integers(-9, 9, 6).astype("int32"),
        rng.integers(-100, 100, 6).astype("int8"),
        rng.integers(0, 200, 6).astype("uint8"),
        rng.random(6) > 0.5,
        5,
        np.float32(0.7),
        np.int64(-3),
    ]


def computed(expression, result="float64", **names):
    """A kernel that puts the value of ``expression`` at each ``i`` into an array ``out``."""
    short = {"float64": "f64", "float32": "f32", "int64": "i64", "bool": "b1"}[result]
    return kernel_of(
        f"@kernel\ndef f({HEAD}, out: {short}[N]):\n    for i in range(N):\n"
        f"        out[i] = {expression}\n",
        **names,
    )


def agree(expression, result="float64", rtol=0.0, **names):
    kernel = computed(expression, result, **names)
    check(kernel, *arguments(), np.zeros(6, result), rtol=rtol)


def dtype(expression, **names):
    (block,) = blocks(kernel_of(
        f"@kernel\ndef f({HEAD}):\n    for i in range(N):\n        s = {expression}\n"
        f"        s = s\n", **names
    ).program.body)[:1]  # fmt: skip
    return block.stores[0].buffer.dtype


DOUBLES = [
    "x[i] + y[i]", "x[i] * p[i]", "x[i] + q[i] * 2", "x[i] / 3", "p[i] / 3", "i / 2", "i / n", "1 / 3",
    "p[i] / q[(i + 1) % 1] if q[0] else 0.0", "2 * x[i] - -x[i]", "+x[i]", "abs(x[i])", "abs(p[i])",
    "x[i] ** 2", "x[i] if x[i] > 0 else -x[i]", "x[i] if x[i] else 1.0", "min(x[i], y[i], 0.5)",
    "max(i, 2)", "max(x[i], 0)", "float(p[i])", "np.float64(y[i])", "y[i].astype('float64')",
    "np.float32(x[i])", "texpr.f32(x[i])", "int(x[i])", "int(-2.7)", "math.floor(x[i])",
    "math.ceil(x[i])", "math.trunc(x[i])", "round(x[i])", "np.floor(x[i])", "np.ceil(x[i])",
    "np.rint(x[i])", "np.trunc(x[i])", "i ** 3", "math.pi * x[i]", "np.pi", "(x[i] > 0) * 2.0",
    "np.where(x[i] > 0, x[i], y[i])", "np.clip(x[i], -1, 1)", "np.maximum(x[i], 0)",
    "math.fabs(p[i])", "bool(p[i]) + 1.0", "math.isnan(x[i]) + 0.0", "1e300 * x[i]",
    "HALF * x[i]", "STRONG * y[i]", "x[-i + N - 1]", "x[(n - 1 - i) % N]", "x[len(x) - 1 - i]",
    "x[x.shape[-1] - 1 - i]", "math.sqrt(True)",  "np.where(True, x[i], 1)",
    "1.0 if True else x[9]", "x[i] if 1 > 2 else 2", "x.size + x.ndim + x.shape[0]", "k * x[i]", "alpha + i", "x[(True + i) % N]",
]  # fmt: skip


@pytest.mark.parametrize("expression", DOUBLES)
def test_doubles(expression):
    agree(expression, HALF=0.5, STRONG=np.float64(0.1))


SINGLES = [
    "y[i] * 0.1", "y[i] + 1", "0.1 * y[i] + 0.2", "y[i] * i", "y[i] * n", "y[i] / 3", "y[i] * alpha",
    "alpha * (i * 0.1)", "max(y[i], 0.1)", "y[i] if y[i] > 0.1 else 0.1", "-y[i]", "abs(y[i])",
    "np.float32(0.1) * y[i]", "y[i] * HALF", "y[i] ** 2", "x[i]", "0.1", "i", "y[i] - True",
    "float(y[i]) * y[i]",
]  # fmt: skip


@pytest.mark.parametrize("expression", SINGLES)
def test_singles(expression):
    agree(expression, "float32", HALF=0.3)


INTEGERS = [
    "p[i] + 1", "p[i] * i", "p[i] // 3", "p[i] % 3", "p[i] // -3", "p[i] % -3", "i // 2 - 3 * i % 2",
    "q[i] + 100", "q[i] * 2", "-q[i]", "r[i] + 100", "r[i] * 3", "r[i] - 50", "q[i] + p[i]",
    "p[i] & 3", "p[i] | i", "p[i] ^ -1", "~p[i]", "p[i] << 2", "p[i] >> 1", "1 << i", "b[i] * 2 + 0",
    "int(b[i])", "(i < 2) + (i > 0)", "(i < 3) + True", "math.floor(p[i])", "True + True", "True + i", "-(i < 3)", "~3", "k // 2", "k % 2", "abs(k)", "N - n",
    "p[i] if b[i] else q[i]", "p[i] if p[i] else 7", "int(x[i]) % 3", "len(x) * 2", "OFFSET + i",
    "STRONG_INT + i", "p[i] ** 2", "min(p[i], i)", "np.int64(p[i]) << 20", "r[i] // 2", "7 // 2 * -1",
    "p[i] - (i < 2)", "int(True)", "2 ** 10", "10 ** i if i < 0 else 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", [e for e in INTEGERS if "** i" not in e])
def test_integers(expression):
    agree(expression, "int64", OFFSET=3, STRONG_INT=np.int32(7))


BOOLS = [
    "p[i] > 0", "0 <= p[i] < 5", "i == 2", "not p[i]", "not i", "b[i] and x[i] > 0", "b[i] or i > 3",
    "x[i] != x[i]", "b[i] == (i > 2)", "q[i] < 300", "q[i] > i - 300", "r[i] >= -1 + i", "b[i] & (i > 1)",
    "b[i] ^ b[0]", "np.isnan(x[i])", "i < n and x[i + 0] > 0", "i + 1 < N and x[i + 1] > 0",
    "i == 0 or x[i - 1] > 0", "bool(p[i])", "True", "not b[i]", "x[i] > 0 > y[i]", "1 < 2", "p[i] == 0.5",
    "p[i] < x[i]", "(i > 2) == (n > 2)", "not (x[i] > 0 or b[i])",
]  # fmt: skip


@pytest.mark.parametrize("expression", BOOLS)
def test_bools(expression):
    agree(expression, "bool")


@pytest.mark.parametrize(("expression", "expected"), [
    ("y[i] * 0.5", FLOAT32), ("y[i] * p[i]", FLOAT32), ("y[i] * x[i]", FLOAT64), ("p[i] * 0.5", FLOAT64),
    ("p[i] / 2", FLOAT64), ("q[i] + 1", INT8), ("q[i] + i", INT8), ("r[i] + q[i]", UINT8),
    ("p[i] + k", INT64), ("i + 1 if b[i] else 2", INT64), ("b[i]", BOOL), ("b[i] * i", INT64),
    ("np.sqrt(y[i])", FLOAT32), ("np.sqrt(2.0) * y[i]", FLOAT64), ("math.sqrt(2.0) * y[i]", FLOAT32),
    ("math.exp(y[i])", FLOAT32), ("te.exp(p[i])", FLOAT64), ("p[i].astype('int8')", INT8),
    ("texpr.i32(x[i])", INT32), ("int(y[i])", INT64), ("float(y[i]) * y[i]", FLOAT32),
])  # fmt: skip
def test_types_of_expressions(expression, expected):
    assert dtype(expression) is expected


SPELLINGS = [
    ("exp", "math.exp", "np.exp"), ("log", "math.log", "np.log"), ("log2", "math.log2", "np.log2"),
    ("log10", "math.log10", "np.log10"), ("sqrt", "math.sqrt", "np.sqrt"), ("sin", "math.sin", "np.sin"),
    ("cos", "math.cos", "np.cos"), ("tan", "math.tan", "np.tan"), ("asin", "math.asin", "np.arcsin"),
    ("acos", "math.acos", "np.arccos"), ("atan", "math.atan", "np.arctan"),
    ("sinh", "math.sinh", "np.sinh"), ("cosh", "math.cosh", "np.cosh"), ("tanh", "math.tanh", "np.tanh"),
    ("erf", "math.erf", "math.erf"), ("floor", "math.floor", "np.floor"), ("ceil", "math.ceil", "np.ceil"),
    ("trunc", "math.trunc", "np.trunc"), ("round", "round", "np.round"), ("fabs", "math.fabs", "np.fabs"),
]  # fmt: skip


@pytest.mark.parametrize("names", SPELLINGS, ids=lambda names: names[0])
def test_functions_in_every_spelling(names):
    own, *others = names
    args = arguments()
    args[0] = np.linspace(0.05, 0.95, 6)
    found = []
    for spelled in ("bare", f"te.{own}", *others):
        kernel = computed(f"{spelled}(x[i])", bare=getattr(te, own))
        outputs = [*args, np.zeros(6)]
        run_machine(kernel.program, outputs)
        found.append(outputs[-1])
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    for spelled in others:
        agree(f"{spelled}(abs(x[i]) % 1)", rtol=1e-14)


def test_functions_of_two():
    for expression in ("math.atan2(x[i], y[i])", "np.arctan2(x[i], 2)", "math.fmod(x[i], 2.5)",
                       "np.fmod(x[i], y[i])", "math.pow(abs(x[i]), 1.5)", "abs(x[i]) ** 0.5",
                       "pow(abs(x[i]), 2)", "np.power(abs(x[i]), 2.5)"):  # fmt: skip
        agree(expression, rtol=1e-15)


def test_te_choices():
    agree_with = {
        "te.if_then_else(i > 0, x[i - 1], 0.0)": "x[i - 1] if i > 0 else 0.0",
        "te.select(x[i] > 0, x[i], 0.5)": "x[i] if x[i] > 0 else 0.5",
        "te.max(x[i], y[i], 0)": "max(x[i], y[i], 0)",
        "te.min(x[i], 0)": "min(x[i], 0)",
        "te.power(x[i], 2)": "x[i] * x[i]",
        "te.truncdiv(p[i], 4)": "int(p[i] / 4)",
        "te.floordiv(7, 2) + te.truncmod(-7, 2)": "3 + -1",
        "te.all(x[i] > 0, i > 2) + 0.0": "(x[i] > 0 and i > 2) + 0.0",
        "te.any(x[i] > 0, i > 2) + 0.0": "(x[i] > 0 or i > 2) + 0.0",
        "te.popcount(p[i])": "bin(int(p[i]) & 0xFFFFFFFF).count('1')",
        "te.abs(x[i])": "abs(x[i])",
        "te.floor(p[i] > 0)": "float(p[i] > 0)",
        "te.if_then_else(True, x[i], 1)": "x[i]",
    }
    for ours, pythons in agree_with.items():
        args = [*arguments(), np.zeros(6)]
        computed(ours).interpret(*args)
        names = dict(
            zip(["x", "y", "p", "q", "r", "b", "n", "alpha", "k", "out"], args, strict=True)
        )
        expected = [eval(pythons, {**names, "i": i}) for i in range(6)]
        np.testing.assert_array_equal(args[-1], expected, err_msg=ours)


def test_long_and_deep_expressions():
    agree(" + ".join(f"x[i] * {k}" for k in range(600)))
    agree("x[i] > 0 and (" * 40 + "i > 1" + ")" * 40, "bool")


# ---------------------------------------------------------------- where it is not Python's


def ours(expression, x, result="float64"):
    args = arguments()
    args[0][: len(x)] = x
    out = np.zeros(6, result)
    kernel = computed(expression, result)
    kernel.interpret(*args, out)
    again = np.zeros(6, result)
    kernel(*args, again)
    np.testing.assert_array_equal(out, again)
    return out[: len(x)]


def test_extrema_are_nan_where_one_operand_is():
    np.testing.assert_array_equal(ours("max(x[i], 0.0)", [math.nan, 1.0]), [math.nan, 1.0])
    np.testing.assert_array_equal(ours("min(0.0, x[i])", [math.nan, 1.0]), [math.nan, 0.0])


def test_a_branch_on_nan_is_false_and_its_else_true():
    kernel = kernel_of(
        "@kernel\ndef f(x: f64[N], out: f64[N]):\n    for i in range(N):\n"
        "        if x[i] < 1 or x[i] >= 1:\n            out[i] = 1\n        else:\n            out[i] = 2\n"
        "        if not x[i] < 1:\n            out[i] += 10\n"
    )
    check(kernel, np.array([0.0, 1.0, math.nan]), np.zeros(3))


def test_division_of_an_integer_by_zero_is_zero():
    assert ours("i // (n - 5)", [0.0] * 3, "int64").tolist() == [0, 0, 0]
    assert ours("p[i] % (n - 5)", [0.0] * 3, "int64").tolist() == [0, 0, 0]


def test_float32_stays_float32_in_functions_of_math():
    kernel = computed("math.sqrt(y[i])", "float32")
    args = [*arguments(), np.zeros(6, "float32")]
    args[1] = np.abs(args[1])
    kernel.interpret(*args)
    np.testing.assert_array_equal(args[-1], np.sqrt(args[1]))


def test_weak_values_load_as_such():
    kernel = kernel_of(
        "@kernel\ndef f(y: f32[N]):\n    c = 0.1\n    for i in range(N):\n        y[i] = c * y[i]\n"
    )
    _, update = blocks(kernel.program.body)
    assert update.stores[0].value.dtype is FLOAT32
    assert any(isinstance(child, Load) for child in update.stores[0].value.children)
    check(kernel, np.array([0.3, 0.7], "float32"))


def test_a_loop_variable_is_an_int64():
    kernel = computed("i * 3000000000", "int64")
    assert not [v for v in kernel.program.sizes if not isinstance(v, Var)]
    check(kernel, *arguments(), np.zeros(6, "int64"))


# ---------------------------------------------------------------- statements


STATEMENTS = [
    "a = x[i]\nc = y[i]\na, c2 = a + 1, c\nx[i], y[i] = c2, a * 0.5",
    "x[i] = x[N - 1 - i] = 2.5 + i",
    "t = s = x[i]\ns += 1\nx[i] = t * s",
    "x[i] -= x[0] * 0.5\nx[i] *= 2\nx[i] /= 3\ny[i] += x[i]",
    "p[i] //= 2\np[i] %= 3\np[i] <<= 2\np[i] >>= 1\np[i] |= 1\np[i] &= 7\np[i] ^= 2\nx[i] **= 2",
    "b[i] = x[i] > 0 or not b[i]\nif b[i]:\n    x[i] = 1",
    "j = i // 2\nm = 2 * j\nif m == i and i % 4:\n    x[j] += m",
    "found = False\nfor j in range(i):\n    if x[j] > x[i]:\n        found = True\nif found:\n    y[i] = 1\nelse:\n    y[i] = 2",
    "p[i] = q[i] = 3",
    "if b[i]:\n    t = x[i]\n    x[i] = y[i]\n    y[i] = t",
    "count = 0\nfor j in range(N):\n    if x[j] < x[i] or (x[j] == x[i] and j < i):\n        count += 1\np[count] = i",
    "if i == 0:\n    best = -math.inf\n    at = 0\n    for j in range(N):\n        if x[j] > best:\n            best = x[j]\n            at = j\n    p[0] = at",
    "row = texpr.empty(3, 'int32')\nfor j in range(3):\n    row[j] = p[(i + j) % N]\np[i] = row[0] - row[2]",
    "one = texpr.empty((), 'float32')\none[()] = x[i]\ny[i] = one[()] * 2",
    "pass\n...\n'text'",
]  # fmt: skip


@pytest.mark.parametrize("body", STATEMENTS)
def test_statements(body):
    indented = "\n".join(f"        {line}" for line in body.split("\n"))
    kernel = kernel_of(f"@kernel\ndef f({HEAD}):\n    for i in range(N):\n{indented}\n")
    check(kernel, *arguments())
