# ruff: noqa: SIM300 - sizes have capital letters and are no constants
"""Arguments, sizes, names from outside, requirements, local arrays."""

from __future__ import annotations

import linecache
import math

import numpy as np
import pytest

import texpr
from tests.kernel.oracle import check
from tests.kernel.written import NAMES, executed, kernel_of
from texpr import te
from texpr.errors import DTypeError, KernelError, LoweringError, ShapeError
from texpr.ir.dtypes import ALL_DTYPES
from texpr.kernel import b1, bool_, empty, f32, f64, i64, kernel, require, size
from texpr.kernel.declare import ELEMENT_TYPES

N = size("N")
M = size("M")
SCALE = 2.5
LIMITS = type("LIMITS", (), {"low": -1, "high": np.float32(3)})


def test_every_type_has_a_short_name():
    assert {kind.element for kind in ELEMENT_TYPES.values()} == set(ALL_DTYPES)
    assert b1 is bool_
    for name, kind in ELEMENT_TYPES.items():
        assert getattr(texpr, name) is kind
        assert repr(kind) == name
        assert kind(1).dtype == kind.dtype
        made = kernel_of(f"@kernel\ndef f(x: {name}, A: {name}[3]):\n    A[0] = x\n")
        assert made.program.args[0].dtype is made.program.args[1].dtype is kind.element
        array = np.zeros(3, kind)
        made(kind(1), array)
        assert array.tolist() == [1, 0, 0]


def test_element_types_work_on_expressions_and_in_te():
    A = te.placeholder((4,), f32, name="A")
    B = te.compute((4,), lambda i: f64(A[i]), name="B")
    assert str(B.dtype) == "float64"


# ---------------------------------------------------------------- sizes


def sizes_of(made):
    return [var.name for var in made.program.params if var.is_size]


def test_sizes_go_by_name():
    @kernel
    def by_object(A: f64[N, M], B: f64[M, N]):
        for i in range(N):
            B[0, i] = A[i, 0]

    by_text = kernel_of(
        "@kernel\ndef f(A: f64['N', 'M'], B: f64['M', 'N']):\n    for i in range(N):\n"
        "        B[0, i] = A[i, 0]\n"
    )
    mixed = kernel_of(
        "@kernel\ndef f(N: size, A: f64[N, 'M'], B: f64['M', 'N']):\n    for i in range(N):\n"
        "        B[0, i] = A[i, 0]\n"
    )
    assert sizes_of(by_object) == sizes_of(by_text) == sorted(sizes_of(mixed), reverse=True)
    assert str(by_object.program.body) == str(by_text.program.body) == str(mixed.program.body)
    assert by_object.program.sizes[0] is N
    assert mixed.program.args[0] is NAMES["N"]  # the user's own variable
    assert mixed.program.sizes == (mixed.program.args[1].shape[1],)


def test_a_size_called_otherwise_outside():
    here = size("M")
    there = size("N")
    source = "@kernel\ndef f(A: f64[N], B: f64[M]):\n    for i in range(M):\n        B[i] = 1.0\n"
    made = kernel_of(source, N=here, M=there)
    array = np.zeros(2)
    made(np.zeros(5), array)
    assert array.tolist() == [1, 1]


def test_extents_are_expressions():
    made = kernel_of(
        "@kernel\ndef f(A: f64[N + 1, 2 * M], B: f64['N * 2 - 1', '-(-M) // 1'], C: f64[LAST]):\n"
        "    texpr.require(M > 0)\n"
        "    for i in range(A.shape[0]):\n        A[i, A.shape[1] - 1] = len(B) + C.shape[0]\n",
        LAST=NAMES["N"] - 1,
    )
    array = np.zeros((4, 4))
    made(array, np.zeros((5, 2)), np.zeros(2))
    assert array[:, 3].tolist() == [7, 7, 7, 7]
    with pytest.raises(ShapeError, match="dimension 0 of B"):
        made.interpret(array, np.zeros((6, 2)), np.zeros(2))


def test_a_size_from_an_integer_argument():
    made = kernel_of(
        "@kernel\ndef f(n: i32, A: f64['n + 1']):\n    texpr.require(n >= 0)\n    A[n] = 1.0\n"
    )
    array = np.zeros(4)
    made(3, array)
    assert array.tolist() == [0, 0, 0, 1]


def test_constant_extents():
    made = kernel_of(
        "@kernel\ndef f(A: f64[WIDTH, np.int64(2)], B: f64[()]):\n    B[()] = A.size\n", WIDTH=3
    )
    out = np.zeros(())
    made(np.zeros((3, 2)), out)
    assert out[()] == 6


def test_a_size_that_follows_from_nothing():
    with pytest.raises(LoweringError, match="does not follow from the shapes"):
        kernel_of("@kernel\ndef f(A: f64['N + M']):\n    pass\n", N=None, M=None)


# ---------------------------------------------------------------- annotations as strings


def in_future(source, **names):
    return kernel_of("from __future__ import annotations\n" + source, **names)


def test_annotations_that_are_strings():
    made = in_future(
        "@kernel\ndef f(A: texpr.f64[rows, 'M'], rows: size, x: 'f32'):\n"
        "    for i in range(rows):\n        A[i, 0] = x\n"
    )
    assert str(made.signature) == "f(A: float64[rows, M] in place, rows: int64, x: float32)"


def test_annotations_name_what_is_around_the_function():
    made = in_future(
        "def make(width):\n"
        "    own = size('own')\n"
        "    hidden = f32\n"
        "    @kernel\n"
        "    def f(A: hidden[own, width]):\n"
        "        A[0, 0] = 1.0\n"
        "    return f\n"
        "f = make(3)\n"
    )
    assert str(made.signature) == "f(A: float32[own, 3] in place)"


