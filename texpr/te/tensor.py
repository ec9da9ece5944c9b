"""Tensors, the operations that make them, and what subscripts and operators make of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import texpr
from texpr.errors import BoundsError, DTypeError, ShapeError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Const, Expr, ExprOperators, Load, as_index, binary, int_value, is_const
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, ZERO, Location
from texpr.te.reduction import Reduce

_PACKAGE = str(Path(texpr.__file__).parent)


class Tensor(Buffer, ExprOperators):
    """The ``value_index``-th result of ``op``; a buffer that knows where it comes from.

    ``T[i, j]``, ``T[i][j]`` and ``T(i, j)`` are its elements. Python's operators on whole tensors
    work element by element with NumPy's broadcasting and make a new tensor; but ``==`` tells
    whether two tensors are the same one, and ``A.equal(B)`` compares elements. A tensor of rank 0
    is a scalar in all that.

    >>> from texpr import te
    >>> A = te.placeholder((4, te.var("n")), name="A")
    >>> A
    <tensor A: float32[4, n]>
    >>> A[1, 2]
    <float32 A[1, 2]>
    """

    op: Operation
    value_index: int

    def __init__(
        self, name: str, shape: tuple[Expr, ...], dtype: DType, op: Operation, value_index: int
    ) -> None:
        super().__init__(name, shape, dtype)
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "value_index", value_index)

    @property
    def is_whole_tensor(self) -> bool:  # type: ignore[override]  # a scalar where the rank is 0
        """Whether operators on it make a tensor; a tensor of rank 0 is a scalar instead."""
        return self.ndim > 0

    @property
    def is_computed(self) -> bool:
        return not isinstance(self.op, PlaceholderOp)

    @property
    def made_along(self) -> IterVar | None:
        return self.op.made_along

    @property
    def axis(self) -> tuple[IterVar, ...]:
        """The axes of the operation that computes it."""
        return self.op.axis

    def __getitem__(self, subscript: object) -> Any:
        given = subscript if isinstance(subscript, tuple) else (subscript,)
        return element(self, given)

    def __call__(self, *indices: object) -> Expr:
        if len(indices) != self.ndim:
            raise ShapeError(
                f"{self.name}: {len(indices)} subscripts for {self.ndim} dimensions; "
                f"give one for each"
            )
        found = element(self, indices)
        assert isinstance(found, Expr)
        return found

    def __as_expr__(self) -> Expr:
        if self.ndim:
            raise DTypeError(
                f"{self.name}: a whole tensor of {self.ndim} dimensions stands where one element "
                f"is wanted; index it, {self._element_text()}"
            )
        return Load(self, ())

    def __eq__(self, other: object) -> Any:
        return self._compared("eq", other)

    def __ne__(self, other: object) -> Any:
        return self._compared("ne", other)

    __hash__ = object.__hash__

    def _compared(self, op: str, other: object) -> Any:
        if isinstance(other, Tensor) and self.ndim and other.ndim:
            return (self is other) == (op == "eq")
        if not isinstance(other, (ExprOperators, bool, int, float, np.generic)):
            return NotImplemented
        if self.ndim or (isinstance(other, Tensor) and other.ndim):
            raise DTypeError(
                f"{self.name}: == tells whether two tensors are the same one, and {other} is a "
                f"scalar; compare an element, {self._element_text()} == …, or write "
                f"{self.name}.equal(…) for a tensor of bools"
            )
        return binary(op, self, other)

    def _element_text(self) -> str:
        return f"{self.name}[{', '.join('ijklmnopq'[: self.ndim]) or '()'}]"

    def __iter__(self) -> Any:
        raise DTypeError(
            f"{self.name}: a tensor cannot be looped over in Python; "
            f"index it with an axis inside te.compute"
        )

    def __contains__(self, item: object) -> bool:
        raise DTypeError(
            f"{self.name}: whether {item} is in it is known only when it runs; "
            f"compare its elements and reduce, te.any({self._element_text()} == …, axis=…)"
        )

    def __len__(self) -> int:
        extent = int_value(self.shape[0]) if self.shape else None
        if extent is None:
            raise ShapeError(
                f"{self.name}: its first extent is not a number; use {self.name}.shape[0]"
            )
        return extent

    def __repr__(self) -> str:
        return f"<tensor {self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]>"

    def elementwise(
        self, function: Callable[..., Expr], name: str, operands: Sequence[Any]
    ) -> Tensor:
        """Return the tensor of ``function(name, *elements)`` over the operands, broadcast."""
        return elementwise(function, name, operands)


class TensorSlice(ExprOperators):
    """A tensor with some of its subscripts given: ``T[i]`` on the way to ``T[i][j]``."""

    __slots__ = ("given", "tensor")

    def __init__(self, tensor: Tensor, given: tuple[object, ...]) -> None:
        self.tensor = tensor
        self.given = given

    def __getitem__(self, subscript: object) -> Any:
        more = subscript if isinstance(subscript, tuple) else (subscript,)
        return element(self.tensor, (*self.given, *more))

    def __as_expr__(self) -> Expr:
        raise ShapeError(
            f"{self}: {len(self.given)} of {self.tensor.ndim} subscripts; give the others as well"
        )

    def __str__(self) -> str:
        return f"{self.tensor.name}[{', '.join(map(str, self.given))}]"

    __repr__ = __str__


def element(tensor: Tensor, given: tuple[object, ...]) -> Expr | TensorSlice:
    """Return the element at ``given``, or a slice where subscripts are still missing.

    Raises
    ------
    ShapeError
        More subscripts than dimensions.
    DTypeError
        A subscript that is not an integer.
    BoundsError
        A constant subscript outside a constant extent; negative ones do not count from the end.
    """
    if len(given) > tensor.ndim:
        raise ShapeError(
            f"{tensor.name}[{', '.join(map(str, given))}]: {len(given)} subscripts for "
            f"{tensor.ndim} dimension{'s' * (tensor.ndim != 1)}; leave "
            f"{len(given) - tensor.ndim} out"
        )
    indices = []
    for position, (subscript, extent) in enumerate(zip(given, tensor.shape, strict=False)):
        index = integer(subscript, f"{tensor.name}: subscript {position}")
        value, size = int_value(index), int_value(extent)
        if value is not None and (value < 0 or (size is not None and value >= size)):
            raise BoundsError(
                f"{tensor.name}: subscript {value} of dimension {position} is outside "
                f"0..{extent}-1; subscripts do not count from the end"
            )
        indices.append(index)
    if len(indices) < tensor.ndim:
        return TensorSlice(tensor, given)
    return Load(tensor, indices)


def integer(value: object, what: str) -> Expr:
    """Return a subscript, an extent or the end of a range as an int64 expression.

    Raises
    ------
    DTypeError
        It is not an integer; ``what`` says what it would have been.
    """
    if isinstance(value, ExprOperators):
        return as_index(value, what)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise DTypeError(
            f"{what}: {shown(value)} is no integer; pass an int, a te.var or an axis, "
            f"or an integer expression of these"
        )
    if not INT64.min <= value <= INT64.max:
        raise DTypeError(f"{what}: {value} does not fit int64; pass a smaller one")
    return Const(int(value), INT64)


class Operation:
    """What computes one or several tensors."""

    name: str
    tag: str
    attrs: Mapping[str, Any]
    location: Location | None = None
    axis: tuple[IterVar, ...] = ()
    reduce_axis: tuple[IterVar, ...] = ()
    outputs: tuple[Tensor, ...]

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def output(self, index: int) -> Tensor:
        """Return the ``index``-th tensor that the operation makes."""
        return self.outputs[index]

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that it reads, in order of appearance."""
        return ()

    @property
    def made_along(self) -> IterVar | None:
        """The axis whose steps read what earlier steps have made of its tensors."""
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class PlaceholderOp(Operation):
    """An input."""

    def __init__(self, name: str, shape: tuple[Expr, ...], dtype: DType) -> None:
        self.name, self.tag, self.attrs = name, "", {}
        self.outputs = (Tensor(name, shape, dtype, self, 0),)


