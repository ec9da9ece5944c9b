"""``compute_at``: a stage is computed inside a loop of a stage that reads it."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.ir.program import Alloc, stmts
from texpr.schedule import Trace

N = texpr.size("N")


def window(n):
    """Each element of C reads two of B's, which are two apart."""
    A = te.placeholder((n + 2,), "int32", name="A")
    B = te.compute((n + 2,), lambda i: A[i] + 1, name="B")
    C = te.compute((n,), lambda i: B[i] * B[i + 2], name="C")
    return A, B, C


def scratch(s):
    """The shapes of the scratch in a schedule's program."""
    allocs = [stmt for stmt in stmts(s.program.body) if isinstance(stmt, Alloc)]
    return {alloc.buffer.name: tuple(map(str, alloc.buffer.shape)) for alloc in allocs}


def test_golden(golden):
    A, B, C = window(64)
    s = te.create_schedule(C.op)
    before = str(s)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    golden(story(before, s), "primitive_compute_at")
    check_readings(s, [C], {A: filled(66, dtype="int32")})


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size):
    A, B, C = window(size)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    check_readings(s, [C], {A: filled(size + 2, dtype="int32")})


def test_every_size_known_at_run_time():
    n = te.size_var("n")
    A, B, C = window(n)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    assert scratch(s) == {"B": ("6",)}
    kernel = None
    for size in (0, 1, 3, 4, 5, 7):
        arrays = {A: filled(size + 2, dtype="int32")}
        kernel = check_readings(s, [C], arrays, sizes={n: size}, kernel=kernel)


# ---------------------------------------------------------------- order of the calls


def test_split_before_or_after_it_gives_the_same_loops():
    _, B, C = window(64)
    texts = []
    for is_first in (True, False):
        s = te.create_schedule(C.op)
        i_o, _ = s[C].split(C.op.axis[0], factor=8)
        if is_first:
            s[B].compute_at(s[C], i_o)
        s[B].split(B.op.axis[0], factor=4)
        s[B].unroll("i_i")
        if not is_first:
            s[B].compute_at(s[C], i_o)
        texts.append(str(s))
    assert texts[0] == texts[1]


def test_a_number_of_parts_is_of_what_is_computed_there():
    A, B, C = window(64)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=8)
    s[B].split(B.op.axis[0], nparts=2)
    s[B].compute_at(s[C], i_o)
    assert "i_i_1 in range(5)" in str(s) or "i_i in range(5)" in str(s)
    check_readings(s, [C], {A: filled(66, dtype="int32")})


def test_a_split_of_the_loop_takes_the_stage_into_its_inner_part():
    A, B, C = window(64)
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], C.op.axis[0])
    s[C].split(C.op.axis[0], factor=8)
    assert scratch(s) == {"B": ("3",)}
    check_readings(s, [C], {A: filled(66, dtype="int32")})


@pytest.mark.parametrize("is_symbolic", [False, True])
def test_a_fused_loop_takes_the_stage_along(is_symbolic):
    n = te.size_var("n") if is_symbolic else 6
    A = te.placeholder((n, n), "int32", name="A")
    B = te.compute((n, n), lambda i, j: A[i, j] + 1, name="B")
    C = te.compute((n, n), lambda i, j: te.if_then_else(i > 0, B[i - 1, j], 0) + B[i, j], name="C")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], C.op.axis[0])
    s[C].parallel(s[C].fuse(*C.op.axis))
    assert scratch(s) == {"B": ("2", "1")}
    check_readings(s, [C], {A: filled(6, 6, dtype="int32")}, sizes={n: 6} if is_symbolic else None)


def test_undo_and_compute_root_bring_it_back():
    A, B, C = window(8)
    s = te.create_schedule(C.op)
    before = str(s)
    s[B].compute_at(s[C], C.op.axis[0])
    moved = str(s)
    s[B].compute_root()
    assert str(s) == before
    s.undo()
    assert str(s) == moved
    assert str(s.undo()) == before
    s[B].compute_at(s[C], "i")
    s[B].compute_inline()
    assert scratch(s) == {}
    s[B].compute_at(s[C], "i")
    assert str(s) == moved
    check_readings(s, [C], {A: filled(10, dtype="int32")})


