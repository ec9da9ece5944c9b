"""``compute_root``: a stage in loops of its own again."""

from __future__ import annotations

from tests.readings import check_readings, filled, story
from texpr import te


def chain():
    A = te.placeholder((6,), "int32", name="A")
    B = te.compute((6,), lambda i: A[i] + 1, name="B")
    C = te.compute((6,), lambda i: B[i] * 2, name="C")
    return A, B, C


def test_golden(golden):
    A, B, C = chain()
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    before = str(s)
    s[B].compute_root()
    assert not s[B].is_inlined
    golden(story(before, s), "primitive_compute_root")
    check_readings(s, [C], {A: filled(6, dtype="int32")})


def test_the_loops_are_as_they_were_left():
    A, B, C = chain()
    s = te.create_schedule(C.op)
    s[B].split("i", factor=4)
    before = str(s)
    s[B].compute_inline()
    s[B].vectorize("i_i")
    s[B].compute_root()
    assert str(s) == before.replace("i_i in range(4)", "i_i in vectorized(4)")
    check_readings(s, [C], {A: filled(6, dtype="int32")})


def test_where_it_is_already_it_does_nothing():
    _, B, C = chain()
    s = te.create_schedule(C.op)
    before = str(s)
    s[B].compute_root()
    s[C].compute_root()
    assert str(s) == before
