"""Tensors, the operations that make them, and what subscripts and operators make of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, NoReturn

import numpy as np

import texpr
from texpr.errors import DTypeError, ShapeError, TexprError
from texpr.ir.buffer import Buffer, ComputedBuffer
from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, ExprOperators, Load, binary, int_value
from texpr.ir.html import Html, card, code, escaped, facts, listed, marked
from texpr.ir.itervar import IterVar
from texpr.ir.program import Location
from texpr.te.methods import TensorMethods
from texpr.te.reduction import Reduce
from texpr.te.subscripts import subscript_of
from texpr.te.tags import tag_of_scope
from texpr.te.whole import refuse_axes

_PACKAGE = str(Path(texpr.__file__).parent)


class Tensor(TensorMethods):
    """The ``value_index``-th result of ``op``; a buffer that knows where it comes from.

    ``T[i, j]``, ``T[i][j]`` and ``T(i, j)`` are its elements, ``T[1:3, ...]`` is a new tensor.
    Python's operators on whole tensors work element by element with NumPy's broadcasting and make
    a new tensor; but ``==`` tells whether two tensors are the same one, and ``A.equal(B)``
    compares elements. A tensor of rank 0 is a scalar in all that.

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

    def made(
        self, name: str, axis: Sequence[IterVar], body: tuple[Expr, ...] | Reduce, tag: str
    ) -> Any:
        own = tag_of_scope() or tag
        where = user_location()
        op = ComputeOp(f"T_{name}", tuple(axis), body, tag=own, attrs={}, location=where)
        refuse_axes(
            name,
            (*op.expressions, *(i.extent for i in op.axis)),
            (*op.axis, *op.reduce_axis),
            f"index the tensors in the rule, {self._element_text()}",
        )
        return op.outputs[0] if op.num_outputs == 1 else op.outputs

    def __call__(self, *indices: object) -> Expr:
        if len(indices) != self.ndim:
            raise ShapeError(
                f"{self.name}: {len(indices)} subscripts for {self.ndim} dimensions; "
                f"give one for each"
            )
        return Load(self, [subscript_of(self, k, index) for k, index in enumerate(indices)])

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

    def __reduce__(self) -> tuple[Any, ...]:
        # The array that it is in a program; what computes it stays with the schedule.
        kind = ComputedBuffer if self.is_computed else Buffer
        return (kind, (self.name, self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"<tensor {self._declared()}>"

    def _declared(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"

    def _repr_html_(self) -> str:
        shape = ", ".join(map(str, self.shape)) or "()"
        title = Html(f"{marked('name', self.name)}: {marked('type', self.dtype)}[{escaped(shape)}]")
        return card("tensor", title, self.op.described())


class Operation:
    """What computes one or several tensors."""

    name: str
    tag: str
    attrs: Mapping[str, Any]
    location: Location | None = None
    axis: tuple[IterVar, ...] = ()
    reduce_axis: tuple[IterVar, ...] = ()
    outputs: tuple[Tensor, ...]
    role: ClassVar[str] = ""
    """What notebooks say that it is, where its rules do not tell."""

    def _make_outputs(self, kinds: Sequence[tuple[tuple[Expr, ...], DType]]) -> None:
        """Make its tensors of these shapes and types; of several, the k-th is ``name_vk``."""
        names = [self.name] if len(kinds) == 1 else [f"{self.name}_v{k}" for k in range(len(kinds))]
        self.outputs = tuple(
            Tensor(name, shape, dtype, self, k)
            for k, (name, (shape, dtype)) in enumerate(zip(names, kinds, strict=True))
        )

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
    def rules(self) -> tuple[str, ...]:
        """How its tensors are computed, as text; empty for an input."""
        return ()

    def described(self) -> Html:
        """Return what there is to say about it, for a notebook."""
        own = {
            "role": self.role,
            "reduced over": listed(map(with_range, self.reduce_axis)) or None,
            "reads": listed(tensor.name for tensor in self.input_tensors) or None,
            "tag": self.tag,
            "declared at": self.location,
        }
        rules = code("\n".join(self.rules)) if self.rules else Html("")
        return Html(rules + facts(own))

    def _repr_html_(self) -> str:
        made = ", ".join(tensor._declared() for tensor in self.outputs)
        title = Html(f"{marked('name', self.name)} {marked('quiet', 'makes ' + made)}")
        return card("operation", title, self.described())

    def __copy__(self) -> Operation:
        return self

    def __deepcopy__(self, memo: object) -> Operation:
        return self

    def __reduce__(self) -> NoReturn:
        raise TexprError(
            f"pickle: the operation {self.name} is a rule over other tensors, made by Python "
            f"functions; pickle a schedule of it, or the kernel built from that"
        )

    @property
    def made_along(self) -> IterVar | None:
        """The axis whose steps read what earlier steps have made of its tensors."""
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class PlaceholderOp(Operation):
    """An input."""

    role = "an input"

    def __init__(self, name: str, shape: tuple[Expr, ...], dtype: DType) -> None:
        self.name, self.tag, self.attrs = name, "", {}
        self._make_outputs([(shape, dtype)])


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
        self._make_outputs([(shape, value.dtype) for value in values])

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
    def rules(self) -> tuple[str, ...]:
        at = ", ".join(i.name for i in self.axis) or "()"
        made = ", ".join(f"{tensor.name}[{at}]" for tensor in self.outputs)
        if isinstance(self.body, Reduce):
            return (f"{made} = {self.body}",)
        return tuple(
            f"{tensor.name}[{at}] = {value}"
            for tensor, value in zip(self.outputs, self.body, strict=True)
        )

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


def with_range(axis: IterVar) -> str:
    """Return an axis with its range, ``k in [0, n)``."""
    return f"{axis.name} in [{axis.lower}, {axis.upper})"


def user_location() -> Location | None:
    """Return the line of the innermost caller outside texpr."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return None
    return Location(Path(frame.f_code.co_filename).name, frame.f_lineno)
