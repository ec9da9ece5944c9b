"""The product of a matrix and a vector: every element of the matrix is used once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import ScheduleError, ShapeError
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Expr, Load, int_value, postorder
from texpr.ops.arrays import Array, Operator, are_dense, as_array, is_tensor, run, widened
from texpr.ops.operands import in_order, shape_text
from texpr.target.target import Target
from texpr.te.shapes import is_same_extent


@dataclass(frozen=True, slots=True)
class GemvBlocks:
    """How the loops of a matrix by a vector are cut.

    Parameters
    ----------
    lanes : int
        Partial sums of a row, or elements of the result, in a register.
    streams : int
        Rows of the matrix that are read side by side.
    panel : int
        Elements of the result that stay in the first cache while the matrix passes, where its
        rows are summed and not its columns.
    """

    lanes: int
    streams: int
    panel: int


def gemv(a: Any, x: Any, *, trans: bool = False, out: Any = None) -> Any:
    """Return the product of a matrix and a vector, of arrays as well as of te tensors.

    Parameters
    ----------
    a, x : array_like or Tensor
        A matrix and a vector.
    trans : bool
        Whether the matrix is given transposed: then its rows are summed.
    out : numpy.ndarray, optional
        Where the result of arrays is put.

    Returns
    -------
    numpy.ndarray, or of te tensors the tensor that is declared

    Raises
    ------
    ShapeError
        Shapes that do not fit.
    DTypeError
        An array beside a tensor, or another ``out`` than the result.

    >>> import numpy as np
    >>> gemv(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    if not are_dense(a, x):
        if is_tensor(a, x):
            return declare(a, x, trans)
        a, trans = in_order(a, trans)
        x = as_array(x)
    return run(GEMV, (a, x), (trans,), out)


def declare(A: te.Tensor, X: te.Tensor, trans: bool = False) -> te.Tensor:
    """Declare ``Y = A @ X``, or ``A.T @ X``.

    Raises
    ------
    ShapeError
        Shapes that do not fit.

    >>> A, X = te.placeholder((4, 6), name="A"), te.placeholder((4,), name="X")
    >>> print(te.create_schedule(declare(A, X, trans=True).op))
    def Y(A: float32[4, 6], X: float32[4], Y: out float32[6]):
        for i in range(6):
            Y[i] = 0.0
            for k in range(4):
                Y[i] += A[k, i]*X[k]
    """
    if (A.ndim, X.ndim) != (2, 1):
        raise ShapeError(
            f"gemv: {shape_text(A)} and {shape_text(X)} are no matrix and vector; "
            f"use ops.matmul for others"
        )
    n, k = reversed(A.shape) if trans else A.shape
    if not is_same_extent(k, X.shape[0]):
        raise ShapeError(
            f"gemv: {shape_text(X)} is multiplied with {k} elements of {shape_text(A)}; "
            f"the numbers must be equal"
        )
    r = te.reduce_axis((0, k), name="k")

    def element(i: Expr) -> Any:
        return te.sum((A[r, i] if trans else A[i, r]) * X[r], axis=r)

    Y: te.Tensor = te.compute((n,), element, name="Y")
    return Y


def reference(a: Array, x: Array, trans: bool = False) -> Array:
    """Return the same by NumPy, in the type that texpr computes in."""
    return np.asarray(widened(a.T if trans else a) @ widened(x))


def gemv_blocks(dtype: object, target: Target) -> GemvBlocks:
    """Return the cuts that suit the target.

    >>> target = Target.parse("llvm -mtriple=x86_64-linux-gnu -mcpu=haswell -l1d=32K -l2=512K")
    >>> gemv_blocks("float32", target)
    GemvBlocks(lanes=8, streams=8, panel=2048)
    """
    lanes = target.vector_lanes(dtype)
    # A quarter of the first cache holds the elements of the result, the rest what passes.
    panel = target.l1d_bytes // 4 // as_dtype(dtype).size_bytes
    # Half of the registers: eight, or sixteen where there are 32, hide the latency of the sums;
    # more streams than eight are more than the hardware fetches ahead.
    streams = min(8, (target.num_vector_registers or 16) // 2)
    return GemvBlocks(lanes, streams, max(lanes, panel // lanes * lanes))


def schedule_gemv(
    Y: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for what :func:`gemv` declared.

    Where rows of the matrix are summed with the vector, in lanes::

        for i_o in parallel(…):
            for k_o in …:
                for i in unrolled(streams):          Y_rf: partial sums in registers
                    for k_i in vectorized(lanes):
            for i_i in vectorized(streams):          Y: their sums

    Where the matrix is transposed, its rows are added up, several at a time::

        for i_o_o in parallel(…):                    panels of Y in the first cache
            for k_o in …:
                for i_o_i in …:
                    for k_i in unrolled(streams):
                        for i_i in vectorized(lanes):

    Rows beyond the last whole ``streams``, in the first case, come after that one by one.

    Parameters
    ----------
    Y : Tensor
        The product. Its sizes are numbers or known only at run time, in any mixture.
    target : Target or str, optional
        What it is to run on; this machine unless given.
    num_threads : int, optional
        For how many threads it is cut; as many as the target has cores unless given.

    Raises
    ------
    ScheduleError
        ``Y`` is something else.
    """
    op = Y.op
    if not isinstance(op, te.ComputeOp) or (len(op.axis), len(op.reduce_axis)) != (1, 1):
        raise ScheduleError(
            f"schedule_gemv: {Y.name!r} is no product of a matrix and a vector; "
            f"declare it with ops.gemv"
        )
    n, k = (int_value(axis.extent) for axis in (op.axis[0], op.reduce_axis[0]))
    own = Target.of(target)
    threads = own.num_cores if num_threads is None else num_threads
    s = te.create_schedule(op, judged=False)
    blocks = gemv_blocks(Y.dtype, own)
    if _adds_rows(op):
        _schedule_panels(s, Y, blocks, n, threads)
    else:
        _schedule_rows(s, Y, blocks, (n, k), threads)
    return s


def _adds_rows(op: te.ComputeOp) -> bool:
    """Whether the sum runs over the rows of the matrix, as it does where that is transposed."""
    loads = (node for root in op.expressions for node in postorder(root) if isinstance(node, Load))
    return any(len(load.indices) == 2 and load.indices[1] is op.axis[0].var for load in loads)


def _schedule_rows(
    s: te.TeSchedule,
    Y: te.Tensor,
    blocks: GemvBlocks,
    sizes: tuple[int | None, int | None],
    num_threads: int,
) -> None:
    n, k = sizes
    streams = blocks.streams if n is None else min(blocks.streams, max(1, n))
    lanes = blocks.lanes if k is None else min(blocks.lanes, max(1, k))
    # Rows that fill no block are a stage of their own, so that nobody asks inside of one.
    i_o, i_i = s[Y].split("i", factor=streams, tail="cut")
    whole, *rest = s.stages_writing(Y.name)
    _, k_i = whole.split("k", factor=lanes)
    partial = s.rfactor(Y, k_i, factor_axis=1)
    (lane,) = s[Y].op.reduce_axis
    whole.reorder(i_o, lane, i_i)
    whole.vectorize(i_i)
    stage = s[partial]
    stage.compute_at(whole, i_o)
    row, column = partial.op.axis
    stage.reorder(*partial.op.reduce_axis, row, column)
    stage.unroll(row)
    stage.vectorize(column)
    if num_threads > 1:
        whole.parallel(i_o)
    for last in rest:
        last.vectorize(last.loops[-1], lanes)


def _schedule_panels(
    s: te.TeSchedule, Y: te.Tensor, blocks: GemvBlocks, n: int | None, num_threads: int
) -> None:
    (i,), (k,) = Y.op.axis, Y.op.reduce_axis
    lanes = blocks.lanes if n is None else min(blocks.lanes, max(1, n))
    panel = blocks.panel
    if n is not None:  # one for each thread at least, of whole registers
        panel = min(panel, max(lanes, -(-n // num_threads) // lanes * lanes))
    elif num_threads > 1:
        panel = max(lanes, panel // 2)  # more to share, for 10 % where all comes from memory
    # Registers first: the last panel has as many as it needs.
    i_o, i_i = s[Y].split(i, factor=lanes)
    i_o_o, i_o_i = s[Y].split(i_o, factor=panel // lanes)
    k_o, k_i = s[Y].split(k, factor=blocks.streams)
    s[Y].reorder(i_o_o, k_o, i_o_i, k_i, i_i)
    s[Y].unroll(k_i)
    s[Y].vectorize(i_i)
    if num_threads > 1:
        s[Y].parallel(i_o_o)


GEMV: Final = Operator("gemv", declare, schedule_gemv)
