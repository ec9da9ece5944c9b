"""A stage of a schedule, and the primitives on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from texpr.errors import ScheduleError, did_you_mean
from texpr.ir.expr import Expr, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import Annotation
from texpr.polyhedral.verdict import Verdict
from texpr.schedule.primitives import transform_layout
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
        self,
        parent: IterVar | str,
        factor: int | None = None,
        nparts: int | None = None,
        factors: Sequence[int | None] | None = None,
        tail: str = "guard",
    ) -> tuple[IterVar, ...]:
        """Split a loop in two, of which the inner one runs ``factor`` times.

        ::

            for i in range(n):             for i_o in range((n + 3)//4):
                B[i] = A[i]          →         for i_i in range(4):
                                                   if i_o*4 + i_i < n:
                                                       B[i_o*4 + i_i] = A[i_o*4 + i_i]

        The guard is there only where the split may not divide. With ``nparts`` it is the outer
        loop that runs that often. ``factors`` are those of several loops, outermost first; one of
        them may be None and follows from the others.

        ``tail`` says what becomes of the iterations that fill no whole part:

        ``"guard"``
            A condition, where the split may not divide.
        ``"cut"``
            A loop of their own after the whole parts, in a stage of its own, as
            :meth:`loop_partition` makes it: ``B_1`` for a stage ``B``.
        ``"shift_inwards"``
            The last part starts earlier, so that it ends with the loop; some elements are computed
            twice. Only a loop that may be shorter than a part has a guard.
        ``"round_up"``
            The loop runs whole parts, over its end, and the arrays that the stage writes get room
            for what is computed there, which nobody reads. Only for a declared loop over data of a
            stage whose arrays are the program's own, such as a cache, and that reads inside of its
            operands there, too: these are padded before.

        Parameters
        ----------
        parent : IterVar or str
            The loop.
        factor, nparts : int
            One of the two, at least 1.
        factors : sequence of int or None
            In the place of these, how often each loop runs.
        tail : str
            One of the above.

        Returns
        -------
        (outer, inner), named ``i_o`` and ``i_i`` for a loop ``i``; ``i_0``, ``i_1``, … where there
        are more

        Raises
        ------
        ScheduleError
            Both or neither given, a factor below 1, a loop of another stage, or a loop that cannot
            be cut.
        IllegalScheduleError
            With ``"shift_inwards"``, an element that is computed from itself or overwritten, or
            twice at once in parallel or in lanes. With ``"round_up"``, a read outside of an array.

        Same as Halide's and TVM's ``split``, Exo's ``divide_loop``; Halide's tail strategies
        ``GuardWithIf``, ``ShiftInwards`` and ``RoundUp``, Exo's ``tail="cut"``.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].split(B.op.axis[0], factor=4)
        (<axis i_o>, <axis i_i>)
        """
        values: dict[str, Any] = {"factor": factor, "nparts": nparts}
        if factors is not None:
            is_list = isinstance(factors, (list, tuple))
            values["factors"] = tuple(map(plain, factors)) if is_list else factors
        if tail != "guard":
            values["tail"] = tail
        return self._apply("split", (parent,), values)

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

    def reverse(self, axis: IterVar | str) -> IterVar:
        """Run a loop from its end to its start.

        ::

            for i in range(n):             for i_r in range(n):
                B[i] = A[i]          →         B[n - 1 - i_r] = A[n - 1 - i_r]

        Returns
        -------
        The loop that counts from 0 up, ``i_r`` for a loop ``i``

        Raises
        ------
        IllegalScheduleError
            An iteration needs what an earlier one computes.

        Same as "loop reversal" of the polyhedral model; Halide, TVM and Exo have none.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> i_r = s[B].reverse("i")
        >>> print(s)
        def B(A: float32[8], B: out float32[8]):
            for i_r in range(8):
                B[7 - i_r] = A[7 - i_r]
        """
        (made,) = self._apply("reverse", (axis,))
        return made

    def shift(self, axis: IterVar | str, amount: int) -> IterVar:
        """Let the variable of a loop count from further on.

        ::

            for i in range(n):             for i_m in range(2, n + 2):
                B[i] = A[i]          →         B[i_m - 2] = A[i_m - 2]

        Alone that is another name for each iteration. It tells loops apart that are to be skewed,
        or says where tiles begin; :meth:`fuse_loops` shifts the second loop by itself.

        Parameters
        ----------
        axis : IterVar or str
            The loop.
        amount : int
            How much more the variable is than before; negative for less.

        Returns
        -------
        The loop, ``i_m`` for a loop ``i``

        Raises
        ------
        ScheduleError
            An amount that is no int, or a loop that is marked already.

        Same as Exo's ``shift_loop``, which names the new first value.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> i_m = s[B].shift("i", 2)
        >>> print(s)
        def B(A: float32[8], B: out float32[8]):
            for i_m in range(2, 10):
                B[i_m - 2] = A[i_m - 2]
        """
        (made,) = self._apply("shift", (axis,), {"amount": amount})
        return made

    def skew(self, outer: IterVar | str, inner: IterVar | str, factor: int = 1) -> IterVar:
        """Let a loop move along with one around it.

        ::

            for t in range(T):             for t in range(T):
                for i in range(n):   →         for i_s in range(t, n + t):
                    A[t, i] = …                    A[t, i_s - t] = …

        That changes no order. What it is for comes after: where an instance needs others of
        earlier ``t`` and of larger ``i``, these have no larger ``i_s`` any more if ``factor`` is
        large enough, and the two loops can be tiled or exchanged. The parts of a loop that is split
        lie on one grid, which does not move with ``outer``; where the loop runs outside of
        ``outer``, it runs over all iterations of that together, and guards keep each to its own.

        Parameters
        ----------
        outer, inner : IterVar or str
            Two loops, the first around the second.
        factor : int
            How far ``inner`` moves with each step of ``outer``; may be negative.

        Returns
        -------
        The loop in the place of ``inner``, ``i_s`` for a loop ``i``

        Raises
        ------
        ScheduleError
            A factor that is no int, loops in another order, or a loop that is marked already.

        Same as "loop skewing" of the polyhedral model (M. Wolfe, "Loop Skewing: The Wavefront
        Method Revisited", 1986); Halide, TVM and Exo have none.

        >>> from texpr import te
        >>> A = te.placeholder((4, 8), name="A")
        >>> B = te.compute((4, 8), lambda t, i: A[t, i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> i_s = s[B].skew("t", "i")
        >>> print(s)
        def B(A: float32[4, 8], B: out float32[4, 8]):
            for t in range(4):
                for i_s in range(t, t + 8):
                    B[t, i_s - t] = A[t, i_s - t]
        """
        (made,) = self._apply("skew", (outer, inner), {"factor": factor})
        return made

    def fuse_loops(
        self, first: IterVar | str, other: Any, second: IterVar | str, shift: int = 0
    ) -> IterVar:
        """Make one loop of two that follow one another, around what is inside either.

        ::

            for i in range(n):             for i_f in range(n + 1):
                B[i] = A[i]*2                  if i_f < n:
            for j in range(n):       →             B[i_f] = A[i_f]*2
                C[j] = B[j] + 1                if i_f >= 1:
                                                   C[i_f - 1] = B[i_f - 1] + 1

        Here with ``shift=1``, so that the second follows one iteration behind. The loop runs over
        both ranges; where they differ, each part is guarded by its own. Loops inside, which follow
        one another now, can be fused in turn.

        Parameters
        ----------
        first : IterVar or str
            A loop of this stage.
        other : Stage or str
            A stage inside the loop that follows it.
        second : IterVar or str
            That loop, inside the same loops as the first.
        shift : int
            How many iterations the second is behind the first; negative where it is ahead.

        Returns
        -------
        The loop, ``i_f`` for a first loop ``i``

        Raises
        ------
        ScheduleError
            Loops that do not follow one another, ranges that are read from memory.
        IllegalScheduleError
            The second needs what the first computes only in later iterations. Where a shift
            helps, the least one is named.

        Same as Exo's ``fuse``, Halide's ``compute_with``; "loop fusion" of the polyhedral model.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i] * 2, name="B")
        >>> C = te.compute((8,), lambda j: B[j] + 1, name="C")
        >>> s = te.create_schedule([B.op, C.op])
        >>> i_f = s[B].fuse_loops("i", C, "j")
        >>> print(s)
        def C(A: float32[8], B: out float32[8], C: out float32[8]):
            for i_f in range(8):
                B[i_f] = A[i_f]*2.0
                C[i_f] = B[i_f] + 1.0
        """
        name = self._schedule.stage_name(other)
        loop = self._schedule.stage(name)._loop("fuse_loops", second)
        values = {"other": name, "second": loop.name, "shift": shift}
        (made,) = self._apply("fuse_loops", (first,), values)
        return made

    def fission(self, axis: IterVar | str) -> tuple[IterVar, ...]:
        """Cut a loop in two after this stage: first all iterations of what comes up to it.

        ::

            for i in range(n):             for i_1 in range(n):
                B[i] = A[i]*2                  B[i_1] = A[i_1]*2
                C[i] = A[i] + 1      →     for i_2 in range(n):
                                               C[i_2] = A[i_2] + 1

        Loops between ``axis`` and the stage in which something follows the stage are cut, too.

        Parameters
        ----------
        axis : IterVar or str
            The outermost loop that is cut.

        Returns
        -------
        Two loops for each that was cut, outermost first: ``i_1`` and ``i_2`` for a loop ``i``

        Raises
        ------
        ScheduleError
            Nothing in the loop runs after the stage.
        IllegalScheduleError
            What comes first needs in a later iteration what comes then, or the second part reads
            scratch that each iteration has of its own.

        Same as Exo's ``fission``; "loop distribution" of the polyhedral model.

        >>> import texpr
        >>> N = texpr.size("N")
        >>> @texpr.kernel
        ... def both(A: texpr.f64[N], B: texpr.f64[N]):
        ...     for i in range(N):
        ...         A[i] = A[i] * 2
        ...         B[i] = B[i] + 1
        >>> s = texpr.create_schedule(both)
        >>> s["S0"].fission("i")
        (<axis i_1>, <axis i_2>)
        >>> print(s)
        def both(A: out float64[N], B: out float64[N]):
            for i_1 in range(N):
                A[i_1] *= 2.0
            for i_2 in range(N):
                B[i_2] += 1.0
        """
        return self._apply("fission", (axis,))

    def unroll(self, var: IterVar | str, factor: int | None = None) -> None:
        """Write the iterations of a loop out one after the other.

        ::

            for i in range(2):             B[0] = A[0]
                B[i] = A[i]          →     B[1] = A[1]

        With ``factor`` the loop is split first, and so many iterations are written out together;
        its parts are called ``i_o`` and ``i_i``.

        Raises
        ------
        ScheduleError
            The extent is not a number, or as :meth:`split`.

        Same as Halide's and TVM's ``unroll``, Exo's ``unroll_loop``.
        """
        self._apply("unroll", (var,), {"factor": factor})

    def unroll_and_jam(self, outer: IterVar | str, factor: int) -> tuple[IterVar, IterVar]:
        """Unroll a loop, and jam the copies of what is inside together in the innermost loop.

        ::

            for i in range(64):            for i_o in range(16):
                for j in range(64):            for j in range(64):
                    C[i] += A[i, j]  →             C[i_o*4] += A[i_o*4, j]
                                                   C[i_o*4 + 1] += A[i_o*4 + 1, j]
                                                   C[i_o*4 + 2] += A[i_o*4 + 2, j]
                                                   C[i_o*4 + 3] += A[i_o*4 + 3, j]

        What the copies read alike is loaded once, and their chains of operations overlap. It is
        a :meth:`split`, a :meth:`reorder` that puts the inner part innermost, or just outside of a
        vectorized loop there, and an :meth:`unroll` of it; judged as these.

        Parameters
        ----------
        outer : IterVar or str
            The loop.
        factor : int
            How many of its iterations run together.

        Returns
        -------
        (outer, inner), named ``i_o`` and ``i_i`` for a loop ``i``

        Raises
        ------
        ScheduleError
            As :meth:`split`, or loops inside that contain more than one nest.
        IllegalScheduleError
            An iteration of ``outer`` needs what the whole one before it computes.

        Same as LLVM's and Polly's ``unroll_and_jam``, Exo's ``divide_loop``, ``reorder_loops`` and
        ``unroll_loop`` together.
        """
        made = self._apply("unroll_and_jam", (outer,), {"factor": factor})
        return made[0], made[1]

    def vectorize(self, var: IterVar | str, lanes: int | None = None) -> None:
        """Run the iterations of a loop together, in the lanes of vector registers.

        The lanes run statement by statement, and in one statement all reads come before all
        writes. A loop of more iterations than a register has lanes is cut into strips. Where all
        lanes update one cell, as in a reduction whose order is free, their terms are folded: once,
        behind the loops that keep the cell, from a partial sum of each lane.

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

    def loop_partition(
        self, loop: IterVar | str, points: Sequence[int | str | Expr]
    ) -> tuple[IterVar, ...]:
        """Make several loops in a row of one, each over a part of its range.

        ::

            for i in range(n):             for i in range(n//4*4):
                B[i] = A[i]          →         B[i] = A[i]
                                           for i_1 in range(n//4*4, n):
                                               B[i_1] = A[i_1]

        Each part is scheduled by itself: the stage goes on as the first of them, and for every
        other one there is a new stage, called ``B_1``, ``B_2`` … for a stage ``B``. What was said
        of the loops inside holds in all parts, in loops that have numbers, too. A loop with several
        stages inside is cut for all of them. Of a reduction the first part has the initialisation,
        and the others go on where it ends.

        A first iteration apart is ``[1]``, a last one ``[-1]``; both, and the rest between them,
        ``[1, -1]``. Where a loop is too short, parts are empty.

        Parameters
        ----------
        loop : IterVar or str
            A declared loop, or the outermost part of one that was split by ``factor``.
        points : sequence of int, or expressions of sizes
            The iterations at which another part begins, counted from 0, negative ones from the
            end, in ascending order. Text such as ``"n//4*4"`` is an expression, too.

        Returns
        -------
        The loop of each part.

        Raises
        ------
        ScheduleError
            Points outside the loop or out of order, a loop that was fused or is an inner part, or a
            stage in it that is inlined or computed in a loop of another.
        IllegalScheduleError
            As loops were reordered before, some instance would come too late.

        Same as TVM's ``loop_partition``, which is told how long the parts are; Exo's ``cut_loop``,
        Halide's ``partition`` and ``specialize``; peeling, index-set splitting.

        >>> from texpr import te
        >>> A = te.placeholder((10,), name="A")
        >>> B = te.compute((10,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].loop_partition("i", [8])
        (<axis i in [0, 8)>, <axis i_1 in [8, 10)>)
        >>> s["B_1"].unroll("i_1")
        >>> print(s)
        def B(A: float32[10], B: out float32[10]):
            for i in range(8):
                B[i] = A[i]
            for i_1 in unrolled(8, 10):
                B[i_1] = A[i_1]
        """
        given = points if isinstance(points, (list, tuple)) else [points]
        texts = tuple(str(p) if isinstance(p, Expr) else p for p in map(plain, given))
        return self._apply("loop_partition", (loop,), {"points": texts})

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

    def annotate(
        self, loop: IterVar | str | None = None, key: str = "", value: Annotation | None = None
    ) -> None:
        """Leave a note on a loop, or on the stage where none is given, for tools and passes.

        ::

            for i in range(n):             for i in range(n, tile="outer"):
                B[i] = A[i]          →         B[i] = A[i]

        A note changes nothing: texpr itself reads none. It is printed, it is in
        ``Loop.annotations`` or ``Block.annotations`` of the program, and in the trace. Where a loop
        is split its outer part keeps it; a fused loop keeps those of both, and where these differ
        that of the outer one.

        Parameters
        ----------
        loop : IterVar or str, optional
            The loop; the stage itself unless given.
        key : str
            A word of letters, digits and any of ``_ . : / -``.
        value : str, int, float or bool, optional
            ``True`` unless given.

        Raises
        ------
        ScheduleError
            A key that is no word, or a value of another type.

        Same as TVM's ``annotate``, whose first argument may be a block.

        >>> from texpr import te
        >>> A = te.placeholder((8,), name="A")
        >>> B = te.compute((8,), lambda i: A[i], name="B")
        >>> s = te.create_schedule(B.op)
        >>> s[B].annotate("i", "mine.depth", 2)
        >>> s[B].annotate(key="mine.hot")
        >>> print(s)
        def B(A: float32[8], B: out float32[8]):
            for i in range(8, mine.depth=2):
                # mine.hot=True
                B[i] = A[i]
        """
        self._apply("annotate", () if loop is None else (loop,), {"key": key, "value": value})

    def unannotate(self, loop: IterVar | str | None = None, key: str = "") -> None:
        """Take a note off a loop, or off the stage where none is given.

        Raises
        ------
        ScheduleError
            There is no such note; those that are there are named.

        Same as TVM's ``unannotate``.
        """
        self._apply("unannotate", () if loop is None else (loop,), {"key": key})

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

    def store_at(self, parent: Any, scope: IterVar | str) -> None:
        """Keep what the stage computes for all of a loop outside of the one it is computed in.

        ::

            for y in range(64):            X = empty((66,), float32)
                X = empty((3,), float32)   for y in range(64):
                for i in range(3):             for i in range(0 if y == 0 else 2, 3):
                    X[i] = A[y + i]*2  →           X[y + i] = A[y + i]*2
                Y[y] = X[0] + X[2]             Y[y] = X[y] + X[y + 2]

        (with :meth:`store_root`.) The stage *slides*: an iteration computes only what those before
        it have not. In every dimension it slides along the loops that its window moves with; where
        it moves with none, or to and fro, the schedule is refused: what is to be computed again in
        each iteration has its room there, by :meth:`compute_at` alone. The iterations depend on
        one another now and no longer run in parallel, but each iteration of the loop ``scope``
        has room of its own.

        The order of :meth:`compute_at` and this makes no difference. A stage that is computed in
        loops of its own, and followed there by all that reads it (:meth:`reverse_compute_at`), is
        stored in the innermost loop around these unless this names one further out.

        Parameters
        ----------
        parent : Stage or str
            The stage that has the loop.
        scope : IterVar or str
            The loop.

        Raises
        ------
        ScheduleError
            An output, a stage that gives its elements several values, or one that cannot slide.
        IllegalScheduleError
            A loop in between runs in parallel, or not in the order that the stage slides in.

        Same as Halide's ``store_at``; TVM and Exo have none.
        """
        name = self._schedule.stage_name(parent)
        axis = self._schedule.stage(name)._loop("store_at", scope)
        self._apply("store_at", (), {"parent": name, "scope": axis.name})

    def store_root(self) -> None:
        """Keep what the stage computes outside of all loops; as :meth:`store_at` for a loop.

        Same as Halide's ``store_root``.
        """
        self._apply("store_root", ())

    def rolling_buffer(self, axis: int | None = None, extent: int | None = None) -> None:
        """Use the room of a stage that slides again, so that it is only as long as its window.

        ::

            X = empty((66,), float32)          X = empty((3,), float32)
            for y in range(64):                for y in range(64):
                for i in range(…, 3):      →       for i in range(…, 3):
                    X[y + i] = A[y + i]*2              X[(y + i)%3] = A[y + i]*2
                Y[y] = X[y] + X[y + 2]             Y[y] = X[y%3] + X[(y + 2)%3]

        A stage for which no :meth:`store_at` was given gets its room right outside of the loop
        that it is computed in. The order of these calls makes no difference.

        Parameters
        ----------
        axis : int, optional
            The dimension to roll along, that which slides along the innermost loop unless given.
        extent : int, optional
            How many cells there are along it. Unless given, as many as are read at a time; along
            the last dimension the next power of two, so that ``%`` is a mask.

        Raises
        ------
        ScheduleError
            No such dimension, or more than one that slides; an extent known only at run time.
        IllegalScheduleError
            A value is written over before it is read for the last time.

        Same as TVM's ``rolling_buffer``, Halide's ``fold_storage``.
        """
        self._apply("rolling_buffer", (), {"axis": axis, "extent": extent})

    def reverse_compute_at(self, parent: Any, scope: IterVar | str) -> None:
        """Compute the stage inside a loop of a stage that it reads, as far as that is complete.

        ::

            for i in range(64):            for i_o in range(16):
                B[i] = A[i] + 1                B = empty((4,), float32)
            for i in range(64):                for i_i in range(4):
                C[i] = B[i]*2          →           B[i_i] = A[i_o*4 + i_i] + 1
                                               for i in range(4):
                                                   C[i_o*4 + i] = B[i]*2

        The stage may be an output. It computes those of its elements for which an iteration has
        written what they read, which is one element of an array at a constant distance, with axes
        in any order. Axes of its own run as before. An array that is read nowhere else shrinks to
        what an iteration writes, unless :meth:`store_root` says that it shall not. Both stages are
        scheduled as before, and in which order that happens makes no difference.

        Parameters
        ----------
        parent : Stage or str
            The stage that has the loop.
        scope : IterVar or str
            The loop.

        Raises
        ------
        ScheduleError
            A loop around nothing that the stage reads, or several elements read for one.
        IllegalScheduleError
            What the stage reads is not complete there, as in a loop that reduces.

        Same as TVM's ``reverse_compute_at`` (tir), Exo's ``fuse``.
        """
        name = self._schedule.stage_name(parent)
        axis = self._schedule.stage(name)._loop("reverse_compute_at", scope)
        self._apply("reverse_compute_at", (), {"parent": name, "scope": axis.name})

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

    # ------------------------------------------------------------ memory

    def transform_layout(self, index_map: Any, pad_value: Any = None) -> tuple[IterVar, ...]:
        """Lay out what the stage writes anew, by a map from its indices to those of another array.

        ::

            T = empty((10,), float32)          T = empty((3, 4), float32)
            for i in range(10):                for i_o in range(3):
                T[i] = A[i]               →        for i_i in range(4):
            for j in range(10):                        if i_o*4 + i_i < 10:
                B[j] = T[j]                                T[i_o, i_i] = A[i_o*4 + i_i]
                                               for j in range(10):
                                                   B[j] = T[j//4, j%4]

        with ``lambda i: [i//4, i%4]``. Everything that touches the array does so through the map,
        and the loops of this stage run over the new array, one for each of its dimensions. That is
        so where the stage gives every element its one value, and the map can be undone: where it
        permutes dimensions, splits them by ``//`` and ``%``, fuses them as ``i*16 + j``, or
        several of these. Else the loops stay as they are. Where a split leaves over some cells,
        these are neither written nor read; with ``pad_value`` they are written with that.

        Parameters
        ----------
        index_map : function or str
            Takes an index for each dimension and returns a list of new ones, made of
            ``+ - * // %``, ``min`` and ``max`` with numbers and sizes. It is called once; a text,
            ``"lambda i: [i//4, i%4]"``, is read. A remainder by 4 makes a dimension of 4.
        pad_value : number, optional
            What stands in cells that stand for no element.

        Returns
        -------
        The new axes, none where the loops stay; ``i_o`` and ``i_i`` for a split ``i``

        Raises
        ------
        ScheduleError
            An argument of the program (cache it, and lay out the cache), a map that gives two
            cells one place, loops that were scheduled before.

        Same as TVM's ``transform_layout``; Halide's ``reorder_storage`` and Exo's ``rearrange_dim``
        permute, Exo's ``divide_dim`` splits, ``mult_dim`` fuses.

        >>> from texpr import te
        >>> A = te.placeholder((10,), name="A")
        >>> B = te.compute((10,), lambda i: A[i] * 2, name="B")
        >>> s = te.create_schedule(B.op)
        >>> AA = s.cache_read(A, "local", [B])
        >>> s[AA].transform_layout(lambda i: [i//4, i%4], pad_value=0)
        (<axis i0_o in [0, 3)>, <axis i0_i in [0, 4)>)
        >>> s[AA].op.output(0).shape
        (<int64 3>, <int64 4>)
        """
        state = self._schedule.state
        index_map = str(transform_layout.mapped(state, self.name, index_map))
        values = {"index_map": index_map, "pad_value": pad_value}
        return self._apply("transform_layout", (), values)

    def storage_align(self, axis: IterVar | str | int, factor: int, offset: int = 0) -> None:
        """Keep rows of what the stage writes apart, so that the stride of a dimension is aligned.

        ::

            T = empty((5, 30), float32)   →   T = empty((5, 30), float32, strides=(32, 1))

        with ``storage_align(T.op.axis[0], 16)``. The stride of the dimension becomes the least
        number of elements that leaves ``offset`` when divided by ``factor``; what lies between is
        never touched. A window of the array (:meth:`compute_at`) is aligned likewise.

        Parameters
        ----------
        axis : IterVar, str or int
            An axis of the stage, or the number of a dimension.
        factor : int
            At least 1.
        offset : int
            Below ``factor``.

        Raises
        ------
        ScheduleError
            An argument of the program, an axis that is no dimension, numbers that are none.

        Same as TVM's ``storage_align``, Halide's ``align_storage``.
        """
        decl = self._schedule.state.declared.stages[self.name]
        axes = decl.cell_axes or ()
        known = [own.name for own in axes]
        given = self._schedule.own_axis(self.name, axis) if isinstance(axis, IterVar) else axis
        place = plain(given)
        if isinstance(given, IterVar):
            place = next((k for k, own in enumerate(axes) if own is given), given)
        elif isinstance(given, str):
            place = known.index(given) if given in known else given
        values = {"axis": place, "factor": factor, "offset": offset}
        self._apply("storage_align", (), values)

    def set_scope(self, scope: str) -> None:
        """Name the memory that what the stage writes is in.

        ::

            T = empty((8,), float32)   →   T = empty((8,), float32, scope="local")

        The name is shown where the array is made. On a CPU all memory is alike, and the scope
        changes nothing else: small arrays of constant size are on the stack, others on the heap,
        and LLVM keeps in registers what it can.

        Parameters
        ----------
        scope : str
            ``"global"``, ``"local"``, ``"shared"`` or ``"warp"``.

        Raises
        ------
        ScheduleError
            An argument of the program, or another scope.

        Same as TVM's ``set_scope``, Halide's ``store_in``, Exo's ``set_memory``.
        """
        self._apply("set_scope", (), {"scope": scope})

    def expand(self, array: str, loop: IterVar | str) -> None:
        """Give scratch cells of their own for every iteration of a loop, in a new first dimension.

        ::

            for i in range(n):                 x = empty((n,), float64)
                x = empty((), float64)         for i in range(n):
                x[()] = A[i]*2            →        x[i] = A[i]*2
                B[i] = x[()] + 1                   B[i] = x[i] + 1

        What one iteration computes no longer overwrites what another one did, so that loops may
        be taken apart, reordered or run at once; all of it is kept till the loop ends.
        :meth:`privatize` has no more memory than before.

        Parameters
        ----------
        array : str
            The scratch: a temporary scalar of a loop kernel, or what ``texpr.empty`` made.
        loop : IterVar or str
            A declared loop around this stage and all that touches the scratch.

        Raises
        ------
        ScheduleError
            An argument, a loop that is not around all that touches the scratch, or one whose range
            depends on another.
        IllegalScheduleError
            An iteration reads what another one wrote.

        Same as Exo's ``expand_dim`` with ``lift_alloc``; compilers' scalar and array expansion.
        """
        self._apply("expand", (), {"array": array, "loop": self._declared_loop("expand", loop)})

    def privatize(self, array: str, loop: IterVar | str) -> None:
        """Make scratch in a loop, anew in each iteration, where it was made before the loop.

        ::

            T = empty((4,), float64)           for i in range(n):
            for i in range(n):                     T = empty((4,), float64)
                for k in range(4):        →        for k in range(4):
                    T[k] = A[i, k]                     T[k] = A[i, k]
                B[i] = T[0] + T[3]                 B[i] = T[0] + T[3]

        Iterations no longer share it, so that the loop may run in parallel or in lanes.

        Parameters
        ----------
        array : str
            The scratch: a temporary scalar of a loop kernel, or what ``texpr.empty`` made.
        loop : IterVar or str
            A declared loop around this stage and all that touches the scratch.

        Raises
        ------
        ScheduleError
            An argument, a loop that is not around all that touches the scratch, or one in which it
            is new already.
        IllegalScheduleError
            An iteration reads what another one wrote.

        Same as Exo's ``sink_alloc``; OpenMP's ``private``.
        """
        values = {"array": array, "loop": self._declared_loop("privatize", loop)}
        self._apply("privatize", (), values)

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
