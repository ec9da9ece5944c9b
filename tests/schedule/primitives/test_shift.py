"""``shift``: the variable of a loop counts from further on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError

SIZES = (0, 1, 3, 4, 5, 7, 23)


def doubled(n):
    A = te.placeholder((n,), name="A")
    return A, te.compute((n,), lambda i: A[i] * 2 + i, name="B")


def test_golden(golden):
    n = te.var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].shift("i", 3)
    golden(story(before, s), "primitive_shift")
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("amount", [-2, 0, 3])
@pytest.mark.parametrize("size", SIZES)
def test_what_was_shifted_is_split(size, amount):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    made = s[B].shift("i", np.int64(amount))
    s[B].split(made, 4)
    check_readings(s, [B], {A: filled(size)})


def test_shifts_add_up():
    _, B = doubled(10)
    s, other = te.create_schedule(B.op), te.create_schedule(B.op)
    s[B].shift(s[B].shift("i", 2), -5)
    other[B].shift("i", -3)
    assert str(s).replace("i_m_m", "i_m") == str(other)


def test_a_range_that_depends_on_another_loop():
    A = te.placeholder((9, 9), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((i, 9), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((9,), rule, name="B")
    a = filled(9, 9, dtype="int64")
    s = te.create_schedule(B.op)
    s[B].shift("k", 2)
    assert "for k_m in range(i + 2, 11)" in str(s)
    s[B].reorder("k_m", "i")
    check_readings(s, [B], {A: a}, expected=[np.triu(a).sum(1)])


REFUSALS = {
    "float": (2.0, r"shift: amount 2.0 of loop 'i' is no number that is known now; pass an int"),
    "symbolic": (te.var("t"), r"shift: amount <int64 t> of loop 'i' is no number"),
    "huge": (-(1 << 40), r"shift: amount -1099511627776 of loop 'i' is more than any loop runs"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    amount, message = REFUSALS[case]
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match=message):
        s[B].shift("i", amount)
    assert len(s.trace) == 0


def test_a_marked_loop_is_not_shifted():
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    with pytest.raises(ScheduleError, match="shift: loop 'i' is unrolled already; shift it first"):
        s[B].shift("i", 1)