def test_trace_prints_replays_and_is_kept():
    _, B, C = window(64)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    s[B].vectorize(B.op.axis[0])
    for trace in (s.trace, Trace.from_json(s.trace.to_json())):
        again = te.create_schedule(C.op)
        assert str(trace.replay(again)) == str(s)
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(C.op).apply(namespace["schedule"])) == str(s)


def chain():
    """B is read by C, and C by D."""
    A = te.placeholder((40,), "int32", name="A")
    B = te.compute((40,), lambda i: A[i] + 1, name="B")
    C = te.compute((38,), lambda i: B[i] * B[i + 2], name="C")
    D = te.compute((36,), lambda i: C[i] + C[i + 2], name="D")
    s = te.create_schedule(D.op)
    return A, B, C, D, s, s[D].split(D.op.axis[0], factor=5)[0]


def test_a_stage_waits_for_its_readers():
    _, B, C, D, s, i_o = chain()
    s[C].compute_at(s[D], i_o)
    s[B].compute_at(s[D], i_o)
    expected = str(s)
    _, B, C, D, s, i_o = chain()
    before = str(s)
    s[B].compute_at(s[D], i_o)
    assert str(s) == before
    refusal = (
        r"compute_at: loop 'i_o' of 'D' is not around all that reads 'B', which is C; "
        r"move those there, too, or else legal are s\[C\] at i$"
    )
    for make in (texpr.build, texpr.lower):
        with pytest.raises(ScheduleError, match=refusal):
            make(s)
    s[C].compute_at(s[D], i_o)
    assert str(s) == expected
    again = te.create_schedule(D.op)
    assert str(s.trace.replay(again)) == expected
    s.undo()
    assert str(s) == before
    s[C].compute_inline()
    assert scratch(s) == {"B": ("9",)}


def test_a_stage_that_waits_goes_where_it_is_sent_last():
    A, B, C, D, s, i_o = chain()
    s[B].compute_at(s[D], i_o)
    s[B].compute_root()
    check_readings(s, [D], {A: filled(40, dtype="int32")})
    s[B].compute_at(s[D], i_o)
    s[B].compute_at(s[C], C.op.axis[0])
    assert scratch(s) == {"B": ("3",), "C": ("38",)}
    check_readings(s, [D], {A: filled(40, dtype="int32")})
    s[B].compute_at(s[D], i_o)
    assert scratch(s) == {"B": ("40",), "C": ("38",)}
    s[B].compute_inline()
    check_readings(s, [D], {A: filled(40, dtype="int32")})


def test_the_loop_that_a_stage_waits_for_may_be_split():
    A, B, C, D, s, i_o = chain()
    s[B].compute_at(s[D], i_o)
    s[B].vectorize(s[B].split(B.op.axis[0], factor=2)[1])
    _, inner = s[D].split(i_o, factor=2)
    with pytest.raises(ScheduleError, match="loop 'i_o_i' of 'D' is not around all that reads 'B'"):
        texpr.build(s)
    s[C].compute_at(s[D], inner)
    assert scratch(s) == {"B": ("9",), "C": ("7",)}
    check_readings(s, [D], {A: filled(40, dtype="int32")})


def test_a_stage_does_not_wait_for_what_cannot_come():
    _, B, C, _, s, _ = chain()
    with pytest.raises(ScheduleError, match=r"'i' is a loop of 'B' itself; legal are s\[C\] at i"):
        s[B].compute_at(s[B], B.op.axis[0])
    with pytest.raises(ScheduleError, match="not around all that reads 'C', which is D"):
        s[C].compute_at(s[B], B.op.axis[0])


def test_lanes_do_not_nest_where_a_stage_has_waited():
    _, B, C, D, s, i_o = chain()
    s[D].reorder("i_i", i_o)
    s[D].vectorize("i_o", 4)
    lanes = s[D].loops[-1]
    s[B].compute_at(s[D], lanes)
    s[B].vectorize(B.op.axis[0], 4)
    with pytest.raises(ScheduleError, match=r"compute_at: 'B' would have the loops .* vectorized"):
        s[C].compute_at(s[D], lanes)


