"""The flavours of a program that take arrays of any strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Expr, Var
from texpr.ir.program import ONE, Block, ExternCall, Program
from texpr.ir.visitor import CellRewriter, Visit


def strided_program(program: Program, rows: AbstractSet[Buffer] = frozenset()) -> Program:
    """Return ``program`` with variables for the strides of its arrays.

    The strides count elements and come after the sizes in machine code, array by array. Those in
    ``rows`` have their last dimension without gaps, so that vectors are loaded from them whole.
    """

    def strides(buffer: Buffer) -> tuple[Expr, ...]:
        own: list[Expr] = [Var(f"{buffer.name}_stride{d}") for d in range(buffer.ndim)]
        if buffer in rows:
            own[-1] = ONE
        return tuple(own)

    twins = {
        buffer: Buffer(
            buffer.name,
            buffer.shape,
            buffer.dtype,
            strides(buffer),
        )
        for buffer in program.buffers
    }
    return replace(
        program,
        args=tuple(twins[arg] if isinstance(arg, Buffer) else arg for arg in program.args),
        body=_Replace(twins).rewrite_stmt(program.body),
    )


class _Replace(CellRewriter):
    def __init__(self, twins: Mapping[Buffer, Buffer]) -> None:
        self.twins = twins

    def twin(self, buffer: Buffer) -> Buffer:
        return self.twins.get(buffer, buffer)

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        return self.twin(buffer), indices

    def visit_ExternCall(self, node: ExternCall) -> Visit[Any]:
        call = yield from self.generic(node)
        return replace(
            call,
            args=tuple(self.twin(a) if isinstance(a, Buffer) else a for a in call.args),
            inputs=tuple(map(self.twin, node.inputs)),
            outputs=tuple(map(self.twin, node.outputs)),
        )

    def visit_Block(self, node: Block) -> Visit[Any]:
        block = yield from self.generic(node)
        checked = tuple(
            (self.twin(buffer), dimension, self.rewrite_expr(index))
            for buffer, dimension, index in node.checked
        )
        return replace(block, checked=checked)
