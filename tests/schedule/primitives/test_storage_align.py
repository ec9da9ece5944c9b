"""``storage_align``: the stride of a dimension leaves a given rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.buffer import aligned_strides
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.schedule import Trace

N = texpr.size("N")


def transposed(n, m):
    A = te.placeholder((n, m), "int32", name="A")
    B = te.compute((n, m), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((m, n), lambda i, j: B[j, i] * 2, name="C")
    return A, B, C


def test_golden(golden):
    A, B, C = transposed(6, 30)
    s = te.create_schedule(C.op)
    before = str(s)
    s[B].storage_align(B.op.axis[0], 16, 8)
    golden(story(before, s), "primitive_storage_align")
    check_readings(s, [C], {A: filled(6, 30, dtype="int32")})


@pytest.mark.parametrize("axis", ["i", "j"])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size, axis):
    A, B, C = transposed(size, 5)
    s = te.create_schedule(C.op)
    s[B].storage_align(axis, 4, 3)
    s[B].vectorize("j")
    s[C].split("i", 2)
    s[C].parallel("i_o")
    check_readings(s, [C], {A: filled(size, 5, dtype="int32")})


def test_sizes_known_at_run_time_and_parts():
    n, m = te.size_var("n"), te.size_var("m")
    A, B, C = transposed(n, m)
    s = te.create_schedule(C.op)
    s[B].split("j", 4)
    s[B].storage_align("j", 2)
    s[B].storage_align("i", 16, 1)
    assert "strides=(m*2 + -m%8*2 + 1, 2)" in str(s)
    kernel = None
    for rows, columns in [(0, 0), (1, 1), (5, 7), (40, 33)]:
        arrays = {A: filled(rows, columns, dtype="int32")}
        kernel = check_readings(s, [C], arrays, sizes={n: rows, m: columns}, kernel=kernel)
    i_o, _ = s[C].split("i", 8)
    s[B].compute_at(s[C], i_o)
    assert "B = empty((n, 8), int32, strides=(17, 2))" in str(s)
    s[C].parallel(i_o)
    s[B].vectorize("j_i")
    kernel = None
    for rows, columns in [(0, 0), (1, 1), (5, 7), (40, 33)]:
        arrays = {A: filled(rows, columns, dtype="int32")}
        kernel = check_readings(s, [C], arrays, sizes={n: rows, m: columns}, kernel=kernel)
        strided = {A: np.asfortranarray(arrays[A])}
        check_readings(s, [C], strided, sizes={n: rows, m: columns}, kernel=kernel)


def test_an_aligned_panel():
    A, B, C = transposed(10, 40)
    s = te.create_schedule(C.op)
    s[B].transform_layout(lambda i, j: [j // 16, i, j % 16], 0)
    s[B].storage_align("j_o", 64)
    with pytest.raises(ScheduleError, match="has aligned strides, which a layout would lose"):
        s[B].transform_layout(lambda p, i, j: [i, p, j])
    assert "strides=(192, 16, 1)" in str(s)
    check_readings(s, [C], {A: filled(10, 40, dtype="int32")})


def test_scratch_in_lanes():
    @texpr.kernel
    def columns(A: texpr.f64[N, 3, 5], B: texpr.f64[N]):
        for i in range(N):
            T = texpr.empty((3, 5), "float64")
            for j in range(3):
                for k in range(5):
                    T[j, k] = A[i, j, k] * 2.0
            B[i] = T[0, 4] + T[2, 0]

    s = texpr.create_schedule(columns)
    s.storage_align("T", 0, 8)
    s["S1"].split("i", 4)
    s["S1"].vectorize("i_i")
    assert "strides=(8, 1)" in str(s)
    a = np.arange(11 * 15.0).reshape(11, 3, 5)
    wanted, found = np.zeros(11), np.zeros(11)
    columns(a, wanted)
    texpr.build(s)(a, found)
    np.testing.assert_array_equal(found, wanted)


def test_trace_and_order():
    _, B, C = transposed(6, 5)
    s = te.create_schedule(C.op)
    before = str(s)
    s.storage_align("B", B.op.axis[0], 4)
    s[B].set_scope("local")
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(C.op))
    assert str(again) == str(s)
    assert "storage_align(axis=0, factor=4, offset=0)" in str(s.trace)
    other = te.create_schedule(C.op)
    other[B].set_scope("local")
    other[B].storage_align(-2, 4)
    assert str(other) == str(s)
    assert str(s.undo().undo()) == before


def test_refusals():
    _, B, C = transposed(6, 5)
    s = te.create_schedule(C.op)
    for arguments, message in {
        ("k", 4): "storage_align: 'k' is no dimension of 'B'; pass one of i, j",
        (2, 4): "storage_align: 2 is no dimension of 'B'",
        (0, 0): "factor 0 must be a number of elements, at least 1",
        (0, 2.5): r"factor 2\.5 must be a number of elements",
        (0, 4, 4): "offset 4 must be at least 0 and below the factor, 4",
        (0, 4, -1): "offset -1 must be at least 0",
        (C.op.axis[0], 4): "<axis i in .*> is no dimension of 'B'",
    }.items():
        with pytest.raises(ScheduleError, match=message):
            s[B].storage_align(*arguments)
    with pytest.raises(ScheduleError, match="storage_align: 'C' is an argument and stays as"):
        s[C].storage_align(0, 4)
    assert len(s.trace) == 0


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(0, 8)), max_size=3),
)
def test_strides_keep_cells_apart(shape: list[int], wanted: list[tuple[int, int, int]]) -> None:
    """Also where the sizes are known at run time only, with which they are the same."""
    aligned = [(d, f, o) for d, f, o in wanted if d < len(shape) and o < f]
    aligned = [*{d: (d, f, o) for d, f, o in aligned}.values()]
    strides = aligned_strides([Const(size, INT64) for size in shape], aligned)
    assert (strides is None) == (not aligned)
    if strides is None:
        return
    numbers = [stride.value for stride in strides]
    for dimension, factor, offset in aligned:
        assert numbers[dimension] % factor == offset
    places = [np.dot(cell, numbers) for cell in np.ndindex(*shape)]
    assert len(set(places)) == len(places)
    assert all(place < max(1, shape[0] * numbers[0]) for place in places)
    sizes = [te.size_var(f"n{k}") for k in range(len(shape))]
    symbolic = aligned_strides(sizes, aligned)
    values = dict(zip(sizes, (Const(size, INT64) for size in shape), strict=True))
    assert [simplify(substitute(stride, values)).value for stride in symbolic] == numbers
