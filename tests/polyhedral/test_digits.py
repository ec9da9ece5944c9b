"""Loops fused over symbolic extents, and split into a number of parts."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Var
from texpr.ir.interpreter import evaluate
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.polyhedral.digits import DigitFinder, quotient
from texpr.polyhedral.judge import Finding, Judge
from texpr.schedule.relations import Fuse

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def down(A: texpr.f64[N + 1, M]):
    for i in range(N):
        for j in range(M):
            A[i + 1, j] = A[i, j] * 2


@texpr.kernel
def down_wide(A: texpr.f64[N + 1, M]):
    texpr.require(M >= 4)
    for i in range(N):
        for j in range(M):
            A[i + 1, j] = A[i, j] * 2


@texpr.kernel
def along(A: texpr.f64[N, M + 1]):
    for i in range(N):
        for j in range(M):
            A[i, j + 1] = A[i, j] * 2


@texpr.kernel
def apart(A: texpr.f64[N, M], B: texpr.f64[N, M]):
    for i in range(N):
        for j in range(M):
            B[i, j] = A[i, j] * 2


def fused(kernel):
    s = texpr.create_schedule(kernel)
    return s["S0"], s["S0"].fuse("i", "j")


@pytest.mark.parametrize("kernel", [down, along])
def test_parallel_over_a_fused_loop_that_carries(kernel):
    stage, loop = fused(kernel)
    verdict = stage.why_not("parallel", loop)
    assert (verdict.kind, verdict.fault, verdict.loop) == ("illegal", "parallel", "i_j")


def test_a_fused_loop_keeps_the_order_that_it_was_made_of():
    for kernel in (down, along, apart):
        stage, _ = fused(kernel)  # fuse itself was judged
        assert [axis.name for axis in stage.loops] == ["i_j"]


def test_parallel_over_a_fused_loop_of_independent_work():
    stage, loop = fused(apart)
    stage.parallel(loop)
    assert "parallel" in str(stage._schedule.program)


def test_lanes_that_cross_the_rows():
    # A chunk of 4 may hold several rows of fewer than 4 columns ...
    stage, loop = fused(down)
    verdict = stage.why_not("vectorize", loop, lanes=4)
    assert verdict is not None
    assert verdict.sizes == {"N": 2, "M": 1}
    assert "number" not in str(verdict)
    # ... and none of at least 4.
    stage, loop = fused(down_wide)
    assert stage.why_not("vectorize", loop, lanes=4) is None
    verdict = stage.why_not("vectorize", loop, lanes=8)
    assert verdict is not None
    assert verdict.sizes["M"] < 8


def test_sizes_at_which_nothing_is_known_acquit_nobody(monkeypatch):
    @texpr.kernel
    def bounded(A: texpr.f64[N + 1, M]):
        texpr.require(M <= 3 and N <= 2)  # fewer sizes than are tried
        for i in range(N):
            for j in range(M):
                A[i + 1, j] = A[i, j] * 2

    stage, loop = fused(bounded)
    assert stage.why_not("parallel", loop).kind == "illegal"

    first, asked = Judge._first, []

    def unsure(judge, *args):
        asked.append(judge)
        found = first(judge, *args)
        asked.pop()
        is_at_fixed_sizes = bool(asked)
        return Finding("order", None, missing="isl gave up") if is_at_fixed_sizes else found

    monkeypatch.setattr(Judge, "_first", unsure)
    stage, loop = fused(bounded)
    assert stage.why_not("parallel", loop).kind == "unknown"


def test_lanes_that_cross_rows_run_right():
    s = texpr.create_schedule(down_wide)
    s["S0"].vectorize(s["S0"].fuse("i", "j"), lanes=4)
    kernel = texpr.build(s)
    for n, m in [(0, 4), (1, 4), (3, 5), (4, 7)]:
        a = np.random.default_rng(0).integers(-9, 9, (n + 1, m)).astype(float)
        wanted = a.copy()
        down_wide.interpret(wanted)
        kernel(a)
        np.testing.assert_array_equal(a, wanted)


def test_three_loops_fused():
    @texpr.kernel
    def deep(A: texpr.f64[N + 1, M, 5]):
        for i in range(N):
            for j in range(M):
                for k in range(5):
                    A[i + 1, j, k] = A[i, j, k] * 2

    s = texpr.create_schedule(deep)
    loop = s["S0"].fuse("i", "j", "k")
    assert s["S0"].why_not("parallel", loop).kind == "illegal"
    assert s["S0"].why_not("vectorize", loop, lanes=4) is None
    verdict = s["S0"].why_not("vectorize", loop, lanes=8)
    assert (verdict.kind, verdict.sizes) == ("illegal", {"N": 2, "M": 1})


def test_parts_of_a_symbolic_loop():
    s = texpr.create_schedule(along)
    outer, inner = s["S0"].split("j", nparts=4)
    verdict = s["S0"].why_not("parallel", outer)
    assert (verdict.kind, verdict.sizes) == ("illegal", {"N": 1, "M": 2})
    assert verdict.legal == ("parallel(i)",)
    assert s["S0"].why_not("reorder", inner, outer).kind == "illegal"

    s = texpr.create_schedule(down)
    outer, inner = s["S0"].split("j", nparts=4)
    assert s["S0"].why_not("reorder", inner, outer, "i") is None
    s["S0"].parallel(outer)


def test_parts_of_parts():
    s = texpr.create_schedule(along)
    outer, inner = s["S0"].split("j", nparts=4)
    within, innermost = s["S0"].split(inner, nparts=2)  # in order still, and known to be
    assert s["S0"].why_not("reorder", innermost, within, outer) is not None

    s = texpr.create_schedule(down)
    outer, inner = s["S0"].split("j", nparts=4)
    within, innermost = s["S0"].split(inner, nparts=2)
    s["S0"].reorder(innermost, within, outer)
    a = np.random.default_rng(0).integers(-9, 9, (4, 11)).astype(float)
    wanted = a.copy()
    down.interpret(wanted)
    texpr.build(s)(a)
    np.testing.assert_array_equal(a, wanted)


@texpr.kernel
def chained(A: texpr.f64[N]):
    for i in range(1, N):
        A[i] = A[i - 1] * 2


@texpr.kernel
def copied(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(1, N):
        A[i] = B[i - 1] * 2


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("step", [("reorder", "{0}_i", "{0}_o"), ("reverse", "{0}_o")])
def test_parts_of_a_loop_that_does_not_begin_at_0_or_runs_backwards(step, is_reversed):
    """What is beside the two digits is no part of the number."""
    # What is chained may not be reversed to begin with.
    for kernel, kind in ((copied, None), (chained, "illegal"))[: 1 if is_reversed else 2]:
        s = texpr.create_schedule(kernel)
        loop = s.reverse("i").name if is_reversed else "i"
        s.split(loop, nparts=5)
        verdict = s["S0"].why_not(step[0], *(name.format(loop) for name in step[1:]))
        assert (verdict and verdict.kind) == kind


@texpr.kernel
def heat(A: texpr.f64[M, N]):
    for t in range(M - 1):
        for i in range(1, N - 1):
            A[t + 1, i] = A[t, i - 1] + A[t, i + 1]


@pytest.mark.parametrize(("factor", "kind"), [(1, None), (0, "illegal"), (-1, "illegal")])
def test_parts_of_a_loop_that_moves_along_with_another(factor, kind):
    s = texpr.create_schedule(heat)
    i_o, i_i = s.split(s.skew("t", "i", factor), nparts=3)
    verdict = s["S0"].why_not("reorder", i_o, "t", i_i)
    assert (verdict and verdict.kind) == kind


H, R, S, X = (Var(name) for name in ("h", "r", "s", "x"))
BASE = (X + 4) // 5
LOOPS = {R: (Const(0, INT64), BASE), S: (Const(2, INT64), BASE)}


@pytest.mark.parametrize(
    "number",
    [
        H * BASE + R,
        H * BASE + R + 1,
        X - 1 - (H * BASE + R),
        H * BASE + (BASE - 1 - R),
        X - 1 - (H * BASE + (BASE - 1 - R)),
        H * BASE + (S - 2) - X,
        X - (H * BASE + (BASE - 1 - (S - 2))),
        (H * BASE + R) * 3 + X * 2,
        H * BASE + R * 2 + 7,
    ],
    ids=str,
)
def test_a_number_is_what_its_digits_make(number):
    """Put in for the number, high*base + low is the expression that was there; low is a digit."""
    finder = DigitFinder({}, LOOPS)
    found = finder.rewrite_expr(simplify(number))
    (digits,) = (d for d in finder.found.values() if not d.is_given)
    others = {d.high: d.number // d.base for d in finder.found.values() if d.is_given}
    made = substitute(found, {digits.number: digits.high * digits.base + digits.low})
    is_digit = digits.is_digit
    for x in (0, 1, 7, 10):
        base = (x + 4) // 5
        for o in range(3):
            for r in range(base):
                values = {H: o, R: r, S: r + 2, X: x}
                plain = [substitute(e, others) for e in (made, is_digit)]
                assert evaluate(plain[0], values) == evaluate(number, values)
                if "r*2" not in str(number):
                    assert evaluate(plain[1], values)


@texpr.kernel
def triangle(A: texpr.f64[N], B: texpr.f64[N]):
    for j in range(N):
        for k in range(j + 1):
            A[0] = B[k] + j


def test_a_base_that_a_loop_decides_is_an_open_question():
    """At fixed sizes it is one still; the judge asks once."""
    s = texpr.create_schedule(triangle)
    s.split("k", nparts=2)
    verdict = s["S0"].why_not("reorder", "k_i", "k_o")
    assert verdict.kind == "unknown"
    assert verdict.reason == "the sizes are the base of a loop's number"


@texpr.kernel
def inner_part(A: texpr.f64[N, M], B: texpr.f64[N, M]):
    for i in range(N - 3):
        for j in range(M - 5):
            B[i, j] = A[i, j] + B[i, j]


@pytest.mark.parametrize("around", [("i", "j"), ("i_o", "j"), ("i_i", "j")])
def test_loops_that_would_run_a_negative_number_of_times(around):
    s = texpr.create_schedule(inner_part)
    if around != ("i", "j"):
        s.split("i", 4)
        s["S0"].reorder(*[axis for axis in ("i_i", "i_o", "j") if axis not in around], *around)
    s["S0"].split(s["S0"].fuse(*around), 4)
    kernel = texpr.build(s)
    for n, m in [(0, 0), (1, 3), (2, 7), (5, 2), (5, 6), (12, 13)]:
        a, b = np.ones((n, m)), np.zeros((n, m))
        kernel(a, b)
        assert b.sum() == max(n - 3, 0) * max(m - 5, 0)


def test_a_base_that_may_be_negative_is_an_open_question(monkeypatch):
    """Two loops that run -3 and -5 times would be one that runs 15 times."""

    def product(fuse, axis, ranges):
        return ranges.extent(fuse.outer) * ranges.extent(fuse.inner)

    monkeypatch.setattr(Fuse, "extent", product)
    s = texpr.create_schedule(inner_part)
    verdict = s["S0"].why_not("fuse", "i", "j")
    assert verdict.kind == "unknown"
    assert "M - 5 is a loop's base, and perhaps negative" in str(verdict)


def test_where_a_number_ends_is_known_in_its_digits():
    """What is fused is a part of a split: a row of it is no other row's."""
    s = texpr.create_schedule(apart)
    s.split("i", 5)
    s["S0"].fuse("i_i", "j")
    s.parallel("i_o")
    s = texpr.create_schedule(apart)
    _, i_i = s.split("i", 5)
    s.split(s["S0"].reverse(i_i), 2)
    s["S0"].fuse("i_i_r_i", "j")
    s.parallel("i_o")


