"""The reductions: sum, prod, max, min, any, all, argmax, argmin, and the user's own.

``te.max(a, b)`` without ``axis=`` is the scalar operation on its arguments; with ``axis=`` it
reduces over those axes.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.dtypes import DType, as_dtype
from texpr.ir.expr import (
    Binary,
    Const,
    Expr,
    Var,
    as_expr,
    binary,
    cast,
    condition,
    postorder,
    spread,
    widened,
)
from texpr.ir.functions import all_of, any_of, select
from texpr.ir.itervar import IterVar
from texpr.ir.operators import BINARY
from texpr.te.reduction import Reduce, Reducer
from texpr.te.whole import WholeTensor
from texpr.te.whole_reduction import ReduceOver, reduced


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
    op: str,
    reducer: Reducer,
    exprs: tuple[Any, ...],
    axis: Any,
    where: Any,
    init: Any,
    keepdims: bool,
    dtype: object = None,
) -> Any:
    name = reducer.name
    _refuse_positional_axis(name, exprs)
    if axis is None:
        _refuse_options(name, where, init, keepdims, dtype)
        if not exprs:
            raise TexprError(f"{name}: nothing given; pass expressions, or one and axis=")
        _refuse_lone_tensor(name, exprs)
        return functools.reduce(functools.partial(spread, binary, op), exprs[1:], exprs[0])

    def reduce(expr: Any, over: Any, test: Any) -> Reduce:
        value = as_expr(expr)
        if dtype is not None:
            value = _of_dtype(name, value, as_dtype(dtype))
        if value.dtype.is_bool:
            raise DTypeError(f"{name}: {value} is bool; cast it to a number, .astype('int32')")
        value = cast(value, BINARY[op].operand_dtype(value.dtype))
        return _reduce(reducer, value, over, test, init)

    return _over(name, _single(name, exprs), axis, where, keepdims, reduce)


def _of_dtype(name: str, value: Expr, to: DType) -> Expr:
    """Convert terms to the type of their sum, unless they are no longer what they should be."""
    if to.arithmetic is not to:
        raise DTypeError(
            f"{name}: dtype={to.name!r} is for storing, and a {name} of it is made in "
            f"{to.arithmetic}; leave dtype= out, and round the result in another stage, "
            f".astype({to.name!r})"
        )
    own = value.dtype
    computed = [
        node
        for node in postorder(value)
        if isinstance(node, Binary) and node.dtype is own and BINARY[node.op].is_arithmetic
    ]
    if own.is_integer and own.bits < to.bits and computed:  # they wrap before they are summed
        raise DTypeError(
            f"{name}: the terms {value} are computed in {own}, and wrap before they are {to}; "
            f"compute them in {to}, such as te.multiply(a, b, dtype={to.name!r})"
        )
    return widened(value, to, name)


def _logical(
    reducer: Reducer, exprs: tuple[Any, ...], axis: Any, where: Any, init: Any, keepdims: bool
) -> Any:
    name = reducer.name
    _refuse_positional_axis(name, exprs)
    if axis is None:
        _refuse_options(name, where, init, keepdims)
        _refuse_lone_tensor(name, exprs)
        chain = all_of if name == "all" else any_of
        return spread(lambda _, *conditions: chain(conditions), name, *exprs)

    def reduce(expr: Any, over: Any, test: Any) -> Reduce:
        return _reduce(reducer, condition(expr, name), over, test, init)

    return _over(name, _single(name, exprs), axis, where, keepdims, reduce)


def _over(name: str, expr: Any, axis: Any, where: Any, keepdims: bool, reduce: ReduceOver) -> Any:
    """Reduce an expression over axes, or a whole tensor over dimensions."""
    listed = axis if isinstance(axis, (tuple, list)) else (axis,)
    is_whole = isinstance(expr, WholeTensor) and expr.ndim > 0
    if is_whole and not builtins.any(isinstance(item, IterVar) for item in listed):
        return reduced(name, expr, axis, keepdims, where, reduce)
    if keepdims:
        raise TexprError(
            f"{name}: keepdims= belongs to a whole tensor and the numbers of its dimensions; "
            f"leave it out, or pass the tensor and axis=0"
        )
    return reduce(expr, axis, where)


def _refuse_positional_axis(name: str, exprs: tuple[Any, ...]) -> None:
    for item in exprs[1:]:
        if isinstance(item, (tuple, list)) or (isinstance(item, IterVar) and item.is_reduce):
            listed = [str(part) for part in (item if isinstance(item, (tuple, list)) else [item])]
            axes = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
            raise TexprError(
                f"{name}: an axis stands among the values; name it, te.{name}(…, axis={axes})"
            )


def _refuse_options(name: str, where: Any, init: Any, keepdims: bool, dtype: object = None) -> None:
    if where is not None or init is not None or keepdims or dtype is not None:
        options = "where=, init= and keepdims=" if dtype is None else "where=, init= and dtype="
        raise TexprError(f"{name}: {options} belong to a reduction; give axis= as well")


def _refuse_lone_tensor(name: str, exprs: tuple[Any, ...]) -> None:
    if len(exprs) == 1 and isinstance(exprs[0], WholeTensor) and exprs[0].ndim:
        tensor = exprs[0].name
        raise TexprError(
            f"{name}: the tensor {tensor} and no axis=; name its dimensions, "
            f"te.{name}({tensor}, axis=0), or reduce all of them, {tensor}.{name}()"
        )


def _single(name: str, exprs: tuple[Any, ...]) -> Any:
    if len(exprs) != 1:
        raise TexprError(f"{name}: {len(exprs)} expressions with axis=; pass the one to reduce")
    return exprs[0]


def sum(
    *exprs: Any,
    axis: Any = None,
    where: Any = None,
    init: Any = None,
    keepdims: bool = False,
    dtype: object = None,
) -> Any:
    """Sum over ``axis``; without ``axis=``, of the arguments.

    It is a sum in the type of the expression, but in float32 of a float16 or bfloat16.

    Parameters
    ----------
    *exprs : Expr or Tensor
        One expression or whole tensor to reduce, or several to add.
    axis : IterVar or int, or a sequence of them
        Reduction axes of an expression, which is then the rule of a ``te.compute``; numbers of
        dimensions of a whole tensor, which makes a new one. The sum of nothing is 0.
    where : bool Expr or Tensor, optional
        Elements for which it is false are left out and not evaluated.
    init : scalar or Expr, optional
        Start here and not at 0.
    keepdims : bool
        Whether a whole tensor keeps the dimensions that are summed, with extent 1.
    dtype : str or DType, optional
        A wider type to which the terms are converted: the sum is in it. Terms that are
        themselves computed in a narrower integer type are refused, since they would wrap
        before; :func:`~texpr.te.multiply` has a ``dtype`` for them.

    >>> from texpr import te
    >>> A, k = te.placeholder((4, 8), "int8", name="A"), te.reduce_axis((0, 8), name="k")
    >>> te.compute((4,), lambda i: te.sum(A[i, k], axis=k, dtype="int32"), name="S")
    <tensor S: int32[4]>
    >>> te.sum(A, axis=1), A.sum(axis=1, keepdims=True, dtype="int32")
    (<tensor T_sum: int8[4]>, <tensor T_sum: int32[4, 1]>)
    """
    return _numeric("add", _SUM, exprs, axis, where, init, keepdims, dtype)


def prod(
    *exprs: Any,
    axis: Any = None,
    where: Any = None,
    init: Any = None,
    keepdims: bool = False,
    dtype: object = None,
) -> Any:
    """Multiply over ``axis``; the product of nothing is 1. Arguments as :func:`sum`'s."""
    return _numeric("mul", _PROD, exprs, axis, where, init, keepdims, dtype)


