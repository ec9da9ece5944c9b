"""Cells kept in registers: what the pass makes, that it means the same, what it leaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import texpr
from tests.readings import filled
from texpr import te
from texpr.ir.interpreter import interpret
from texpr.ir.program import Alloc, Program, stmts
from texpr.target.llvm import query

Golden = Callable[[str, str], None]

LEAST = f"llvm -mcpu={query.least_cpu(query.process_triple())}"

SKYLAKE = "llvm -mtriple=x86_64-linux-gnu -mcpu=skylake-avx512"
NEOVERSE = "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1"


def kept(program: Program) -> list[str]:
    """The arrays whose cells are kept, once for each cell."""
    allocs = (stmt.buffer.name for stmt in stmts(program.body) if isinstance(stmt, Alloc))
    return [name.removesuffix("_reg") for name in allocs if name.endswith("_reg")]


def product(dtype: str = "float32", rows: int = 2, columns: int = 8) -> Any:
    """A product of matrices of any size, in tiles that are not packed."""
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A, B = te.placeholder((n, k), dtype, name="A"), te.placeholder((k, m), dtype, name="B")
    r = te.reduce_axis((0, k), name="r")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, rows, columns)
    s[C].reorder(i_o, j_o, r, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    return s, [A, B, C]


def test_golden(golden: Golden) -> None:
    s, args = product()
    program = texpr.lower(s, args, SKYLAKE)
    golden(str(program), "pass_keep_in_registers")
    a, b, c = filled(5, 7), filled(7, 19, seed=1), np.full((5, 19), 77, "float32")
    interpret(program, a, b, c)
    np.testing.assert_array_equal(c, a @ b)


@pytest.fixture(scope="module")
def kernels() -> dict[str, tuple[texpr.Kernel, Program]]:
    made = {}
    for dtype in ("float32", "float64", "float16", "int8"):
        s, args = product(dtype, rows=3)
        made[dtype] = texpr.build(s, args), texpr.lower(s, args)
    return made


sizes = st.integers(0, 20)


@given(st.sampled_from(["float32", "float64", "float16", "int8"]), sizes, sizes, sizes)
def test_every_size(kernels: Any, dtype: str, n: int, m: int, k: int) -> None:
    kernel, program = kernels[dtype]
    a, b = filled(n, k, dtype=dtype), filled(k, m, dtype=dtype, seed=1)
    for run in (kernel, lambda *arrays: interpret(program, *arrays)):
        c = np.full((n, m), 77, program.args[2].dtype.name)
        run(a, b, c)
        np.testing.assert_array_equal(c, (a.astype("float64") @ b).astype(c.dtype))


N, M, K = texpr.size("N"), texpr.size("M"), texpr.size("K")


@texpr.kernel
def two_rows(C: texpr.f32[N, M], A: texpr.f32[K]):
    for i in range(N // 2):
        for r in range(K):
            for t in range(2):
                for j in range(M):
                    C[i * 2 + t, j] += A[r]


def scheduled(kernel: Any) -> te.Schedule:
    """The kernel's update in two rows and eight lanes."""
    s = texpr.create_schedule(kernel)
    j_o, j_i = s.split("j", 8)
    s.reorder("i", j_o, "r", "t", j_i)
    s.unroll("t")
    s.vectorize(j_i)
    return s


