"""Which way an expression goes when a variable grows, against values."""

from __future__ import annotations

from itertools import pairwise

import pytest

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Var
from texpr.ir.interpreter import evaluate
from texpr.schedule.monotone import direction

I, J = Var("i"), Var("j")
TWO, MINUS_TWO = Const(2, INT64), Const(-2, INT64)

CASES = [
    (I, 1),
    (J, 0),
    (I + J, 1),
    (J - I, -1),
    (I - I * 2, None),
    (I * 3, 1),
    (I * -3, -1),
    (J * I, None),
    ((I + 3) // 4, 1),
    ((J - I) // 4, -1),
    (Binary("floordiv", I, MINUS_TWO), None),
    (I % 2, None),
    (J // I, None),
    (Binary("min", I, J), 1),
    (Binary("max", J, I + 2), 1),
    (Binary("max", J, 4 - I), -1),
    (Binary("min", I, 4 - I), None),
    (I + (4 - I), None),
    (I - (4 - I), 1),
    (J - (I // 2) * 2, -1),
]


@pytest.mark.parametrize(("expr", "wanted"), CASES, ids=[str(expr) for expr, _ in CASES])
def test_direction(expr, wanted):
    assert direction(expr, I) == wanted
    if wanted is None:
        return
    for j in range(-3, 4):
        values = [evaluate(expr, {I: i, J: j}).item() for i in range(-6, 7)]
        steps = [b - a for a, b in pairwise(values)]
        assert all(step * wanted >= 0 for step in steps)
        assert wanted != 0 or not any(steps)
