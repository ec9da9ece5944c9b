"""The arguments of a kernel: which arrays and scalars a caller passes, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from texpr.errors import DTypeError, LoweringError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Var, free_vars
from texpr.ir.program import Alloc, Block, Loop, Program, buffers_in, stmts
from texpr.ir.visitor import Rewriter, Visit


def bind_arguments(
    program: Program, args: Sequence[Any] | None = None, name: str | None = None
) -> Program:
    """Return ``program`` with ``args`` as its arguments.

    Without ``args`` they are the scalars that do not follow from a shape, the inputs, and the
    outputs. A tensor that is computed on the way and given as an argument is an output, too.

    Raises
    ------
    LoweringError
        An argument that is missing, given twice, or foreign to the program.
    DTypeError
        Something that is neither a tensor nor a scalar.
    """
    name = name or program.name
    used = set(buffers_in(program.body))
    if args is None:
        read = [buffer for buffer in program.buffers if buffer in used]
        bound = replace(program, name=name, args=tuple(read))
        return replace(bound, args=(*_unknown_scalars(bound), *read))
    given = _checked_arguments(name, args)
    passed = {arg for arg in given if isinstance(arg, Buffer)}
    known = ", ".join(buffer.name for buffer in program.buffers)
    for arg in given:
        if isinstance(arg, Buffer) and arg.is_computed and arg not in used:
            raise LoweringError(
                f"{name}: {arg!r} is not computed by this program, whose arrays are {known}; "
                f"leave it out, or make the schedule from its operation and neither inline nor "
                f"move it"
            )
    written = set(program.outputs)
    for buffer in program.buffers:
        if buffer in used and buffer not in passed:
            verb = "writes" if buffer in written else "reads"
            everything = ", ".join([*(arg.name for arg in given), buffer.name])
            raise LoweringError(
                f"{name}: the argument {buffer.name!r} is missing, which the program {verb}; "
                f"pass it, [{everything}]"
            )
    scratch = {stmt.buffer for stmt in stmts(program.body) if isinstance(stmt, Alloc)}
    body = _WithoutAlloc(passed & scratch).rewrite_stmt(program.body)
    bound = replace(program, name=name, args=given, body=body)
    missing = _unknown_scalars(bound)
    if missing:
        raise LoweringError(
            f"{name}: the scalar {missing[0].name!r} is missing and follows from no shape; "
            f"pass it, [{', '.join([missing[0].name, *(arg.name for arg in given)])}]"
        )
    return bound


def _checked_arguments(name: str, args: object) -> tuple[Buffer | Var, ...]:
    if not isinstance(args, (list, tuple)):
        raise DTypeError(
            f"{name}: the arguments are {shown(args)}; pass a list of the tensors and "
            f"te.vars that the kernel takes, such as [A, B, C]"
        )
    for position, arg in enumerate(args):
        if not isinstance(arg, (Buffer, Var)) or (isinstance(arg, Var) and arg.is_axis):
            raise DTypeError(
                f"{name}: argument {position} is {shown(arg)}; pass the tensors and te.vars "
                f"that the kernel takes, such as [A, B, C]"
            )
        if any(arg is other for other in args[:position]):
            raise LoweringError(f"{name}: {arg.name!r} is given twice; pass it once")
    return tuple(args)


def _unknown_scalars(program: Program) -> list[Var]:
    """Return the scalars that the body uses and that neither arguments nor shapes give."""
    known = {*program.params}
    bound: set[Var] = set()
    roots: list[Expr] = [*program.requirements]
    for stmt in stmts(program.body):
        roots += [child for child in stmt.children if isinstance(child, Expr)]
        if isinstance(stmt, Loop):
            bound.add(stmt.var)
        if isinstance(stmt, Block):
            bound.update(iter_.var for iter_ in stmt.iters)
        if isinstance(stmt, Alloc):
            roots += stmt.buffer.shape
    return [var for var in free_vars(*roots) if var not in known and var not in bound]


class _WithoutAlloc(Rewriter):
    def __init__(self, buffers: set[Buffer]) -> None:
        self.buffers = buffers

    def visit_Alloc(self, node: Alloc) -> Visit[Any]:
        if node.buffer in self.buffers:
            return (yield node.body)
        return (yield from self.generic(node))
