"""The product of two matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import ScheduleError, ShapeError
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Expr, int_value
from texpr.ops.arrays import Array, Operator, is_tensor, run
from texpr.ops.gemv import gemv
from texpr.ops.operands import at, broadcast, in_order, prepared, schedule_prepared, shape_text
from texpr.target.target import Target
from texpr.te.shapes import is_same_extent


@dataclass(frozen=True, slots=True)
class MatmulBlocks:
    """How the loops of a matrix product are cut.

    Parameters
    ----------
    rows, columns : int
        The tile of C that is kept in vector registers over ``depth`` steps of the sum.
    depth : int
        Steps of the sum between two visits of the same tile.
    panel : int
        Columns of B that are used for all rows of A before the next columns are touched.
    """

    rows: int
    columns: int
    depth: int
    panel: int


def matmul(a: Any, b: Any, *, trans_a: bool = False, trans_b: bool = False, out: Any = None) -> Any:
    """Return the product of two matrices, of arrays as well as of te tensors.

    Parameters
    ----------
    a, b : array_like or Tensor
        Matrices; vectors and stacks of matrices by the rules of ``np.matmul``.
    trans_a, trans_b : bool
        Whether an operand is given with its last two dimensions exchanged.
    out : numpy.ndarray, optional
        Where the result of arrays is put; it overlaps neither of them.

    Returns
    -------
    numpy.ndarray, or of te tensors the tensor that is declared
        Of the common type, and float32 where that is float16 or bfloat16.

    Raises
    ------
    ShapeError
        Shapes that do not fit.
    DTypeError
        An array beside a tensor, or another ``out`` than the result.

    >>> import numpy as np
    >>> matmul(np.ones((2, 3), "float32"), np.ones((2, 3), "float32"), trans_b=True)
    array([[3., 3.],
           [3., 3.]], dtype=float32)
    """
    if is_tensor(a, b):
        return declare(a, b, trans_a, trans_b)
    left, trans_a = in_order(a, trans_a)
    right, trans_b = in_order(b, trans_b)
    if left.ndim == 2 == right.ndim:
        return run(MATMUL, (left, right), (trans_a, trans_b), out)
    return _other_ranks(left, right, trans_a, trans_b, out)


def _other_ranks(left: Array, right: Array, trans_a: bool, trans_b: bool, out: Any) -> Any:
    """Multiply vectors and stacks: a vector on the left is a row, on the right a column."""
    ranks = left.ndim, right.ndim
    if 0 in ranks:
        raise ShapeError("matmul: a scalar is no matrix; multiply it with *")
    if ranks == (2, 1):
        return gemv(left, right, trans=trans_a, out=out)
    if ranks == (1, 2):
        return gemv(right, left, trans=not trans_b, out=out)
    lost = []
    if left.ndim == 1:
        left, trans_a = left[None, :], False
        lost.append(-2)
    if right.ndim == 1:
        right, trans_b = right[:, None], False
        lost.append(-1)
    if isinstance(out, np.ndarray) and lost:
        run(MATMUL, (left, right), (trans_a, trans_b), np.expand_dims(out, tuple(lost)))
        return out
    product = run(MATMUL, (left, right), (trans_a, trans_b), out)
    return np.squeeze(product, tuple(lost)) if lost else product


def declare(A: te.Tensor, B: te.Tensor, trans_a: bool = False, trans_b: bool = False) -> te.Tensor:
    """Declare ``C = A @ B`` of matrices, or of stacks of them, which broadcast.

    Raises
    ------
    ShapeError
        Shapes that do not fit.

    >>> A, B = te.placeholder((4, 6), name="A"), te.placeholder((6, 5), name="B")
    >>> print(te.create_schedule(declare(A, B).op))
    def C(A: float32[4, 6], B: float32[6, 5], C: out float32[4, 5]):
        for i in range(4):
            for j in range(5):
                C[i, j] = 0.0
                for k in range(6):
                    C[i, j] += A[i, k]*B[k, j]
    """
    if A.ndim < 2 or B.ndim < 2:
        raise ShapeError(
            f"matmul: {A} and {B} are not both matrices; use ops.gemv for a vector, or te.matmul"
        )
    across, down = A.shape[-2 if trans_a else -1], B.shape[-1 if trans_b else -2]
    if not is_same_extent(across, down):
        turned = [", transposed," if given else "" for given in (trans_a, trans_b)]
        raise ShapeError(
            f"matmul: {shape_text(A)}{turned[0]} has {across} columns, and "
            f"{shape_text(B)}{turned[1]} has {down} rows; the numbers must be equal"
        )
    left, right = prepared(A, transposed=trans_a), prepared(B, transposed=trans_b)
    n, k, m = left.shape[-2], left.shape[-1], right.shape[-1]
    batch = broadcast(left.shape[:-2], right.shape[:-2])
    r = te.reduce_axis((0, k), name="k")

    def element(*index: Expr) -> Any:
        *b, i, j = index
        return te.sum(at(left, b, i, r) * at(right, b, r, j), axis=r)

    names = [*(f"b{place}" if len(batch) > 1 else "b" for place in range(len(batch))), "i", "j"]
    C: te.Tensor = te.compute((*batch, n, m), element, name="C", varargs_names=names)
    return C


def reference(a: Array, b: Array, trans_a: bool = False, trans_b: bool = False) -> Array:
    """Return the same by NumPy, in the type that texpr computes in."""
    wide = np.result_type(a, b)
    wide = np.dtype("float32") if wide.itemsize == 2 and wide.kind in "fV" else wide
    left, right = (
        x.swapaxes(-1, -2) if transposed else x for x, transposed in ((a, trans_a), (b, trans_b))
    )
    return np.asarray(left.astype(wide) @ right.astype(wide))


def matmul_blocks(dtype: object, target: Target) -> MatmulBlocks:
    """Return the cuts that suit the target's registers and caches.

    >>> flags = "-mtriple=x86_64-linux-gnu -mcpu=haswell -l1d=32K -l2=512K"
    >>> matmul_blocks("float32", Target.parse(f"llvm {flags}"))
    MatmulBlocks(rows=6, columns=16, depth=256, panel=128)
    """
    element_bytes = as_dtype(dtype).size_bytes
    registers = target.num_vector_registers or 16  # scalars, where there are no vectors
    # Two vectors of B beside each other, one element of A spread over a third; what is left
    # holds C.
    columns = 2 * target.vector_lanes(dtype)
    rows = max(1, (registers - 3) // 2)
    # A strip of A and one of B, as deep as the sum runs, fit the first cache together.
    depth = _power_of_two_below(target.l1d_bytes // ((rows + columns) * element_bytes))
    # The panel of B fits a quarter of the second cache: A and C pass through it as well.
    panel = _power_of_two_below((target.l2_bytes or 1 << 19) // 4 // (depth * element_bytes))
    return MatmulBlocks(rows, columns, depth, max(columns, panel))


def schedule_matmul(
    C: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for a product that :func:`matmul` declared.

    ::

        for j_o_o in …:                  panels of B, each in the second cache
            for k_o in …:                blocks of the sum
                for i_o in parallel(…):  rows of tiles
                    for j_o_i in …:      tiles, each in registers from here on
                        for k_i in …:
                            for i_i in unrolled(rows):
                                for j_i in vectorized(columns):

    Stacks of matrices are looped over outside of all that, in parallel where they are enough.

    Parameters
    ----------
    C : Tensor
        The product, of sizes known as numbers.
    target : Target or str, optional
        What it is to run on; this machine unless given.
    num_threads : int, optional
        For how many threads it is cut; as many as the target has cores unless given.

    Raises
    ------
    ScheduleError
        ``C`` is something else, or its sizes are not numbers.

    Source: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication",
    ACM TOMS 34(3), 2008, section 4; without its packed copies of A and B.
    """
    _check_product("schedule_matmul", C)
    own = Target.of(target)
    s = te.create_schedule(C.op)
    schedule_product(s, C, own, own.num_cores if num_threads is None else num_threads)
    return s


