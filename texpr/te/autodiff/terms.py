"""What one operation adds to the adjoints of the tensors that it reads: a term per read element."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from texpr.ir.expr import Const, Expr, IfThenElse, Load, Var, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.visitor import substitute
from texpr.te.autodiff.elimination import Equation
from texpr.te.autodiff.tangent import guard_of, is_zero, tangent
from texpr.te.tensor import ComputeOp, Tensor


@dataclass(frozen=True, eq=False)
class Adjoint:
    """The derivative of the output by the tensor ``of``: ``value``, at ``prefix`` and ``cell``.

    Without a ``value`` it is 1 where the cell is the prefix and 0 elsewhere: the derivative of the
    output by itself.
    """

    of: Tensor
    prefix: tuple[Var, ...]
    cell: tuple[Var, ...] = ()
    value: Expr | None = None
    made: Tensor | None = None
    """The tensor whose element ``value`` is, where it was made for this."""

    @staticmethod
    def elements(of: Tensor, prefix: Sequence[Var], tensor: Tensor) -> Adjoint:
        """Return the adjoint that is stored in ``tensor``."""
        cell = tuple(Var(f"c{n}", is_axis=True) for n in range(of.ndim))
        return Adjoint(of, tuple(prefix), cell, Load(tensor, (*prefix, *cell)))

    def at(self, index: Sequence[Expr]) -> Expr:
        """Return the element for ``index``, where :meth:`equations` hold."""
        if self.value is None:
            return Const(1, self.of.dtype)
        return substitute(self.value, dict(zip(self.cell, index, strict=True)))

    def equations(self, index: Sequence[Expr]) -> tuple[Equation, ...]:
        """Return what must hold for the element to differ from 0."""
        if self.value is not None:
            return ()
        return tuple(Equation(i, p) for i, p in zip(index, self.prefix, strict=True))


@dataclass(frozen=True, eq=False)
class Term:
    """The sum of ``value`` over those ``loops`` that read one cell of ``leaf``'s tensor."""

    leaf: Load
    value: Expr
    loops: tuple[IterVar, ...]
    where: tuple[Expr, ...]
    """Only iterations where these hold count, and the others evaluate nothing."""
    equations: tuple[Equation, ...]
    """And only those where these hold."""
    guard: Expr
    """What guards the subscripts of ``leaf``, apart from ``where``."""

    @property
    def tensor(self) -> Tensor:
        assert isinstance(self.leaf.buffer, Tensor)
        return self.leaf.buffer


def terms(
    root: Expr,
    adjoint: Adjoint,
    at: Sequence[Expr],
    loops: Sequence[IterVar],
    live: Collection[Tensor],
    *,
    where: Sequence[Expr] = (),
    equations: Sequence[Equation] = (),
) -> Iterator[Term]:
    """Yield the terms of ``adjoint[at] += …`` for a value ``root`` that was added to ``of[at]``.

    There is one for every element of a tensor of ``live`` on which ``root`` depends.
    """
    for leaf in loads(root, live):
        value = tangent(root, leaf, adjoint.at(at))
        if value is not None:
            yield Term(
                leaf,
                value,
                tuple(loops),
                tuple(where),
                (*adjoint.equations(at), *equations),
                guard_of(root, leaf),
            )


def loads(root: Expr, live: Collection[Tensor]) -> Iterator[Load]:
    """Yield the elements of tensors of ``live`` that stand in ``root``."""
    for node in postorder(root):
        if isinstance(node, Load) and node.buffer in live:
            yield node


def plain_terms(
    op: ComputeOp, position: int, root: Expr, adjoint: Adjoint, live: Collection[Tensor]
) -> Iterator[Term]:
    """Yield the terms of a rule without a reduction.

    What the rule computes is read where a derivative uses it, as that of ``exp`` does.
    """
    at = [axis.var for axis in op.axis]
    result = Load(op.output(position), at)
    for term in terms(root, adjoint, at, op.axis, live):
        yield replace(term, value=reusing(term.value, root, result))


def reusing(value: Expr, root: Expr, result: Expr) -> Expr:
    """Return ``value`` with ``result`` in the place of ``root``, which it equals.

    Where only one side of a choice counts, it is what that side of ``root`` equals as well.
    """
    layers: list[tuple[Expr, int]] = []
    while isinstance(root, IfThenElse) and isinstance(value, IfThenElse):
        zeros = [is_zero(side) for side in value.children[1:]]
        if value.children[0] is not root.children[0] or not any(zeros):
            break
        side = 2 if zeros[0] else 1
        layers.append((value, side))
        value, root = value.children[side], root.children[side]
    if root.children and not isinstance(root, Load):
        value = replaced(value, root, result)
    for outer, side in reversed(layers):
        children = list(outer.children)
        children[side] = value
        value = outer.rebuild(children)
    return value


def replaced(expr: Expr, old: Expr, new: Expr) -> Expr:
    """Return ``expr`` with ``new`` wherever ``old`` stood."""
    now: dict[Expr, Expr] = {}
    for node in postorder(expr):
        if node is old:
            now[node] = new
            continue
        children = [now[child] for child in node.children]
        same = all(a is b for a, b in zip(children, node.children, strict=True))
        now[node] = node if same else node.rebuild(children)
    return now[expr]
