"""Say how a loop runs in a word, with TVM's names for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final, TypeAlias

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.chunks import Chunks
from texpr.ir.itervar import IterVar
from texpr.ir.program import LoopKind
from texpr.schedule.primitives import unroll, vectorize
from texpr.schedule.state import State

Result: TypeAlias = tuple[State, tuple[IterVar, ...]]

_MARKS: Final[Mapping[str, Callable[[State, str, IterVar], Result]]] = {
    "unroll": unroll.apply,
    "vectorize": vectorize.apply,
}

_REFUSED: Final = {
    "parallel_launch_point": "the threads are kept between loops, and no loop need start them; "
    "mark the loop itself with s[{stage}].parallel({loop})",
    "auto_unroll_max_step": "LLVM decides that by itself; "
    "unroll a loop of few iterations with s[{stage}].unroll({loop})",
    "unroll_explicit": "an unrolled loop is written out in any case; use s[{stage}].unroll({loop})",
}
"""Words of TVM's that are not taken, and what to do."""

_PARALLEL: Final = (
    "parallel_schedule",
    "parallel_stride_pattern",
    "parallel_barrier_when_finish",
)


def apply(
    state: State, stage: str, var: IterVar, pragma_type: object, pragma_value: object = None
) -> Result:
    """Annotate a loop; see :meth:`texpr.schedule.stage.Stage.pragma`."""
    if not isinstance(pragma_type, str):
        raise ScheduleError(
            f"pragma: {shown(pragma_type)} is no word; pass one such as 'parallel_schedule'"
        )
    if pragma_type in _REFUSED:
        why = _REFUSED[pragma_type].format(stage=stage, loop=var.name)
        raise ScheduleError(f"pragma: {pragma_type!r} of loop {var.name!r} is not taken: {why}")
    if pragma_type not in (*_PARALLEL, *_MARKS):
        known = (*_PARALLEL, *_MARKS)
        raise ScheduleError(
            f"pragma: no pragma {pragma_type!r} of loop {var.name!r}"
            f"{did_you_mean(pragma_type, known)}; the pragmas are {', '.join(known)}"
        )
    if (pragma_value is None) == (pragma_type == "parallel_schedule"):
        advice = "write 'static, 4' or 'dynamic, 4'" if pragma_value is None else "leave it out"
        raise ScheduleError(
            f"pragma: {pragma_type!r} of loop {var.name!r} was given "
            f"{'no value' if pragma_value is None else f'the value {pragma_value!r}'}; {advice}"
        )
    if pragma_type in _MARKS:
        return _MARKS[pragma_type](state, stage, var)
    if state.node(stage, var).kind is not LoopKind.PARALLEL:
        raise ScheduleError(
            f"pragma: {pragma_type!r} is for a parallel loop, and {var.name!r} is none; "
            f"call s[{stage}].parallel({var.name}) first"
        )
    if pragma_type == "parallel_barrier_when_finish":  # there is one after every parallel loop
        return state, ()
    chunks = Chunks("static", 1)
    if pragma_type == "parallel_schedule":
        try:
            chunks = Chunks.parse(pragma_value)
        except ScheduleError as error:
            raise ScheduleError(f"pragma: {error}") from None
    return state.edit(var, lambda loop: replace(loop, chunks=chunks)), ()


def sample(
    state: State, stage: str, random: Random
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Share the iterations of any parallel loop in another way."""
    loops = [node.axis for node in state.path(stage) if node.kind is LoopKind.PARALLEL]
    if not loops:
        return None
    value = random.choice(("static", "static, 1", "static, 3", "dynamic, 1", "dynamic, 2"))
    return (random.choice(loops), "parallel_schedule", value), {}
