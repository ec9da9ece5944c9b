"""Index equations: what the solver finds is what trying every iteration finds, and no slower."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texpr import te
from texpr.errors import TexprError
from texpr.ir.expr import Expr, Var, as_expr
from texpr.ir.interpreter import evaluate
from texpr.ir.itervar import IterVar
from texpr.te.autodiff.access import Solution, solve
from texpr.te.autodiff.elimination import Equation

Point = tuple[int, ...]


def axis(name: str, upper: object, lower: object = 0, *, is_reduce: bool = True) -> IterVar:
    return IterVar(name, (as_expr(lower), as_expr(upper)), is_reduce=is_reduce)


def points(loops: Sequence[IterVar], at: dict[Var, int]) -> list[dict[Var, int]]:
    """Every iteration of nested loops."""
    found = [dict(at)]
    for loop in loops:
        found = [
            {**outer, loop.var: value}
            for outer in found
            for value in range(int(evaluate(loop.lower, outer)), int(evaluate(loop.upper, outer)))
        ]
    return found


def by_trying(
    loops: Sequence[IterVar], subscripts: Sequence[Expr], sizes: dict[Var, int]
) -> dict[Point, Counter[Point]]:
    """The iterations that touch each cell."""
    touched: dict[Point, Counter[Point]] = {}
    for point in points(loops, sizes):
        cell = tuple(int(evaluate(index, point)) for index in subscripts)
        touched.setdefault(cell, Counter())[tuple(point[loop.var] for loop in loops)] += 1
    return touched


def check(
    loops: Sequence[IterVar],
    subscripts: Sequence[Expr],
    extents: Sequence[object],
    sizes: dict[Var, int] | None = None,
) -> tuple[Solution, int]:
    """Compare a solution with every iteration; return it and how often it loops."""
    sizes = sizes or {}
    cell = [axis(f"c{n}", extent, is_reduce=False) for n, extent in enumerate(extents)]
    equations = [Equation(i, c.var) for i, c in zip(subscripts, cell, strict=True)]
    found = solve(loops, equations, cell)
    expected = by_trying(loops, subscripts, sizes)
    count = 0
    for outer in points(cell, sizes):
        iterations: Counter[Point] = Counter()
        for point in points(found.loops, outer):
            count += 1
            if all(evaluate(test, point) for test in (*found.conditions, *found.unread)):
                own = tuple(int(evaluate(found.values[loop.var], point)) for loop in loops)
                iterations[own] += 1
        place = tuple(outer[c.var] for c in cell)
        assert iterations == expected.get(place, Counter()), (place, found)
    return found, count


@st.composite
def affine(draw: st.DrawFn) -> tuple[list[IterVar], list[Expr], list[int]]:
    """Loops of constant or dependent ranges and affine subscripts of them, some divided."""
    loops: list[IterVar] = []
    for name in "ijkl"[: draw(st.integers(1, 4))]:
        lower: object = draw(st.sampled_from((0, 0, 0, -2, 1)))
        upper: object = lower + draw(st.integers(0, 4))
        if loops and draw(st.integers(0, 4)) == 0:
            outer = draw(st.sampled_from(loops))
            upper, lower = outer.var + draw(st.integers(0, 2)), min(0, lower)
        loops.append(axis(name, upper, lower, is_reduce=draw(st.booleans())))
    subscripts = []
    for _ in range(draw(st.integers(1, 3))):
        total: Expr = te.const(0) + draw(st.integers(-3, 6))
        for loop in loops:
            factor = draw(st.sampled_from((0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 12, -1, -2, -3)))
            if factor:
                total = total + loop.var * factor
        divided = draw(st.sampled_from((None, None, "//", "%")))
        if divided is not None:
            divisor = draw(st.integers(1, 5))
            total = total // divisor if divided == "//" else total % divisor
            if draw(st.booleans()):
                total = total + draw(st.sampled_from(loops)).var
        subscripts.append(total)
    return loops, subscripts, [draw(st.integers(1, 8)) for _ in subscripts]


@given(affine())
@settings(max_examples=100)
def test_random_equations(case: tuple[list[IterVar], list[Expr], list[int]]) -> None:
    loops, subscripts, extents = case
    try:
        check(loops, subscripts, extents)
    except TexprError as error:
        assert "cannot be taken apart from the other axes" in str(error)  # noqa: PT017


N, M = te.size_var("n"), te.size_var("m")


@given(st.integers(0, 5), st.integers(0, 5), st.data())
@settings(max_examples=60)
def test_random_equations_of_symbolic_sizes(n: int, m: int, data: st.DataObject) -> None:
    i, j, k = axis("i", N, is_reduce=False), axis("j", M), axis("k", 3)
    divisor = data.draw(st.sampled_from((2, 3, M)))
    choices = [
        i.var, j.var, i.var + k.var, i.var * 2 + k.var, i.var - j.var, i.var // 2, j.var % 3,
        i.var * M + j.var, i.var // divisor, i.var % divisor, (i.var + j.var) // 2,
        i.var + N, N - 1 - i.var, i.var * 3 + j.var * 2, te.const(1) + 0, M - 1,
    ]  # fmt: skip
    subscripts = data.draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3))
    extents = [data.draw(st.sampled_from((N, M, N * M, N + 2, 5))) for _ in subscripts]
    check([i, j, k], subscripts, extents, {N: n, M: m})


# What a person would loop over: (loops, subscripts, extents, iterations for all cells together).
ROW, K, L = axis("i", 20, is_reduce=False), axis("k", 3), axis("l", 4)
EFFORT = {
    "transposed": ([ROW, K], [K.var, ROW.var], [3, 20], 60),
    "broadcast": ([ROW, K], [ROW.var], [20], 60),
    "convolution": ([ROW, K], [ROW.var + K.var], [22], 22 * 3),
    "dilated": ([ROW, K], [ROW.var + K.var * 2], [24], 24 * 3),
    "strided": ([ROW, K], [ROW.var * 2 + K.var], [41], 41 * 2),
    "stride as wide as the window": ([ROW, K], [ROW.var * 3 + K.var], [60], 60),
    "stride wider than the window": ([ROW, K], [ROW.var * 5 + K.var], [98], 98),
    "strided and dilated": ([ROW, K], [ROW.var * 2 + K.var * 3], [45], 45 * 2),
    "strided and dilated alike": ([ROW, K], [ROW.var * 2 + K.var * 2], [43], 43 * 3),
    "flat": ([ROW, L, K], [ROW.var * 12 + L.var * 3 + K.var], [240], 240),
    "flat, order of loops": ([K, L, ROW], [K.var + L.var * 3 + ROW.var * 12], [240], 240),
    "flat, the long one inside": ([ROW, K], [K.var * 20 + ROW.var], [60], 60),
    "apart": ([ROW], [ROW.var // 4, ROW.var % 4], [5, 4], 20),
    "repeated": ([ROW], [ROW.var // 4], [5], 20),
    "tiled": ([ROW], [ROW.var % 4], [4], 20),
    "wrapped": ([ROW, K], [(ROW.var + K.var) % 20], [20], 60),
    "steps": ([ROW], [ROW.var * 7 + 2], [140], 140),
    "backwards": ([ROW], [19 - ROW.var], [20], 20),
    "triangle": ([ROW, axis("k", ROW.var + 1)], [ROW.var], [20], 210),
    "fixed": ([ROW], [te.const(3)], [5], 100),
}  # fmt: skip


@pytest.mark.parametrize("name", EFFORT)
def test_effort(name: str) -> None:
    loops, subscripts, extents, wanted = EFFORT[name]
    _, count = check(loops, subscripts, extents)
    assert count == wanted


def test_a_dependent_range_is_solved_for_and_becomes_that_of_the_other() -> None:
    i = axis("i", 20, is_reduce=False)
    k = axis("k", i.var + 1)
    for subscript, loops in ((k.var, "[c0, 20)"), (i.var - k.var, "[c0, 20)")):
        found, count = check([i, k], [subscript], [20])
        assert [*map(repr, found.loops)] == [f"<reduce_axis i in {loops}>"]
        assert found.conditions == ()
        assert count == 210


def test_a_range_that_cannot_be_taken_apart_is_refused() -> None:
    i = axis("i", 20, is_reduce=False)
    k, r = axis("k", i.var * i.var), axis("r", 20)
    with pytest.raises(
        TexprError,
        match=r"gradient: the range \[0, i\*i\) of axis 'k' cannot be taken apart from the other "
        r"axes; make it a constant range and pass the condition as where=",
    ):
        solve([i, k, r], [Equation(i.var, r.var + k.var // r.var)], [])


def test_every_order_of_loops_gives_the_same() -> None:
    for loops in itertools.permutations((ROW, K, L)):
        check(loops, [ROW.var + K.var * 2, L.var - K.var], [24, 4])
