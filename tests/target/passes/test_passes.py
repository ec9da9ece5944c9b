"""The lowering passes one by one: what each makes of a program, and that it means the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from texpr import lower, te
from texpr.errors import LoweringError
from texpr.ir.interpreter import interpret
from texpr.ir.program import TRUE, Alloc, If, Loop, LoopKind, Program, blocks, parallel_nest, stmts
from texpr.target.passes import (
    PASSES,
    separate_tiles,
    simplify_program,
    strip_vectors,
    tighten_loops,
    unroll_loops,
)
from texpr.target.target import Target

# 128-bit registers: four lanes of float32, so that small programs have several strips.
NARROW = Target.parse("llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1")

Golden = Callable[[str, str], None]


def doubled(n: Any) -> tuple[te.Tensor, te.TeSchedule]:
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    return B, te.create_schedule(B.op)


def vectors(program: Program) -> list[int]:
    """The lengths of the vectorized loops."""
    return [
        int(loop.upper.value) - int(loop.lower.value)  # type: ignore[attr-defined]
        for loop in stmts(program.body)
        if isinstance(loop, Loop) and loop.kind is LoopKind.VECTORIZED
    ]


def check_doubles(program: Program, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        a, b = np.arange(size, dtype="float32"), np.zeros(size, "float32")
        interpret(program, a, b)
        np.testing.assert_array_equal(b, a * 2)


def test_passes_run_in_the_order_of_the_list() -> None:
    assert [name for name, _ in PASSES] == [
        "simplify", "separate_tiles", "simplify_tiles", "tighten_loops", "strip_vectors",
        "unroll_loops", "accumulate_in_lanes", "simplify_all", "keep_in_registers",
        "narrow_vectors", "hoist_scratch",
    ]  # fmt: skip


@pytest.mark.parametrize("extent", [1, 2, 3, 4, 31, 32, 33, 48, 100, 129])
def test_strips_are_powers_of_two_that_registers_hold(extent: int) -> None:
    B, s = doubled(extent)
    s[B].vectorize(B.op.axis[0])
    program = strip_vectors.run(s.program, NARROW)
    for lanes in vectors(program):
        assert lanes & (lanes - 1) == 0
        assert lanes <= 4 * strip_vectors.MAX_REGISTERS
    check_doubles(program, (extent,))


def test_strips_golden(golden: Golden) -> None:
    B, s = doubled(100)
    s[B].vectorize(B.op.axis[0])
    golden(str(strip_vectors.run(s.program, NARROW)), "pass_strip_vectors")


def test_full_and_partial_tiles_golden(golden: Golden) -> None:
    B, s = doubled(te.size_var("n"))
    _, inner = s[B].split(B.op.axis[0], 8)
    s[B].vectorize(inner)
    program = separate_tiles.run(s.program, NARROW)
    golden(str(simplify_program.run(program, NARROW)), "pass_separate_tiles")
    check_doubles(program, (0, 1, 7, 8, 9, 31))


def test_tiles_of_two_loops_are_separated_apart(golden: Golden) -> None:
    A = te.placeholder((19, 21), name="A")
    B = te.compute((19, 21), lambda i, j: A[i, j] * 2, name="B")
    s = te.create_schedule(B.op)
    _, _, i_i, j_i = s[B].tile(*B.op.axis, 4, 8)
    s[B].unroll(i_i)
    s[B].vectorize(j_i)
    program = s.program
    for _, run in PASSES:
        program = run(program, NARROW)
    golden(str(program), "pass_tiles_of_two_loops")
    a, b = np.random.default_rng(0).random((19, 21), "float32"), np.zeros((19, 21), "float32")
    interpret(program, a, b)
    np.testing.assert_array_equal(b, a * 2)


def test_a_tile_is_tested_before_the_loop_that_reduces_in_it(golden: Golden) -> None:
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n, m), name="A")
    k = te.reduce_axis((0, m), name="k")
    S = te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="S")
    s = te.create_schedule(S.op)
    T = s.cache_write(S, "local")
    i_o, i_i = s[S].split(S.op.axis[0], 4)
    s[S].vectorize(i_i)
    s[T].compute_at(s[S], i_o)
    s[T].reorder(*T.op.reduce_axis, *T.op.axis)
    s[T].unroll(*T.op.axis)
    program = simplify_program.run(separate_tiles.run(s.program, NARROW), NARROW)
    golden(str(program), "pass_separate_tiles_of_reductions")
    for size in (0, 1, 3, 4, 5, 9):
        a, found = np.ones((size, 3), "float32"), np.full(size, 77, "float32")
        interpret(program, a, found)
        np.testing.assert_array_equal(found, 3)


def test_a_condition_of_a_statement_is_tested_once_a_tile() -> None:
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    k = te.reduce_axis((0, n), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    _, k_i = s[S].split(k, 8)
    parts = s.rfactor(S, k_i)
    s[parts].reorder(*parts.op.reduce_axis, *parts.op.axis)
    s[parts].vectorize(*parts.op.axis)
    program = separate_tiles.run(s.program, NARROW)
    summing = [block for block in blocks(program.body) if block.label == "S_rf"]
    assert [block.predicate is TRUE for block in summing] == [True, False]
    for size in (0, 1, 7, 8, 9, 16):
        a, found = np.ones(size, "float32"), np.full((), 77, "float32")
        interpret(program, a, found)
        assert found == size


def test_tiles_of_parallel_loops_stay_one_nest() -> None:
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n, m), name="A")
    B = te.compute(A.shape, lambda i, j: A[i, j] + 1, name="B")
    s = te.create_schedule(B.op)
    i_o, j_o, i_i, j_i = s[B].tile(*B.op.axis, 4, 8)
    s[B].unroll(i_i)
    s[B].vectorize(j_i)
    s[B].parallel(i_o)
    s[B].parallel(j_o)
    (loop,) = (
        stmt for stmt in stmts(lower(s).body) if isinstance(stmt, Loop) and stmt.var.name == "i_o"
    )
    nest = parallel_nest(loop)
    assert [each.var.name for each in nest] == ["i_o", "j_o"]
    assert isinstance(nest[-1].body, If)


def test_a_guard_becomes_the_end_of_its_loop(golden: Golden) -> None:
    B, s = doubled(te.size_var("n"))
    s[B].split(B.op.axis[0], 8)
    program = tighten_loops.run(s.program, NARROW)
    golden(str(program), "pass_tighten_loops")
    assert "if" not in str(program)
    check_doubles(program, (0, 1, 7, 8, 9, 31))


def test_a_guard_stays_where_lanes_must_be_counted() -> None:
    B, s = doubled(te.size_var("n"))
    _, inner = s[B].split(B.op.axis[0], 8)
    s[B].vectorize(inner)
    assert tighten_loops.run(s.program, NARROW).body is s.program.body


def test_unrolled_loops_are_written_out(golden: Golden) -> None:
    B, s = doubled(te.size_var("n"))
    _, inner = s[B].split(B.op.axis[0], 3)
    s[B].unroll(inner)
    program = unroll_loops.run(s.program, NARROW)
    golden(str(program), "pass_unroll_loops")
    check_doubles(program, (0, 1, 2, 3, 4, 7))


def test_unrolling_has_a_limit() -> None:
    B, s = doubled(1 << 20)
    s[B].unroll(B.op.axis[0])
    with pytest.raises(
        LoweringError,
        match=r"B: unrolling loop 'i' makes 1048576 statements, more than 16384; split it",
    ):
        unroll_loops.run(s.program, NARROW)


def test_scratch_is_taken_once_around_a_loop(golden: Golden) -> None:
    n, m = te.size_var("n"), te.size_var("m")
    A = te.placeholder((n, m), name="A")
    T = te.compute((n, m), lambda i, j: A[i, j] * 2, name="T")
    B = te.compute((n, m), lambda i, j: T[i, m - 1 - j] + 1, name="B")
    s = te.create_schedule(B.op)
    s[T].compute_at(s[B], "i")
    program = lower(s, [A, B])
    golden(str(program), "pass_hoist_scratch")
    for shape in ((0, 3), (3, 0), (4, 5)):
        a, b = np.random.default_rng(0).random(shape, "float32"), np.zeros(shape, "float32")
        interpret(program, a, b)
        np.testing.assert_array_equal(b, a[:, ::-1] * 2 + 1)


def test_scratch_that_is_resized_or_shared_by_threads_stays_inside() -> None:
    n = te.size_var("n")
    A = te.placeholder((n, n), name="A")
    T = te.compute((n, n), lambda i, j: A[i, j] * 2, name="T")
    k = te.reduce_axis((0, n), name="k")
    B = te.compute((n,), lambda i: te.sum(T[i, k], axis=k, where=k <= i), name="B")
    s = te.create_schedule(B.op)
    s[T].compute_at(s[B], "i")
    s[B].parallel("i")
    loops = [stmt for stmt in stmts(lower(s, [A, B]).body) if isinstance(stmt, Loop)]
    assert any(isinstance(part, Alloc) for part in stmts(loops[0].body))
