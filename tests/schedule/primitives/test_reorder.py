"""``reorder``: loops change places."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def matmul(n, m, depth):
    A = te.placeholder((n, depth), "int32", name="A")
    B = te.placeholder((depth, m), "int32", name="B")
    k = te.reduce_axis((0, depth), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    return A, B, C, k


def test_golden(golden):
    A, B, C, k = matmul(4, 5, 6)
    s = te.create_schedule(C.op)
    before = str(s)
    i, j = C.op.axis
    s[C].reorder(k, j, i)
    assert [axis.name for axis in s[C].loops] == ["k", "j", "i"]
    golden(story(before, s), "primitive_reorder")
    check_readings(s, [C], {A: filled(4, 6, dtype="int32"), B: filled(6, 5, dtype="int32", seed=1)})


@pytest.mark.parametrize("order", list(permutations("ijk")), ids="".join)
def test_the_initialisation_runs_before_every_order_of_a_reduction(order):
    A, B, C, _ = matmul(2, 3, 4)
    s = te.create_schedule(C.op)
    s[C].reorder(*order)
    check_readings(s, [C], {A: filled(2, 4, dtype="int32"), B: filled(4, 3, dtype="int32", seed=1)})


def test_an_empty_reduction_outermost_still_initialises():
    A, B, C, k = matmul(2, 3, 0)
    s = te.create_schedule(C.op)
    s[C].reorder(k, *C.op.axis)
    arrays = {A: filled(2, 0, dtype="int32"), B: filled(0, 3, dtype="int32")}
    check_readings(s, [C], arrays, expected=[np.zeros((2, 3), "int32")])


def test_some_loops_keep_their_places():
    A = te.placeholder((2, 3, 4, 5), "int32", name="A")
    B = te.compute(A.shape, lambda a, b, c, d: A[a, b, c, d] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].reorder("d", "a")
    assert [axis.name for axis in s[B].loops] == ["d", "b", "c", "a"]
    check_readings(s, [B], {A: filled(2, 3, 4, 5, dtype="int32")})


def test_one_loop_or_none_changes_nothing():
    _, _, C, k = matmul(2, 3, 4)
    s = te.create_schedule(C.op)
    before = str(s)
    s[C].reorder()
    s[C].reorder(k)
    assert str(s) == before


def test_a_loop_given_twice():
    _, _, C, k = matmul(2, 3, 4)
    s = te.create_schedule(C.op)
    with pytest.raises(
        ScheduleError, match=r"reorder: loop 'k' is given twice; name each loop once"
    ):
        s[C].reorder(k, "i", k)


def triangle(n):
    A = te.placeholder((n, n), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    return A, te.compute((n,), rule, name="B")


@pytest.mark.parametrize("size", [0, 1, 4, 5])
def test_a_bound_that_depends_on_the_other_loop(size):
    A, B = triangle(size)
    s = te.create_schedule(B.op)
    s[B].reorder("k", "i")
    assert [axis.name for axis in s[B].loops] == ["k", "i"]
    a = filled(size, size, dtype="int32")
    check_readings(s, [B], {A: a}, expected=[np.tril(a).sum(1, dtype="int32")])


def test_a_bound_that_is_data_stays_inside():
    A = te.placeholder((4, 4), name="A")
    L = te.placeholder((4,), "int32", name="L")

    def rule(i):
        k = te.reduce_axis((0, L[i]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((4,), rule, name="B")
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(
        ScheduleError,
        match=r"reorder: loop 'k' has the bound int64\(L\[i\]\), and 'i' has no value outside "
        r"its own loops; keep 'k' inside them",
    ):
        s[B].reorder("k", "i")
    assert str(s) == before
