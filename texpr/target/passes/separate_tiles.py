"""Keep full and partial tiles apart, so that full ones run without guards.

::

    for i_o in range((n + 7)//8):          for i_o in range(n//8):
        for i_i in vectorized(8):              for i_i in vectorized(8):
            if i_o*8 + i_i < n:      →             B[i_o*8 + i_i] = …
                B[i_o*8 + i_i] = …         for i_o in range(n//8, (n + 7)//8):
                                               for i_i in vectorized(8):
                                                   if i_o*8 + i_i < n:
                                                       B[i_o*8 + i_i] = …

Only guards of unrolled and vectorized loops are worth the second copy; those of serial loops
become bounds (:mod:`texpr.target.passes.tighten_loops`). A parallel loop stays one loop and
tests once a tile, as does a nest of them, so that its loops stay one inside the other. A loop that
does not move a tile, such as one that reduces in it, is there twice, behind one test:

::

    for k in range(m):                     if i_o*4 + 3 < n:
        for i_i in unrolled(4):                for k in range(m):
            if i_o*4 + i_i < n:      →             for i_i in unrolled(4):
                S[i_i] += …                            S[i_i] += …
                                           else:
                                               …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from texpr.ir.expr import Binary, Const, Expr, Load, Var, free_vars, int_value, postorder
from texpr.ir.functions import all_of
from texpr.ir.linear import coefficient
from texpr.ir.program import (
    TRUE,
    Alloc,
    Block,
    If,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    parallel_nest,
    seq,
    stmts,
)
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.target.cells import predicate_of
from texpr.target.passes.tighten_loops import first_failure
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program with guards of full tiles tested once a tile."""
    return program.with_body(_Separate().rewrite_stmt(program.body))


@dataclass(frozen=True)
class _Guard:
    """A condition below a loop, and what implies it for a whole tile."""

    condition: Expr
    hardest: Expr


class _Separate(Rewriter):
    def __init__(self) -> None:
        self.tested: dict[int, Expr] = {}

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        if node.kind is LoopKind.PARALLEL:
            return (yield from self.parallel(parallel_nest(node)))
        if node.kind is not LoopKind.SERIAL:
            return node
        guards = tile_guards(node.body)
        ends = [(guard, first_failure(guard.hardest, node.var)) for guard in guards]
        fixed = [guard for guard in guards if self.is_new(guard, node.var)]
        if any(isinstance(part, Alloc) for part in stmts(node.body)):
            fixed = []  # there is more around the tile than it is worth to have twice
        known = [(guard, end) for guard, end in ends if end is not None]
        for guard in (*fixed, *(guard for guard, _ in known)):
            self.tested[id(guard.condition)] = guard.condition
        if not fixed:
            return (yield from self.ended(node, known))
        full = yield _Assume({id(guard.condition) for guard in fixed}).rewrite_stmt(node)
        partial = yield from self.ended(node, known)
        return If(simplify(all_of(guard.hardest for guard in fixed)), full, partial)

    def is_new(self, guard: _Guard, var: Var) -> bool:
        """Whether the loop of ``var`` does not move a guard, which was not tested so far."""
        moving = any(part is var or isinstance(part, Load) for part in postorder(guard.hardest))
        return id(guard.condition) not in self.tested and not moving

    def ended(self, node: Loop, known: Sequence[tuple[_Guard, Expr]]) -> Visit[Any]:
        """Return the loop with an end where one of the guards may fail, and one that goes on."""
        if not known:
            return (yield from self.generic(node))
        full = yield _Assume({id(guard.condition) for guard, _ in known}).rewrite_stmt(node.body)
        partial = yield node.body
        end: Expr = node.upper
        for _, guard_end in known:
            end = Binary("min", end, guard_end)
        end = simplify(Binary("max", node.lower, end))
        again = Var(node.var.name)
        rest = substitute(partial, {node.var: again})
        return seq(
            replace(node, upper=end, body=full), Loop(again, end, node.upper, rest, step=node.step)
        )

    def parallel(self, nest: Sequence[Loop]) -> Visit[Stmt]:
        """Test inside the innermost loop of ``nest``."""
        body = nest[-1].body
        known = [
            guard
            for guard in tile_guards(body)
            if any(first_failure(guard.hardest, loop.var) is not None for loop in nest)
        ]
        for guard in known:
            self.tested[id(guard.condition)] = guard.condition
        inner: Stmt = yield body
        if known:
            dropped = {id(guard.condition) for guard in known}
            full = yield _Assume(dropped).rewrite_stmt(body)
            inner = If(simplify(all_of(guard.hardest for guard in known)), full, inner)
        elif inner is body:
            return nest[0]
        for loop in reversed(nest):
            inner = replace(loop, body=inner)
        return inner


def tile_guards(body: Stmt) -> list[_Guard]:
    """Return the conditions in ``body`` that can be tested before it."""
    found: list[_Guard] = []
    seen: set[int] = set()

    def guard(condition: Expr, inside: Sequence[Loop]) -> None:
        if id(condition) not in seen:
            seen.add(id(condition))
            hardest = at_hardest(condition, inside)
            if hardest is not None:
                found.append(_Guard(condition, hardest))

    def walk(stmt: Stmt, inside: Sequence[Loop]) -> None:
        if isinstance(stmt, Loop):
            walk(stmt.body, (*inside, stmt))
        elif isinstance(stmt, Seq):
            for part in stmt.stmts:
                walk(part, inside)
        elif isinstance(stmt, If):
            if stmt.orelse is None:
                guard(stmt.condition, inside)
            walk(stmt.then, inside)
        elif isinstance(stmt, Block):
            guard(predicate_of(stmt), inside)

    walk(body, ())
    return found


def at_hardest(condition: Expr, inside: Sequence[Loop]) -> Expr | None:
    """Return the condition where the loops ``inside`` make it hardest, None where unknown.

    That is known of ``a < b`` where both sides are linear in the loops' variables, whose ranges
    are numbers; and only such a condition is a tile's guard.
    """
    if not isinstance(condition, Binary) or condition.op != "lt":
        return None
    used = {id(var) for var in free_vars(condition)}
    tile = [loop for loop in inside if id(loop.var) in used]
    if all(loop.kind is LoopKind.SERIAL for loop in tile):
        return None
    values: dict[Var, Expr] = {}
    for loop in tile:
        first, end = int_value(loop.lower), int_value(loop.upper)
        slope = coefficient(condition.a - condition.b, loop.var)
        if first is None or end is None or slope is None:
            return None
        values[loop.var] = loop.upper - 1 if slope > 0 else loop.lower
    hardest = simplify(substitute(condition, values))
    # Where it fails for some iteration in any case, it is a question for the loops further in.
    return None if isinstance(hardest, Const) else hardest


class _Assume(Rewriter):
    """Drops the given conditions, which are known to hold."""

    def __init__(self, conditions: set[int]) -> None:
        self.conditions = conditions

    def visit_If(self, node: If) -> Visit[Any]:
        if id(node.condition) in self.conditions:
            return (yield node.then)
        return (yield from self.generic(node))

    def visit_Block(self, node: Block) -> Stmt:
        is_known = node.predicate is not TRUE and id(predicate_of(node)) in self.conditions
        return replace(node, predicate=TRUE) if is_known else node
