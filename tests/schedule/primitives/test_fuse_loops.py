"""``fuse_loops``: one loop of two that follow one another."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError

N, M = texpr.size("N"), texpr.size("M")
SIZES = (0, 1, 2, 3, 5, 8, 17)


def blurred(n):
    """The second needs one element more of the first than it has got to."""
    A = te.placeholder((n + 2,), name="A")
    B = te.compute((n + 2,), lambda i: A[i] * 2, name="B")
    C = te.compute((n,), lambda j: B[j] + B[j + 1] + B[j + 2], name="C")
    return A, B, C


def test_golden(golden):
    n = te.size_var("n")
    A, B, C = blurred(n)
    s = te.create_schedule([B.op, C.op])
    before = str(s)
    made = s[B].fuse_loops("i", C, "j", shift=2)
    assert s[B].loops == s[C].loops == (made,)
    golden(story(before, s), "primitive_fuse_loops")
    kernel = None
    for size in SIZES:
        a = filled(size + 2)
        kernel = check_readings(s, [B, C], {A: a}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("shift", [2, 3, 7])
def test_the_loop_is_changed_further(shift):
    n = te.size_var("n")
    A, B, C = blurred(n)
    s = te.create_schedule([B.op, C.op])
    made = s.fuse_loops("i", "j", shift)
    _, inner = s.split(made, 4)
    s.split(inner, 3)
    kernel = None
    for size in SIZES:
        a = filled(size + 2)
        kernel = check_readings(s, [B, C], {A: a}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("kind", ["vectorize", "unroll", "parallel"])
def test_the_loop_is_marked(kind):
    A = te.placeholder((12,), "int32", name="A")
    B = te.compute((12,), lambda i: A[i] * 2, name="B")
    C = te.compute((9,), lambda j: B[j] + 3, name="C")
    s = te.create_schedule([B.op, C.op])
    getattr(s, kind)(s.fuse_loops("i", "j"))
    check_readings(s, [B, C], {A: filled(12, dtype="int32")})
    s = te.create_schedule([B.op, C.op])
    made = s.fuse_loops("i", "j", shift=1)
    if kind == "parallel":  # what one iteration makes the next one reads
        with pytest.raises(IllegalScheduleError, match="in parallel over i_f nothing says"):
            s.parallel(made)
    else:
        getattr(s, kind)(made)
        check_readings(s, [B, C], {A: filled(12, dtype="int32")})


def test_a_refusal_names_the_least_shift():
    _, B, C = blurred(8)
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(IllegalScheduleError) as info:
        s.fuse_loops("i", "j")
    text = str(info.value)
    assert "s[B].fuse_loops(i, other='C', second='j', shift=0) would change the result" in text
    assert "instance C(j=0) reads B[1], which instance B(i=1) writes (flow dependence);" in text
    assert text.endswith("legal here: fuse_loops(i, j, shift=2)")
    assert len(s.trace) == 0


def test_what_no_shift_makes_legal():
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] * 2, name="B")
    C = te.compute((8,), lambda j: B[7 - j], name="C")
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(IllegalScheduleError, match=r"shift=6") as info:
        s.fuse_loops("i", "j", shift=6)
    assert "legal here: fuse_loops(i, j, shift=7)" in str(info.value)
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    C = te.compute((n,), lambda j: B[n - 1 - j], name="C")
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(IllegalScheduleError) as info:
        s.fuse_loops("i", "j")
    assert "legal here" not in str(info.value)
    # Backwards it reads them in the order in which they are made.
    s.reverse("j")
    s.fuse_loops("i", "j_r")


def plane(n, m):
    A = te.placeholder((n, m), "int32", name="A")
    B = te.compute((n, m), lambda i, j: A[i, j] * 2, name="B")
    C = te.compute((n, m), lambda i, j: B[i, j] + i, name="C")
    return A, B, C


def test_loops_inside_are_fused_in_turn():
    A, B, C = plane(5, 7)
    s = te.create_schedule([B.op, C.op])
    i_f = s[B].fuse_loops("i", C, "i")
    j_f = s[B].fuse_loops("j", C, "j")
    assert s[C].loops == (i_f, j_f)
    assert "if" not in str(s)
    s[C].tile(i_f, j_f, 2, 4)
    check_readings(s, [B, C], {A: filled(5, 7, dtype="int32")})
    s[C].parallel("i_f_o")
    check_readings(s, [B, C], {A: filled(5, 7, dtype="int32")})


def test_guards_go_inside_loops_that_both_share():
    """The guard of the outer shift is around each statement, not around the loop of both."""
    n = te.size_var("n")
    A, B, C = plane(n, 7)
    s = te.create_schedule([B.op, C.op])
    s[B].fuse_loops("i", C, "i", shift=1)
    s[B].fuse_loops("j", C, "j", shift=2)
    lines = [line.strip() for line in str(s).splitlines()[1:]]
    assert lines[:2] == ["for i_f in range(n + 1):", "for j_f in range(9):"]
    s[B].reorder("j_f", "i_f")
    kernel = None
    for size in SIZES:
        a = filled(size, 7, dtype="int32")
        kernel = check_readings(s, [B, C], {A: a}, sizes={n: size}, kernel=kernel)


def test_a_producer_and_the_reduction_over_it():
    """One loop over data in the one and a reduction in the other; only that is initialised."""
    n = te.size_var("n")
    A = te.placeholder((n,), "int64", name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    k = te.reduce_axis((0, n), name="k")
    S = te.compute((), lambda: te.sum(B[k], axis=k), name="S")
    s = te.create_schedule([B.op, S.op])
    with pytest.raises(IllegalScheduleError, match="legal here: fuse_loops"):
        s[B].fuse_loops("i", S, "k", shift=-1)
    made = s[B].fuse_loops("i", S, "k")
    s[B].split(made, 4)
    kernel = None
    for size in SIZES:
        a = filled(size, dtype="int64")
        kernel = check_readings(s, [B, S], {A: a}, sizes={n: size}, kernel=kernel)


@pytest.mark.parametrize("shift", [0, 1])
def test_two_reductions(shift):
    """Their initialisations come before the loop that reduces both, each in its own guard."""
    A = te.placeholder((6, 9), "int32", name="A")
    k, r = te.reduce_axis((0, 9), name="k"), te.reduce_axis((2, 9), name="r")
    B = te.compute((6,), lambda i: te.sum(A[i, k], axis=k), name="B")
    C = te.compute((6,), lambda i: te.max(A[i, r] + B[i], axis=r), name="C")
    D = te.compute((5,), lambda i: te.sum(A[i, k] * 3, axis=k), name="D")
    s = te.create_schedule([B.op, C.op, D.op])
    i_f = s[B].fuse_loops("i", C, "i", shift=shift)
    i_f = s[B].fuse_loops(i_f, D, "i", shift=shift)
    assert s[D].loops[0] is i_f
    a = filled(6, 9, dtype="int32")
    check_readings(s, [B, C, D], {A: a})
    s[C].fuse_loops("r", D, "k", shift=shift)
    check_readings(s, [B, C, D], {A: a})
    s[D].split(i_f, 4)
    check_readings(s, [B, C, D], {A: a})


def test_skewed_and_split_loops():
    A, B, C = plane(5, 7)
    s = te.create_schedule([B.op, C.op])
    one, two = s[B].skew("i", "j"), s[C].skew("i", "j", 2)
    s[B].reorder(one, "i")
    s[C].reorder(two, "i")
    made = s[B].fuse_loops(one, C, two, shift=3)
    s[B].split(made, 4)
    check_readings(s, [B, C], {A: filled(5, 7, dtype="int32")})


@texpr.kernel
def triangles(A: texpr.f64[N, N], B: texpr.f64[N, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(i + 1):
            B[i, j] = A[i, j] * 2
    for i in range(1, N):
        for j in range(i, N):
            C[i, j] = B[i - 1, i - 1] + A[j, i]


@pytest.mark.parametrize("shift", [0, 1, -1])
def test_ranges_that_depend_on_the_loop(shift):
    s = texpr.create_schedule(triangles)
    s["S0"].fuse_loops("i", "S1", "i", shift=shift)
    s["S0"].fuse_loops("j", "S1", "j", shift=shift)
    s["S0"].split("j_f", 3)
    for n in (1, 2, 5, 8):
        arrays = [filled(n, n, dtype="float64", seed=k) for k in range(3)]
        wanted = [a.copy() for a in arrays]
        triangles(*wanted)
        texpr.build(s)(*arrays)
        for a, b in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_stage_is_computed_in_the_fused_loop():
    A = te.placeholder((20,), "int32", name="A")
    P = te.compute((20,), lambda i: A[i] + 1, name="P")
    B = te.compute((18,), lambda i: P[i] * P[i + 2], name="B")
    C = te.compute((18,), lambda i: P[i + 1] - B[i], name="C")
    s = te.create_schedule([B.op, C.op])
    made = s[B].fuse_loops("i", C, "i", shift=1)
    outer, _ = s[B].split(made, 5)
    s[P].compute_at(s[B], outer)
    check_readings(s, [B, C], {A: filled(20, dtype="int32")})


def test_what_is_inlined_or_moved_is_not_between():
    A = te.placeholder((20,), "int32", name="A")
    B = te.compute((20,), lambda i: A[i] + 1, name="B")
    P = te.compute((20,), lambda i: A[i] * 3, name="P")
    Q = te.compute((20,), lambda i: A[i] * 5, name="Q")
    C = te.compute((20,), lambda i: P[i] - B[i] + Q[i], name="C")
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(
        ScheduleError,
        match=(
            "fuse_loops: between loop 'i' of 'B' and loop 'i' of 'C' runs P, Q; fuse with that "
            "first, or move it away"
        ),
    ):
        s[B].fuse_loops("i", C, "i")
    s[P].compute_inline()
    s[Q].compute_at(s[C], "i")
    s[B].fuse_loops("i", C, "i")
    check_readings(s, [B, C], {A: filled(20, dtype="int32")})


def test_names_stay_apart():
    """A loop that is made later has a name that none of either nest has."""
    _, B, C = plane(4, 4)
    s = te.create_schedule([B.op, C.op])
    s[C].reverse("j")
    s[B].fuse_loops("i", C, "i")
    assert s[B].reverse("j").name == "j_r_1"
    s.fuse_loops("j_r_1", "j_r")


def test_the_order_of_calls_does_not_matter():
    def scheduled(*steps):
        _, B, C = plane(6, 6)
        s = te.create_schedule([B.op, C.op])
        for step in steps:
            step(s)
        return str(s)

    def fuse_outer(s):
        s.fuse_loops(s["B"].loop("i"), s["C"].loop("i"), shift=1)

    def split_inner(s):
        s["C"].split("j", 4)

    def reverse_inner(s):
        s["B"].reverse("j")

    first = scheduled(fuse_outer, split_inner, reverse_inner)
    assert first == scheduled(split_inner, fuse_outer, reverse_inner)
    assert first == scheduled(reverse_inner, split_inner, fuse_outer)


@texpr.kernel
def two_rows(A: texpr.f64[N, M], B: texpr.f64[N, M], R: texpr.f64[N]):
    for i in range(N):
        for j in range(M):
            A[i, j] = 1.0
        for j in range(M):
            B[i, j] = A[i, j]
        R[i] = 2.0


REFUSALS = {
    "unknown stage": (("i", "D", "j"), "no stage 'D'"),
    "unknown loop": (("i", "C", "k"), "fuse_loops: stage 'C' has no loop 'k'"),
    "order": (
        ("j", "B", "i"),
        "fuse_loops: loop 'i' of 'B' runs before loop 'j' of 'C'; name that one first",
    ),
    "itself": (("j", "C", "j"), "fuse_loops: loop 'j' of 'C' is around 'C' already; name two"),
    "float": (("i", "C", "j", 1.0), "fuse_loops: shift 1.0 of loop 'j' is no number"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case):
    (first, *rest), message = REFUSALS[case]
    _, B, C = blurred(8)
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(ScheduleError, match=message):
        s["C" if first == "j" else "B"].fuse_loops(first, *rest)
    assert len(s.trace) == 0


def test_loops_of_other_places():
    s = texpr.create_schedule(two_rows)
    with pytest.raises(
        ScheduleError,
        match=(
            "fuse_loops: loop 'j' of 'S1' is not beside loop 'i' of 'S0', inside the same loops; "
            "fuse what is around them first"
        ),
    ):
        s["S0"].fuse_loops("i", "S1", "j")
    s["S0"].fuse_loops("j", "S1", "j")
    arrays = np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2)
    texpr.build(s)(*arrays)
    for array, value in zip(arrays, (1, 1, 2), strict=True):
        assert (array == value).all()


def test_one_axis_for_two_stages():
    A, k = te.placeholder((6, 9), "int32", name="A"), te.reduce_axis((0, 9), name="k")
    B = te.compute((6,), lambda i: te.sum(A[i, k], axis=k), name="B")
    C = te.compute((6,), lambda i: te.max(A[i, k], axis=k), name="C")
    s = te.create_schedule([B.op, C.op])
    s.fuse_loops(s[B].loop("i"), s[C].loop("i"), shift=1)
    s[B].fuse_loops(k, C, k, shift=-1)
    check_readings(s, [B, C], {A: filled(6, 9, dtype="int32")})


def test_a_marked_loop_is_not_fused():
    _, B, C = blurred(8)
    s = te.create_schedule([B.op, C.op])
    s[C].unroll("j")
    with pytest.raises(ScheduleError, match="fuse_loops: loop 'j' is unrolled already"):
        s.fuse_loops("i", "j")


def test_a_range_that_is_read_from_memory():
    A = te.placeholder((6, 9), "int32", name="A")
    L = te.placeholder((6,), "int32", name="L")

    def rule(i):
        k = te.reduce_axis((0, L[i]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((6,), rule, name="B")
    C = te.compute((6,), rule, name="C")
    s = te.create_schedule([B.op, C.op])
    s[B].fuse_loops("i", C, "i")
    with pytest.raises(
        ScheduleError,
        match="fuse_loops: the range of loop 'k' of 'B' is read from memory; leave it a loop",
    ):
        s[B].fuse_loops("k", C, "k")
    a, lengths = filled(6, 9, dtype="int32"), np.array([0, 3, 9, 1, 5, 2], "int32")
    sums = np.array([a[i, : lengths[i]].sum() for i in range(6)], "int32")
    check_readings(s, [B, C], {A: a, L: lengths}, expected=[sums, sums])


def test_parts_of_one_loop():
    s = texpr.create_schedule(two_rows)
    one, two = s.fission("i", after="S1")
    with pytest.raises(
        ScheduleError,
        match=(
            "fuse_loops: loop 'i_1' of 'S1' and loop 'i_2' of 'S2' are parts of one loop that was "
            "cut; take the fission back instead"
        ),
    ):
        s["S1"].fuse_loops(one, "S2", two)


@pytest.mark.parametrize(
    ("rows", "offset", "shift"), [(7, 0, 0), (7, 2, 2), (7, 1, 3), (9, 0, 3), (7, 0, 5)]
)
def test_what_was_fused_follows_within_the_loop(rows, offset, shift):
    """Its own guard goes along with it, and that of what it follows is not around it."""
    A = te.placeholder((9, 8), "int32", name="A")
    B = te.compute((9, 8), lambda i, j: A[i, j] * 2, name="B")
    C = te.compute((rows, 6), lambda i, j: B[i + offset, j + 1] + 1, name="C")
    s = te.create_schedule([B.op, C.op])
    s[B].split(s[B].fuse_loops("i", C, "i", shift=shift), 4)
    j_o, _ = s[B].split("j", 3)
    s[C].reverse_compute_at(s[B], j_o)
    check_readings(s, [B, C], {A: filled(9, 8, dtype="int32")})


@texpr.kernel
def sums(A: texpr.i32[N, M], B: texpr.i32[N], C: texpr.i32[N]):
    for i in range(N):
        B[i] = 1
    for i in range(N):
        C[i] = 0
    for i in range(N):
        for j in range(M):
            C[i] += A[i, j]


def test_what_was_fused_is_no_longer_a_nest_that_can_be_taken_away():
    message = "{}: loop 'i_f' was made of one of '{}' and one of another stage; {} first, and then"
    s = texpr.create_schedule(sums, fp="reassoc")
    s["S0"].fuse_loops("i", "S1", "i")
    with pytest.raises(ScheduleError, match=message.format(name := "merge_reduction", "S1", name)):
        s.merge_reduction("S1", "S2")
    s = texpr.create_schedule(sums, fp="reassoc")
    s["S1"].fuse_loops("i", "S2", "i")
    with pytest.raises(ScheduleError, match=message.format(name := "rfactor", "S2", name)):
        s.rfactor("S2", "j")
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] * 2, name="B")
    C = te.compute((8,), lambda i: A[i] + 3, name="C")
    D = te.compute((6,), lambda i: C[i] + 1, name="D")
    s = te.create_schedule([D.op, B.op])
    s[D].fuse_loops("i", B, "i")
    name = "reverse_compute_inline"
    with pytest.raises(ScheduleError, match=message.format(name, "D", name)):
        s[D].reverse_compute_inline()
