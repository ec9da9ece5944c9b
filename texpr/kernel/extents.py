"""Extents that are strings: ``texpr.f64["N", "2*N + 1"]``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from texpr.errors import ShapeError
from texpr.ir.expr import Expr

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}


class Sizes(Protocol):
    """Whatever knows sizes by their names."""

    def size_named(self, name: str, what: str) -> Expr:
        """Return the size called ``name``."""


def extent_of_text(text: str, what: str, sizes: Sizes) -> Any:
    """Return the extent that ``text`` says: names of sizes, numbers, and + - * // %.

    Raises
    ------
    ShapeError
        It says something else; ``what`` names the extent.
    """
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, what, sizes)
    except (SyntaxError, _NoExtent, ZeroDivisionError):
        raise ShapeError(
            f'{what}: {text!r} is no extent; write a name such as "N", or "2*N + 1"'
        ) from None


class _NoExtent(Exception):  # noqa: N818 - it never leaves this module
    pass


def _value(node: ast.expr, what: str, sizes: Sizes) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return sizes.size_named(node.id, what)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, what, sizes)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        a, b = _value(node.left, what, sizes), _value(node.right, what, sizes)
        return _ARITHMETIC[type(node.op)](a, b)
    raise _NoExtent