# ---------------------------------------------------------------- what is computed


def test_producers_of_producers_and_several_readers():
    A = te.placeholder((40,), "int32", name="A")
    B = te.compute((40,), lambda i: A[i] + 1, name="B")
    C = te.compute((38,), lambda i: B[i] * B[i + 2], name="C")
    D = te.compute((36,), lambda i: C[i] + C[i + 2] - B[i + 1], name="D")
    s = te.create_schedule(D.op)
    i_o, _ = s[D].split(D.op.axis[0], factor=5)
    s[C].compute_at(s[D], i_o)
    s[B].compute_at(s[D], i_o)
    assert scratch(s) == {"B": ("9",), "C": ("7",)}
    check_readings(s, [D], {A: filled(40, dtype="int32")})
    s[B].compute_root()
    with pytest.raises(
        ScheduleError, match=r"read(s)? 'B', which is C, D; legal are s\[D\] at i_o"
    ):
        s[B].compute_at(s[C], "i")


def test_a_reduction_moves_with_its_initialisation():
    n = te.size_var("n")
    A = te.placeholder((n, n), "int32", name="A")
    k = te.reduce_axis((0, n), name="k")
    B = te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")
    C = te.compute((n,), lambda i: B[n - 1 - i] * 2, name="C")
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    s[B].reorder("k", "i")
    s[C].parallel(i_o)
    for size in (0, 1, 3, 4, 5, 9):
        check_readings(s, [C], {A: filled(size, size, dtype="int32")}, sizes={n: size})


def test_inside_a_loop_that_reduces():
    A = te.placeholder((6, 10), "int32", name="A")
    B = te.compute((6, 10), lambda i, j: A[i, j] + 1, name="B")
    k = te.reduce_axis((0, 10), name="k")
    C = te.compute((6,), lambda i: te.sum(B[i, k], axis=k), name="C")
    s = te.create_schedule(C.op)
    k_o, k_i = s[C].split(k, factor=4)
    s[C].reorder(k_o, "i", k_i)
    s[B].compute_at(s[C], k_o)
    assert scratch(s) == {"B": ("6", "4")}
    check_readings(s, [C], {A: filled(6, 10, dtype="int32")})


def test_a_tuple_and_a_strided_read():
    A = te.placeholder((17,), "int32", name="A")
    P, Q = te.compute((17,), lambda i: (A[i] + 1, A[i] * 2), name="P")
    C = te.compute((8,), lambda i: P[2 * i] + Q[2 * i + 1], name="C")
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=2)
    s[P].compute_at(s[C], i_o)
    assert set(scratch(s).values()) == {("4",)}
    check_readings(s, [C], {A: filled(17, dtype="int32")})


def test_what_data_decides_is_computed_whole():
    A = te.placeholder((9,), "int32", name="A")
    I = te.placeholder((5,), "int32", name="I")  # noqa: E741 - short as the others
    B = te.compute((9,), lambda i: A[i] + 1, name="B")
    C = te.compute((5,), lambda i: B[I[i]], name="C")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], C.op.axis[0])
    assert scratch(s) == {"B": ("9",)}
    indices = np.array([8, 0, 3, 3, 7], "int32")
    check_readings(s, [C], {A: filled(9, dtype="int32"), I: indices})


def test_each_lane_has_its_own():
    A, B, C = window(8)
    s = te.create_schedule(C.op)
    i_o, i_i = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_i)
    s[C].vectorize(i_i)
    s[C].parallel(i_o)
    check_readings(s, [C], {A: filled(10, dtype="int32")})


def test_lanes_are_counted_where_the_stage_is():
    n = te.size_var("n")
    A, B, C = window(n)
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[B].compute_at(s[C], i_o)
    s[B].vectorize(B.op.axis[0])
    check_readings(s, [C], {A: filled(9, dtype="int32")}, sizes={n: 7})
    with pytest.raises(ScheduleError, match=r"'i' is vectorized and would run n \+ 2 times"):
        s[B].compute_root()


