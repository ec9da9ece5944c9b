"""Numbers that are given as text over the sizes of a program, as a trace keeps them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from texpr.errors import ScheduleError, did_you_mean, shown
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var
from texpr.ir.program import Program
from texpr.ir.simplify import simplify

_OPERATORS: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "floordiv",
    ast.Mod: "floormod",
}


def size_of(what: str, text: str, program: Program) -> Expr:
    """Return the number that ``text`` says, such as ``"n//4*4"``, over the sizes of ``program``.

    Raises
    ------
    ScheduleError
        It says none.

    >>> from texpr import te
    >>> A = te.placeholder((te.size_var("n"),), name="A")
    >>> B = te.compute(A.shape, lambda i: A[i], name="B")
    >>> size_of("loop_partition", "min(n, 8) - 1", te.create_schedule(B.op).program)
    <int64 min(n, 8) - 1>
    """
    sizes = {var.name: var for var in program.params if var.dtype.is_integer}
    try:
        return simplify(_read(what, ast.parse(text.strip(), mode="eval").body, sizes))
    except ScheduleError:
        raise
    except (SyntaxError, ValueError, RecursionError):
        raise ScheduleError(
            f"{what}: {shown(text)} is no number; write it with integers, sizes, "
            f"+ - * // % and min or max"
        ) from None


def _read(what: str, node: ast.expr, sizes: Mapping[str, Var]) -> Expr:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Const(node.value, INT64)
    if isinstance(node, ast.Name):
        if node.id not in sizes:
            known = ", ".join(sizes) or "none"
            raise ScheduleError(
                f"{what}: no size {node.id!r}{did_you_mean(node.id, sizes)}; "
                f"the sizes of the program are {known}"
            )
        size = sizes[node.id]
        return size if size.dtype is INT64 else size.astype("int64")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return Const(0, INT64) - _read(what, node.operand, sizes)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        a, b = (_read(what, side, sizes) for side in (node.left, node.right))
        return Binary(_OPERATORS[type(node.op)], a, b)
    is_choice = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    if is_choice and node.func.id in ("min", "max") and len(node.args) == 2:  # type: ignore[attr-defined]
        a, b = (_read(what, side, sizes) for side in node.args)  # type: ignore[attr-defined]
        return Binary(node.func.id, a, b)  # type: ignore[attr-defined]
    raise ValueError(ast.dump(node))
