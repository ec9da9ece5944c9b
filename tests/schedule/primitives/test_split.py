"""``split``: one loop becomes two."""

from __future__ import annotations

import re

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.schedule import Trace

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


# ---------------------------------------------------------------- in several loops


@pytest.mark.parametrize(
    "factors",
    [[2, None], [None, 2], [2, None, 4], [None, 3, 2], [2, 3, None], [1, None, 5, 2], [3, 2, 4]],
)
@pytest.mark.parametrize("size", SIZES)
def test_several_loops_of_a_size_known_at_compile_time(size, factors):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    loops = s[B].split("i", factors=factors)
    assert s[B].loops == loops
    assert len(loops) == len(factors)
    check_readings(s, [B], {A: filled(size)})


@pytest.mark.parametrize("factors", [[2, None], [None, 3, 2], [2, 3, None]])
def test_several_loops_of_a_size_known_at_run_time(factors):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    s.split("i", factors=factors)
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


def test_loops_of_several_are_numbered():
    _, B = doubled(48)
    s = te.create_schedule(B.op)
    loops = s[B].split("i", factors=[3, None, 8])
    assert [loop.name for loop in loops] == ["i_0", "i_1", "i_2"]
    assert [int(s.state.extent(loop).value) for loop in loops] == [3, 2, 8]
    assert "if " not in str(s)
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(B.op))
    assert str(again) == str(s)
    assert "i_0, i_1, i_2 = B.split(i, factors=[3, None, 8])" in str(s.trace)


# ---------------------------------------------------------------- tails

TAILS = ("guard", "cut", "shift_inwards")


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("values", [{"factor": 4}, {"nparts": 3}, {"factor": 9}])
@pytest.mark.parametrize("size", SIZES)
def test_every_tail_of_every_size(size, values, tail):
    A, B = doubled(size)
    s = te.create_schedule(B.op)
    loops = s[B].split("i", **values, tail=tail)
    assert s[B].loops == loops
    assert tail == "guard" or "if " not in str(s)
    check_readings(s, [B], {A: filled(size)})


@pytest.mark.parametrize("tail", TAILS)
def test_every_tail_of_a_size_known_at_run_time(tail):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    _, inner = s[B].split("i", 4, tail=tail)
    s[B].vectorize(inner)
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("tail", ["cut", "shift_inwards"])
def test_golden_of_a_tail(golden, tail):
    A = te.placeholder((22,), name="A")
    B = te.compute((22,), lambda i: A[i] * 2, name="B")
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].split("i", 4, tail=tail)
    golden(story(before, s), f"primitive_split_{tail}")
    check_readings(s, [B], {A: filled(22)})


@pytest.mark.parametrize("tail", TAILS)
def test_where_the_factor_divides_there_is_no_tail(tail):
    _, B = doubled(12)
    s = te.create_schedule(B.op)
    s[B].split("i", factor=4, tail=tail)
    assert "if " not in str(s)
    assert len(s.stages) == 1