def schedule_product(s: te.TeSchedule, C: te.Tensor, target: Target, num_threads: int) -> None:
    """Schedule the stage of a product in whatever schedule it is part of, and its operands'.

    This is the one place that knows how a product is fast: ``dense`` and ``batched_matmul`` call
    it, too.
    """
    schedule_prepared(s, target, num_threads)
    *batch, i, j = C.op.axis
    (k,) = C.op.reduce_axis
    *stack, n, m = (int_value(extent) or 0 for extent in C.shape)
    blocks = matmul_blocks(C.dtype, target)
    columns = min(blocks.columns, max(1, m))  # no lanes beyond a small matrix
    rows = min(blocks.rows, max(1, n))
    panel = blocks.panel
    by_rows = n >= m or n >= rows * num_threads
    if not by_rows:  # a panel for each thread at least
        panel = min(panel, -(-m // num_threads))
    i_o, j_o, i_i, j_i = s[C].tile(i, j, rows, columns)
    k_o, k_i = s[C].split(k, factor=blocks.depth)
    j_o_o, j_o_i = s[C].split(j_o, factor=max(1, panel // columns))
    s[C].reorder(*batch, j_o_o, k_o, i_o, j_o_i, k_i, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    if num_threads == 1:
        return
    if batch and math.prod(stack) >= num_threads:
        s[C].parallel(s[C].fuse(*batch) if len(batch) > 1 else batch[0])
    else:
        s[C].parallel(i_o if by_rows else j_o_o)


def _check_product(what: str, C: te.Tensor) -> None:
    op = C.op
    if not isinstance(op, te.ComputeOp) or len(op.axis) < 2 or len(op.reduce_axis) != 1:
        raise ScheduleError(f"{what}: {C.name!r} is no matrix product; declare it with ops.matmul")
    if any(int_value(extent) is None for extent in C.shape):
        raise ScheduleError(f"{what}: the size of {C.name!r} is not known; declare it in numbers")


def _power_of_two_below(number: int) -> int:
    """Return the greatest power of two up to ``number``, and 16 at least."""
    return max(16, 1 << (number.bit_length() - 1))


MATMUL: Final = Operator("matmul", declare, schedule_matmul)
