"""A stage of a schedule, and the primitives on it."""

from __future__ import annotations

from typing import Any

from texpr.ir.itervar import IterVar
from texpr.polyhedral.verdict import Verdict
from texpr.schedule.stages.loops import LoopPrimitives
from texpr.schedule.stages.marks import MarkPrimitives
from texpr.schedule.stages.memory import MemoryPrimitives
from texpr.schedule.stages.placement import PlacementPrimitives
from texpr.schedule.stages.reductions import ReductionPrimitives
from texpr.schedule.trace import LoopName, Step


class Stage(
    LoopPrimitives, MarkPrimitives, PlacementPrimitives, MemoryPrimitives, ReductionPrimitives
):
    """One statement of the program, by the name it has in the schedule.

    A loop is given to a primitive as the axis that ``op.axis`` or an earlier primitive returned,
    or by its name.
    """

    def assume(self, array: str) -> None:
        """Take the responsibility for an array; as :meth:`Schedule.assume`."""
        self._apply("assume", (), {"array": array})

    def why_not(self, name: str, *loops: IterVar | str, **values: Any) -> Verdict | None:
        """Return why the primitive called ``name`` would be refused, None where it would not.

        >>> from texpr import te
        >>> A, k = te.placeholder((8,), name="A"), te.reduce_axis((0, 8), name="k")
        >>> S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
        >>> s = te.create_schedule(S.op)
        >>> s[S].why_not("parallel", k).fault
        'parallel'
        """
        found = tuple(self._loop(name, loop) for loop in loops)
        return self._schedule.why_not(name, self.name, found, values)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Stage, (self._schedule, self.name))

    def __repr__(self) -> str:
        loops = ", ".join(axis.name for axis in self.leaf_iter_vars)
        return f"<stage {self.name} ({'inlined' if self.is_inlined else loops})>"


def step_of(
    primitive: str,
    stage: str,
    loops: tuple[IterVar, ...],
    values: dict[str, Any],
    made: tuple[IterVar, ...],
) -> Step:
    """Return the record of one primitive, with loops by name; None is no value."""
    names = tuple(LoopName(loop.name) for loop in loops)
    given = {name: value for name, value in values.items() if value is not None}
    return Step(primitive, stage, names, given, tuple(axis.name for axis in made))
