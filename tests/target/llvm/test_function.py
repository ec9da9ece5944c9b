"""Emission: what instructions come out, and what the checks in machine code say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.errors import BoundsError, TargetError

SKYLAKE = "llvm -mtriple=x86_64-linux-gnu -mcpu=skylake-avx512"
ZEN3 = "llvm -mtriple=x86_64-linux-gnu -mcpu=znver3"
NEOVERSE = "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1"


def tiled_matmul(size: int = 64) -> tuple[list[Any], te.TeSchedule]:
    A, B = te.placeholder((size, size), name="A"), te.placeholder((size, size), name="B")
    k = te.reduce_axis((0, size), name="k")
    C = te.compute((size, size), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, 16)
    s[C].reorder(i_o, j_o, k, i_i, j_i)
    s[C].unroll(i_i)
    s[C].vectorize(j_i)
    return [A, B, C], s


@pytest.mark.parametrize(
    ("target", "multiply_add"),
    [
        (SKYLAKE, r"vfmadd\w+ps\t.*zmm"),
        (ZEN3, r"vfmadd\w+ps\t.*ymm"),
        (NEOVERSE, r"fmla\tv\d+\.4s"),
    ],
)
def test_vectorized_loops_become_vector_multiply_adds(target: str, multiply_add: str) -> None:
    args, s = tiled_matmul()
    kernel = texpr.build(s, args, target=target)
    assert re.search(multiply_add, kernel.asm)


def test_accumulators_stay_in_registers_over_the_reduction() -> None:
    args, s = tiled_matmul()
    asm = texpr.build(s, args, target=SKYLAKE).asm
    # The innermost loop: from a label to the jump back to it, with the multiply-adds between.
    loops = re.findall(r"^(\.LBB\S+):((?:(?!^\.LBB).)*?)j\w+\t\1$", asm, re.DOTALL | re.MULTILINE)
    inner = [body for _, body in loops if "vfmadd" in body]
    assert inner
    for body in inner:
        assert not re.search(r"vmovups\t%zmm\d+, ", body), "a store in the innermost loop"


def test_code_for_another_machine_is_read_and_not_called() -> None:
    args, s = tiled_matmul()
    kernel = texpr.build(s, args, target=NEOVERSE)
    zeros = np.zeros((64, 64), "float32")
    with pytest.raises(TargetError, match=r"C: .*aarch64.* does not run on this machine"):
        kernel(zeros, zeros, zeros.copy())


def gather(vectorized: bool) -> texpr.Kernel:
    A = te.placeholder((te.var("n"),), name="A")
    I = te.placeholder((16,), "int32", name="I")  # noqa: E741
    B = te.compute((16,), lambda i: A[I[i]], name="B")
    s = te.create_schedule(B.op)
    if vectorized:
        s[B].vectorize(B.op.axis[0])
    return texpr.build(s, [A, I, B])


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("wrong", [-1, 10, 2**31 - 1, -(2**31)])
def test_a_subscript_read_from_memory_is_checked(vectorized: bool, wrong: int) -> None:
    kernel = gather(vectorized)
    a = np.arange(10, dtype="float32")
    index = np.arange(16, dtype="int32") % 10
    np.testing.assert_array_equal(kernel(a, index), a[index])
    index[11] = wrong
    with pytest.raises(
        BoundsError,
        match=rf"B: A\[.*I\[i\].*\] in B \(test_function\.py:\d+\): index {wrong} is outside "
        rf"dimension 0 of extent 10",
    ):
        kernel(a, index)


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_guarded_subscript_is_not_checked_where_it_is_not_read(vectorized: bool) -> None:
    A = te.placeholder((8,), name="A")
    I = te.placeholder((16,), "int64", name="I")  # noqa: E741
    B = te.compute(
        (16,), lambda i: te.if_then_else(te.all(I[i] >= 0, I[i] < 8), A[I[i]], -1.0), name="B"
    )
    s = te.create_schedule(B.op)
    if vectorized:
        s[B].vectorize(B.op.axis[0])
    a, index = np.arange(8, dtype="float32"), np.arange(-4, 12)
    expected = [a[k] if 0 <= k < 8 else -1 for k in index]
    np.testing.assert_array_equal(texpr.build(s, [A, I, B])(a, index), expected)


def test_a_size_that_overflows_is_no_memory_and_not_a_crash() -> None:
    n = te.size_var("n")
    A = te.placeholder((n, 0), name="A")
    T = te.compute((n, n, n), lambda i, j, k: te.const(1.0, "float32"), name="T")
    B = te.compute((), lambda: T[n - 1, 0, 0], name="B")
    kernel = texpr.build(te.create_schedule(B.op), [A, B, n])
    with pytest.raises(MemoryError, match="no memory for an intermediate"):
        kernel(np.empty((2**40, 0), "float32"), np.empty((), "float32"), 2**40)


def test_the_code_of_a_long_chain_gives_each_stage_back_in_few_places() -> None:
    x = te.placeholder((te.size_var("n"),), name="A")
    for _ in range(24):
        x = x + 1
    kernel = texpr.build(te.create_schedule(x.op))
    assert 23 <= kernel.llvm.count("void @texpr.give(") <= 3 * 24
    np.testing.assert_array_equal(kernel(np.zeros(3, "float32")), np.full(3, 24, "float32"))


@pytest.mark.parametrize(
    ("fp", "contract", "present", "absent"),
    [
        ("exact", False, (), ("contract", "reassoc", "fast ")),
        ("exact", True, ("contract",), ("reassoc", "fast ")),
        ("reassoc", True, ("contract", "reassoc"), ("fast ",)),
        ("fast", True, ("fast ",), ()),
    ],
)
def test_fast_math_flags_follow_the_policy(
    fp: Any, contract: bool, present: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    A = te.placeholder((64,), name="A")
    k = te.reduce_axis((0, 64), name="k")
    S = te.compute((), lambda: te.sum(A[k] * A[k], axis=k), name="S")
    s = te.create_schedule(S.op, fp=fp, contract=contract)
    text = texpr.build(s, [A, S], target=SKYLAKE).llvm
    flags = " ".join(re.findall(r"= (?:f\w+|call) ([a-z ]*)", text))
    for word in present:
        assert word in flags + " "
    for word in absent:
        assert word not in flags + " "


def test_triangular_bounds_in_lanes() -> None:
    n = 13
    A = te.placeholder((n, n), name="A")

    def rule(i: Any) -> Any:
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    T = te.compute((n,), rule, name="T")
    a = np.random.default_rng(0).integers(-9, 9, (n, n)).astype("float32")
    expected = np.tril(a).sum(axis=1)
    for vectorized in (False, True):
        s = te.create_schedule(T.op)
        if vectorized:
            s[T].vectorize(T.op.axis[0])
        np.testing.assert_array_equal(texpr.build(s, [A, T])(a), expected)
