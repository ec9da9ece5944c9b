"""``te.gradient``: from the output back to the inputs, an adjoint for every tensor between them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.expr import Binary, Const, cast
from texpr.ir.functions import all_of, if_then_else
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute
from texpr.te.autodiff.reductions import reduction_terms
from texpr.te.autodiff.stage import AdjointStage, dimension_names
from texpr.te.autodiff.terms import Adjoint, Term, plain_terms
from texpr.te.program import operations
from texpr.te.reduction import Reduce
from texpr.te.tensor import ComputeOp, Operation, Tensor


def gradient(output: Tensor, inputs: Any, head: Tensor | None = None) -> list[Tensor]:
    """Return the derivatives of ``output`` by ``inputs``, times ``head``.

    For each input, with all axes of ``output`` summed over::

        result[prefix…, a…] = sum of head[prefix…, o…] * d output[o…] / d input[a…]

    The results are tensors like any other: they print, are scheduled and compiled, and can be
    differentiated again. A convolution's gradient is a convolution, a transposition's a
    transposition; the index equations are solved exactly.

    Parameters
    ----------
    output : Tensor
        What is differentiated; of floats.
    inputs : Tensor or sequence of Tensor
        By which it is differentiated: inputs, or tensors on the way from them to ``output``.
    head : Tensor, optional
        Of shape ``prefix + output.shape``. Without it ``prefix`` is ``output.shape`` and the
        result is the Jacobian; for an output of rank 0 that is the gradient.

    Returns
    -------
    list of Tensor
        Of shape ``prefix + input.shape`` and the input's type, one for each input; zeros where
        the output does not depend on it.

    Raises
    ------
    DTypeError
        An output, input or head that is no tensor, or not of floats.
    ShapeError
        A head whose last dimensions are not the output's.
    TexprError
        A function without a derivative.

    Notes
    -----
    Where a function has a kink one side decides: of equal elements under ``min`` and ``max`` a
    constant (or ``init=``) takes the derivative, and else the first; ``abs`` has 0 at 0. What
    jumps (``floor``, ``round``, conversion to an integer) has 0 everywhere. A reducer of
    one's own takes n*n steps for n elements.

    >>> from texpr import te
    >>> A, k = te.placeholder((4, 8), name="A"), te.reduce_axis((0, 8), name="k")
    >>> S = te.compute((4,), lambda i: te.sum(A[i, k] * A[i, k], axis=k), name="S")
    >>> dS = te.placeholder((4,), name="dS")
    >>> (dA,) = te.gradient(S, A, head=dS)
    >>> print(te.create_schedule(dA.op))
    def dA(dS: float32[4], A: float32[4, 8], dA: out float32[4, 8]):
        for i in range(4):
            for k in range(8):
                dA[i, k] = dS[i]*A[i, k]*2.0
    """
    wanted = [*inputs] if isinstance(inputs, (list, tuple)) else [inputs]
    _check_float(output, "the output")
    for position, tensor in enumerate(wanted):
        _check_float(tensor, f"input {position}")
    if head is not None:
        _check_head(head, output)
    sweep = _Sweep(output, wanted, head)
    sweep.run()
    return [sweep.result(tensor) for tensor in wanted]


def _check_float(tensor: object, what: str) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"gradient: {what} is {shown(tensor)}; pass a tensor")
    if not tensor.dtype.is_float:
        raise DTypeError(
            f"gradient: {what}, {tensor.name}, is {tensor.dtype}, and integers have no derivative; "
            f"pass a tensor of floats"
        )


def _check_head(head: object, output: Tensor) -> None:
    _check_float(head, "the head")
    assert isinstance(head, Tensor)
    last = head.shape[head.ndim - output.ndim :] if head.ndim >= output.ndim else ()
    same = len(last) == output.ndim and all(
        simplify(own - wanted) is ZERO for own, wanted in zip(last, output.shape, strict=True)
    )
    if not same:
        wanted = ", ".join(map(str, output.shape))
        given = ", ".join(map(str, head.shape))
        raise ShapeError(
            f"gradient: the head {head.name} has the shape ({given}), which does not end with "
            f"({wanted}), that of {output.name}; pass a head of shape prefix + ({wanted})"
        )


class _Sweep:
    """One way back from an output, with the terms that are still to be summed."""

    def __init__(self, output: Tensor, inputs: Sequence[Tensor], head: Tensor | None) -> None:
        self.output, self.wanted, self.head = output, set(inputs), head
        extents = output.shape if head is None else head.shape[: head.ndim - output.ndim]
        like = output if head is None else head
        self.prefix = tuple(
            IterVar(name, (ZERO, extent))
            for name, extent in zip(dimension_names(like, ()), extents, strict=False)
        )
        self.order = operations([output.op])
        self.live = _live(self.order, inputs)
        self.pending: dict[Tensor, list[Term]] = {}
        self.adjoints: dict[Tensor, Adjoint] = {}

    def run(self) -> None:
        for op in reversed(self.order):
            found = [self._close(tensor) for tensor in op.outputs]
            if not any(found):
                continue
            for term in _terms(op, found, self.live):
                self.pending.setdefault(term.tensor, []).append(term)

    def result(self, tensor: Tensor) -> Tensor:
        adjoint = self.adjoints.get(tensor)
        if adjoint is not None and adjoint.made is not None:
            return adjoint.made
        stage = AdjointStage(tensor, self.prefix, ())
        zero = Const(0, tensor.dtype)
        if adjoint is None:
            return stage.plain(zero)
        value = substitute(adjoint.at(stage.cell), stage.at_prefix)
        pairs = (
            Binary("eq", one.left, substitute(one.right, stage.at_prefix))
            for one in adjoint.equations(stage.cell)
        )
        return stage.plain(simplify(if_then_else(all_of(pairs), cast(value, tensor.dtype), zero)))

    def _close(self, tensor: Tensor) -> Adjoint | None:
        """Return the adjoint of ``tensor``, of which all readers have been met."""
        if tensor not in self.live:
            return None
        adjoint: Adjoint | None = None
        if tensor is self.output:
            prefix = tuple(axis.var for axis in self.prefix)
            adjoint = Adjoint(tensor, prefix)
            if self.head is not None:
                adjoint = Adjoint.elements(tensor, prefix, self.head)
        elif tensor in self.pending:
            stage = AdjointStage(tensor, self.prefix, self.pending.pop(tensor))
            adjoint = stage.adjoint(is_wanted=tensor in self.wanted)
        if adjoint is not None:
            self.adjoints[tensor] = adjoint
        return adjoint


def _live(order: Sequence[Operation], inputs: Sequence[Tensor]) -> set[Tensor]:
    """Return the tensors of floats that depend on ``inputs``, and those themselves."""
    live = set(inputs)
    for op in order:
        if any(tensor in live for tensor in op.input_tensors):
            live |= {tensor for tensor in op.outputs if tensor.dtype.is_float}
    return live


def _terms(
    op: Operation, adjoints: Sequence[Adjoint | None], live: Collection[Tensor]
) -> Iterator[Term]:
    """Yield what ``op`` adds to the adjoints of those tensors of ``live`` that it reads."""
    if not isinstance(op, ComputeOp):
        read = next((tensor.name for tensor in op.input_tensors if tensor in live), None)
        if read is not None:
            raise TexprError(
                f"gradient: {op.name} is computed from {read} by {type(op).__name__}, of which no "
                f"derivative is known; declare it with te.compute, or differentiate up to "
                f"{op.name} and from there on and put them together"
            )
        return
    if isinstance(op.body, Reduce):
        yield from reduction_terms(op, adjoints, live)
        return
    for position, (root, adjoint) in enumerate(zip(op.body, adjoints, strict=True)):
        if adjoint is not None:
            yield from plain_terms(op, position, root, adjoint, live)
