"""Operators on arrays: a kernel for each combination of shapes and types, built once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from texpr import config, te
from texpr.driver import build
from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.expr import int_value
from texpr.target.kernel import Kernel
from texpr.target.target import Target
from texpr.target.threads import threads_in_force

Array = np.ndarray[Any, Any]

MAX_KERNELS: Final = 256
"""Kernels that are kept, the last used ones; some ten KiB of code each."""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """How an operator is declared and scheduled; equal to itself alone, which is found quickly.

    Parameters
    ----------
    name : str
    declare : callable
        Takes te tensors, and the options by position; returns the result's tensor.
    schedule : callable
        Takes the result's tensor, a target and a number of threads; returns its schedule.
    """

    name: str
    declare: Callable[..., te.Tensor]
    schedule: Callable[[te.Tensor, Target, int], te.TeSchedule]


@dataclass(frozen=True, slots=True)
class Ready:
    """A kernel, and what its result looks like."""

    kernel: Kernel
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def are_dense(*operands: object) -> bool:
    """Whether all operands are NumPy's own arrays without gaps, to which nothing need be done."""
    for operand in operands:
        if type(operand) is not np.ndarray or not operand.flags.c_contiguous:
            return False
    return True


def is_tensor(*operands: object) -> bool:
    """Whether an operator is to declare: one of the operands is a te tensor.

    Raises
    ------
    DTypeError
        Some are, and some are arrays.
    """
    # Of a class such as Tensor, whose kind is ABC's, isinstance takes its time.
    tensors = [x for x in operands if type(x) is not np.ndarray and isinstance(x, te.Tensor)]
    if tensors and len(tensors) < len(operands):
        other = next(x for x in operands if not isinstance(x, te.Tensor))
        raise DTypeError(
            f"ops: {shown(other)} beside a te tensor; pass tensors alone to declare, or arrays "
            f"alone to compute"
        )
    return bool(tensors)


def as_array(value: Any) -> Array:
    """Return an array whose rows have no gaps: ``value`` itself where it is one.

    It may be whatever NumPy makes an array of. Other layouts are copied, which costs less than
    reading them element by element.
    """
    array = value if type(value) is np.ndarray else np.asarray(value)
    if array.flags.c_contiguous:
        return array
    if array.ndim and array.strides[-1] == array.itemsize and array.flags.aligned:
        return array
    return np.ascontiguousarray(array)


def widened(array: Array) -> Array:
    """Return an array in the type that texpr computes in: float32 for floats of 16 bits.

    >>> widened(np.ones(1, "float16")).dtype
    dtype('float32')
    """
    # NumPy's kind of bfloat16 is V, as of all types that it knows from elsewhere.
    is_narrow = array.dtype.itemsize == 2 and array.dtype.kind in "fV"
    return array.astype(np.float32) if is_narrow else array


def run(
    operator: Operator, operands: Sequence[Array], options: tuple[Any, ...], out: Any = None
) -> Any:
    """Compute an operator on arrays; into ``out`` where there is one, which is returned.

    Raises
    ------
    ShapeError, DTypeError
        Operands that the operator does not take, or another ``out`` than its result.
    """
    key: tuple[Any, ...] = operator, options, config.default_target(), threads_in_force()
    for operand in operands:
        key += operand.shape, operand.dtype
    ready = kernel_of(*key)
    if out is None:
        out = np.empty(ready.shape, ready.dtype)
    else:
        _check_out(operator.name, out, ready)
    ready.kernel(*operands, out)
    return out


@lru_cache(maxsize=MAX_KERNELS)
def kernel_of(
    operator: Operator,
    options: tuple[Any, ...],
    target: str,
    num_threads: int,
    *shapes_and_dtypes: Any,
) -> Ready:
    """Build the kernel of an operator for a shape and a type of each operand, in turn.

    They are not paired because every call asks: tuples in tuples take longer to make and to hash.
    """
    own = Target.of(target)
    if not own.is_host:
        raise TexprError(
            f"{operator.name}: the target {own} is another machine; declare with te tensors, and "
            f"build for it"
        )
    operands = zip(shapes_and_dtypes[::2], shapes_and_dtypes[1::2], strict=True)
    tensors = [
        te.placeholder(shape, str(dtype), name="ABCDEFGH"[place])
        for place, (shape, dtype) in enumerate(operands)
    ]
    result = operator.declare(*tensors, *options)
    schedule = operator.schedule(result, own, num_threads)
    kernel = build(schedule, [*tensors, result], own, operator.name)
    shape = tuple(int_value(extent) or 0 for extent in result.shape)
    return Ready(kernel, shape, result.dtype.numpy)


def _check_out(name: str, out: Any, ready: Ready) -> None:
    if not isinstance(out, np.ndarray):
        raise DTypeError(f"{name}: out is {shown(out)}; pass a NumPy array")
    if out.shape != ready.shape:
        raise ShapeError(
            f"{name}: out is of shape {out.shape}, and the result of {ready.shape}; "
            f"pass np.empty({ready.shape}, {str(ready.dtype)!r})"
        )
    if out.dtype != ready.dtype:
        raise DTypeError(
            f"{name}: out is {out.dtype}, and the result {ready.dtype}; "
            f"pass np.empty({ready.shape}, {str(ready.dtype)!r})"
        )
