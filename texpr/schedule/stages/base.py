"""What every stage has: its schedule and name, its loops, and how a primitive is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.expr import int_value
from texpr.ir.itervar import IterVar
from texpr.schedule.select import along, consumers, marked, producers

if TYPE_CHECKING:
    from texpr.schedule.schedule import Schedule
    from texpr.schedule.stage import Stage


class StageBase:
    """What the primitives of a stage are built on."""

    def __init__(self, schedule: Schedule, name: str) -> None:
        self._schedule = schedule
        self.name = name

    def is_of(self, schedule: Schedule) -> bool:
        """Whether this is a stage of ``schedule``, or of a copy of it."""
        return self._schedule.declared is schedule.declared

    @property
    def leaf_iter_vars(self) -> tuple[IterVar, ...]:
        """The loops around the stage, outermost first."""
        return self._schedule.state.leaves(self.name)

    @property
    def loops(self) -> tuple[IterVar, ...]:
        """The loops around the stage, outermost first."""
        return self.leaf_iter_vars

    @property
    def is_inlined(self) -> bool:
        """Whether the stage is computed where it is read."""
        return self.name in self._schedule.state.inlined

    def loop(self, name: str | int) -> IterVar:
        """Return the loop called ``name``, or the one at that place, 0 outermost, -1 innermost.

        Raises
        ------
        ScheduleError
            There is none; the loops are listed.
        """
        if isinstance(name, int) and not isinstance(name, bool):
            loops = self.loops
            if -len(loops) <= name < len(loops):
                return loops[name]
            raise ScheduleError(
                f"loop: stage {self.name!r} has no loop at {name}; its loops are "
                f"{', '.join(loop.name for loop in loops) or 'none'}, outermost first"
            )
        return self._loop("loop", name)

    @property
    def reduce_loops(self) -> tuple[IterVar, ...]:
        """The loops that reduce, or reduce and run over data together, outermost first."""
        return tuple(loop for loop in self.loops if loop.is_reduce)

    @property
    def data_loops(self) -> tuple[IterVar, ...]:
        """The loops that only run over data, outermost first."""
        return tuple(loop for loop in self.loops if not loop.is_reduce)

    @property
    def shared_loops(self) -> tuple[IterVar, ...]:
        """The loops that were declared around other stages, too, outermost first."""
        return tuple(node.axis for node in self._schedule.state.shared_loops(self.name))

    def loops_marked(self, kind: str) -> tuple[IterVar, ...]:
        """The loops that are ``"serial"``, ``"parallel"``, ``"vectorized"`` or ``"unrolled"``.

        Raises
        ------
        ScheduleError
            Another word.
        """
        return tuple(marked(self._schedule.state, self.name, kind))

    def loops_along(
        self, array: Any, dimension: int = -1, *, step: int | None = None
    ) -> tuple[IterVar, ...]:
        """The loops that move along a dimension of an array, outermost first.

        Those are the ones on whose value the subscript depends, in any access of the stage. With
        ``step=1`` they are those that go from one element to the next in every access: along the
        last dimension the ones to vectorize.

        Parameters
        ----------
        array : Tensor, Buffer or str
            An array that the stage reads or writes.
        dimension : int
            Negative from the end.
        step : int, optional
            By how much one iteration more moves the subscript.

        Raises
        ------
        ScheduleError
            No such array or dimension.

        >>> from texpr import te
        >>> A = te.placeholder((64, 64), name="A")
        >>> B = te.compute((64, 64), lambda i, j: A[j, i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].split("j", 8)
        (<axis j_o>, <axis j_i>)
        >>> s[B].loops_along(B), s[B].loops_along("A")
        ((<axis j_o>, <axis j_i>), (<axis i in [0, 64)>,))
        >>> s[B].loops_along(B, step=1)
        (<axis j_i>,)
        """
        own = self._schedule.own_array(array)
        return tuple(along(self._schedule.state, self.name, own, dimension, step))

    @property
    def producers(self) -> tuple[Any, ...]:
        """The other stages that write what this one reads, producers first."""
        return tuple(map(self._schedule.stage, producers(self._schedule.state, self.name)))

    @property
    def consumers(self) -> tuple[Any, ...]:
        """The other stages that read what this one writes, producers first."""
        return tuple(map(self._schedule.stage, consumers(self._schedule.state, self.name)))

    def _declared_loop(self, what: str, given: Any) -> str:
        """Return the name of a declared loop around this stage, scheduled or not."""
        if isinstance(given, str):
            return given
        axes = self._schedule.state.declared.stages[self.name].axes
        axis = self._schedule.own_axis(self.name, given) if isinstance(given, IterVar) else None
        if not any(axis is own for own in axes):
            raise ScheduleError(
                f"{what}: {given!r} is no declared loop of {self.name!r}; its declared loops are "
                f"{', '.join(own.name for own in axes) or 'none'}"
            )
        return str(axis)

    def _new_stage(self, primitive: str, loops: tuple[Any, ...], values: dict[str, Any]) -> Stage:
        """Apply a primitive that makes a stage and return that."""
        known = set(self._schedule.state.declared.stages)
        self._apply(primitive, loops, values)
        *_, made = (name for name in self._schedule.state.declared.stages if name not in known)
        return self._schedule.stage(made)

    def _apply(
        self, primitive: str, loops: tuple[Any, ...], values: dict[str, Any] | None = None
    ) -> tuple[IterVar, ...]:
        """Apply a primitive to loops of this stage, with the given values."""
        return self._schedule.apply_primitive(
            primitive,
            self.name,
            tuple(self._loop(primitive, loop) for loop in loops),
            {name: plain(value) for name, value in (values or {}).items()},
        )

    def _loop(self, what: str, given: Any) -> IterVar:
        """Return the loop that ``given`` names, or say why there is none."""
        state = self._schedule.state
        leaves = state.leaves(self.name)
        names = [axis.name for axis in leaves]
        listed = ", ".join(names) or "none"
        if not names and state.declared.stages[self.name].block.extern is not None:
            raise ScheduleError(
                f"{what}: stage {self.name!r} calls an extern function and has no loops; "
                f"schedule the stages that it reads, or that read it"
            )
        if isinstance(given, str):
            if given in names:
                return leaves[names.index(given)]
            raise ScheduleError(
                f"{what}: stage {self.name!r} has no loop {given!r}"
                f"{did_you_mean(given, names)}; its loops are {listed}"
            )
        if isinstance(given, (list, tuple)):
            raise ScheduleError(
                f"{what}: the loops are given as a {type(given).__name__}; pass them one by one, "
                f"{what}({', '.join(map(str, given))})"
            )
        if not isinstance(given, IterVar):
            raise ScheduleError(
                f"{what}: {given!r} is no loop; pass an axis such as "
                f"s[{self.name}].op.axis[0], or the name of a loop of {self.name!r}: {listed}"
            )
        axis = state.current(self._schedule.own_axis(self.name, given))
        if any(leaf is axis for leaf in leaves):
            return axis
        now = state.remains(axis)
        if any(leaf is now[0] for leaf in leaves):
            made = " and ".join(made.name for made in now)
            raise ScheduleError(
                f"{what}: loop {given.name!r} of {self.name!r} became {made}; use "
                f"{'these' if len(now) > 1 else 'that'} (its loops are {listed})"
            )
        owner = state.stage_around(now[0])
        if owner:
            where = f"is a loop of stage {owner!r}, not of {self.name!r}; its loops are {listed}"
        else:
            where = f"is no loop of this schedule; those of {self.name!r} are {listed}"
        raise ScheduleError(f"{what}: {given.name!r} {where}")


def plain(value: Any) -> Any:
    """Return an integer of NumPy's, or a constant expression, as a Python int."""
    if isinstance(value, np.integer):
        return int(value)
    known = int_value(value)
    return value if known is None else known
