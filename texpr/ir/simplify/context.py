"""What the simplifier knows at one place of a program, and what it can conclude from that.

**The no-wrap assumption.** Fixed-width integers wrap, and every rule is exact about it, with one
exception, made here and nowhere else (:meth:`Context.is_index`): an *index expression* is an
int64 expression whose leaves are all constants and int64 variables (loops, iteration variables,
sizes, scalar arguments), and its sums, differences and products are taken not to leave int64.
Subscripts and extents are nowhere near 2**63. An int64 that comes from data (below it is a Load,
a Cast, a Call or a shift to the left; or it is a variable that a Let, a loop's bounds or a
Block's binding make of such a value) wraps like any other integer, unless its range forbids it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd

from texpr.ir.dtypes import BOOL, INT64, DType
from texpr.ir.expr import Binary, Call, Cast, Const, Expr, IfThenElse, Load, Select, Unary, Var
from texpr.ir.linear import Sum, is_sum, sum_expr, sum_of
from texpr.ir.simplify.intervals import (
    BINARY_INTERVALS,
    FULL,
    Interval,
    absolute,
    hull,
    inverted,
    of_type,
)

INT64_MIN, INT64_MAX = FULL["int64"]
_EFFORT = 12
"""From how many sums a proof may take a step; what is provable at all takes a handful."""
_RECENT = 8
"""How many facts about one term a proof looks at, the latest ones."""


class Context:
    """Ranges of variables, and sums of index expressions that are known not to be negative.

    A context is filled when it is made, by a scope of the program, and then only asked.
    """

    __slots__ = (
        "_index", "_intervals", "_sums", "becomes", "data", "depths", "facts", "given", "normal",
        "ranges",
    )  # fmt: skip

    def __init__(self, outer: Context | None = None) -> None:
        self.normal: dict[Expr, Expr] = {} if outer is None else outer.given.copy()
        """The simplified form of every expression met here."""
        self.becomes: dict[Expr, Expr] = {}
        """What an expression was rewritten to, while that is not simplified itself."""
        self.given: dict[Expr, Expr] = self.normal.copy()
        """Expressions that are known to equal others: loops that run once, true conditions."""
        self.ranges: dict[Expr, Interval] = {} if outer is None else outer.ranges.copy()
        self.facts: dict[Expr, tuple[Sum, ...]] = {} if outer is None else outer.facts.copy()
        """Sums that are at least 0, by each of their terms."""
        self.depths: dict[Expr, int] = {} if outer is None else outer.depths.copy()
        """How deep inside each variable is bound."""
        self.data: frozenset[Expr] = frozenset() if outer is None else outer.data
        """int64 variables that hold data."""
        self._intervals: dict[Expr, Interval] = {}
        # Neither depends on what is known, only on the expression and on `data`.
        self._sums: dict[Expr, Sum] = {} if outer is None else outer._sums
        self._index: dict[Expr, bool] = {} if outer is None else outer._index

    # ------------------------------------------------------------ filling

    def bind(self, var: Var) -> None:
        """Say that ``var`` is bound here, so that nothing is known of it."""
        self.given.pop(var, None)
        self.normal.pop(var, None)
        self.depths[var] = len(self.depths)
        if var.dtype.is_integer:
            self.ranges[var] = FULL[var.dtype.name]

    def bind_data(self, var: Var) -> None:
        """Say that ``var`` holds data, so that its arithmetic wraps."""
        self.data |= {var}
        self._sums, self._index = {}, {}

    def restrict(self, expr: Expr, low: int | None, high: int | None) -> None:
        """Say that ``expr`` is at least ``low`` and at most ``high``."""
        known = self.ranges.get(expr) or FULL[expr.dtype.name]
        least = known[0] if low is None else max(low, known[0])
        greatest = known[1] if high is None else min(high, known[1])
        if least <= greatest:  # else nothing runs here, and anything would be true
            self.ranges[expr] = (least, greatest)

    def equate(self, expr: Expr, value: Expr) -> None:
        """Say that ``expr`` is to be replaced by ``value``, which is simplified."""
        self.given[expr] = self.normal[expr] = value

    def assume(self, total: Sum) -> None:
        """Say that ``total`` is not negative."""
        if len(total.terms) == 1:
            ((term, coefficient),) = total.terms.items()
            if coefficient > 0:
                self.restrict(term, -(total.constant // coefficient), None)
            else:
                self.restrict(term, None, total.constant // -coefficient)
            return
        for term in total.terms:
            self.facts[term] = (*self.facts.get(term, ()), total)

    # ------------------------------------------------------------ index expressions and sums

    def is_index(self, root: Expr) -> bool:
        """Whether ``root`` is built of int64 constants and variables alone.

        Conditions of index expressions count as well.
        """
        known = self._index
        found = known.get(root)
        if found is not None:
            return found
        stack = [root]
        while stack:
            node = stack[-1]
            children = node.children
            if not children:
                known[node] = (node.dtype is INT64 or node.dtype is BOOL) and (
                    type(node) is Const or (type(node) is Var and node not in self.data)
                )
            elif (
                isinstance(node, _DATA)
                or (node.dtype is not INT64 and node.dtype is not BOOL)
                or (type(node) is Binary and node.op == "shl")
            ):
                known[node] = False
            else:
                pending = [child for child in children if child not in known]
                if pending:
                    stack.extend(pending)
                    continue
                known[node] = all(known[child] for child in children)
            stack.pop()
        return known[root]

    def sum_of(self, expr: Expr) -> Sum:
        """Return an integer expression as a sum, equal to it up to wrapping."""
        found = self._sums.get(expr)
        if found is None:
            found = self._sums[expr] = sum_of(expr, distribute=self.is_index(expr))
        return found

    def exact_sum(self, expr: Expr) -> Sum:
        """Return an integer expression as a sum that is equal to it over the integers."""
        total = self.sum_of(expr)
        if not is_sum(expr) or self.is_index(expr) or self.fits(total, expr.dtype):
            return total
        return Sum({expr: 1})

    def fits(self, total: Sum, dtype: DType) -> bool:
        """Whether ``total`` certainly stays within ``dtype``."""
        low, high = self.interval(total)
        least, greatest = FULL[dtype.name]
        return least <= low and high <= greatest

    def expr_of(self, total: Sum, dtype: DType, *, is_index: bool) -> Expr | None:
        """Return the expression that equals ``total`` over the integers, or None if it may wrap."""
        if not is_index:
            # One term as it is does not wrap, whatever its range.
            is_term = total.constant == 0 and list(total.terms.values()) == [1]
            return sum_expr(total, dtype) if is_term or self.fits(total, dtype) else None
        for number in (*total.terms.values(), total.constant):
            if not INT64_MIN <= number <= INT64_MAX:
                return None
        return sum_expr(total, dtype)

    # ------------------------------------------------------------ ranges

    def interval(self, total: Sum) -> Interval:
        """Return the least and greatest value of ``total``, over the integers."""
        low = high = total.constant
        for term, coefficient in total.terms.items():
            least, greatest = self.range_of(term)
            if coefficient > 0:
                low += coefficient * least
                high += coefficient * greatest
            else:
                low += coefficient * greatest
                high += coefficient * least
        return low, high

    def range_of(self, root: Expr) -> Interval:
        """Return the least and greatest value of an integer expression.

        An index expression whose bounds leave int64 keeps the end of int64 as its bound.
        """
        known = self._intervals
        found = known.get(root)
        if found is not None:
            return found
        stack = [root]
        while stack:
            node = stack[-1]
            if node not in known:
                if is_sum(node):
                    needed: Iterable[Expr] = self.sum_of(node).terms
                elif type(node) in (Binary, Unary):
                    needed = node.children
                elif isinstance(node, (Select, IfThenElse)):
                    needed = node.children[1:]
                elif type(node) is Cast and node.operand.dtype.is_integer:
                    needed = node.children
                else:
                    needed = ()
                pending = [child for child in needed if child not in known]
                if pending:
                    stack.extend(pending)
                    continue
                known[node] = self._with_known(node, self._range(node))
            stack.pop()
        return known[root]

    def _with_known(self, node: Expr, found: Interval) -> Interval:
        """Combine what is known of ``node`` with what its operands say."""
        stated = self.ranges.get(node)
        if stated is None:
            return found
        low, high = max(stated[0], found[0]), min(stated[1], found[1])
        return (low, high) if low <= high else stated

    def _range(self, node: Expr) -> Interval:
        """Return the range of ``node``; the ranges of its operands are known."""
        known = self._intervals
        dtype = node.dtype
        if type(node) is Var:
            return (0, FULL[dtype.name][1]) if node.is_size else FULL[dtype.name]
        if type(node) is Const:
            return int(node.value), int(node.value)
        found: Interval | None = None
        if is_sum(node):
            found = self.interval(self.sum_of(node))
        elif type(node) is Binary:
            found = BINARY_INTERVALS[node.op](known[node.children[0]], known[node.children[1]])
        elif type(node) is Unary:
            operand = known[node.operand]
            found = absolute(operand) if node.op == "abs" else inverted(operand, dtype)
        elif isinstance(node, (Select, IfThenElse)):
            found = hull(known[node.children[1]], known[node.children[2]])
        elif type(node) is Cast:
            found = (0, 1) if node.operand.dtype.is_bool else known.get(node.operand)
        if found is not None and self.is_index(node):
            return _clamp(found[0]), _clamp(found[1])
        return of_type(found, dtype)

    # ------------------------------------------------------------ proofs

    def is_nonnegative(self, total: Sum) -> bool:
        """Whether ``total`` is at least 0, over the integers, wherever this context holds.

        First by the ranges of its terms. Then facts are subtracted from it until they are: what
        is left must be at least 0, as a fact is. The innermost term goes first, since the facts
        about it are in terms of those outside; each may also be left to its range.
        """
        if self.interval(total)[0] >= 0:
            return True
        settled: frozenset[Expr] = frozenset()
        pending = [(total, settled)]
        for _ in range(_EFFORT):
            if not pending:
                break
            current, settled = pending.pop()
            found = self._innermost(current, settled)
            if found is None:
                continue
            term, facts = found
            settled |= {term}
            pending.append((current, settled))
            for fact in reversed(facts):
                after = _without(term, current, fact)
                if self.interval(after)[0] >= 0:
                    return True
                pending.append((after, settled))
        return False

    def is_nonzero(self, expr: Expr) -> bool:
        """Whether an integer expression is never 0."""
        low, high = self.range_of(expr)
        return low > 0 or high < 0 or self.is_nonnegative(self.exact_sum(expr).shifted(-1))

    def _innermost(self, total: Sum, settled: frozenset[Expr]) -> tuple[Expr, list[Sum]] | None:
        """Return the innermost term that is not settled, and the facts that can cancel it."""
        terms = sorted(total.terms, key=self._rank, reverse=True)
        for term in terms:
            if term in settled:
                continue
            coefficient = total.terms[term]
            known = (*self._facts_of_shape(term), *self.facts.get(term, ())[-_RECENT:])
            facts = [fact for fact in known if fact.terms.get(term, 0) * coefficient > 0]
            if facts:
                return term, facts
        return None

    def _rank(self, term: Expr) -> int:
        """Operators such as ``//`` and min come first, then variables from the inside out."""
        return len(self.depths) if term.children else self.depths.get(term, -1)

    def _facts_of_shape(self, term: Expr) -> tuple[Sum, ...]:
        """Return sums that are at least 0 by what the operator of ``term`` means."""
        if type(term) is not Binary or not self.is_index(term):
            return ()
        a, b = term.children
        own = Sum({term: 1})
        if term.op == "floordiv" and type(b) is Const and b.value > 0:
            divisor = int(b.value)  # divisor * term <= a <= divisor * term + divisor - 1
            rest = self.sum_of(a).plus(own, -divisor)
            return rest, Sum({}, divisor - 1).plus(rest, -1)
        if term.op == "floormod" and self.range_of(b)[0] > 0:
            below = self.sum_of(b).plus(own, -1).shifted(-1)
            if self.range_of(a)[0] >= 0:
                return below, self.sum_of(a).plus(own, -1)
            return (below,)
        if term.op == "min":
            return self.sum_of(a).plus(own, -1), self.sum_of(b).plus(own, -1)
        if term.op == "max":
            return own.plus(self.sum_of(a), -1), own.plus(self.sum_of(b), -1)
        return ()


_DATA = (Load, Cast, Call)


def _without(term: Expr, total: Sum, fact: Sum) -> Sum:
    """Return a multiple of ``total`` less the multiple of ``fact`` that cancels ``term``."""
    ours, theirs = abs(total.terms[term]), abs(fact.terms[term])
    common = gcd(ours, theirs)
    if theirs != common:
        total = Sum({}).plus(total, theirs // common)
    return total.plus(fact, -(ours // common))


def _clamp(value: int) -> int:
    return max(INT64_MIN, min(value, INT64_MAX))


def context_of(ranges: Mapping[Var, tuple[int | None, int | None]] | None) -> Context:
    """Return a context that knows the inclusive ``ranges``; None is no bound."""
    context = Context()
    for var, (low, high) in (ranges or {}).items():
        context.restrict(var, low, high)
        known = context.ranges.get(var)
        if known is not None and known[0] == known[1]:
            context.equate(var, Const(known[0], var.dtype))
    return context
