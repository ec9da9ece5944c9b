"""Scalar functions: types, values, and that compositions compute what they stand for."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import texpr.ir.intrinsics
from texpr.ir.dtypes import ALL_DTYPES, BOOL, FLOAT32, FLOAT64, DType
from texpr.ir.expr import Call, Const, Var, as_expr
from texpr.ir.functions import call
from texpr.ir.interpreter import evaluate
from texpr.ir.intrinsic import Composition, Intrinsic, LLVMIntrinsic, OwnCode, Rounding
from texpr.ir.intrinsics import INTRINSICS

CASES = [
    (function, dtype)
    for function in INTRINSICS.values()
    for dtype in ALL_DTYPES
    if function.takes(dtype)
]
ids = [f"{function.name}-{dtype}" for function, dtype in CASES]
every_case = pytest.mark.parametrize(("function", "dtype"), CASES, ids=ids)
COMPOSED = [case for case in CASES if isinstance(case[0].lowering, Composition)]
every_composition = pytest.mark.parametrize(
    ("function", "dtype"),
    COMPOSED,
    ids=[f"{function.name}-{dtype}" for function, dtype in COMPOSED],
)


def scalar(value: float, dtype: DType) -> Any:
    """``value`` as a NumPy scalar, taken to the type as a constant is."""
    return dtype.numpy.type(Const(value, dtype).value)


def arguments(function: Intrinsic, dtype: DType) -> list[tuple[Any, ...]]:
    points = [scalar(point, dtype) for point in function.points]
    if function.arity == 1:
        return [(point,) for point in points]
    return [(a, b) for a in points for b in points]


def units_apart(got: Any, wanted: Any) -> float:
    """How many units in the last place of ``wanted`` lie between two floats of one type."""
    if np.isnan(got) or np.isnan(wanted):
        return 0 if np.isnan(got) and np.isnan(wanted) else math.inf
    if got == wanted:
        return 0
    if np.isinf(got) or np.isinf(wanted):
        return math.inf
    return abs(float(got) - float(wanted)) / float(np.spacing(np.abs(wanted)))


def test_every_module_holds_one_of_its_name() -> None:
    folder = Path(texpr.ir.intrinsics.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(INTRINSICS) == modules
    assert all(function.name == name for name, function in INTRINSICS.items())


@pytest.mark.parametrize("function", INTRINSICS.values(), ids=lambda function: function.name)
def test_data(function: Intrinsic) -> None:
    assert function.points
    assert function.arity in (1, 2)
    assert function.kinds in ({"float"}, {"int", "uint"})
    kinds = (LLVMIntrinsic, Rounding, OwnCode, Composition)
    assert isinstance(function.lowering, kinds)
    assert pickle.loads(pickle.dumps(function)) is function
    is_differentiable = function.kinds == {"float"} and not function.returns_bool
    assert len(function.partials) == (function.arity if is_differentiable else 0)
    if function.kinds == {"float"}:
        assert any(math.isnan(point) for point in function.points)


DIFFERENTIABLE = [function for function in INTRINSICS.values() if function.partials]


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=lambda function: function.name)
def test_partials_are_what_differences_say(function: Intrinsic) -> None:
    variables = [Var("x", FLOAT64), Var("y", FLOAT64)][: function.arity]
    finite = [point for point in (0.7, -0.3, 1.9, *function.points) if abs(point) < 200]
    calls = [(x,) for x in finite] if function.arity == 1 else [(x, 1.7) for x in finite]
    compared = 0
    for args in calls:
        for position, partial in enumerate(function.partials):
            with np.errstate(all="ignore"):
                near, far = (difference(function, args, position, step) for step in (1e-5, 2e-5))
            if not abs(near - far) < 1e-4 * (1 + abs(near)):  # the edge of the domain, or a step
                continue
            built = as_expr(partial(*variables), FLOAT64)
            at = dict(zip(variables, args, strict=True))
            assert abs(float(evaluate(built, at)) - near) <= 2 * abs(near - far) + 1e-7
            compared += 1
    assert compared >= 3


def difference(function: Intrinsic, args: tuple[float, ...], position: int, step: float) -> float:
    """The central difference of a function by one operand."""
    below, above = ([np.float64(arg) for arg in args] for _ in range(2))
    below[position] -= step
    above[position] += step
    return float((function.numpy(*above) - function.numpy(*below)) / (2 * step))


@every_case
def test_scalars_stay_scalars_of_the_type(function: Intrinsic, dtype: DType) -> None:
    result = function.result_dtype(dtype).numpy.type
    with np.errstate(all="ignore"):
        for args in arguments(function, dtype):
            assert type(function.numpy(*args)) is result


@every_case
def test_arrays_are_taken_element_by_element(function: Intrinsic, dtype: DType) -> None:
    calls = arguments(function, dtype)
    arrays = [np.array(column, dtype.numpy) for column in zip(*calls, strict=True)]
    with np.errstate(all="ignore"):
        together = function.numpy(*arrays)
        apart = [function.numpy(*args) for args in calls]
        assert function.numpy(*(array[:0] for array in arrays)).shape == (0,)
    assert together.dtype == function.result_dtype(dtype).numpy
    for one, other in zip(together, apart, strict=True):
        # NumPy's vector and scalar paths may round differently.
        assert one == other or units_apart(one, other) <= max(function.ulps, 1)


@every_case
def test_interpreter_asks_numpy(function: Intrinsic, dtype: DType) -> None:
    variables = [Var("x", dtype), Var("y", dtype)][: function.arity]
    built = Call(function, variables)
    assert built.dtype is function.result_dtype(dtype)
    for args in arguments(function, dtype):
        got = evaluate(built, dict(zip(variables, args, strict=True)))
        with np.errstate(all="ignore"):
            wanted = function.numpy(*args)
        assert type(got) is built.dtype.numpy.type
        assert got.tobytes() == wanted.tobytes() or (np.isnan(got) and np.isnan(wanted))


@every_composition
def test_compositions_agree_with_numpy(function: Intrinsic, dtype: DType) -> None:
    assert isinstance(function.lowering, Composition)
    variables = [Var("x", dtype), Var("y", dtype)][: function.arity]
    composed = function.lowering.build(*variables)
    assert composed.dtype is function.result_dtype(dtype)
    more = [
        tuple(dtype.numpy.type(value) for value in row)
        for row in np.random.default_rng(0).normal(0, 30, (400, function.arity))
    ]
    for args in arguments(function, dtype) + more:
        got = evaluate(composed, dict(zip(variables, args, strict=True)))
        with np.errstate(all="ignore"):
            wide = function.numpy(*(np.float64(arg) for arg in args))
            wanted = composed.dtype.numpy.type(wide)
        if composed.dtype is BOOL:
            assert got == wanted
        else:
            assert units_apart(got, wanted) <= function.ulps, args


@pytest.mark.parametrize("dtype", [d for d in ALL_DTYPES if d.is_integer], ids=str)
@given(value=st.integers(-(2**63), 2**64 - 1))
@example(value=0)
@example(value=-1)
@example(value=-128)
def test_bits_are_counted_in_twos_complement(dtype: DType, value: int) -> None:
    bits = format(value & (2**dtype.bits - 1), f"0{dtype.bits}b")
    x = Var("x", dtype)
    at = {x: dtype.wrap(value)}
    ones, zeros = evaluate(call("popcount", x), at), evaluate(call("clz", x), at)
    assert ones == bits.count("1")
    assert zeros == (bits.index("1") if "1" in bits else dtype.bits)
    assert ones.dtype == zeros.dtype == dtype.numpy


@pytest.mark.parametrize(
    ("name", "args", "value"),
    [
        ("round", (0.5,), 0.0),
        ("round", (1.5,), 2.0),
        ("round", (2.5,), 2.0),
        ("round", (-2.5,), -2.0),
        ("trunc", (-1.5,), -1.0),
        ("floor", (-1.5,), -2.0),
        ("ceil", (-1.5,), -1.0),
        ("fmod", (-7.0, 3.0), -1.0),
        ("fmod", (7.0, -3.0), 1.0),
        ("fmod", (1.0, math.inf), 1.0),
        ("atan2", (1.0, 0.0), np.float32(math.pi / 2)),
        ("erf", (math.inf,), 1.0),
        ("exp", (-math.inf,), 0.0),
        ("log", (0.0,), -math.inf),
        ("sqrt", (4.0,), 2.0),
        ("rsqrt", (0.0,), math.inf),
        ("rsqrt", (-0.0,), -math.inf),
        ("sigmoid", (0.0,), 0.5),
        ("sigmoid", (-95.0,), np.float32(math.exp(-95))),
        ("sigmoid", (-math.inf,), 0.0),
        ("log2", (8.0,), 3.0),
        ("log10", (1000.0,), 3.0),
    ],
)
def test_values(name: str, args: tuple[float, ...], value: float) -> None:
    x, y = Var("x", FLOAT32), Var("y", FLOAT32)
    variables = [x, y][: len(args)]
    got = evaluate(call(name, *variables), dict(zip(variables, args, strict=True)))
    assert units_apart(got, np.float32(value)) <= INTRINSICS[name].ulps
    assert got.dtype == np.float32


def test_signed_zeros_survive() -> None:
    for name in ("round", "trunc", "floor", "ceil", "sqrt", "sin", "tan", "asin", "atan", "tanh"):
        x = Var("x", FLOAT64)
        assert np.signbit(evaluate(call(name, x), {x: -0.0})), name


def test_floor_of_an_integer_is_the_integer() -> None:
    i = Var("i")
    for name in ("floor", "ceil", "round", "trunc"):
        assert call(name, i) is i