def test_loop_kernels():
    @texpr.kernel
    def blur(A: texpr.f64[N], B: texpr.f64[N]):
        T = texpr.empty((N,), "float64")
        for i in range(N):
            T[i] = A[i] * 2.0
        for j in range(1, N - 1):
            B[j] = T[j - 1] + T[j] + T[j + 1]

    s = texpr.create_schedule(blur)
    producer, consumer = (stage.name for stage in s.stages)
    s[consumer].split("j", factor=4)
    s[producer].compute_at(consumer, "j_o")
    s[producer].vectorize("i")
    assert scratch(s) == {"T": ("6",)}
    a, b = np.arange(11.0), np.zeros(11)
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b[1:-1], 2 * (a[:-2] + a[1:-1] + a[2:]))


# ---------------------------------------------------------------- inside shared loops


def doubled(m, n):
    """A recurrence of two stages, the second of which reads the first and its neighbour."""
    X = te.placeholder((m, n), "int32", name="X")
    S = te.placeholder((m, n), "int32", name="S")
    first = te.compute((1, n), lambda t, i: X[0, i], name="first")
    s1 = te.compute((m, n), lambda t, i: S[t - 1, i] * 2, name="s1")
    near = te.compute(
        (m, n), lambda t, i: s1[t, i] + te.if_then_else(i > 0, s1[t, i - 1], 1), name="near"
    )
    s2 = te.compute((m, n), lambda t, i: near[t, i] + X[t, i], name="s2")
    return X, te.scan(first, s2, S, name="Y"), s1, near, s2


def test_a_stage_of_a_step_golden(golden):
    m, n = te.size_var("m"), te.size_var("n")
    X, Y, s1, near, s2 = doubled(m, n)
    s = te.create_schedule(Y.op)
    before = str(s)
    i_o, _ = s[s2].split(s2.op.axis[1], factor=4)
    s[near].compute_at(s[s2], i_o)
    s[s1].compute_at(s[s2], i_o)
    golden(story(before, s), "primitive_compute_at_step")
    kernel = None
    for steps, size in ((1, 0), (1, 3), (2, 1), (3, 4), (4, 5), (5, 7)):
        arrays = {X: filled(steps, size, dtype="int32")}
        kernel = check_readings(s, [Y], arrays, sizes={m: steps, n: size}, kernel=kernel)


def test_a_stage_of_a_step_and_what_is_done_to_time():
    X, Y, s1, near, s2 = doubled(7, 9)
    s = te.create_schedule(Y.op)
    i_o, i_i = s[s2].split(s2.op.axis[1], factor=4)
    s[near].compute_at(s[s2], i_i)
    s[s1].compute_at(s[near], near.op.axis[1])
    assert scratch(s) == {"near": ("1",), "s1": ("2",)}
    s[s1].unroll(s1.op.axis[1])
    s[s2].parallel(i_o)
    _, t_i = s[Y].split(Y.op.scan_axis, factor=4)
    s[Y].unroll(t_i)
    check_readings(s, [Y], {X: filled(7, 9, dtype="int32")})
    moved = str(s)
    s[s1].compute_root()
    assert scratch(s) == {"near": ("1",), "s1": ("9",)}
    check_readings(s, [Y], {X: filled(7, 9, dtype="int32")})
    s.undo()
    assert str(s) == moved
    again = te.create_schedule(Y.op)
    assert str(s.trace.replay(again)) == moved


def test_a_reduction_of_a_step_beside_another_state():
    A = te.placeholder((5, 6), "int32", name="A")
    H, C = te.placeholder((5, 6), "int32", name="H"), te.placeholder((5,), "int32", name="C")
    k, r = te.reduce_axis((0, 6), name="k"), te.reduce_axis((0, 6), name="r")
    zero = te.compute((1, 6), lambda t, x: te.const(0, "int32"), name="zero")
    none = te.compute((1,), lambda t: te.const(0, "int32"), name="none")
    mixed = te.compute(
        (5, 6), lambda t, x: te.sum(H[t - 1, k] * A[(x + k) % 5, k], axis=k), name="mixed"
    )
    h = te.compute((5, 6), lambda t, x: mixed[t, x] + A[t, x], name="h")
    total = te.compute((5,), lambda t: te.sum(h[t, r] + C[t - 1], axis=r), name="total")
    states, totals = te.scan([zero, none], [h, total], [H, C], name="cell")
    s = te.create_schedule(states.op)
    x_o, _ = s[h].split(h.op.axis[1], factor=4)
    s[mixed].compute_at(s[h], x_o)
    s[mixed].reorder("k", "x")
    s[mixed].vectorize("x")
    assert scratch(s) == {"mixed": ("4",)}
    check_readings(s, [states, totals], {A: filled(5, 6, dtype="int32")})


