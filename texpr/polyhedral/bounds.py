"""Every access in bounds, before machine code is made.

What leaves its buffer whatever the sizes is an error. What cannot be proven, because the index is
data or because the sizes decide, is left to machine code to check when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from texpr.errors import BoundsError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Load, free_vars, postorder
from texpr.ir.interpreter import evaluate
from texpr.ir.printer import stmt_text
from texpr.ir.program import TRUE, Block, If, Let, Loop, Program, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter
from texpr.polyhedral.counterexample import Point, instance_text
from texpr.polyhedral.region import is_larger, short_text
from texpr.polyhedral.subscripts import SUBSCRIPT_OPERATIONS, Subscript, subscripts

Check: TypeAlias = tuple[Buffer, int, Expr]

_MAX_TEXT = 120


class OutOfBoundsError(BoundsError):
    """A subscript that leaves its buffer, found before anything ran; ``subscript`` says which."""

    def __init__(self, text: str, subscript: Subscript) -> None:
        super().__init__(text)
        self.subscript = subscript


def check_bounds(
    program: Program,
    *,
    sizes_may_decide: bool = True,
    max_operations: int = SUBSCRIPT_OPERATIONS,
) -> Program:
    """Return ``program`` with ``checked`` set on its Blocks: what machine code has to check.

    The program itself is returned where nothing changes.

    Parameters
    ----------
    sizes_may_decide : bool
        Whether a subscript that some sizes take out of its buffer is left to machine code, too.
    max_operations : int
        isl's budget for one subscript; what it does not suffice for is checked when it runs.

    Raises
    ------
    OutOfBoundsError
        A subscript leaves its buffer at every size at which it is evaluated at all; or one in the
        bound of a loop or the condition of an ``if``, where machine code does not check, may.

    >>> from texpr import te
    >>> A = te.placeholder((8,), name="A")
    >>> B = te.compute((8,), lambda i: A[i + 1], name="B")
    >>> check_bounds(te.create_schedule(B.op).program)
    Traceback (most recent call last):
        ...
    texpr.polyhedral.bounds.OutOfBoundsError: bounds: B[i] = A[i + 1] (...): at i=7 it reads ...
    """
    checks: dict[Stmt, dict[Check, None]] = {}
    for found in subscripts(program, max_operations=max_operations):
        if found.answer.kind == "proven":
            continue
        decides = found.answer.example is not None and not sizes_may_decide
        if found.answer.kind == "violated" or decides or not isinstance(found.statement, Block):
            raise OutOfBoundsError(refusal(found), found)
        check = (found.access.buffer, found.dimension, found.index)
        checks.setdefault(found.statement, {})[check] = None
    return program.with_body(_Marking(checks).rewrite_stmt(program.body))


class _Marking(Rewriter):
    """Sets ``checked`` of every Block."""

    def __init__(self, checks: Mapping[Stmt, Mapping[Check, None]]) -> None:
        self.checks = checks

    def visit_Block(self, node: Block) -> Block:
        checked = tuple(self.checks.get(node, ()))
        return node if checked == node.checked else replace(node, checked=checked)


# ---------------------------------------------------------------- the text of an error


def refusal(found: Subscript) -> str:
    """Return the text of the error of a subscript that leaves its buffer, or may."""
    index = short_text(simplify(found.index))
    extent = short_text(simplify(found.extent))
    legal = f"0 <= {index} < {extent}"
    example = found.answer.example
    if example is None:
        what = f"cannot prove {legal}, because {found.answer.reason}"
    else:
        what = _example_text(found, example)
        value = _value(found.index, example)
        legal = f"{index} >= 0" if value is not None and value < 0 else f"{index} < {extent}"
    return f"bounds: {_statement_text(found.statement)}: {what}; {_advice(found, legal)}"


def _example_text(found: Subscript, example: Point) -> str:
    buffer = found.access.buffer
    params = instance_text(example.params, [*example.params])
    instance = instance_text(example.dims, found.dims)
    where = ", ".join(
        f"{word} {text}" for word, text in (("with", params), ("at", instance)) if text
    )
    verb = "writes" if found.access.is_write else "reads"
    texts = [short_text(simplify(index)) for index in found.access.indices]
    values = [_value(index, example) for index in found.access.indices]
    cells = [
        text if value is None else str(value) for text, value in zip(texts, values, strict=True)
    ]
    access, cell = (f"{buffer.name}[{', '.join(parts)}]" for parts in (texts, cells))
    is_cell = "" if access == cell else f", which is {cell}"
    extent = _value(found.extent, example)
    room = f"runs over 0..{extent - 1}" if extent else "is empty"
    text = f"{where} it {verb} {access}{is_cell}, but dimension {found.dimension} of "
    text += f"{buffer.name} {room}"
    if params and found.answer.kind == "violated":
        text += ", and so at every size"
    return text.lstrip()


def _value(expr: Expr, point: Point) -> int | None:
    """Return the value of ``expr`` at ``point``, None where it depends on more."""
    values = point.values
    if any(isinstance(node, Load) for node in postorder(expr)):
        return None
    if any(var not in values for var in free_vars(expr)):
        return None
    return int(evaluate(expr, values))


def _statement_text(statement: Stmt) -> str:
    where = ""
    if isinstance(statement, Block):
        axes = tuple(axis.var for axis in statement.iters)
        alone = replace(statement, bindings=axes, predicate=TRUE)
        large = any(is_larger(store.value, 1_000) for store in statement.stores)
        text = f"statement {statement.label}" if large else stmt_text(alone)
        where = f" ({statement.location})" if statement.location is not None else ""
    elif isinstance(statement, Loop):
        text = f"for {statement.var} in range({statement.lower}, {statement.upper})"
    elif isinstance(statement, If):
        text = f"if {statement.condition}"
    else:
        assert isinstance(statement, Let)
        text = f"{statement.var} = {statement.value}"
    return (text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 3] + "...") + where


def _advice(found: Subscript, legal: str) -> str:
    if found.answer.requirement is not None:
        return f"say that it cannot happen, texpr.require({found.answer.requirement})"
    if not isinstance(found.statement, Block):
        return f"it is read before anything could check it, so declare shapes such that {legal}"
    if found.access.is_write:
        return f"shorten the loops such that {legal}, or write only where that holds"
    return f"shorten the loops such that {legal}, or guard the read, if_then_else({legal}, ..., 0)"
