"""``parallel``: the iterations of a loop run at once, in no order."""

from __future__ import annotations

import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError


def row_sums():
    A, k = te.placeholder((5, 8), "int32", name="A"), te.reduce_axis((0, 8), name="k")
    return A, te.compute((5,), lambda i: te.sum(A[i, k], axis=k), name="B")


def test_golden(golden):
    A, B = row_sums()
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].parallel("i")
    golden(story(before, s), "primitive_parallel")
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_part_of_a_split(size):
    A = te.placeholder((size,), "int32", name="A")
    B = te.compute((size,), lambda i: A[i] + 1, name="B")
    s = te.create_schedule(B.op)
    outer, inner = s[B].split("i", factor=4)
    s[B].parallel(outer)
    s[B].vectorize(inner)
    check_readings(s, [B], {A: filled(size, dtype="int32")})


def test_a_loop_that_reduces():
    _, B = row_sums()
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(IllegalScheduleError) as refused:
        s[B].parallel("k")
    text = str(refused.value)
    assert text.startswith("s[B].parallel(k) would change the result")
    assert "instance (i=0, k=1) reads B[0], which instance (i=0, k=0) writes" in text
    assert "legal here: parallel(i); rfactor(k), which gives each part a sum of its own" in text
    assert str(s) == before


def test_a_loop_that_is_marked_otherwise():
    _, B = row_sums()
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    with pytest.raises(
        ScheduleError, match=r"parallel: loop 'i' is vectorized already; split it to mark a part"
    ):
        s[B].parallel("i")


def test_a_base_that_a_loop_is_part_of():
    """Where the sizes are fixed, the length of the parts still is not: that stays open."""
    n = te.size_var("n")
    A = te.placeholder((n, n), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((i, n), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((n,), rule, name="B")
    s = te.create_schedule(B.op)
    k_o, _ = s[B].split("k", nparts=8)
    with pytest.raises(IllegalScheduleError, match="B"):
        s[B].parallel(k_o)
