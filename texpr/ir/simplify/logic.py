"""Rules of ``and``, ``or`` and ``not``, and of the same bitwise operators on bools.

The right operand of ``and`` and ``or`` is not evaluated where the left decides: it may read
what only exists where the left holds, so it never loses that guard.
"""

from __future__ import annotations

from texpr.ir.expr import Binary, Const, Expr, Load, Unary, postorder
from texpr.ir.simplify.compare import FALSE, NEGATED, TRUE, at_least_zero
from texpr.ir.simplify.context import Context

_PARTS = 8
"""With how many operands before it the last one of a chain is compared."""


def with_constant(node: Binary, _context: Context) -> Expr | None:
    """``x and True`` is ``x``, ``x and False`` is False, and so on."""
    decides = node.op in ("or", "bitor")
    for x, other in ((node.a, node.b), (node.b, node.a)):
        if type(other) is Const:
            return other if other.value == decides else x
    return None


def exclusive_or(node: Binary, _context: Context) -> Expr | None:
    """``x ^ False`` is ``x``, ``x ^ True`` is ``not x``, ``x ^ x`` is False."""
    if node.a is node.b:
        return FALSE
    for x, other in ((node.a, node.b), (node.b, node.a)):
        if type(other) is Const:
            return Unary("not", x) if other.value else x
    return None


def implied(node: Binary, context: Context) -> Expr | None:
    """An operand that another one decides is dropped: ``i < 4 and i < 8`` is ``i < 4``.

    Where the last operand is the stricter it takes the place of the other, so that what stands
    between them is guarded by it; for that it must not read memory itself.
    """
    last = node.b
    conjunction = node.op in ("and", "bitand")
    before = _chain(node)
    q = at_least_zero(last, context)
    for place, other in enumerate(before):
        if other is last:
            return node.a
        if _are_opposite(other, last):
            return FALSE if conjunction else TRUE
        p = None if q is None else at_least_zero(other, context)
        if p is None or q is None:
            continue
        # The ranges of what is left of the terms: two conditions that have to do with each other
        # have the same terms, and a search for a proof would take too long for each pair.
        low, high = context.interval(p.plus(q))
        if conjunction and high < 0:
            return FALSE  # p >= 0 and q >= 0 is impossible
        if not conjunction and low > -2:
            return TRUE  # p < 0 and q < 0 is impossible
        low, high = context.interval(q.plus(p, -1))
        if (low >= 0) if conjunction else (high <= 0):
            return node.a
        if ((high <= 0) if conjunction else (low >= 0)) and not _reads(last):
            return _replaced(node, place, last)
    return None


def _chain(node: Binary) -> list[Expr]:
    """Return operands of ``a and b and c`` before the last one, from the right."""
    found: list[Expr] = []
    left = node.a
    while type(left) is Binary and left.op == node.op and len(found) < _PARTS:
        found.append(left.b)
        left = left.a
    found.append(left)
    return found


def _replaced(node: Binary, place: int, last: Expr) -> Expr:
    """Return the chain ``node`` without its last operand, which replaces the one at ``place``."""
    after: list[Expr] = []
    left = node.a
    for _ in range(place):
        after.append(left.b)  # type: ignore[attr-defined]
        left = left.a  # type: ignore[attr-defined]
    is_first = place == len(_chain(node)) - 1
    result = last if is_first else Binary(node.op, left.a, last)  # type: ignore[attr-defined]
    for other in reversed(after):
        result = Binary(node.op, result, other)
    return result


def _are_opposite(x: Expr, y: Expr) -> bool:
    """Whether exactly one of ``x`` and ``y`` holds, by their shape."""
    if type(x) is Binary and type(y) is Binary and NEGATED.get(x.op) == y.op:
        is_exact = x.op in ("eq", "ne") or x.a.dtype.is_integer  # NaN is neither < nor >=
        return is_exact and x.a is y.a and x.b is y.b
    return any(
        type(one) is Unary and one.op == "not" and one.operand is other
        for one, other in ((x, y), (y, x))
    )


def _reads(expr: Expr) -> bool:
    return any(isinstance(node, Load) for node in postorder(expr))


def negation(node: Unary, _context: Context) -> Expr | None:
    """``not not x`` is ``x``, ``not x < y`` is ``x >= y`` except where x or y may be NaN."""
    x = node.operand
    if type(x) is Unary and x.op == "not":
        return x.operand
    if type(x) is not Binary or x.op not in NEGATED:
        return None
    if x.a.dtype.is_float and x.op not in ("eq", "ne"):
        return None
    return Binary(NEGATED[x.op], x.a, x.b)


RULES = {
    ("and or bitand bitor", "bool"): (with_constant, implied),
    ("bitxor", "bool"): (exclusive_or,),
    ("not", "bool"): (negation,),
}
