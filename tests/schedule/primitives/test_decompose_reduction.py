"""``decompose_reduction``: where a reduction is initialised."""

from __future__ import annotations

import pickle

import pytest

from tests.readings import check_readings, filled, story
from tests.schedule.kernel_readings import check_replays
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError


def matmul(n=6):
    A = te.placeholder((n, 8), "int32", name="A")
    B = te.placeholder((8, n), "int32", name="B")
    k = te.reduce_axis((0, 8), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    return A, B, C


def check(s, A, B, C, n=6, sizes=None):
    arrays = {A: filled(n, 8, dtype="int32"), B: filled(8, n, dtype="int32", seed=1)}
    check_readings(s, [C], arrays, sizes=sizes)


def test_golden(golden):
    A, B, C = matmul()
    s = te.create_schedule(C.op)
    before = str(s)
    s[C].decompose_reduction("j")
    golden(story(before, s), "primitive_decompose_reduction")
    check(s, A, B, C)


@pytest.mark.parametrize("is_symbolic", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5])
def test_every_size_and_loop(size, is_symbolic):
    n = te.size_var("n") if is_symbolic else size
    A, B, C = matmul(n)
    for loop in ("i_o", "i_i", "j", "k"):
        s = te.create_schedule(C.op)
        s[C].split("i", 4)
        s[C].decompose_reduction(loop)
        s[C].parallel("i_o")
        check(s, A, B, C, size, {n: size} if is_symbolic else None)


def test_it_goes_along_with_its_loop():
    A, B, C = matmul()
    first, second = te.create_schedule(C.op), te.create_schedule(C.op)
    first[C].decompose_reduction("i")
    first[C].split("i", 4)
    second[C].split("i", 4)
    second[C].decompose_reduction("i_o")
    assert str(first) == str(second)
    s = te.create_schedule(C.op)
    s[C].decompose_reduction("j")
    s[C].reorder("j", "i")  # what is outside of the loop now is not initialised over
    assert str(s).index("for j") < str(s).index("for i")
    s[C].fuse("j", "i")
    before = str(s)
    assert before.index("= 0") < before.index("for k")
    check(s, A, B, C)
    s = te.create_schedule(C.op)
    s[C].decompose_reduction("j")
    s[C].reorder("k", "j")  # it stays outside of every loop that reduces
    check(s, A, B, C)
    t = te.create_schedule(C.op)
    t[C].reorder("k", "j")
    assert str(s) == str(t)


def test_the_loops_of_the_initialisation_are_those_of_the_stage():
    A, B, C = matmul()
    s = te.create_schedule(C.op)
    s[C].decompose_reduction("i")
    s[C].vectorize("j")
    s[C].parallel("i")
    assert str(s).count("i in parallel(6)") == str(s).count("j in vectorized(6)") == 2
    check(s, A, B, C)


def test_undo_traces_and_pickles():
    _, _, C = matmul()
    s = te.create_schedule(C.op)
    plain = str(s)
    s.decompose_reduction(C, "i")
    moved = str(s)
    assert str(pickle.loads(pickle.dumps(s))) == moved
    check_replays(lambda: te.create_schedule(C.op), s)
    s[C].merge_reduction()
    assert str(s) == plain
    s.undo()
    assert str(s) == moved
    s.undo()
    assert str(s) == plain


def test_a_part_and_a_tuple():
    A = te.placeholder((5, 7), "float32", name="A")
    k = te.reduce_axis((0, 7), name="k")
    where, most = te.compute((5,), lambda i: te.argmax(A[i, k], axis=k), name="M")
    D = te.compute((5,), lambda i: most[i] + where[i], name="D")
    s = te.create_schedule(D.op)
    i_o, _ = s[D].split("i", 2)
    s[most].compute_at(s[D], i_o)
    s[most].decompose_reduction("i")
    check_readings(s, [D], {A: filled(5, 7)})


def test_a_producer_that_the_initialisation_reads():
    A = te.placeholder((4, 6), "int32", name="A")
    P = te.compute((4,), lambda i: A[i, 0] * 2, name="P")
    k = te.reduce_axis((0, 6), name="k")
    S = te.compute((4,), lambda i: te.sum(A[i, k], axis=k, init=P[i]), name="S")
    s = te.create_schedule(S.op)
    s[S].decompose_reduction("i")
    with pytest.raises(ScheduleError, match="'i' of 'S' is not around all that reads 'P'"):
        s[P].compute_at(s[S], "i")
    s.undo()
    s[P].compute_at(s[S], "i")
    with pytest.raises(ScheduleError, match="'P' is computed at loop 'i' of 'S', which would not"):
        s[S].decompose_reduction("i")
    check_readings(s, [S], {A: filled(4, 6, dtype="int32")})


# ---------------------------------------------------------------- refusals


def test_loops_that_cannot_be_named():
    A, _, C = matmul()
    D = te.compute(C.shape, lambda i, j: C[i, j] + A[i, 0], name="D")
    s = te.create_schedule(D.op)
    s[C].reorder("i", "k", "j")
    with pytest.raises(ScheduleError, match=r"'j' of 'C' is inside a loop that reduces, .* i, k$"):
        s[C].decompose_reduction("j")
    with pytest.raises(ScheduleError, match="'D' is no reduction and has no initialisation"):
        s[D].decompose_reduction("i")


def test_a_loop_around_other_stages():
    X = te.placeholder((4, 3), "int32", name="X")
    S = te.placeholder((4, 3), "int32", name="S")
    k = te.reduce_axis((0, 3), name="k")
    first = te.compute((1, 3), lambda t, i: X[t, i], name="first")
    mixed = te.compute((4, 3), lambda t, i: te.sum(S[t - 1, k] * X[t, i], axis=k), name="mixed")
    step = te.compute((4, 3), lambda t, i: mixed[t, i] + 1, name="step")
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op)
    with pytest.raises(ScheduleError, match="loop 't' of 'mixed' is shared with other stages"):
        s[mixed].decompose_reduction("t")
    s[mixed].decompose_reduction("i")
    check_readings(s, [Y], {X: filled(4, 3, dtype="int32")})


def test_a_start_that_is_read_before_it_is_written():
    """What a step starts with overwrites nothing that earlier steps read."""
    S = te.placeholder((5,), "int32", name="S")
    X = te.placeholder((5, 3), "int32", name="X")
    k = te.reduce_axis((0, 3), name="k")
    first = te.compute((1,), lambda t: X[t, 0], name="first")
    step = te.compute(
        (5,), lambda t: te.sum(S[t - 1] * X[t, k], axis=k, init=S[t - 1]), name="step"
    )
    Y = te.scan(first, step, S, name="Y")
    s = te.create_schedule(Y.op)
    with pytest.raises(IllegalScheduleError, match=r"instance .*step.* reads Y\[") as error:
        s[step].decompose_reduction("t")
    assert "flow dependence" in str(error.value)
