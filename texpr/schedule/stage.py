"""A stage of a schedule, and the primitives on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.expr import int_value
from texpr.ir.itervar import IterVar
from texpr.polyhedral.verdict import Verdict
from texpr.schedule.select import along, consumers, marked, producers
from texpr.schedule.trace import LoopName, Step

if TYPE_CHECKING:
    from texpr.schedule.schedule import Schedule


class Stage:
    """One statement of the program, by the name it has in the schedule.

    A loop is given to a primitive as the axis that ``op.axis`` or an earlier primitive returned,
    or by its name.
    """

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

    # ------------------------------------------------------------ finding loops and neighbours

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

    # ------------------------------------------------------------ primitives

    def split(
        self, parent: IterVar | str, factor: int | None = None, nparts: int | None = None
    ) -> tuple[IterVar, IterVar]:
        """Split a loop in two, of which the inner one runs ``factor`` times.

        ::

            for i in range(n):             for i_o in range((n + 3)//4):
                B[i] = A[i]          →         for i_i in range(4):
                                                   if i_o*4 + i_i < n:
                                                       B[i_o*4 + i_i] = A[i_o*4 + i_i]

        The guard is there only where the split may not divide. With ``nparts`` it is the outer
        loop that runs that often.

        Parameters
        ----------
        parent : IterVar or str
            The loop.
        factor, nparts : int
            One of the two, at least 1.

        Returns
        -------
        (outer, inner), named ``i_o`` and ``i_i`` for a loop ``i``

        Raises
        ------
        ScheduleError
            Both or neither given, a factor below 1, a loop of another stage.

        Same as Halide's and TVM's ``split``, Exo's ``divide_loop``.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].split(B.op.axis[0], factor=4)
        (<axis i_o>, <axis i_i>)
        """
        outer, inner = self._apply("split", (parent,), {"factor": factor, "nparts": nparts})
        return outer, inner

    def tile(
        self,
        x_parent: IterVar | str,
        y_parent: IterVar | str,
        x_factor: int,
        y_factor: int,
    ) -> tuple[IterVar, IterVar, IterVar, IterVar]:
        """Split two loops and put both inner parts innermost.

        ::

            for i in range(64):            for i_o in range(16):
                for j in range(64):            for j_o in range(8):
                    C[i, j] = 0      →             for i_i in range(4):
                                                       for j_i in range(8):
                                                           C[i_o*4 + i_i, j_o*8 + j_i] = 0

        Returns
        -------
        (x_outer, y_outer, x_inner, y_inner)

        Raises
        ------
        ScheduleError
            As :meth:`split` and :meth:`reorder`.

        Same as Halide's and TVM's ``tile``.
        """
        factors = {"x_factor": x_factor, "y_factor": y_factor}
        x_o, y_o, x_i, y_i = self._apply("tile", (x_parent, y_parent), factors)
        return x_o, y_o, x_i, y_i

    def fuse(self, *args: IterVar | str) -> IterVar:
        """Make one loop of neighbouring ones, the first of them outermost.

        ::

            for i in range(4):             for i_j in range(32):
                for j in range(8):   →         C[i_j//8, i_j%8] = 0
                    C[i, j] = 0

        Without arguments, put a loop that runs once around the stage.

        Returns
        -------
        The fused loop, ``i_j`` for loops ``i`` and ``j``

        Raises
        ------
        ScheduleError
            Loops that are not each directly inside the one before, or form no rectangle.

        Same as Halide's and TVM's ``fuse``, Exo's ``mult_loops``.
        """
        (fused,) = self._apply("fuse", args)
        return fused

    def reorder(self, *args: IterVar | str) -> None:
        """Put loops into the order given, outermost first, at the places that they hold now.

        ::

            for i in range(4):             for j in range(8):
                for j in range(8):   →         for i in range(4):
                    C[i, j] = 0                    C[i, j] = 0

        Raises
        ------
        ScheduleError
            A loop given twice, a loop of another stage, or bounds that would lose their loop.

        Same as TVM's ``reorder`` (Halide's, read from right to left), Exo's ``reorder_loops``.
        """
        self._apply("reorder", args)

    def unroll(self, var: IterVar | str) -> None:
        """Write the iterations of a loop out one after the other.

        ::

            for i in range(2):             B[0] = A[0]
                B[i] = A[i]          →     B[1] = A[1]

        Raises
        ------
        ScheduleError
            The extent is not a number.

        Same as Halide's and TVM's ``unroll``, Exo's ``unroll_loop``.
        """
        self._apply("unroll", (var,))

    def vectorize(self, var: IterVar | str, lanes: int | None = None) -> None:
        """Run the iterations of a loop together, in the lanes of vector registers.

        The lanes run statement by statement, and in one statement all reads come before all
        writes. A loop of more iterations than a register has lanes is cut into strips. Where all
        lanes update one cell, as in a reduction whose order is free, their terms are folded.

        With ``lanes``, the loop is split first, and so many iterations run together.

        Raises
        ------
        ScheduleError
            The extent is not a number, or another loop of the stage is vectorized.
        IllegalScheduleError
            A lane would need what another one computes, or two write one cell.

        Same as Halide's and TVM's ``vectorize``.
        """
        self._apply("vectorize", (var,), {"lanes": lanes})

    def parallel(self, var: IterVar | str) -> None:
        """Let the iterations of a loop run at once, in no order, on several threads.

        ::

            for i in range(n):             for i in parallel(n):
                B[i] = A[i]          →         B[i] = A[i]

        Parallel loops directly inside one another, none of whose bounds depend on another, share
        their iterations as one space; one further in runs serially within its thread. A loop with
        little to do runs on the calling thread alone; :meth:`pragma` says how iterations are
        shared, ``texpr.set_num_threads`` among how many.

        Raises
        ------
        IllegalScheduleError
            Two iterations touch one cell, and one of them writes it.

        Same as Halide's and TVM's ``parallel``, which do not check it.
        """
        self._apply("parallel", (var,))

    def pragma(self, var: IterVar | str, pragma_type: str, pragma_value: object = None) -> None:
        """Say how a loop runs.

        ::

            for i in parallel(n):          for i in parallel(n, schedule="dynamic, 4"):
                B[i] = A[i]          →         B[i] = A[i]

        ``parallel_schedule`` says how threads share a parallel loop: ``"static"``, each one run
        of iterations, equal up to one; ``"static, 4"``, runs of four dealt out in turn;
        ``"dynamic, 4"``, the next four to whoever is done. Of loops that share their iterations
        the outermost with a schedule of its own decides. ``parallel_stride_pattern`` is
        ``"static, 1"``; ``parallel_barrier_when_finish`` holds of every parallel loop;
        ``unroll`` and ``vectorize`` are the primitives of these names.

        Parameters
        ----------
        var : IterVar or str
            The loop.
        pragma_type : str
            One of the words above.
        pragma_value : str, optional
            The schedule, with ``parallel_schedule`` only.

        Raises
        ------
        ScheduleError
            A loop that is not parallel, an unknown word, or a value that says nothing.

        Same as TVM's ``pragma``; ``parallel_schedule`` is OpenMP's clause ``schedule``.

        >>> from texpr import te
        >>> A = te.placeholder((100,), name="A")
        >>> B = te.compute((100,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].parallel("i")
        >>> s[B].pragma("i", "parallel_schedule", "dynamic, 4")
        >>> print(s)
        def B(A: float32[100], B: out float32[100]):
            for i in parallel(100, schedule="dynamic, 4"):
                B[i] = A[i]
        """
        values = {"pragma_type": pragma_type, "pragma_value": pragma_value}
        self._apply("pragma", (var,), values)

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

    def compute_inline(self) -> None:
        """Compute the stage where its elements are read, and store it nowhere.

        ::

            for i in range(8):             for i in range(8):
                B[i] = A[i] + 1      →         C[i] = (A[i] + 1)*2
            for i in range(8):
                C[i] = B[i]*2

        Raises
        ------
        ScheduleError
            A reduction, an output, or a stage of several tensors.

        Same as TVM's ``compute_inline``, Halide's default, Exo's ``inline_assign``.
        """
        self._apply("compute_inline", ())

    def compute_at(self, parent: Any, scope: IterVar | str) -> None:
        """Compute the stage inside a loop of a stage that reads it, as much as is read there.

        ::

            for i in range(66):            for i_o in range(16):
                B[i] = A[i] + 1                B = empty((6,), float32)
            for i_o in range(16):              for i in range(6):
                for i_i in range(4):   →           B[i] = A[i_o*4 + i] + 1
                    C[…] = B[…] + B[… + 2]     for i_i in range(4):
                                                   C[i_o*4 + i_i] = B[i_i] + B[i_i + 2]

        What is read is a box in every dimension, the least that was found around it; cells that
        two iterations read are computed twice. A loop that is split or fused later takes the stage
        along, into the inner part or the fused loop. Both stages are scheduled as before, and in
        which order that happens makes no difference. Where readers have to be moved into the loop
        first, the stage waits for them at the root; a kernel is not built while one waits.

        Parameters
        ----------
        parent : Stage or str
            The stage that has the loop.
        scope : IterVar or str
            The loop.

        Raises
        ------
        ScheduleError
            An output, a stage that is read outside of the loop, or one that does not give every
            element of its arrays one value. The loops that are legal are named.
        IllegalScheduleError
            What the stage reads is not computed yet in the loop, or written over before it.

        Same as TVM's and Halide's ``compute_at``, Exo's ``fuse`` and ``stage_mem`` together.
        """
        name = self._schedule.stage_name(parent)
        axis = self._schedule.stage(name)._loop("compute_at", scope)
        self._apply("compute_at", (), {"parent": name, "scope": axis.name})

    def compute_root(self) -> None:
        """Compute the stage in loops of its own before its readers; undoes an inlining or a move.

        Same as Halide's and TVM's ``compute_root``.
        """
        self._apply("compute_root", ())

    def cache_read(self, array: str, scope: str, readers: Sequence[str] = ()) -> Any:
        """Read an array through a copy, which a new stage makes.

        ::

            for i in range(8):             for i0 in range(8):
                B[i] = A[7 - i]      →         A_local[i0] = A[i0]
                                           for i in range(8):
                                               B[i] = A_local[7 - i]

        The new stage is called after the array and the scope. It copies the whole array before
        its first reader; moved into a loop by :meth:`compute_at` it copies what is read there, and
        so packs a tile.

        Parameters
        ----------
        array : str
            The name of an array that the stage reads and does not write.
        scope : str
            ``"global"``, ``"local"``, ``"shared"`` or ``"warp"``: on a CPU a name.
        readers : sequence of str, optional
            Other stages that read the copy, too.

        Returns
        -------
        The new stage.

        Raises
        ------
        ScheduleError
            The stage does not read the array, or writes it.
        IllegalScheduleError
            The array is written between the copy and a reader, so that the cache would be stale.

        Same as TVM's ``cache_read``, Halide's ``in`` with ``compute_at``, Exo's ``stage_mem``.
        """
        values: dict[str, Any] = {"array": array, "scope": scope}
        if readers:
            values["readers"] = tuple(readers)
        return self._new_stage("cache_read", (), values)

    def cache_write(self, scope: str) -> Any:
        """Compute the stage in a cache, and copy it from there to its arrays.

        ::

            for i in range(8):             for i_c in range(8):
                S[i] = 0.0                     S_local[i_c] = 0.0
                for k in range(n):   →         for k in range(n):
                    S[i] += A[i, k]                S_local[i_c] += A[i_c, k]
                                           for i in range(8):
                                               S[i] = S_local[i]

        The new stage, called after this one and the scope, computes; it has the loops that
        reduce, as they are scheduled so far. This stage copies, in the loops that it has over
        data. Moved into a loop of the copy by :meth:`compute_at` the cache holds a tile, such as
        accumulators that stay in registers.

        Parameters
        ----------
        scope : str
            ``"global"``, ``"local"``, ``"shared"`` or ``"warp"``: on a CPU a name.

        Returns
        -------
        The new stage.

        Raises
        ------
        ScheduleError
            A stage that does not give every element of its arrays one value.

        Same as TVM's ``cache_write``, Exo's ``stage_mem``.
        """
        return self._new_stage("cache_write", (), {"scope": scope})

    def rfactor(self, axis: IterVar | str, factor_axis: int = 0) -> Any:
        """Reduce in parts, one for each iteration of a loop, and combine these.

        ::

            S[()] = 0.0                    for k_i in range(4):
            for k_o in range(16):              S_rf[k_i] = 0.0
                for k_i in range(4):   →       for k_o in range(16):
                    S[()] += A[…]                  S_rf[k_i] += A[k_o*4 + k_i]
                                           S[()] = 0.0
                                           for k_i_v in range(4):
                                               S[()] += S_rf[k_i_v]

        The new stage has a dimension more: the loop is one over data there, which may run in
        parallel or in lanes. This stage keeps its loops over data and combines.

        Of a loop kernel it takes every update ``x = x op term``, whatever the subscripts are, as
        in a histogram::

            for i_o in range(8):               for i_o in range(8):
                for i_i in range(n):               for c in range(m):
                    H[idx[…]] += w[…]   →              S0_rf[i_o, c] = -0.0
                                                   for i_i in range(n):
                                                       S0_rf[i_o, idx[…]] += w[…]
                                               for c in range(m):
                                                   for i_o_v in range(8):
                                                       H[c] += S0_rf[i_o_v, c]

        The parts start with what is neutral, in a stage ``S0_rf_init`` that shares their loop.
        References to loops of the stage go on to mean those of the parts, so that
        ``s.parallel(i_o)`` is next.

        Parameters
        ----------
        axis : IterVar or str
            A loop that reduces, such as a part of a split; of an update any loop of its own.
        factor_axis : int
            Where the new dimension is; negative from the end.

        Returns
        -------
        The new stage, called after this one with ``_rf``.

        Raises
        ------
        ScheduleError
            Neither a reduction nor an update, a loop over data, floats whose order is declared.

        Same as TVM's and Halide's ``rfactor``; the reduction clause of an OpenMP loop.
        """
        return self._new_stage("rfactor", (axis,), {"factor_axis": factor_axis})

    def decompose_reduction(self, loop: IterVar | str) -> None:
        """Initialise a reduction right before ``loop``, further out than it would be.

        ::

            for i in range(4):             for i in range(4):
                for j in range(8):             for j in range(8):
                    C[i, j] = 0.0                  C[i, j] = 0.0
                    for k in range(n):   →     for j in range(8):
                        C[i, j] += …               for k in range(n):
                                                       C[i, j] += …

        above with ``loop`` ``j``. The initialisation is a nest of its own, over the data loops from
        ``loop`` inwards; unless told, it is right before the outermost loop that reduces. Loops
        are scheduled before and after as without it: of a loop that is split the initialisation
        stays before the outer part, of one that is fused before the fused loop, and a reordering
        that puts ``loop`` inside a loop that reduces takes it before that. :meth:`merge_reduction`
        without an argument takes it back.

        Parameters
        ----------
        loop : IterVar or str
            A loop of the stage's own, at or outside of the outermost one that reduces.

        Raises
        ------
        ScheduleError
            No reduction, or a loop inside one that reduces; the loops that can be named are.
        IllegalScheduleError
            What the initialisation writes is still needed there.

        Same as TVM's ``decompose_reduction``, Exo's ``fission``; in Halide a pure definition, with
        a ``compute_with`` of its own.

        >>> from texpr import te
        >>> A, k = te.placeholder((4, 8), name="A"), te.reduce_axis((0, 8), name="k")
        >>> S = te.compute((4,), lambda i: te.sum(A[i, k], axis=k), name="S")
        >>> s = te.create_schedule(S.op)
        >>> s[S].decompose_reduction("i")
        >>> print(s)
        def S(A: float32[4, 8], S: out float32[4]):
            for i in range(4):
                S[i] = 0.0
            for i in range(4):
                for k in range(8):
                    S[i] += A[i, k]
        """
        self._apply("decompose_reduction", (loop,))

    def merge_reduction(self, init: Any = None) -> None:
        """Make a reduction of this stage, which updates an array, and of ``init``, which sets it.

        ::

            for i in range(n):             for i in range(n):
                C[i] = 0.0                     C[i] = 0.0
            for i in range(n):                 for k in range(m):
                for k in range(m):   →             C[i] += A[i, k]
                    C[i] += A[i, k]

        The loops do not change but for the initialisation, which is a nest right before the
        outermost loop that reduces; ``init`` is no stage any more. The reduction is one as
        ``te.sum`` declares: :meth:`rfactor`, :meth:`cache_write`, :meth:`compute_at` and
        :meth:`decompose_reduction` take it. Without ``init``, what :meth:`decompose_reduction`
        did is taken back.

        Parameters
        ----------
        init : Stage or str, optional
            The stage that sets the elements which this one updates, each to what is neutral: 0
            for ``+``, 1 for ``*``, -inf or the least integer for ``max``, and so on.

        Raises
        ------
        ScheduleError
            This is no update ``x = x op term``, or ``init`` does not set just what it updates to
            what is neutral.
        IllegalScheduleError
            Something else touches the array in between; the pair of instances is named.

        Same as TVM's ``merge_reduction``.

        >>> import texpr
        >>> N = texpr.size("N")
        >>> @texpr.kernel
        ... def rows(A: texpr.f64[N, 8], S: texpr.f64[N]):
        ...     for i in range(N):
        ...         S[i] = 0.0
        ...     for i in range(N):
        ...         for k in range(8):
        ...             S[i] += A[i, k]
        >>> s = texpr.create_schedule(rows)
        >>> s["S1"].merge_reduction("S0")
        >>> print(s)
        def rows(A: float64[N, 8], S: out float64[N]):
            for i in range(N):
                S[i] = 0.0
                for k in range(8):
                    S[i] += A[i, k]
        """
        name = None if init is None else self._schedule.stage_name(init)
        self._apply("merge_reduction", (), {"init": name} if name is not None else {})

    def reverse_compute_inline(self) -> None:
        """Compute the stage where its only producer writes, and store nothing in between.

        ::

            for i in range(8):             for i in range(8):
                B[i] = A[i]*2.0      →         C[7 - i] = max(A[i]*2.0 + b[7 - i], 0.0)
            for i in range(8):
                C[i] = max(B[7 - i] + b[i], 0.0)

        The producer's stage keeps its name and its loops, however they are scheduled; it writes
        the array of this stage, which is no stage any more. Elements that this stage does not have
        are left out by a condition. Of a reduction, :meth:`cache_write` the producer first: the
        stage is then computed in the copy from the cache, and with the cache at a loop of the copy
        it is an epilogue in the tile.

        Raises
        ------
        ScheduleError
            A producer that is a reduction, an output, or read elsewhere; several producers;
            several elements that are read for one; subscripts that do not tell which.
        IllegalScheduleError
            What else the stage reads is not there yet, or an element that the producer has not.

        Same as TVM's ``reverse_compute_inline``; Halide's ``compute_at`` the other way round.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i] * 2, name="B")
        >>> C = te.compute((6,), lambda i: te.max(B[i + 1], 0.0), name="C")
        >>> s = te.create_schedule(C.op)
        >>> s[C].reverse_compute_inline()
        >>> print(s)
        def C(A: float32[8], C: out float32[6]):
            for i in range(8):
                if i >= 1 and i < 7:
                    C[i - 1] = max(A[i]*2.0, 0.0)
        """
        self._apply("reverse_compute_inline", ())

    # ------------------------------------------------------------ applying

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
        where = f"is a loop of stage {owner!r}" if owner else "is no loop of this schedule"
        raise ScheduleError(
            f"{what}: {given.name!r} {where}, not of {self.name!r}; its loops are {listed}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (Stage, (self._schedule, self.name))

    def __repr__(self) -> str:
        loops = ", ".join(axis.name for axis in self.leaf_iter_vars)
        return f"<stage {self.name} ({'inlined' if self.is_inlined else loops})>"


def plain(value: Any) -> Any:
    """Return an integer of NumPy's, or a constant expression, as a Python int."""
    if isinstance(value, np.integer):
        return int(value)
    known = int_value(value)
    return value if known is None else known


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