def test_a_kernel_whose_scratch_lives_in_a_loop():
    @texpr.kernel
    def rows(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for i in range(N):
            T = texpr.empty((N,), "float64")
            for j in range(N):
                T[j] = A[i, j] * 2.0
            for k in range(1, N - 1):
                B[i, k] = T[k - 1] + T[k + 1]

    s = texpr.create_schedule(rows)
    producer, consumer = (stage.name for stage in s.stages)
    s[consumer].split("k", factor=4)
    s[producer].compute_at(consumer, "k_o")
    s.parallel("i")
    assert scratch(s) == {"T": ("6",)}
    a, b = np.arange(121.0).reshape(11, 11), np.zeros((11, 11))
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b[:, 1:-1], 2 * (a[:, :-2] + a[:, 2:]))


def test_loops_that_are_shared_and_have_no_scratch_of_their_own():
    @texpr.kernel
    def rows(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        T = texpr.empty((N, N), "float64")
        for i in range(N):
            for j in range(N):
                T[i, j] = A[i, j] * 2.0
            for k in range(N):
                B[i, k] = T[i, k]

    s = texpr.create_schedule(rows)
    producer, consumer = (stage.name for stage in s.stages)
    with pytest.raises(ScheduleError, match=f"'{producer}' shares its loops with other stages"):
        s[producer].compute_at(consumer, "k")


def test_the_loop_over_time_is_its_own():
    _, Y, s1, near, _ = doubled(7, 9)
    s = te.create_schedule(Y.op)
    with pytest.raises(
        ScheduleError, match=r"loop 't' is a loop of 's1' itself; legal are s\[near\] at i$"
    ):
        s[s1].compute_at(s[s1], Y.op.scan_axis)
    with pytest.raises(ScheduleError, match=r"loop 't' of 'near' is not around .* s\[near\] at i$"):
        s[s1].compute_at(s[near], Y.op.scan_axis)


def test_a_window_whose_loops_depend_on_the_step():
    @texpr.kernel
    def triangle(A: texpr.f64[N, N], B: texpr.f64[N, N]):
        for i in range(N):
            T = texpr.empty((N,), "float64")
            for j in range(i):
                T[j] = A[i, j]
            for k in range(i):
                B[i, k] = T[k]

    s = texpr.create_schedule(triangle)
    producer, consumer = (stage.name for stage in s.stages)
    with pytest.raises(ScheduleError, match="which depends on another loop; leave it where it is"):
        s[producer].compute_at(consumer, "k")


# ---------------------------------------------------------------- refusals


def test_an_output_stays():
    _, B, C = window(8)
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(
        ScheduleError, match="compute_at: 'B' is an output and must be stored whole"
    ):
        s[B].compute_at(s[C], C.op.axis[0])


def test_a_loop_of_its_own_and_a_loop_that_is_none():
    _, B, C = window(8)
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError, match=r"'i' is a loop of 'B' itself; legal are s\[C\] at i"):
        s[B].compute_at(s[B], B.op.axis[0])
    with pytest.raises(ScheduleError, match="compute_at: stage 'C' has no loop 'z'"):
        s[B].compute_at(s[C], "z")


