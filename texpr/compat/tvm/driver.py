"""``tvm.lower`` and ``tvm.build``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import texpr
from texpr import te
from texpr.compat.tvm.advice import getattr_of, missing
from texpr.compat.tvm.module import Module
from texpr.compat.tvm.target import as_target
from texpr.errors import ArgumentError, DTypeError, shown
from texpr.ir.program import Program, buffers_in
from texpr.schedule import Schedule

__all__ = ["IRModule", "build", "lower"]


@dataclass(frozen=True)
class IRModule:
    """A lowered program that prints as loops, and that :func:`build` takes."""

    schedule: Schedule
    args: Sequence[Any] | None
    program: Program

    def __getitem__(self, name: str) -> Program:
        if name != self.program.name:
            raise ArgumentError(
                f"{self.program.name}: no function {name!r}; it has {self.program.name!r}"
            )
        return self.program

    def script(self) -> str:
        """Return the text that ``print`` shows."""
        return str(self.program)

    __str__ = script

    def __getattr__(self, name: str) -> Any:
        raise missing("IRModule", name, dir(self))


def lower(
    inp: Schedule,
    args: Sequence[Any] | None = None,
    name: str = "main",
    binds: None = None,
    simple_mode: bool = False,
) -> IRModule:
    """Return the program of a schedule, which ``print`` shows as loops.

    Parameters
    ----------
    inp : Schedule
    args : sequence of Tensor and Var, optional
        What the function takes; as it only prints, outputs that are not among them are added at
        the end, and stages that are computed where they are read are left out.
    name : str
        The name of the function.
    simple_mode : bool
        Stop before the passes, at the loops as they were scheduled.

    >>> from texpr.compat.tvm import te
    >>> A = te.placeholder((4,), name="A")
    >>> B = te.compute((4,), lambda i: A[i] + 1, name="B")
    >>> print(lower(te.create_schedule(B.op), [A, B], simple_mode=True))
    def main(A: float32[4], B: out float32[4]):
        for i in range(4):
            B[i] = A[i] + 1.0
    """
    _check_binds("lower", binds)
    if isinstance(args, (list, tuple)) and isinstance(inp, te.TeSchedule):
        args = _that_there_are(inp, args)
    program = texpr.lower(inp, args, name=name, simple_mode=simple_mode)
    return IRModule(inp.copy(), args, program)


def _that_there_are(schedule: te.TeSchedule, args: Sequence[Any]) -> list[Any]:
    found = {id(buffer) for buffer in buffers_in(schedule.program.body)}
    outputs = [tensor for op in schedule.outputs for tensor in op.outputs]
    given = [
        arg
        for arg in args
        if not (isinstance(arg, te.Tensor) and arg.is_computed and id(arg) not in found)
    ]
    return [*given, *(out for out in outputs if not any(out is arg for arg in given))]


def build(
    inputs: Schedule | IRModule,
    args: Sequence[Any] | None = None,
    target: object = None,
    target_host: object = None,
    runtime: None = None,
    name: str | None = None,
    binds: None = None,
) -> Module:
    """Compile a schedule into a module that runs on arrays.

    Parameters
    ----------
    inputs : Schedule or IRModule
    args : sequence of Tensor and Var, optional
        What the function takes, the outputs among them.
    target : str or Target, optional
        That of the ``with`` block, and else this machine; a GPU is taken as its CPU.
    target_host : optional
        The same as ``target``'s ``host``, which texpr has no use for.
    name : str, optional
        The name of the function; the schedule's unless given.

    Raises
    ------
    ArgumentError
        ``binds`` or ``runtime``.
    TexprError
        As :func:`texpr.build`.
    """
    _check_binds("build", binds)
    if runtime is not None:
        raise ArgumentError(
            f"build: runtime={shown(runtime)}; kernels run in this process, leave it out"
        )
    machine = as_target(target)
    if isinstance(inputs, IRModule):
        given = inputs
        inputs, args = given.schedule, given.args if args is None else args
        name = name or given.program.name
    if not isinstance(inputs, Schedule):
        raise DTypeError(
            f"build: {shown(inputs)} is no schedule; pass te.create_schedule(C.op), or what "
            f"tvm.lower made of one, and build several one by one"
        )
    return Module(texpr.build(inputs, args, machine.texpr, name), machine)


def _check_binds(what: str, binds: object) -> None:
    if binds:
        raise ArgumentError(
            f"{what}: binds={shown(binds)}; arrays are passed as they are, strided views "
            f"included, leave it out"
        )


__getattr__ = getattr_of(__name__)
