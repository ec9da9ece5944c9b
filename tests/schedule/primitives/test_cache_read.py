"""``cache_read``: an array is read through a copy of it."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError, TexprError
from texpr.schedule import Trace

N = texpr.size("N")


def reverse(n):
    A = te.placeholder((n,), "int32", name="A")
    B = te.compute((n,), lambda i: A[n - 1 - i] + A[i], name="B")
    return A, B


def test_golden(golden):
    A, B = (te.placeholder((8, 8), "int32", name=name) for name in "AB")
    k = te.reduce_axis((0, 8), name="k")
    C = te.compute((8, 8), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    before = str(s)
    BB = s.cache_read(B, "shared", [C])
    k_o, k_i = s[C].split(k, factor=4)
    s[C].reorder(k_o, *C.op.axis, k_i)
    s[BB].compute_at(s[C], k_o)
    golden(story(before, s), "primitive_cache_read")
    check_readings(s, [C], {X: filled(8, 8, dtype="int32", seed=k) for k, X in enumerate((A, B))})


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size):
    A, B = reverse(size)
    s = te.create_schedule(B.op)
    AA = s.cache_read(A, "local", [B])
    i_o, _ = s[B].split(B.op.axis[0], factor=4)
    s[AA].compute_at(s[B], i_o)
    s[AA].vectorize(AA.op.axis[0])
    check_readings(s, [B], {A: filled(size, dtype="int32")})


def test_every_size_known_at_run_time():
    n = te.size_var("n")
    A, B = reverse(n)
    s = te.create_schedule(B.op)
    AA = s.cache_read(A, "local")
    i_o, _ = s[B].split(B.op.axis[0], factor=4)
    s[AA].compute_at(s[B], i_o)
    s[B].parallel(i_o)
    kernel = None
    for size in (0, 1, 3, 4, 5, 7):
        arrays = {A: filled(size, dtype="int32")}
        kernel = check_readings(s, [B], arrays, sizes={n: size}, kernel=kernel)


def test_the_operand_of_a_tile_is_packed():
    n = te.size_var("n")
    A, B = (te.placeholder((n, n), "int32", name=name) for name in "AB")
    k = te.reduce_axis((0, n), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    BB = s.cache_read(B, "local", C)
    _, _, i_i, j_i = s[C].tile(*C.op.axis, 4, 4)
    k_o, k_i = s[C].split(k, 4)
    s[C].reorder(k_o, k_i, i_i, j_i)
    s[BB].compute_at(s[C], k_o)
    assert 'B_local = empty((4, 4), int32, scope="local")' in str(s)
    arrays = {A: filled(9, 9, dtype="int32"), B: filled(9, 9, dtype="int32", seed=1)}
    check_readings(s, [C], arrays, sizes={n: 9})


def test_readers_that_are_chosen_and_others_that_are_not():
    A = te.placeholder((6,), "int32", name="A")
    B = te.compute((6,), lambda i: A[i] + 1, name="B")
    C = te.compute((6,), lambda i: B[i] * A[5 - i], name="C")
    s = te.create_schedule(C.op)
    AA = s.cache_read(A, "local", [C.op])
    assert "B[i] = A[i] + 1" in str(s)
    assert "C[i] = B[i]*A_local[5 - i]" in str(s)
    AAA = s.cache_read(AA, "shared")
    assert AAA.name == "A_local_shared"
    both = s.cache_read(A, "local", [B, s[AA]])
    assert both.name == "A_local_1"
    s[B].compute_inline()
    check_readings(s, [C], {A: filled(6, dtype="int32")})


def test_a_scalar_and_a_bool():
    A = te.placeholder((), "float32", name="A")
    B = te.placeholder((5,), "bool", name="B")
    C = te.compute((5,), lambda i: te.if_then_else(B[i], A(), 0.0), name="C")
    s = te.create_schedule(C.op)
    AA, BB = s.cache_read(A, "local"), s.cache_read(B, "local")
    s[AA].compute_at(s[C], C.op.axis[0])
    s[BB].compute_at(s[C], C.op.axis[0])
    check_readings(s, [C], {A: np.array(3, "float32"), B: filled(5, dtype="bool")})


def test_trace_prints_replays_and_is_kept():
    A, B = reverse(8)
    s = te.create_schedule(B.op)
    before = str(s)
    AA = s.cache_read(A, "local", [B])
    s[AA].split("i0", 4)
    for trace in (s.trace, Trace.from_json(s.trace.to_json())):
        again = te.create_schedule(B.op)
        assert str(trace.replay(again)) == str(s)
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(B.op).apply(namespace["schedule"])) == str(s)
    assert str(s.undo().undo()) == before


# ---------------------------------------------------------------- refusals


def test_a_cache_that_would_be_stale():
    @texpr.kernel
    def late(A: texpr.f64[N], B: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i]
        for j in range(N):
            A[j] = 0.0
        for k in range(N):
            B[k] = B[k] + A[k]

    s = texpr.create_schedule(late)
    first, _, last = (stage.name for stage in s.stages)
    with pytest.raises(IllegalScheduleError) as error:
        s.cache_read("A", "local", [first, last])
    assert "which instance" in str(error.value)
    assert "the cache is filled before" in str(error.value)
    cache = s.cache_read("A", "local", [last])
    cache.compute_at(last, "k")
    a, b = np.arange(5.0), np.zeros(5)
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b, np.arange(5.0))


def test_moved_past_a_write():
    @texpr.kernel
    def shifted(A: texpr.f64[N], B: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i]
        for j in range(N):
            A[j] = 0.0

    s = texpr.create_schedule(shifted)
    first, second = (stage.name for stage in s.stages)
    cache = s.cache_read("A", "local", [first])
    with pytest.raises(ScheduleError, match="is not around all that reads"):
        cache.compute_at(second, "j")


def test_scratch_that_nothing_filled():
    @texpr.kernel
    def half(A: texpr.f64[8], B: texpr.f64[8]):
        T = texpr.empty((8,), "float64")
        for i in range(4):
            T[i] = A[i]
        for j in range(4):
            B[j] = T[j]

    s = texpr.create_schedule(half)
    with pytest.raises(TexprError, match="and nothing wrote it before"):
        s.cache_read("T", "local")
    assert len(s.trace) == 0


def test_arrays_that_are_none():
    A, B = reverse(4)
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match="no stage reads an array 'X' that it does not write"):
        s.cache_read("X", "local")
    with pytest.raises(ScheduleError, match=r"cache_read: 'B' reads no array 'C'"):
        s[B].cache_read("C", "local")
    with pytest.raises(ScheduleError, match="cache_read: no scope 'smem'"):
        s.cache_read(A, "smem")


def test_two_arrays_of_one_name():
    one, other = (te.placeholder((4,), name="A") for _ in range(2))
    B = te.compute((4,), lambda i: one[i] + other[i], name="B")
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match="cache_read: 2 arrays are called 'A'; give each"):
        s.cache_read(other, "local")


def test_an_array_that_the_reader_writes():
    @texpr.kernel
    def twice(A: texpr.f64[8]):
        for i in range(8):
            A[i] = A[i] * 2.0

    s = texpr.create_schedule(twice)
    (stage,) = s.stages
    with pytest.raises(ScheduleError, match="writes 'A' as well, so that a copy would be old"):
        stage.cache_read("A", "local")


def test_scratch_of_a_step():
    S, X = (te.placeholder((5, 4), "int32", name=name) for name in "SX")
    first = te.compute((1, 4), lambda t, i: X[t, i], name="first")
    inner = te.compute((5, 4), lambda t, i: S[t - 1, i] * 2, name="inner")
    step = te.compute((5, 4), lambda t, i: inner[t, i] + X[t, i], name="step")
    s = te.create_schedule(te.scan(first, step, S, name="Y").op)
    with pytest.raises(
        ScheduleError, match="'inner' has new cells in every iteration of 't', and a copy would be"
    ):
        s[step].cache_read("inner", "local")


def padded(n):
    """Sums over windows of P, which is A between two zeros."""
    A = te.placeholder((n,), "int32", name="A")
    P = te.compute(
        (n + 2,), lambda i: te.if_then_else(te.all(i >= 1, i <= n), A[i - 1], 0), name="P"
    )
    k = te.reduce_axis((0, 3), name="k")
    C = te.compute((n,), lambda i: te.sum(P[i + k], axis=k), name="C")
    D = te.compute((n,), lambda i: C[i] - P[i], name="D")
    return A, P, C, D


def test_an_inlined_producer_is_computed_into_the_cache():
    n = te.size_var("n")
    A, P, C, D = padded(n)
    s = te.create_schedule(D.op)
    s[P].compute_inline()
    PP = s.cache_read(P, "shared", [C])
    i_o, _ = s[C].split(C.op.axis[0], factor=4)
    s[PP].compute_at(s[C], i_o)
    text = str(s)
    assert "P_shared[i0] = A[i_o*4 + i0 - 1] if" in text
    assert "D[i] = C[i] - (A[i - 1] if" in text
    kernel = None
    for size in (0, 1, 3, 4, 5, 7):
        kernel = check_readings(
            s, [D], {A: filled(size, dtype="int32")}, sizes={n: size}, kernel=kernel
        )
    assert str(s.trace.replay(te.create_schedule(D.op))) == text
    s[P].compute_root()
    assert "P_shared[i0] = P[i_o*4 + i0]" in str(s)
    check_readings(s, [D], {A: filled(7, dtype="int32")}, sizes={n: 7})


def test_a_cache_of_an_inlined_producer_that_is_inlined_later():
    A, P, C, D = padded(5)
    s = te.create_schedule(D.op)
    PP = s.cache_read(P, "shared", [C])
    s[P].compute_inline()
    s[PP].compute_inline()
    assert "C[i] += A[i + k - 1] if" in str(s)
    check_readings(s, [D], {A: filled(5, dtype="int32")})


def test_a_cache_of_an_inlined_producer_that_would_be_stale():
    @texpr.kernel
    def late(A: texpr.f64[N], B: texpr.f64[N]):
        T = texpr.empty((N,), "float64")
        for i in range(N):
            T[i] = A[i] * 2.0
        for j in range(N):
            B[j] = T[j]
        for k in range(N):
            T[k] = 0.0
        for r in range(N):
            B[r] = B[r] + T[r]

    s = texpr.create_schedule(late)
    with pytest.raises(ScheduleError, match="compute_inline: 'S0' does not give every element"):
        s["S0"].compute_inline()
    with pytest.raises(IllegalScheduleError, match="the cache is filled before"):
        s.cache_read("T", "local", ["S1", "S3"])


def test_the_result_of_a_recurrence():
    A, S = (te.placeholder((5, 3), "int32", name=name) for name in "AS")
    step = te.compute((5, 3), lambda t, j: S[t - 1, j] + A[t, j], name="step")
    Y = te.scan(A[:1], step, S, name="Y")
    total = Y.sum(axis=0)
    s = te.create_schedule(total.op)
    s.cache_read(Y, "local", [total])
    check_readings(s, [total], {A: filled(5, 3, dtype="int32")})


@pytest.mark.parametrize("cached", [0, 1, 2])
def test_tensors_that_texpr_gave_one_name(cached):
    A = te.placeholder((6,), "int32", name="A")
    tensors = [A + 1]
    for _ in range(3):
        tensors.append(tensors[-1] + tensors[0])
    s = te.create_schedule(tensors[-1].op)
    copy = s.cache_read(tensors[cached], "local", None if cached else [tensors[1], tensors[3]])
    check_readings(s, tensors[-1:], {A: filled(6, dtype="int32")})
    (load,) = s[copy].op.body
    assert load.buffer is tensors[cached]
    again = te.create_schedule(tensors[-1].op)
    assert str(s.trace.replay(again)) == str(s)
