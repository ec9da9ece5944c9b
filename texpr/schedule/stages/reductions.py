"""The primitives on reductions."""

from __future__ import annotations

from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.stages.base import StageBase


class ReductionPrimitives(StageBase):
    """In which parts a reduction is computed, and where it starts."""

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
