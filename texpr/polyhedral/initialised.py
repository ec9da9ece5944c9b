"""Every read of scratch finds something written, before machine code is made."""

from __future__ import annotations

from texpr.errors import UninitializedError
from texpr.ir.printer import stmt_text
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Unknown
from texpr.polyhedral.counterexample import instance_text, smallest_point
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.scop import Touch


def check_initialised(judge: Judge) -> None:
    """Refuse a declared program that reads cells of its scratch which nothing wrote before.

    Arguments are written by the caller, and tensors are computed whole by their operation.

    Raises
    ------
    UninitializedError
        A cell is read that nothing has written, or that nothing surely has.
    """
    arguments = set(judge.scop.program.buffers)
    for statement in judge.scop.statements:
        for touch in statement.touches:
            buffer = touch.access.buffer
            if not touch.access.is_write and buffer not in arguments and not buffer.is_computed:
                _check(judge, touch)


def _check(judge: Judge, touch: Touch) -> None:
    # Instances with the cells that they read: where a subscript is data, an instance may read
    # several, and one of them being written says nothing of the others.
    analysis, cells, doubt = judge.scop.analysis, touch.cells.over, touch.cells.missing
    for dependence in judge.dependences:
        if dependence.kind == "flow" and dependence.sink is touch:
            doubt = doubt or dependence.source.cells.missing
            if dependence.source.cells.is_exact:
                written = dependence.pairs.reverse().apply_range(dependence.source.cells.over)
                cells = cells.subtract(written)
    bare = cells.domain()
    if bare.is_empty():
        return
    block = touch.statement.block
    own = [axis.var for axis in block.iters]
    frame = Frame(analysis, own, judge.scop.params)
    plain = bare.reset_tuple_id().align_params(frame.space)
    point = analysis.ask(lambda: smallest_point(frame, plain))
    where = ""
    if point is not None and not isinstance(point, Unknown):
        sizes = instance_text(point.params, [*point.params])
        instance = instance_text(point.dims, own)
        where = ", ".join(
            f"{word} {text}" for word, text in (("with", sizes), ("at", instance)) if text
        )
    line = f" ({block.location})" if block.location else ""
    text = stmt_text(block).splitlines()[-1].strip()
    verb = "nothing wrote it before" if doubt is None else f"perhaps nothing wrote it, as {doubt}"
    raise UninitializedError(
        f"{block.label}: {text}{line} reads {touch.access.buffer.name!r}"
        f"{' ' + where if where else ''}, and {verb}; "
        f"give {touch.access.buffer.name!r} a value first"
    )
