"""Which iterations touch a given cell: ``g(i, k) == j`` solved for the loop variables.

The equations are solved exactly, by elimination on expressions (``elimination``) rather than with
isl: extents, offsets and even products are symbols here, subscripts may be data (``idx[i]``), and
what comes out must read as a person would have written it. What is left is put into loops and
conditions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from texpr.errors import TexprError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Expr, Load, Var, free_vars, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.linear import Sum, sum_expr, sum_of
from texpr.ir.program import TRUE
from texpr.ir.simplify.compare import at_least_zero
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.engine import simplified
from texpr.ir.simplify.statements import assume, inside_loops
from texpr.ir.visitor import substitute
from texpr.te.autodiff.elimination import Elimination, Equation, UnboundedError, reads
from texpr.te.autodiff.products import is_order_of_digits


@dataclass(frozen=True, eq=False)
class Solution:
    """The iterations that satisfy equations: those of ``loops`` for which ``conditions`` hold."""

    loops: tuple[IterVar, ...]
    """What is still to be looped over, each range free of those that come after it."""
    values: Mapping[Var, Expr]
    """The old loop variables in terms of the new ones and of the cell."""
    conditions: tuple[Expr, ...]
    """To be evaluated in this order: later ones may read where earlier ones hold."""
    unread: tuple[Expr, ...]
    """Further conditions, which read what other conditions of the program may guard."""


def solve(
    loops: Sequence[IterVar], equations: Sequence[Equation], outer: Sequence[IterVar]
) -> Solution:
    """Return the iterations of ``loops`` that satisfy ``equations``, for a cell of ``outer``.

    >>> from texpr import te
    >>> i, j = (IterVar(name, (te.const(0), te.const(n))) for name, n in (("i", 10), ("j", 22)))
    >>> k = te.reduce_axis((0, 3), name="k")
    >>> found = solve([i, k], [Equation(i.var * 2 + k.var, j.var)], [j])
    >>> found.loops, [str(found.values[v.var]) for v in (i, k)], [*map(str, found.conditions)]
    ((<reduce_axis k_o in [0, 2)>,), ['j//2 - k_o', 'j%2 + k_o*2'], ['j%2 + k_o*2 < 3', \
'j//2 - k_o >= 0', 'j//2 - k_o < 10'])
    """
    found = Elimination(loops, outer, take_divisions=True)
    try:
        found.run(equations)
    except UnboundedError:
        found = Elimination(loops, outer, take_divisions=False)
        found.run(equations)
    return _Left(found).solution()


def needed(
    conditions: Iterable[Expr], context: Context, loops: Sequence[IterVar]
) -> tuple[Expr, ...]:
    """Return the conditions that do not follow from those before and from the ranges of ``loops``.

    ``context`` gets to know that they hold.
    """
    kept: dict[Expr, None] = {}
    for condition in conditions:
        now = simplified(condition, context)
        if now is not TRUE and not is_order_of_digits(now, context, loops):
            kept[now] = None
            assume(now, context)
    return tuple(kept)


class _Left:
    """What an elimination leaves: loops, and conditions on them."""

    def __init__(self, found: Elimination) -> None:
        self.given, self.outer, self.unknown = found.given, found.outer, found.unknown
        self.values = dict(found.values)
        self.conditions, self.ranges, self.unread = found.conditions, found.ranges, found.unread
        self.context = found.context

    def solution(self) -> Solution:
        loops = self._ordered()
        context = inside_loops([*self.outer, *loops])
        ranges = [self._known(condition, context) for condition in self.ranges]
        loops, ranges = _tightened(loops, ranges, context)
        context = inside_loops([*self.outer, *loops])
        conditions = [self._known(one, context) for one in (*self.conditions, *ranges)]
        conditions.sort(key=_depth)  # what is read may itself be read where others hold
        kept = needed(conditions, context, [*self.outer, *loops])
        values = {var: simplified(self.values.get(var, var), context) for var in self.given}
        unread = tuple(self._known(one, context) for one in self.unread)
        return Solution(tuple(loops), values, kept, unread)

    def _known(self, expr: Expr, context: Context) -> Expr:
        return simplified(substitute(expr, self.values), context)

    def _ordered(self) -> list[IterVar]:
        """Return the loops that are left, each after those that its range depends on."""
        pending = {
            var: IterVar(
                loop.name,
                (self._known(loop.lower, self.context), self._known(loop.upper, self.context)),
                is_reduce=True,
            )
            for var, loop in self.unknown.items()
        }
        order: list[IterVar] = []
        renamed: dict[Var, Expr] = {}
        while pending:
            ready = next(
                (
                    var
                    for var, loop in pending.items()
                    if not any(v in pending for v in free_vars(loop.lower, loop.upper))
                ),
                None,
            )
            if ready is None:
                ready = next(iter(pending))
                loop, own = self.unknown[ready], pending[ready]
                own.dom = (self._hull(loop.lower, -1, loop), self._hull(loop.upper, 1, loop))
                self.conditions += [
                    Binary("ge", ready, loop.lower), Binary("lt", ready, loop.upper),
                ]  # fmt: skip
            own = pending.pop(ready)
            own.dom = (substitute(own.lower, renamed), substitute(own.upper, renamed))
            renamed[ready] = own.var
            order.append(own)
        self.values = {var: substitute(old, renamed) for var, old in self.values.items()}
        self.values |= renamed
        return order

    def _hull(self, bound: Expr, sign: int, loop: IterVar) -> Expr:
        """Return the least or greatest value of a bound over all iterations."""
        for _ in self.given:
            total = sum_of(bound)
            inner = [var for var in free_vars(bound) if var in self.given]
            if not inner:
                return simplified(bound, self.context)
            values: dict[Var, Expr] = {}
            for var in inner:
                c = total.terms.get(var, 0) * sign
                axis = self.given[var]
                values[var] = axis.upper - 1 if c > 0 else axis.lower
            if not all(var in total.terms for var in inner):
                break
            bound = substitute(bound, values)
        raise TexprError(
            f"gradient: the range [{loop.lower}, {loop.upper}) of axis {loop.name!r} cannot be "
            f"taken apart from the other axes; make it a constant range and pass the condition "
            f"as where="
        )


def _depth(expr: Expr) -> int:
    """How many reads of data stand inside one another."""
    depth: dict[Expr, int] = {}
    for node in postorder(expr):
        below = max((depth[child] for child in node.children), default=0)
        depth[node] = below + isinstance(node, Load)
    return depth[expr]


def _tightened(
    loops: Sequence[IterVar], conditions: Sequence[Expr], context: Context
) -> tuple[list[IterVar], list[Expr]]:
    """Turn conditions that bound one loop by what is outside of all into its range."""
    kept: list[Expr] = []
    inner = {loop.var: loop for loop in loops}
    for condition in conditions:
        total = at_least_zero(condition, context)
        used = [var for var in free_vars(condition) if var in inner]
        c = total.terms.get(used[0], 0) if total is not None and len(used) == 1 else 0
        if total is None or abs(c) != 1 or reads(condition):
            kept.append(condition)
            continue
        loop = inner[used[0]]
        rest = sum_expr(
            Sum({t: v for t, v in total.terms.items() if t is not loop.var}, total.constant), INT64
        )
        if c == 1:
            end = simplified(Binary("max", loop.lower, -rest), context)
            loop.dom = (end, loop.upper)
        else:
            end = simplified(Binary("min", loop.upper, rest + 1), context)
            loop.dom = (loop.lower, end)
    return [*loops], kept
