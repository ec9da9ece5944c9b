"""``fuse``: neighbouring loops become one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def grid(n, m):
    A = te.placeholder((n, m), "int32", name="A")
    return A, te.compute((n, m), lambda i, j: A[i, j] * 3 + j, name="B")


def row_sums(n, m):
    A, k = te.placeholder((n, m), "int32", name="A"), te.reduce_axis((0, m), name="k")
    return A, te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")


def test_golden(golden):
    A, B = grid(4, 8)
    s = te.create_schedule(B.op)
    before = str(s)
    fused = s[B].fuse(*B.op.axis)
    assert fused.name == "i_j"
    assert s[B].leaf_iter_vars == (fused,)
    golden(story(before, s), "primitive_fuse")
    check_readings(s, [B], {A: filled(4, 8, dtype="int32")})


def test_golden_of_data_and_reduction_together(golden):
    """The initialisation keeps the data loop; the fused loop reduces."""
    A, B = row_sums(4, 6)
    s = te.create_schedule(B.op)
    before = str(s)
    fused = s[B].fuse("i", "k")
    assert fused.is_reduce
    golden(story(before, s), "primitive_fuse_reduction")
    check_readings(s, [B], {A: filled(4, 6, dtype="int32")})


SHAPES = ((0, 3), (3, 0), (1, 1), (3, 4), (5, 7))


@pytest.mark.parametrize("program", [grid, row_sums])
def test_every_size_known_at_run_time(program):
    n, m = te.var("n"), te.var("m")
    A, B = program(n, m)
    s = te.create_schedule(B.op)
    s[B].split(s[B].fuse(*s[B].loops), factor=4)
    kernel = None
    for rows, columns in SHAPES:
        arrays = {A: filled(rows, columns, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={n: rows, m: columns}, kernel=kernel)


@pytest.mark.parametrize("program", [grid, row_sums])
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_every_size_known_at_compile_time(program, rows, columns):
    A, B = program(rows, columns)
    s = te.create_schedule(B.op)
    s[B].split(s[B].fuse(*s[B].loops), nparts=3)
    check_readings(s, [B], {A: filled(rows, columns, dtype="int32")})


def test_parts_of_splits_that_do_not_divide():
    A, B = grid(5, 7)
    s = te.create_schedule(B.op)
    i_o, j_o, i_i, j_i = s[B].tile("i", "j", 2, 3)
    s[B].fuse(i_o, j_o)
    s[B].vectorize(s[B].fuse(i_i, j_i))
    check_readings(s, [B], {A: filled(5, 7, dtype="int32")})


def test_many_at_once():
    A = te.placeholder((2, 3, 2, 3), "int32", name="A")
    B = te.compute(A.shape, lambda *at: A[at] + 1, name="B")
    s = te.create_schedule(B.op)
    assert s[B].fuse(*B.op.axis).name == "i0_i1_i2_i3"
    check_readings(s, [B], {A: filled(2, 3, 2, 3, dtype="int32")})


def test_ranges_that_begin_elsewhere():
    A = te.placeholder((9, 9), "int32", name="A")
    k, l = te.reduce_axis((2, 5), name="k"), te.reduce_axis((4, 9), name="l")  # noqa: E741
    B = te.compute((3,), lambda i: te.sum(A[k + i, l], axis=[k, l]), name="B")
    s = te.create_schedule(B.op)
    s[B].split(s[B].fuse(k, l), factor=4)
    check_readings(s, [B], {A: filled(9, 9, dtype="int32")})


def test_of_one_loop_is_that_loop():
    A, B = grid(4, 8)
    s = te.create_schedule(B.op)
    assert s[B].fuse("i") is B.op.axis[0]
    check_readings(s, [B], {A: filled(4, 8, dtype="int32")})


def test_of_nothing_is_a_loop_that_runs_once():
    A, k = te.placeholder((4,), "int32", name="A"), te.reduce_axis((0, 4), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    T = te.compute((), lambda: S() + 1, name="T")
    s = te.create_schedule(T.op)
    assert s[T].fuse() is s[T].leaf_iter_vars[0]
    once = s[S].fuse()
    assert s[S].leaf_iter_vars == (once, k)
    assert not once.is_reduce
    check_readings(s, [T], {A: filled(4, dtype="int32")})


def test_a_loop_given_twice():
    _, B = grid(4, 8)
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match=r"fuse: loop 'i' is given twice; name each loop once"):
        s[B].fuse("i", "i")


def test_loops_that_are_no_neighbours():
    _, B = grid(4, 8)
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError,
        match=r"fuse: loop 'i' is not directly inside 'j' \(the loops of 'B' are i, j\); "
        r"reorder them to be neighbours first",
    ):
        s[B].fuse("j", "i")


def test_a_marked_loop():
    _, B = grid(4, 8)
    s = te.create_schedule(B.op)
    s[B].unroll("j")
    with pytest.raises(
        ScheduleError,
        match=r"fuse: loop 'j' is unrolled already; fuse first and mark the fused loop",
    ):
        s[B].fuse("i", "j")


def test_loops_that_form_no_rectangle():
    A = te.placeholder((4, 4), name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((4,), rule, name="B")
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError,
        match=r"fuse: the range of 'k' depends on loop 'i', so the two are no rectangle; "
        r"leave them apart",
    ):
        s[B].fuse("i", "k")


@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_a_triangle_turned_round_keeps_its_guard(size):
    A = te.placeholder((size, size), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((size,), rule, name="B")
    a = filled(size, size, dtype="int32")
    expected = [np.tril(a).sum(1, dtype="int32")]
    s = te.create_schedule(B.op)
    s[B].reorder("k", "i")
    fused = s[B].fuse("k", "i")
    check_readings(s, [B], {A: a}, expected=expected)
    s[B].split(fused, factor=4)
    check_readings(s, [B], {A: a}, expected=expected)
