"""What those who make tensors out of tensors know of one: its elements, and how to make another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from texpr.errors import TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, ExprOperators, Load, free_vars, is_const
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO
from texpr.te.reduction import Reduce


class WholeTensor(Buffer, ExprOperators, ABC):
    """A tensor, out of which operators, slices and reductions make others."""

    @abstractmethod
    def made(
        self, name: str, axis: Sequence[IterVar], body: tuple[Expr, ...] | Reduce, tag: str
    ) -> Any:
        """Return the tensor with these axes and elements; a tuple where the elements are."""


def element_at(x: Any, axis: Sequence[IterVar]) -> Any:
    """Return what stands at ``axis`` in ``x`` broadcast to it; ``x`` itself is a scalar."""
    if not isinstance(x, WholeTensor):
        return x
    own = axis[len(axis) - x.ndim :]
    return Load(x, [ZERO if is_const(n, 1) else i.var for i, n in zip(own, x.shape, strict=True)])


def axes_over(shape: Sequence[Expr]) -> tuple[IterVar, ...]:
    """Return an axis ``i0``, ``i1``, … for every extent."""
    return tuple(IterVar(f"i{k}", (ZERO, extent)) for k, extent in enumerate(shape))


def refuse_axes(what: str, values: Sequence[Expr], own: Sequence[IterVar], instead: str) -> None:
    """Refuse axes of another operation in what is to be a tensor with the axes ``own``."""
    known = {i.var for i in own}
    for var in free_vars(*values):
        if var.is_axis and var not in known:
            raise TexprError(
                f"{what}: the axis {var.name!r} has a value only in the rule that it belongs to, "
                f"and this would be a tensor of its own; {instead}"
            )
