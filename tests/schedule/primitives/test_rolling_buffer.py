"""``rolling_buffer``: room that is used again and again as a stage slides."""

from __future__ import annotations

import pytest

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.primitives.test_compute_at import scratch
from tests.schedule.primitives.test_store_at import rows, runs
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.schedule import Trace


def test_golden(golden):
    A, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    before = str(s)
    s[X].rolling_buffer()
    golden(story(before, s), "primitive_rolling_buffer")
    arrays = {A: filled(34, 6, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("reach", [1, 2, 5])
def test_every_size(reach, is_symbolic):
    n = te.size_var("n")
    for size in (0, 1, 2, 5, 8):
        A, X, Y = rows(n if is_symbolic else size, reach=reach)
        s = te.create_schedule(Y.op)
        s[X].compute_at(s[Y], "y")
        s[X].rolling_buffer()
        arrays = {A: filled(size + reach - 1, 6, dtype="int32")}
        check_readings(s, [Y], arrays, sizes={n: size} if is_symbolic else None)


def test_one_dimension():
    A = te.placeholder((66,), "int32", name="A")
    X = te.compute((66,), lambda i: A[i] * 3, name="X")
    Y = te.compute((64,), lambda i: X[i] + X[i + 2], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "i")
    s[X].rolling_buffer(extent=3)
    assert scratch(s) == {"X": ("3",)}
    check_readings(s, [Y], {A: filled(66, dtype="int32")})
    s[X].rolling_buffer()
    assert scratch(s) == {"X": ("4",)}  # `%` as a mask
    assert "X[i%4] + X[(i + 2)%4]" in str(s)
    check_readings(s, [Y], {A: filled(66, dtype="int32")})


def test_the_order_of_the_calls_makes_no_difference():
    _, X, Y = rows(32)
    steps = {
        "move": lambda s: s[X].compute_at(s[Y], "y_i"),
        "store": lambda s: s[X].store_at(s[Y], "y_o"),
        "roll": lambda s: s[X].rolling_buffer(),
    }
    texts = set()
    for order in ("move store roll", "roll store move", "store move roll", "roll move store"):
        s = te.create_schedule(Y.op)
        s[Y].split("y", factor=8)
        for step in order.split():
            steps[step](s)
        texts.add(str(s))
    assert len(texts) == 1


def test_in_strips_each_has_its_own():
    A, X, Y = rows(30)
    s = te.create_schedule(Y.op)
    y_o, y_i = s[Y].split("y", factor=8)
    s[X].compute_at(s[Y], y_i)
    s[X].rolling_buffer()  # right outside of the loop it is computed in: in a strip
    s[Y].parallel(y_o)
    assert scratch(s) == {"X": ("3", "6")}
    check_readings(s, [Y], {A: filled(32, 6, dtype="int32")})


def test_the_last_one_counts_and_compute_root_forgets():
    A, X, Y = rows(30)
    s = te.create_schedule(Y.op)
    before = str(s)
    s[X].compute_at(s[Y], "y")
    s[X].rolling_buffer(extent=8)
    s[X].rolling_buffer()
    assert scratch(s) == {"X": ("3", "6")}
    again = te.create_schedule(Y.op)
    assert str(Trace.from_json(s.trace.to_json()).replay(again)) == str(s)
    check_readings(s, [Y], {A: filled(32, 6, dtype="int32")})
    s[X].compute_root()
    assert str(s) == before
    s[X].compute_at(s[Y], "y")
    s[X].rolling_buffer(extent=100)  # more than there is
    assert scratch(s) == {"X": ("32", "6")}


# ---------------------------------------------------------------- refusals


def test_less_room_than_is_needed():
    _, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    with pytest.raises(
        IllegalScheduleError,
        match=r"instance X\(y=2, x=0\) writes X\[2, 0\] to the place of X\[0, 0\], which instance "
        r"Y\(y=0, x=0\) reads;\n  the proposed order runs X\(y=2, x=0\) first; more room keeps",
    ):
        s[X].rolling_buffer(extent=2)
    verdict = s[X].why_not("rolling_buffer", extent=1)
    assert (verdict.fault, verdict.cell, verdict.written) == ("fold", "X[0, 0]", "X[1, 0]")
    assert "writes X[1, 0]" in verdict._repr_html_()


def test_less_room_in_tiles_whose_number_is_known_at_run_time():
    """The two loops over tiles are one: what is refused is shown at sizes that are fixed."""
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n + 2, m), "int32", name="A")
    X = te.compute((n + 2, m), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((n, m), lambda y, x: X[y, x] + X[y + 2, x], name="Y")
    s = te.create_schedule(Y.op)
    y_o, x_o, y_i, _ = s[Y].tile("y", "x", 8, 16)
    s[X].compute_at(s[Y], y_i)
    s[X].rolling_buffer()
    s[Y].parallel(s[Y].fuse(y_o, x_o))
    assert scratch(s) == {"X": ("3", "16")}
    for sizes in ((9, 17), (3, 40), (0, 5)):
        arrays = {A: filled(sizes[0] + 2, sizes[1], dtype="int32")}
        check_readings(s, [Y], arrays, sizes=dict(zip((n, m), sizes, strict=True)))
    with pytest.raises(IllegalScheduleError, match=r"n=1, m=1: .*\(y=2, x=0\) writes X\[2, 0\] to"):
        s[X].rolling_buffer(extent=2)


def test_a_dimension_that_is_needed_again():
    """Along x there is more in the next row, which the rows above it are read for again."""
    A, X, Y = rows(32, m=24)
    s = te.create_schedule(Y.op)
    s[Y].split("x", factor=8)
    s[X].compute_at(s[Y], "x_o")
    s[X].store_root()
    with pytest.raises(IllegalScheduleError, match="to the place of"):
        s[X].rolling_buffer(axis=1)
    s[X].rolling_buffer(axis=0)
    check_readings(s, [Y], {A: filled(34, 24, dtype="int32")})


def test_two_threads_in_one_place():
    """Rows that a parallel loop computes must not meet, however much is read of them."""
    A, X, Y = rows(32, reach=5)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].rolling_buffer()
    s[X].parallel("y")
    check_readings(s, [Y], {A: filled(36, 6, dtype="int32")})
    with pytest.raises(IllegalScheduleError, match="to the place of"):
        s[X].rolling_buffer(extent=4)


