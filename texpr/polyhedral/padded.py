"""Whether a stage that runs over its end, into room made for it, shows anybody anything of that.

Its declared instances have to run as before, in which the program is judged with guards around
them. Those beyond write only cells that were not there, where nobody looks who ran before, and
read only what is inside of its array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import islpy as isl

from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, Var
from texpr.ir.program import Alloc, Block, If, Program, Stmt, blocks
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import SET, Unknown
from texpr.polyhedral.counterexample import instance_text, smallest_point
from texpr.polyhedral.scop import Scop, Statement, Touch


@dataclass(frozen=True, eq=False)
class Padded:
    """The witness of a ``stage`` with more instances, and of its arrays with more cells.

    ``axes`` and ``buffers`` give the variables and arrays that stood there before.
    """

    stage: str
    axes: Mapping[Var, Var]
    buffers: Mapping[Buffer, Buffer]

    def joined(self, program: Program, before: Program) -> Program:
        """Return ``program`` with the statements of ``before`` where their instances run."""
        return program.with_body(_Guarded(self, before).rewrite_stmt(program.body))


class _Guarded(Rewriter):
    """Puts the statements that were declared in the place of those that run further."""

    def __init__(self, witness: Padded, before: Program) -> None:
        self.witness = witness
        self.declared = {block.label: block for block in blocks(before.body)}

    def visit_Alloc(self, node: Alloc) -> Visit[Stmt]:
        body = yield node.body
        return Alloc(self.witness.buffers.get(node.buffer, node.buffer), body)

    def visit_Block(self, node: Block) -> Stmt:
        declared = self.declared[node.label]
        found: Stmt = replace(declared, bindings=node.bindings)
        if node.name == self.witness.stage:
            at = {a.var: v for a, v in zip(declared.iters, node.bindings, strict=True)}
            for axis, new in zip(declared.iters, node.iters, strict=True):
                if axis is not new and axis.dom is not None:
                    upper: Expr = substitute(axis.upper, at)
                    found = If(Binary("lt", at[axis.var], upper), found)
        return found


def shown_padding(before: Scop, after: Scop, witness: Padded) -> str | None:
    """Return what of the instances beyond somebody may see, None where nobody sees any.

    Both programs are of one analysis.
    """
    own = {witness.stage, f"{witness.stage}.init"}
    for new, old in witness.buffers.items():
        if len(new.shape) != len(old.shape) or new.dtype is not old.dtype:
            return f"{new.name} is another array"
    for statement in after.statements:
        declared = before[statement.label]
        if statement.region.missing or declared.region.missing:
            if statement.label in own:
                return f"what the loops of {statement.label} run is not known"
            continue
        runs = statement.iterations(()).over.domain()
        beyond = runs.subtract(declared.iterations(()).over.domain())
        for touch in statement.touches:
            reason = _fault(touch, beyond, before, witness)
            if reason is not None:
                return reason
    return None


def _fault(touch: Touch, beyond: isl.Set, before: Scop, witness: Padded) -> str | None:
    """Return why a touch is of a cell that it must not be of."""
    statement, buffer = touch.statement, touch.access.buffer
    cells = touch.cells.over
    old = witness.buffers.get(buffer)
    inside = statement.whole(buffer, statement.region)
    if old is not None:
        room = statement.whole(old, statement.region)
        if room.missing is not None or inside.missing is not None:
            return f"the size of {buffer.name} is not known"
        before_there = cells.intersect_domain(cells.domain().subtract(beyond))
        outside = before_there.subtract(room.over)
        if not outside.is_empty():
            return f"{statement.label} may touch {_place(statement, old, outside)}"
        if touch.access.is_write and not cells.intersect_domain(beyond).is_disjoint(room.over):
            return f"{statement.label} would write elements of {buffer.name} that are in use"
    if beyond.is_empty():
        return None
    if not touch.has_affine_subscripts and not touch.access.is_write:
        return f"{statement.label} would read {buffer.name} at an index that is data"
    outside = cells.intersect_domain(beyond).subtract(inside.over)
    if not outside.is_empty():
        return (
            f"{statement.label} would touch {_place(statement, buffer, outside)}; let it read a "
            f"padded array, or take tail='guard'"
        )
    return None


def _place(statement: Statement, buffer: Buffer, outside: isl.Map) -> str:
    """Return the cell of the smallest sizes that is outside of an array, in words."""
    analysis, home = statement.scop.analysis, len(statement.home(buffer))
    dims = [Var(f"x{k}") for k in range(int(outside.range().dim(SET)))]
    frame = Frame(analysis, dims, statement.scop.params)
    points = outside.range().reset_tuple_id().align_params(frame.space)
    point = analysis.ask(lambda: smallest_point(frame, points))
    where = f"{buffer.name} outside of its elements"
    if point is None or isinstance(point, Unknown):
        return where
    cell = ", ".join(str(point.dims[var]) for var in dims[home:])
    sizes = instance_text(point.params, [*point.params])
    return (
        f"{buffer.name}[{cell}]{f' with {sizes}' if sizes else ''}, which is outside of the array"
    )
