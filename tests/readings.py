"""Runs a scheduled te program three ways, NumPy, the interpreter and machine code, and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import texpr
from tests.strategies import holds_floats
from tests.te_programs import numpy_reading
from texpr import te
from texpr.bind import bind_arguments
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Var
from texpr.ir.interpreter import interpret

Arrays = Mapping[te.Tensor, np.ndarray]


def filled(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """An array of small numbers, of which sums and products are exact in every type."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(0 if dtype.startswith("u") else -4, 5, shape).astype(dtype)


def check_readings(
    s: te.TeSchedule,
    outputs: Sequence[te.Tensor],
    arrays: Arrays,
    *,
    scalars: Mapping[Var, Any] | None = None,
    sizes: Mapping[Var, int] | None = None,
    expected: Sequence[np.ndarray] | None = None,
    kernel: texpr.Kernel | None = None,
) -> texpr.Kernel:
    """Check that interpreter and machine code compute what NumPy does, and return the kernel.

    Parameters
    ----------
    scalars, sizes
        Values of the te.vars that are arguments, and of those that follow from shapes.
    expected
        What the outputs should be; worked out by NumPy from the declaration unless given.
    kernel
        One that was compiled from the same schedule, to be run on other sizes.
    """
    scalars = dict(scalars or {})
    if expected is None:
        known = numpy_reading(outputs, arrays, {**scalars, **(sizes or {})})
        expected = [known[tensor] for tensor in outputs]
    args = [*scalars, *arrays, *outputs]
    given = [*scalars.values(), *arrays.values()]
    # What is there before must not matter, and shows where nothing was written.
    by_interpreter = [np.full_like(array, 77) for array in expected]
    interpret(bind_arguments(s.program, args), *given, *by_interpreter)
    by_code = [np.full_like(array, 77) for array in expected]
    kernel = kernel or texpr.build(s, args)
    kernel(*given, *by_code)
    for tensor, wanted, one, other in zip(outputs, expected, by_interpreter, by_code, strict=True):
        same(wanted, one, f"{tensor.name} by the interpreter:\n{s}")
        same(wanted, other, f"{tensor.name} by machine code:\n{s}")
    return kernel


def by_interpreter(
    tensor: te.Tensor,
    arrays: Arrays,
    shape: Sequence[int],
    scalars: Mapping[Var, Any] | None = None,
) -> np.ndarray:
    """Return ``tensor``, of ``shape``, as the interpreter computes it from those of the inputs."""
    s = te.create_schedule(tensor.op)
    scalars = dict(scalars or {})
    read = {buffer for buffer in s.declared.buffers if buffer is not tensor}
    given = {t: array for t, array in arrays.items() if t in read}
    found = np.full(shape, 77, tensor.dtype.numpy)
    program = bind_arguments(s.program, [*scalars, *given, tensor])
    interpret(program, *scalars.values(), *given.values(), found)
    return found


def same(wanted: np.ndarray, found: np.ndarray, what: str) -> None:
    """Check that two arrays are equal, floats up to rounding."""
    assert wanted.dtype == found.dtype, what
    assert wanted.shape == found.shape, what
    if holds_floats(wanted):
        # Where float16 or bfloat16 rounds what differs in a float32, the neighbour is as good.
        digits = as_dtype(wanted.dtype).digits
        found, wanted = found.astype("float64"), wanted.astype("float64")
        rtol = max(1e-5, 2.0 ** (1 - digits))
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-6, err_msg=what)
    else:
        np.testing.assert_array_equal(found, wanted, err_msg=what)


def story(before: str, s: te.TeSchedule) -> str:
    """The loop nest before, the primitives, and the loop nest after: text for a golden file."""
    steps = "\n".join(map(str, s.trace.steps))
    return f"{before}\n\n{steps}\n\n{s}"
