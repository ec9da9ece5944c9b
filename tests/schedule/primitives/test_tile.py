"""``tile``: two splits, the inner parts innermost."""

from __future__ import annotations

import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def transposed(n, m):
    A = te.placeholder((m, n), "int32", name="A")
    return A, te.compute((n, m), lambda i, j: A[j, i] * 2 + i, name="B")


def test_golden(golden):
    A, B = transposed(10, 8)
    s = te.create_schedule(B.op)
    before = str(s)
    i, j = B.op.axis
    names = [axis.name for axis in s[B].tile(i, j, x_factor=4, y_factor=8)]
    assert names == ["i_o", "j_o", "i_i", "j_i"]
    assert names == [axis.name for axis in s[B].leaf_iter_vars]
    golden(story(before, s), "primitive_tile")
    check_readings(s, [B], {A: filled(8, 10, dtype="int32")})


SHAPES = ((0, 3), (1, 1), (3, 4), (4, 3), (5, 7), (8, 9))


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_every_size_known_at_compile_time(rows, columns):
    A, B = transposed(rows, columns)
    s = te.create_schedule(B.op)
    s[B].tile("i", "j", 4, 3)
    check_readings(s, [B], {A: filled(columns, rows, dtype="int32")})


def test_every_size_known_at_run_time():
    n, m = te.var("n"), te.var("m")
    A, B = transposed(n, m)
    s = te.create_schedule(B.op)
    s[B].tile("i", "j", 4, 3)
    kernel = None
    for rows, columns in SHAPES:
        arrays = {A: filled(columns, rows, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={n: rows, m: columns}, kernel=kernel)


def test_loops_in_the_other_order_and_apart():
    A = te.placeholder((4, 5, 6), "int32", name="A")
    B = te.compute((4, 5, 6), lambda i, j, k: A[i, j, k] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].tile("k", "i", 4, 3)
    assert [axis.name for axis in s[B].loops] == ["k_o", "i_o", "j", "k_i", "i_i"]
    check_readings(s, [B], {A: filled(4, 5, 6, dtype="int32")})


def test_one_loop_twice():
    _, B = transposed(8, 8)
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match=r"tile: loop 'i' is given twice; tile two loops"):
        s[B].tile("i", "i", 4, 4)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (0, r"split: factor 0 of loop 'j' \(extent 8\) must be at least 1"),
        (None, r"split: loop 'j' was given neither factor= nor nparts=; pass one of them"),
        (2.5, r"split: factor 2.5 of loop 'j' \(extent 8\) is no number"),
    ],
)
def test_a_bad_factor_leaves_the_schedule_as_it_was(factor, message):
    _, B = transposed(8, 8)
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=message):
        s[B].tile("i", "j", 4, factor)
    assert str(s) == before
