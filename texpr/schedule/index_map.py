"""Index maps: where each cell of an array is in another layout.

A map is made of ``+ - * // %``, ``min`` and ``max`` on the indices of the array, numbers and
sizes. It is a Python function that is called once, or the text of a ``lambda`` that is read
without being run: a trace keeps that.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from texpr.errors import ScheduleError, TexprError, did_you_mean, shown
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var, as_expr, expr_text, free_vars, int_value
from texpr.ir.linear import Sum, sum_expr, sum_of
from texpr.ir.names import unique_name
from texpr.ir.program import ZERO
from texpr.ir.simplify import prove, simplify
from texpr.schedule.relations import ceildiv

_OPERATORS: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "floordiv",
    ast.Mod: "floormod",
}
_USED: Final = {*_OPERATORS.values(), "min", "max"}
_ADVICE: Final = "a map is made of + - * // % min max on indices, numbers and sizes"


@dataclass(frozen=True)
class IndexMap:
    """The cell at ``index`` of an array is at ``image`` of another."""

    index: tuple[Var, ...]
    image: tuple[Expr, ...]

    def __str__(self) -> str:
        names = ", ".join(var.name for var in self.index)
        return f"lambda {names}: [{', '.join(map(expr_text, self.image))}]"

    def shape(self, extents: Sequence[Expr]) -> tuple[Expr, ...]:
        """Return the extents of the other array; a remainder by ``c`` makes one of ``c``.

        Raises
        ------
        ScheduleError
            An index that has no end that could be told.
        """
        ends = _Ends(dict(zip(self.index, extents, strict=True)))
        return tuple(map(ends.extent, self.image))

    def names(self, axes: Sequence[str]) -> list[str]:
        """Return a name for each new dimension, by those of the array's."""
        name_of = dict(zip(self.index, axes, strict=True))
        found: list[str] = []
        for part in self.image:
            base = "_".join(name_of[var] for var in self.index if var in set(free_vars(part)))
            is_digit = isinstance(part, Binary) and part.op in ("floordiv", "floormod")
            if is_digit:
                base += "_o" if part.op == "floordiv" else "_i"  # type: ignore[attr-defined]
            found.append(unique_name(base or "one", found))
        return found

    def inverse(self, places: Sequence[Var], extents: Sequence[Expr]) -> dict[Var, Expr] | None:
        """Return every index in terms of ``places`` in the other array, None if none was found.

        Parameters
        ----------
        places : sequence of Var
            One for each of ``image``.
        extents : sequence of Expr
            Those of the array.
        """
        solved = _Solution(dict(zip(self.index, extents, strict=True)))
        for part, place in zip(self.image, places, strict=True):
            if not solved.learn(part, place):
                return None
        return solved.values()


# ---------------------------------------------------------------- from Python


def traced(index_map: Callable[..., Any] | str, ndim: int, sizes: Sequence[Var]) -> IndexMap:
    """Return what ``index_map`` does with the indices of an array of ``ndim`` dimensions.

    ``sizes`` are the variables that it may use besides.

    Raises
    ------
    ScheduleError
        It is no function of ``ndim`` indices that returns indices.
    """
    if isinstance(index_map, str):
        return _checked(_read(index_map, ndim, sizes), sizes)
    if not callable(index_map):
        raise ScheduleError(
            f"transform_layout: {shown(index_map)} is no index map; "
            f"pass a function such as lambda i, j: [j//16, i, j%16]"
        )
    index = tuple(map(Var, _parameters(index_map, ndim)))
    try:
        returned = index_map(*index)
    except TexprError as error:
        raise ScheduleError(
            f"transform_layout: the index map cannot be traced: {error}; {_ADVICE}"
        ) from None
    parts = tuple(returned) if isinstance(returned, (list, tuple)) else (returned,)
    return _checked(IndexMap(index, tuple(map(_as_index, parts))), sizes)


def _parameters(index_map: Callable[..., Any], ndim: int) -> list[str]:
    """Return a name for every index that ``index_map`` takes."""
    try:
        parameters = [*inspect.signature(index_map).parameters.values()]
    except (TypeError, ValueError):
        return [f"i{k}" for k in range(ndim)]
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in places]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        names += [f"i{k}" for k in range(len(names), ndim)]
    if len(names) != ndim:
        raise ScheduleError(_arity(len(names), ndim))
    return names


def _arity(count: int, ndim: int) -> str:
    return (
        f"transform_layout: the index map takes {count} indices, and the array has {ndim}; "
        f"give it one for each dimension"
    )


