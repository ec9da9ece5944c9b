"""Products of many pairs of matrices."""

from __future__ import annotations

from typing import Any, Final

from texpr import te
from texpr.errors import ShapeError
from texpr.ops.arrays import Operator, are_dense, as_array, is_tensor, run
from texpr.ops.matmul import declare as declare_matmul
from texpr.ops.matmul import reference as reference
from texpr.ops.matmul import schedule_matmul
from texpr.ops.operands import shape_text
from texpr.target.target import Target


def batched_matmul(
    a: Any, b: Any, *, trans_a: bool = False, trans_b: bool = False, out: Any = None
) -> Any:
    """Return the products of the matrices of two stacks, of arrays as well as of te tensors.

    It is :func:`~texpr.ops.matmul.matmul` for two arrays of three dimensions, and takes no others.

    Parameters
    ----------
    a, b : array_like or Tensor
        Of shapes (batch, n, k) and (batch, k, m); a batch of 1 is used with all of the other.
    trans_a, trans_b : bool
        Whether the matrices of an operand are given transposed.
    out : numpy.ndarray, optional
        Where the result of arrays is put.

    Raises
    ------
    ShapeError
        Shapes that do not fit.
    DTypeError
        An array beside a tensor, or another ``out`` than the result.

    >>> import numpy as np
    >>> batched_matmul(np.ones((2, 1, 3)), np.ones((2, 3, 1))).tolist()
    [[[3.0]], [[3.0]]]
    """
    if not are_dense(a, b):
        if is_tensor(a, b):
            return declare(a, b, trans_a, trans_b)
        a, b = as_array(a), as_array(b)
    return run(BATCHED_MATMUL, (a, b), (trans_a, trans_b), out)


def declare(A: te.Tensor, B: te.Tensor, trans_a: bool = False, trans_b: bool = False) -> te.Tensor:
    """Declare ``C[b] = A[b] @ B[b]``.

    Raises
    ------
    ShapeError
        Shapes that do not fit.

    >>> A, B = te.placeholder((2, 4, 6), name="A"), te.placeholder((2, 6, 5), name="B")
    >>> print(te.create_schedule(declare(A, B).op))
    def C(A: float32[2, 4, 6], B: float32[2, 6, 5], C: out float32[2, 4, 5]):
        for b in range(2):
            for i in range(4):
                for j in range(5):
                    C[b, i, j] = 0.0
                    for k in range(6):
                        C[b, i, j] += A[b, i, k]*B[b, k, j]
    """
    if (A.ndim, B.ndim) != (3, 3):
        raise ShapeError(
            f"batched_matmul: {shape_text(A)} and {shape_text(B)} are not both stacks of "
            f"matrices, (batch, rows, columns); use ops.matmul for others"
        )
    return declare_matmul(A, B, trans_a, trans_b)


def schedule_batched_matmul(
    C: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for what :func:`batched_matmul` declared.

    Each product is scheduled as :func:`~texpr.ops.matmul.schedule_matmul` does one; the loop over
    the batch is outside and, where it is long enough, the parallel one.

    Parameters
    ----------
    C : Tensor
        The products. Their sizes are numbers or known only at run time, in any mixture.
    target : Target or str, optional
        What it is to run on; this machine unless given.
    num_threads : int, optional
        For how many threads it is cut; as many as the target has cores unless given.

    Raises
    ------
    ScheduleError
        ``C`` is something else.
    """
    return schedule_matmul(C, target, num_threads)


BATCHED_MATMUL: Final = Operator("batched_matmul", declare, schedule_batched_matmul)
