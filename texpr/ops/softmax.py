"""Softmax: exponentials of each row, divided by their sum."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from texpr import te
from texpr.errors import DTypeError, ScheduleError, ShapeError
from texpr.ir.expr import int_value
from texpr.ops.arrays import Array, Operator, are_dense, as_array, is_tensor, run
from texpr.target.target import Target


def softmax(x: Any, *, axis: int = -1, out: Any = None) -> Any:
    """Return ``exp(x - max) / sum(exp(x - max))`` along an axis, of an array or a te tensor.

    Parameters
    ----------
    x : array_like or Tensor
        Floats.
    axis : int
        The dimension whose elements add up to 1; of a tensor the last one.
    out : numpy.ndarray, optional
        Where the result of an array is put.

    Raises
    ------
    ShapeError
        No such axis.
    DTypeError
        No floats, or another ``out`` than the result.

    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    if not are_dense(x) and is_tensor(x):
        _check_axis(axis, x.ndim)
        if axis % x.ndim != x.ndim - 1:
            raise ShapeError(
                f"softmax: axis {axis} of {x}; the last one of a tensor, X.transpose(…) before it"
            )
        return declare(x)
    given = np.asarray(x)
    _check_axis(axis, given.ndim)
    if axis in (-1, given.ndim - 1):
        return run(SOFTMAX, (as_array(given),), (), out)
    array = as_array(np.moveaxis(given, axis, -1))
    if out is None:
        return np.moveaxis(run(SOFTMAX, (array,), ()), -1, axis)
    is_array = isinstance(out, np.ndarray) and out.ndim == given.ndim
    run(SOFTMAX, (array,), (), np.moveaxis(out, axis, -1) if is_array else out)
    return out


def _check_axis(axis: int, ndim: int) -> None:
    if not -ndim <= axis < ndim:
        raise ShapeError(f"softmax: axis {axis} of {ndim} dimensions; pass one that there is")


def declare(X: te.Tensor) -> te.Tensor:
    """Declare it along the last axis.

    Raises
    ------
    DTypeError
        No floats.

    >>> X = te.placeholder((3, 4), name="X")
    >>> print(te.create_schedule(declare(X).op))
    def Y(X: float32[3, 4], Y: out float32[3, 4]):
        greatest = empty((3,), float32)
        power = empty((3, 4), float32)
        total = empty((3,), float32)
        for i in range(3):
            greatest[i] = -inf
            for k in range(4):
                greatest[i] = max(greatest[i], X[i, k])
        for i in range(3):
            for j in range(4):
                power[i, j] = exp(X[i, j] - greatest[i])
        for i in range(3):
            total[i] = 0.0
            for k in range(4):
                total[i] += power[i, k]
        for i in range(3):
            for j in range(4):
                Y[i, j] = power[i, j]/total[i]
    """
    if not X.dtype.is_float:
        raise DTypeError(f"softmax: {X.name} is {X.dtype}; pass floats, X.astype('float32')")
    *rows, length = X.shape
    names = [f"i{place}" if len(rows) > 1 else "i" for place in range(len(rows))]
    k, k2 = (te.reduce_axis((0, length), name="k") for _ in range(2))

    def wide(*i: Any) -> Any:
        return X[i].astype("float32") if X.dtype.size_bytes == 2 else X[i]

    greatest = te.compute(
        tuple(rows), lambda *i: te.max(wide(*i, k), axis=k), name="greatest", varargs_names=names
    )
    power = te.compute(
        X.shape,
        lambda *i: te.exp(wide(*i) - greatest[i[:-1]]),
        name="power",
        varargs_names=[*names, "j"],
    )
    total = te.compute(
        tuple(rows), lambda *i: te.sum(power[(*i, k2)], axis=k2), name="total", varargs_names=names
    )
    Y: te.Tensor = te.compute(
        X.shape, lambda *i: power[i] / total[i[:-1]], name="Y", varargs_names=[*names, "j"]
    )
    return Y


def reference(x: Array) -> Array:
    """Return the same by NumPy, in the type that texpr computes in."""
    wide = x.astype("float32") if x.dtype.itemsize == 2 else x
    power = np.exp(wide - wide.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(power / power.sum(axis=-1, keepdims=True))


def schedule_softmax(
    Y: te.Tensor, target: Target | str | None = None, num_threads: int | None = None
) -> te.TeSchedule:
    """Return a schedule for what :func:`softmax` declared.

    ::

        for i in parallel(…):                    a row at a time, in the first caches
            for k_o in …:
                for k_i in vectorized(lanes):    the greatest of each lane, then of these
            for j_o in …:
                for j_i in vectorized(lanes):    exponentials
            for k_o in …:
                for k_i in vectorized(lanes):    the sum of each lane, then of these
            for j_o in …:
                for j_i in vectorized(lanes):    quotients

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
    stages = {tensor.name: tensor for tensor in Y.op.input_tensors}
    if not {"power", "total"} <= set(stages):
        raise ScheduleError(
            f"schedule_softmax: {Y.name!r} is no softmax; declare it with ops.softmax"
        )
    power, total = stages["power"], stages["total"]
    greatest = next(T for T in power.op.input_tensors if T.name == "greatest")
    own = Target.of(target)
    threads = own.num_cores if num_threads is None else num_threads
    *sizes, length = (int_value(extent) for extent in Y.shape)
    lanes = own.vector_lanes(Y.dtype)
    if length is not None:
        lanes = min(lanes, max(1, length))

    s = te.create_schedule(Y.op, judged=False)
    *rows, j = Y.op.axis
    _, j_i = s[Y].split(j, factor=lanes)
    s[Y].vectorize(j_i)
    row = rows[-1] if rows else None
    if threads > 1 and (None in sizes or math.prod(filter(None, sizes)) > 1):
        for loop in rows:  # whose iterations are shared as one space
            s[Y].parallel(loop)
    for reduced in (greatest, total):
        _, k_i = s[reduced].split(reduced.op.reduce_axis[0], factor=lanes)
        parts = s.rfactor(reduced, k_i, factor_axis=len(rows))
        *_, lane = parts.op.axis
        s[parts].reorder(*parts.op.reduce_axis, lane)
        s[parts].vectorize(lane)
        if row is not None:
            s[reduced].compute_at(s[Y], row)
            s[parts].compute_at(s[Y], row)
    _, power_i = s[power].split(power.op.axis[-1], factor=lanes)
    s[power].vectorize(power_i)
    if row is not None:
        s[power].compute_at(s[Y], row)
    return s


SOFTMAX: Final = Operator("softmax", declare, schedule_softmax)
