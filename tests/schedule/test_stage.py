"""Stages: how loops are found, and what is refused whatever the primitive."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError


def program():
    A = te.placeholder((8, 4), "int32", name="A")
    k = te.reduce_axis((0, 4), name="k")
    B = te.compute((8, 4), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((8,), lambda i: te.sum(B[i, k], axis=k), name="C")
    return te.create_schedule(C.op), A, B, C, k


def test_loops():
    s, _, B, C, k = program()
    assert s[C].leaf_iter_vars == s[C].loops
    assert [axis.name for axis in s[C].loops] == ["i", "k"]
    assert s[C].loop("k") is k
    assert s[B].loop("i") is B.op.axis[0]
    assert repr(s[C]) == "<stage C (i, k)>"


def test_axes_and_names_do_equally():
    by_axis, _, B, _, _ = program()
    by_axis[B].split(B.op.axis[0], factor=3)
    by_name, _, B, _, _ = program()
    by_name[B].split("i", factor=3)
    assert str(by_axis) == str(by_name)


def test_inlined():
    s, _, B, _, _ = program()
    assert not s[B].is_inlined
    s[B].compute_inline()
    assert s[B].is_inlined
    assert repr(s[B]) == "<stage B (inlined)>"


LOOPS = {
    "an unknown name": (
        "kk",
        r"stage 'C' has no loop 'kk'; did you mean 'k'\?; its loops are i, k",
    ),
    "a number": (
        0,
        (
            r"0 is no loop; pass an axis such as s\[C\].op.axis\[0\], or the name of a loop "
            r"of 'C': i, k"
        ),
    ),
    "nothing": (None, r"None is no loop; pass an axis"),
    "a variable": (lambda B, C: C.op.axis[0].var, r"<int64 i> is no loop; pass an axis"),
    "all of them at once": (
        lambda B, C: C.op.axis,
        r"the loops are given as a tuple; pass them one by one, \w+\(i\)",
    ),
    "a loop of another stage": (
        lambda B, C: B.op.axis[1],
        r"'j' is a loop of stage 'B', not of 'C'; its loops are i, k",
    ),
    "a loop of another program": (
        te.reduce_axis((0, 4), name="r"),
        r"'r' is no loop of this schedule; those of 'C' are i, k",
    ),
}

CALLS = {
    "split": lambda stage, loop: stage.split(loop, factor=2),
    "tile": lambda stage, loop: stage.tile("i", loop, 2, 2),
    "reorder": lambda stage, loop: stage.reorder("k", loop),
    "fuse": lambda stage, loop: stage.fuse("i", loop),
    "unroll": lambda stage, loop: stage.unroll(loop),
    "vectorize": lambda stage, loop: stage.vectorize(loop),
}


@pytest.mark.parametrize("primitive", CALLS)
@pytest.mark.parametrize("case", LOOPS)
def test_what_is_no_loop_of_the_stage(primitive, case):
    s, _, B, C, _ = program()
    loop, message = LOOPS[case]
    if callable(loop):
        loop = loop(B, C)
    before = str(s)
    with pytest.raises(ScheduleError, match=rf"^{primitive}: {message}"):
        CALLS[primitive](s[C], loop)
    assert str(s) == before


def test_a_loop_that_became_others():
    s, _, B, C, k = program()
    s[C].split(k, factor=2)
    with pytest.raises(
        ScheduleError,
        match=r"unroll: loop 'k' of 'C' became k_o and k_i; use these "
        r"\(its loops are i, k_o, k_i\)",
    ):
        s[C].unroll(k)
    s[C].split("k_o", nparts=2)
    with pytest.raises(ScheduleError, match=r"loop 'k' of 'C' became k_o_o and k_o_i and k_i; use"):
        s[C].unroll(k)
    i, j = B.op.axis
    s[B].fuse(i, j)
    with pytest.raises(
        ScheduleError, match=r"unroll: loop 'j' of 'B' became i_j; use that \(its loops are i_j\)"
    ):
        s[B].unroll(j)
    # Of another stage, what became of it there does not matter here.
    with pytest.raises(ScheduleError, match=r"'j' is a loop of stage 'B', not of 'C'"):
        s[C].unroll(j)


def test_an_axis_that_was_taken_back():
    s, _, B, _, _ = program()
    outer, _ = s[B].split("i", factor=4)
    s.undo()
    with pytest.raises(ScheduleError, match=r"unroll: 'i_o' is no loop of this schedule"):
        s[B].unroll(outer)


def test_loop_by_name():
    s, _, _, C, _ = program()
    with pytest.raises(
        ScheduleError, match=r"loop: stage 'C' has no loop 'zz'; its loops are i, k"
    ):
        s[C].loop("zz")
    with pytest.raises(ScheduleError, match=r"loop: 0.5 is no loop; pass an axis"):
        s[C].loop(0.5)


def test_names_are_not_used_again():
    s, _, B, _, _ = program()
    s[B].split("i", factor=2)
    s[B].fuse("i_o", "i_i")
    assert [axis.name for axis in s[B].loops] == ["i_o_i_i", "j"]
    A = te.placeholder((4, 4), name="A")
    D = te.compute((4, 4), lambda i, i_o: A[i, i_o], name="D")
    t = te.create_schedule(D.op)
    assert [axis.name for axis in t[D].split("i", factor=2)] == ["i_o_1", "i_i"]


def test_a_stage_without_loops():
    A = te.placeholder((), name="A")
    B = te.compute((), lambda: A() + 1, name="B")
    s = te.create_schedule(B.op)
    assert s[B].loops == ()
    with pytest.raises(
        ScheduleError, match=r"split: stage 'B' has no loop 'i'; its loops are none"
    ):
        s[B].split("i", factor=2)


# ---------------------------------------------------------------- the schedule around the stages


def test_stages_by_tensor_operation_name_and_stage():
    s, _, B, _, _ = program()
    assert {s[key].name for key in (B, B.op, "B", s[B])} == {"B"}
    assert [stage.name for stage in s.stages] == ["B", "C"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("b", r"schedule: no stage 'b'; the stages are B, C"),
        ("CC", r"schedule: no stage 'CC'; did you mean 'C'\?; the stages are B, C"),
        (0, r"schedule: no stage 0; the stages are B, C"),
        (None, r"schedule: no stage None; the stages are B, C"),
    ],
)
def test_no_such_stage(key, message):
    s = program()[0]
    with pytest.raises(ScheduleError, match=message):
        s[key]


def test_undo_and_copy():
    s, A, B, C, k = program()
    declared = str(s)
    s[B].compute_inline()
    inlined = str(s)
    s[C].split(k, factor=3)
    other = s.copy()
    assert str(s.undo()) == inlined
    assert str(s.undo()) == declared
    assert str(other) not in (inlined, declared)
    other[C].unroll("k_i")
    assert len(other.trace) == 3
    assert len(s.trace) == 0
    with pytest.raises(ScheduleError, match=r"undo: no primitive was applied yet"):
        s.undo()
    check_readings(other, [C], {A: filled(8, 4, dtype="int32")})
    assert repr(other) == "<schedule of B, C after 3 primitives>"
    # Loops of the original are loops of the copy.
    s[C].split(C.op.axis[0], factor=4)


def test_a_refused_primitive_leaves_no_trace():
    s, _, B, _, _ = program()
    s[B].split("i", factor=2)
    trace, text = str(s.trace), str(s)
    for refused in (
        lambda: s[B].split("j", factor=0),
        lambda: s[B].fuse("i_o", "j"),
        lambda: s[B].reorder("j", "j"),
    ):
        with pytest.raises(ScheduleError):
            refused()
    assert (str(s.trace), str(s)) == (trace, text)


# ---------------------------------------------------------------- loops of the whole schedule


def test_loops_found_by_name_alone():
    s, A, _, C, _ = program()
    s.split("k", factor=2)
    s.reorder("k_o", "k_i")
    s.unroll("k_i")
    assert [axis.name for axis in s[C].loops] == ["i", "k_o", "k_i"]
    check_readings(s, [C], {A: filled(8, 4, dtype="int32")})
    with pytest.raises(
        ScheduleError, match=r"loop: 2 loops are called 'i', around B, C; ask one of the stages"
    ):
        s.split("i", factor=2)
    with pytest.raises(ScheduleError, match=r"loop: no loop 'zz'; the loops are i, j, k_i, k_o"):
        s.unroll("zz")
    with pytest.raises(
        ScheduleError, match=r"unroll: '3' is no loop of this schedule, or no longer; ask s.loop"
    ):
        s.unroll(3)


# ---------------------------------------------------------------- many primitives on one stage


def test_split_fuse_and_reorder_of_everything():
    n, m = te.var("n"), te.var("m")
    A = te.placeholder((n, m), "int32", name="A")
    k = te.reduce_axis((0, m), name="k")
    B = te.compute((n,), lambda i: te.sum(A[i, k] * (i + 1).astype("int32"), axis=k), name="B")
    s = te.create_schedule(B.op)
    i_o, i_i = s[B].split("i", factor=2)
    k_o, k_i = s[B].split(k, nparts=3)
    s[B].reorder(k_o, i_o, k_i, i_i)
    fused = s[B].fuse(k_o, i_o)
    s[B].split(fused, factor=3)
    s[B].unroll(i_i)
    kernel = None
    for shape in ((0, 3), (3, 0), (1, 1), (2, 3), (5, 7)):
        arrays = {A: filled(*shape, dtype="int32")}
        sizes = dict(zip((n, m), shape, strict=True))
        kernel = check_readings(s, [B], arrays, sizes=sizes, kernel=kernel)


def test_a_chain_of_a_thousand_stages():
    """More of them than Python nests calls."""
    x = te.placeholder((8,), name="A")
    stages = [x := x + 1 for _ in range(1000)]
    s = te.create_schedule(x.op)
    for primitive in (
        lambda: s[x].split("i0", factor=4),
        lambda: s.cache_write(stages[500], "local"),
        lambda: s.cache_read(stages[0], "local", [stages[1]]),
    ):
        # Whether so many are within what isl may take is another question; it is answered.
        with contextlib.suppress(IllegalScheduleError):
            primitive()
    assert str(s).count("\n") > 2000
    np.testing.assert_array_equal(texpr.build(s)(np.zeros(8, "float32")), np.full(8, 1000.0))
