"""One way to open a schedule on whatever was declared: tensor expressions or a loop kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from texpr import te
from texpr.errors import DTypeError, ScheduleError, shown
from texpr.ir.program import FLOAT_ORDERS, FloatPolicy
from texpr.kernel.loop_kernel import LoopKernel
from texpr.schedule import Schedule


def create_schedule(
    declared: Any,
    fp: Literal["exact", "reassoc", "fast"] | None = None,
    *,
    contract: bool = True,
    judged: bool = True,
) -> Any:
    """Return a schedule of a loop kernel, or of tensor expressions, in declared order.

    Parameters
    ----------
    declared : LoopKernel, Operation or Tensor, or a list of operations
    fp : "exact", "reassoc" or "fast", optional
        What floating-point arithmetic may do: keep every operation in its order; combine the
        terms of a reduction in any order; rearrange anything, assuming neither NaN nor infinity.
        A loop kernel declares an order and starts as ``"exact"``; tensor expressions declare none
        and start as ``"reassoc"``.
    contract : bool
        Whether a product and a sum may be fused and round once.
    judged : bool
        Whether every primitive is judged when it is applied. Otherwise they only check their
        arguments, and all of them together are judged before a build, or by ``s.judge()``.

    Raises
    ------
    ScheduleError
        An unknown ``fp``.
    TexprError
        ``declared`` declares nothing to compute, or is an input.
    """
    if not isinstance(declared, (LoopKernel, te.Operation, te.Tensor, list, tuple)):
        raise DTypeError(
            f"create_schedule: {shown(declared)} declares nothing to compute; "
            f"pass a @texpr.kernel, or C.op of a tensor C"
        )
    if not isinstance(declared, LoopKernel):
        return te.create_schedule(declared, fp or "reassoc", contract=contract, judged=judged)
    order = fp or "exact"
    if order not in FLOAT_ORDERS:
        raise ScheduleError(
            f"create_schedule: fp={fp!r} is unknown; it is one of "
            f"{', '.join(map(repr, FLOAT_ORDERS))}"
        )
    policy = FloatPolicy(order, contract)
    return Schedule(replace(declared.program, float_policy=policy), judged=judged)
