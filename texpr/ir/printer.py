"""Programs as text that reads like Python loops.

Every variable and buffer gets a name of its own where two would meet; a Block prints with its
bindings put in, so that the subscripts are in terms of the loops around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from texpr.ir.buffer import Buffer
from texpr.ir.chunks import STATIC
from texpr.ir.expr import Binary, Const, Expr, Load, Var, expr_text, free_vars
from texpr.ir.names import unique_name
from texpr.ir.operators import BINARY
from texpr.ir.program import (
    STMT_NODES,
    TRUE,
    Alloc,
    Annotations,
    Block,
    ExternCall,
    If,
    Let,
    Loop,
    Program,
    Seq,
    Shown,
    Stmt,
    Store,
)
from texpr.ir.simplify import Context, inside_loop, simplify
from texpr.ir.visitor import Visit, Visitor, substitute

INDENT = "    "

# Python's augmented assignments; `x = max(x, y)` has none.
_AUGMENTED = {"add", "sub", "mul", "div", "bitand", "bitor", "bitxor", "floordiv", "shl", "shr"}


class Names:
    """Gives every variable and buffer in scope a name of its own."""

    def __init__(self) -> None:
        self._name_of: dict[Var | Buffer, str] = {}
        self._taken: set[str] = set()

    def __call__(self, thing: Var | Buffer) -> str:
        """Return the name of ``thing``, giving it one if it has none yet."""
        name = self._name_of.get(thing)
        return name if name is not None else self._bind(thing)

    def _bind(self, thing: Var | Buffer) -> str:
        name = unique_name(thing.name, self._taken)
        self._taken.add(name)
        self._name_of[thing] = name
        return name

    @contextmanager
    def scope(self, thing: Var | Buffer) -> Iterator[str]:
        """Name ``thing`` for the time of the ``with`` block, after which the name is free."""
        name = self._bind(thing)
        yield name
        self._taken.discard(name)
        self._name_of.pop(thing, None)


Style: TypeAlias = Callable[[str, str], str]
"""What becomes of a piece of text of some kind, as it is printed: ``style("keyword", "for")``.

