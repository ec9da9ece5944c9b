"""The smallest point: least sum of sizes, then lexicographic."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from texpr.ir.expr import Var
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.counterexample import instance_text, smallest_point

i, j = Var("i"), Var("j")
n, m = Var("n", is_size=True), Var("m", is_size=True)
offset = Var("offset")


def found(frame: Frame, *conditions: object) -> list[int] | None:
    point = smallest_point(frame, frame.all_of(conditions).over)
    return None if point is None else list(point.values.values())


def test_least_sum_of_sizes():
    frame = Frame(Analysis(), [i], [n, m])
    # plain lexmin would say n = 1, m = 1000
    enough = (n * 1000 + m * 1000 >= 2000 + n) & (n >= 1) & (m >= 1) & (i >= 0)
    assert found(frame, enough) == [1, 2, 0]
    assert found(frame, i >= 3, i < n, i < m) == [4, 4, 3]
    assert found(frame, i >= 3, i < n, i < 2) is None


def test_of_a_signed_parameter_the_magnitude_counts():
    frame = Frame(Analysis(), [i], [n, offset])
    assert found(frame, i >= 0, i < n, i + offset < 0) == [1, -1, 0]
    assert found(frame, i >= 0, i < n, i + offset >= n) == [1, 1, 0]
    assert found(frame, i.equal(offset), offset <= -5, n >= 2) == [2, -5, -5]


def test_no_parameters_and_no_dimensions():
    assert found(Frame(Analysis(), [i, j]), i >= 2, j >= i * 2, j < 20) == [2, 4]
    assert found(Frame(Analysis(), [], [n]), n > 3) == [4]
    assert found(Frame(Analysis(), [], [])) == []
    assert found(Frame(Analysis(), [i], [n], label="S"), i.equal(n), n > 3) == [4, 4]


def test_text():
    frame = Frame(Analysis(), [i, j], [n])
    point = smallest_point(frame, frame.all_of([i >= 0, j > i, j < n, n < 9]).over)
    assert point is not None
    assert instance_text(point.values, [n, i, j]) == "n=2, i=0, j=1"
    assert instance_text(point.dims, [i, m]) == "i=0"


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 4, st.integers(-6, 6)), min_size=1, max_size=3))
def test_agrees_with_brute_force(rows):
    frame = Frame(Analysis(), [i, j], [n, m])
    conditions = [i >= 0, i < 5, j >= 0, j < 5, n >= 0, n < 5, m >= 0, m < 5]
    conditions += [n * a + m * b + i * c + j * d + e >= 0 for a, b, c, d, e in rows]
    points = [
        point
        for point in itertools.product(range(5), repeat=4)
        if all(
            a * point[0] + b * point[1] + c * point[2] + d * point[3] + e >= 0
            for a, b, c, d, e in rows
        )
    ]
    least = min(points, key=lambda p: (p[0] + p[1], p), default=None)
    assert found(frame, *conditions) == (None if least is None else list(least))
