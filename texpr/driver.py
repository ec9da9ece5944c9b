"""The straight line from a schedule to a kernel: start reading here.

::

    schedule ── realise ─► Program ── check_bounds ─► … passes … ─► lowered Program
                                                                        │
                          Kernel ◄── native call ◄── LLVM ◄── emit ─────┘
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from functools import partial
from typing import Any

from texpr import config
from texpr.bind import bind_arguments
from texpr.debug import CODE, ENDS, SETS, BuildLog
from texpr.errors import DTypeError, LoweringError, shown
from texpr.ir.program import Program
from texpr.polyhedral.bounds import check_bounds
from texpr.polyhedral.scop import Scop
from texpr.schedule import Schedule, Trace, schedule_of
from texpr.target.kernel import Kernel, make_kernel
from texpr.target.llvm.compile import compile_program
from texpr.target.passes import PASSES, Pass
from texpr.target.signature import Signature
from texpr.target.target import Target
from texpr.verify import ASSUMPTIONS, EVERYTHING, verified


def lower(
    schedule: Schedule,
    args: Sequence[Any] | None = None,
    target: Any = None,
    name: str | None = None,
    *,
    simple_mode: bool = False,
    judged: bool = False,
) -> Program:
    """Return the lowered program of a schedule: what machine code is made from.

    Parameters
    ----------
    schedule : Schedule
    args : sequence of Tensor and Var, optional
        What the kernel takes, in order; inputs, outputs and needed scalars unless given.
    target : str or Target, optional
        The host unless given.
    name : str, optional
        The program's name; the schedule's unless given.
    simple_mode : bool
        Stop before the passes: the loop nest as it was scheduled, with its arguments.
    judged : bool
        Whether the same steps were judged elsewhere, so that a schedule which was made with
        ``judged=False`` is not judged here. What was not is not checked by anybody.

    Raises
    ------
    IllegalScheduleError
        Primitives that were not judged so far, and would change the result.
    LoweringError
        An argument that is missing, given twice, or foreign to the schedule; a bad name.
    DTypeError
        Something that is no schedule, or no argument.
    BoundsError
        An access that leaves its array whatever the sizes.

    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> B = te.compute((4,), lambda i: A[i] + 1, name="B")
    >>> s = te.create_schedule(B.op)
    >>> s[B].unroll(B.op.axis[0])
    >>> print(lower(s, [A, B]))
    def B(A: float32[4], B: out float32[4]):
        B[0] = A[0] + 1.0
        B[1] = A[1] + 1.0
        B[2] = A[2] + 1.0
        B[3] = A[3] + 1.0
    """
    log = _checked_log("lower", schedule, name)
    passes = () if simple_mode else PASSES
    return _lower(schedule, args, Target.of(target), log, passes, judged)


def build(
    schedule: Schedule,
    args: Sequence[Any] | None = None,
    target: Any = None,
    name: str | None = None,
    *,
    judged: bool = False,
) -> Kernel:
    """Compile a schedule into a kernel that runs on arrays.

    Parameters
    ----------
    schedule : Schedule
    args : sequence of Tensor and Var, optional
        What the kernel takes, in order; inputs, outputs and needed scalars unless given.
    target : str or Target, optional
        Such as ``"llvm -mcpu=znver3 -num-cores=4"``; the host unless given. A kernel for
        another machine has ``.asm`` but cannot be called.
    name : str, optional
        The kernel's name; the schedule's unless given.
    judged : bool
        As :func:`lower`: whether the steps of a schedule made with ``judged=False`` were judged
        elsewhere, as those that a tuner has measured.

    Raises
    ------
    IllegalScheduleError, LoweringError, BoundsError
        As :func:`lower`.
    TargetError
        An unknown target.

    >>> import numpy as np
    >>> from texpr import te
    >>> A = te.placeholder((te.var("n"),), name="A")
    >>> B = te.compute(A.shape, lambda i: A[i] + 1, name="B")
    >>> add_one = build(te.create_schedule(B.op), [A, B])
    >>> add_one(np.zeros(3, "float32"))
    array([1., 1., 1.], dtype=float32)
    """
    log = _checked_log("build", schedule, name)
    machine = Target.of(target)
    lowered = _lower(schedule, args, machine, log, PASSES, judged)
    log.show("lowered", ENDS, lambda: str(lowered))
    compiled = log.timed("compile", partial(compile_program, lowered, machine))
    log.show("llvm", CODE, lambda: compiled.code.llvm)
    log.show("asm", CODE, lambda: compiled.code.asm)
    kernel = make_kernel(
        program=lowered,
        signature=Signature.of(lowered, fresh=schedule.fresh_outputs),
        code=compiled.code,
        target=machine,
        trace=schedule.trace,
        sites=compiled.sites,
        compile_strided=compiled.compile_strided,
        recipe=(rebuilt, (*schedule.recipe, lowered.args, _anywhere(machine), log.name)),
        failures=compiled.failures,
    )
    level = ASSUMPTIONS if schedule.state.assumed else EVERYTHING
    if machine.is_host and config.verify_level() >= level:
        return verified(kernel, bind_arguments(schedule.declared, lowered.args, log.name))
    return kernel


def rebuilt(
    program: Program,
    declares_tensors: bool,
    trace: Trace,
    args: Sequence[Any],
    target: str,
    name: str,
) -> Kernel:
    """Build a kernel again from what it is pickled as: the trace is replayed, and judged.

    Parameters
    ----------
    program, declares_tensors, trace
        What :func:`texpr.schedule.schedule.schedule_of` takes.
    args, target, name
        What :func:`build` takes.

    Raises
    ------
    TexprError
        As :func:`build`; a trace that this texpr refuses.
    """
    return build(schedule_of(program, declares_tensors, trace), args, target, name)


def _anywhere(target: Target) -> str:
    """Return the text of ``target`` for another machine: this one's is that machine's own."""
    return "llvm" if target == Target.host() else str(target)


def _checked_log(what: str, schedule: object, name: object) -> BuildLog:
    """Return the log of a build called ``name``, the schedule's unless given."""
    if not isinstance(schedule, Schedule):
        raise DTypeError(
            f"{what}: {shown(schedule)} is no schedule; "
            f"pass te.create_schedule(C.op), with its primitives applied"
        )
    name = schedule.declared.name if name is None else name
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise LoweringError(
            f"{what}: {name!r} cannot name a kernel; choose a word such as 'matmul'"
        )
    return BuildLog(name)


def _lower(
    schedule: Schedule,
    args: Sequence[Any] | None,
    target: Target,
    log: BuildLog,
    passes: Sequence[tuple[str, Pass]],
    judged: bool,
) -> Program:
    schedule.check_placed()
    if not judged:
        log.timed("judge", schedule.judge)
    program = log.stage("realise", lambda: schedule.program)
    args = schedule.default_args if args is None else args
    log.show("sets", SETS, lambda: str(Scop.of(program)))
    program = log.stage("bind_arguments", lambda: bind_arguments(program, args, log.name))
    schedule.check_initialised()
    decide = schedule.sizes_may_decide
    bounded = partial(check_bounds, program, sizes_may_decide=decide)
    program = log.stage("check_bounds", bounded)
    for pass_name, run in passes:
        program = log.stage(pass_name, partial(run, program, target))
    return program
