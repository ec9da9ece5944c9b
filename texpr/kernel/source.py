"""The source of a kernel: read, parsed, and pointed at in errors."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import TypeVar

from texpr.errors import KernelError, TexprError, pointed_at
from texpr.ir.program import Location

E = TypeVar("E", bound=TexprError)


class Source:
    """The text of a function and its syntax tree, whose nodes it can point at.

    Parameters
    ----------
    function : function
        A plain ``def``.

    Raises
    ------
    KernelError
        It is something else, or its source cannot be read.
    """

    def __init__(self, function: FunctionType) -> None:
        self.name = function.__name__
        if self.name == "<lambda>":
            raise KernelError("kernel: a lambda has no loops; write a def with for loops in it")
        self.file = function.__code__.co_filename
        try:
            self.lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError, SyntaxError) as error:
            raise KernelError(
                f"{self.name}: its source cannot be read from {self.file!r}; a kernel is made from "
                f"its source, so define it in a file or in a notebook's cell"
            ) from error
        # A first line that is indented makes the function the body of an `if`: columns stay true.
        is_indented = self.lines[0][:1].isspace()
        self._shift = 1 if is_indented else 0
        self.first_line = max(first, 1)
        text = "".join(self.lines)
        tree = ast.parse("if 1:\n" + text if is_indented else text)
        self.function = self._found(tree, function)

    def _found(self, tree: ast.Module, function: FunctionType) -> ast.FunctionDef:
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef) and node.name == self.name:
                raise self.error(
                    KernelError, node, f"{self.name}: a kernel is no coroutine; write a plain def"
                )
            if isinstance(node, ast.FunctionDef) and node.name == self.name:
                code = function.__code__
                names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
                given = node.args
                if [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)] == [
                    *names
                ]:
                    return node
        raise KernelError(
            f"{self.name}: what {self.file!r} holds in line {self.first_line} is not the source "
            f"of this function; was the file changed after it was imported?"
        )

    def line_of(self, node: ast.AST) -> int:
        """The line of ``node`` in its file."""
        line: int = getattr(node, "lineno", 1)
        return line - self._shift + self.first_line - 1

    def location(self, node: ast.AST) -> Location:
        """Return where ``node`` stands, as statements remember it."""
        return Location(Path(self.file).name, self.line_of(node))

    def error(self, kind: type[E], node: ast.AST, text: str) -> E:
        """Return an error of ``kind`` that says ``text`` and shows ``node`` with a caret."""
        line = self.line_of(node)
        start, end = self._columns(node)
        shown = self.lines[line - self.first_line].rstrip("\n")
        if issubclass(kind, KernelError):
            return kind(text, (self.file, line, start, shown, line, end))
        return kind(f"{text}\n{pointed_at(self.file, line, shown, start, end)}")

    @contextmanager
    def at(self, node: ast.AST) -> Iterator[None]:
        """Point errors that are raised inside, and know of no source, at ``node``."""
        try:
            yield
        except TexprError as error:
            raise self.error(type(error), node, str(error)) from None

    def _columns(self, node: ast.AST) -> tuple[int, int]:
        """Return the columns of ``node``, from 1, in its first line, and one past the last.

        Of a statement that holds others, only its head.
        """
        line = self.lines[self.line_of(node) - self.first_line].rstrip("\n")
        head: ast.AST = node
        if isinstance(node, ast.stmt) and (hasattr(node, "body") or hasattr(node, "cases")):
            ends = [*getattr(node, "items", ()), getattr(node, "iter", None)]
            ends += [getattr(node, "test", None), getattr(node, "subject", None)]
            found = [end.context_expr if isinstance(end, ast.withitem) else end for end in ends]
            head = next((end for end in reversed(found) if end is not None), node)
        # The tree counts bytes of UTF-8.
        as_bytes = line.encode()
        start = len(as_bytes[: getattr(node, "col_offset", 0)].decode(errors="replace"))
        end = len(line)
        if getattr(head, "end_lineno", None) == getattr(node, "lineno", None):
            end = len(as_bytes[: getattr(head, "end_col_offset", 0)].decode(errors="replace"))
        return start + 1, end + 1
