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
        Type of A and B, and of C unless it is float16 or bfloat16: their product is float32.

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


def schedule_matmul(C: te.Tensor, target: Target | str | None = None) -> te.TeSchedule:
    """Return a schedule for a product that :func:`matmul` declared.

    ::

        for j_o_o in …:                  panels of B, each in the second cache
            for k_o in …:                blocks of the sum
                for i_o in …:            rows of tiles
                    for j_o_i in …:      tiles, each in registers from here on
                        for k_i in …:
                            for i_i in unrolled(rows):
                                for j_i in vectorized(columns):

    Parameters
    ----------
    C : Tensor
        The product, of sizes known as numbers.
    target : Target or str, optional
        What it is to run on; this machine unless given.

    Raises
    ------
    ScheduleError
        ``C`` is something else, or its sizes are not numbers.

    Source: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication",
    ACM TOMS 34(3), 2008, section 4; without its packed copies of A and B.
    """
    op = C.op
    if not isinstance(op, te.ComputeOp) or (len(op.axis), len(op.reduce_axis)) != (2, 1):
        raise ScheduleError(
            f"schedule_matmul: {C.name!r} is no matrix product; declare it with ops.matmul"
        )
    i, j = op.axis
    (k,) = op.reduce_axis
    n, m = (int_value(extent) for extent in C.shape)
    if n is None or m is None:
        raise ScheduleError(
            f"schedule_matmul: the size of {C.name!r} is not known; declare it in numbers"
        )
    blocks = matmul_blocks(C.dtype, Target.of(target))
    columns = min(blocks.columns, max(1, m))  # no lanes beyond a small matrix
    rows = min(blocks.rows, max(1, n))
    s = te.create_schedule(op)
    i_o, j_o, i_i, j_i = s[C].tile(i, j, rows, columns)
    k_o, k_i = s[C].split(k, factor=blocks.depth)
    j_o_o, j_o_i = s[C].split(j_o, factor=max(1, blocks.panel // columns))
    s[C].reorder(j_o_o, k_o, i_o, j_o_i, k_i, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)
    return s


def _power_of_two_below(number: int) -> int:
    """Return the greatest power of two up to ``number``, and 16 at least."""
    return max(16, 1 << (number.bit_length() - 1))