def test_a_function_from_elsewhere():
    names = executed(
        "from __future__ import annotations\n"
        "def make(width):\n    def f(A: f64[width]):\n        A[0] = 1.0\n    return f\n"
    )
    with pytest.raises(KernelError, match="name 'width' is not defined"):
        kernel(names["make"](3))


def test_a_broken_annotation_shows_a_caret():
    with pytest.raises(texpr.TexprError) as caught:
        in_future("@kernel\ndef f(A: texpr.f65[N]):\n    pass\n")
    assert "has no attribute 'f65'" in str(caught.value)
    assert str(caught.value).endswith("    def f(A: texpr.f65[N]):\n             ^^^^^^^^^^^^")


# ---------------------------------------------------------------- names from outside


def make_scaled(factor, table):
    count = size("count")

    @kernel
    def scaled(A: f64[count]):
        for i in range(count):
            A[i] = A[i] * factor * SCALE + LIMITS.low + table.high + math.pi

    return scaled


def test_constants_from_closures_and_modules():
    made = make_scaled(3, LIMITS)
    check(made, np.array([1.0, 2.0]))


def test_numbers_have_the_values_of_the_moment():
    names = executed("@kernel\ndef f(A: f64[1]):\n    A[0] = K0\n", K0=2)
    names["K0"] = 3
    array = np.zeros(1)
    names["f"](array)
    assert array[0] == 2


def test_expressions_of_sizes_from_outside():
    made = kernel_of(
        "@kernel\ndef f(A: f64[N]):\n    for i in range(HALF):\n        A[i] = 1.0\n",
        HALF=NAMES["N"] // 2,
    )
    array = np.zeros(5)
    made(array)
    assert array.tolist() == [1, 1, 0, 0, 0]


def test_names_may_be_those_of_builtins():
    made = kernel_of(
        "@kernel\ndef f(A: f64['id'], sum: f64):\n    max = 1.0\n    for len in range(id):\n"
        "        A[len] = sum + max\n"
    )
    array = np.zeros(3)
    made(array, 2.0)
    assert array.tolist() == [3, 3, 3]


def test_unpacked_shapes():
    made = kernel_of(
        "@kernel\ndef f(A: f64[N, M]):\n    n, m = A.shape\n    texpr.require(m > 0)\n"
        "    for i in range(n):\n        A[i, m - 1] = n\n"
    )
    check(made, np.zeros((2, 3)))


# ---------------------------------------------------------------- requirements


@kernel
def guarded(A: f64[N], B: f64[M], k: i64):
    """Copies a part."""
    require(M >= N + k, k >= 0)
    require(N % 2 == 0)
    for i in range(N):
        B[i + k] = A[i]


@require(N <= M)
@kernel
@require(N % 2 == 0)
def guarded_outside(A: f64[N], B: f64[M]):
    for i in range(N):
        B[i] = A[i]


def test_requirements_are_those_of_the_program():
    assert [str(r) for r in guarded.requirements] == ["M >= N + k", "k >= 0", "N%2 == 0"]
    assert guarded.program.requirements is guarded.requirements
    assert [str(r) for r in guarded_outside.requirements] == ["N <= M", "N%2 == 0"]


def test_requirements_are_checked_at_the_call():
    check(guarded, np.ones(2), np.zeros(5), 3)
    check(guarded_outside, np.ones(2), np.zeros(5))
    for run in (guarded, guarded.interpret):
        with pytest.raises(ShapeError, match=r"M >= N \+ k.*k = 4"):
            run(np.ones(2), np.zeros(5), 4)
        with pytest.raises(ShapeError, match="N%2 == 0"):
            run(np.ones(3), np.zeros(5), 0)


def test_requirements_prove_bounds():
    source = (
        "@kernel\ndef f(A: f64[N], B: f64[M]):\n{}    for i in range(N):\n        B[i] = A[i]\n"
    )
    with pytest.raises(texpr.BoundsError):
        kernel_of(source.format("")).build()
    assert kernel_of(source.format("    texpr.require(M >= N)\n")).build() is not None


def test_python_checks_requirements_too():
    with pytest.raises(ShapeError, match="require: condition 0 does not hold"):
        check_python(guarded, np.ones(3), np.zeros(5), 9)


def check_python(made, *args):
    names = {**made.function.__globals__, "N": 3, "M": 5}
    exec("def call(f, args):\n    f(*args)", names)
    function = type(made.function)(made.function.__code__, names)
    function(*args)


def test_requirements_that_hold_anyhow_are_none():
    made = kernel_of("@kernel\ndef f(A: f64[4]):\n    texpr.require(len(A) == 4, True)\n")
    assert made.requirements == ()


# ---------------------------------------------------------------- local arrays


def test_empty_is_numpys_when_python_runs_it():
    assert empty((2, 3), "float32").dtype == np.float32
    assert empty(4).shape == (4,)
    assert empty((), f32).shape == ()
    with pytest.raises(DTypeError, match="did you mean 'float32'"):
        empty(3, "flaot32")


# ---------------------------------------------------------------- notebooks


def test_a_cell_of_a_notebook():
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    shell = shell_module.InteractiveShell.instance()
    try:
        shell.user_ns.update(NAMES)
        done = shell.run_cell(
            "@kernel\ndef f(A: f64[N]):\n    for i in range(N):\n        A[i] = 2.0 * A[i]\n"
        )
        assert done.success
        array = np.ones(3)
        shell.user_ns["f"](array)
        assert array.tolist() == [2, 2, 2]
        failed = shell.run_cell("@kernel\ndef g(A: f64[N]):\n    while True:\n        pass\n")
        assert "while True" in str(failed.error_in_exec)
    finally:
        shell_module.InteractiveShell.clear_instance()
        linecache.clearcache()
