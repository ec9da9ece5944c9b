"""The primitives that say how a loop runs."""

from __future__ import annotations

from texpr.ir.itervar import IterVar
from texpr.ir.program import Annotation
from texpr.schedule.stages.base import StageBase


class MarkPrimitives(StageBase):
    """How loops run: in copies, in lanes, on threads, and what is noted of them."""

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
