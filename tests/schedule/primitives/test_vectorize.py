"""``vectorize``: the iterations of a loop run in the lanes of vector registers."""

from __future__ import annotations

import re

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import IllegalScheduleError, ScheduleError

SIZES = (0, 1, 3, 4, 5, 7, 8, 9, 31)


def scaled(n, dtype="float32"):
    A = te.placeholder((n,), dtype, name="A")
    return A, te.compute((n,), lambda i: A[i] * 2, name="B")


def test_golden(golden):
    n = te.var("n")
    A, B = scaled(n)
    s = te.create_schedule(B.op)
    before = str(s)
    _, inner = s[B].split("i", factor=8)
    s[B].vectorize(inner)
    lowered = texpr.lower(s, [A, B], target="llvm -mcpu=x86-64-v3")
    golden(f"{story(before, s)}\n\nlower:\n\n{lowered}", "primitive_vectorize")
    kernel = None
    for size in SIZES:
        kernel = check_readings(s, [B], {A: filled(size)}, sizes={n: size}, kernel=kernel)


def test_vector_instructions_come_out():
    A, B = scaled(64)
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    kernel = texpr.build(s, [A, B])
    assert re.search(r"fmul .*<\d+ x float>", kernel.llvm)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_known_at_compile_time(size):
    A, B = scaled(size)
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    check_readings(s, [B], {A: filled(size)})


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float64"])
def test_every_kind_of_type(dtype):
    A = te.placeholder((13,), dtype, name="A")
    B = te.compute((13,), lambda i: A[i] & A[12 - i] if dtype == "bool" else A[i] + A[12 - i])
    C = te.compute((13,), lambda i: te.if_then_else(A[i] == B[i], B[i], A[i]), name="C")
    s = te.create_schedule(C.op)
    s[B].vectorize("i")
    s[C].vectorize("i")
    check_readings(s, [C], {A: filled(13, dtype=dtype)})


def test_loops_inside_and_outside():
    """An outer loop may be the vectorized one; what is inside runs lane by lane together."""
    A = te.placeholder((9, 5), "int32", name="A")
    k = te.reduce_axis((0, 5), name="k")
    B = te.compute((9,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    check_readings(s, [B], {A: filled(9, 5, dtype="int32")})


def test_lanes_with_ranges_of_their_own():
    A = te.placeholder((8, 8), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((8,), rule, name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    a = filled(8, 8, dtype="int32")
    check_readings(s, [B], {A: a}, expected=[np.tril(a).sum(1, dtype="int32")])


def test_fused_loops_gather():
    A = te.placeholder((5, 7), "int32", name="A")
    I = te.placeholder((5,), "int64", name="I")  # noqa: E741 - short as the others
    B = te.compute((5, 7), lambda i, j: A[I[i], 6 - j], name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize(s[B].fuse("i", "j"))
    check_readings(s, [B], {A: filled(5, 7, dtype="int32"), I: np.array([4, 4, 0, 2, 1])})


def test_several_outputs_and_a_scalar():
    A = te.placeholder((6,), "int32", name="A")
    Z = te.placeholder((), "int32", name="Z")
    B, C = te.compute((6,), lambda i: (A[i] + Z(), A[5 - i] * Z()), name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    check_readings(s, [B, C], {A: filled(6, dtype="int32"), Z: np.array(3, "int32")})


def row_sums():
    A, k = te.placeholder((4, 8), "int32", name="A"), te.reduce_axis((0, 8), name="k")
    return A, te.compute((4,), lambda i: te.sum(A[i, k], axis=k), name="B")


def test_a_reduction_whose_order_is_free():
    A, B = row_sums()
    s = te.create_schedule(B.op)
    s[B].vectorize("k")
    check_readings(s, [B], {A: filled(4, 8, dtype="int32")})


def test_a_reduction_whose_order_is_kept():
    A, k = te.placeholder((4, 8), name="A"), te.reduce_axis((0, 8), name="k")
    B = te.compute((4,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op, fp="exact")
    with pytest.raises(IllegalScheduleError) as refused:
        s[B].vectorize(k)
    text = str(refused.value)
    assert text.startswith("s[B].vectorize(k) would change the result")
    assert "instance (i=0, k=1) reads B[0], which instance (i=0, k=0) writes" in text
    assert "legal here: vectorize(i)" in text


def test_a_loop_over_data_and_reduction_together():
    _, B = row_sums()
    s = te.create_schedule(B.op)
    s[B].fuse("i", "k")
    with pytest.raises(IllegalScheduleError, match=r"s\[B\].vectorize\(i_k\) would change"):
        s[B].vectorize("i_k")


def test_an_extent_known_only_at_run_time():
    _, B = scaled(te.var("n"))
    s = te.create_schedule(B.op)
    with pytest.raises(
        ScheduleError,
        match=r"vectorize: the extent n of loop 'i' is known only at run time; split it by a "
        r"number first and vectorize the inner loop",
    ):
        s[B].vectorize("i")


def test_two_loops_of_one_stage():
    A = te.placeholder((4, 8), name="A")
    B = te.compute((4, 8), lambda i, j: A[i, j], name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    with pytest.raises(
        ScheduleError,
        match=r"vectorize: loop 'i' of 'B' is vectorized already; fuse the two loops, or unroll "
        r"one of them",
    ):
        s[B].vectorize("j")


def test_a_loop_that_is_marked_otherwise():
    _, B = scaled(8)
    s = te.create_schedule(B.op)
    s[B].unroll("i")
    with pytest.raises(
        ScheduleError, match=r"vectorize: loop 'i' is unrolled already; split it to mark a part"
    ):
        s[B].vectorize("i")


@pytest.mark.parametrize("name", ["sum", "prod", "max"])
def test_a_reduction_of_several_terms(name):
    """Of integers the simplifier takes x + (a + b) apart; the lanes are folded all the same."""
    A, k = te.placeholder((4, 8), "int32", name="A"), te.reduce_axis((0, 8), name="k")
    three = {
        "sum": lambda i: A[i, k] - A[i, 7 - k] + k.astype("int32"),
        "prod": lambda i: A[i, k] * A[i, 7 - k] * 3,
        "max": lambda i: te.max(A[i, k], -A[i, 7 - k], 2),
    }[name]
    B = te.compute((4,), lambda i: getattr(te, name)(three(i), axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize(k)
    check_readings(s, [B], {A: filled(4, 8, dtype="int32")})


@pytest.mark.parametrize(
    ("lanes", "wrong"),
    [
        (0, r"lanes 0 of loop 'i' \(extent 8\) must be at least 1"),
        (2.0, r"lanes 2\.0 of loop 'i' \(extent 8\) is no number that is known now; pass an int"),
    ],
)
def test_a_number_of_lanes_that_is_none(lanes, wrong):
    A = te.placeholder((8,), name="A")
    B = te.compute((8,), lambda i: A[i], name="B")
    with pytest.raises(ScheduleError, match=f"^vectorize: {wrong}"):
        te.create_schedule(B.op)[B].vectorize("i", lanes=lanes)
