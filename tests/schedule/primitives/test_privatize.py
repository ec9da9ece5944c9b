"""``privatize``: scratch is a new one in each iteration of a loop."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import event, given, settings

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.scratch_programs import MAX_SIZE, ROOM, crossings, scratch_programs
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError, TexprError, UninitializedError
from texpr.ir.interpreter import interpret
from texpr.schedule import Schedule, Trace

N = texpr.size("N")


@texpr.kernel
def rows(A: texpr.f64[N, N], B: texpr.f64[N, N]):
    T = texpr.empty((N,), "float64")
    for i in range(N):
        for j in range(N):
            T[j] = A[i, j] * 2.0
        for j in range(N):
            B[i, j] = T[N - 1 - j] + 1.0


def ran(kernel, size):
    a = np.arange(float(size * size)).reshape(size, size)
    b = np.zeros((size, size))
    kernel(a, b)
    return b


def test_golden(golden):
    s = texpr.create_schedule(rows)
    before = str(s)
    s.privatize("T", "i")
    s.parallel("i")
    golden(story(before, s), "primitive_privatize")
    for size in (0, 1, 3, 4, 5, 7):
        np.testing.assert_array_equal(ran(texpr.build(s), size), ran(rows, size))
        np.testing.assert_array_equal(ran(partial(interpret, s.program), size), ran(rows, size))


def test_a_recurrence_of_tensors():
    """What a step needs moves from the root into it, where that was declared."""
    A, S = (te.placeholder((5, 6), "int32", name=name) for name in "AS")
    wide = te.compute((5, 6), lambda t, j: S[t - 1, j] + A[t, j], name="wide")
    step = te.compute((5, 6), lambda t, j: wide[t, 5 - j] - wide[t, j], name="step")
    s = te.create_schedule(te.scan(A[:1], step, S, name="Y").op)
    with pytest.raises(ScheduleError, match="'wide' is new in each iteration of 't' already"):
        s.privatize("wide", "t")
    check_readings(s, s.outputs[0].outputs, {A: filled(5, 6, dtype="int32")})


def test_order_does_not_matter():
    one, other = (texpr.create_schedule(rows) for _ in range(2))
    one.privatize("T", "i")
    one.split("i", 4)
    other.split("i", 4)
    other.privatize("T", "i")
    assert str(one) == str(other)
    one.parallel("i_o")
    one.vectorize("i_i")
    np.testing.assert_array_equal(ran(texpr.build(one), 7), ran(rows, 7))


def test_trace():
    s = texpr.create_schedule(rows)
    before = str(s)
    s["S0"].privatize("T", s["S0"].loop("i"))
    again = Trace.from_json(s.trace.to_json()).replay(texpr.create_schedule(rows))
    assert str(again) == str(s) != before
    assert "S0.privatize(array='T', loop='i')" in str(s.trace)
    assert str(s.undo()) == before


def test_what_an_iteration_leaves_for_another():
    @texpr.kernel
    def first(A: texpr.f64[N], B: texpr.f64[N]):
        T = texpr.empty((2,), "float64")
        for i in range(N):
            if i == 0:
                T[1] = 3.0
            B[i] = T[1] + A[i]

    s = texpr.create_schedule(first)
    with pytest.raises(IllegalScheduleError) as error:
        s.privatize("T", "i")
    assert "with N=2: instance S1(i=1) reads T[1], which instance S0(i=0) writes" in str(
        error.value
    )
    assert "T[1] would be another cell by the time of S1(i=1)." in str(error.value)
    assert len(s.trace) == 0


def test_refusals():
    s = texpr.create_schedule(rows)
    with pytest.raises(ScheduleError, match="privatize: 'A' is an argument, and its cells are the"):
        s.privatize("A", "i")
    with pytest.raises(
        ScheduleError, match=r"privatize: no stage touches an array 'X'; the scr.* T"
    ):
        s.privatize("X", "i")
    with pytest.raises(ScheduleError, match="privatize: 'S0' has no declared loop 'k'; its decl"):
        s.privatize("T", "k")
    with pytest.raises(ScheduleError, match="privatize: 'S1' touches 'T' outside of the loop 'j'"):
        s["S0"].privatize("T", "j")
    with pytest.raises(ScheduleError, match="no arrays are called 'TT'; did you mean 'T'"):
        s["S0"].privatize("TT", "i")
    with pytest.raises(ScheduleError, match="3 is no declared loop of 'S0'"):
        s["S0"].privatize("T", 3)
    s.privatize("T", "i")
    with pytest.raises(ScheduleError, match="'T' is new in each iteration of 'i' already"):
        s.privatize("T", "i")


@pytest.mark.parametrize("primitive", ["privatize", "expand"])
@given(given=scratch_programs())
@settings(max_examples=50)
def test_against_running_the_program(primitive, given):
    """It is taken where no iteration reads what another one wrote, and then computes the same."""
    program, scratch = given
    found = [crossings(program, scratch, size) for size in range(MAX_SIZE + 1)]
    s = Schedule(program)
    error: TexprError | None = None
    try:
        getattr(s, primitive)("T", "i")
    except TexprError as raised:
        error = raised
    if isinstance(error, UninitializedError):
        event("nothing wrote it")
        assert None in found
        return
    if isinstance(error, IllegalScheduleError):
        event("refused")
        assert error.verdict.kind == "illegal"
        # Where something is read that nothing wrote, who wrote it is not the question.
        size = error.verdict.sizes["n"]
        assert None in found or (found[size] and not any(found[:size]))
        return
    if error is not None:
        assert "no stage touches an array 'T'" in str(error), error
        return
    event("taken")
    assert not any(found)
    start = [np.arange(float(ROOM)) - 5, np.ones(ROOM)]
    for size in range(MAX_SIZE + 1):
        results = []
        for run in (program, s.program):
            arrays = [array.copy() for array in start]
            interpret(run, size, *arrays)
            results.append(arrays)
        np.testing.assert_array_equal(results[0], results[1], err_msg=f"{program}\n{s}")
