"""``store_root``: a stage has its room outside of all loops."""

from __future__ import annotations

import pytest

from tests.readings import check_readings, filled, story
from tests.schedule.primitives.test_compute_at import scratch
from tests.schedule.primitives.test_store_at import rows, runs
from texpr import te
from texpr.errors import ScheduleError


def test_golden(golden):
    A, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    before = str(s)
    s[X].store_root()
    golden(story(before, s), "primitive_store_root")
    arrays = {A: filled(34, 6, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)


def test_where_it_is_computed_makes_no_difference_to_the_room():
    A, X, Y = rows(16)
    s = te.create_schedule(Y.op)
    before = str(s)
    s[X].store_root()
    assert str(s) == before
    s[X].compute_at(s[Y], "y")
    assert scratch(s) == {"X": ("18", "6")}
    s[Y].tile("y", "x", 4, 2)
    s[X].compute_at(s[Y], "x_o")
    assert scratch(s) == {"X": ("18", "6")}
    check_readings(s, [Y], {A: filled(18, 6, dtype="int32")})


def test_an_output_is_at_the_root_anyhow():
    _, _, Y = rows(16)
    s = te.create_schedule(Y.op)
    with pytest.raises(ScheduleError, match="store_root: 'Y' is an output"):
        s[Y].store_root()
