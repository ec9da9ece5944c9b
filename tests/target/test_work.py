"""How much a loop has to do, by its sizes."""

from __future__ import annotations

import math

import pytest

from texpr import lower, te
from texpr.ir.expr import Expr, free_vars
from texpr.ir.interpreter import evaluate
from texpr.target.work import FUNCTION_OPERATIONS, work


def at(expr: Expr, **sizes: int) -> float:
    from_name = {var.name: var for var in free_vars(expr)}
    return float(evaluate(expr, {from_name[name]: value for name, value in sizes.items()}))


def test_operations_of_one_element():
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: te.exp(A[i]) * A[i] + 1, name="B")
    # Load, exp, product, sum, store; the second load is the first one.
    assert at(work(lower(te.create_schedule(B.op)).body), n=7) == 7 * (4 + FUNCTION_OPERATIONS)


@pytest.mark.parametrize("factor", [None, 4, 5])
def test_a_triangle_is_half_a_square(factor):
    n = te.size_var("n")
    A = te.placeholder((n, n), name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((n,), rule, name="B")
    s = te.create_schedule(B.op)
    if factor:
        s[B].split("i", factor)
    found = at(work(lower(s).body), n=1000)
    terms = 4 * 1000 * 1001 / 2
    assert found == pytest.approx(terms, rel=0.02)


def test_only_one_side_of_full_and_partial_tiles_counts():
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] + 1, name="B")
    s = te.create_schedule(B.op)
    outer, inner = s[B].split("i", 8)
    s[B].vectorize(inner)
    s[B].parallel(outer)
    assert at(work(lower(s).body), n=80) == 3 * 80


def test_nothing_to_do():
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] + 1, name="B")
    assert at(work(lower(te.create_schedule(B.op)).body), n=0) == 0


def test_where_data_decides_it_counts_as_endless():
    L = te.placeholder((9,), "int32", name="L")
    A = te.placeholder((9, 9), name="A")

    def rule(i):
        k = te.reduce_axis((0, L[i]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((9,), rule, name="B")
    assert at(work(lower(te.create_schedule(B.op)).body)) == math.inf
