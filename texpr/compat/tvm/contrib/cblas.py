"""Products of matrices by a library: that of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from texpr import te
from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.packed import call_packed
from texpr.compat.tvm.registry import register_func
from texpr.errors import ShapeError

__all__ = ["batch_matmul", "matmul"]

_MATMUL, _BATCH_MATMUL = "tvm.contrib.cblas.matmul", "tvm.contrib.cblas.batch_matmul"


def _product(lhs: Any, rhs: Any, out: Any, transa: bool = False, transb: bool = False) -> None:
    a = np.swapaxes(lhs.view, -1, -2) if transa else lhs.view
    b = np.swapaxes(rhs.view, -1, -2) if transb else rhs.view
    np.matmul(a, b, out=out.view)


register_func(_MATMUL, _product)
register_func(_BATCH_MATMUL, _product)


def matmul(lhs: te.Tensor, rhs: te.Tensor, transa: bool = False, transb: bool = False) -> te.Tensor:
    """Return the product of two matrices, each transposed first if told.

    Raises
    ------
    ShapeError
        Something else than matrices.

    >>> A, B = te.placeholder((4, 8), name="A"), te.placeholder((5, 8), name="B")
    >>> matmul(A, B, transb=True)
    <tensor C: float32[4, 5]>
    """
    return _declared(_MATMUL, 2, lhs, rhs, transa, transb)


def batch_matmul(
    lhs: te.Tensor, rhs: te.Tensor, transa: bool = False, transb: bool = False
) -> te.Tensor:
    """Return the products of matrices, one for each index of the first dimension.

    Raises
    ------
    ShapeError
        Something else than three dimensions.
    """
    return _declared(_BATCH_MATMUL, 3, lhs, rhs, transa, transb)


def _declared(
    function: str, ndim: int, lhs: te.Tensor, rhs: te.Tensor, transa: bool, transb: bool
) -> te.Tensor:
    for tensor in (lhs, rhs):
        if tensor.ndim != ndim:
            raise ShapeError(
                f"{function}: {tensor!r} has {tensor.ndim} dimensions; pass one with {ndim}"
            )
    rows = lhs.shape[-1] if transa else lhs.shape[-2]
    columns = rhs.shape[-2] if transb else rhs.shape[-1]
    return te.extern(  # type: ignore[no-any-return]
        (*lhs.shape[:-2], rows, columns),
        [lhs, rhs],
        lambda ins, outs: call_packed(function, ins[0], ins[1], outs[0], transa, transb),
        name="C",
    )


__getattr__ = getattr_of(__name__)
