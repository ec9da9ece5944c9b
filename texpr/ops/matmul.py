"""The product of two matrices."""

from __future__ import annotations

from dataclasses import dataclass

from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import int_value
from texpr.target.target import Target


@dataclass(frozen=True, slots=True)
class MatmulBlocks:
    """How the loops of a matrix product are cut.

    Parameters
    ----------
    rows, columns : int
        Elements of C that are kept in vector registers over a whole block of the reduction.
    depth : int
        Steps of the reduction between two visits of the same element of C.
    unroll : int
        Steps of the reduction that are written out.
    """

    rows: int
    columns: int
    depth: int
    unroll: int


def matmul(
    n: int, m: int, k: int, dtype: object = "float32"
) -> tuple[te.Tensor, te.Tensor, te.Tensor]:
    """Declare ``C = A @ B``.

    Parameters
    ----------
    n, m : int
        Rows and columns of C.
    k : int
        Length of the sum.
    dtype : str or DType
        Type of all three.

    Returns
    -------
    (A, B, C), of shapes (n, k), (k, m) and (n, m)

    >>> A, B, C = matmul(4, 5, 6)
    >>> print(te.create_schedule(C.op))
    def C(A: float32[4, 6], B: float32[6, 5], C: out float32[4, 5]):
        for i in range(4):
            for j in range(5):
                C[i, j] = 0.0
                for k in range(6):
                    C[i, j] += A[i, k]*B[k, j]
    """
    A = te.placeholder((n, k), dtype, name="A")
    B = te.placeholder((k, m), dtype, name="B")
    r = te.reduce_axis((0, k), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, r] * B[r, j], axis=r), name="C")
    return A, B, C


def matmul_blocks(n: int, m: int, k: int, dtype: object, target: Target) -> MatmulBlocks:
    """Return the cuts that suit the target's registers and caches.

    >>> target = Target.parse("llvm -mtriple=x86_64-linux-gnu -mcpu=znver3")
    >>> matmul_blocks(1024, 1024, 1024, "float32", target)
    MatmulBlocks(rows=6, columns=16, depth=256, unroll=4)
    """
    lanes = target.vector_lanes(dtype)
    registers = target.num_vector_registers or 16  # scalars, where there are no vectors
    # Two vectors of B beside each other, one element of A spread over a third, and the rest of
    # the registers for C.
    rows = max(1, (registers - 3) // 2)
    columns = 2 * lanes
    # What one block of the reduction reads, a strip of B and one of A, stays in half of the
    # first cache.
    element_bytes = as_dtype(dtype).size_bytes
    depth = target.l1d_bytes // 2 // ((rows + columns) * element_bytes)
    depth = max(16, 1 << (depth.bit_length() - 1))
    return MatmulBlocks(
        rows=min(rows, max(1, n)),
        columns=min(columns, max(1, m)),
        depth=min(depth, max(1, k)),
        unroll=4,
    )


def schedule_matmul(C: te.Tensor, target: Target | str | None = None) -> te.TeSchedule:
    """Return a schedule for a product that :func:`matmul` declared.

    ::

        for i_o:                            block of rows
            for j_o:                        block of columns
                for k_o:                    block of the sum
                    for k_i:
                        for i_i:            unrolled, one register of C a row and vector
                            for j_i:        vectorized

    Raises
    ------
    ScheduleError
        ``C`` is something else, or its sizes are not numbers.
    """
    own = Target.of(target)
    op = C.op
    if not isinstance(op, te.ComputeOp) or len(op.axis) != 2 or len(op.reduce_axis) != 1:
        raise ScheduleError(
            f"schedule_matmul: {C.name!r} is no matrix product; declare it with ops.matmul"
        )
    i, j = op.axis
    (k,) = op.reduce_axis
    extents = [int_value(axis.dom[1]) for axis in (i, j, k)]
    n, m, length = extents
    if n is None or m is None or length is None:
        raise ScheduleError(
            f"schedule_matmul: the sizes of {C.name!r} are not all numbers; "
            f"declare it for fixed sizes"
        )
    blocks = matmul_blocks(n, m, length, C.dtype, own)
    s = te.create_schedule(op)
    i_o, j_o, i_i, j_i = s[C].tile(i, j, blocks.rows, blocks.columns)
    k_o, k_i = s[C].split(k, factor=blocks.depth)
    s[C].reorder(i_o, j_o, k_o, k_i, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    return s
