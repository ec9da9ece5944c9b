"""Schedules: a declared program, how it is to run, and the history of both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, NoReturn, TypeVar

from texpr.errors import IllegalScheduleError, InternalError, ScheduleError, did_you_mean, shown
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr
from texpr.ir.html import Html, card, code, count, facts, folded, listed, loops, marked
from texpr.ir.itervar import IterVar
from texpr.ir.program import Annotation, Program
from texpr.polyhedral.initialised import check_initialised
from texpr.polyhedral.judge import Finding
from texpr.polyhedral.rewrites import Parted
from texpr.polyhedral.verdict import Verdict, verdict_on
from texpr.schedule.caches import arrays_called
from texpr.schedule.judges import judge_of, rewrite_fault
from texpr.schedule.legality import alternatives, runs_as_declared
from texpr.schedule.primitives import PRIMITIVES
from texpr.schedule.primitives.compute_at import check_settled, settled
from texpr.schedule.realise import check_loops, realise
from texpr.schedule.report import Report, report_on
from texpr.schedule.select import called, touching
from texpr.schedule.stage import Stage, step_of
from texpr.schedule.state import Declared, State, initial_state, unknown_stage
from texpr.schedule.storage import check_stored
from texpr.schedule.trace import Trace, trace_of

Self = TypeVar("Self", bound="Schedule")


class Schedule:
    """How a program is to run.

    ``s["C"]`` is a stage, ``print(s)`` shows the loop nest at any moment, ``s.trace`` what was
    done to it. A primitive that is refused leaves the schedule as it was. Pickled, it is its
    program and its trace, which is replayed, and judged, when it is loaded.
    """

    declares_tensors: bool = False
    """Whether tensor expressions were declared, and not loops."""

    def __init__(self, program: Program, *, judged: bool = True) -> None:
        self.judged = judged
        """Whether every primitive is judged when it is applied, and not all of them at the end."""
        self._history: tuple[State, ...] = (initial_state(program),)
        self._realised: tuple[State, Program] | None = None

    @property
    def state(self) -> State:
        """The facts: a value, never changed."""
        return self._history[-1]

    @property
    def declared(self) -> Program:
        """The program as it was declared."""
        return self._history[0].declared.program

    @property
    def default_args(self) -> tuple[Any, ...] | None:
        """What a kernel takes unless it is told: what loops declare; for tensors, what is needed.

        None leaves it to the build: inputs, outputs and the scalars that are needed.
        """
        return None if self.declares_tensors else self.declared.args

    @property
    def fresh_outputs(self) -> Collection[Buffer] | None:
        """The outputs that a call may leave out: none of loops, which may not fill an array.

        None stands for every output that no statement reads first: a tensor is computed whole.
        """
        return None if self.declares_tensors else ()

    @property
    def sizes_may_decide(self) -> bool:
        """Whether a subscript may leave its array at some sizes and is checked when it runs.

        Tensors have no requirements of their own, so theirs are checked if need be.
        """
        return self.declares_tensors

    @property
    def program(self) -> Program:
        """The program as it is scheduled."""
        if self._realised is None or self._realised[0] is not self.state:
            self._realised = (self.state, realise(self.state))
        return self._realised[1]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage, producers first."""
        return tuple(self.stage(name) for name in self.state.declared.stages)

    @property
    def trace(self) -> Trace:
        """The primitives applied so far."""
        stages = self._history[0].declared.stages
        return trace_of(
            self.state.trace,
            {name: tuple(axis.name for axis in decl.axes) for name, decl in stages.items()},
        )

    def stage(self, name: str) -> Stage:
        """Return the stage called ``name``."""
        return Stage(self, name)

    def own_axis(self, stage: str, axis: IterVar) -> IterVar:
        """Return the axis of this schedule that ``axis`` stands for in ``stage``; itself here."""
        return axis

    def own_array(self, array: Any) -> Any:
        """Return the array of this schedule that ``array`` stands for; itself here."""
        return array

    def stage_name(self, key: Any) -> str:
        """Return the name of the stage that ``key`` stands for.

        Raises
        ------
        ScheduleError
            There is no such stage.
        """
        if isinstance(key, Stage):
            if not key.is_of(self):
                raise ScheduleError(
                    f"schedule: stage {key.name!r} is one of another schedule, whose stages are "
                    f"no stages of this one; ask this one, s[{key.name!r}]"
                )
            key = key.name
        if isinstance(key, Buffer):  # of a schedule that was pickled, say
            for name, stage in self.state.declared.stages.items():
                if any(buffer is key for buffer in stage.block.written_buffers):
                    return name
        if not isinstance(key, str) or key not in self.state.declared.stages:
            raise unknown_stage(key, self.state)
        return key

    def __getitem__(self, key: Any) -> Any:
        return self.stage(self.stage_name(key))

    def stages_called(self, *patterns: str) -> tuple[Any, ...]:
        """Return the stages whose name fits one of the patterns, producers first.

        ``*`` stands for any text, ``?`` for a character, ``[abc]`` for one of these.

        >>> from texpr import te
        >>> A = te.placeholder((4,), name="A")
        >>> B = te.compute((4,), lambda i: A[i] + 1, name="conv1")
        >>> C = te.compute((4,), lambda i: B[i] + 1, name="conv2")
        >>> te.create_schedule(C.op).stages_called("conv*")
        (<stage conv1 (i)>, <stage conv2 (i)>)
        """
        return tuple(map(self.stage, called(self.state, patterns)))

    def stages_reading(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the stages that read one of the arrays and do not write it, producers first.

        Parameters
        ----------
        arrays : Tensor, Buffer or str

        Raises
        ------
        ScheduleError
            An array that no stage touches.
        """
        return self._touching("stages_reading", arrays, is_write=False)

    def stages_writing(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the stages that write one of the arrays, producers first.

        Parameters
        ----------
        arrays : Tensor, Buffer or str

        Raises
        ------
        ScheduleError
            An array that no stage touches.
        """
        return self._touching("stages_writing", arrays, is_write=True)

    def _touching(self, what: str, arrays: Sequence[Any], *, is_write: bool) -> tuple[Any, ...]:
        wanted = [self.own_array(array) for array in arrays]
        return tuple(map(self.stage, touching(self.state, what, wanted, is_write=is_write)))

    def loop(self, name: str) -> IterVar:
        """Return the loop called ``name``, wherever it is.

        Raises
        ------
        ScheduleError
            There is none, or there are several.
        """
        found = self.state.loops_called(name)
        if len(found) == 1:
            return next(iter(found))
        if not found:
            known = {axis.name for stage in self.stages for axis in stage.loops}
            raise ScheduleError(
                f"loop: no loop {name!r}{did_you_mean(name, known)}; "
                f"the loops are {', '.join(sorted(known))}"
            )
        stages = ", ".join(found.values())
        raise ScheduleError(
            f"loop: {len(found)} loops are called {name!r}, around {stages}; "
            f"ask one of the stages, s[{next(iter(found.values()))!r}].loop({name!r})"
        )

    def around(self, what: str, given: IterVar | str) -> Any:
        """Return a stage inside the loop ``given``, on which a primitive acts for all of them."""
        axis = self.loop(given) if isinstance(given, str) else given
        if isinstance(axis, IterVar):
            axis = self.state.current(axis)
        stage = self.state.stage_around(axis)
        now = self.state.remains(axis) if stage is None and isinstance(axis, IterVar) else ()
        if len(now) > 1 or any(one is not axis for one in now):
            raise ScheduleError(
                f"{what}: loop {axis.name!r} became {' and '.join(one.name for one in now)}; use "
                f"{'these' if len(now) > 1 else 'that'}"
            )
        if stage is None:
            raise ScheduleError(
                f"{what}: {str(axis)!r} is no loop of this schedule, or no longer; ask s.loop(name)"
            )
        return self.stage(stage)

    def parallel(self, loop: IterVar | str) -> None:
        """Run a loop in parallel; as :meth:`texpr.schedule.stage.Stage.parallel`."""
        self.around("parallel", loop).parallel(loop)

    def vectorize(self, loop: IterVar | str, lanes: int | None = None) -> None:
        """Vectorize a loop; as :meth:`texpr.schedule.stage.Stage.vectorize`."""
        self.around("vectorize", loop).vectorize(loop, lanes)

    def unroll(self, loop: IterVar | str, factor: int | None = None) -> None:
        """Unroll a loop; as :meth:`texpr.schedule.stage.Stage.unroll`."""
        self.around("unroll", loop).unroll(loop, factor)

    def unroll_and_jam(self, outer: IterVar | str, factor: int) -> tuple[IterVar, IterVar]:
        """Unroll and jam a loop; as :meth:`texpr.schedule.stage.Stage.unroll_and_jam`."""
        made: tuple[IterVar, IterVar] = self.around("unroll_and_jam", outer).unroll_and_jam(
            outer, factor
        )
        return made

    def annotate(self, loop_or_stage: Any, key: str, value: Annotation | None = None) -> None:
        """Leave a note; as :meth:`texpr.schedule.stage.Stage.annotate`.

        A string is the name of a loop, or else of a stage.
        """
        stage, loops = self._noted("annotate", loop_or_stage)
        stage.annotate(*loops, key=key, value=value)

    def unannotate(self, loop_or_stage: Any, key: str) -> None:
        """Take a note off; as :meth:`texpr.schedule.stage.Stage.unannotate`."""
        stage, loops = self._noted("unannotate", loop_or_stage)
        stage.unannotate(*loops, key=key)

    def _noted(self, what: str, given: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return the stage that ``given`` is, or one inside the loop that it is, and that loop."""
        is_loop = isinstance(given, IterVar) or (
            isinstance(given, str) and bool(self.state.loops_called(given))
        )
        return (self.around(what, given), (given,)) if is_loop else (self[given], ())

    def pragma(self, loop: IterVar | str, pragma_type: str, pragma_value: object = None) -> None:
        """Say how a loop runs; as :meth:`texpr.schedule.stage.Stage.pragma`."""
        self.around("pragma", loop).pragma(loop, pragma_type, pragma_value)

    def split(
        self,
        loop: IterVar | str,
        factor: int | None = None,
        nparts: int | None = None,
        factors: Sequence[int | None] | None = None,
        tail: str = "guard",
    ) -> tuple[IterVar, ...]:
        """Split a loop; as :meth:`texpr.schedule.stage.Stage.split`."""
        made: tuple[IterVar, ...] = self.around("split", loop).split(
            loop, factor, nparts, factors, tail
        )
        return made

    def loop_partition(
        self, loop: IterVar | str, points: Sequence[int | str | Expr]
    ) -> tuple[IterVar, ...]:
        """Cut a loop; as :meth:`texpr.schedule.stage.Stage.loop_partition`."""
        made: tuple[IterVar, ...] = self.around("loop_partition", loop).loop_partition(loop, points)
        return made

    def reorder(self, *loops: IterVar | str) -> None:
        """Reorder loops; as :meth:`texpr.schedule.stage.Stage.reorder`."""
        if loops:
            self.around("reorder", loops[0]).reorder(*loops)

    def fuse(self, *loops: IterVar | str) -> IterVar:
        """Fuse loops; as :meth:`texpr.schedule.stage.Stage.fuse`."""
        if not loops:
            raise ScheduleError("fuse: no loop given; name the loops to fuse, outermost first")
        fused: IterVar = self.around("fuse", loops[0]).fuse(*loops)
        return fused

    def reverse(self, loop: IterVar | str) -> IterVar:
        """Reverse a loop; as :meth:`texpr.schedule.stage.Stage.reverse`."""
        made: IterVar = self.around("reverse", loop).reverse(loop)
        return made

    def shift(self, loop: IterVar | str, amount: int) -> IterVar:
        """Shift a loop; as :meth:`texpr.schedule.stage.Stage.shift`."""
        made: IterVar = self.around("shift", loop).shift(loop, amount)
        return made

    def skew(self, outer: IterVar | str, inner: IterVar | str, factor: int = 1) -> IterVar:
        """Skew a loop; as :meth:`texpr.schedule.stage.Stage.skew`."""
        made: IterVar = self.around("skew", inner).skew(outer, inner, factor)
        return made

    def fuse_loops(self, first: IterVar | str, second: IterVar | str, shift: int = 0) -> IterVar:
        """Fuse two nests; as :meth:`texpr.schedule.stage.Stage.fuse_loops`."""
        other = self.around("fuse_loops", second)
        made: IterVar = self.around("fuse_loops", first).fuse_loops(first, other, second, shift)
        return made

    def fission(self, loop: IterVar | str, after: Any) -> tuple[IterVar, ...]:
        """Cut a loop after a stage; as :meth:`texpr.schedule.stage.Stage.fission`."""
        made: tuple[IterVar, ...] = self.stage(self.stage_name(after)).fission(loop)
        return made

    def cache_read(self, array: str, scope: str, readers: Any = None) -> Any:
        """Read an array through a copy; as :meth:`texpr.schedule.stage.Stage.cache_read`.

        ``readers`` are the stages that do, all that read the array unless given.
        """
        given = readers if isinstance(readers, (list, tuple)) else [readers]
        names = [self.stage_name(reader) for reader in given if reader is not None]
        if not names:
            called = arrays_called(self.state, array)
            for name, stage in self.state.declared.stages.items():
                if not called.isdisjoint(stage.reads):
                    names.append(name)
        if not names:
            known = sorted({b.name for s in self.state.declared.stages.values() for b in s.reads})
            advice = did_you_mean(str(array), known)
            raise ScheduleError(
                f"cache_read: no stage reads an array {array!r} that it does not write"
                f"{advice}; the arrays that are read are {', '.join(known)}"
            )
        first, *others = names
        return self.stage(first).cache_read(array, scope, others)

    def cache_write(self, stage: Any, scope: str) -> Any:
        """Compute a stage in a cache; as :meth:`texpr.schedule.stage.Stage.cache_write`."""
        return self.stage(self.stage_name(stage)).cache_write(scope)

    def rfactor(self, stage: Any, axis: IterVar | str, factor_axis: int = 0) -> Any:
        """Reduce in parts; as :meth:`texpr.schedule.stage.Stage.rfactor`."""
        return self.stage(self.stage_name(stage)).rfactor(axis, factor_axis)

    def merge_reduction(self, init: Any, update: Any) -> None:
        """Make a reduction; as :meth:`texpr.schedule.stage.Stage.merge_reduction`."""
        self.stage(self.stage_name(update)).merge_reduction(init)

    def decompose_reduction(self, stage: Any, loop: IterVar | str) -> None:
        """Initialise further out; as :meth:`texpr.schedule.stage.Stage.decompose_reduction`."""
        self.stage(self.stage_name(stage)).decompose_reduction(loop)

    def transform_layout(
        self, array: Any, index_map: Any, pad_value: Any = None
    ) -> tuple[IterVar, ...]:
        """Lay out an array; as :meth:`texpr.schedule.stage.Stage.transform_layout`.

        The loops that run over the new layout are those of the first stage that writes the array.
        """
        stage = self.stage(self._writer("transform_layout", array))
        made: tuple[IterVar, ...] = stage.transform_layout(index_map, pad_value)
        return made

    def storage_align(self, array: Any, axis: Any, factor: int, offset: int = 0) -> None:
        """Align a stride; as :meth:`texpr.schedule.stage.Stage.storage_align`."""
        self.stage(self._writer("storage_align", array)).storage_align(axis, factor, offset)

    def set_scope(self, array: Any, scope: str) -> None:
        """Name the memory of an array; as :meth:`texpr.schedule.stage.Stage.set_scope`."""
        self.stage(self._writer("set_scope", array)).set_scope(scope)

    def expand(self, array: str, loop: IterVar | str) -> None:
        """Give scratch a dimension; as :meth:`texpr.schedule.stage.Stage.expand`."""
        self._toucher("expand", array, loop).expand(array, loop)

    def privatize(self, array: str, loop: IterVar | str) -> None:
        """Make scratch new; as :meth:`texpr.schedule.stage.Stage.privatize`."""
        self._toucher("privatize", array, loop).privatize(array, loop)

    def _toucher(self, what: str, array: str, loop: IterVar | str) -> Any:
        """Return the first stage inside a declared loop that touches an array."""
        touching = [
            (name, stage)
            for name, stage in self.state.declared.stages.items()
            if any(buffer.name == array for buffer in stage.block.buffers)
        ]
        for name, stage in touching:
            if any(axis is loop or axis.name == loop for axis in stage.axes):
                return self.stage(name)
        if touching:
            return self.stage(touching[0][0])
        known = sorted({buffer.name for buffer in self.state.declared.homes})
        raise ScheduleError(
            f"{what}: no stage touches an array {shown(array)}{did_you_mean(str(array), known)}; "
            f"the scratch is {', '.join(known) or 'none'}"
        )

    def _writer(self, what: str, array: Any) -> str:
        """Return the name of the first stage that writes ``array``, which may be its name.

        Raises
        ------
        ScheduleError
            There is no such array, or no stage writes it.
        """
        if not isinstance(array, str):
            return self.stage_name(array)
        called = arrays_called(self.state, array)
        for name, stage in self.state.declared.stages.items():
            if not called.isdisjoint(stage.block.written_buffers):
                return name
        if called:
            raise ScheduleError(
                f"{what}: {array!r} is an argument that no stage writes; cache_read it first, and "
                f"change the cache"
            )
        known = sorted({buffer.name for buffer in self.state.declared.homes})
        raise ScheduleError(
            f"{what}: no array {array!r}{did_you_mean(array, known)}; "
            f"those that are no arguments are {', '.join(known) or 'none'}"
        )

    def apply_primitive(
        self,
        primitive: str,
        stage: str,
        loops: tuple[IterVar, ...],
        values: dict[str, Any],
    ) -> tuple[IterVar, ...]:
        """Apply a primitive, record it, and return the loops that it made."""
        if stage not in self.state.declared.stages:
            raise unknown_stage(stage, self.state)
        state, made = PRIMITIVES[primitive].apply(self.state, stage, *loops, **values)
        state = settled(state)
        new = [name for name in state.declared.stages if name not in self.state.declared.stages]
        own, witness = made, state.declared.witness
        if state.declared is not self.state.declared and isinstance(witness, Parted):
            new = [*witness.stages]  # also those that keep their names, but not all their loops
            own = made if {*state.leaves(stage)}.issuperset(made) else ()
        step = step_of(primitive, stage, loops, values, own)
        step = replace(
            step, stages={name: tuple(axis.name for axis in state.leaves(name)) for name in new}
        )
        state = replace(state, trace=(*state.trace, step), is_judged=False)
        if self.judged:
            finding = self._fault((*self._history, state))
            if finding is not None:
                legal = alternatives(self.state, primitive, stage, loops, values)
                verdict = verdict_on(judge_of(state), finding, str(step), legal)
                raise IllegalScheduleError(str(verdict), verdict)
            state = self._found_legal(state)
        self._history = (*self._history, state)
        return tuple(made)

    def judge(self: Self) -> Self:
        """Judge all primitives that were applied without being judged, and return self.

        That is for schedules made with ``judged=False``; a build does it, too. What is judged is
        the whole: what one primitive breaks and a later one mends is not refused.

        Raises
        ------
        IllegalScheduleError
            The program would compute something else; the primitive that made it so is named.
        ScheduleError
            Loops that cannot nest or run as asked.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> k = te.reduce_axis((0, 8), name="k")
        >>> S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
        >>> s = te.create_schedule(S.op, judged=False)
        >>> s[S].parallel(k)
        >>> s.judge()
        Traceback (most recent call last):
            ...
        texpr.errors.IllegalScheduleError: s[S].parallel(k) would change the result
            S[()] += A[k] ...
        """
        if self.state.is_judged:
            return self
        finding = self._fault(self._history)
        if finding is not None:
            last = len(self._history) - 1
            while last > 1 and self._is_faulty(self._history[:last]):
                last -= 1
            self._refuse(self._history[: last + 1])
        self._history = (*self._history[:-1], self._found_legal(self.state))
        return self

    def _fault(self, history: tuple[State, ...]) -> Finding | None:
        """Return why the last state of ``history`` is not legal, None where it is.

        Raises
        ------
        IllegalScheduleError
            A rewrite of values on the way that may change one.
        ScheduleError
            Loops that cannot nest or run as asked.
        """
        pending = [*takewhile(lambda state: not state.is_judged, reversed(history))]
        known: set[Declared] = set()
        if len(pending) < len(history):
            known.update(history[-1 - len(pending)].declared.and_before)
        for state in reversed(pending):
            if state.declared not in known:
                known.add(state.declared)
                fault = rewrite_fault(state)
                if fault is not None:
                    verdict = verdict_on(*fault, str(state.trace[-1]))
                    raise IllegalScheduleError(str(verdict), verdict)
                _check_initialised(state)
        state = history[-1]
        if runs_as_declared(state):
            return None
        try:
            program = realise(state)
            check_loops(program)
        except ScheduleError as error:  # loops cannot nest or run like that
            raise ScheduleError(f"{state.trace[-1].primitive}: {error}") from None
        finding = judge_of(state).first_fault(program, state.assumed)
        if finding is None:
            self._realised = (state, program)
        return finding

    def _is_faulty(self, history: tuple[State, ...]) -> bool:
        try:
            return not history[-1].is_judged and self._fault(history) is not None
        except ScheduleError:
            return True

    def _refuse(self, history: tuple[State, ...]) -> NoReturn:
        """Raise what a judged schedule would when the last primitive of ``history`` is applied."""
        before = self.copy()
        before.judged, before._history = True, history[:-1]
        (*_, step) = history[-1].trace
        Trace((step,), {}).replay(before)
        raise InternalError(f"{step} was refused among others, and was not by itself")

    def _found_legal(self, state: State) -> State:
        """Return ``state`` as judged; what was realised of it is its program still."""
        legal = replace(state, is_judged=True)
        if self._realised is not None and self._realised[0] is state:
            self._realised = (legal, self._realised[1])
        return legal

    def assume(self, array: str) -> None:
        """Take the responsibility for what cannot be decided about an array.

        Where a subscript is data, as in ``H[idx[i]]``, two instances may touch one cell or not.
        This says that they do not, or that it does not matter. With ``TEXPR_VERIFY=2`` every
        call of a kernel built from such a schedule is compared with the reference interpreter.

        Parameters
        ----------
        array : str
            The name of the array.

        Raises
        ------
        ScheduleError
            No statement touches an array of that name.
        """
        for name, stage in self.state.declared.stages.items():
            if any(buffer.name == array for buffer in stage.block.buffers):
                self.stage(name).assume(array)
                return
        known = [buffer.name for buffer in (*self.declared.buffers, *self.state.declared.homes)]
        raise ScheduleError(
            f"assume: no array {array!r}{did_you_mean(array, known)}; "
            f"the arrays are {', '.join(known)}"
        )

    def report(self) -> Report:
        """Return which reductions are computed in another order, and what that may cost.

        >>> from texpr import te
        >>> A, k = te.placeholder((64,), name="A"), te.reduce_axis((0, 64), name="k")
        >>> S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
        >>> s = te.create_schedule(S.op)
        >>> k_o, k_i = s[S].split(k, factor=8)
        >>> s[S].reorder(k_i, k_o)
        >>> print(s.report())
        float policy: reassoc; a product and a sum may be fused
          S: 64 terms of float32 are combined in another order; ... by 2*(64 - 1)*5.96e-08 times ...
        """
        return report_on(self.state)

    def check_initialised(self) -> None:
        """Refuse a program that reads scratch, or a step of a recurrence, not written before.

        Raises
        ------
        UninitializedError
            There is such a read.
        """
        _check_initialised(self.state)

    def check_placed(self) -> None:
        """Refuse a stage that was moved into a loop which is not around all that reads it yet.

        Nor may its room be in a loop that it is not computed in.

        Raises
        ------
        ScheduleError
            There is such a stage.
        """
        check_settled(self.state)
        check_stored(self.state)

    def why_not(
        self, primitive: str, stage: str, loops: tuple[IterVar, ...], values: dict[str, Any]
    ) -> Verdict | None:
        """Return why a primitive would be refused, None where it would not."""
        copy = self.copy()
        copy.judged = True
        try:
            copy.judge().apply_primitive(primitive, stage, loops, values)
        except IllegalScheduleError as error:
            return error.verdict if isinstance(error.verdict, Verdict) else None
        except ScheduleError as error:
            return Verdict(primitive, "impossible", "arguments", reason=str(error))
        return None

    def primitive(self, stage: str, name: str) -> Callable[..., object]:
        """Return the primitive called ``name``, of the stage called ``stage``.

        Raises
        ------
        ScheduleError
            There is no such stage or primitive.
        """
        if name not in PRIMITIVES:
            raise ScheduleError(
                f"schedule: no primitive {name!r}{did_you_mean(str(name), PRIMITIVES)}; "
                f"the primitives are {', '.join(sorted(PRIMITIVES))}"
            )
        method: Callable[..., object] = getattr(self[stage], name)
        return method

    def apply(self: Self, fn: Callable[[Self], object]) -> Self:
        """Apply a function of schedules, such as a trace printed as Python, and return self."""
        fn(self)
        return self

    def undo(self: Self) -> Self:
        """Take the last primitive back and return self.

        Raises
        ------
        ScheduleError
            No primitive was applied.
        """
        if len(self._history) == 1:
            raise ScheduleError("undo: no primitive was applied yet; apply one first")
        self._history = self._history[:-1]
        return self

    def copy(self: Self) -> Self:
        """Return a schedule that goes its own way from here; loops and stages are named alike."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __copy__(self: Self) -> Self:
        return self.copy()

    def __deepcopy__(self: Self, memo: object) -> Self:
        return self.copy()

    @property
    def recipe(self) -> tuple[Program, bool, Trace]:
        """What :func:`schedule_of` makes such a schedule from."""
        return (self.declared, self.declares_tensors, self.trace)

    def __reduce__(self) -> tuple[Any, ...]:
        return (schedule_of, (*self.recipe, self.judged))

    def __str__(self) -> str:
        return str(self.program)

    def __repr__(self) -> str:
        stages = ", ".join(self.state.declared.stages)
        return f"<schedule of {stages} after {len(self.state.trace)} primitives>"

    def _repr_html_(self) -> str:
        policy = self.declared.float_policy
        steps = self.state.trace
        inlined = [stage.name for stage in self.stages if stage.is_inlined]
        rows = {
            "floats": f"{policy.order}, {'contracted' if policy.contract else 'not contracted'}",
            "inlined": listed(inlined) or None,
        }
        applied = folded(
            f"{count(len(steps), 'primitive')} applied", code("\n".join(map(str, steps)))
        )
        return card(
            "schedule",
            marked("name", self.declared.name),
            loops(self.program),
            facts(rows),
            applied if steps else Html(""),
        )


def schedule_of(
    program: Program, declares_tensors: bool, trace: Trace, judged: bool = True
) -> Schedule:
    """Return a schedule of ``program`` with the primitives of ``trace`` applied.

    Parameters
    ----------
    program : Program
        As it was declared.
    declares_tensors : bool
        Whether tensor expressions were.
    trace : Trace
    judged : bool
        Whether every primitive is judged now, and not all of them before a build.

    Raises
    ------
    ScheduleError
        A primitive that cannot be applied.
    """
    schedule = Schedule(program, judged=judged)
    schedule.declares_tensors = declares_tensors
    trace.replay(schedule)
    return schedule


def _check_initialised(state: State) -> None:
    # Parts of loops read what the whole ones read.
    while isinstance(state.declared.witness, Parted) and state.declared.before is not None:
        inlined = state.inlined & {*state.declared.before.stages}
        state = replace(state, declared=state.declared.before, inlined=inlined)
    # A tensor is computed whole by its operation.
    made = [*state.declared.program.buffers, *state.declared.homes]
    is_scratch = (not buffer.is_computed for buffer in state.declared.homes)
    if any(is_scratch) or any(buffer.made_along is not None for buffer in made):
        check_initialised(judge_of(state))