def test_which_dimension():
    A = te.placeholder((20, 20), "int32", name="A")
    X = te.compute((20, 20), lambda y, x: A[y, x], name="X")
    Y = te.compute((18,), lambda i: X[i, i] + X[i + 2, i + 2], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "i")
    with pytest.raises(ScheduleError, match=r"'X' cannot roll: several of its .* 0, 1; say which"):
        s[X].rolling_buffer()
    s[X].store_at(s[Y], "i")
    with pytest.raises(ScheduleError, match="'X' cannot roll: it has its room in the loop that it"):
        s[X].rolling_buffer()


def test_a_window_of_symbolic_length():
    m = te.size_var("m")
    A = te.placeholder((32 + m, 4), "int32", name="A")
    k = te.reduce_axis((0, m), name="k")
    X = te.compute((32 + m, 4), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((32, 4), lambda y, x: te.sum(X[y + k, x], axis=k), name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    with pytest.raises(ScheduleError, match="is m long, which is known only at run time; say how"):
        s[X].rolling_buffer()


def test_impossible_arguments():
    _, X, Y = rows(8)
    s = te.create_schedule(Y.op)
    for axis in (2, -3, True, "y"):
        with pytest.raises(ScheduleError, match=r"rolling_buffer: axis .* is no dimension of 'X'"):
            s[X].rolling_buffer(axis=axis)
    for extent in (0, 1.5):
        with pytest.raises(ScheduleError, match=r"rolling_buffer: extent .* must be an integer"):
            s[X].rolling_buffer(extent=extent)
    with pytest.raises(ScheduleError, match="rolling_buffer: 'Y' is an output"):
        s[Y].rolling_buffer()
    s[X].rolling_buffer()
    with pytest.raises(ScheduleError, match="rolling_buffer: 'X' is computed in loops of its own"):
        texpr.build(s)
