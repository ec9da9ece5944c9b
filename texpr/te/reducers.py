"""The reductions: sum, prod, max, min, any, all, argmax, argmin, and the user's own.

``te.max(a, b)`` without ``axis=`` is the scalar operation on its arguments; with ``axis=`` it
reduces over those axes.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.dtypes import DType
from texpr.ir.expr import (
    Binary,
    Const,
    Expr,
    ExprOperators,
    Var,
    as_expr,
    binary,
    cast,
    condition,
    spread,
)
from texpr.ir.functions import all_of, any_of, select
from texpr.ir.itervar import IterVar
from texpr.te.reduction import Reduce, Reducer


def comm_reducer(
    fcombine: Callable[..., Any], fidentity: Callable[..., Any], name: str = "reduce"
) -> Callable[..., Any]:
    """Make a reduction from a combination and its neutral element.

    Parameters
    ----------
    fcombine : callable
        ``fcombine(x, y)`` combines two elements; for tuples, two sequences into a sequence. It
        is taken to be commutative and associative.
    fidentity : callable
        ``fidentity(dtype, …)`` returns the neutral element, a dtype name per component.

    Returns
    -------
    callable
        ``reducer(expr, axis, where=None, init=None)`` for use in ``te.compute``.

    >>> from texpr import te
    >>> product = te.comm_reducer(lambda x, y: x * y, lambda t: te.const(1, t), name="product")
    >>> A, k = te.placeholder((8,), name="A"), te.reduce_axis((0, 8), name="k")
    >>> te.compute((), lambda: product(A[k], axis=k), name="P")
    <tensor P: float32[]>
    """

    def combine(x: Sequence[Expr], y: Sequence[Expr]) -> tuple[Expr, ...]:
        if len(x) == 1:
            return _components(fcombine(x[0], y[0]), x, name)
        return _components(fcombine(tuple(x), tuple(y)), x, name)

    def identity(dtypes: Sequence[DType]) -> tuple[Expr, ...]:
        found = fidentity(*(dtype.name for dtype in dtypes))
        parts = found if isinstance(found, (tuple, list)) else (found,)
        if len(parts) != len(dtypes):
            raise TexprError(
                f"{name}: the identity has {len(parts)} components for {len(dtypes)} values; "
                f"return one for each"
            )
        return tuple(cast(as_expr(p, t), t) for p, t in zip(parts, dtypes, strict=True))

    _check_takes(fcombine, 2, f"{name}: fcombine")
    reducer = Reducer(name, combine, identity)

    @functools.wraps(fcombine)
    def reduce(expr: object, axis: object, where: object = None, init: object = None) -> Reduce:
        made = _reduce(reducer, expr, axis, where, init)
        _check_takes(fidentity, len(made.values), f"{name}: fidentity")
        made.starting_values()
        combine(*([Var(part, value.dtype) for value in made.values] for part in "xy"))
        return made

    reduce.__name__ = reduce.__qualname__ = name
    return reduce


def _check_takes(function: Any, count: int, what: str) -> None:
    """Refuse what cannot be called with ``count`` arguments."""
    if not callable(function):
        raise DTypeError(f"{what} is {shown(function)}; pass a function")
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        takes = f"takes {inspect.signature(function)}"
        raise TexprError(f"{what} {takes}, not {count} arguments; give it {count}") from None
    except ValueError:  # a builtin that does not tell
        pass


def _components(result: Any, like: Sequence[Expr], name: str) -> tuple[Expr, ...]:
    parts = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    if len(parts) != len(like):
        raise TexprError(
            f"{name}: the combination returns {len(parts)} components of {len(like)}; "
            f"return one for each"
        )
    combined = tuple(as_expr(part, old.dtype) for part, old in zip(parts, like, strict=True))
    for part, old in zip(combined, like, strict=True):
        if part.dtype is not old.dtype:
            raise DTypeError(
                f"{name}: the combination turns {old.dtype} into {part.dtype}; "
                f"cast its result back, .astype('{old.dtype}')"
            )
    return combined


def _axes(axis: object, name: str) -> tuple[IterVar, ...]:
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    for item in given:
        if not isinstance(item, IterVar) or not item.is_reduce:
            raise TexprError(
                f"{name}: axis={item!s} is no reduction axis; declare k = te.reduce_axis((0, n)) "
                f"and pass axis=k"
            )
    if not given:
        raise ShapeError(f"{name}: axis=() names no axis; pass the axes to reduce over")
    axes = tuple(item for item in given if isinstance(item, IterVar))
    if len({id(item) for item in axes}) < len(axes):
        raise TexprError(f"{name}: an axis is given twice; pass each once")
    return axes


def _reduce(reducer: Reducer, expr: object, axis: object, where: object, init: object) -> Reduce:
    parts = expr if isinstance(expr, (tuple, list)) else (expr,)
    values = tuple(as_expr(part) for part in parts)
    start = None
    if init is not None:
        given = init if isinstance(init, (tuple, list)) else (init,)
        if len(given) != len(values):
            raise TexprError(
                f"{reducer.name}: init= has {len(given)} components for {len(values)} values; "
                f"pass one for each"
            )
        start = tuple(
            cast(as_expr(one, value.dtype), value.dtype)
            for one, value in zip(given, values, strict=True)
        )
    test = None if where is None else condition(where, f"{reducer.name}: where=")
    return Reduce(reducer, values, _axes(axis, reducer.name), test, start)


def _operator_reducer(
    name: str, op: str, identity: Callable[[DType], bool | int | float]
) -> Reducer:
    return Reducer(
        name,
        lambda x, y: (Binary(op, x[0], y[0]),),
        lambda dtypes: (Const(identity(dtypes[0]), dtypes[0]),),
    )


def _lowest(dtype: DType) -> int | float:
    return -math.inf if dtype.is_float else dtype.min


def _highest(dtype: DType) -> int | float:
    return math.inf if dtype.is_float else dtype.max


_SUM = _operator_reducer("sum", "add", lambda dtype: 0)
_PROD = _operator_reducer("prod", "mul", lambda dtype: 1)
_MAX = _operator_reducer("max", "max", _lowest)
_MIN = _operator_reducer("min", "min", _highest)
_ANY = _operator_reducer("any", "or", lambda dtype: False)
_ALL = _operator_reducer("all", "and", lambda dtype: True)


def _numeric(
    op: str, reducer: Reducer, exprs: tuple[Any, ...], axis: Any, where: Any, init: Any
) -> Any:
    name = reducer.name
    _refuse_positional_axis(name, exprs)
    if axis is None:
        _refuse_options(name, where, init)
        if not exprs:
            raise TexprError(f"{name}: nothing given; pass expressions, or one and axis=")
        if len(exprs) == 1 and isinstance(exprs[0], ExprOperators) and exprs[0].is_whole_tensor:
            raise TexprError(
                f"{name}: the tensor {exprs[0].name} and no axis=; reduce its elements, "  # type: ignore[attr-defined]
                f"te.{name}({exprs[0].name}[…, k], axis=k)"  # type: ignore[attr-defined]
            )
        return functools.reduce(functools.partial(spread, binary, op), exprs[1:], exprs[0])
    value = _single(name, exprs)
    if value.dtype.is_bool:
        raise DTypeError(f"{name}: {value} is bool; cast it to a number, .astype('int32')")
    return _reduce(reducer, value, axis, where, init)


def _logical(reducer: Reducer, exprs: tuple[Any, ...], axis: Any, where: Any, init: Any) -> Any:
    name = reducer.name
    _refuse_positional_axis(name, exprs)
    if axis is None:
        _refuse_options(name, where, init)
        return all_of(exprs) if name == "all" else any_of(exprs)
    return _reduce(reducer, condition(_single(name, exprs), name), axis, where, init)


def _refuse_positional_axis(name: str, exprs: tuple[Any, ...]) -> None:
    for item in exprs[1:]:
        if isinstance(item, (tuple, list)) or (isinstance(item, IterVar) and item.is_reduce):
            listed = [str(part) for part in (item if isinstance(item, (tuple, list)) else [item])]
            axes = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
            raise TexprError(
                f"{name}: an axis stands among the values; name it, te.{name}(…, axis={axes})"
            )


def _refuse_options(name: str, where: Any, init: Any) -> None:
    if where is not None or init is not None:
        raise TexprError(f"{name}: where= and init= belong to a reduction; give axis= as well")


def _single(name: str, exprs: tuple[Any, ...]) -> Expr:
    if len(exprs) != 1:
        raise TexprError(f"{name}: {len(exprs)} expressions with axis=; pass the one to reduce")
    return as_expr(exprs[0])


def sum(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Sum over ``axis`` in the type of the expression; without ``axis=``, of the arguments.

    Parameters
    ----------
    *exprs : Expr
        One expression to reduce, or several to add.
    axis : IterVar or sequence of IterVar
        Reduction axes; the sum of nothing is 0.
    where : bool Expr, optional
        Elements for which it is false are left out and not evaluated.
    init : scalar or Expr, optional
        Start here and not at 0.
    """
    return _numeric("add", _SUM, exprs, axis, where, init)


