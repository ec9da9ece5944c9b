"""Declaring: placeholders, scalars, reduction axes and computed tensors."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.dtypes import INT64, as_dtype
from texpr.ir.expr import Expr, Var, as_expr, free_vars, int_value
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO
from texpr.te.reduction import Reduce
from texpr.te.shapes import checked_shape
from texpr.te.subscripts import integer
from texpr.te.tags import declared_tag
from texpr.te.tensor import ComputeOp, PlaceholderOp, Tensor, user_location


def placeholder(shape: object, dtype: object = None, name: str = "placeholder") -> Tensor:
    """Declare an input tensor.

    Parameters
    ----------
    shape : int, Expr or a sequence of them
        The extents; ``()`` makes a tensor of rank 0, whose element is ``T[()]`` or ``T()``.
    dtype : str or DType
        float32 unless said otherwise.

    Raises
    ------
    ShapeError
        A negative extent.
    DTypeError
        An extent that is not an integer, or an unknown type.

    >>> placeholder((3, 4), "int8", name="A")
    <tensor A: int8[3, 4]>
    """
    own = checked_name(name, "placeholder")
    kind = as_dtype("float32" if dtype is None else dtype)
    return PlaceholderOp(own, checked_shape(shape, own), kind).outputs[0]


def var(name: str = "tindex", dtype: object = INT64) -> Var:
    """Declare a scalar that is known when the kernel is called: a size, or an argument.

    It is an int64 unless said otherwise (TVM: int32), as all index arithmetic is.
    """
    return Var(checked_name(name, "var"), as_dtype(dtype))


def size_var(name: str = "size", dtype: object = INT64) -> Var:
    """Declare a scalar that is not negative; the call checks it.

    Raises
    ------
    DTypeError
        ``dtype`` is not an integer.
    """
    kind = as_dtype(dtype)
    if not kind.is_integer:
        raise DTypeError(
            f"size_var: a size is an integer, not {kind}; use te.var for other scalars"
        )
    return Var(checked_name(name, "size_var"), kind, is_size=True)


def reduce_axis(dom: object, name: str = "rv", thread_tag: str = "") -> IterVar:
    """Declare an axis to reduce over, ``dom[0] <= name < dom[1]``.

    Raises
    ------
    ShapeError
        ``dom`` is no pair, or runs backwards.

    >>> reduce_axis((0, 8), name="k")
    <reduce_axis k in [0, 8)>
    """
    own = checked_name(name, "reduce_axis")
    if thread_tag:
        raise TexprError(
            f"reduce_axis: thread_tag {thread_tag!r}; texpr targets CPUs, leave it out"
        )
    if not isinstance(dom, (tuple, list)) or len(dom) != 2:
        raise ShapeError(f"reduce_axis: the range {shown(dom)} of {own!r} is no pair; write (0, n)")
    lower = integer(dom[0], f"reduce_axis: the lower end of {own!r}")
    upper = integer(dom[1], f"reduce_axis: the upper end of {own!r}")
    first, last = int_value(lower), int_value(upper)
    if first is not None and last is not None and last < first:
        raise ShapeError(
            f"reduce_axis: the range ({first}, {last}) of {own!r} runs backwards; "
            f"write ({last}, {first}), or ({first}, {first}) for an empty one"
        )
    return IterVar(own, (lower, upper), is_reduce=True)


def compute(
    shape: object,
    fcompute: Callable[..., Any],
    name: str = "compute",
    tag: str = "",
    attrs: Mapping[str, Any] | None = None,
    varargs_names: Sequence[str] | None = None,
) -> Any:
    """Declare a tensor by a rule for its elements.

    Parameters
    ----------
    shape : int, Expr or a sequence of them
        The extents.
    fcompute : callable
        Takes an index for each dimension and returns the element: an expression, a reduction
        such as ``te.sum(…, axis=k)``, or a tuple for several tensors of the same shape. Its
        argument names become the names of the axes.
    name, tag, attrs
        Side data that shows in loop nests and on ``.op``.
    varargs_names : sequence of str
        Names of the axes where ``fcompute`` takes ``*args``.

    Returns
    -------
    Tensor, or a tuple of them where the rule returns several elements

    Raises
    ------
    ShapeError
        A bad extent, or a rule that takes another number of indices.
    DTypeError
        A rule that returns no expression.

    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> te.compute((4,), lambda i: A[i] * 2, name="B")
    <tensor B: float32[4]>
    """
    own = checked_name(name, "compute")
    extents = checked_shape(shape, own)
    names = _axis_names(fcompute, len(extents), varargs_names, own)
    axis = tuple(IterVar(n, (ZERO, extent)) for n, extent in zip(names, extents, strict=True))
    body = _checked_body(fcompute(*(i.var for i in axis)), own)
    tag = declared_tag(tag, f"compute of {own!r}")
    noted = checked_attrs(attrs, own)
    op = ComputeOp(own, axis, body, tag=tag, attrs=noted, location=user_location())
    _check_scope(op)
    return op.outputs[0] if op.num_outputs == 1 else op.outputs


def _axis_names(
    fcompute: Callable[..., Any], ndim: int, varargs_names: Sequence[str] | None, own: str
) -> list[str]:
    if not callable(fcompute):
        raise DTypeError(
            f"compute: the rule of {own!r} is {shown(fcompute)}; pass a function of the indices"
        )
    try:
        parameters = inspect.signature(fcompute).parameters.values()
    except ValueError:
        raise DTypeError(
            f"compute: {shown(fcompute)}, the rule of {own!r}, does not tell what it takes; "
            f"wrap it, lambda i: …"
        ) from None
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = ndim - len(names)
            names.extend(varargs_names or [f"i{len(names) + k}" for k in range(rest)])
        elif parameter.default is not parameter.empty:
            continue
        elif parameter.kind is parameter.KEYWORD_ONLY:
            raise DTypeError(
                f"compute: the rule of {own!r} wants the keyword {parameter.name!r}, which nothing "
                f"passes; give it a default"
            )
        elif parameter.kind is not parameter.VAR_KEYWORD:
            names.append(parameter.name)
    names = [checked_name(name, "compute") for name in names]
    if len(names) != ndim:
        raise ShapeError(
            f"compute: the rule of {own!r} takes {len(names)} indices ({', '.join(names)}) "
            f"but the shape has {ndim} dimensions; give one index for each"
        )
    return names


def _checked_body(result: Any, own: str) -> tuple[Expr, ...] | Reduce:
    if isinstance(result, Reduce):
        return result
    if isinstance(result, (tuple, list)):
        if not result:
            raise DTypeError(f"compute: the rule of {own!r} returns nothing; return an expression")
        reductions = [part for part in result if isinstance(part, Reduce)]
        if not reductions:
            return tuple(_element(part, own) for part in result)
        if len(reductions) < len(result):
            raise TexprError(
                f"compute: the rule of {own!r} returns reductions and plain elements; "
                f"give each kind a te.compute of its own"
            )
        return Reduce.together(reductions, own)
    return (_element(result, own),)


def _element(value: Any, own: str) -> Expr:
    if value is None:
        raise DTypeError(f"compute: the rule of {own!r} returns None; return an expression")
    return as_expr(value)


def _check_scope(op: ComputeOp) -> None:
    """Refuse axes that have no value where they stand."""
    data = {id(i.var) for i in op.axis}
    reduced = {id(k.var) for k in op.reduce_axis}
    names = ", ".join(i.name for i in (*op.axis, *op.reduce_axis)) or "none"
    for free in free_vars(*op.expressions):
        if free.is_axis and id(free) not in data | reduced:
            raise TexprError(
                f"compute: axis {free.name!r} has no value in {op.name!r} (axes {names}); "
                f"reduce over it, te.sum(…, axis={free.name}), or use an axis of {op.name!r}"
            )
    for free in free_vars(*(i.extent for i in op.axis)):
        if free.is_axis:
            raise ShapeError(
                f"compute: the shape of {op.name!r} depends on the axis {free.name!r}; "
                f"an extent may depend on te.vars only"
            )
    if not isinstance(op.body, Reduce):
        return
    for free in free_vars(*(op.body.init or ())):
        if id(free) in reduced:
            raise TexprError(
                f"compute: init= of {op.name!r} depends on the reduction axis {free.name!r}, which "
                f"has no value before the reduction starts; use the axes of {op.name!r} only"
            )
    later = list(op.reduce_axis)
    for axis in op.reduce_axis:
        used = {id(var) for var in free_vars(axis.lower, axis.upper)}
        wrong = next((k.name for k in later if id(k.var) in used), None)
        if wrong is not None:
            raise TexprError(
                f"compute: the range of axis {axis.name!r} of {op.name!r} depends on {wrong!r}, "
                f"which comes after it; pass axis=[{wrong}, {axis.name}]"
            )
        later.pop(0)


# ---------------------------------------------------------------- checking what is declared


def checked_attrs(attrs: Mapping[str, Any] | None, own: str) -> dict[str, Any]:
    """Return a copy of what the user notes on the operation ``own``."""
    if attrs is not None and not isinstance(attrs, Mapping):
        raise DTypeError(f"{own}: attrs is {shown(attrs)}; pass a dict of what to note on its op")
    return dict(attrs or {})


def checked_name(name: object, what: str) -> str:
    """Return ``name`` as it can stand in printed Python and in machine code: "a.b" is "a_b"."""
    if not isinstance(name, str):
        raise DTypeError(f"{what}: the name {name!r} is no string; write name='A'")
    if not name or keyword.iskeyword(name):
        raise TexprError(f"{what}: {name!r} cannot be a name; choose a word such as 'A'")
    word = "".join(c if (c.isalnum() and c.isascii()) or c == "_" else "_" for c in name)
    return f"_{word}" if word[0].isdigit() else word
