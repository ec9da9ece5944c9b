"""``split``: one loop becomes two."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError

# Around a factor of 4: none, one, factor - 1, factor, factor + 1, a prime.
SIZES = (0, 1, 3, 4, 5, 7, 23)


def doubled(n):
    A = te.placeholder((n,), name="A")
    return A, te.compute((n,), lambda i: A[i] * 2 + i, name="B")


def test_golden(golden):
    n = te.var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    outer, inner = s[B].split(B.op.axis[0], factor=4)
    assert (outer.name, inner.name) == ("i_o", "i_i")
    assert s[B].leaf_iter_vars == (outer, inner)
    golden(story(before, s), "primitive_split")
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("values", [{"factor": 4}, {"factor": 9}, {"nparts": 3}, {"nparts": 9}])
@pytest.mark.parametrize("size", SIZES)
def test_every_size_known_at_compile_time(size, values):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    s[B].split(B.op.axis[0], **values)
    check_readings(s, [B], {A: filled(size)})


@pytest.mark.parametrize("values", [{"factor": 1}, {"nparts": 1}, {"nparts": 3}, {"factor": 40}])
def test_every_size_known_at_run_time(values):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    s[B].split(B.op.axis[0], **values)
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


def test_where_the_factor_divides_nothing_is_guarded():
    _, B = doubled(12)
    s = te.create_schedule(B.op)
    s[B].split("i", factor=4)
    assert "if " not in str(s)
    assert [line.strip() for line in str(s).splitlines()[1:3]] == [
        "for i_o in range(3):",
        "for i_i in range(4):",
    ]


def test_no_part_is_longer_than_the_loop():
    """A loop of 5 cut by 8 does not run 8 times, and one of 0 has no empty part."""
    _, B = doubled(5)
    s = te.create_schedule(B.op)
    s[B].split("i", factor=8)
    assert "if " not in str(s)
    _, C = doubled(0)
    s = te.create_schedule(C.op)
    s[C].split("i", nparts=8)
    assert "range(0)" in str(s)


def test_split_again_and_again():
    n = te.var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    outer, inner = s[B].split("i", factor=6)
    s[B].split(inner, nparts=4)
    s[B].split(outer, factor=2)
    assert [axis.name for axis in s[B].loops] == ["i_o_o", "i_o_i", "i_i_o", "i_i_i"]
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("values", [{"factor": 3}, {"nparts": 3}])
def test_a_reduction_axis(values):
    m = te.var("m")
    A, k = te.placeholder((5, m), name="A"), te.reduce_axis((0, m), name="k")
    B = te.compute((5,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    outer, inner = s[B].split(k, **values)
    assert outer.is_reduce
    assert inner.is_reduce
    kernel = None
    for size in (0, 1, 2, 3, 4, 7):
        kernel = check_readings(s, [B], {A: filled(5, size)}, sizes={m: size}, kernel=kernel)


@pytest.mark.parametrize("values", [{"factor": 3}, {"nparts": 2}])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_a_range_that_depends_on_another_loop(size, values):
    A = te.placeholder((size, 2 * size), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((i, 2 * i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((size,), rule, name="B")
    s = te.create_schedule(B.op)
    s[B].split("k", **values)
    s[B].split("i", **values)
    a = filled(size, 2 * size, dtype="int64")
    row_sums = np.array([a[i, i : 2 * i + 1].sum() for i in range(size)], "int64")
    check_readings(s, [B], {A: a}, expected=[row_sums])


def test_integers_of_numpy_and_constants_are_factors():
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    s[B].split("i", factor=np.int64(4))
    s[B].split("i_i", te.const(2))
    (first, second) = s.trace.steps
    assert type(first.keywords["factor"]) is int
    assert second.keywords == {"factor": 2}


REFUSALS = {
    "neither": ({}, r"split: loop 'i' was given neither factor= nor nparts=; pass one of them"),
    "both": (
        {"factor": 2, "nparts": 2},
        r"split: loop 'i' was given both factor= and nparts=; pass one of them",
    ),
    "factor 0": ({"factor": 0}, r"split: factor 0 of loop 'i' \(extent 8\) must be at least 1"),
    "negative": ({"nparts": -3}, r"split: nparts -3 of loop 'i' \(extent 8\) must be at least 1"),
    "huge": (
        {"factor": 1 << 70},
        (
            r"split: factor 1180591620717411303424 of loop 'i' .* is more "
            r"than any loop runs; pass at most 2147483648"
        ),
    ),
    "float": (
        {"factor": 2.0},
        (
            r"split: factor 2.0 of loop 'i' .* is no number that is known now; "
            r"pass an int"
        ),
    ),
    "text": ({"factor": "2"}, r"split: factor '2' of loop 'i' .* is no number"),
    "bool": ({"factor": True}, r"split: factor True of loop 'i' .* is no number"),
    "symbolic": ({"factor": te.var("t")}, r"split: factor <int64 t> of loop 'i' .* is no number"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    values, message = REFUSALS[case]
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=message):
        s[B].split("i", **values)
    assert str(s) == before
    assert len(s.trace) == 0


def test_a_marked_loop_is_not_split():
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    with pytest.raises(
        ScheduleError,
        match=r"split: loop 'i' is vectorized already; split it first and mark one of the parts",
    ):
        s[B].split("i", factor=2)