def max(
    *exprs: Any, axis: Any = None, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Take the greatest over ``axis``, NaN if one is; of nothing, -inf or the least integer.

    Arguments as :func:`sum`'s; without ``axis=``, the greatest of the arguments.
    """
    return _numeric("max", _MAX, exprs, axis, where, init, keepdims)


def min(
    *exprs: Any, axis: Any = None, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Take the least over ``axis``, NaN if one is; of nothing, inf or the greatest integer.

    Arguments as :func:`sum`'s; without ``axis=``, the least of the arguments.
    """
    return _numeric("min", _MIN, exprs, axis, where, init, keepdims)


def any(
    *exprs: Any, axis: Any = None, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Whether a condition holds somewhere; without ``axis=``, ``or`` of the arguments."""
    return _logical(_ANY, exprs, axis, where, init, keepdims)


def all(
    *exprs: Any, axis: Any = None, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Whether a condition holds everywhere; without ``axis=``, ``and`` of the arguments."""
    return _logical(_ALL, exprs, axis, where, init, keepdims)


def argmax(
    expr: Any, axis: Any, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Return (index, value) of the greatest element along ``axis``.

    Of equal elements the least index wins, and the first NaN wins over all, as in NumPy. Of
    nothing, the greatest integer and -inf (or the least integer).

    Parameters
    ----------
    expr : Expr, a tuple (index, …, value), or a whole Tensor
        A lone value is numbered by its axis. Several indices are compared in their order.
    axis : IterVar or int
        The axis; several only with a tuple. Numbers of dimensions of a whole tensor, which makes
        two tensors; of several dimensions the index counts through them all.

    >>> from texpr import te
    >>> A, k = te.placeholder((4, 8), name="A"), te.reduce_axis((0, 8), name="k")
    >>> index, value = te.compute((4,), lambda i: te.argmax(A[i, k], axis=k), name="M")
    >>> index, value
    (<tensor M_v0: int64[4]>, <tensor M_v1: float32[4]>)
    """
    return _arg_reduce("max", "gt", _lowest, expr, axis, where, init, keepdims)


def argmin(
    expr: Any, axis: Any, where: Any = None, init: Any = None, keepdims: bool = False
) -> Any:
    """Return (index, value) of the least element along ``axis``; as :func:`argmax` otherwise."""
    return _arg_reduce("min", "lt", _highest, expr, axis, where, init, keepdims)


def _arg_reduce(
    extreme: Literal["max", "min"],
    better: str,
    worst: Callable[[DType], int | float],
    expr: Any,
    axis: Any,
    where: Any,
    init: Any,
    keepdims: bool,
) -> Any:
    def reduce(value: Any, over: Any, test: Any) -> Reduce:
        if isinstance(expr, WholeTensor):
            place = functools.reduce(lambda at, k: at * k.extent + k, over[1:], as_expr(over[0]))
            value = (place, value)
        return _arg_reduction(extreme, better, worst, value, over, test, init)

    return _over(f"arg{extreme}", expr, axis, where, keepdims, reduce)


def _arg_reduction(
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
