"""Whether a proposed program runs the declared statements, all of their instances and no others.

A statement may write and read a :class:`~texpr.ir.buffer.Part` of a buffer in the place of the
whole. As the part starts somewhere that does not change while it lives, its cells and those of the
whole are one to one, and nothing else has to be asked about them. Such a statement is *moved*: it
may run an instance again in each iteration of the loops around its part, once in each, and leave
out what nobody reads there; whether all is there that is read is a question of the dependences
(:mod:`texpr.polyhedral.judge`). Of every other statement all instances run.

A statement may stand in several *pieces*, at several places, no two of which run one instance. And
an instance *may run again* where nobody can tell: where it reads nothing that it writes, it
computes what it did before, for the judge sees to it that every run of an instance comes before
every run of one that depends on it. Nor may its runs meet, in lanes or in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import combinations

import islpy as isl

from texpr.ir.buffer import Buffer, Part
from texpr.ir.expr import Binary, Expr, Var, free_vars, postorder
from texpr.ir.functions import any_of
from texpr.ir.program import Block, ExternCall, LoopKind, Store
from texpr.ir.visitor import CellRewriter, substitute
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import IN, OUT, Unknown
from texpr.polyhedral.digits import COLUMNS, compare_alike
from texpr.polyhedral.domain import declared_domain, surrounding_domain
from texpr.polyhedral.kept import Kept
from texpr.polyhedral.region import NotAffine
from texpr.polyhedral.scop import Scop, Statement


def other_statement(declared: Scop, proposed: Scop) -> str | None:
    """Return what ``proposed`` runs that was not declared, None where there is no such thing."""
    known = {statement.label: statement for statement in declared.statements}
    arguments = set(declared.program.buffers)
    parts: dict[Buffer, Part] = {}
    for statement in proposed.statements:
        label = statement.label
        if label not in known:
            return f"{label} is not declared"
        for buffer in statement.homes:
            if buffer in arguments:
                return f"{buffer.name} is an argument, and {label} would touch scratch instead"
        for buffer in statement.block.buffers:
            part = parts.setdefault(buffer.whole, buffer) if isinstance(buffer, Part) else None
            if part is not None and (part is not buffer or not _starts_in_home(part, statement)):
                return f"{buffer.name} does not start at one place in {label}"
    for statement in proposed.statements:
        if any(buffer in parts for buffer in statement.block.buffers):
            return f"{statement.label} touches an array of which there is a part"
        if not _is_same(known[statement.label].block, statement.block):
            return f"{statement.label} is another statement than declared"
    return None


def _starts_in_home(part: Part, statement: Statement) -> bool:
    loops: set[Var] = {loop.var for loop in statement.loops}
    home = {loop.var for loop in statement.homes.get(part.whole, ())}
    axes = {axis.var for axis in statement.block.iters}
    return not any(var in axes or var in loops - home for var in free_vars(*part.origin))


class _Wholes(CellRewriter):
    """Puts the whole buffers back in the place of their parts."""

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        there = buffer.index_there(indices) if isinstance(buffer, Part) else None
        return (buffer, indices) if there is None else (buffer.whole, there)


def _is_same(declared: Block, proposed: Block) -> bool:
    """Whether two blocks are one statement, parts standing for the wholes."""
    same_axes = len(declared.iters) == len(proposed.iters) and all(
        a is b for a, b in zip(declared.iters, proposed.iters, strict=True)
    )
    if not same_axes or len(declared.stores) != len(proposed.stores):
        return False
    if not _is_same_call(declared.extern, proposed.extern):
        return False
    if declared.stores is proposed.stores and declared.predicate is proposed.predicate:
        return True
    wholes = _Wholes()
    if wholes.rewrite_expr(proposed.predicate) is not declared.predicate:
        return False
    return all(
        _is_same_store(a, b, wholes) for a, b in zip(declared.stores, proposed.stores, strict=True)
    )


def _is_same_call(declared: ExternCall | None, proposed: ExternCall | None) -> bool:
    if declared is None or proposed is None:
        return declared is proposed
    return declared.function is proposed.function and all(
        len(ours) == len(theirs) and all(a is b for a, b in zip(ours, theirs, strict=True))
        for ours, theirs in (
            (declared.args, proposed.args),
            (declared.inputs, proposed.inputs),
            (declared.outputs, proposed.outputs),
        )
    )


def _is_same_store(declared: Store, proposed: Store, wholes: _Wholes) -> bool:
    indices: tuple[Expr, ...] | None = proposed.indices
    if isinstance(proposed.buffer, Part):
        indices = proposed.buffer.index_there(proposed.indices)
    if indices is None or proposed.buffer.whole is not declared.buffer:
        return False
    found = (*map(wholes.rewrite_expr, indices), wholes.rewrite_expr(proposed.value))
    return all(a is b for a, b in zip(found, declared.children, strict=True))


# ---------------------------------------------------------------- how often they run


def lost_instances(declared: Scop, proposed: Scop, counted: Kept[str | None]) -> str | None:
    """Return which statement does not run its instances as declared, None where all do.

    Where isl cannot hold the instances exactly, it is left to the loops to be right, but for
    statements that were moved. ``counted`` keeps the answers.
    """
    pieces = pieces_of(proposed)
    for statement in declared.statements:
        own = pieces.get(statement.label, [])
        questions: list[tuple[tuple[object, ...], Callable[[], str | None]]] = [
            ((statement.label, *(piece.key for piece in own)), partial(_fault, statement, own))
        ]
        for piece in own:  # only where an instance runs again does it matter how the loops run
            questions.append(((piece.key, _kinds(piece)), partial(_fault_of_reruns, piece)))
        for key, question in questions:
            reason = counted.get(key)
            if reason is None and key not in counted:
                answer = declared.analysis.ask(question)
                if isinstance(answer, Unknown):
                    return str(answer)
                reason = counted[key] = answer
            if reason is not None:
                return f"{statement.label}: {reason}"
    return None


def _kinds(statement: Statement) -> tuple[LoopKind, ...] | None:
    """How the loops run, None where no instance runs again whatever that is."""
    if _is_plain(statement, _home_depth(statement)):
        return None
    return tuple(loop.kind for loop in statement.loops)


def _home_depth(statement: Statement) -> int:
    """Return in how many of the outermost loops a moved statement has other room each time."""
    if not statement.is_moved:
        return 0
    return len(statement.homes.get(statement.block.stores[0].buffer.whole, ()))


def pieces_of(scop: Scop) -> dict[str, list[Statement]]:
    """Return the statements by their labels: of each, the places where it stands."""
    found: dict[str, list[Statement]] = {}
    for statement in scop.statements:
        found.setdefault(statement.label, []).append(statement)
    return found


def instances_fault(declared: Statement, pieces: Sequence[Statement]) -> str | None:
    """Return why ``pieces`` do not run the instances of ``declared``, each once."""
    reruns = (_fault_of_reruns(piece) for piece in pieces)
    return _fault(declared, pieces) or next(filter(None, reruns), None)


def _fault(declared: Statement, pieces: Sequence[Statement]) -> str | None:
    """Return why ``pieces`` run other instances than ``declared``, or not all of them."""
    instances = declared.iterations(()).over.domain()
    if not pieces:
        return None if instances.is_empty() else "no loop runs it"
    moved = any(piece.is_moved for piece in pieces)
    missing = declared.region.missing
    for piece in pieces:
        missing = missing or piece.region.missing
    if missing is not None:
        is_plain = not moved and len(pieces) == 1 and not _clamps(pieces[0].block)
        is_plain = is_plain and pieces[0].open_base is None
        return None if is_plain else f"what its loops run is not known, as {missing}"
    if moved and len(pieces) > 1:
        return "it is moved in several pieces"
    if moved and not _is_within_home(declared, pieces[0]):
        return "its array lives longer than declared"
    return _fault_of_count(instances, pieces, moved=moved)


def _fault_of_count(instances: isl.Set, pieces: Sequence[Statement], *, moved: bool) -> str | None:
    found = [piece.iterations(()).over.domain() for piece in pieces]
    for piece, runs in zip(pieces, found, strict=True):
        if runs_over(piece) or not runs.is_subset(instances):
            return "its loops run instances that were not declared"
    for runs, other in combinations(found, 2):
        if not runs.is_disjoint(other):
            return "its loops run some instance twice, in two places"
    if not moved:
        facts = pieces[0].frame.all_of(pieces[0].scop.facts).over.params()
        if not instances.intersect_params(facts).is_subset(reduce(isl.Set.union, found)):
            return "its loops do not run every instance"
    return None


def _fault_of_reruns(piece: Statement) -> str | None:
    if piece.region.missing is not None:
        return None  # so that it is no statement that was moved, and none whose values are cut off
    home = _home_depth(piece)
    why = None if is_once(piece, home) else tells_again(piece, home)
    return None if why is None else f"its loops run some instance twice, {why}"


def _clamps(block: Block) -> bool:
    """Whether different iterations may be at one instance, as their values are cut off."""
    return any(
        isinstance(node, Binary) and node.op in ("min", "max")
        for binding in block.bindings
        for node in postorder(binding)
    )


def tells_again(statement: Statement, home: int) -> str | None:
    """Return how one can tell that an instance runs again, None where nobody can.

    That is asked of the runs in one iteration of the ``home`` outermost loops.
    """
    if statement.digits:
        return "and the sizes are the base of a loop's number"
    if statement.block.extern is not None:
        return "which calls a function from outside"
    times = statement.iterations(statement.loops).over
    again = times.reverse().apply_range(times)
    for column in range(home):
        again = again.equate(IN, column, OUT, column)
    same = isl.Map.identity(again.get_space())
    twice = times.intersect_range(again.subtract(same).domain()).domain()
    for write in (touch for touch in statement.touches if touch.access.is_write):
        written = write.cells.over.intersect_domain(twice)
        for read in (touch for touch in statement.touches if not touch.access.is_write):
            alike = read.access.buffer.whole is write.access.buffer.whole
            if alike and not read.cells.over.is_disjoint(written):
                return f"which reads what it writes of {write.access.buffer.name}"
    for column, loop in enumerate(statement.loops):
        if column >= home and loop.kind in (LoopKind.PARALLEL, LoopKind.VECTORIZED):
            apart = again.subtract(again.equate(IN, column, OUT, column))
            if not apart.is_empty():
                return f"at once in the {loop.kind.value} loop {loop.var.name!r}"
        again = again.equate(IN, column, OUT, column)
    return None


def _is_within_home(declared: Statement, proposed: Statement) -> bool:
    """Whether a room of a moved statement is for one iteration of the loops that it was for."""
    buffer = proposed.block.stores[0].buffer.whole
    wanted = declared.homes.get(buffer, ())
    if not wanted:
        return True
    rooms = proposed.iterations(proposed.homes.get(buffer, ())).over
    there = rooms.reverse().apply_range(declared.iterations(wanted).over)
    return bool(there.is_single_valued())


def runs_over(statement: Statement) -> bool:
    """Whether the loops bind an axis to a value that it does not have as declared.

    The instances of a statement are known by the ranges of its axes, so that such a value is none
    of them; and yet the loops would run it.
    """
    block, scop = statement.block, statement.scop
    domain = surrounding_domain(statement.place)
    at_loops = {axis.var: value for axis, value in zip(block.iters, block.bindings, strict=True)}
    ranges = {loop.var: (loop.lower, loop.upper) for loop in statement.loops}
    frame: Frame | None = None
    outside = []
    for axis, value in zip(block.iters, block.bindings, strict=True):
        if axis.dom is None:
            continue
        lower, upper = (substitute(bound, at_loops) for bound in axis.dom)
        first, end = ranges.get(value, (None, None)) if isinstance(value, Var) else (None, None)
        if first is lower and end is upper:
            continue
        if frame is None:
            frame = domain.frame(scop.analysis, scop.params)
        if _is_between(frame, value, lower, upper):
            continue
        outside += [Binary("lt", value, lower), Binary("ge", value, upper)]
    if frame is None or not outside:
        return False
    where = domain.region(frame) & frame.all_of(scop.facts)
    return not where.under.is_disjoint(frame.region(any_of(outside)).under)


def _is_between(frame: Frame, value: Expr, lower: Expr, upper: Expr) -> bool:
    """Whether the ranges of the loops alone say that ``value`` is within two bounds."""
    found, first, end = map(frame.value, (value, lower, upper))
    return (
        not isinstance(found, NotAffine)
        and not isinstance(first, NotAffine)
        and not isinstance(end, NotAffine)
        and first.high <= found.low
        and found.high < end.low
    )


def runs_short(statement: Statement) -> bool:
    """Whether the loops leave out values that the axes have as declared."""
    domain = declared_domain(statement.block)
    if domain is None:
        return False
    frame = domain.frame(statement.scop.analysis, statement.scop.params)
    wanted = domain.region(frame) & frame.all_of(statement.scop.facts)
    runs = statement.iterations(()).over.domain().reset_tuple_id()
    return not wanted.over.is_subset(runs)


def _is_plain(statement: Statement, home: int) -> bool:
    """Whether every loop but the ``home`` outermost ones is an axis of the statement."""
    plain = {id(value) for value in statement.block.bindings}
    return all(id(loop.var) in plain for loop in statement.loops[home:])


def is_once(statement: Statement, home: int) -> bool:
    """Whether no instance runs twice in one iteration of the ``home`` outermost loops."""
    if _is_plain(statement, home):
        return True
    loops = statement.loops
    times = statement.iterations(loops, [*statement.digits]).over
    again = times.reverse().apply_range(times)
    for column in range(home):
        again = again.equate(IN, column, OUT, column)
    for place in range(len(statement.digits)):
        space = again.domain().get_space()
        again = again.intersect(compare_alike(space, len(loops) + place * COLUMNS))
    same = isl.Map.universe(again.get_space())
    for column in range(len(loops)):
        same = same.equate(IN, column, OUT, column)
    return bool(again.is_subset(same))
