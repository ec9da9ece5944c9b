"""Transposing whole tensors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError

A = te.placeholder((2, 3, 4), name="A")
Z = te.placeholder((), name="Z")


@pytest.mark.parametrize(
    "turn",
    [
        lambda x: x.T,
        lambda x: x.transpose(),
        lambda x: x.transpose(None),
        lambda x: x.transpose(1, 0, 2),
        lambda x: x.transpose((2, -3, 1)),
        lambda x: x.transpose([-1, 1, 0]),
    ],
)
def test_reads_as_numpy_does(turn):
    made, array = turn(A), filled(2, 3, 4)
    assert made.op.tag == "injective"
    check_readings(te.create_schedule(made.op), [made], {A: array}, expected=[turn(array)])


def test_of_a_scalar():
    assert Z.T.ndim == 0
    np.testing.assert_array_equal(te.transpose(A, (0, 1, 2)).shape[0], A.shape[0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: te.transpose(3), DTypeError, r"transpose: 3 is no tensor; pass one"),
        (
            lambda: A.transpose(1, 0),
            ShapeError,
            r"transpose: 2 numbers for the 3 dimensions of .*; pass each once, such as \(2, 1, 0\)",
        ),
        (lambda: A.transpose(0, 1, 1), ShapeError, r"transpose: dimension 1 of .* is given twice"),
        (lambda: A.transpose(0, 1, 3), ShapeError, r"transpose: .* has no dimension 3"),
        (lambda: A.transpose(0, 1, 2.0), DTypeError, r"transpose: 2.0 is no dimension"),
        (lambda: Z.transpose(0), ShapeError, r"has no dimension 0; leave it out"),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()