def prod(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Multiply over ``axis``; the product of nothing is 1. Arguments as :func:`sum`'s."""
    return _numeric("mul", _PROD, exprs, axis, where, init)


def max(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Take the greatest over ``axis``, NaN if one is; of nothing, -inf or the least integer.

    Arguments as :func:`sum`'s; without ``axis=``, the greatest of the arguments.
    """
    return _numeric("max", _MAX, exprs, axis, where, init)


def min(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Take the least over ``axis``, NaN if one is; of nothing, inf or the greatest integer.

    Arguments as :func:`sum`'s; without ``axis=``, the least of the arguments.
    """
    return _numeric("min", _MIN, exprs, axis, where, init)


def any(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Whether a condition holds somewhere; without ``axis=``, ``or`` of the arguments."""
    return _logical(_ANY, exprs, axis, where, init)


def all(*exprs: Any, axis: Any = None, where: Any = None, init: Any = None) -> Any:
    """Whether a condition holds everywhere; without ``axis=``, ``and`` of the arguments."""
    return _logical(_ALL, exprs, axis, where, init)


def argmax(expr: Any, axis: Any, where: Any = None, init: Any = None) -> Reduce:
    """Return (index, value) of the greatest element along ``axis``.

    Of equal elements the least index wins, and the first NaN wins over all, as in NumPy. Of
    nothing, the greatest integer and -inf (or the least integer).

    Parameters
    ----------
    expr : Expr, or a tuple (index, …, value)
        A lone value is numbered by its axis. Several indices are compared in their order.
    axis : IterVar or sequence of IterVar
        The axis; several only with a tuple.

    >>> from texpr import te
    >>> A, k = te.placeholder((4, 8), name="A"), te.reduce_axis((0, 8), name="k")
    >>> index, value = te.compute((4,), lambda i: te.argmax(A[i, k], axis=k), name="M")
    >>> index, value
    (<tensor M_v0: int64[4]>, <tensor M_v1: float32[4]>)
    """
    return _arg_reduce("max", "gt", _lowest, expr, axis, where, init)


def argmin(expr: Any, axis: Any, where: Any = None, init: Any = None) -> Reduce:
    """Return (index, value) of the least element along ``axis``; as :func:`argmax` otherwise."""
    return _arg_reduce("min", "lt", _highest, expr, axis, where, init)


def _arg_reduce(
    extreme: Literal["max", "min"],
    better: str,
    worst: Callable[[DType], int | float],
    expr: Any,
    axis: Any,
    where: Any,
    init: Any,
) -> Reduce:
    name = f"arg{extreme}"
    axes = _axes(axis, name)
    if isinstance(expr, (tuple, list)):
        if len(expr) < 2:
            raise TexprError(f"{name}: {len(expr)} components; pass a value or (index, value)")
        *indices, value = map(as_expr, expr)
    elif len(axes) == 1:
        indices, value = [as_expr(axes[0])], as_expr(expr)
    else:
        raise TexprError(
            f"{name}: a lone value over {len(axes)} axes has no index; pass (index, value), "
            f"such as (k * n + l, A[k, l])"
        )
    is_index = {index.dtype.is_integer for index in indices}
    if False in is_index or value.dtype.is_bool:
        given = ", ".join(str(part.dtype) for part in (*indices, value))
        raise DTypeError(f"{name}: ({given}) is no pair of an integer index and a number")

    def combine(x: Sequence[Expr], y: Sequence[Expr]) -> tuple[Expr, ...]:
        a, b = x[-1], y[-1]
        first = _is_before(x[:-1], y[:-1])
        wins = Binary(better, a, b)
        ties = Binary("and", Binary("eq", a, b), first)
        if value.dtype.is_float:
            a_is_nan, b_is_nan = Binary("ne", a, a), Binary("ne", b, b)
            wins = Binary("or", wins, Binary("and", a_is_nan, Binary("eq", b, b)))
            ties = Binary("or", ties, Binary("and", Binary("and", a_is_nan, b_is_nan), first))
        keep = Binary("or", wins, ties)
        return tuple(select(keep, i, j) for i, j in zip(x, y, strict=True))

    def identity(types: Sequence[DType]) -> tuple[Expr, ...]:
        return (*(Const(t.max, t) for t in types[:-1]), Const(worst(types[-1]), types[-1]))

    reducer = Reducer(name, combine, identity, extreme)
    return _reduce(reducer, (*indices, value), axes, where, init)


def _is_before(x: Sequence[Expr], y: Sequence[Expr]) -> Expr:
    """Whether the indices ``x`` come before ``y``."""
    result: Expr | None = None
    for i, j in zip(reversed(x), reversed(y), strict=True):
        less = Binary("lt", i, j)
        if result is not None:
            less = Binary("or", less, Binary("and", Binary("eq", i, j), result))
        result = less
    assert result is not None
    return result