class ComputeOp(Operation):
    """A rule for every element: ``body`` has an expression per output, or one :class:`Reduce`."""

    def __init__(
        self,
        name: str,
        axis: tuple[IterVar, ...],
        body: tuple[Expr, ...] | Reduce,
        *,
        tag: str,
        attrs: Mapping[str, Any],
        location: Location | None,
    ) -> None:
        self.name, self.tag, self.attrs, self.location = name, tag, attrs, location
        self.axis, self.body = axis, body
        self.reduce_axis = body.axis if isinstance(body, Reduce) else ()
        shape = tuple(i.extent for i in axis)
        values = body.values if isinstance(body, Reduce) else body
        names = [name] if len(values) == 1 else [f"{name}_v{k}" for k in range(len(values))]
        self.outputs = tuple(
            Tensor(own, shape, value.dtype, self, k)
            for k, (own, value) in enumerate(zip(names, values, strict=True))
        )

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Every expression of the rule."""
        if not isinstance(self.body, Reduce):
            return self.body
        init = self.body.init or ()
        where = () if self.body.where is None else (self.body.where,)
        bounds = tuple(bound for k in self.body.axis for bound in (k.lower, k.upper))
        return (*self.body.values, *where, *init, *bounds)

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        found: dict[int, Tensor] = {}
        seen: set[int] = set()
        stack: list[Expr] = [*reversed(self.expressions)]
        while stack:
            node = stack.pop()
            if id(node) not in seen:
                seen.add(id(node))
                stack.extend(reversed(node.children))
                if isinstance(node, Load) and isinstance(node.buffer, Tensor):
                    found.setdefault(id(node.buffer), node.buffer)
        return tuple(found.values())


def elementwise(function: Callable[..., Expr], name: str, operands: Sequence[Any]) -> Tensor:
    """Return the tensor of ``function(name, *elements)``, the shapes broadcast as NumPy does.

    Raises
    ------
    ShapeError
        Extents that differ and are not 1, or that cannot be told to be equal.
    """
    tensors = [x for x in operands if isinstance(x, Tensor)]
    ndim = max(tensor.ndim for tensor in tensors)
    shape: list[Expr] = []
    for position in range(ndim):
        extent: Expr = ONE
        for tensor in tensors:
            own = position - (ndim - tensor.ndim)
            if own < 0 or is_const(tensor.shape[own], 1) or tensor.shape[own] is extent:
                continue
            if not is_const(extent, 1):
                raise ShapeError(
                    f"{name}: {' and '.join(map(repr, tensors))} do not broadcast, "
                    f"dimension {position} is {extent} and {tensor.shape[own]}; "
                    f"extents must be equal or 1"
                )
            extent = tensor.shape[own]
        shape.append(extent)
    axis = tuple(IterVar(f"i{k}", (ZERO, extent)) for k, extent in enumerate(shape))

    def element_of(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        own_axes = axis[ndim - x.ndim :]
        return Load(
            x,
            [ZERO if is_const(n, 1) else i.var for i, n in zip(own_axes, x.shape, strict=True)],
        )

    body = function(name, *map(element_of, operands))
    op = ComputeOp(f"T_{name}", axis, (body,), tag="broadcast", attrs={}, location=user_location())
    return op.outputs[0]


def user_location() -> Location | None:
    """Return the line of the innermost caller outside texpr."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return None
    return Location(Path(frame.f_code.co_filename).name, frame.f_lineno)
