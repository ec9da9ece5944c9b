"""The primitives that say where a stage is computed, and where it has its room."""

from __future__ import annotations

from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.stages.base import StageBase


class PlacementPrimitives(StageBase):
    """Where a stage is computed, and where it has its room."""

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
        self._apply_in_loop("compute_at", parent, scope)

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
        self._apply_in_loop("reverse_compute_at", parent, scope)

    def compute_root(self) -> None:
        """Compute the stage in loops of its own before its readers; undoes an inlining or a move.

        Same as Halide's and TVM's ``compute_root``.
        """
        self._apply("compute_root", ())

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
        self._apply_in_loop("store_at", parent, scope)

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

    def _apply_in_loop(self, primitive: str, parent: Any, scope: IterVar | str) -> None:
        """Apply a primitive to this stage and a loop of another one."""
        name = self._schedule.stage_name(parent)
        axis = self._schedule.stage(name)._loop(primitive, scope)
        self._apply(primitive, (), {"parent": name, "scope": axis.name})
