"""The primitives that make loops of loops, and change their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from texpr.ir.expr import Expr
from texpr.ir.itervar import IterVar
from texpr.schedule.stages.base import StageBase, plain


class LoopPrimitives(StageBase):
    """Which loops there are, and in which order."""

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
