"""Buffers: named arrays in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, int_value

if TYPE_CHECKING:
    from texpr.ir.itervar import IterVar


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
    def has_rows(self) -> bool:
        """Whether elements that are neighbours along the last dimension are so in memory."""
        return self.strides is None or int_value(self.strides[-1]) == 1

    @property
    def is_computed(self) -> bool:
        """Whether some operation makes it; a plain buffer is given."""
        return False

    @property
    def made_along(self) -> IterVar | None:
        """The axis whose steps read what earlier steps have made of it; None where none do."""
        return None

    def __repr__(self) -> str:
        return f"<buffer {self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]>"

    def __copy__(self) -> Buffer:
        return self

    def __deepcopy__(self, memo: Any) -> Buffer:
        return self


class ComputedBuffer(Buffer):
    """A buffer that some operation makes, nobody knows which: what a pickled tensor becomes."""

    @property
    def is_computed(self) -> bool:
        return True
