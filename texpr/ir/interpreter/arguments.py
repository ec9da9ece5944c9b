"""The arguments of a call: what they bind, and the sizes that follow from their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from texpr.errors import ArgumentError, DTypeError, ShapeError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Cast, Const, Expr, Unary, Var, free_vars, postorder
from texpr.ir.interpreter.expression import evaluate, held
from texpr.ir.interpreter.memory import Memory
from texpr.ir.program import ExternCall, Program, Store, stmts

Scope = dict[Any, Any]


def bind(program: Program, args: Sequence[object]) -> Scope:
    """Return the values of the program's scalars and sizes and the memories of its arrays.

    Raises
    ------
    ArgumentError
        Too many arguments, or too few.
    DTypeError
        An argument of the wrong kind.
    ShapeError
        The shapes disagree with each other, or a requirement does not hold.
    """
    if len(args) != len(program.args):
        names = ", ".join(arg.name for arg in program.args)
        raise ArgumentError(
            f"{program.name}: got {len(args)} arguments; pass {len(program.args)}, ({names})"
        )
    scope: Scope = {}
    stored = {id(stmt.buffer) for stmt in stmts(program.body) if isinstance(stmt, Store)}
    for stmt in stmts(program.body):
        if isinstance(stmt, ExternCall):
            stored.update(map(id, stmt.outputs))
    for parameter, value in zip(program.args, args, strict=True):
        if isinstance(parameter, Var):
            scope[parameter] = _scalar(program, parameter, value)
        else:
            array = _array(program, parameter, value, is_written=id(parameter) in stored)
            scope[parameter] = Memory(parameter, array, is_fresh=False)
    extents = [
        (extent, actual, f"dimension {dimension} of {buffer.name}")
        for buffer in program.buffers
        for dimension, (extent, actual) in enumerate(
            zip(buffer.shape, scope[buffer].shape, strict=True)
        )
    ]
    _bind_sizes(program, scope, extents)
    for extent, actual, what in extents:
        wanted = _value(extent, scope)
        if wanted != actual:
            said = str(wanted) if isinstance(extent, Const) else f"{extent} = {wanted}"
            raise ShapeError(
                f"{program.name}: {what} is {actual} where {said} is needed; "
                f"pass arrays whose shapes agree"
            )
    for requirement in program.requirements:
        if not _value(requirement, scope):
            values = ", ".join(f"{var} = {scope[var]}" for var in free_vars(requirement))
            raise ShapeError(
                f"{program.name}: the requirement {requirement} does not hold"
                f"{values and f' for {values}'}; pass sizes for which it does"
            )
    return scope


def _value(expr: Expr, scope: Mapping[Any, Any]) -> Any:
    return evaluate(expr, scope).item()


def _scalar(program: Program, parameter: Var, value: object) -> Any:
    try:
        scalar = held(value, parameter.dtype)
    except DTypeError as error:
        raise DTypeError(
            f"{program.name}: argument {parameter}: {error}; pass one that fits"
        ) from None
    if parameter.is_size and scalar < 0:
        raise ShapeError(f"{program.name}: the size {parameter} is {scalar}; pass at least 0")
    return scalar


def _array(
    program: Program, buffer: Buffer, value: object, *, is_written: bool
) -> np.ndarray[Any, Any]:
    what = f"{program.name}: argument {buffer.name}"
    if not isinstance(value, np.ndarray):
        raise DTypeError(f"{what} is a {type(value).__name__}; pass a NumPy array")
    if value.dtype != buffer.dtype.numpy:
        raise DTypeError(
            f"{what} has type {value.dtype}; pass {buffer.dtype}, "
            f"{buffer.name}.astype('{buffer.dtype}')"
        )
    if value.ndim != buffer.ndim:
        raise ShapeError(
            f"{what} has {value.ndim} dimensions; pass {buffer.ndim}, "
            f"[{', '.join(map(str, buffer.shape))}]"
        )
    if is_written and not value.flags.writeable:
        raise DTypeError(f"{what} is read-only and the program writes it; pass a writable array")
    return value


def _bind_sizes(program: Program, scope: Scope, extents: list[tuple[Expr, int, str]]) -> None:
    """Bind every size in ``extents``: first where it stands alone, then by solving for it."""
    for extent, actual, _ in extents:
        if isinstance(extent, Var):
            scope.setdefault(extent, actual)
    progress = True
    while progress:
        progress = False
        for extent, actual, what in extents:
            unknown = [var for var in free_vars(extent) if var not in scope]
            line = _as_line(extent, unknown[0], scope) if len(unknown) == 1 else None
            if line is None or line[0] == 0:
                continue
            slope, constant = line
            value, rest = divmod(actual - constant, slope)
            if rest != 0 or value < 0:
                raise ShapeError(
                    f"{program.name}: {what} is {actual}, and no size {unknown[0]} makes {extent} "
                    f"that; pass an array of another shape"
                )
            scope[unknown[0]] = value
            progress = True
    for size in program.sizes:
        if size not in scope:
            raise ShapeError(
                f"{program.name}: the size {size} does not follow from the shapes of the arrays; "
                f"make it an argument of the program"
            )


def _as_line(extent: Expr, unknown: Var, scope: Scope) -> tuple[int, int] | None:
    """Return (slope, constant) of ``extent`` as a linear function of ``unknown``, if it is one."""
    lines: dict[int, tuple[int, int] | None] = {}
    for node in postorder(extent):
        below = [lines[id(child)] for child in node.children]
        line: tuple[int, int] | None = None
        if node is unknown:
            line = (1, 0)
        elif isinstance(node, Var):
            line = (0, scope[node])
        elif all(part is not None and part[0] == 0 for part in below):
            values = [
                Const(part[1], child.dtype)
                for part, child in zip(below, node.children, strict=True)
                if part is not None
            ]
            line = (0, _value(node.rebuild(values) if values else node, {}))
        elif all(part is not None for part in below):
            line = _line_of(node, [part for part in below if part is not None])
        lines[id(node)] = line
    return lines[id(extent)]


def _line_of(node: Expr, below: list[tuple[int, int]]) -> tuple[int, int] | None:
    slope, constant = below[0]
    if isinstance(node, Cast) and node.dtype.is_integer:
        return slope, constant
    if isinstance(node, Unary) and node.op == "neg":
        return -slope, -constant
    if isinstance(node, Binary) and node.op in ("add", "sub"):
        sign = 1 if node.op == "add" else -1
        return slope + sign * below[1][0], constant + sign * below[1][1]
    if isinstance(node, Binary) and node.op == "mul" and 0 in (slope, below[1][0]):
        other_slope, other_constant = below[1]
        return slope * other_constant + other_slope * constant, constant * other_constant
    return None
