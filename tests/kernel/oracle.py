"""Python itself as the oracle: a kernel's function, executed on NumPy arrays."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from texpr.driver import build
from texpr.ir.interpreter import interpret
from texpr.ir.interpreter.arguments import bind
from texpr.ir.program import FloatPolicy, Program
from texpr.kernel import LoopKernel
from texpr.schedule import Schedule

ONE_ROUNDING = FloatPolicy("exact", contract=False)
"""Every operation in its order, and rounded: what Python does."""


def run_python(kernel: LoopKernel, args: Sequence[Any]) -> None:
    """Call the function that a kernel was made from, with numbers in the places of sizes."""
    scope = bind(kernel.program, args)
    sizes = {var.name: int(scope[var]) for var in kernel.program.params if var.is_size}
    function: Any = kernel.function
    free = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = tuple(types.CellType(sizes[name]) if name in sizes else cell for name, cell in free)
    names = {**function.__globals__, **sizes}
    plain = types.FunctionType(function.__code__, names, function.__name__, None, closure)
    with np.errstate(all="ignore"):
        plain(*args)


def run_interpreter(program: Program, args: Sequence[Any]) -> None:
    interpret(program, *args)


def run_machine(program: Program, args: Sequence[Any]) -> None:
    exact = replace(program, float_policy=ONE_ROUNDING)
    build(Schedule(exact), exact.args)(*args)


def copied(args: Sequence[Any]) -> list[Any]:
    return [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]


def arrays_after(run: Callable[[list[Any]], None], args: Sequence[Any]) -> list[np.ndarray]:
    own = copied(args)
    run(own)
    return [arg for arg in own if isinstance(arg, np.ndarray)]


def check(kernel: LoopKernel, *args: Any, rtol: float = 0.0) -> None:
    """Compare Python, the interpreter and machine code; equal to the bit unless ``rtol`` is given.

    The call of the kernel itself may fuse products and sums, which is compared loosely.
    """
    program = kernel.program
    expected = arrays_after(lambda own: run_python(kernel, own), args)
    found = {
        "interpreter": arrays_after(lambda own: run_interpreter(program, own), args),
        "machine code": arrays_after(lambda own: run_machine(program, own), args),
        "call": arrays_after(lambda own: kernel(*own), args),
    }
    for reader, arrays in found.items():
        for mine, theirs in zip(arrays, expected, strict=True):
            loose = max(rtol, 1e-9 if theirs.itemsize == 8 else 1e-3)
            allowed = loose if reader == "call" else rtol
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(
                mine, theirs, rtol=allowed, atol=allowed, equal_nan=True,
                err_msg=f"{reader} and Python:\n{program}",
            )  # fmt: skip
