"""Integer expressions as sums and linear forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import expressions, index_expressions, same_bits, stays_in_int64, valuations
from texpr.ir.dtypes import INT8, INT32, INT64, UINT8, DType
from texpr.ir.expr import Binary, Const, Expr, Unary, Var, free_vars
from texpr.ir.functions import select
from texpr.ir.interpreter import evaluate
from texpr.ir.linear import Sum, coefficient, linear_form, sum_expr, sum_of

i, j, k = Var("i"), Var("j"), Var("k")
n = Var("n", is_size=True)


@pytest.mark.parametrize(
    ("expr", "coefficients", "rest"),
    [
        (i, (1, 0), "0"),
        (i * 32 + j, (32, 1), "0"),
        (7 - i, (-1, 0), "7"),
        ((i + n) * 4 - j * 2, (4, -2), "n*4"),
        ((i + j) * 3 - (i - j), (2, 4), "0"),
        (i - i, (0, 0), "0"),
        (-(i - 3) * -2 + n // 2, (2, 0), "n//2 - 6"),
        (Const(5, INT64), (0, 0), "5"),
        ((k * 3 + i) * 8 + k % 2, (8, 0), "k*24 + k%2"),
    ],
)
def test_linear_form(expr: Expr, coefficients: tuple[int, int], rest: str) -> None:
    form = linear_form(expr, (i, j))
    assert form is not None
    assert (form.coefficients[i], form.coefficients[j]) == coefficients
    assert str(form.rest) == rest


@pytest.mark.parametrize(
    "expr", [i * n, i // 2, i * i, (n + i) % 4, select(i < 3, n, 0), Binary("min", i, j)]
)
def test_what_is_not_linear(expr: Expr) -> None:
    assert linear_form(expr, (i,)) is None
    assert coefficient(expr, i) is None
    assert linear_form(expr, (k,)) is not None


def test_only_int64_is_an_index() -> None:
    x = Var("x", INT32)
    assert linear_form(x * 2, (x,)) is None
    assert coefficient(x, x) is None


def test_coefficient() -> None:
    assert coefficient(i * 32 + j * 4 + i, i) == 33
    assert coefficient(n // 4, i) == 0
    assert coefficient(i * 2 - i * 2 + n, i) == 0


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (3 + i, "i + 3"),
        (i + -3, "i - 3"),
        (-i + j, "j - i"),
        (3 - i, "3 - i"),
        (-i - 3, "-i - 3"),
        (2 * i, "i*2"),
        (i * 4 + 3 - i * 4, "3"),
        (n - 1 - i, "n - i - 1"),
    ],
)
def test_canonical_order(expr: Expr, text: str) -> None:
    assert str(sum_expr(sum_of(expr), INT64)) == text


def test_ends_of_a_type() -> None:
    x, u = Var("x", INT8), Var("u", UINT8)
    assert str(sum_expr(sum_of(x - 127 - 1), INT8)) == "x + -128"  # there is no 128 to subtract
    assert str(sum_expr(Sum({x: 300}), INT8)) == "x*44"
    assert str(sum_expr(sum_of(u - 3), UINT8)) == "u - 3"
    assert str(sum_expr(Sum({u: 256}, 512), UINT8)) == "0"


def test_doubling_takes_as_long_as_there_are_nodes() -> None:
    expr: Expr = i
    for _ in range(200):
        expr = Binary("add", expr, expr)
    assert sum_of(expr).terms[i] == 1 << 200
    assert str(sum_expr(sum_of(expr), INT64)) == "0"  # 2**200 wraps to 0


def test_deep_sum() -> None:
    expr: Expr = i
    for number in range(20_000):
        expr = Unary("neg", expr) if number % 2 else Binary("sub", expr, j)
    form = linear_form(expr, (i, j))
    assert form is not None
    assert form.coefficients[i] == 1


@given(st.data())
def test_a_sum_is_the_expression_up_to_wrapping(data: st.DataObject) -> None:
    dtype: DType = data.draw(st.sampled_from((INT8, UINT8, INT32)))
    leaves = [Var("x", dtype), Var("y", dtype)]
    expr = data.draw(expressions(dtype, leaves, dtypes=(dtype,), intrinsics=False))
    for distribute in (False, True):
        again = sum_expr(sum_of(expr, distribute=distribute), dtype)
        values = data.draw(valuations(expr))
        assert same_bits(evaluate(expr, values), evaluate(again, values))


@given(st.data())
def test_a_linear_form_is_the_expression(data: st.DataObject) -> None:
    expr = data.draw(index_expressions([i, j, k, n]))
    form = linear_form(expr, (i, j))
    if form is None:
        return
    assert not {i, j} & set(free_vars(form.rest))
    values = {i: 0, j: 0, k: 0, n: 0} | data.draw(valuations(expr))
    if stays_in_int64(expr, values):
        linear = sum(by * int(values[var]) for var, by in form.coefficients.items())
        assert int(evaluate(expr, values)) == linear + int(evaluate(form.rest, values))