The kinds are keyword, name, type, expr, comment, and the names of loop kinds: serial, parallel, …
"""


def plain(kind: str, text: str) -> str:
    """Return the text as it is."""
    return text


class _Printer(Visitor[None], over=STMT_NODES):
    memoise = False

    def __init__(self, names: Names, style: Style = plain) -> None:
        self.names = names
        self.style = style
        self.lines: list[str] = []
        self.depth = 0
        self.context = Context()
        """What the loops around say of their variables."""

    def line(self, text: str) -> None:
        self.lines.append(INDENT * self.depth + text)

    def text(self, expr: Expr) -> str:
        return self.style("expr", expr_text(expr, self.names))

    def keyword(self, word: str) -> str:
        return self.style("keyword", word)

    def body(self, stmt: Stmt) -> Generator[Any, Any, None]:
        """Print ``stmt`` one level deeper."""
        self.depth += 1
        before = len(self.lines)
        yield stmt
        if len(self.lines) == before:
            self.line(self.keyword("pass"))
        self.depth -= 1

    def visit_Seq(self, node: Seq) -> Visit[None]:
        yield from node.stmts

    def visit_Loop(self, node: Loop) -> Visit[None]:
        bounds = [self.text(node.upper)]
        if node.step != 1 or not (isinstance(node.lower, Const) and node.lower.value == 0):
            bounds.insert(0, self.text(node.lower))
        if node.step != 1:
            bounds.append(str(node.step))
        if node.chunks != STATIC:
            bounds.append(f'schedule="{node.chunks}"')
        bounds += _notes(node.annotations)
        with self.names.scope(node.var) as name:
            kind = self.style(node.kind.name.lower(), node.kind.value)
            head = f"{self.keyword('for')} {self.style('name', name)} {self.keyword('in')}"
            self.line(f"{head} {kind}({', '.join(bounds)}):")
            around = self.context
            self.context = inside_loop(node, around)
            yield from self.body(node.body)
            self.context = around

    def visit_If(self, node: If) -> Visit[None]:
        self.line(f"{self.keyword('if')} {self.text(node.condition)}:")
        yield from self.body(node.then)
        if node.orelse is not None:
            self.line(f"{self.keyword('else')}:")
            yield from self.body(node.orelse)

    def visit_Let(self, node: Let) -> Visit[None]:
        value = self.text(node.value)
        with self.names.scope(node.var) as name:
            self.line(f"{self.style('name', name)} = {value}")
            yield node.body

    def visit_Alloc(self, node: Alloc) -> Visit[None]:
        with self.names.scope(node.buffer) as name:
            shape = ", ".join(map(self.text, node.buffer.shape))
            comma = "," if node.buffer.ndim == 1 else ""
            dtype = self.style("type", str(node.buffer.dtype))
            more = "" if node.buffer.scope == "global" else f', scope="{node.buffer.scope}"'
            if node.buffer.strides is not None:
                strides = ", ".join(self.text(simplify(stride)) for stride in node.buffer.strides)
                more += f", strides=({strides}{comma})"
            self.line(f"{self.style('name', name)} = empty(({shape}{comma}), {dtype}{more})")
            yield node.body

    def visit_Block(self, node: Block) -> None:
        at_loops = {
            iter_.var: value for iter_, value in zip(node.iters, node.bindings, strict=True)
        }
        predicate = simplify(substitute(node.predicate, at_loops), self.context)
        body = [simplify(substitute(part, at_loops), self.context) for part in node.body]
        if node.annotations:
            self.line(self.style("comment", f"# {', '.join(_notes(node.annotations))}"))
        if predicate is not TRUE:
            self.line(f"{self.keyword('if')} {self.text(predicate)}:")
            self.depth += 1
        if node.extern is not None:
            self.visit_ExternCall(cast(ExternCall, body[0]))
        else:
            self.line(self.assignment(cast("list[Store]", body)))
        if predicate is not TRUE:
            self.depth -= 1

    def visit_Store(self, node: Store) -> None:
        self.line(self.assignment([node]))

    def visit_ExternCall(self, node: ExternCall) -> None:
        targets = [f"{self.names(buffer)}[...]" for buffer in node.outputs]
        args = [self.names(a) if isinstance(a, Buffer) else self.text(a) for a in node.args]
        call = f"extern {node.function.name}({', '.join(args)})"
        self.line(f"{', '.join(targets)} = {call}")

    def assignment(self, stores: list[Store]) -> str:
        targets = [self.text(Load(store.buffer, store.indices)) for store in stores]
        if len(stores) == 1:
            value = stores[0].value
            if isinstance(value, Binary) and value.op in _AUGMENTED:
                left = value.a
                same = Load(stores[0].buffer, stores[0].indices)
                if left is same:
                    return f"{targets[0]} {BINARY[value.op].symbol}= {self.text(value.b)}"
        values = [self.text(store.value) for store in stores]
        return f"{', '.join(targets)} = {', '.join(values)}"


def _notes(annotations: Annotations) -> list[str]:
    return [
        f"{key}={json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value!r}"
        for key, value in annotations
    ]


def stmt_text(stmt: Stmt, style: Style = plain) -> str:
    """Return the statement as Python-like text."""
    printer = _Printer(Names(), style)
    printer.visit(stmt)
    return "\n".join(printer.lines) or printer.keyword("pass")


def program_text(program: Program, style: Style = plain) -> str:
    """Return the program as the text of a Python-like function."""
    names = Names()
    printer = _Printer(names, style)
    shapes = [extent for buffer in program.buffers for extent in buffer.shape]
    for var in free_vars(*shapes, *program.scalars):
        names(var)
    parts = _arguments(program, names, style)
    head = f"{printer.keyword('def')} {style('name', program.name)}"
    plain_parts = _arguments(program, names, plain)
    if len(f"def {program.name}({', '.join(plain_parts)}):") > 100:  # the project's line length
        head += f"(\n{INDENT * 2}" + f",\n{INDENT * 2}".join(parts) + ",\n):"
    else:
        head += f"({', '.join(parts)}):"
    printer.depth = 1
    for requirement in program.requirements:
        printer.line(f"{printer.keyword('require')} {printer.text(requirement)}")
    before = len(printer.lines)
    printer.visit(program.body)
    if len(printer.lines) == before:
        printer.line(printer.keyword("pass"))
    return "\n".join([head, *printer.lines])


def _arguments(program: Program, names: Names, style: Style) -> list[str]:
    outputs = {id(buffer) for buffer in program.outputs}
    parts = []
    for arg in program.args:
        dtype = style("type", str(arg.dtype))
        if isinstance(arg, Var):
            parts.append(f"{names(arg)}: {dtype}")
        else:
            shape = ", ".join(style("expr", expr_text(n, names)) for n in arg.shape) or "()"
            role = f"{style('keyword', 'out')} " if id(arg) in outputs else ""
            parts.append(f"{names(arg)}: {role}{dtype}[{shape}]")
    return parts


def _show(thing: Stmt | Program) -> str:
    return program_text(thing) if isinstance(thing, Program) else stmt_text(thing)


Shown.show = staticmethod(_show)
