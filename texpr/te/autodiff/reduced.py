"""One reduction of an operation, and the stages that its derivative needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Load, Select, Unary, Var, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.visitor import substitute
from texpr.te.declare import compute
from texpr.te.reduction import Reduce
from texpr.te.tensor import ComputeOp, Tensor


class Reduced:
    """A reduction with the tensors it makes; an operation may hold several side by side."""

    def __init__(
        self, op: ComputeOp, part: Reduce, outputs: Sequence[Tensor], live: Collection[Tensor]
    ) -> None:
        self.op, self.part, self.outputs, self.live = op, part, outputs, live
        self.data = tuple(axis.var for axis in op.axis)
        self.loops = (*op.axis, *part.axis)
        self.where = () if part.where is None else (part.where,)

    def operator(self) -> str | None:
        """The operator by which single values are combined, None where it is something else."""
        values = self.part.values
        if len(values) > 1:
            return None
        x, y = Var("x", values[0].dtype), Var("y", values[0].dtype)
        (combined,) = self.part.reducer.combine((x,), (y,))
        if not isinstance(combined, Binary) or {*combined.children} != {x, y}:
            return None
        return combined.op

    def stage(self, suffix: str, rule: Callable[[dict[Var, Expr]], object]) -> tuple[Tensor, ...]:
        """Return the tensors of a rule over the data axes, given what stands for them there."""
        made = compute(
            [axis.extent for axis in self.op.axis],
            lambda *at: rule(dict(zip(self.data, at, strict=True))),
            name=f"{self.op.name}_{suffix}",
            varargs_names=[axis.name for axis in self.op.axis],
        )
        return made if isinstance(made, tuple) else (made,)

    def element_stage(
        self, suffix: str, rule: Callable[[dict[Var, Expr]], object]
    ) -> tuple[Load, ...]:
        """Return the elements of a rule over data and reduction axes alike, at those axes.

        No range may depend on another axis.
        """
        axes = self.part.axis

        def at_all(*at: Expr) -> object:
            count = len(self.data)
            here = (axis.lower + i for axis, i in zip(axes, at[count:], strict=True))
            own = (axis.var for axis in self.loops)
            return rule(dict(zip(own, (*at[:count], *here), strict=True)))

        made = compute(
            [axis.extent for axis in self.loops],
            at_all,
            name=f"{self.op.name}_{suffix}",
            varargs_names=[axis.name for axis in self.loops],
        )
        cell = (*self.data, *(axis.var - axis.lower for axis in axes))
        return tuple(Load(one, cell) for one in (made if isinstance(made, tuple) else (made,)))


def fresh_axes(
    axes: Sequence[IterVar], new: dict[Var, Expr], taken: Sequence[str] = ()
) -> list[IterVar]:
    """Return axes of the same ranges for another operation, and put them into ``new``.

    Their names are none of those ``taken``.
    """
    made: list[IterVar] = []
    for axis in axes:
        dom = (substitute(axis.lower, new), substitute(axis.upper, new))
        name = unique_name(axis.name, {*taken, *(one.name for one in made)})
        made.append(IterVar(name, dom, is_reduce=True))
        new[axis.var] = made[-1].var
    return made


def is_exact(expr: Expr) -> bool:
    """Whether ``expr`` is the same to the bit wherever it is computed: nothing is rounded.

    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> is_exact(abs(A[0])), is_exact(A[0] * A[1] + A[2])
    (True, False)
    """
    return all(
        isinstance(node, (Load, Const, Var, Unary, Select, IfThenElse))
        or not node.dtype.is_float
        or (isinstance(node, Binary) and node.op in {"min", "max"})
        for node in postorder(expr)
    )
