"""Sums that are kept in lanes: what the pass makes, that it means the same, what it leaves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import texpr
from tests.readings import filled
from texpr import te
from texpr.ir.interpreter import interpret
from texpr.ir.program import Alloc, Loop, Program, stmts
from texpr.target.passes import PASSES, accumulate_in_lanes
from texpr.target.target import Target

# 128-bit registers: four lanes of float32, so that small programs have several vectors.
NARROW = Target.parse("llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1")
ZEN4 = "llvm -mtriple=x86_64-linux-gnu -mcpu=znver4"

Golden = Callable[[str, str], None]


def lowered(s: te.TeSchedule, target: Target = NARROW) -> Program:
    program = s.program
    for _, run in PASSES:
        program = run(program, target)
    return program


def vectors(program: Program) -> list[str]:
    """The scratch of partial sums."""
    allocs = (stmt for stmt in stmts(program.body) if isinstance(stmt, Alloc))
    return [a.buffer.name for a in allocs if a.buffer.name.endswith("_lanes")]


def products(m: Any, n: Any, factor: int | None) -> tuple[te.Tensor, te.TeSchedule]:
    A, B = te.placeholder((m, n), name="A"), te.placeholder((n,), name="B")
    k = te.reduce_axis((0, n), name="k")
    C = te.compute((m,), lambda i: te.sum(A[i, k] * B[k], axis=k), name="C")
    s = te.create_schedule(C.op)
    if factor is None:
        s[C].vectorize(k)
    else:
        s[C].vectorize(s[C].split(k, factor=factor)[1])
    return C, s


def test_golden(golden: Golden) -> None:
    _, s = products(3, 38, 8)
    program = lowered(s)
    golden(str(program), "pass_accumulate_in_lanes")
    a, b, c = filled(3, 38), filled(38, seed=1), np.full(3, 77, "float32")
    interpret(program, a, b, c)
    np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize("factor", [4, 8, 16, 64])
@pytest.mark.parametrize("symbolic", [False, True])
def test_every_length_of_a_row(factor: int, symbolic: bool) -> None:
    kernel: texpr.Kernel | None = None
    for n in (0, 1, factor - 1, factor, factor + 1, 8 * factor, 17 * factor + 3):
        if kernel is None or not symbolic:
            size = te.size_var("n") if symbolic else n
            _, s = products(te.size_var("m"), size, factor)
            kernel = texpr.build(s)
            program = lowered(s)
        a, b, c = filled(3, n), filled(n, seed=1), np.full(3, 77, "float32")
        interpret(program, a, b, c)
        np.testing.assert_array_equal(c, a @ b)
        np.testing.assert_array_equal(kernel(a, b), a @ b)


OPERATORS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (te.sum, np.sum),
    "prod": (te.prod, np.prod),
    "max": (te.max, lambda a: a.max(initial=-np.inf if a.dtype.kind == "f" else a.min(initial=0))),
    "min": (te.min, lambda a: a.min(initial=np.inf if a.dtype.kind == "f" else a.max(initial=0))),
}


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_and_type(name: str, dtype: str) -> None:
    reduce, by_numpy = OPERATORS[name]
    A, k = te.placeholder((300,), dtype, name="A"), te.reduce_axis((0, 300), name="k")
    S = te.compute((), lambda: reduce(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(s[S].split(k, factor=16)[1])
    assert len(vectors(texpr.lower(s, target=ZEN4))) > 1
    rng = np.random.default_rng(0)
    a = rng.integers(1, 3, 300).astype(dtype)
    a[a == 2] = rng.choice(np.array([1, 3], dtype), (a == 2).sum()) if name != "prod" else 1
    a[[7, 150, 299]] = [2, 5, 3]
    found = texpr.build(s)(a)
    wide = a.astype("float32") if dtype == "float16" else a
    assert found == by_numpy(wide).astype(found.dtype)


def test_conditions_hold_lane_by_lane() -> None:
    A, k = te.placeholder((100,), name="A"), te.reduce_axis((0, 100), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k, where=(k % 3).equal(0)), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(s[S].split(k, factor=8)[1])
    a = filled(100)
    assert vectors(texpr.lower(s))
    assert texpr.build(s)(a) == a[::3].sum()


def test_a_subscript_that_is_checked_is_still_checked() -> None:
    A, k = te.placeholder((te.var("m"),), name="A"), te.reduce_axis((0, 128), name="k")
    I = te.placeholder((128,), "int64", name="I")  # noqa: E741
    S = te.compute((), lambda: te.sum(A[I[k]], axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(s[S].split(k, factor=8)[1])
    kernel = texpr.build(s, [A, I, S])
    a, index = filled(10), np.arange(128) % 10
    assert kernel(a, index) == a[index].sum()
    index[100] = 10
    with pytest.raises(texpr.BoundsError, match="index 10 is outside dimension 0 of extent 10"):
        kernel(a, index)


@pytest.mark.parametrize("place", [0, 5, 127, 130])
def test_a_nan_anywhere_is_the_maximum(place: int) -> None:
    A, k = te.placeholder((131,), name="A"), te.reduce_axis((0, 131), name="k")
    M = te.compute((), lambda: te.max(A[k], axis=k), name="M")
    s = te.create_schedule(M.op, fp="exact")
    s[M].vectorize(s[M].split(k, factor=8)[1])
    a = np.full(131, -np.inf, "float32")
    kernel = texpr.build(s)
    assert kernel(a) == -np.inf
    a[place] = np.nan
    assert np.isnan(kernel(a))


def test_one_addition_of_minus_zeros_is_minus_zero() -> None:
    @texpr.kernel
    def add_all(A: texpr.f32[64], S: texpr.f32[1]):  # type: ignore[no-untyped-def]
        for k in range(64):
            S[0] += A[k]

    s = texpr.create_schedule(add_all, fp="reassoc")
    (stage,) = s.stages
    stage.vectorize("k", 8)
    total = np.array([-0.0], "float32")
    texpr.build(s)(np.full(64, -0.0, "float32"), total)
    assert np.signbit(total[0])


def test_tiles_have_vectors_of_their_own() -> None:
    A, B = te.placeholder((8, 64), name="A"), te.placeholder((64,), name="B")
    k = te.reduce_axis((0, 64), name="k")
    C = te.compute((8,), lambda i: te.sum(A[i, k] * B[k], axis=k), name="C")
    s = te.create_schedule(C.op)
    i_o, i_i = s[C].split(C.op.axis[0], 4)
    k_o, k_i = s[C].split(k, 4)
    s[C].reorder(i_o, k_o, i_i, k_i)
    s[C].unroll(i_i)
    s[C].vectorize(k_i)
    program = lowered(s)
    # Four cells of one register each, in two turns, are eight registers.
    assert len(vectors(program)) == 8
    a, b, c = filled(8, 64), filled(64, seed=1), np.zeros(8, "float32")
    interpret(program, a, b, c)
    np.testing.assert_array_equal(c, a @ b)
    np.testing.assert_array_equal(texpr.build(s)(a, b), a @ b)


def test_one_vector_over_several_loops() -> None:
    A = te.placeholder((4, 5, 6, 16), name="A")
    axes = [te.reduce_axis((0, n), name=name) for n, name in ((5, "p"), (6, "q"), (16, "r"))]
    C = te.compute((4,), lambda i: te.sum(A[(i, *axes)], axis=axes), name="C")
    s = te.create_schedule(C.op)
    s[C].vectorize(axes[-1])
    program = lowered(s)
    (loop,) = (x for x in stmts(program.body) if isinstance(x, Loop) and x.var.name == "p")
    assert len(vectors(program)) == 2
    assert not any(isinstance(stmt, Alloc) for stmt in stmts(loop))
    a, c = filled(4, 5, 6, 16), np.zeros(4, "float32")
    interpret(program, a, c)
    np.testing.assert_array_equal(c, a.sum(axis=(1, 2, 3)))


def test_functions_hide_the_latency_of_an_addition() -> None:
    A, k = te.placeholder((160,), name="A"), te.reduce_axis((0, 160), name="k")
    S = te.compute((), lambda: te.sum(te.exp(A[k]), axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(s[S].split(k, factor=4)[1])
    assert len(vectors(lowered(s))) == 1


# ---------------------------------------------------------------- left alone


def test_what_depends_on_the_cell_keeps_it_in_memory() -> None:
    """A cell that the loop reads, or changes in another way, is up to date in each iteration."""

    @texpr.kernel
    def running(A: texpr.i32[9, 8], S: texpr.i32[1], T: texpr.i32[9]):  # type: ignore[no-untyped-def]
        for i in range(9):
            for k in range(8):
                S[0] += A[i, k]
            T[i] = S[0]

    s = texpr.create_schedule(running)
    s.stages[0].vectorize("k")
    assert not vectors(texpr.lower(s))
    a, total, t = filled(9, 8, dtype="int32"), np.zeros(1, "int32"), np.zeros(9, "int32")
    texpr.build(s)(a, total, t)
    np.testing.assert_array_equal(t, a.sum(axis=1).cumsum())

    @texpr.kernel
    def mixed(A: texpr.i32[9, 8], S: texpr.i32[1]):  # type: ignore[no-untyped-def]
        for i in range(9):
            for k in range(8):
                S[0] += A[i, k]
            S[0] *= 3

    s = texpr.create_schedule(mixed)
    s.stages[0].vectorize("k")
    assert not vectors(texpr.lower(s))
    total = np.zeros(1, "int32")
    texpr.build(s)(a, total)
    wanted = 0
    for row in a:
        wanted = (wanted + int(row.sum())) * 3
    assert total[0] == wanted


def test_an_order_that_is_exact_stays() -> None:
    A, k = te.placeholder((64,), name="A"), te.reduce_axis((0, 64), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op, fp="exact")
    with pytest.raises(texpr.IllegalScheduleError):
        s[S].vectorize(k)
    s[S].split(k, factor=8)
    assert lowered(s) is not None
    assert not vectors(lowered(s))


def test_lanes_with_cells_of_their_own_are_no_sum() -> None:
    A, k = te.placeholder((32, 8), name="A"), te.reduce_axis((0, 32), name="k")
    C = te.compute((8,), lambda j: te.sum(A[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    s[C].reorder(k, C.op.axis[0])
    s[C].vectorize(C.op.axis[0])
    program = lowered(s)
    assert not vectors(program)
    assert accumulate_in_lanes.run(program, NARROW).body is program.body


# ---------------------------------------------------------------- numbers and code


def test_the_result_is_within_the_reported_bound() -> None:
    n = 10_000
    a = np.random.default_rng(0).normal(size=n).astype("float32")
    A, k = te.placeholder((n,), name="A"), te.reduce_axis((0, n), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    s[S].vectorize(s[S].split(k, factor=16)[1])
    (reordered,) = s.report().reordered
    bound = 2 * (n - 1) * reordered.unit_roundoff * np.abs(a.astype("float64")).sum()
    assert str(reordered.terms) == str(n)
    assert abs(float(texpr.build(s)(a)) - a.astype("float64").sum()) <= bound / 2


@pytest.mark.parametrize("factor", [16, 128, None])
@pytest.mark.parametrize("operator", ["sum", "max"])
def test_the_loop_folds_no_lanes(factor: int | None, operator: str) -> None:
    A, B = te.placeholder((4096,), name="A"), te.placeholder((4096,), name="B")
    k = te.reduce_axis((0, 4096), name="k")
    S = te.compute((), lambda: getattr(te, operator)(A[k] * B[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    if factor is None:
        s[S].vectorize(k)
    else:
        s[S].vectorize(s[S].split(k, factor=factor)[1])
    asm = texpr.build(s, [A, B, S], target=ZEN4).asm
    # From a label to the jump back to it.
    loops = re.findall(r"^(\.LBB\S+):((?:(?!^\.LBB).)*?)j\w+\t\1$", asm, re.DOTALL | re.MULTILINE)
    multiplying = [body for _, body in loops if re.search(r"v(mul|fmadd\w*)ps", body)]
    assert multiplying
    for body in multiplying:
        assert not re.search(r"vextractf|vpermil|vshuf|vmov\w+\t%[xyz]mm\d+, .*\(", body), body
        if operator == "sum":
            sums = set(re.findall(r"vfmadd\w*ps\t.*, %(zmm\d+)\n", body))
            assert len(sums) >= 8, body


def test_vectors_beside_other_statements_are_right_in_every_order() -> None:
    """Loops around and between sums, with tails, against NumPy."""
    A = te.placeholder((5, 7, 37), name="A")
    for order, factor in itertools.product(itertools.permutations(range(3)), (4, 8)):
        r, k = te.reduce_axis((0, 7), name="r"), te.reduce_axis((0, 37), name="k")
        C = te.compute((5,), lambda i, r=r, k=k: te.sum(A[i, r, k], axis=[r, k]), name="C")
        D = te.compute((5,), lambda i, C=C: C[i] + 1, name="D")
        s = te.create_schedule(D.op)
        k_o, k_i = s[C].split(k, factor)
        loops = [C.op.axis[0], r, k_o]
        s[C].reorder(*(loops[at] for at in order), k_i)
        s[C].vectorize(k_i)
        a = filled(5, 7, 37)
        np.testing.assert_array_equal(texpr.build(s)(a), a.sum(axis=(1, 2)) + 1)
