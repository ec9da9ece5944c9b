"""Schedules that answer to TVM's names: those of texpr, and what stands in for GPU threads."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from texpr import te
from texpr.compat.tvm.advice import missing
from texpr.errors import IllegalScheduleError, ScheduleError, ShapeError, shown
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Var, as_expr, free_vars
from texpr.ir.itervar import IterVar

_THREAD_TAGS: Final = ("blockIdx.", "threadIdx.", "vthread", "cthread")


class ThreadAxis:
    """A thread index of a GPU: something to bind a loop to."""

    def __init__(self, thread_tag: str, dom: tuple[Any, Any] | None, name: str) -> None:
        self.thread_tag, self.dom, self.name = thread_tag, dom, name
        self.var = Var(name.replace(".", "_"), INT64, is_axis=True)

    @property
    def is_block(self) -> bool:
        """Whether its iterations run in no order on a GPU, and do not see each other."""
        return self.thread_tag.startswith("blockIdx.")

    def __repr__(self) -> str:
        return f"<thread_axis {self.thread_tag}>"


def thread_axis(dom: Any = None, tag: Any = "", name: str = "") -> ThreadAxis:
    """Declare a thread index, ``thread_axis("threadIdx.x")`` or ``thread_axis((0, 8), tag)``.

    Raises
    ------
    ScheduleError
        The tag is none of ``blockIdx.x``, ``threadIdx.x``, ``vthread`` and the like.
    ShapeError
        ``dom`` is no pair.

    >>> thread_axis("blockIdx.x")
    <thread_axis blockIdx.x>
    """
    if isinstance(dom, str):
        dom, tag = None, dom
    if not isinstance(tag, str) or not tag.startswith(_THREAD_TAGS):
        raise ScheduleError(
            f"thread_axis: {tag!r} is no tag of a thread; write 'blockIdx.x' or 'threadIdx.x'"
        )
    if dom is not None and (not isinstance(dom, (tuple, list)) or len(dom) != 2):
        raise ShapeError(f"thread_axis: the range {shown(dom)} is no pair; write (0, n)")
    return ThreadAxis(tag, None if dom is None else tuple(dom), name or tag)


class Stage(te.TeStage):
    """A stage of texpr, with TVM's primitives for GPUs."""

    _schedule: Schedule

    def __init__(self, made: te.TeStage) -> None:
        self.__dict__.update(made.__dict__)

    def bind(self, ivar: IterVar | str, thread_ivar: ThreadAxis) -> None:
        """Stand in for a GPU: a ``blockIdx`` loop runs in parallel, if that is legal.

        Loops bound to ``threadIdx`` and ``vthread`` stay as they are, one iteration after the
        other, which is what threads that wait for each other may rely on.

        Raises
        ------
        ScheduleError
            ``ivar`` is no loop of the stage, or ``thread_ivar`` no thread axis.
        """
        if not isinstance(thread_ivar, ThreadAxis):
            raise ScheduleError(
                f"bind: {shown(thread_ivar)} is no thread axis; "
                f"pass te.thread_axis('blockIdx.x') or the like"
            )
        loop = self._loop("bind", ivar)
        if thread_ivar.is_block:
            with suppress(IllegalScheduleError):  # one after the other is right, too
                self.parallel(loop)
        self._schedule.bound = {**self._schedule.bound, thread_ivar.var: loop}

    def set_store_predicate(self, predicate: Any) -> None:
        """Take the guard of a store that all threads would do: here each cell is stored once.

        Raises
        ------
        ScheduleError
            The predicate is about something else than threads that reduction loops are bound to.
        """
        threads = free_vars(as_expr(predicate))
        bound = self._schedule.bound
        if not threads or not all(var in bound and bound[var].is_reduce for var in threads):
            raise ScheduleError(
                f"set_store_predicate: {predicate} is not about threads of a reduction alone; "
                f"write te.if_then_else into the te.compute"
            )

    def __getattr__(self, name: str) -> Any:
        raise missing("te.Stage", name, dir(self))


class Schedule(te.TeSchedule):
    """A schedule of texpr whose stages have TVM's primitives for GPUs."""

    bound: Mapping[Var, IterVar]
    """The loops that are bound to threads, by the variable of the thread."""

    def __init__(self, made: te.TeSchedule) -> None:
        self.__dict__.update(made.__dict__)  # a state is a value, and shared
        self.bound = {}

    def stage(self, name: str) -> Stage:
        return Stage(super().stage(name))

    def __getitem__(self, key: Any) -> Stage:
        return Stage(super().__getitem__(key))

    def normalize(self) -> Schedule:
        """Return a copy: loops of texpr start where they were declared to."""
        return self.copy()

    def __getattr__(self, name: str) -> Any:
        raise missing("te.Schedule", name, dir(self))


def create_schedule(ops: Any, **options: Any) -> Schedule:
    """Return a schedule of an operation, or of several, and all that they depend on.

    Parameters and errors are those of :func:`texpr.te.create_schedule`.
    """
    return Schedule(te.create_schedule(ops, **options))
