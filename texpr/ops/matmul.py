"""The product of two matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from texpr import te
from texpr.errors import ScheduleError, ShapeError
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Expr, int_value
from texpr.ops.arrays import Array, Operator, are_dense, is_tensor, run, widened
from texpr.ops.gemv import gemv
from texpr.ops.operands import PREPARED, TRANSPOSED, at, broadcast, in_order, prepared, shape_text
from texpr.target.target import Target
from texpr.te.shapes import is_same_extent

PLANNED_SIZE: Final = 1024
"""What caches and threads are planned for where a size is known only at run time.

Of a sum twice as long a block of A still fits the second cache as a whole. Of one that is longer it
streams from the third, as B does, which costs some percent and no more: a tile uses each element of
A for as many multiply-adds as it has columns.
"""

MIN_STRIPS: Final = 8
"""Strips of A for which an element of B is used at least, once it comes from memory.

Of 13 rows each that is 52 operations a byte. With the two strips that fit half of a second cache of
1 MiB where the sum is 4096 long, it is 13, and two threads waited for memory: 176 GFLOP/s, and 219
with eight. That A then comes from the third cache costs less.
"""


@dataclass(frozen=True, slots=True)
class MatmulBlocks:
    """How the loops of a matrix product are cut.

    Parameters
    ----------
    rows, columns : int
        The tile of C that is kept in vector registers over the whole sum.
    depth : int
        Steps of the sum that lie side by side in a packed strip of A.
    strips : int
        Strips of A, of ``rows`` rows each, that stay in a cache while all of B passes.
    """

    rows: int
    columns: int
    depth: int
    strips: int


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
    if not are_dense(a, b):
        if is_tensor(a, b):
            return declare(a, b, trans_a, trans_b)
        a, trans_a = in_order(a, trans_a)
        b, trans_b = in_order(b, trans_b)
    if a.ndim == 2 == b.ndim:
        return run(MATMUL, (a, b), (trans_a, trans_b), out)
    return _other_ranks(a, b, trans_a, trans_b, out)


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
    left = prepared(A, transposed=trans_a)
    right = prepared(B, transposed=trans_b, is_copy=A is B)
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
    left, right = widened(a), widened(b)
    left = left.swapaxes(-1, -2) if trans_a else left
    return np.asarray(left @ (right.swapaxes(-1, -2) if trans_b else right))


def matmul_blocks(
    n: int | None,
    m: int | None,
    k: int | None,
    dtype: object,
    target: Target,
    num_threads: int = 1,
) -> MatmulBlocks:
    """Return the cuts that suit the sizes, the target's registers and caches, and the threads.

    A size that is known only at run time is None.

    >>> target = "llvm -mtriple=x86_64-linux-gnu -mcpu=haswell -l1d=32K -l2=512K"
    >>> matmul_blocks(1200, 1200, 2048, "float32", Target.parse(target))
    MatmulBlocks(rows=6, columns=16, depth=16, strips=8)
    >>> matmul_blocks(1200, None, None, "float32", Target.parse(target))
    MatmulBlocks(rows=6, columns=16, depth=16, strips=10)
    """
    element_bytes = as_dtype(dtype).size_bytes
    registers = target.num_vector_registers or 16  # scalars, where there are no vectors
    lanes = max(1, target.vector_lanes(dtype))
    is_x86 = target.triple.startswith("x86")
    # Vectors of B beside each other, one element of A spread over another one; what is left holds
    # C. Where instructions take no operand from memory, elements of A that are loaded ahead need
    # registers, too. Of 8 bytes each, a cache line of A lasts half as long: there a tile is wider
    # and lower, where it has the registers (7 % on a Zen 4).
    has_broadcasts = is_x86 and registers >= 32  # AVX-512: an operand spread over the lanes
    most_vectors = 3 if has_broadcasts and element_bytes == 8 else 2
    held = max(1, (registers - most_vectors - (1 if is_x86 else 6)) // most_vectors) * most_vectors
    # Columns beyond the edge are computed in vain, of which a tile of one vector has fewer. As it
    # loads more it is 5 % slower where there are none (129 x 129 x 129 gains 11 %), and more than
    # that where elements of A are not operands, or a line of them lasts half as long.
    has_narrow = has_broadcasts and element_bytes == 4
    widest = most_vectors if m is None else min(most_vectors, max(1, -(-m // lanes)))
    if m is None:
        widths = [1] if has_narrow else [widest]
    else:
        widths = [widest, 1] if has_narrow else [widest]

    def most_rows(vectors: int) -> int:
        return max(1, held // (vectors if has_narrow else max(2, vectors)))

    rows_planned = [PLANNED_SIZE >> k for k in range(4)] if n is None else [n]

    def cost(tile: tuple[int, int]) -> float:
        """The multiply-adds, or loads if there are more, of the thread that has most to do.

        Two of either are done at a time; one more for each step of each tile stands for the loop
        around them.
        """
        vectors, rows = tile
        strips = math.ceil((PLANNED_SIZE if m is None else m) / (lanes * vectors))
        step = max(rows * vectors, rows + vectors) + 1
        return sum(
            math.ceil(math.ceil(n / rows) / num_threads) * strips * step / n for n in rows_planned
        )

    tiles = [(v, rows) for v in widths for rows in range(most_rows(v), 0, -1)]
    vectors, rows = min(tiles, key=cost)
    if n is not None:
        rows = max(1, min(rows, n))
    # Strips of A fill half of the second cache, if that is enough of them; a strip of B and tiles
    # of C pass through the rest.
    strip_bytes = rows * max(1, PLANNED_SIZE if k is None else k) * element_bytes
    strips = max(MIN_STRIPS, (target.l2_bytes or 1 << 19) // 2 // strip_bytes)
    # Whole vectors to copy, and a cache line of each row, so that lines are met one by one.
    depth = max(lanes, (target.line_bytes or 64) // element_bytes)
    return MatmulBlocks(rows, lanes * vectors, depth, strips)


def schedule_matmul(
    C: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for a product that :func:`matmul` declared.

    ::

        B_packed = …                          strips of B, each as wide as a tile
        for i_b in parallel(…):               blocks of rows
            A_packed = …                      strips of A, in the second cache
            for j_o in …:                     strips of B
                for i_o in …:                 strips of A
                    C_tile = 0                in registers
                    for k in …:
                        for i in unrolled(rows):
                            for j in vectorized(columns):
                                C_tile[i, j] += A_packed[…]*B_packed[…]
                    C[…] = C_tile

    Packed strips are as wide as whole tiles, with zeros beyond the edges, so that there are no
    conditions in the inner loop whatever the sizes. Where there are fewer rows than threads need,
    A is packed outside, and the strips of B are packed and used in parallel. Stacks of matrices are
    looped over outside of all that, in parallel where they are enough.

    Where it is known only at run time whether there are enough rows for the threads, both operands
    are packed outside, and whichever thread is done takes the next tiles, a block of strips of A by
    a strip of B, of all matrices.

    Parameters
    ----------
    C : Tensor
        The product. Its sizes are numbers, to which the cuts are fitted, or known only at run time
        (``te.size_var``), in any mixture.
    target : Target or str, optional
        What it is to run on; this machine unless given.
    num_threads : int, optional
        For how many threads it is cut; as many as the target has cores unless given.

    Raises
    ------
    ScheduleError
        ``C`` is something else.

    Source: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication",
    ACM TOMS 34(3), 2008, section 4; the sum is not cut, as the strips stream well enough.
    """
    _check_product("schedule_matmul", C)
    own = Target.of(target)
    s = te.create_schedule(C.op, judged=False)
    schedule_product(s, C, own, own.num_cores if num_threads is None else num_threads)
    return s


