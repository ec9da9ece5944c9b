"""``assume``: the user takes the responsibility for an array (see also tests/kernel)."""

from __future__ import annotations

import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def gather():
    A = te.placeholder((5,), "int32", name="A")
    I = te.placeholder((4,), "int32", name="I")  # noqa: E741 - short as the others
    return A, I, te.compute((4,), lambda i: A[I[i]] + 1, name="B")


def test_golden(golden):
    A, I, B = gather()  # noqa: E741
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].assume("A")
    s.assume("I")
    s[B].parallel("i")
    golden(story(before, s), "primitive_assume")
    check_readings(s, [B], {A: filled(5, dtype="int32"), I: abs(filled(4, dtype="int32"))})


def test_an_array_that_is_not_there():
    _, _, B = gather()
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError, match=r"assume: 'B' touches no array 'X'; its arrays are .*A.*"
    ):
        s[B].assume("X")
    with pytest.raises(ScheduleError, match=r"assume: no array 'X'; the arrays are A, I, B"):
        s.assume("X")