def test_a_reader_that_is_elsewhere():
    A, B, C = window(8)
    D = te.compute((8,), lambda i: C[i] + B[i], name="D")
    s = te.create_schedule(D.op)
    with pytest.raises(ScheduleError, match="leave it at root, or move those first"):
        s[B].compute_at(s[C], C.op.axis[0])
    s[C].compute_at(s[D], D.op.axis[0])
    s[B].compute_at(s[D], D.op.axis[0])
    with pytest.raises(ScheduleError, match="not be around all that reads it, which is C, D"):
        s[C].compute_root()
    check_readings(s, [D], {A: filled(10, dtype="int32")})


def test_the_loop_of_an_inlined_stage():
    _, B, C = window(8)
    D = te.compute((8,), lambda i: C[i] + 1, name="D")
    s = te.create_schedule(D.op)
    s[B].compute_at(s[C], C.op.axis[0])
    with pytest.raises(ScheduleError, match="'B' is computed at its loop 'i'; move 'B' first"):
        s[C].compute_inline()


def test_what_an_initialisation_reads():
    A = te.placeholder((6, 8), "int32", name="A")
    P = te.compute((6,), lambda i: A[i, 0] + 1, name="P")
    k = te.reduce_axis((0, 8), name="k")
    C = te.compute((6,), lambda i: te.sum(A[i, k], axis=k, init=P[i]), name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(
        ScheduleError, match=r"loop 'k' of 'C' is not around .* legal are s\[C\] at i"
    ):
        s[P].compute_at(s[C], k)
    s[P].compute_at(s[C], C.op.axis[0])
    check_readings(s, [C], {A: filled(6, 8, dtype="int32")})
    with pytest.raises(ScheduleError, match="'P' is computed at loop 'i' of 'C', which would not"):
        s[C].reorder(k, "i")


def test_the_range_of_a_loop():
    A = te.placeholder((6, 9), "int32", name="A")
    M = te.compute((6,), lambda i: A[i, 0] % 8 + 1, name="M")

    def rule(i):
        k = te.reduce_axis((0, M[i]), name="k")
        return te.sum(A[i, k], axis=k)

    C = te.compute((6,), rule, name="C")
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError, match="the range of loop 'k' is read from 'M'; leave it at"):
        s[M].compute_at(s[C], C.op.axis[0])


def test_vectorized_loops_do_not_nest():
    _, B, C = window(8)
    s = te.create_schedule(C.op)
    s[B].vectorize(B.op.axis[0])
    s[C].vectorize(C.op.axis[0])
    with pytest.raises(ScheduleError, match="'B' would have the loops i and i vectorized one"):
        s[B].compute_at(s[C], C.op.axis[0])


def test_a_stage_that_updates_its_array():
    @texpr.kernel
    def twice(A: texpr.f64[8], B: texpr.f64[8]):
        T = texpr.empty((8,), "float64")
        for i in range(8):
            T[i] = A[i]
        for j in range(8):
            T[j] = T[j] * 2.0
        for k in range(8):
            B[k] = T[k]

    s = texpr.create_schedule(twice)
    first, _, last = (stage.name for stage in s.stages)
    with pytest.raises(ScheduleError, match="does not give every element of 'T' its one value"):
        s[first].compute_at(last, "k")


def test_what_it_reads_must_still_be_there():
    @texpr.kernel
    def shifted(A: texpr.f64[8], B: texpr.f64[8]):
        T = texpr.empty((8,), "float64")
        for i in range(8):
            T[i] = A[i]
        for j in range(8):
            A[j] = 0.0
        for k in range(8):
            B[k] = T[k]

    s = texpr.create_schedule(shifted)
    first, _, last = (stage.name for stage in s.stages)
    with pytest.raises(IllegalScheduleError, match="anti dependence"):
        s[first].compute_at(last, "k")


def test_a_stage_that_a_sum_without_dimensions_reads():
    A = te.placeholder((4, 4), name="A")
    E = te.compute((4, 4), lambda i, j: A[i, j] + 1, name="E")
    k, l = te.reduce_axis((0, 4), name="k"), te.reduce_axis((0, 4), name="l")  # noqa: E741
    R = te.compute((), lambda: te.sum(E[l, k], axis=[l, k]), name="R")
    s = te.create_schedule(R.op)
    s[E].compute_at(s[R], l)
    assert "E = empty((1, 4), float32)" in str(s)