def schedule_product(
    s: te.TeSchedule,
    C: te.Tensor,
    target: Target,
    num_threads: int,
    epilogue: te.Tensor | None = None,
) -> None:
    """Schedule the stage of a product in whatever schedule it is part of, and its operands'.

    ``epilogue`` is a tensor made of the product element by element, which then takes its place.
    This is the one place that knows how a product is fast: ``dense`` and ``batched_matmul`` call
    it, too.
    """
    *stack, n, m = (int_value(extent) for extent in C.shape)
    k = int_value(C.op.reduce_axis[0].upper)
    if 0 in (n, m, k, *stack):
        return  # nothing to do, or to clear C
    by_stack = num_threads > 1 and math.prod(extent or 0 for extent in stack) >= num_threads
    sharing = 1 if by_stack else num_threads
    blocks = matmul_blocks(n, m, k, C.dtype, target, sharing)
    shared = "tiles" if sharing > 1 and None in stack else _shared(n, m, blocks, sharing)

    left, right = _packed(s, C, blocks)
    tile = s.cache_write(C, "local")
    if epilogue is not None:
        s[epilogue].reverse_compute_inline()
    *batch, i, j = s[C].loops
    i_o, j_o, i_i, j_i = s[C].tile(i, j, blocks.rows, blocks.columns)
    i_b, i_o = s[C].split(i_o, factor=_strips_in_block(n, blocks, sharing))
    s[C].reorder(*batch, *((j_o, i_b) if shared == "columns" else (i_b, j_o)), i_o, i_i, j_i)
    s[C].vectorize(j_i)
    s[C].unroll(i_i)

    *own_batch, i, j, r = s[tile].loops
    i_o_c, i = s[tile].split(i, factor=blocks.rows, tail="round_up")
    j_o_c, j = s[tile].split(j, factor=blocks.columns, tail="round_up")
    r_o, r_i = s[tile].split(r, factor=blocks.depth)
    s[tile].reorder(*own_batch, i_o_c, j_o_c, r_o, r_i, i, j)
    s[tile].vectorize(j)
    s[tile].unroll(i)
    s[tile].compute_at(s[C], i_o)

    if shared == "tiles":
        for loop in (*batch, i_b, j_o):
            s[C].parallel(loop)
        # A block at the edge may have fewer strips than the others.
        s[C].pragma((*batch, i_b)[0], "parallel_schedule", "dynamic")
        for packed in (left, right):
            for loop in s[packed].loops[: packed.ndim - 1]:
                s[packed].parallel(loop)
        return
    near, far = (left, right) if shared == "rows" else (right, left)
    s[near].compute_at(s[C], i_b if shared == "rows" else j_o)
    is_for_all = all(int_value(extent) == 1 for extent in far.shape[:-2])
    if batch and not is_for_all:
        s[far].compute_at(s[C], batch[-1])
    if num_threads == 1:
        return
    if by_stack:
        s[C].parallel(s[C].fuse(*batch) if len(batch) > 1 else batch[0])
    else:
        s[C].parallel(i_b if shared == "rows" else j_o)
        if is_for_all:
            s[far].parallel(s[far].loops[far.ndim - 2])


