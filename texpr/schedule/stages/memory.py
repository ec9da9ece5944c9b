"""The primitives that say how values lie in memory, and what copies there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from texpr.ir.itervar import IterVar
from texpr.schedule.primitives import transform_layout
from texpr.schedule.stages.base import StageBase, plain


class MemoryPrimitives(StageBase):
    """How values lie in memory, and what copies there are."""

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
