"""A dense layer: a product of matrices, a bias, an activation."""

from __future__ import annotations

from typing import Any, Final

from texpr import te
from texpr.errors import ScheduleError, ShapeError
from texpr.ir.expr import Expr
from texpr.ops.activations import activation as activation_of
from texpr.ops.arrays import Array, Operator, are_dense, as_array, is_tensor, run, widened
from texpr.ops.matmul import declare as declare_matmul
from texpr.ops.matmul import reference as matmul_reference
from texpr.ops.matmul import schedule_product
from texpr.ops.operands import in_order, shape_text
from texpr.target.target import Target
from texpr.te.shapes import is_same_extent


def dense(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    activation: str | None = None,
    trans_w: bool = False,
    out: Any = None,
) -> Any:
    """Return ``activation(x @ w + bias)``, of arrays as well as of te tensors.

    Parameters
    ----------
    x, w : array_like or Tensor
        Of shapes (n, k) and (k, m).
    bias : array_like or Tensor, optional
        Of shape (m,), added to each row.
    activation : str, optional
        ``relu``, ``gelu``, ``gelu_tanh``, ``tanh``, ``sigmoid``, or ``none``.
    trans_w : bool
        Whether ``w`` is given as (m, k), as PyTorch's linear layers keep it.
    out : numpy.ndarray, optional
        Where the result of arrays is put.

    Raises
    ------
    ShapeError
        Shapes that do not fit.
    DTypeError
        An array beside a tensor, or another ``out`` than the result.
    TexprError
        An unknown activation.

    >>> import numpy as np
    >>> dense(np.array([[1.0, -2.0]]), np.eye(2), np.array([0.5, 0.5]), activation="relu")
    array([[1.5, 0. ]])
    """
    operands: tuple[Any, ...] = (x, w) if bias is None else (x, w, bias)
    if not are_dense(*operands):
        if is_tensor(*operands):
            return declare(*operands, activation=activation, trans_w=trans_w)
        weights, trans_w = in_order(w, trans_w)
        operands = as_array(x), weights, *map(as_array, operands[2:])
    return run(DENSE, operands, (activation, trans_w), out)


def declare(
    X: te.Tensor,
    W: te.Tensor,
    bias: te.Tensor | None = None,
    *,
    activation: str | None = None,
    trans_w: bool = False,
) -> te.Tensor:
    """Declare it.

    Raises
    ------
    ShapeError
        Shapes that do not fit.
    TexprError
        An unknown activation.

    >>> X, W = te.placeholder((4, 6), name="X"), te.placeholder((6, 5), name="W")
    >>> print(te.create_schedule(declare(X, W, activation="relu").op))
    def Y(X: float32[4, 6], W: float32[6, 5], Y: out float32[4, 5]):
        C = empty((4, 5), float32)
        for i in range(4):
            for j in range(5):
                C[i, j] = 0.0
                for k in range(6):
                    C[i, j] += X[i, k]*W[k, j]
        for i in range(4):
            for j in range(5):
                Y[i, j] = max(C[i, j], 0.0)
    """
    rule = activation_of(activation).rule
    if (X.ndim, W.ndim) != (2, 2):
        raise ShapeError(f"dense: {shape_text(X)} and {shape_text(W)} are not both matrices")
    C = declare_matmul(X, W, trans_b=trans_w)
    if bias is None:
        if activation in (None, "none"):
            return C
    elif bias.ndim != 1 or not is_same_extent(bias.shape[0], C.shape[1]):
        raise ShapeError(
            f"dense: {shape_text(bias)} is added to rows of {C.shape[1]}; pass a vector as long"
        )

    def element(i: Expr, j: Expr) -> Expr:
        return rule(C[i, j] if bias is None else C[i, j] + bias[j])

    Y: te.Tensor = te.compute(C.shape, element, name="Y")
    return Y


def reference(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    activation: str | None = None,
    trans_w: bool = False,
) -> Array:
    """Return the same by NumPy, in the type that texpr computes in."""
    product = matmul_reference(x, w, trans_b=trans_w)
    if bias is not None:
        product = product + widened(bias)
    return activation_of(activation).reference(product)


def schedule_dense(
    Y: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for what :func:`dense` declared.

    The product as :func:`~texpr.ops.matmul.schedule_matmul` does it; bias and activation are
    applied to each tile as it is stored.

    Parameters
    ----------
    Y : Tensor
        The result. Its sizes are numbers or known only at run time, in any mixture.
    target : Target or str, optional
        What it is to run on; this machine unless given.
    num_threads : int, optional
        For how many threads it is cut; as many as the target has cores unless given.

    Raises
    ------
    ScheduleError
        ``Y`` is something else.
    """
    found = [Y, *Y.op.input_tensors]
    product = next(
        (T for T in found if isinstance(T.op, te.ComputeOp) and len(T.op.reduce_axis) == 1), None
    )
    if product is None or product.ndim != 2 or Y.ndim != 2:
        raise ScheduleError(f"schedule_dense: {Y.name!r} is none; declare it with ops.dense")
    own = Target.of(target)
    threads = own.num_cores if num_threads is None else num_threads
    s = te.create_schedule(Y.op, judged=False)
    schedule_product(s, product, own, threads, epilogue=None if product is Y else Y)
    return s


def _declare(*arguments: Any) -> te.Tensor:
    """Declare it with the options by position, behind two tensors or three."""
    *tensors, activation, trans_w = arguments
    return declare(*tensors, activation=activation, trans_w=trans_w)


DENSE: Final = Operator("dense", _declare, schedule_dense)