def _shared(
    n: int | None, m: int | None, blocks: MatmulBlocks, num_threads: int
) -> Literal["rows", "columns", "tiles"]:
    """Return what threads share: blocks of rows or strips of columns, or both together.

    The last is for sizes of which it is not known which of these is enough.
    """
    strips_of_rows = 0 if n is None else -(-n // blocks.rows)
    if num_threads == 1 or strips_of_rows >= num_threads:
        return "rows"
    if n is None or m is None:
        return "tiles"
    return "rows" if strips_of_rows >= -(-m // blocks.columns) else "columns"


def _strips_in_block(n: int | None, blocks: MatmulBlocks, num_threads: int) -> int:
    """Return how many strips of rows make a block: as many as leave no thread with more."""
    if n is None:
        # Threads wait for the last blocks: for a twentieth at most of what each has of C.
        tiles = PLANNED_SIZE**2 // (blocks.rows * blocks.columns) // num_threads
        return max(1, min(blocks.strips, tiles // 20)) if num_threads > 1 else blocks.strips
    strips = -(-n // blocks.rows)

    def longest(size: int) -> int:
        return min(strips, math.ceil(math.ceil(strips / size) / num_threads) * size)

    return min(range(min(blocks.strips, strips), 0, -1), key=longest)


def _packed(s: te.TeSchedule, C: te.Tensor, blocks: MatmulBlocks) -> tuple[te.Tensor, te.Tensor]:
    """Lay both operands of a product out in strips, and return what holds these.

    A strip of A has for ``depth`` steps of the sum the elements of each row side by side, which
    is a copy of vectors; a strip of B has a tile's columns side by side for each step.
    """
    rows, columns, depth = blocks.rows, blocks.columns, blocks.depth
    left, right = (
        T if T.op.tag in (PREPARED, TRANSPOSED) else s.cache_read(T, "global", [C])
        for T in C.op.input_tensors
    )
    if left.op.tag == TRANSPOSED:  # its rows lie side by side already
        s[left].transform_layout(lambda *x: [*x[:-2], x[-2] // rows, x[-1], x[-2] % rows], 0)
    else:
        s[left].transform_layout(
            lambda *x: [*x[:-2], x[-2] // rows, x[-1] // depth, x[-2] % rows, x[-1] % depth], 0
        )
    s[left].vectorize(s[left].loops[-1])
    s[right].transform_layout(lambda *x: [*x[:-2], x[-1] // columns, x[-2], x[-1] % columns], 0)
    *_, r, j = s[right].loops
    if right.op.tag == TRANSPOSED:  # a row of what is given after the other, a vector of each
        r_o, r_i = s[right].split(r, factor=depth)
        s[right].reorder(r_o, j, r_i)
        s[right].vectorize(r_i)
    else:
        s[right].vectorize(j)
    return left, right


def _check_product(what: str, C: te.Tensor) -> None:
    op = C.op
    if not isinstance(op, te.ComputeOp) or len(op.axis) < 2 or len(op.reduce_axis) != 1:
        raise ScheduleError(f"{what}: {C.name!r} is no matrix product; declare it with ops.matmul")


MATMUL: Final = Operator("matmul", declare, schedule_matmul)