@pytest.mark.parametrize("shape", [(4, 16, 3), (4, 13, 3), (5, 3, 2), (2, 8, 0), (0, 8, 2)])
def test_cells_that_nothing_sets_before_are_loaded_first(shape: tuple[int, int, int]) -> None:
    s = scheduled(two_rows)
    program = texpr.lower(s, target=SKYLAKE)
    assert len(kept(program)) == 4, "two rows of full tiles, and two of partial ones"
    n, m, k = shape
    start, a = filled(n, m), filled(k, seed=1)
    expected = start.copy()
    expected[: n // 2 * 2] += a.sum()
    for run in (texpr.build(s), lambda *arrays: interpret(program, *arrays)):
        c = start.copy()
        run(c, a)
        np.testing.assert_array_equal(c, expected)


@texpr.kernel
def maybe_the_same_row(C: texpr.f32[N, M], A: texpr.f32[K, M], d: texpr.i64):
    texpr.require(d >= 0, d < N)
    for r in range(K):
        for j in range(M):
            C[0, j] += A[r, j]
            C[d, j] += C[0, j] * A[r, j]


@pytest.mark.parametrize("flags", ["llvm", LEAST])
def test_a_loop_and_what_goes_on_where_it_ends_share_registers(flags: str, golden: Golden) -> None:
    n, m = te.size_var("n"), te.size_var("m")
    A, k = te.placeholder((n, m), name="A"), te.reduce_axis((0, m), name="k")
    S = te.compute((n,), lambda i: te.max(A[i, k], axis=k), name="S")
    s = te.create_schedule(S.op)
    k_i = s[S].split(k, factor=8)[1]
    P = s.rfactor(S, k_i, factor_axis=1)
    s[P].reorder("i", "k_o", "k_i")
    s[P].vectorize("k_i")
    s[P].compute_at(s[S], "i")
    if flags == "llvm":
        golden(str(texpr.lower(s, [A, S], SKYLAKE)), "pass_keep_in_registers_two_loops")
    kernel, program = texpr.build(s, [A, S], flags), texpr.lower(s, [A, S], flags)
    for size in (0, 1, 7, 8, 9, 23, 24):
        a = filled(3, size)
        for run in (kernel, lambda *arrays: interpret(program, *arrays)):
            found = np.full(3, 77, "float32")
            run(a, found)
            np.testing.assert_array_equal(found, a.max(1, initial=-np.inf))


def test_cells_that_may_be_the_same_stay_in_memory() -> None:
    s = texpr.create_schedule(maybe_the_same_row)
    assert not kept(texpr.lower(s))
    kernel = texpr.build(s)
    for d in (0, 1):
        a = filled(3, 5, seed=1)
        c = np.ones((2, 5), "float32")
        expected = c.copy()
        for row in a:
            expected[0] += row
            expected[d] += expected[0] * row
        kernel(c, a, d)
        np.testing.assert_array_equal(c, expected)


def test_cells_that_are_read_by_other_subscripts_stay_in_memory() -> None:
    s, args = product()
    assert len(kept(texpr.lower(s, args, SKYLAKE))) == 5

    @texpr.kernel
    def chain(C: texpr.f32[N, M]):
        texpr.require(N > 1)
        for r in range(1, M):
            C[0, 0] += C[1, r]
            C[1, 0] += C[0, r]

    assert not kept(texpr.lower(texpr.create_schedule(chain), target=SKYLAKE))


def test_more_cells_than_registers_stay_in_memory() -> None:
    s, args = product(rows=40)
    assert not kept(texpr.lower(s, args, SKYLAKE))


def test_conditions_that_differ_in_each_step_stay_where_they_are() -> None:
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A, r = te.placeholder((n, k), name="A"), te.reduce_axis((0, k), name="r")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, r] * (j + 1), axis=r, where=j <= r), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 2, 8)
    s[C].reorder(i_o, j_o, r, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    kernel, program = texpr.build(s, [A, C]), texpr.lower(s, [A, C])
    for shape in ((4, 16, 16), (5, 11, 7), (3, 9, 0)):
        a = filled(shape[0], shape[2])
        j, r_ = np.arange(shape[1]), np.arange(shape[2])
        expected = a @ ((j[None, :] <= r_[:, None]) * (j + 1)).astype("float32")
        for run in (kernel, lambda *arrays: interpret(program, *arrays)):
            c = np.full(shape[:2], 77, "float32")
            run(a, c)
            np.testing.assert_array_equal(c, expected)


def test_a_function_from_outside_is_called_for_no_lane_beyond_the_edge() -> None:
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A, B = te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B")
    calls = []

    def watched(x: float) -> float:
        calls.append(x)
        return x

    r = te.reduce_axis((0, k), name="r")
    C = te.compute(
        (n, m),
        lambda i, j: te.sum(A[i, r] * te.call_pure_extern("float32", watched, B[r, j]), axis=r),
        name="C",
    )
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 2, 8)
    s[C].reorder(i_o, j_o, r, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    a, b = filled(4, 3), filled(3, 5, seed=1)
    c = np.full((4, 5), 77, "float32")
    texpr.build(s, [A, B, C])(a, b, c)
    np.testing.assert_array_equal(c, a @ b)
    assert len(calls) == 4 * 3 * 5


def test_tuples_are_kept_together() -> None:
    n, m, k = te.size_var("n"), te.size_var("m"), te.size_var("k")
    A = te.placeholder((k, n, m), name="A")
    r = te.reduce_axis((0, k), name="r")
    argmax = te.comm_reducer(
        lambda x, y: (
            te.if_then_else(x[1] >= y[1], x[0], y[0]),
            te.if_then_else(x[1] >= y[1], x[1], y[1]),
        ),
        lambda t0, t1: (te.const(-1, t0), te.min_value(t1)),
        name="argmax",
    )
    P, V = te.compute((n, m), lambda i, j: argmax((r, A[r, i, j]), axis=r), name="T")
    s = te.create_schedule(P.op)
    i_o, j_o, i_i, j_i = s[P].tile(*P.op.axis, 2, 8)
    s[P].reorder(i_o, j_o, r, i_i, j_i)
    s[P].vectorize(j_i)
    s[P].unroll(i_i)
    program = texpr.lower(s, [A, P, V], SKYLAKE)
    assert set(kept(program)) == {P.name, V.name}
    kernel = texpr.build(s, [A, P, V])
    a = filled(6, 5, 11)
    for run in (kernel, lambda *arrays: interpret(program, *arrays)):
        p, v = np.zeros((5, 11), P.dtype.name), np.zeros((5, 11), "float32")
        run(a, p, v)
        np.testing.assert_array_equal(p, a.argmax(0))
        np.testing.assert_array_equal(v, a.max(0))


@pytest.mark.parametrize("flags", [SKYLAKE, NEOVERSE])
def test_nothing_is_stored_in_the_inner_loop(flags: str) -> None:
    s, args = product(rows=4, columns=16)
    asm = texpr.build(s, args, flags).asm
    multiply_add, store = {
        SKYLAKE: (r"vfmadd\d+ps\s.*zmm", r"v?mov\S*\s+%[xyz]mm\d+, \S*\("),
        NEOVERSE: (r"fmla\s+v\d+\.4s", r"\bst[rpu]\S*\s"),
    }[flags]
    loops = re.split(r"^(?=\.L\w+:)", asm, flags=re.MULTILINE)
    code = max(loops, key=lambda block: len(re.findall(multiply_add, block)))
    vectors = 4 if flags == SKYLAKE else 16
    assert len(re.findall(multiply_add, code)) in (vectors, 2 * vectors)  # LLVM may unroll
    assert not re.search(store, code)
