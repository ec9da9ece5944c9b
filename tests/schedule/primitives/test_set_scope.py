"""``set_scope``: the memory of an array has a name, which is shown where it is made."""

from __future__ import annotations

import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule import Trace


def two_stages():
    A = te.placeholder((6, 5), "int32", name="A")
    B = te.compute((6, 5), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((6, 5), lambda i, j: B[i, j] * B[i, 4 - j], name="C")
    return A, B, C


def test_golden(golden):
    A, B, C = two_stages()
    s = te.create_schedule(C.op)
    before = str(s)
    s[B].set_scope("local")
    s[B].compute_at(s[C], "i")
    golden(story(before, s), "primitive_set_scope")
    check_readings(s, [C], {A: filled(6, 5, dtype="int32")})


def test_caches_have_the_scope_that_they_are_asked_for():
    A, B, C = two_stages()
    s = te.create_schedule(C.op)
    s[s.cache_read(A, "shared")].set_scope("warp")
    s.cache_write(B, "global")
    s.cache_write(C, "local")
    text = str(s)
    assert 'A_shared = empty((6, 5), int32, scope="warp")' in text
    assert "B_global = empty((6, 5), int32)\n" in text
    assert 'C_local = empty((6, 5), int32, scope="local")' in text
    check_readings(s, [C], {A: filled(6, 5, dtype="int32")})


def test_order_does_not_matter_and_global_is_not_shown():
    _A, B, C = two_stages()
    one, other = (te.create_schedule(C.op) for _ in range(2))
    one[B].set_scope("local")
    one[B].split("i", 2)
    other[B].split("i", 2)
    other[B].set_scope("local")
    assert str(one) == str(other)
    one[B].set_scope("global")
    other[B].set_scope("global")
    plain = te.create_schedule(C.op)
    plain[B].split("i", 2)
    assert str(one) == str(other) == str(plain)


def test_trace():
    _A, _B, C = two_stages()
    s = te.create_schedule(C.op)
    before = str(s)
    s.set_scope("B", "shared")
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(C.op))
    assert str(again) == str(s) != before
    assert "B.set_scope(scope='shared')" in str(s.trace)
    assert str(s.undo()) == before


def test_scratch_of_a_loop_kernel():
    N = texpr.size("N")

    @texpr.kernel
    def sums(A: texpr.f64[N, N], B: texpr.f64[N]):
        for i in range(N):
            x = 0.0
            for j in range(N):
                x += A[i, j]
            B[i] = x

    s = texpr.create_schedule(sums)
    s.set_scope("x", "local")
    assert 'x = empty((), float64, scope="local")' in str(s)
    s.parallel("i")


def test_refusals():
    _A, B, C = two_stages()
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError, match="set_scope: no scope 'l2'; it is one of 'global'"):
        s[B].set_scope("l2")
    with pytest.raises(ScheduleError, match="set_scope: 'C' is an argument and stays as callers"):
        s[C].set_scope("local")
    with pytest.raises(ScheduleError, match="set_scope: 'A' is an argument that no stage writes"):
        s.set_scope("A", "local")
    with pytest.raises(ScheduleError, match="set_scope: no array 'D'; those that are no"):
        s.set_scope("D", "local")
    s[B].compute_inline()
    with pytest.raises(ScheduleError, match="set_scope: 'B' is inlined and stores nothing"):
        s[B].set_scope("local")
