"""Every read of scratch finds something written, before machine code is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import product

import islpy as isl

from texpr.errors import UninitializedError
from texpr.ir.expr import Binary, Const, Expr, Unary, postorder
from texpr.ir.printer import stmt_text
from texpr.ir.program import TRUE
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import OUT, Unknown
from texpr.polyhedral.counterexample import instance_text, smallest_point
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.scop import Touch


def check_initialised(judge: Judge) -> None:
    """Refuse a declared program that reads cells which nothing wrote before.

    Arguments are written by the caller, and tensors are computed whole by their operation; but
    the steps of a recurrence read what they have made so far.

    Raises
    ------
    UninitializedError
        A cell is read that nothing has written, or that nothing surely has.
    """
    arguments = set(judge.scop.program.buffers)
    for statement in judge.scop.statements:
        for touch in statement.touches:
            buffer, axis = touch.access.buffer, touch.access.buffer.made_along
            is_within = axis is not None and any(i is axis for i in statement.block.iters)
            is_given = buffer in arguments or buffer.is_computed
            if not touch.access.is_write and (is_within or not is_given):
                _check(judge, touch)


def _read(touch: Touch) -> isl.Map:
    """Return the cells that are read, by instance.

    Whether a step reads outside of a row is a question of bounds, which a call may answer.
    """
    statement, buffer = touch.statement, touch.access.buffer
    if buffer.made_along is None:
        return touch.cells.over
    time = len(statement.home(buffer))
    inside = statement.whole(buffer, statement.region).over
    rows = inside.project_out(OUT, time, 1).insert_dims(OUT, time, 1)
    return touch.cells.over.intersect(rows)


def _check(judge: Judge, touch: Touch) -> None:
    # Instances with the cells that they read: where a subscript is data, an instance may read
    # several, and one of them being written says nothing of the others.
    analysis, cells, doubt = judge.scop.analysis, _read(touch), touch.cells.missing
    perhaps: list[tuple[Expr, isl.Map]] = []
    for dependence in judge.dependences:
        if dependence.kind == "flow" and dependence.sink is touch:
            doubt = doubt or dependence.source.cells.missing
            written = dependence.pairs.reverse().apply_range(dependence.source.cells.over)
            if dependence.source.cells.is_exact:
                cells = cells.subtract(written)
            elif dependence.source.has_affine_subscripts:
                perhaps.append((dependence.source.statement.block.predicate, written))
    own_guard = touch.statement.block.predicate
    if perhaps and is_certain_of_one([predicate for predicate, _ in perhaps], own_guard):
        cells = cells.subtract(reduce(isl.Map.intersect, (written for _, written in perhaps)))
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
    name = touch.access.buffer.name
    advice = f"give {name!r} a value first"
    if touch.access.buffer.made_along is not None:
        advice = "a step can read earlier ones only"
    verb = "nothing wrote it before" if doubt is None else f"perhaps nothing wrote it, as {doubt}"
    raise UninitializedError(
        f"{block.label}: {text}{line} reads {name!r}"
        f"{' ' + where if where else ''}, and {verb}; {advice}"
    )


# A truth table has a row for every choice of its atoms; this many rows are still nothing.
MAX_ATOMS = 8


def is_certain_of_one(conditions: Sequence[Expr], given: Expr = TRUE) -> bool:
    """Whether one of ``conditions`` holds wherever ``given`` does, whatever is compared in them.

    >>> from texpr.ir.dtypes import BOOL
    >>> from texpr.ir.expr import Var
    >>> a, b = Var("a", BOOL), Var("b", BOOL)
    >>> neither = Binary("and", Unary("not", a), Unary("not", b))
    >>> is_certain_of_one([a, b, neither]), is_certain_of_one([a, b])
    (True, False)
    """
    atoms: dict[Expr, None] = {}
    for condition in (*conditions, given):
        for node in postorder(condition):
            if not node.dtype.is_bool or isinstance(node, Const) or _parts(node):
                continue
            atoms[node] = None
    if len(atoms) > MAX_ATOMS:
        return False
    for row in product((False, True), repeat=len(atoms)):
        world = dict(zip(atoms, row, strict=True))
        if _holds(given, world) and not any(_holds(one, world) for one in conditions):
            return False
    return True


def _parts(node: Expr) -> tuple[Expr, ...]:
    """Return the operands of ``and``, ``or`` and ``not``."""
    is_logical = isinstance(node, (Binary, Unary)) and node.op in ("and", "or", "not")
    return node.children if is_logical else ()


def _holds(condition: Expr, atoms: Mapping[Expr, bool]) -> bool:
    if isinstance(condition, Const):
        return bool(condition.value)
    parts = [_holds(part, atoms) for part in _parts(condition)]
    if isinstance(condition, Unary) and parts:
        return not parts[0]
    if isinstance(condition, Binary) and parts:
        return all(parts) if condition.op == "and" else any(parts)
    return atoms[condition]
