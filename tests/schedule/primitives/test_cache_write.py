"""``cache_write``: a stage is computed in a cache and copied to its arrays."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule import Trace

N = texpr.size("N")


def matmul(n):
    A = te.placeholder((n, n), "int32", name="A")
    B = te.placeholder((n, n), "int32", name="B")
    k = te.reduce_axis((0, n), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    return A, B, C, k


def inputs(A, B, n):
    return {A: filled(n, n, dtype="int32"), B: filled(n, n, dtype="int32", seed=1)}


def test_golden(golden):
    A, B, C, _ = matmul(8)
    s = te.create_schedule(C.op)
    before = str(s)
    CL = s.cache_write(C, "local")
    _, j_o, _, _ = s[C].tile(*C.op.axis, 4, 4)
    s[CL].compute_at(s[C], j_o)
    golden(story(before, s), "primitive_cache_write")
    check_readings(s, [C], inputs(A, B, 8))


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size, is_symbolic):
    n = te.size_var("n") if is_symbolic else size
    A, B, C, _ = matmul(n)
    s = te.create_schedule(C.op)
    CL = s.cache_write(C, "local")
    _, j_o, _, _ = s[C].tile(*C.op.axis, 4, 2)
    s[CL].compute_at(s[C], j_o)
    k_o, k_i = s[CL].split(CL.op.reduce_axis[0], 2)
    s[CL].reorder(k_o, *CL.op.axis, k_i)
    s[CL].vectorize(CL.op.axis[1])
    check_readings(s, [C], inputs(A, B, size), sizes={n: size} if is_symbolic else None)


def test_the_reduction_takes_its_loops_along():
    A, B, C, k = matmul(8)
    s = te.create_schedule(C.op)
    k_o, k_i = s[C].split(k, 4)
    i_o, i_i = s[C].split("i", 4)
    s[C].reorder(k_o, i_o, "j", i_i, k_i)
    CL = s.cache_write(C, "local")
    assert [axis.name for axis in s[CL].loops] == ["i_c", "j_c", "k_o", "k_i"]
    assert [axis.name for axis in s[C].loops] == ["i_o", "j", "i_i"]
    assert s[C].op.reduce_axis == ()
    assert s[CL].op.reduce_axis == (k,)
    check_readings(s, [C], inputs(A, B, 8))


def test_the_axis_that_was_declared_is_a_loop_of_the_cache():
    _, _, C, k = matmul(8)
    s = te.create_schedule(C.op)
    CL = s.cache_write(C, "local")
    assert s[CL].split(k, 4)[0].name == "k_o"
    with pytest.raises(ScheduleError, match="'k' is a loop of stage 'C_local', not of 'C'"):
        s[C].split(k, 4)


def test_a_tuple_reduction():
    A = te.placeholder((5, 7), "float32", name="A")
    k = te.reduce_axis((0, 7), name="k")
    I, V = te.compute((5,), lambda i: te.argmax(A[i, k], axis=k), name="M")  # noqa: E741
    s = te.create_schedule(I.op)
    caches = s.cache_write([I, V], "local")
    assert [tensor.name for tensor in caches] == ["M_local_v0", "M_local_v1"]
    i_o, _ = s[I].split(I.op.axis[0], 2)
    s[caches[0]].compute_at(s[I], i_o)
    check_readings(s, [I, V], {A: filled(5, 7)})


def test_a_cache_of_a_cache_and_of_a_stage_that_is_read():
    A = te.placeholder((9,), "int32", name="A")
    B = te.compute((9,), lambda i: A[i] + 1, name="B")
    C = te.compute((9,), lambda i: B[8 - i] * 2, name="C")
    s = te.create_schedule(C.op)
    first = s.cache_write(B, "local")
    second = s.cache_write(first, "local")
    assert second.name == "B_local_local"
    i_o, _ = s[C].split(C.op.axis[0], 4)
    for tensor in (B, first, second):
        s[tensor].compute_at(s[C], i_o)
    check_readings(s, [C], {A: filled(9, dtype="int32")})


def test_loop_kernels():
    @texpr.kernel
    def doubled(A: texpr.f64[N], B: texpr.f64[N]):
        for i in range(N):
            B[i] = A[i] * 2.0

    s = texpr.create_schedule(doubled)
    (stage,) = s.stages
    cache = s.cache_write(stage, "local")
    i_o, _ = stage.split("i", 4)
    cache.compute_at(stage, i_o)
    a, b = np.arange(7.0), np.zeros(7)
    texpr.build(s)(a, b)
    np.testing.assert_array_equal(b, 2 * a)


def test_undo_copies_and_traces():
    _, _, C, _ = matmul(8)
    s = te.create_schedule(C.op)
    before = str(s)
    CL = s.cache_write(C, "local")
    copy = s.copy()
    s[CL].split("k", 4)
    assert str(copy) != str(s)
    for trace in (s.trace, Trace.from_json(s.trace.to_json())):
        again = te.create_schedule(C.op)
        assert str(trace.replay(again)) == str(s)
    namespace: dict = {}
    exec(str(s.trace), namespace)
    assert str(te.create_schedule(C.op).apply(namespace["schedule"])) == str(s)
    s.undo().undo()
    assert str(s) == before
    with pytest.raises(ScheduleError, match="'C_local' does not belong to this schedule"):
        s[CL].split("k", 4)


# ---------------------------------------------------------------- refusals


def test_a_scope_that_is_none():
    _, _, C, _ = matmul(4)
    s = te.create_schedule(C.op)
    with pytest.raises(ScheduleError, match="cache_write: no scope 'register'; it is one of 'glob"):
        s.cache_write(C, "register")


def test_an_inlined_stage():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    C = te.compute((4,), lambda i: B[i] + 1, name="C")
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    with pytest.raises(
        ScheduleError, match=r"'B' is inlined and stores nothing; call s\[B\]\.comp"
    ):
        s.cache_write(B, "local")


def test_loops_over_data_and_a_reduction_together():
    _, _, C, _ = matmul(4)
    s = te.create_schedule(C.op)
    s[C].fuse("j", "k")
    with pytest.raises(ScheduleError, match="loop 'j_k' of 'C' runs over data and a reduction tog"):
        s.cache_write(C, "local")


def test_kernels_whose_cells_are_written_several_times():
    @texpr.kernel
    def counted(A: texpr.f64[8], B: texpr.f64[8]):
        for i in range(8):
            B[0] = A[i]
        for j in range(8):
            A[j] = A[j] + 1.0
        for k in range(4):
            if A[k] > 0.0:
                B[k] = 2.0

    s = texpr.create_schedule(counted)
    first, second, third = s.stages
    with pytest.raises(ScheduleError, match="does not give every element of its arrays one value"):
        first.cache_write("local")
    with pytest.raises(ScheduleError, match="reads what it writes"):
        second.cache_write("local")
    with pytest.raises(ScheduleError, match="writes only some of its elements"):
        third.cache_write("local")
