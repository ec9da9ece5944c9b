"""Derivatives of whole programs, against central differences in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differences import check_gradient
from tests.te.autodiff.programs import PROGRAMS
from texpr import te
from texpr.te.program import operations

every_program = pytest.mark.parametrize("name", PROGRAMS)


def floats(arrays: dict[te.Tensor, Any]) -> list[te.Tensor]:
    return [tensor for tensor in arrays if tensor.dtype.is_float]


@every_program
def test_vector_times_jacobian(name: str) -> None:
    output, arrays = PROGRAMS[name]()
    found = check_gradient(output, floats(arrays), arrays)
    assert [dx.name for dx in found] == [f"d{x.name}" for x in floats(arrays)]


@pytest.mark.parametrize(
    "name", ["softmax", "conv2d stride 2 dilation 1 size 3", "embedding", "product", "rank_0"]
)
def test_matrix_times_jacobian(name: str) -> None:
    output, arrays = PROGRAMS[name]()
    check_gradient(output, floats(arrays), arrays, prefix=(2,))


@every_program
def test_jacobian(name: str) -> None:
    output, arrays = PROGRAMS[name]()
    check_gradient(output, floats(arrays), arrays, prefix=None)


@every_program
def test_derivative_of_the_derivative(name: str) -> None:
    """Of ``sum of weights * first derivatives``, by every input."""
    output, arrays = PROGRAMS[name]()
    inputs = floats(arrays)
    given = dict(arrays)
    head = te.placeholder(output.shape, "float64", name="head")
    rng = np.random.default_rng(1)
    given[head] = rng.normal(size=[int(n) for n in output.shape])
    for first in te.gradient(output, inputs, head):
        used = {t for op in operations([first.op]) for t in op.input_tensors}
        known = {t: array for t, array in given.items() if t in used}
        if known:
            check_gradient(first, [t for t in known if t.dtype.is_float], known)
