"""Slices: ``A[1:3]``, ``A[..., ::-1]`` and ``A[None]`` are tensors of their own.

Constant bounds are NumPy's: negative ones count from the end, and where the extent is a number,
what lies outside is cut off. A bound that is an expression counts from the start, and a slice of
what is symbolic is as long as its bounds say, ``A[1:3]`` two: that it lies inside is proven, or
checked when the kernel is called.
"""

from __future__ import annotations

from types import EllipsisType
from typing import Any

from texpr.errors import ShapeError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Expr, ExprOperators, Load, int_value, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, ZERO
from texpr.ir.simplify import simplify
from texpr.te.subscripts import integer, subscript_of
from texpr.te.tags import INJECTIVE
from texpr.te.whole import WholeTensor, refuse_axes


class TensorSlice(ExprOperators):
    """A tensor with some of its subscripts given: ``T[i]`` on the way to ``T[i][j]``."""

    __slots__ = ("given", "tensor")

    def __init__(self, tensor: WholeTensor, given: tuple[object, ...]) -> None:
        self.tensor = tensor
        self.given = given

    def __getitem__(self, subscript: object) -> Any:
        more = subscript if isinstance(subscript, tuple) else (subscript,)
        return subscripted(self.tensor, (*self.given, *more))

    def __as_expr__(self) -> Expr:
        text = _text(self.tensor, (*self.given, ...))
        raise ShapeError(
            f"{self}: {len(self.given)} of {self.tensor.ndim} subscripts; give the others as well, "
            f"or write {text} for a tensor of what they leave"
        )

    def __str__(self) -> str:
        return _text(self.tensor, self.given)

    __repr__ = __str__


def subscripted(tensor: WholeTensor, given: tuple[object, ...]) -> Any:
    """Return what ``tensor[given]`` is.

    It is an element where every dimension has its integer, a :class:`TensorSlice` where some are
    missing, and a new tensor where slices, ``...`` or None leave dimensions.

    Raises
    ------
    ShapeError
        More subscripts than dimensions.
    DTypeError
        A subscript that is not an integer.
    BoundsError
        A constant subscript outside a constant extent; negative ones do not count from the end.
    """
    wanted = len([item for item in given if item is not None and item is not ...])
    if wanted > tensor.ndim:
        raise ShapeError(
            f"{_text(tensor, given)}: {wanted} subscripts for "
            f"{tensor.ndim} dimension{'s' * (tensor.ndim != 1)}; leave "
            f"{wanted - tensor.ndim} out"
        )
    if any(item is None or isinstance(item, (slice, EllipsisType)) for item in given):
        return _sliced(tensor, given)
    indices = [subscript_of(tensor, k, subscript) for k, subscript in enumerate(given)]
    return Load(tensor, indices) if wanted == tensor.ndim else TensorSlice(tensor, given)


def _sliced(tensor: WholeTensor, given: tuple[object, ...]) -> Any:
    """Return the tensor of the elements that are left; an element where no dimension is."""
    axis: list[IterVar] = []
    indices: list[Expr] = []
    outside: list[Expr] = []

    def axis_over(extent: Expr) -> IterVar:
        axis.append(IterVar(f"i{len(axis)}", (ZERO, extent)))
        return axis[-1]

    for item in _spelled_out(tensor, given):
        position = len(indices)
        if item is None:
            axis_over(ONE)
        elif isinstance(item, slice):
            start, step, count = _range(tensor, position, item)
            outside += [start, count]
            indices.append(simplify(start + axis_over(count).var * step))
        else:
            outside.append(subscript_of(tensor, position, item))
            indices.append(outside[-1])
    element = Load(tensor, indices)
    if not axis:
        return element
    letters = ", ".join("ijklmnopq"[: tensor.ndim])
    refuse_axes(
        _text(tensor, given),
        outside,
        (),
        f"index an element, {tensor.name}[{letters}], with axes in place of the slices, "
        f"or reduce the whole of {tensor.name} over its dimensions, {tensor.name}.sum(axis=…)",
    )
    return tensor.made("slice", axis, (element,), INJECTIVE)


def _spelled_out(tensor: WholeTensor, given: tuple[object, ...]) -> tuple[object, ...]:
    """Return the subscripts with ``...`` written as slices, which also stand at the end."""
    ellipses = [k for k, item in enumerate(given) if item is ...]
    if len(ellipses) > 1:
        raise ShapeError(
            f"{_text(tensor, given)}: {len(ellipses)} times ... leave open which dimensions each "
            f"stands for; write it once"
        )
    missing = tensor.ndim - len([item for item in given if item is not None and item is not ...])
    at = ellipses[0] if ellipses else len(given)
    return (*given[:at], *[slice(None)] * missing, *given[at + 1 :])


def _range(tensor: WholeTensor, position: int, given: slice) -> tuple[Expr, int, Expr]:
    """Return the first subscript of a slice, its step, and the number of its elements."""
    what = f"{tensor.name}: the %s of slice {_slice_text(given)} of dimension {position}"
    extent = tensor.shape[position]
    step = 1 if given.step is None else int_value(integer(given.step, what % "step"))
    if not step:
        raise ShapeError(
            f"{what % 'step'} is {given.step}; pass an int other than 0, which is known now"
        )

    def bound(value: object, name: str, missing: Expr) -> Expr:
        if value is None:
            return missing
        found = integer(value, what % name)
        number, size = int_value(found), int_value(extent)
        if number is None:
            return found
        if size is not None:
            ends = slice(number, number, step).indices(size)
            return Const(ends[0] if name == "start" else ends[1], INT64)
        return simplify(extent + number) if number < 0 else found

    forward = step > 0
    start = bound(given.start, "start", ZERO if forward else simplify(extent - 1))
    stop = bound(given.stop, "stop", extent if forward else Const(-1, INT64))
    length = stop - start if forward else start - stop
    size = abs(step)
    count = simplify((length + (size - 1)) // size)
    number = int_value(count)
    data = next((node for node in postorder(count) if isinstance(node, Load)), None)
    if data is not None:
        raise ShapeError(
            f"{what % 'length'} depends on {data}, which is data; "
            f"declare a bound as a te.var and pass that to the kernel"
        )
    return start, step, count if number is None else Const(max(number, 0), INT64)


def _text(tensor: WholeTensor, given: tuple[object, ...]) -> str:
    shown = (
        "..." if item is ... else _slice_text(item) if isinstance(item, slice) else str(item)
        for item in given
    )
    return f"{tensor.name}[{', '.join(shown)}]"


def _slice_text(given: slice) -> str:
    start, stop, step = (
        "" if part is None else str(part) for part in (given.start, given.stop, given.step)
    )
    return f"{start}:{stop}" + (f":{step}" if step else "")