@pytest.mark.parametrize("factors", [[2, None, 4], [None, 2, 3]])
def test_full_tiles_of_several_loops(factors):
    n = te.size_var("n")
    A, B = doubled(n)
    s = te.create_schedule(B.op)
    s[B].split("i", factors=factors, tail="cut")
    kernel = None
    for size in (*SIZES, 24, 25):
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("tail", ["guard", "cut"])
def test_tails_of_a_reduction(tail):
    m = te.size_var("m")
    A, k = te.placeholder((5, m), "int32", name="A"), te.reduce_axis((0, m), name="k")
    B = te.compute((5,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].split(k, 3, tail=tail)
    s[B].split("i", 2, tail=tail)
    kernel = None
    for size in (0, 1, 2, 3, 4, 7):
        arrays = {A: filled(5, size, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={m: size}, kernel=kernel)


def test_parts_of_both_loops_are_cut_where_each_is_outermost():
    A = te.placeholder((10, 11), "int32", name="A")
    B = te.compute((10, 11), lambda i, j: A[i, j] + j, name="B")
    s = te.create_schedule(B.op)
    i_o, i_i = s[B].split("i", 4, tail="cut")
    s[B].reorder("j", i_o, i_i)
    j_o, j_i = s[B].split("j", 4, tail="cut")
    s[B].reorder(i_o, j_o, i_i, j_i)
    s[B].vectorize(j_i)
    assert [stage.name for stage in s.stages] == ["B", "B_2", "B_1"]
    assert "if " not in str(s)
    check_readings(s, [B], {A: filled(10, 11, dtype="int32")})


@pytest.mark.parametrize("sizes", [(13, 17, 5), (6, 16, 3), (7, 33, 1)])
def test_a_matrix_product_of_odd_sizes_without_a_guard(sizes):
    n, m, depth = sizes
    A, B = te.placeholder((n, depth), name="A"), te.placeholder((depth, m), name="B")
    k = te.reduce_axis((0, depth), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    i_o, i_i = s[C].split("i", 6, tail="shift_inwards")
    j_o, j_i = s[C].split("j", 16, tail="shift_inwards")
    s[C].reorder(i_o, j_o, i_i, j_i)
    s[CC].compute_at(s[C], j_o)
    s[CC].reorder("k", "i_c", "j_c")
    s[CC].vectorize("j_c")
    assert "if " not in str(s)
    assert 'C_local = empty((6, 16), float32, scope="local")' in str(s)
    check_readings(s, [C], {A: filled(n, depth), B: filled(depth, m)})


def test_a_matrix_product_of_sizes_known_at_run_time():
    n, m, depth = (te.size_var(name) for name in ("n", "m", "depth"))
    A, B = te.placeholder((n, depth), name="A"), te.placeholder((depth, m), name="B")
    k = te.reduce_axis((0, depth), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    loops = [s[C].split(axis, 4, tail="shift_inwards") for axis in s[C].loops]
    s[C].reorder(*(outer for outer, _ in loops), *(inner for _, inner in loops))
    s[CC].compute_at(s[C], "j_o")
    assert 'C_local = empty((4, 4), float32, scope="local")' in str(s)
    kernel = None
    for rows, columns, terms in ((0, 3, 2), (1, 1, 0), (3, 4, 5), (5, 9, 2), (8, 7, 1)):
        arrays = {A: filled(rows, terms), B: filled(terms, columns)}
        known = {n: rows, m: columns, depth: terms}
        kernel = check_readings(s, [C], arrays, sizes=known, kernel=kernel)


def test_what_may_not_run_twice():
    N = texpr.size("N")

    @texpr.kernel
    def bump(A: texpr.f64[N], B: texpr.f64[N]):
        for i in range(N):
            A[i] = A[i] + 1.0
        for j in range(1, N):
            B[j] = B[j - 1] + 1.0

    s = texpr.create_schedule(bump)
    with pytest.raises(
        IllegalScheduleError,
        match="S0: its loops run some instance twice, which reads what it writes of A",
    ):
        s.split("i", 4, tail="shift_inwards")
    # An element is computed again from the same one, but its reader ran before.
    with pytest.raises(IllegalScheduleError, match=r"instance .* reads B\[2\], which instance"):
        s.split("j", 4, tail="shift_inwards")
    s.split("i", 4, tail="cut")


@pytest.mark.parametrize("primitive", ["parallel", "vectorize"])
def test_runs_of_an_element_do_not_meet(primitive):
    _, B = doubled(10)
    s = te.create_schedule(B.op)
    s[B].split("i", 4, tail="shift_inwards")
    s[B].unroll("i_i")
    kind = {"parallel": "parallel", "vectorize": "vectorized"}[primitive]
    with pytest.raises(
        IllegalScheduleError,
        match=f"its loops run some instance twice, at once in the {kind} loop 'i_o'",
    ):
        getattr(s[B], primitive)("i_o")


TAIL_REFUSALS = {
    "no tail": (
        {"factor": 4, "tail": "cutt"},
        (
            r"split: no tail 'cutt' of loop 'i'; did you mean 'cut'\?; it is one of 'guard', "
            r"'cut', 'shift_inwards', 'round_up'"
        ),
    ),
    "two ways": (
        {"factor": 4, "factors": [2, None]},
        r"split: loop 'i' was given factor= and factors=; pass one of them",
    ),
    "one factor": (
        {"factors": [4]},
        r"split: factors \(4,\) of loop 'i' make no two loops; pass a list such as \[4, None, 8\]",
    ),
    "no list": ({"factors": 4}, r"split: factors 4 of loop 'i' make no two loops"),
    "two open": (
        {"factors": [None, 2, None]},
        r"split: 2 factors of loop 'i' are None; one follows from the others, so leave one at most",
    ),
    "too few": (
        {"factors": [2, 3]},
        (
            r"split: the extent 8 of loop 'i' is more than 6; leave one of factors=\[2, 3\] open, "
            r"such as the first: None"
        ),
    ),
    "no number": ({"factors": [None, 2.0]}, r"split: factor 2.0 of loop 'i' .* is no number"),
    "three shifted": (
        {"factors": [2, None, 3], "tail": "shift_inwards"},
        (
            r"split: tail='shift_inwards' of loop 'i': it shifts the last of two loops; split by "
            r"factor=, and again"
        ),
    ),
}


@pytest.mark.parametrize("case", TAIL_REFUSALS)
def test_refusals_of_factors_and_tails(case):
    values, message = TAIL_REFUSALS[case]
    _, B = doubled(8)
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=message):
        s[B].split("i", **values)
    assert str(s) == before


def test_refusals_that_hang_on_the_loop():
    n = te.size_var("n")
    A, k = te.placeholder((n, n), name="A"), te.reduce_axis((0, n), name="k")
    B = te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    for values, message in (
        ({"factors": [2, 3]}, r"split: the extent n of loop 'k' is known only at run time"),
        (
            {"nparts": 2, "tail": "cut"},
            r"split: tail='cut' of loop 'k', which is to be in parts by",
        ),
        (
            {"factor": 2, "tail": "shift_inwards"},
            r"'k', which reduces, would add some terms twice; take tail='guard' or 'cut'",
        ),
    ):
        with pytest.raises(ScheduleError, match=message):
            s[B].split("k", **values)
    _, k_i = s[B].split("k", 4)
    with pytest.raises(
        ScheduleError,
        match="split: tail='cut': loop 'k_i' was made of k, of which a part of it is no part",
    ):
        s[B].split(k_i, 3, tail="cut")


# ---------------------------------------------------------------- rounded up


def padded_product(n, m, depth):
    """A matrix product over operands that are padded to tiles of 6 and 16."""
    A, B = te.placeholder((n, depth), name="A"), te.placeholder((depth, m), name="B")
    PA = te.compute(
        ((n + 5) // 6 * 6, depth), lambda i, j: te.if_then_else(i < n, A[i, j], 0.0), name="PA"
    )
    PB = te.compute(
        (depth, (m + 15) // 16 * 16), lambda i, j: te.if_then_else(j < m, B[i, j], 0.0), name="PB"
    )
    k = te.reduce_axis((0, depth), name="k")
    return A, B, te.compute((n, m), lambda i, j: te.sum(PA[i, k] * PB[k, j], axis=k), name="C")


def test_golden_of_a_loop_that_is_rounded_up(golden):
    A, B, C = padded_product(13, 17, 5)
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    before = str(s)
    s[CC].split("i_c", 6, tail="round_up")
    s[CC].split("j_c", 16, tail="round_up")
    golden(story(before, s), "primitive_split_round_up")
    check_readings(s, [C], {A: filled(13, 5), B: filled(5, 17)})


def test_accumulators_of_a_matrix_product_over_padded_operands():
    n, m, depth = (te.size_var(name) for name in ("n", "m", "depth"))
    A, B, C = padded_product(n, m, depth)
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    i_o, i_i = s[CC].split(CC.op.axis[0], 6, tail="round_up")
    j_o, j_i = s[CC].split("j_c", 16, tail="round_up")
    s[CC].reorder(i_o, j_o, "k", i_i, j_i)
    s[CC].vectorize(j_i)
    s[CC].parallel(i_o)
    assert 'C_local = empty(((n + 5)//6*6, (m + 15)//16*16), float32, scope="local")' in str(s)
    assert "if " not in str(s).replace(" if i < n", "").replace(" if j < m", "")
    kernel = None
    for rows, columns, terms in ((0, 3, 2), (1, 1, 0), (13, 17, 5), (6, 16, 2), (7, 33, 1)):
        arrays = {A: filled(rows, terms), B: filled(terms, columns)}
        known = {n: rows, m: columns, depth: terms}
        kernel = check_readings(s, [C], arrays, sizes=known, kernel=kernel)


def test_rounded_up_and_computed_in_tiles_of_its_reader():
    A, B, C = padded_product(13, 17, 5)
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    _, j_o, *_ = s[C].tile("i", "j", 6, 16)
    s[CC].split("i_c", 6, tail="round_up")
    s[CC].split("j_c", 16, tail="round_up")
    s[CC].compute_at(s[C], j_o)
    sums = str(s).partition("C_local = ")[2].partition("for i_i in")[0]
    assert sums.startswith('empty((6, 16), float32, scope="local")')
    assert "if " not in sums
    check_readings(s, [C], {A: filled(13, 5), B: filled(5, 17)})
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(C.op))
    assert str(again) == str(s)
    assert str(s.undo().undo().undo().undo().undo()) == str(te.create_schedule(C.op))


def test_what_a_rounded_loop_would_read_outside_is_named():
    A, B = te.placeholder((9, 5), name="A"), te.placeholder((5, 8), name="B")
    k = te.reduce_axis((0, 5), name="k")
    C = te.compute((9, 8), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    before = str(s)
    with pytest.raises(
        IllegalScheduleError,
        match=r"C_local would touch A\[9, 0\], which is outside of the array; let it read a padded",
    ):
        s[CC].split("i_c", 4, tail="round_up")
    assert str(s) == before
    s[CC].split("j_c", 4, tail="round_up")
    assert str(s).count('C_local = empty((9, 8), float32, scope="local")') == 1, "it divides"


def test_a_reader_that_would_see_what_is_beyond():
    """At an index that is data nobody can tell that it stays within what was there."""
    A = te.placeholder((9,), name="A")
    I = te.placeholder((9,), "int32", name="I")  # noqa: E741 - short as the others
    B = te.compute((9,), lambda i: A[0] * 2, name="B")
    C = te.compute((9,), lambda i: B[I[i]], name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(IllegalScheduleError, match=r"C may touch B\[9\], which is outside"):
        s[B].split("i", 4, tail="round_up")


ROUND_UP_REFUSALS = {
    "the caller's": (
        "C",
        "i",
        (
            "'C' writes an array of the caller's, which has no room for more; call cache_write, "
            "and round up what computes the cache"
        ),
    ),
    "reducing": ("C_local", "k", "it reduces, and would add more terms; take tail='guard' or"),
    "a part": ("C_local", "i_c_i", "it is no declared loop of 'C_local' alone that is a subscript"),
}


@pytest.mark.parametrize("case", ROUND_UP_REFUSALS)
def test_loops_that_are_not_rounded_up(case):
    stage, loop, message = ROUND_UP_REFUSALS[case]
    _, _, C = padded_product(13, 17, 5)
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    s[CC].split("i_c", 6)
    with pytest.raises(
        ScheduleError, match=re.escape(f"split: tail='round_up' of loop '{loop}': {message}")
    ):
        s[stage].split(loop, 4, tail="round_up")
