"""NumPy, the reference interpreter and compiled code read random programs the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.strategies import equal_values, expressions, holds_floats, variables
from tests.te_programs import Case, numpy_reading, schedule_at_random, te_programs
from texpr import te
from texpr.bind import bind_arguments
from texpr.ir.dtypes import ALL_DTYPES, DType, as_dtype
from texpr.ir.expr import Load
from texpr.ir.interpreter import interpret
from texpr.ir.intrinsics import INTRINSICS
from texpr.ir.visitor import substitute
from texpr.schedule import Trace


def interpreted(case: Case, s: Any) -> list[np.ndarray]:
    outputs = case.fresh_outputs()
    interpret(bind_arguments(s.program, case.args()), *case.arrays.values(), *outputs)
    return outputs


def compiled(case: Case, s: Any) -> list[np.ndarray]:
    outputs = case.fresh_outputs()
    texpr.build(s, case.args())(*case.arrays.values(), *outputs)
    return outputs


@given(te_programs(), st.integers(0, 1 << 30), st.integers(0, 8))
@settings(max_examples=150)
def test_random_program_random_schedule(case: Case, seed: int, count: int) -> None:
    declared = case.schedule()
    by_numpy = numpy_reading(case.outputs, case.arrays, case.sizes)
    as_declared = interpreted(case, declared)
    for tensor, array in zip(case.outputs, as_declared, strict=True):
        assert equal_values(by_numpy[tensor], array), f"NumPy and the interpreter:\n{declared}"

    scheduled = case.schedule()
    schedule_at_random(scheduled, seed, count)
    as_scheduled = interpreted(case, scheduled)
    machine = compiled(case, scheduled)
    for declared_array, array, code in zip(as_declared, as_scheduled, machine, strict=True):
        assert equal_values(array, code), f"interpreter and machine code:\n{scheduled}"
        if holds_floats(array):  # a reduction may have got another order
            rtol = max(1e-4, 4 * 2.0 ** -as_dtype(array.dtype).digits)
            one, other = declared_array.astype("float64"), array.astype("float64")
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-4)
        else:
            assert equal_values(declared_array, array), f"declared and scheduled:\n{scheduled}"


@given(te_programs(), st.integers(0, 1 << 30), st.integers(1, 8))
def test_a_trace_replays_to_the_same_program(case: Case, seed: int, count: int) -> None:
    s = case.schedule()
    schedule_at_random(s, seed, count)
    by_json = Trace.from_json(s.trace.to_json())
    assert by_json == s.trace
    assert str(by_json.replay(case.schedule())) == str(s)
    names: dict[str, Any] = {}
    exec(str(s.trace), names)
    assert str(case.schedule().apply(names["schedule"])) == str(s)


@given(te_programs(), st.integers(0, 1 << 30), st.integers(1, 8))
def test_undo_takes_back_every_step(case: Case, seed: int, count: int) -> None:
    s = case.schedule()
    before = str(s)
    applied = schedule_at_random(s, seed, count)
    copy = s.copy()
    after = str(copy)
    for _ in range(applied):
        s.undo()
    assert str(s) == before
    assert str(copy) == after


# ---------------------------------------------------------------- every operator, every type

LANES = 16
LEAVES = variables(each=1)
# Made once: making one takes hypothesis longer than drawing from it.
EXACT = {dtype: expressions(dtype, LEAVES, depth=4, exact=True) for dtype in ALL_DTYPES}


@pytest.mark.parametrize("vectorized", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
@given(data=st.data())
@settings(max_examples=12)
def test_expressions_compile_to_what_they_mean(
    vectorized: bool, dtype: DType, data: st.DataObject
) -> None:
    drawn = [data.draw(EXACT[dtype]) for _ in range(3)]
    inputs = {v: te.placeholder((LANES,), v.dtype, name=v.name) for v in LEAVES}
    outputs = te.compute(
        (LANES,),
        lambda i: tuple(
            substitute(e, {v: Load(t, (i,)) for v, t in inputs.items()}) for e in drawn
        ),
        name="E",
    )
    s = te.create_schedule(outputs[0].op, fp="exact", contract=False)
    if vectorized:
        s["E"].vectorize(outputs[0].op.axis[0])
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 16)))
    arrays = [extreme_values(rng, v.dtype) for v in LEAVES]
    args = [*inputs.values(), *outputs]
    expected = [np.zeros(LANES, t.dtype.numpy) for t in outputs]
    interpret(bind_arguments(s.program, args), *arrays, *expected)
    found = [np.zeros(LANES, t.dtype.numpy) for t in outputs]
    texpr.build(s, args)(*arrays, *found)
    for e, x, y in zip(drawn, expected, found, strict=True):
        assert equal_values(x, y), f"{e}\ninterpreter {x}\ncode        {y}"


def extreme_values(rng: np.random.Generator, dtype: DType) -> np.ndarray:
    """Values of every kind a type has: its ends, zeros of both signs, NaN, small and any ones."""
    if dtype.is_bool:
        return rng.integers(0, 2, LANES).astype(bool)
    if dtype.is_float:
        special = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 3e9, -1e20, 1e-40]
        values = rng.choice([*special, *rng.normal(size=10)], LANES)
        return np.array([dtype.canonical(float(value)) for value in values], dtype.numpy)
    low, high = int(dtype.min), int(dtype.max)
    near = [low, low + 1, high, high - 1, 0, 1, 2, 7, high // 3]
    near += [-1, -7] if dtype.kind == "int" else []
    return np.array([near[k] for k in rng.integers(0, len(near), LANES)], dtype.numpy)


def fits(value: float, dtype: DType) -> bool:
    return dtype.is_float or dtype.min <= value <= dtype.max


@pytest.mark.parametrize("vectorized", [False, True], ids=["scalar", "vector"])
@pytest.mark.parametrize("name", sorted(INTRINSICS))
def test_every_function_at_its_points(name: str, vectorized: bool) -> None:
    function = INTRINSICS[name]
    for dtype in (d for d in ALL_DTYPES if d.kind in function.kinds):
        result = function.result_dtype(function.operand_dtype(dtype)).numpy
        points = [dtype.canonical(p) for p in function.points if fits(p, dtype)]
        pairs = (
            [(p, q) for p in points for q in points]
            if function.arity == 2
            else [(p,) for p in points]
        )
        arrays = [np.array(column, dtype.numpy) for column in zip(*pairs, strict=True)]
        tensors = [
            te.placeholder((len(pairs),), dtype, name=f"x{k}") for k in range(function.arity)
        ]
        out = te.compute(
            (len(pairs),), lambda i, x=tensors: getattr(te, name)(*(t[i] for t in x)), name="out"
        )
        s = te.create_schedule(out.op, fp="exact", contract=False)
        if vectorized:
            s[out].vectorize(out.op.axis[0])
        found = texpr.build(s, [*tensors, out])(*arrays)
        with np.errstate(all="ignore"):
            exact = function.numpy(*(a.astype("float64") if dtype.is_float else a for a in arrays))
        assert found.dtype == result
        if not dtype.is_float or function.returns_bool:
            np.testing.assert_array_equal(found, exact)
            continue
        with np.errstate(all="ignore"):
            wanted = exact.astype(result)
            last_place = np.maximum(np.spacing(np.abs(wanted)), np.finfo(result).tiny)
            near = np.abs(found.astype("float64") - exact) <= last_place * (function.ulps + 0.5)
        assert np.all(near | (found == wanted) | (np.isnan(found) & np.isnan(wanted))), (
            f"{name} of {dtype}: {pairs}\n{found}\n{wanted}"
        )
