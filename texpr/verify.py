"""Kernels that compare every call with the reference interpreter (``TEXPR_VERIFY=2``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from texpr.errors import IllegalScheduleError
from texpr.ir.interpreter import interpret
from texpr.ir.program import Program
from texpr.target.calls import returned
from texpr.target.kernel import Kernel

# The levels of TEXPR_VERIFY from which a kernel is compared.
ASSUMPTIONS, EVERYTHING = 2, 3

# How far two orders of a sum may be apart, relative to the largest element of the result.
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-4, "float64": 1e-10}


def verified(kernel: Kernel, declared: Program) -> Kernel:
    """Return ``kernel`` with every call compared to what ``declared`` means.

    Such a call costs what the interpreter costs, some microseconds an instance.

    Raises
    ------
    IllegalScheduleError
        At a call, where the results differ: an assumption of the schedule does not hold for
        these arguments. The arrays keep what the kernel computed.
    """

    def call(self: Kernel, /, *args: Any, **named: Any) -> Any:
        assert self._calls is not None  # it is for this machine
        checked = self._calls.checked(args, named)
        arrays = [
            (at, np.array(value))
            for at, value in enumerate(checked.values)
            if self.signature.parameters[at].is_array
        ]
        arguments = list(checked.values)
        for at, copied in arrays:
            arguments[at] = copied
        kernel(*checked.values)
        interpret(declared, *arguments)
        for at, wanted in arrays:
            _compare(self.name, np.asarray(checked.values[at]), wanted)
        return returned(checked.made)

    own = type("Kernel", (type(kernel),), {"__call__": call, "__module__": Kernel.__module__})
    new: Kernel = own()
    new.__dict__.update(kernel.__dict__)
    return new


def _compare(name: str, found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> None:
    tolerance = TOLERANCE.get(found.dtype.name)
    if tolerance is None:
        same = np.array_equal(found, wanted)
    else:
        found, wanted = found.astype("float64"), wanted.astype("float64")
        scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0))
        same = np.allclose(found, wanted, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if not same:
        raise IllegalScheduleError(
            f"{name}: the result differs from that of the declared order; an assumption of the "
            f"schedule does not hold for these arguments, so take s.assume(...) out"
        )
