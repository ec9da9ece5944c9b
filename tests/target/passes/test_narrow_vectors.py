"""Edges of vectors on processors without masks: narrower vectors, and no lane too many."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

import texpr
from tests.readings import filled
from texpr import te
from texpr.ir.dtypes import ALL_DTYPES
from texpr.ir.interpreter import interpret
from texpr.target.llvm import query

Golden = Callable[[str, str], None]

# Every machine runs the code of its architecture's least processor, which is the one that has no
# masks of x86-64 and of ARM.
LEAST = f"llvm -mcpu={query.least_cpu(query.process_triple())}"
NEON = "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1"
SSE2 = "llvm -mtriple=x86_64-linux-gnu -mcpu=x86-64"
AVX512 = "llvm -mtriple=x86_64-linux-gnu -mcpu=skylake-avx512"


def copied(dtype: str) -> tuple[te.Tensor, te.Tensor, te.TeSchedule]:
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n, m), dtype, name="A")
    B = te.compute((n, m), lambda i, j: A[i, j], name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize(s[B].split(B.op.axis[1], factor=16)[1])
    return A, B, s


@pytest.mark.parametrize("flags", ["llvm", LEAST])
@pytest.mark.parametrize("dtype", [str(d) for d in ALL_DTYPES if str(d) != "bfloat16"])
def test_no_lane_too_many_and_none_too_few(dtype, flags):
    A, B, s = copied(dtype)
    kernel = texpr.build(s, [A, B], flags)
    for m in range(1, 36):
        a = filled(1, m, dtype=dtype)
        room = np.full(m + 16, 77).astype(dtype)
        kernel(a, room[None, :m])
        np.testing.assert_array_equal(room[:m], a[0])
        np.testing.assert_array_equal(room[m:], np.full(16, 77).astype(dtype))


@pytest.mark.parametrize("flags", ["llvm", LEAST])
def test_what_is_the_same_in_all_lanes_is_read_where_a_lane_runs(flags):
    n, m = te.size_var("n"), te.size_var("m")
    A, C = te.placeholder((n, m), name="A"), te.placeholder((n, m), name="C")
    B = te.compute((n, m), lambda i, j: A[i, j] + C[i, j - j % 8], name="B")
    s = te.create_schedule(B.op)
    # Vectors of eight that nobody keeps apart from the whole ones: all lanes may be beyond the end.
    inner = s[B].split(B.op.axis[1], factor=32)[1]
    s[B].vectorize(s[B].split(inner, factor=8)[1])
    kernel = texpr.build(s, [A, C, B], flags)
    for size in (0, 1, 8, 23, 24, 31, 32, 41):
        a, c = filled(2, size), filled(2, size, seed=1)
        np.testing.assert_array_equal(kernel(a, c), a + c[:, np.arange(size) // 8 * 8])


def test_golden(golden: Golden) -> None:
    A, B, s = copied("float32")
    program = texpr.lower(s, [A, B], NEON)
    golden(str(program), "pass_narrow_vectors")
    for m in range(1, 20):
        a, b = filled(2, m), np.full((2, m), 77, "float32")
        interpret(program, a, b)
        np.testing.assert_array_equal(b, a)


def test_a_sum_is_narrowed_around_its_loop(golden: Golden) -> None:
    n, m = te.size_var("n"), te.size_var("m")
    A, B = te.placeholder((n,), name="A"), te.placeholder((n, m), name="B")
    k = te.reduce_axis((0, n), name="k")
    C = te.compute((m,), lambda j: te.sum(A[k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    j_o, j_i = s[C].split("j", factor=8)
    s[C].reorder(j_o, k, j_i)
    s[C].vectorize(j_i)
    program = texpr.lower(s, [A, B, C], NEON)
    golden(str(program), "pass_narrow_vectors_of_a_sum")
    kernel = texpr.build(s, [A, B, C], LEAST)
    for run in (kernel, lambda *arrays: interpret(program, *arrays)):
        for m in range(1, 20):
            a, b, c = filled(5), filled(5, m, seed=1), np.full(m, 77, "float32")
            run(a, b, c)
            np.testing.assert_array_equal(c, a @ b)


def branches(flags: str, dtype: str) -> int:
    A, B, s = copied(dtype)
    return len(
        re.findall(
            r"^\s+(j[a-z]+|b\.\w+|cbn?z|tbn?z)\s", texpr.build(s, [A, B], flags).asm, re.MULTILINE
        )
    )


@pytest.mark.parametrize("flags", [SSE2, NEON])
def test_no_lane_is_asked_for_by_itself(flags):
    # LLVM would jump twice for each of the sixteen lanes; strips of 4, 2 and 1 take three
    # questions and a loop.
    assert branches(flags, "float32") <= branches(AVX512, "float32") + 4
