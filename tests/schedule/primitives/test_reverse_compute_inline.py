"""``reverse_compute_inline``: a stage is computed where its producer writes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from tests.schedule.kernel_readings import check_kernel, check_replays
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError


def layer(n):
    A = te.placeholder((n, 8), name="A")
    W = te.placeholder((8, n), name="W")
    b = te.placeholder((n,), name="b")
    k = te.reduce_axis((0, 8), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * W[k, j], axis=k), name="C")
    D = te.compute((n, n), lambda i, j: C[i, j] + b[j], name="D")
    E = te.compute((n, n), lambda i, j: te.max(D[i, j], 0.0), name="E")
    return A, W, b, C, D, E


def test_an_epilogue_in_the_tile(golden):
    A, W, b, C, D, E = layer(16)
    s = te.create_schedule(E.op)
    before = str(s)
    CL = s.cache_write(C, "local")
    s[D].reverse_compute_inline()
    s[E].reverse_compute_inline()
    _, j_o, _, j_i = s[C].tile(*C.op.axis, 4, 8)
    s[CL].compute_at(s[C], j_o)
    s[CL].reorder("k", "i_c", "j_c")
    for stage, loop in ((s[CL], "j_c"), (s[C], j_i)):
        stage.vectorize(loop)
    golden(story(before, s), "primitive_reverse_compute_inline")
    a, w, bias = filled(16, 8), filled(8, 16, seed=1), filled(16, seed=2)
    check_readings(s, [E], {A: a, W: w, b: bias}, expected=[np.maximum(a @ w + bias, 0)])


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 9])
def test_every_size_and_order_of_the_calls(size, is_symbolic):
    n = te.size_var("n") if is_symbolic else size
    A, W, b, C, D, E = layer(n)

    def inline(s):
        s[D].reverse_compute_inline()
        s[E].reverse_compute_inline()

    def tile(s, CL):
        _, j_o, _, _ = s[C].tile(*C.op.axis, 4, 2)
        s[CL].compute_at(s[C], j_o)

    first, second = te.create_schedule(E.op), te.create_schedule(E.op)
    CL = first.cache_write(C, "local")
    inline(first)
    tile(first, CL)
    tile(second, second.cache_write(C, "local"))
    inline(second)
    assert str(first) == str(second)
    arrays = {A: filled(size, 8), W: filled(8, size, seed=1), b: filled(size, seed=2)}
    check_readings(first, [E], arrays, sizes={n: size} if is_symbolic else None)


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize(
    ("shape", "rule"),
    [
        ((6, 5), lambda B, n: lambda j, i: B[i, j] * 2),
        ((4, 6), lambda B, n: lambda i, j: B[i + 1, j] + 1),
        ((5, 6), lambda B, n: lambda i, j: B[n - 1 - i, 5 - j] * B[n - 1 - i, 5 - j]),
    ],
    ids=["turned", "shifted", "mirrored"],
)
def test_subscripts_that_are_inverted(shape, rule, is_symbolic):
    n = te.size_var("n") if is_symbolic else 5
    shape = tuple({4: n - 1, 5: n, 6: 6}[extent] for extent in shape)
    A = te.placeholder((n, 6), "int32", name="A")
    B = te.compute((n, 6), lambda i, j: A[i, j] + i.astype("int32"), name="B")
    C = te.compute(shape, rule(B, n), name="C")
    s = te.create_schedule(C.op)
    s[B].split("i", 4)
    s[C].reverse_compute_inline()
    assert [stage.name for stage in s.stages] == ["B"]
    s[B].vectorize("j")
    check_readings(s, [C], {A: filled(5, 6, dtype="int32")}, sizes={n: 5} if is_symbolic else None)


def test_a_row():
    A = te.placeholder((5, 6), "int32", name="A")
    B = te.compute((5, 6), lambda i, j: A[i, j] * 3, name="B")
    C = te.compute((6,), lambda j: B[2, j], name="C")
    s = te.create_schedule(C.op)
    s[C].reverse_compute_inline()
    assert "if i == 2:" in str(s)
    check_readings(s, [C], {A: filled(5, 6, dtype="int32")})


def test_a_step_of_a_recurrence():
    X = te.placeholder((5, 4), "int32", name="X")
    S = te.placeholder((5, 4), "int32", name="S")
    first = te.compute((1, 4), lambda t, i: X[t, i], name="first")
    inner = te.compute((5, 4), lambda t, i: X[t, i] * 2, name="inner")
    step = te.compute((5, 4), lambda t, i: inner[t, i] + S[t - 1, 3 - i], name="step")
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op)
    with pytest.raises(
        ScheduleError, match="'step' reads what first, inner compute, and it can be"
    ):
        s[step].reverse_compute_inline()
    step = te.compute((5, 4), lambda t, i: inner[t, i] + S[t - 1, 3 - i], name="step")
    double = te.compute((5, 4), lambda t, i: S[t - 1, i] * 2, name="double")
    more = te.compute((5, 4), lambda t, i: double[t, 3 - i] + X[t, i], name="more")
    step = te.compute((5, 4), lambda t, i: more[t, i] + 1, name="step")
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op)
    s[more].reverse_compute_inline()
    assert [stage.name for stage in s.stages] == ["first", "double", "step"]
    check_readings(s, [Y], {X: filled(5, 4, dtype="int32")})


def test_a_kernel():
    N = texpr.size("N")

    @texpr.kernel
    def twice(A: texpr.f64[N], B: texpr.f64[N]):
        t = texpr.empty((N,), texpr.f64)
        for i in range(N):
            t[i] = A[i] * 2.0
        for i in range(N):
            B[i] += t[N - 1 - i]

    s = texpr.create_schedule(twice)
    s["S0"].split("i", 4)
    s["S1"].reverse_compute_inline()
    s["S0"].parallel("i_o")
    assert "t = empty" not in str(s)
    for n in (0, 1, 4, 7):
        check_kernel(twice, s, filled(n, dtype="float64"), np.ones(n))


def test_undo_traces_and_pickles():
    _, _, _, C, D, E = layer(4)
    s = te.create_schedule(E.op)
    s.cache_write(C, "local")
    s[D].reverse_compute_inline()
    once = str(s)
    s[C].split("i", 2)
    s[E].reverse_compute_inline()
    assert str(pickle.loads(pickle.dumps(s))) == str(s)
    check_replays(lambda: te.create_schedule(E.op), s)
    s.undo().undo()
    assert str(s) == once


# ---------------------------------------------------------------- refusals


def test_a_reduction_names_the_way_out():
    *_, D, E = layer(4)
    s = te.create_schedule(E.op)
    with pytest.raises(
        ScheduleError, match=r"'C' is a reduction .* s.cache_write\(C, 'local'\) first"
    ):
        s[D].reverse_compute_inline()
    one = te.compute((2,), lambda i: te.const(1.0), name="C")
    with pytest.raises(ScheduleError, match="'C' reads nothing that another stage computes"):
        te.create_schedule(one.op)["C"].reverse_compute_inline()


def chain(rule, shape=(8,), read=None):
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] * 2, name="B")
    C = te.compute(shape, lambda *i: rule(B, *i), name="C")
    return B, C, te.create_schedule([C.op, read(B, C).op] if read else C.op)


def test_elements_that_are_not_at_hand():
    _, C, s = chain(lambda B, i: B[i] + B[7 - i])
    with pytest.raises(ScheduleError, match=r"reads 2 elements of B, B\[i0\] and B\[7 - i0\]"):
        s[C].reverse_compute_inline()
    for rule in (lambda B, i: B[i // 2], lambda B, i: B[i * 0 + (i % 4)]):
        _, C, s = chain(rule)
        with pytest.raises(ScheduleError, match="does not tell which element of 'C' that is for"):
            s[C].reverse_compute_inline()
    _, C, s = chain(lambda B, i, j: B[i], (8, 3))
    with pytest.raises(ScheduleError, match=r"reads B\[i0\] again for every 'i1'"):
        s[C].reverse_compute_inline()


def test_elements_that_the_producer_does_not_have():
    rule = lambda B, i: te.if_then_else(te.all(i >= 1, i < 9), B[i - 1], 0.0)  # noqa: E731
    _, C, s = chain(rule, (10,))
    with pytest.raises(IllegalScheduleError, match="C has elements for which B computes none"):
        s[C].reverse_compute_inline()


def test_others_that_want_the_array():
    B, C, s = chain(
        lambda B, i: B[i] + 1, read=lambda B, C: te.compute((8,), lambda i: B[i], name="D")
    )
    with pytest.raises(ScheduleError, match="'D' touches B, too, so that it must be stored"):
        s[C].reverse_compute_inline()
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i] * 2, name="B")
    C = te.compute((8,), lambda i: B[i] + 1, name="C")
    s = te.create_schedule([B.op, C.op])
    with pytest.raises(ScheduleError, match="B is an output, which 'B' must store"):
        s[C].reverse_compute_inline()


def test_stages_that_are_inlined_or_moved():
    _, _, _, C, D, E = layer(4)
    s = te.create_schedule(E.op)
    s.cache_write(C, "local")
    s[D].compute_inline()
    with pytest.raises(ScheduleError, match=r"'D' is inlined; call s\[D\].compute_root"):
        s[E].reverse_compute_inline()
    s[D].compute_root()
    s[C].compute_at(s[D], "i")
    with pytest.raises(ScheduleError, match="'C' is computed at "):
        s[D].reverse_compute_inline()


def test_what_else_is_read_is_not_there_yet():
    N = texpr.size("N")

    @texpr.kernel
    def late(A: texpr.f64[N], B: texpr.f64[N]):
        t = texpr.empty((N,), texpr.f64)
        for i in range(N):
            t[i] = A[i] * 2.0
        for i in range(N):
            A[i] = 0.0
        for i in range(N):
            B[i] = t[i] + B[N - 1 - i]

    s = texpr.create_schedule(late)
    s["S2"].reverse_compute_inline()
    check_kernel(late, s, filled(5, dtype="float64"), filled(5, dtype="float64"))

    @texpr.kernel
    def early(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[N]):
        t = texpr.empty((N,), texpr.f64)
        for i in range(N):
            t[i] = A[i] * 2.0
        for i in range(N):
            C[i] = B[i]
        for i in range(N):
            B[i] = t[i]

    s = texpr.create_schedule(early)
    with pytest.raises(IllegalScheduleError) as error:
        s["S2"].reverse_compute_inline()
    assert "S1(i=0)" in str(error.value)
    assert "S2(i=0)" in str(error.value)


def test_the_producer_writes_the_consumers_tensor():
    _, _, _, C, D, E = layer(4)
    s = te.create_schedule(E.op)
    s.cache_write(C, "local")
    s[D].reverse_compute_inline()
    (written,) = s[C].op.outputs
    assert (written.name, s[C].op.axis) == ("D", C.op.axis)
    assert s[C].loops_along(written) == (s[C].loop("j"),)
    assert [stage.name for stage in s.stages_writing(D)] == ["C"]
    s[E].reverse_compute_inline()
    assert [tensor.name for tensor in s[C].op.outputs] == ["E"]


def test_a_stage_that_is_gone_says_where_it_went():
    _, _, _, C, D, E = layer(4)
    s = te.create_schedule(E.op)
    s.cache_write(C, "local")
    gone = s[D]
    s[D].reverse_compute_inline()
    for use in (lambda: s[D], lambda: gone.split("i", 2), gone.compute_inline):
        with pytest.raises(
            ScheduleError, match="'D' is computed where 'C' writes, by reverse_comp"
        ):
            use()
