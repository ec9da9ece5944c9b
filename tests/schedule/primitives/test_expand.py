"""``expand``: scratch has cells of its own for every iteration of a loop."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.ir.interpreter import interpret
from texpr.schedule import Trace

N = texpr.size("N")


@texpr.kernel
def sums(A: texpr.f64[N, N], B: texpr.f64[N]):
    T = texpr.empty((N,), "float64")
    for i in range(1, N):
        x = 0.0
        for j in range(N):
            T[j] = A[i, j] * 2.0
            x = x + T[j]
        B[i] = x + T[0]


def ran(kernel, size):
    a = np.arange(float(size * size)).reshape(size, size)
    b = np.zeros(size)
    kernel(a, b)
    return b


def test_golden(golden):
    s = texpr.create_schedule(sums)
    before = str(s)
    s.expand("x", "i")
    s.expand("T", "i")
    s.parallel("i")
    golden(story(before, s), "primitive_expand")
    for size in (0, 1, 3, 4, 5, 7):
        np.testing.assert_array_equal(ran(texpr.build(s), size), ran(sums, size))
        np.testing.assert_array_equal(ran(partial(interpret, s.program), size), ran(sums, size))


def test_in_lanes_and_in_another_order():
    s = texpr.create_schedule(sums)
    s.split("i", 4)
    s.expand("x", "i")
    s.storage_align("T", 0, 8)
    s.expand("T", "i")
    s.vectorize("i_i")
    assert "x = empty((max(N - 1, 0),), float64)" in str(s)
    assert "T = empty((max(N - 1, 0), N), float64, strides=" in str(s)
    np.testing.assert_allclose(ran(texpr.build(s), 9), ran(sums, 9))


def test_two_loops_inside_out():
    @texpr.kernel
    def squares(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for i in range(N):
            for j in range(N):
                x = A[i, j]
                B[i, j] = x * x

    s = texpr.create_schedule(squares)
    with pytest.raises(ScheduleError, match="'x' is made in the loop 'j', inside 'i'; expand it"):
        s.expand("x", "i")
    s.expand("x", "j")
    s.expand("x", "i")
    assert "x = empty((N, N), float64)" in str(s)
    assert "x[i, j] = A[i, j]" in str(s)
    s.reorder("j", "i")
    a, b = np.arange(9.0).reshape(3, 3), np.zeros((3, 3))
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b, a * a)


def test_a_step_of_a_recurrence():
    A, S = (te.placeholder((5, 6), "int32", name=name) for name in "AS")
    wide = te.compute((5, 6), lambda t, j: S[t - 1, j] + A[t, j], name="wide")
    step = te.compute((5, 6), lambda t, j: wide[t, 5 - j] - wide[t, j], name="step")
    s = te.create_schedule(te.scan(A[:1], step, S, name="Y").op)
    s.expand("wide", "t")
    assert "wide[t - 1, j] = Y[t - 1, j] + A[t, j]" in str(s)
    check_readings(s, s.outputs[0].outputs, {A: filled(5, 6, dtype="int32")})


def test_trace_and_order():
    one, other = (texpr.create_schedule(sums) for _ in range(2))
    before = str(one)
    one["S1"].expand("x", one["S1"].loop("i"))
    one.split("i", 4)
    other.split("i", 4)
    other.expand("x", "i")
    assert str(one) == str(other)
    again = Trace.from_json(one.trace.to_json()).replay(texpr.create_schedule(sums))
    assert str(again) == str(one)
    assert "expand(array='x', loop='i')" in str(one.trace)
    assert str(one.undo().undo()) == before


def test_a_running_sum():
    @texpr.kernel
    def running(A: texpr.f64[N], B: texpr.f64[N]):
        x = 0.0
        for i in range(N):
            x = x + A[i]
            B[i] = x

    s = texpr.create_schedule(running)
    with pytest.raises(ScheduleError, match="expand: 'S0' touches 'x' outside of the loop 'i'"):
        s.expand("x", "i")


def test_what_an_iteration_leaves_for_another():
    @texpr.kernel
    def turns(A: texpr.f64[N], B: texpr.f64[N]):
        T = texpr.empty((2,), "float64")
        for i in range(N):
            if i % 2 == 0:
                T[0] = A[i]
            B[i] = T[0]

    s = texpr.create_schedule(turns)
    with pytest.raises(IllegalScheduleError) as error:
        s.expand("T", "i")
    assert "with N=2: instance S1(i=1) reads T[0], which instance S0(i=0) writes" in str(
        error.value
    )
    assert len(s.trace) == 0


def test_refusals():
    @texpr.kernel
    def triangle(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for i in range(N):
            for j in range(i, N):
                x = A[i, j]
                B[i, j] = x * x

    s = texpr.create_schedule(triangle)
    with pytest.raises(
        ScheduleError, match="the range of loop 'j' depends on another loop or on d"
    ):
        s.expand("x", "j")
    with pytest.raises(ScheduleError, match="expand: 'B' is an argument, and its cells are the"):
        s.expand("B", "i")
    with pytest.raises(
        ScheduleError, match="expand: no stage touches an array 3; the scratch is x"
    ):
        s.expand(3, "i")
    with pytest.raises(ScheduleError, match="expand: 'S0' has no declared loop 'l'; its declared"):
        s.expand("x", "l")
