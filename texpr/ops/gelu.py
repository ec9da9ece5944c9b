"""The Gaussian error linear unit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import DTypeError, ScheduleError, ShapeError
from texpr.ir.expr import Expr
from texpr.ops import activations
from texpr.ops.arrays import Array, Operator, are_dense, is_tensor, run
from texpr.ops.elementwise import schedule_elementwise
from texpr.target.target import Target


def gelu(x: Any, *, approximate: bool = False, out: Any = None) -> Any:
    """Return ``x / 2 * (1 + erf(x / sqrt(2)))`` of each element, of an array or a te tensor.

    Parameters
    ----------
    x : array_like or Tensor
        Floats, of any shape.
    approximate : bool
        Whether to use the approximation by tanh, which is off by up to 0.0005.
    out : numpy.ndarray, optional
        Where the result of an array is put, of its shape and contiguous.

    Raises
    ------
    DTypeError
        No floats, or another ``out`` than the result.
    ShapeError
        An ``out`` of another shape, or with gaps.

    Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units", arXiv:1606.08415.

    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    if not are_dense(x) and is_tensor(x):
        return declare(x, approximate)
    array = np.asarray(x)
    shape = array.shape
    flat = array.ravel()  # one loop over all elements, whatever the dimensions
    if out is None:
        return run(GELU, (flat,), (approximate,)).reshape(shape)
    if not isinstance(out, np.ndarray) or out.shape != shape or not out.flags.c_contiguous:
        raise ShapeError(f"gelu: out is no contiguous array of shape {shape}; leave it out")
    run(GELU, (flat,), (approximate,), out.reshape(-1))
    return out


def declare(X: te.Tensor, approximate: bool = False) -> te.Tensor:
    """Declare it.

    Raises
    ------
    DTypeError
        No floats.

    >>> X = te.placeholder((4,), name="X")
    >>> print(te.create_schedule(declare(X).op))
    def Y(X: float32[4], Y: out float32[4]):
        for i0 in range(4):
            Y[i0] = X[i0]*0.5*(1.0 + erf(X[i0]*0.70710677))
    """
    if not X.dtype.is_float:
        raise DTypeError(f"gelu: {X.name} is {X.dtype}; pass floats, X.astype('float32')")
    rule = activations.gelu_tanh_rule if approximate else activations.gelu_rule

    def element(*i: Expr) -> Expr:
        return rule(X[i])

    Y: te.Tensor = te.compute(X.shape, element, name="Y")
    return Y


def reference(x: Array, approximate: bool = False) -> Array:
    """Return the same by NumPy, in the type that texpr computes in."""
    wide = x.astype("float32") if x.dtype.itemsize == 2 else x
    function = activations.gelu_tanh_reference if approximate else activations.gelu_reference
    return function(wide)


def schedule_gelu(
    Y: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for what :func:`gelu` declared: all elements in lanes, parts in parallel.

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
    if not isinstance(Y.op, te.ComputeOp) or Y.op.reduce_axis:
        raise ScheduleError(f"schedule_gelu: {Y.name!r} is no gelu; declare it with ops.gelu")
    own = Target.of(target)
    s = te.create_schedule(Y.op)
    schedule_elementwise(s, Y, own, own.num_cores if num_threads is None else num_threads)
    return s


GELU: Final = Operator("gelu", declare, schedule_gelu)