P, Q = Var("p"), Var("q")


@pytest.mark.parametrize(
    ("product", "base", "wanted"),
    [
        (P, P, 1),
        (P * 5, P, 5),
        (P * Q, Q, P),
        (P * Q * S, Q, P * S),
        (P * Q * 3, P * 3, Q),
        ((P + 2) * (Q - 1), Q - 1, P + 2),
        (P * 4 + Q * 8 + 24, P + Q * 2 + 6, 4),
        (P * Q + P * 2, P, Q + 2),
        (P * Q + 1, P, None),
        (P * 4 + Q * 8 + 23, P + Q * 2 + 6, None),
        (P * -4, P, -4),
        (P * Q * 10 + 5, Const(5, INT64), P * Q * 2 + 1),
        (P * Q * 10 + 4, Const(5, INT64), None),
        (P, Q, None),
    ],
    ids=str,
)
def test_what_times_the_base_is_a_product(product, base, wanted):
    found = quotient(simplify(product), simplify(base))
    assert (found is None) == (wanted is None)
    for x, y, s in [(1, 2, 3), (5, 3, 7), (4, 9, 2)] if found is not None else []:
        values = {P: x, Q: y, S: s}
        assert evaluate(found * simplify(base), values) == evaluate(product, values)
        assert evaluate(found + P * 0, values) == evaluate(wanted + P * 0, values)


@texpr.kernel
def as_often_as_it_fits(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[M]):
    for i in range(N):
        for j in range(i // M):
            B[i] = B[i] + A[j] * C[0]


def test_a_size_is_a_base():
    """It may be 0, and the loop does not run."""
    s = texpr.create_schedule(as_often_as_it_fits)
    s.split("i", 4)
    s.split("j", 2)
    s["S0"].parallel("i_o")
