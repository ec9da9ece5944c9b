"""What programs use of ``tvm.testing``."""

from __future__ import annotations

from typing import Any

import numpy as np

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.nd import plain
from texpr.compat.tvm.testing import utils

__all__ = ["assert_allclose", "utils"]


def assert_allclose(
    actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 1e-7, verbose: bool = True
) -> None:
    """Raise an AssertionError unless two arrays of one shape have close elements.

    >>> assert_allclose([1.0, 2.0], [1.0, 2.0 + 1e-8])
    """
    got, wanted = np.asanyarray(plain(actual)), np.asanyarray(plain(desired))
    np.testing.assert_equal(got.shape, wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol, verbose=verbose)


__getattr__ = getattr_of(__name__)
