"""Buffers: named arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Binary, Const, Expr


@dataclass(frozen=True, eq=False)
class Buffer:
    """An array of ``dtype``; ``shape`` are int64 expressions of the sizes.

    ``strides`` counts elements for one step along each dimension; None means C order without
    gaps. Two buffers are equal only if they are the same object.
    """

    name: str
    shape: tuple[Expr, ...]
    dtype: DType
    strides: tuple[Expr, ...] | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_computed(self) -> bool:
        """Whether some operation makes it; a plain buffer is given."""
        return False

    def dense_strides(self) -> tuple[Expr, ...]:
        """The strides in elements, those of C order where none are given."""
        return self.strides if self.strides is not None else c_strides(self.shape)

    def __repr__(self) -> str:
        return f"<buffer {self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]>"

    def __copy__(self) -> Buffer:
        return self

    def __deepcopy__(self, memo: Any) -> Buffer:
        return self


def c_strides(shape: Sequence[Expr]) -> tuple[Expr, ...]:
    """Elements from one index to the next along each dimension of a dense C-order array."""
    strides: list[Expr] = []
    step: Expr = Const(1, INT64)
    for extent in reversed(shape):
        strides.append(step)
        if isinstance(step, Const) and isinstance(extent, Const):
            step = Const(int(step.value) * int(extent.value), INT64)
        else:
            step = (
                extent
                if isinstance(step, Const) and step.value == 1
                else Binary("mul", step, extent)
            )
    return tuple(reversed(strides))
