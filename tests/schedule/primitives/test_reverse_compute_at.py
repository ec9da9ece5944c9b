"""``reverse_compute_at``: a stage follows what it reads, in a loop of that."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.primitives.test_compute_at import scratch
from tests.schedule.primitives.test_store_at import runs
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.schedule import Trace

N = texpr.size("N")


def product(n=13, m=20, p=9):
    A = te.placeholder((n, p), "int32", name="A")
    B = te.placeholder((p, m), "int32", name="B")
    b = te.placeholder((m,), "int32", name="b")
    k = te.reduce_axis((0, p), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    D = te.compute((n, m), lambda i, j: te.max(C[i, j] + b[j], 0), name="D")
    return A, B, b, C, D


def given(A, B, b, n=13, m=20, p=9):
    return {
        A: filled(n, p, dtype="int32"),
        B: filled(p, m, dtype="int32", seed=1),
        b: filled(m, dtype="int32", seed=2),
    }


def test_golden(golden):
    A = te.placeholder((64,), "int32", name="A")
    B = te.compute((64,), lambda i: A[i] + 1, name="B")
    C = te.compute((64,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    i_o, _ = s[B].split(B.op.axis[0], factor=4)
    before = str(s)
    s[C].reverse_compute_at(s[B], i_o)
    golden(story(before, s), "primitive_reverse_compute_at")
    assert set(runs(s, [C], {A: filled(64, dtype="int32")}).values()) == {1}
    check_readings(s, [C], {A: filled(64, dtype="int32")})


def test_every_size():
    n, m, p = (te.size_var(name) for name in "nmp")
    A, B, b, C, D = product(n, m, p)
    s = te.create_schedule(D.op)
    _, j_o, *inner = s[C].tile(*C.op.axis, 4, 8)
    s[C].reorder(j_o, *s[C].split("k", factor=3), *inner)
    s[D].reverse_compute_at(s[C], j_o)
    assert scratch(s) == {"C": ("4", "8")}
    kernel = None
    for sizes in ((0, 3, 2), (1, 1, 1), (4, 8, 3), (5, 9, 4), (3, 3, 0), (13, 20, 9)):
        values = dict(zip((n, m, p), sizes, strict=True))
        kernel = check_readings(s, [D], given(A, B, b, *sizes), sizes=values, kernel=kernel)


def test_the_order_of_the_calls_makes_no_difference():
    *_, C, D = product()
    steps = {
        "tile": lambda s: s[C].tile("i", "j", 4, 8),
        "follow": lambda s: s[D].reverse_compute_at(s[C], "j_o"),
        "own": lambda s: s[D].vectorize(s[D].split("j", factor=4)[1]),
    }
    texts = set()
    for order in ("tile follow own", "tile own follow", "own tile follow"):
        s = te.create_schedule(D.op)
        for step in order.split():
            steps[step](s)
        texts.add(str(s))
    assert len(texts) == 1


def test_a_loop_that_is_split_or_fused_later():
    A, B, b, C, D = product()
    s = te.create_schedule(D.op)
    s[D].reverse_compute_at(s[C], "i")
    assert scratch(s) == {"C": ("1", "20")}
    i_o, i_i = s[C].split("i", factor=4)
    assert scratch(s) == {"C": ("1", "20")}
    s[C].parallel(s[C].fuse(i_o, i_i))
    check_readings(s, [D], given(A, B, b))


def test_axes_in_another_order_and_at_a_distance():
    A = te.placeholder((12, 10), "int32", name="A")
    B = te.compute((12, 10), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((8, 10, 3), lambda y, x, c: B[x + 2, y + 1] * c, name="C")
    s = te.create_schedule(C.op)
    _, j_o, _, _ = s[B].tile(*B.op.axis, 5, 4)
    s[C].reverse_compute_at(s[B], j_o)
    assert set(runs(s, [C], {A: filled(12, 10, dtype="int32")}).values()) == {1}
    check_readings(s, [C], {A: filled(12, 10, dtype="int32")})


def test_a_reduction_over_what_is_complete():
    A, B, b, C, _ = product()
    k = te.reduce_axis((0, 20), name="r")
    T = te.compute((13,), lambda i: te.sum(C[i, k] * b[k], axis=k), name="T")
    s = te.create_schedule(T.op)
    s[T].reverse_compute_at(s[C], C.op.axis[0])
    assert scratch(s) == {"C": ("1", "20")}
    check_readings(s, [T], given(A, B, b))
    with pytest.raises(IllegalScheduleError, match="legal here: reverse_compute_at"):
        s[T].reverse_compute_at(s[C], C.op.axis[1])


def test_a_chain_and_several_readers():
    A, B, b, C, D = product()
    E = te.compute(D.shape, lambda i, j: D[i, j] - C[i, j], name="E")
    F = te.compute((20, 13), lambda j, i: E[i, j] * 3 + b[j], name="F")
    s = te.create_schedule([D.op, F.op])
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[D].reverse_compute_at(s[C], i_o)
    s[E].reverse_compute_at(s[C], i_o)
    s[F].reverse_compute_at(s[E], E.op.axis[0])
    s[C].parallel(i_o)
    assert scratch(s) == {"C": ("4", "20"), "E": ("1", "20")}
    check_readings(s, [D, F], given(A, B, b))


def test_beside_a_producer_in_the_same_loop():
    A = te.placeholder((34,), "int32", name="A")
    P = te.compute((34,), lambda i: A[i] * 2, name="P")
    B = te.compute((32,), lambda i: P[i] + P[i + 2], name="B")
    C = te.compute((32,), lambda i: B[i] - P[i + 1], name="C")
    s = te.create_schedule(C.op)
    i_o, _ = s[B].split(B.op.axis[0], factor=8)
    s[C].reverse_compute_at(s[B], i_o)
    s[P].compute_at(s[B], i_o)
    assert scratch(s) == {"P": ("10",), "B": ("8",)}
    check_readings(s, [C], {A: filled(34, dtype="int32")})


def test_what_others_read_is_stored_whole():
    A, B, b, C, D = product()
    E = te.compute(C.shape, lambda i, j: C[i, 19 - j] + 1, name="E")
    s = te.create_schedule([D.op, E.op])
    s[D].reverse_compute_at(s[C], "i")
    assert scratch(s) == {"C": ("13", "20")}
    check_readings(s, [D, E], given(A, B, b))


def test_room_that_is_asked_for():
    A, B, b, C, D = product()
    s = te.create_schedule(D.op)
    i_o, j_o, _, _ = s[C].tile(*C.op.axis, 4, 8)
    s[D].reverse_compute_at(s[C], j_o)
    assert scratch(s) == {"C": ("4", "8")}
    s[C].store_at(s[C], i_o)
    assert scratch(s) == {"C": ("4", "20")}
    check_readings(s, [D], given(A, B, b))
    s[C].store_root()
    assert scratch(s) == {"C": ("13", "20")}
    with pytest.raises(ScheduleError, match="store_at: loop 'k' of 'C' reduces"):
        s[C].store_at(s[C], "k")


def test_undo_compute_root_and_the_trace():
    A, B, b, C, D = product()
    s = te.create_schedule(D.op)
    before = str(s)
    s[D].reverse_compute_at(s[C], "i")
    moved = str(s)
    assert str(Trace.from_json(s.trace.to_json()).replay(te.create_schedule(D.op))) == moved
    s[D].compute_root()
    assert str(s) == before
    s.undo()
    assert str(s) == moved
    s[C].cache_write("local")
    check_readings(s, [D], given(A, B, b))


def test_an_output_is_read_by_it_as_well():
    A, B, b, C, D = product()
    s = te.create_schedule([C.op, D.op])
    s[D].reverse_compute_at(s[C], "j")
    check_readings(s, [C, D], given(A, B, b))


def test_loop_kernels():
    @texpr.kernel
    def scaled(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i] + 1.0
        for j in range(N):
            C[j] = B[j] * 2.0

    s = texpr.create_schedule(scaled)
    first, second = (stage.name for stage in s.stages)
    s[first].split("i", factor=4)
    s[second].reverse_compute_at(first, "i_o")
    a, b, c = np.arange(11.0), np.zeros(11), np.zeros(11)
    texpr.build(s)(a, b, c)
    np.testing.assert_array_equal(c, (a + 1) * 2)


# ---------------------------------------------------------------- refusals


def test_a_loop_that_was_declared_around_both():
    @texpr.kernel
    def both(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i] + 1.0
            C[i] = B[i] * 2.0

    s = texpr.create_schedule(both)
    first, second = (stage.name for stage in s.stages)
    s[first].fission("i")
    with pytest.raises(ScheduleError, match="its loop 'i' was declared around other stages, too"):
        s[second].reverse_compute_at(first, s[first].loops[0])


def test_where_a_reduction_is_not_complete():
    *_, C, D = product()
    s = te.create_schedule(D.op)
    k_o, _ = s[C].split("k", factor=3)
    s[C].reorder(k_o, "i", "j")
    with pytest.raises(
        IllegalScheduleError,
        match=r"instance D\(i=0, j=0\) reads C\[0, 0\], which instance C\(i=0, j=0, k=3\) writes",
    ):
        s[D].reverse_compute_at(s[C], k_o)
    s = te.create_schedule(D.op)
    with pytest.raises(
        IllegalScheduleError,
        match=r"legal here: reverse_compute_at\(C, i\); reverse_compute_at\(C, j\)",
    ):
        s[D].reverse_compute_at(s[C], "k")


def test_a_stencil():
    A = te.placeholder((34,), "int32", name="A")
    B = te.compute((34,), lambda i: A[i] + 1, name="B")
    C = te.compute((32,), lambda i: B[i] + B[i + 2], name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(
        ScheduleError,
        match=r"reverse_compute_at: 'C' cannot follow 'B', which it reads at i \+ 2, and not one "
        r"element for each of its own at a constant distance; compute 'B' in a loop of 'C' instead",
    ):
        s[C].reverse_compute_at(s[B], "i")


def test_elements_that_read_nothing_there():
    """The first element of C reads no element of B, so that no iteration completes it."""
    A = te.placeholder((8,), "int32", name="A")
    B = te.compute((8,), lambda i: A[i] + 1, name="B")
    C = te.compute((9,), lambda i: te.if_then_else(i > 0, B[i - 1], 0), name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(IllegalScheduleError, match="C: its loops do not run every instance"):
        s[C].reverse_compute_at(s[B], "i")


def test_what_is_needed_later_must_be_there():
    """E, which D reads, is computed after C."""
    A, B, b, C, _ = product()
    E = te.compute((20,), lambda j: b[j] * 2, name="E")
    D = te.compute(C.shape, lambda i, j: C[i, j] + E[j], name="D")
    s = te.create_schedule(D.op)
    order = [stage.name for stage in s.stages]
    assert order.index("E") > order.index("C")
    with pytest.raises(IllegalScheduleError, match=r"reads E\[0\], which instance E\(j=0\) writes"):
        s[D].reverse_compute_at(s[C], "i")
    s[E].compute_at(s[D], "i")
    s[D].reverse_compute_at(s[C], "i")
    check_readings(s, [D], given(A, B, b))


def test_not_into_its_own_loops_nor_around_in_a_circle():
    A, B, b, C, D = product()
    s = te.create_schedule(D.op)
    with pytest.raises(ScheduleError, match="loop 'i' of 'D' is around nothing that 'D' reads"):
        s[D].reverse_compute_at(s[D], "i")
    with pytest.raises(ScheduleError, match="stage 'C' has no loop 'z'"):
        s[D].reverse_compute_at(s[C], "z")
    with pytest.raises(ScheduleError, match="'C' reads, which is nothing that is computed; leave"):
        s[C].reverse_compute_at(s[D], "i")
    s[D].reverse_compute_at(s[C], "i")
    with pytest.raises(ScheduleError, match="loop 'i' of 'D' is not around all that reads 'C'"):
        s[C].compute_at(s[D], "i")
    s[D].compute_root()
    s[C].compute_at(s[D], "i")
    with pytest.raises(ScheduleError, match="loop 'i' of 'C' is around nothing that 'D' reads"):
        s[D].reverse_compute_at(s[C], C.op.axis[0])
    check_readings(s, [D], given(A, B, b))


def test_the_loop_of_an_inlined_stage():
    A = te.placeholder((8,), "int32", name="A")
    B = te.compute((8,), lambda i: A[i] + 1, name="B")
    C = te.compute((8,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    s[C].reverse_compute_at(s[B], "i")
    with pytest.raises(ScheduleError, match="'C' is computed at its loop 'i'; move 'C' first"):
        s[B].compute_inline()


def test_vectorized_loops_do_not_nest():
    *_, C, D = product()
    s = te.create_schedule(D.op)
    s[C].vectorize("j")
    s[D].vectorize("j")
    with pytest.raises(ScheduleError, match="'D' would have the loops j and j vectorized one"):
        s[D].reverse_compute_at(s[C], "j")


def test_what_writes_the_same_array_is_not_what_it_reads():
    """The rest of a loop that was cut reads nothing of the first part."""
    A = te.placeholder((7,), name="A")
    B = te.compute((7,), lambda i: A[i] * 2, name="B")
    s = te.create_schedule(B.op)
    s[B].loop_partition("i", [2])
    with pytest.raises(ScheduleError, match="reads, which is nothing that is computed"):
        s["B_1"].reverse_compute_at(s["B"], "i")