def _as_index(value: object) -> Expr:
    try:
        part = as_expr(value, INT64)
    except TexprError:
        raise ScheduleError(
            f"transform_layout: the index map returns {shown(value)}, which is no index; {_ADVICE}"
        ) from None
    if part.dtype is not INT64:
        raise ScheduleError(
            f"transform_layout: the index map returns {part}, which is {part.dtype} and no index; "
            f"{_ADVICE}"
        )
    return part


def _checked(found: IndexMap, sizes: Sequence[Var]) -> IndexMap:
    known = {*found.index, *sizes}
    if not found.image:
        raise ScheduleError(
            f"transform_layout: the index map returns no index; return one for each dimension of "
            f"the new layout, {_ADVICE}"
        )
    for part in found.image:
        pending = [part]
        while pending:
            node = pending.pop()
            pending += node.children
            is_plain = isinstance(node, (Const, Var)) or (
                isinstance(node, Binary) and node.op in _USED
            )
            if not is_plain or (isinstance(node, Var) and node not in known):
                raise ScheduleError(f"transform_layout: the index map uses {node}; {_ADVICE}")
    return found


# ---------------------------------------------------------------- from text


def _read(text: str, ndim: int, sizes: Sequence[Var]) -> IndexMap:
    """Return the map that the text of a ``lambda`` says, which is not run."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        tree = None
    if not isinstance(tree, ast.Lambda):
        raise ScheduleError(
            f"transform_layout: {shown(text)} is no index map; "
            f'write "lambda i, j: [j//16, i, j%16]"'
        )
    names = [argument.arg for argument in tree.args.args]
    if len(names) != ndim:
        raise ScheduleError(_arity(len(names), ndim))
    index = tuple(map(Var, names))
    env = {**{var.name: var for var in sizes}, **{var.name: var for var in index}}
    body = tree.body
    parts = body.elts if isinstance(body, (ast.List, ast.Tuple)) else [body]
    return IndexMap(index, tuple(_expr(part, env) for part in parts))


def _expr(node: ast.expr, env: Mapping[str, Var]) -> Expr:
    if isinstance(node, ast.Name):
        if node.id in env:
            return env[node.id]
        raise ScheduleError(
            f"transform_layout: the index map uses {node.id!r}{did_you_mean(node.id, env)}; "
            f"{_ADVICE}"
        )
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Const(node.value, INT64)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        a, b = _expr(node.left, env), _expr(node.right, env)
        return Binary(_OPERATORS[type(node.op)], a, b)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _expr(node.operand, env)
        if isinstance(operand, Const):
            return Const(-int(operand.value), INT64)
        return Binary("sub", ZERO, operand)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("min", "max")
        and len(node.args) == 2
        and not node.keywords
    ):
        return Binary(node.func.id, _expr(node.args[0], env), _expr(node.args[1], env))
    raise ScheduleError(f"transform_layout: the index map uses {ast.unparse(node)}; {_ADVICE}")


# ---------------------------------------------------------------- where the image ends


class _Ends:
    """The first value of expressions of the indices and one past the last, as expressions."""

    def __init__(self, extents: Mapping[Var, Expr]) -> None:
        self.extents = extents

    def extent(self, part: Expr) -> Expr:
        _, end = self.range(part)
        # A sum of terms of which one has no value at all may end below 0.
        end = simplify(end)
        return end if prove(end >= 0) else simplify(Binary("max", end, ZERO))

    def range(self, part: Expr) -> tuple[Expr, Expr]:
        if isinstance(part, Var) and part in self.extents:
            return ZERO, self.extents[part]
        if not self.varies(part):
            return part, part + 1
        assert isinstance(part, Binary)
        (low, end), (other_low, other_end) = self.range(part.a), self.range(part.b)
        if part.op == "add":
            return low + other_low, simplify(end + other_end - 1)
        if part.op == "sub":
            return low - (other_end - 1), simplify(end - other_low)
        if part.op in ("min", "max"):
            return Binary(part.op, low, other_low), Binary(part.op, end, other_end)
        if part.op == "mul" and self.varies(part.b):
            part = Binary("mul", part.b, part.a)
            low, end, other_low = other_low, other_end, low
        if self.varies(part.b) or int_value(simplify(other_low)) == 0:
            raise self.unknown(part)
        return self.scaled(part, low, end, simplify(other_low))

    def scaled(self, part: Binary, low: Expr, end: Expr, factor: Expr) -> tuple[Expr, Expr]:
        """Return the range of a product, quotient or remainder by ``factor``."""
        if part.op == "mul" and prove(factor >= 0):
            return low * factor, simplify((end - 1) * factor + 1)
        if part.op == "mul" and prove(factor <= 0):
            return simplify((end - 1) * factor), simplify(low * factor + 1)
        if part.op == "floordiv" and prove(factor >= 0):
            return simplify(low // factor), ceildiv(end, factor)
        if part.op == "floormod" and prove(factor >= 0):
            return ZERO, factor
        raise self.unknown(part)

    def varies(self, part: Expr) -> bool:
        return any(var in self.extents for var in free_vars(part))

    def unknown(self, part: Expr) -> ScheduleError:
        return ScheduleError(
            f"transform_layout: how large {part} becomes is not known; multiply and divide by "
            f"numbers or sizes that are not negative"
        )


# ---------------------------------------------------------------- from the image back


@dataclass
class _Solution:
    """Values of the indices, from what is known of expressions of them.

    What is known of a ``base``, an index or a sum of several, are its digits: that
    ``(base // low) % (high // low)`` is a value, where a ``high`` of None stands for no end.
    """

    extents: Mapping[Var, Expr]
    digits: dict[Expr, dict[int, tuple[int | None, Expr]]] = field(default_factory=dict)

    def learn(self, part: Expr, value: Expr) -> bool:
        """Take in that ``part`` has ``value``; return False where that says nothing usable."""
        if isinstance(simplify(part), Const):  # as i % 1 is
            return True
        base, low, high = _digit(part)
        total = sum_of(base)
        if high == low:
            return False
        if base is part and not isinstance(base, Var):
            return part not in total.terms and self._unfuse(total, value)
        self.digits.setdefault(base, {})[low] = (high, value)
        return True

    def _unfuse(self, total: Sum, value: Expr) -> bool:
        """Take in the terms of a sum: each is a digit of it, the one before the next larger."""
        moving = {t: c for t, c in total.terms.items() if self._varies(t)}
        rest = sum_expr(Sum({t: c for t, c in total.terms.items() if t not in moving}), INT64)
        value = simplify(value - rest - total.constant)
        if len(moving) == 1:
            ((term, weight),) = moving.items()
            if weight == -1:
                return self.learn(term, simplify(ZERO - value))
            return weight > 0 and self.learn(term, simplify(value // weight))
        terms = sorted(moving.items(), key=lambda item: item[1])
        for k, (term, weight) in enumerate(terms):
            if weight <= 0:
                return False
            digit = value // weight
            if k + 1 < len(terms):
                following = terms[k + 1][1]
                if following % weight:
                    return False
                digit = digit % (following // weight)
            if not self.learn(term, simplify(digit)):
                return False
        return True

    def _varies(self, part: Expr) -> bool:
        return any(var in self.extents for var in free_vars(part))

    def values(self) -> dict[Var, Expr] | None:
        """Return the value of every index, None where some digit of one is missing."""
        solved: dict[Var, Expr] = {}
        while self.digits:
            base, digits = self.digits.popitem()
            value, low = self._composed(base, digits)
            if low is not None:
                return None
            if isinstance(base, Var):
                solved[base] = value
            elif not self._unfuse(sum_of(base), value):
                return None
        for var, extent in self.extents.items():
            if var not in solved:
                if int_value(extent) != 1:
                    return None
                solved[var] = ZERO
        return solved

    def _composed(
        self, base: Expr, digits: Mapping[int, tuple[int | None, Expr]]
    ) -> tuple[Expr, int | None]:
        """Return the sum of the digits of ``base``, and from where on they are missing."""
        ends = _Ends(self.extents)
        last = int_value(ends.extent(base))
        value: Expr = ZERO
        low: int | None = 1
        while low is not None and low in digits:
            high, digit = digits[low]
            value = digit * low + value
            low = high
        if low is not None and last is not None and last <= low:
            low = None
        return simplify(value), low


def _digit(part: Expr) -> tuple[Expr, int, int | None]:
    """Return the base of which ``part`` is a digit, and from where to where that goes."""
    steps = []
    while isinstance(part, Binary) and part.op in ("floordiv", "floormod"):
        number = int_value(part.b)
        if number is None or number <= 0:
            break
        steps.append((part.op, number))
        part = part.a
    low, high = 1, None
    for op, number in reversed(steps):
        end = low * number
        if high is not None and high % end:
            return part, low, low  # no digit: nothing is between its ends
        low, high = (end, high) if op == "floordiv" else (low, end)
    return part, low, high
