"""``compute_inline``: a stage is computed where it is read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError


def chain(n):
    A = te.placeholder((n,), "int32", name="A")
    B = te.compute((n,), lambda i: A[i] + 1, name="B")
    C = te.compute((n,), lambda i: B[n - 1 - i] * 2 + B[i], name="C")
    return A, B, C


def test_golden(golden):
    A, B, C = chain(6)
    s = te.create_schedule(C.op)
    before = str(s)
    s[B].compute_inline()
    assert s[B].is_inlined
    golden(story(before, s), "primitive_compute_inline")
    check_readings(s, [C], {A: filled(6, dtype="int32")})


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7])
def test_every_size(size):
    A, B, C = chain(size)
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    s[C].split("i", factor=4)
    check_readings(s, [C], {A: filled(size, dtype="int32")})


def test_padding_into_a_convolution():
    """A guard moves with the stage, into the reduction that reads it."""
    A = te.placeholder((6,), "int32", name="A")
    W = te.placeholder((3,), "int32", name="W")
    P = te.compute((8,), lambda i: te.if_then_else(te.all(i >= 1, i < 7), A[i - 1], 0), name="P")
    r = te.reduce_axis((0, 3), name="r")
    C = te.compute((6,), lambda i: te.sum(P[i + r] * W[r], axis=r), name="C")
    s = te.create_schedule(C.op)
    s[P].compute_inline()
    assert "empty(" not in str(s)
    check_readings(s, [C], {A: filled(6, dtype="int32"), W: filled(3, dtype="int32", seed=1)})


def test_stages_in_a_row():
    A, B, C = chain(5)
    D = te.compute((5,), lambda i: C[i] - B[i], name="D")
    s = te.create_schedule(D.op)
    s[C].compute_inline()
    s[B].compute_inline()
    assert str(s).count("for ") == 1
    check_readings(s, [D], {A: filled(5, dtype="int32")})


def test_into_a_condition_and_a_subscript():
    A = te.placeholder((8,), "int32", name="A")
    I = te.placeholder((8,), "int32", name="I")  # noqa: E741 - short as the others
    J = te.compute((8,), lambda i: 7 - I[i], name="J")
    k = te.reduce_axis((0, 8), name="k")
    B = te.compute((), lambda: te.sum(A[J[k]], axis=k, where=J[k] > 2), name="B")
    s = te.create_schedule(B.op)
    s[J].compute_inline()
    assert "J[" not in str(s)
    check_readings(
        s, [B], {A: filled(8, dtype="int32"), I: np.arange(8, dtype="int32")[::-1].copy()}
    )


def test_into_the_bound_of_a_loop():
    A = te.placeholder((4, 9), "int32", name="A")
    L = te.placeholder((4,), "int32", name="L")
    M = te.compute((4,), lambda i: L[i] + 1, name="M")

    def rule(i):
        k = te.reduce_axis((0, M[i]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((4,), rule, name="B")
    a, lengths = filled(4, 9, dtype="int32"), np.array([0, 3, 8, 1], "int32")
    sums = [np.array([a[i, : n + 1].sum() for i, n in enumerate(lengths)], "int32")]
    s = te.create_schedule(B.op)
    check_readings(s, [B], {A: a, L: lengths}, expected=sums)
    s[M].compute_inline()
    assert "M[" not in str(s)
    s[B].split("k", factor=3)
    check_readings(s, [B], {A: a, L: lengths}, expected=sums)


def test_twice_is_once():
    _, B, C = chain(4)
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    once = str(s)
    s[B].compute_inline()
    assert str(s) == once


def test_a_reduction():
    A, k = te.placeholder((4,), name="A"), te.reduce_axis((0, 4), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    T = te.compute((4,), lambda i: A[i] / S(), name="T")
    s = te.create_schedule(T.op)
    with pytest.raises(
        ScheduleError,
        match=r"compute_inline: 'S' is a reduction and has no value before it is complete; "
        r"leave it at root",
    ):
        s[S].compute_inline()


def test_several_tensors():
    A = te.placeholder((4,), name="A")
    B, C = te.compute((4,), lambda i: (A[i] + 1, A[i] + 2), name="B")
    D = te.compute((4,), lambda i: B[i] * C[i], name="D")
    s = te.create_schedule(D.op)
    with pytest.raises(
        ScheduleError, match=r"compute_inline: 'B' computes 2 tensors at once; leave it at root"
    ):
        s[B].compute_inline()


def test_an_output():
    _, B, C = chain(4)
    s = te.create_schedule([B.op, C.op])
    for stage in (B, C):
        with pytest.raises(
            ScheduleError,
            match=rf"compute_inline: '{stage.name}' is an output and must be stored; "
            r"inline what it reads",
        ):
            s[stage].compute_inline()


def test_inlining_many_asks_no_judge():
    B = te.placeholder((3, 4), name="A")
    for _ in range(60):
        B = B + 1
    s = te.create_schedule(B.op)
    for stage in s.stages_tagged("elemwise")[:-1]:
        stage.compute_inline()
    assert s.state.declared.judges == {}
    s[B].vectorize(B.op.axis[1])
    assert len(s.state.declared.judges) == 1
