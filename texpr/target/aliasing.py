"""Whether arrays share memory: an output must overlap nothing, not even itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from texpr.errors import TexprError
from texpr.target.signature import Parameter

Array = np.ndarray[Any, Any]

_MAX_WORK: Final = 100_000
"""Candidates that NumPy may try; whether views meet is a hard problem in the worst case."""
_MAX_ELEMENTS: Final = 1_000_000
"""Elements whose places are compared one by one where strides alone do not tell."""


def check_aliasing(kernel: str, arrays: Sequence[tuple[Parameter, Array]]) -> None:
    """Check that no output shares memory with another array or with itself.

    Views that interleave without sharing an element are fine.

    Raises
    ------
    TexprError
        One does, or it cannot be found out.
    """
    for at, (parameter, array) in enumerate(arrays):
        if not parameter.is_output:
            continue
        if not _is_injective(array):
            raise TexprError(
                f"{kernel}: several elements of {parameter.name}, which the kernel writes, are in "
                f"one place in memory (shape {array.shape}, strides {array.strides} bytes); "
                f"pass {parameter.name}.copy()"
            )
        for other_at, (other, other_array) in enumerate(arrays):
            if other_at == at or (other.is_output and other_at < at):
                continue
            if _may_overlap(array, other_array):
                raise TexprError(
                    f"{kernel}: {parameter.name}, which the kernel writes, overlaps {other.name} "
                    f"in memory; pass an array of its own for one of them, such as "
                    f"{other.name}.copy()"
                )


def _may_overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):  # compares the bounds only
        return False
    try:
        # NumPy's annotations know only -1 and 0.
        return bool(np.shares_memory(a, b, max_work=_MAX_WORK))  # type: ignore[arg-type]
    except RuntimeError:  # np.exceptions.TooHardError, which NumPy 1.24 has in another place
        return True


def _is_injective(array: Array) -> bool:
    """Whether no two elements share a byte."""
    if array.size < 2:
        return True
    steps = sorted(
        (abs(step), extent)
        for step, extent in zip(array.strides, array.shape, strict=True)
        if extent > 1
    )
    reach = array.itemsize - 1
    for step, extent in steps:
        if step <= reach:
            break
        reach += step * (extent - 1)
    else:
        return True
    if array.size > _MAX_ELEMENTS:
        return False
    places = np.zeros((), np.int64)
    for step, extent in steps:
        places = np.add.outer(places, step * np.arange(extent))
    in_order = np.sort(places, axis=None)
    return bool((np.diff(in_order) >= array.itemsize).all())
