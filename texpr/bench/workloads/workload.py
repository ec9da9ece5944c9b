"""What is measured: inputs, what is right, and how much work it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

FLOPS: Final = "GFLOP/s"
BYTES: Final = "GB/s"


@dataclass(frozen=True)
class Workload:
    """A computation on arrays that several libraries can do.

    Parameters
    ----------
    name : str
        What it is chosen by.
    kind : str
        The method of a peer that does it.
    dtype : str
        The type of the arrays.
    inputs : callable
        Makes the arrays, the same at each call; they go to the peer's method in this order.
    reference : callable
        Takes the inputs and returns the result in float64 and, of the same shape, how far
        rounding alone may take an element from it.
    flops, size_bytes : float
        Operations that are done, and bytes that have to pass: every array once.
    unit : str
        What a reader wants to see: ``GFLOP/s``, or ``GB/s`` where memory is what limits.
    """

    name: str
    kind: str
    dtype: str
    inputs: Callable[[], tuple[Array, ...]]
    reference: Callable[..., tuple[Array, Array]]
    flops: float
    size_bytes: float
    unit: str = FLOPS

    def rate(self, time_ns: float) -> float:
        """Return giga operations or gigabytes a second, as ``unit`` says."""
        return (self.flops if self.unit == FLOPS else self.size_bytes) / time_ns

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.flops / self.size_bytes


@dataclass(frozen=True)
class Reference:
    """What a workload's result has to be."""

    exact: Array
    allowed: Array

    @staticmethod
    def of(workload: Workload) -> Reference:
        """Compute it: in float64, once for all that are compared."""
        return Reference(*workload.reference(*workload.inputs()))

    def error(self, result: Array) -> float:
        """Return the largest error as a part of what is allowed: right up to 1.

        It is infinite for another shape and for what is no number.

        >>> reference = Reference(np.ones(2), np.full(2, 0.5))
        >>> reference.error(np.array([1.0, 1.25])), reference.error(np.array([1.0, np.nan]))
        (0.5, inf)
        """
        if result.shape != self.exact.shape:
            return float("inf")
        distance = np.abs(result.astype(np.float64) - self.exact)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(distance == 0, 0.0, distance / self.allowed)
        worst = float(np.max(parts, initial=0.0))
        return worst if worst >= 0 else float("inf")


def uniform(*shapes: Sequence[int], dtype: str, low: float = -1.0) -> tuple[Array, ...]:
    """Return arrays of numbers between ``low`` and 1, the same at each call."""
    random = np.random.default_rng(0)
    return tuple(random.uniform(low, 1.0, shape).astype(dtype) for shape in shapes)


def uniform_inputs(
    *shapes: Sequence[int], dtype: str, low: float = -1.0
) -> Callable[[], tuple[Array, ...]]:
    """Return what makes such arrays; it can be sent to another process."""
    return partial(uniform, *shapes, dtype=dtype, low=low)


def unit_roundoff(dtype: object) -> float:
    """Return the largest relative error of rounding to the nearest number of a type.

    >>> unit_roundoff("float32") == 2.0**-24
    True
    """
    return float(np.finfo(np.dtype(str(dtype))).eps) / 2


def sum_error(length: int, dtype: object) -> float:
    """Return how far a sum of products may be off, as a part of the sum of their sizes.

    Source: N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. (3.5): in
    whatever order, by at most ``k u / (1 - k u)``. Twice: in the type, and in the float64 of the
    reference.
    """
    own, wide = (length * unit_roundoff(kind) for kind in (dtype, "float64"))
    return own / (1 - own) + wide / (1 - wide)


def itemsize(dtype: str) -> int:
    """Return the bytes of an element."""
    return int(np.dtype(dtype).itemsize)
