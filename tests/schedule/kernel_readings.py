"""Compares a scheduled loop kernel, interpreted and compiled, with what was declared."""

from __future__ import annotations

from typing import Any

import numpy as np

import texpr
from texpr.ir.interpreter import interpret


def check_kernel(
    kernel: Any, s: Any, *arrays: np.ndarray, expected: dict[int, np.ndarray] | None = None
) -> None:
    """Check that ``s`` leaves in the arrays what the kernel as it was declared does.

    ``expected`` is what NumPy says of some of them, by position.
    """
    wanted = [array.copy() for array in arrays]
    kernel.interpret(*wanted)
    for place, array in (expected or {}).items():
        np.testing.assert_allclose(wanted[place], array, rtol=1e-5)
    by_interpreter = [array.copy() for array in arrays]
    interpret(s.program, *by_interpreter)
    by_code = [array.copy() for array in arrays]
    texpr.build(s)(*by_code)
    for a, b, c in zip(wanted, by_interpreter, by_code, strict=True):
        if a.dtype.kind == "f":
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6, err_msg=str(s))
            np.testing.assert_allclose(c, a, rtol=1e-5, atol=1e-6, err_msg=str(s))
        else:
            np.testing.assert_array_equal(b, a, err_msg=str(s))
            np.testing.assert_array_equal(c, a, err_msg=str(s))


def check_replays(declare: Any, s: Any) -> None:
    """Check that the trace of ``s`` makes the same schedule again, as JSON and as Python."""
    again = declare()
    texpr.schedule.Trace.from_json(s.trace.to_json()).replay(again)
    assert str(again) == str(s)
    namespace: dict[str, Any] = {}
    exec(str(s.trace), namespace)
    assert str(declare().apply(namespace["schedule"])) == str(s)
