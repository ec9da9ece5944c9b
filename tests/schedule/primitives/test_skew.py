"""``skew``: a loop moves along with one around it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError

SIZES = ((0, 0), (1, 1), (3, 4), (4, 9), (5, 5), (7, 3), (13, 17))
N, T = texpr.size("N"), texpr.size("T")


def doubled(n, m):
    A = te.placeholder((n, m), name="A")
    return A, te.compute((n, m), lambda t, i: A[t, i] * 2 + i, name="B")


def test_golden(golden):
    n, m = te.var("n"), te.var("m")
    A, B = doubled(n, m)
    s = te.create_schedule(B.op)
    before = str(s)
    made = s[B].skew(*B.op.axis)
    assert [axis.name for axis in s[B].leaf_iter_vars] == ["t", "i_s"]
    s[B].reorder(made, "t")
    golden(story(before, s), "primitive_skew")
    kernel = None
    for size in SIZES:
        sizes = dict(zip((n, m), size, strict=True))
        kernel = check_readings(s, [B], {A: filled(*size)}, sizes=sizes, kernel=kernel)


@pytest.mark.parametrize("factor", [1, 2, -1, -3, 0])
@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_tiles_in_any_order(factor, order):
    n, m = te.var("n"), te.var("m")
    A, B = doubled(n, m)
    s = te.create_schedule(B.op)
    made = s[B].skew("t", "i", factor)
    loops = [*s[B].split("t", 3), *s[B].split(made, 4)]
    s[B].reorder(*(loops[k] for k in order))
    kernel = None
    for size in SIZES:
        sizes = dict(zip((n, m), size, strict=True))
        kernel = check_readings(s, [B], {A: filled(*size)}, sizes=sizes, kernel=kernel)


@pytest.mark.parametrize("factor", [1, -2])
@pytest.mark.parametrize("what", ["reverse", "shift", "skew", "fuse", "nparts", "vectorize"])
def test_what_was_skewed_is_changed_further(what, factor):
    n, m = te.var("n"), te.var("m")
    A, B = doubled(n, m)
    s = te.create_schedule(B.op)
    made = s[B].skew("t", "i", factor)
    if what == "reverse":
        s[B].reorder(s[B].reverse(made), "t")
    elif what == "shift":
        s[B].reorder(s[B].shift(made, 5), "t")
    elif what == "skew":
        t_o, _ = s[B].split("t", 2)
        s[B].reorder(s[B].skew(t_o, made, 3), t_o, "t_i")
    elif what == "fuse":
        s[B].fuse("t", made)
    elif what == "nparts":
        s[B].reorder(*s[B].split(made, nparts=3), "t")
    else:
        _, inner = s[B].split(made, 4)
        s[B].vectorize(inner)
    kernel = None
    for size in SIZES:
        sizes = dict(zip((n, m), size, strict=True))
        kernel = check_readings(s, [B], {A: filled(*size)}, sizes=sizes, kernel=kernel)


@pytest.mark.parametrize("kind", ["vectorize", "unroll", "parallel"])
@pytest.mark.parametrize("factor", [1, -2])
@pytest.mark.parametrize("size", [(5, 13), (8, 8)])
def test_the_loops_are_marked(kind, factor, size):
    """Inside, the loop has as many iterations in each step; outside, either loop has guards."""
    A, B = doubled(*size)
    for where in ("inside", "outside", "the other"):
        s = te.create_schedule(B.op)
        made = s[B].skew("t", "i", factor)
        if where != "inside":
            s[B].reorder(made, "t")
        getattr(s[B], kind)("t" if where == "the other" else made)
        check_readings(s, [B], {A: filled(*size)})


def test_two_loops_along_with_one():
    """The usual form of stencils in two dimensions."""
    A = te.placeholder((4, 6, 7), "int32", name="A")
    B = te.compute(A.shape, lambda t, i, j: A[t, i, j] + i, name="B")
    s = te.create_schedule(B.op)
    i_s, j_s = s[B].skew("t", "i"), s[B].skew("t", "j")
    loops = [s[B].split(loop, 3) for loop in ("t", i_s, j_s)]
    s[B].reorder(*(o for o, _ in loops), *(i for _, i in loops))
    check_readings(s, [B], {A: filled(4, 6, 7, dtype="int32")})


def test_along_with_one_that_was_skewed():
    A = te.placeholder((4, 6, 7), "int32", name="A")
    B = te.compute(A.shape, lambda t, i, j: A[t, i, j] + i, name="B")
    s = te.create_schedule(B.op)
    i_s = s[B].skew("t", "i", 2)
    j_s = s[B].skew(i_s, "j", -1)
    s[B].reorder(j_s, i_s, "t")
    s[B].split(j_s, 4)
    check_readings(s, [B], {A: filled(4, 6, 7, dtype="int32")})


def test_a_range_that_depends_on_another_loop():
    """A triangle, skewed to a rectangle and to a triangle that grows twice as fast."""
    A = te.placeholder((9, 9), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((i, 9), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((9,), rule, name="B")
    a = filled(9, 9, dtype="int64")
    for factor, loop in ((-1, "range(9 - i)"), (1, "range(i*2, i + 9)")):
        s = te.create_schedule(B.op)
        k_s = s[B].skew("i", "k", factor)
        assert f"for k_s in {loop}:" in str(s)
        check_readings(s, [B], {A: a}, expected=[np.triu(a).sum(1)])
        s[B].reorder(k_s, "i")
        check_readings(s, [B], {A: a}, expected=[np.triu(a).sum(1)])
        s[B].split(k_s, 4)
        check_readings(s, [B], {A: a}, expected=[np.triu(a).sum(1)])


@pytest.mark.parametrize("pair", [("k", "i"), ("i", "k"), ("i", "j"), ("j", "k")])
def test_data_along_with_a_reduction(pair):
    A, k = te.placeholder((5, 6), "int32", name="A"), te.reduce_axis((0, 6), name="k")
    C = te.compute((5, 4), lambda i, j: te.sum(A[i, k] * (j + 1), axis=k), name="C")
    s = te.create_schedule(C.op)
    if pair == ("k", "i"):
        s[C].reorder("k", "i", "j")
    made = s[C].skew(*pair)
    a = filled(5, 6, dtype="int32")
    check_readings(s, [C], {A: a})
    s[C].split(made, 4)
    check_readings(s, [C], {A: a})


def test_the_order_of_calls_does_not_matter():
    """By which loop first, and whether that is split before; names do not tell which it was."""
    A = te.placeholder((6, 9, 9), name="A")
    B = te.compute(A.shape, lambda t, i, j: A[t, i, j], name="B")
    steps = [
        lambda stage: stage.skew("t", "i"),
        lambda stage: stage.skew("t", "j", 2),
        lambda stage: stage.split(stage.loop("i_s" if "i_s" in names(stage) else "i"), 4),
    ]

    def names(stage):
        return [loop.name for loop in stage.loops]

    def scheduled(order):
        s = te.create_schedule(B.op)
        for k in order:
            steps[k](s[B])
        return str(s)

    assert scheduled((0, 1, 2)) == scheduled((1, 0, 2)) == scheduled((0, 2, 1))


def test_a_part_of_the_loop_that_is_moved_along_with():
    """Split first, the inner loop moves along with both parts of the outer one."""
    n, m = te.var("n"), te.var("m")
    A, B = doubled(n, m)
    s = te.create_schedule(B.op)
    s[B].split("t", 4)
    i_s = s[B].skew("t_i", s[B].skew("t_o", "i", 4))
    s[B].reorder(*s[B].split(i_s, 5), "t_i")
    s[B].reorder("i_s_s_o", "t_o")
    kernel = None
    for size in SIZES:
        sizes = dict(zip((n, m), size, strict=True))
        kernel = check_readings(s, [B], {A: filled(*size)}, sizes=sizes, kernel=kernel)


@texpr.kernel
def jacobi(A: texpr.f64[T, N]):
    for t in range(T - 1):
        for i in range(1, N - 1):
            A[t + 1, i] = (A[t, i - 1] + A[t, i] + A[t, i + 1]) / 3


def test_the_exchange_of_two_loops_becomes_legal():
    s = texpr.create_schedule(jacobi)
    with pytest.raises(IllegalScheduleError, match=r"s\[S0\].reorder\(i, t\) would change"):
        s.reorder("i", "t")
    i_s = s.skew("t", "i")
    s.reorder(i_s, "t")
    for factor in (0, -1):
        s = texpr.create_schedule(jacobi)
        i_s = s.skew("t", "i", factor)
        with pytest.raises(IllegalScheduleError, match=r"s\[S0\].reorder\(i_s, t\) would change"):
            s.reorder(i_s, "t")


REFUSALS = {
    "float": (("t", "i", 1.5), "skew: factor 1.5 of loop 'i' is no number that is known now"),
    "symbolic": (("t", "i", te.var("f")), "skew: factor <int64 f> of loop 'i' is no number"),
    "huge": (("t", "i", 1 << 40), "skew: factor 1099511627776 of loop 'i' is more than any loop"),
    "twice": (("i", "i"), "skew: loop 'i' is given twice; name the loop that stays and the one"),
    "inside": (
        ("i", "t"),
        r"skew: loop 'i' is inside 't' \(the loops of 'B' are t, i\); name the outer one first",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    given, message = REFUSALS[case]
    _, B = doubled(8, 8)
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=message):
        s[B].skew(*given)
    assert str(s) == before


def test_a_marked_loop_is_not_skewed():
    _, B = doubled(8, 8)
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    with pytest.raises(ScheduleError, match="skew: loop 'i' is vectorized already; skew it first"):
        s[B].skew("t", "i")


def test_a_range_that_goes_up_and_down():
    A = te.placeholder((9, 20), "int64", name="A")

    def rule(i):
        k = te.reduce_axis((0, i % 3 + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((9,), rule, name="B")
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError, match=r"skew: the range of 'k' depends on 'i': .* goes up and down with loop"
    ):
        s[B].skew("i", "k")


@pytest.mark.parametrize("is_skewed_first", [True, False])
def test_a_stage_that_is_moved_keeps_to_its_window(is_skewed_first):
    """The ends that a skewed loop must keep to are those of the window, not of the whole array."""
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n + 2, m + 1), "int32", name="A")
    P = te.compute(A.shape, lambda i, j: A[i, j] * 2, name="P")
    C = te.compute((n, m), lambda i, j: P[i, j] + P[i + 2, j + 1], name="C")
    s = te.create_schedule(C.op)
    steps = [
        lambda: s[P].compute_at(s[C], s[C].split("i", 4)[0]),
        lambda: s[P].reorder(s[P].skew("i", "j"), "i"),
    ]
    for step in reversed(steps) if is_skewed_first else steps:
        step()
    s[C].reorder("i_o", "j", "i_i")
    s[P].compute_at(s[C], "j")
    kernel = None
    for size in SIZES:
        a = filled(size[0] + 2, size[1] + 1, dtype="int32")
        sizes = dict(zip((n, m), size, strict=True))
        kernel = check_readings(s, [C], {A: a}, sizes=sizes, kernel=kernel)
