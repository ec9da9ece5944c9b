"""``store_at``: a stage has its room outside of the loop that it is computed in, and slides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.primitives.test_compute_at import scratch
from texpr import te
from texpr.bind import bind_arguments
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.ir.interpreter import interpret
from texpr.schedule import Trace


def rows(n, m=6, reach=3):
    """Each row of Y is made of ``reach`` rows of X."""
    A = te.placeholder((n + reach - 1, m), "int32", name="A")
    X = te.compute(A.shape, lambda y, x: A[y, x] * 2 + 1, name="X")
    Y = te.compute(
        (n, m), lambda y, x: sum((X[y + k, x] for k in range(1, reach)), X[y, x]), name="Y"
    )
    return A, X, Y


def runs(s, outputs, arrays):
    """How often each instance of each stage runs."""
    seen = Counter()
    program = bind_arguments(s.program, [*arrays, *outputs])
    made = [np.zeros([int(str(extent)) for extent in t.shape], t.dtype.numpy) for t in outputs]
    interpret(program, *arrays.values(), *made, on_instance=lambda *at: seen.update([at]))
    return seen


def test_golden(golden):
    A, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    y_o, y_i = s[Y].split("y", factor=8)
    s[X].compute_at(s[Y], y_i)
    before = str(s)
    s[X].store_at(s[Y], y_o)
    s[Y].parallel(y_o)
    golden(story(before, s), "primitive_store_at")
    check_readings(s, [Y], {A: filled(34, 6, dtype="int32")})


def test_nothing_is_computed_again():
    A, X, Y = rows(32)
    arrays = {A: filled(34, 6, dtype="int32")}
    s = te.create_schedule(Y.op)
    y_o, y_i = s[Y].split("y", factor=8)
    s[X].compute_at(s[Y], y_i)
    assert sum(n for (label, _), n in runs(s, [Y], arrays).items() if label == "X") == 32 * 3 * 6
    s[X].store_at(s[Y], y_o)  # now only the two rows that two strips read are
    assert sum(n for (label, _), n in runs(s, [Y], arrays).items() if label == "X") == 4 * 10 * 6


@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_every_size(factor):
    n = te.size_var("n")
    A, X, Y = rows(n)
    s = te.create_schedule(Y.op)
    y_o, y_i = s[Y].split("y", factor=factor)
    s[X].compute_at(s[Y], y_i)
    s[X].store_at(s[Y], y_o)
    kernel = None
    for size in (0, 1, 2, 3, 7, 8, 9, 17):
        arrays = {A: filled(size + 2, 6, dtype="int32")}
        kernel = check_readings(s, [Y], arrays, sizes={n: size}, kernel=kernel)


def test_the_order_of_the_calls_makes_no_difference():
    _, X, Y = rows(32)

    def split(s):
        s[Y].split("y", factor=8)

    def move(s):
        s[X].compute_at(s[Y], "y_i")

    def store(s):
        s[X].store_at(s[Y], "y_o")

    def own(s):
        s[X].split("x", factor=4)

    texts = set()
    for order in (
        (split, move, store, own),
        (split, store, move, own),
        (own, split, store, move),
        (split, move, own, store),
    ):
        s = te.create_schedule(Y.op)
        for step in order:
            step(s)
        texts.add(str(s))
    assert len(texts) == 1


def test_a_loop_that_is_split_later():
    A, X, Y = rows(30)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].store_root()
    y_o, _ = s[Y].split("y", factor=8)  # slides on across the parts
    assert "range(0 if y_o == 0 and y_i == 0 else 2, 3)" in str(s)
    arrays = {A: filled(32, 6, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)
    s[X].store_at(s[Y], y_o)
    assert "range(0 if y_i == 0 else 2, 3)" in str(s)
    check_readings(s, [Y], arrays)


def test_a_window_that_slides_downwards():
    A = te.placeholder((34, 6), "int32", name="A")
    X = te.compute((34, 6), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((32, 6), lambda y, x: X[31 - y, x] + X[33 - y, x], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].store_root()
    assert "range(3 if y == 0 else 1)" in str(s)
    s[X].rolling_buffer()
    assert scratch(s) == {"X": ("3", "6")}
    arrays = {A: filled(34, 6, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_steps(step):
    """Windows of three rows that move by a step: with 3 and more none overlap."""
    A = te.placeholder((40, 4), "int32", name="A")
    X = te.compute((40, 4), lambda y, x: A[y, x] + y.astype("int32"), name="X")
    Y = te.compute((9, 4), lambda y, x: X[y * step, x] - X[y * step + 2, x], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].store_root()
    assert ("y == 0" in str(s)) == (step < 3)
    check_readings(s, [Y], {A: filled(40, 4, dtype="int32")})


def test_two_dimensions_slide_along_a_loop_each():
    A = te.placeholder((20, 26), "int32", name="A")
    X = te.compute((20, 26), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((18, 24), lambda y, x: X[y, x] + X[y + 2, x + 2] - X[y + 1, x + 1], name="Y")
    s = te.create_schedule(Y.op)
    _, x_o, _, _ = s[Y].tile("y", "x", 6, 8)
    s[Y].reorder("y_o", "y_i", "x_o")
    s[X].compute_at(s[Y], x_o)
    s[X].store_root()
    arrays = {A: filled(20, 26, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)
    s[X].rolling_buffer(axis=0)
    assert scratch(s) == {"X": ("3", "26")}
    check_readings(s, [Y], arrays)


def test_a_chain_slides_together():
    A = te.placeholder((20, 6), "int32", name="A")
    X = te.compute((20, 6), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((18, 6), lambda y, x: X[y, x] + X[y + 2, x], name="Y")
    Z = te.compute((16, 6), lambda y, x: Y[y, x] * Y[y + 2, x], name="Z")
    s = te.create_schedule(Z.op)
    for stage in (Y, X):
        s[stage].compute_at(s[Z], "y")
        s[stage].store_root()
        s[stage].rolling_buffer()
    assert scratch(s) == {"X": ("5", "6"), "Y": ("3", "6")}
    arrays = {A: filled(20, 6, dtype="int32")}
    assert set(runs(s, [Z], arrays).values()) == {1}
    check_readings(s, [Z], arrays)


def test_a_stage_in_a_loop_of_one_that_slides():
    A = te.placeholder((20, 6), "int32", name="A")
    X = te.compute((20, 6), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((18, 6), lambda y, x: X[y, x] + X[y + 2, x], name="Y")
    Z = te.compute((16, 6), lambda y, x: Y[y, x] * Y[y + 2, x], name="Z")
    s = te.create_schedule(Z.op)
    s[Y].compute_at(s[Z], "y")
    s[Y].store_root()
    s[X].compute_at(s[Y], Y.op.axis[0])
    s[X].store_root()
    arrays = {A: filled(20, 6, dtype="int32")}
    assert set(runs(s, [Z], arrays).values()) == {1}
    check_readings(s, [Z], arrays)


def test_a_reduction_slides_with_its_initialisation():
    A = te.placeholder((20, 5), "int32", name="A")
    k = te.reduce_axis((0, 5), name="k")
    X = te.compute((20,), lambda y: te.sum(A[y, k], axis=k), name="X")
    Y = te.compute((18,), lambda y: X[y] + X[y + 2], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].reorder("k", "y")
    s[X].rolling_buffer()
    assert scratch(s) == {"X": ("4",)}
    arrays = {A: filled(20, 5, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)


@pytest.mark.parametrize("mark", ["vectorize", "unroll", "split"])
def test_a_loop_that_is_counted_is_guarded(mark):
    A = te.placeholder((20,), "int32", name="A")
    X = te.compute((20,), lambda y: A[y] * 2, name="X")
    Y = te.compute((16,), lambda y: X[y] + X[y + 4], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].store_root()
    if mark == "split":
        s[X].split("y", factor=2)
    else:
        getattr(s[X], mark)("y")
    assert "if " in str(s)
    check_readings(s, [Y], {A: filled(20, dtype="int32")})


def test_rows_of_a_padded_image():
    """A window that begins before the first row: what the guard keeps away was not computed."""
    A = te.placeholder((9, 5), "int32", name="A")
    X = te.compute((9, 5), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((9, 5), lambda y, x: te.if_then_else(y > 0, X[y - 1, x], 0) + X[y, x], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "y")
    s[X].rolling_buffer()
    assert scratch(s) == {"X": ("2", "5")}
    arrays = {A: filled(9, 5, dtype="int32")}
    assert set(runs(s, [Y], arrays).values()) == {1}
    check_readings(s, [Y], arrays)


def test_within_the_step_of_a_scan():
    X = te.placeholder((5, 9), "int32", name="X")
    S = te.placeholder((5, 9), "int32", name="S")
    first = te.compute((1, 9), lambda t, i: X[0, i], name="first")
    s1 = te.compute((5, 9), lambda t, i: S[t - 1, i] * 2, name="s1")
    s2 = te.compute((5, 9), lambda t, i: s1[t, i] + te.if_then_else(i > 0, s1[t, i - 1], 1),
                    name="s2")  # fmt: skip
    Y = te.scan(first, s2, S, name="Y")
    s = te.create_schedule(Y.op)
    s[s1].compute_at(s[s2], s2.op.axis[1])
    s[s1].store_root()  # that is, outside of all its own loops: it lives as long as a step
    assert scratch(s) == {"s1": ("9",)}
    check_readings(s, [Y], {X: filled(5, 9, dtype="int32")})
    s[s1].rolling_buffer()
    assert scratch(s) == {"s1": ("2",)}
    check_readings(s, [Y], {X: filled(5, 9, dtype="int32")})


def test_undo_compute_root_and_the_trace():
    _, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    before = str(s)
    s[X].compute_at(s[Y], "y")
    moved = str(s)
    s[X].store_root()
    s[X].store_at(s[Y], "y")
    assert str(s) == moved
    s.undo()
    stored = str(s)
    again = te.create_schedule(Y.op)
    assert str(Trace.from_json(s.trace.to_json()).replay(again)) == stored
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(Y.op).apply(namespace["schedule"])) == stored
    s[X].compute_root()
    assert str(s) == before
    s[X].compute_at(s[Y], "y")
    assert str(s) == moved


# ---------------------------------------------------------------- refusals


def test_iterations_that_slide_are_not_parallel():
    _, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    y_o, y_i = s[Y].split("y", factor=8)
    s[X].compute_at(s[Y], y_i)
    s[X].store_at(s[Y], y_o)
    with pytest.raises(
        IllegalScheduleError,
        match=r"instance Y\(y=1, x=0\) reads X\[1, 0\], which instance X\(y=1, x=0\) writes .*\n"
        r".* in parallel over y_i nothing says which comes first.\n  legal here: parallel\(y_o\)",
    ):
        s[Y].parallel(y_i)
    s[Y].parallel(y_o)
    with pytest.raises(IllegalScheduleError, match="in parallel over y_o nothing says"):
        s[X].store_root()


def test_a_loop_that_would_compute_the_same():
    B = te.placeholder((8,), "int32", name="B")
    P = te.compute((8,), lambda i: B[i] + 1, name="P")
    Q = te.compute((8, 8), lambda i, j: P[j], name="Q")
    t = te.create_schedule(Q.op)
    t[P].compute_at(t[Q], "j")
    with pytest.raises(
        ScheduleError,
        match=r"store_root: 'P' has its room outside of loop 'i', every iteration of which would "
        r"compute the same part of it; compute it outside of that loop, or store it inside",
    ):
        t[P].store_root()
    t[P].store_at(t[Q], "i")
    check_readings(t, [Q], {B: filled(8, dtype="int32")})


def test_a_corner_that_is_new():
    """Rows and columns move with one loop: what is new of both is not all that is new."""
    A = te.placeholder((8, 8), "int32", name="A")
    X = te.compute((8, 8), lambda y, x: A[y, x] * 2, name="X")
    Y = te.compute((6,), lambda i: X[i, i + 2] + X[i + 2, i], name="Y")
    Z = te.compute((6,), lambda i: X[i, i] + X[i + 2, i + 2], name="Z")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "i")
    refusal = r"reads X\[1, 3\], which .*\n.*X\[1, 3\] would not be computed by the time of"
    with pytest.raises(IllegalScheduleError, match=refusal):
        s[X].store_root()
    with pytest.raises(IllegalScheduleError, match=refusal):
        s[X].rolling_buffer(axis=0)
    s = te.create_schedule(Z.op)
    s[X].compute_at(s[Z], "i")
    s[X].store_root()
    check_readings(s, [Z], {A: filled(8, 8, dtype="int32")})


def test_a_window_that_goes_to_and_fro():
    A = te.placeholder((9,), "int32", name="A")
    X = te.compute((9,), lambda i: A[i], name="X")
    Y = te.compute((16,), lambda i: X[i % 8] + X[i % 8 + 1], name="Y")
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], "i")
    with pytest.raises(ScheduleError, match=r"begins at .*%8, and may go to and fro; store it"):
        s[X].store_root()


def test_a_build_waits_for_the_computation():
    _, X, Y = rows(32)
    s = te.create_schedule(Y.op)
    before = str(s)
    s[X].store_at(s[Y], "y")
    assert str(s) == before
    with pytest.raises(
        ScheduleError,
        match=r"store_at: 'X' has its room in loop 'y' of 'Y', which is not around its computation",
    ):
        texpr.build(s)
    s[X].compute_at(s[Y], "y")
    texpr.build(s)


def test_impossible_arguments():
    _, X, Y = rows(32)
    s = te.create_schedule([X.op, Y.op])
    with pytest.raises(ScheduleError, match="store_at: 'X' is an output and must be stored whole"):
        s[X].store_at(s[Y], "y")
    s = te.create_schedule(Y.op)
    with pytest.raises(ScheduleError, match="store_at: stage 'Y' has no loop 'z'"):
        s[X].store_at(s[Y], "z")
    s[X].compute_inline()
    with pytest.raises(ScheduleError, match="store_at: 'X' is inlined and stored nowhere"):
        s[X].store_at(s[Y], "y")
