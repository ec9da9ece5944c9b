"""Which way an expression goes when a variable grows, against values."""

from __future__ import annotations

from itertools import pairwise

import pytest

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Var
from texpr.ir.interpreter import evaluate
from texpr.schedule.monotone import direction

K, J = Var("i"), Var("j")
TWO, MINUS_TWO = Const(2, INT64), Const(-2, INT64)

CASES = [
    (K, 1),
    (J, 0),
    (K + J, 1),
    (J - K, -1),
    (K - K * 2, None),
    (K * 3, 1),
    (K * -3, -1),
    (J * K, None),
    ((K + 3) // 4, 1),
    ((J - K) // 4, -1),
    (Binary("floordiv", K, MINUS_TWO), None),
    (K % 2, None),
    (J // K, None),
    (Binary("min", K, J), 1),
    (Binary("max", J, K + 2), 1),
    (Binary("max", J, 4 - K), -1),
    (Binary("min", K, 4 - K), None),
    (K + (4 - K), None),
    (K - (4 - K), 1),
    (J - (K // 2) * 2, -1),
    (-K, -1),
    (-(J - K), 1),
    (-(K % 2), None),
]


@pytest.mark.parametrize(("expr", "wanted"), CASES, ids=[str(expr) for expr, _ in CASES])
def test_direction(expr, wanted):
    assert direction(expr, K) == wanted
    if wanted is None:
        return
    for j in range(-3, 4):
        values = [evaluate(expr, {K: i, J: j}).item() for i in range(-6, 7)]
        steps = [b - a for a, b in pairwise(values)]
        assert all(step * wanted >= 0 for step in steps)
        assert wanted != 0 or not any(steps)
