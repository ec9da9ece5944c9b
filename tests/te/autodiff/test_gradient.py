"""Derivatives of whole programs, against central differences in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differences import check_gradient
from tests.te.autodiff.programs import PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_vector_jacobian_product(name: str) -> None:
    output, arrays = PROGRAMS[name]()
    inputs = [tensor for tensor in arrays if tensor.dtype.is_float]
    check_gradient(output, inputs, arrays)
