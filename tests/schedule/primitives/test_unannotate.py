"""``unannotate``: a note is taken off again."""

from __future__ import annotations

import re

import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def increased():
    A = te.placeholder((5,), "int32", name="A")
    return A, te.compute((5,), lambda i: A[i] + 1, name="B")


def test_golden(golden):
    A, B = increased()
    s = te.create_schedule(B.op)
    s[B].annotate("i", "a", 1)
    s[B].annotate("i", "b", 2)
    s[B].annotate(key="c")
    before = str(s)
    s[B].unannotate("i", "a")
    s.unannotate(B, "c")
    golden(story(before, s), "primitive_unannotate")
    check_readings(s, [B], {A: filled(5, dtype="int32")})


def test_nothing_is_left_of_it():
    _, B = increased()
    s = te.create_schedule(B.op)
    before = str(s)
    s.annotate("i", "a")
    s.unannotate("i", "a")
    assert str(s) == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("i", "tile"),
            "unannotate: loop 'i' of 'B' has no note 'tile'; did you mean 'tiles'?; it has tiles",
        ),
        ((None, "tiles"), "unannotate: stage 'B' has no note 'tiles'; it has none"),
        (("i",), "unannotate: the key '' is no word"),
    ],
)
def test_refusals(args, message):
    _, B = increased()
    s = te.create_schedule(B.op)
    s[B].annotate("i", "tiles", 4)
    with pytest.raises(ScheduleError, match=re.escape(message)):
        s[B].unannotate(*args)
