"""From expressions to isl's quasi-affine expressions and sets.

An integer expression becomes a :class:`Value`, a condition a :class:`Region`; what isl cannot
hold becomes :class:`NotAffine`, which names the culprit.

isl counts without end, where the types of texpr wrap. An int64 expression over constants and
int64 variables alone is an index, and taken not to leave int64, as the simplifier takes it
(``texpr.ir.simplify.context``). All other arithmetic is exact: where intervals do not show that a
result fits its type, it is reduced modulo the type's width, which is quasi-affine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import islpy as isl

from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import (
    EXPR_NODES,
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
)
from texpr.ir.simplify.intervals import BINARY_INTERVALS, FULL, Interval, absolute, hull
from texpr.ir.visitor import Visit, Visitor
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.region import NotAffine, Region, Value, exact, is_larger

MAX_NODES: Final = 2_000
"""What a larger expression says is not worth the time; subscripts have a dozen nodes."""

TOO_LARGE: Final = f"too large, more than {MAX_NODES} nodes"

Translation: TypeAlias = Value | Region | NotAffine


class Frame:
    """A space in which expressions are read: a dimension for each of ``dims``, and parameters.

    Parameters
    ----------
    analysis : Analysis
        Whose isl context everything is made in. Ask through :meth:`Analysis.ask`: large
        expressions may cost more than the budget.
    dims : sequence of Var
        The set dimensions, such as the iteration vector of a Block.
    params : sequence of Var
        Integer variables with one value for all points, such as sizes.
    ranges : mapping of Var to (low, high), optional
        What is known of the variables' values, inclusive. It is used to see that arithmetic in
        narrow types does not wrap, and is no constraint of the space.
    label : str, optional
        The name of the set's tuple.

    >>> i, n = Var("i"), Var("n", is_size=True)
    >>> frame = Frame(Analysis(), [i], [n])
    >>> frame.value((i + 1)//2 - n).pw_aff
    PwAff("[n] -> { [i] -> [(-n + floor((1 + i)/2))] }")
    >>> frame.region(i < n).over
    Set("[n] -> { [i] : i < n }")
    >>> print(frame.value(i*n))
    i*n is a product of variables
    """

    def __init__(
        self,
        analysis: Analysis,
        dims: Sequence[Var],
        params: Sequence[Var] = (),
        *,
        ranges: Mapping[Var, Interval] | None = None,
        label: str | None = None,
    ) -> None:
        self.analysis = analysis
        self.dims, self.params = tuple(dims), tuple(params)
        space = isl.Space.create_from_names(
            analysis.context,
            set=[analysis.name_of(var) for var in dims],
            params=[analysis.name_of(var) for var in params],
        )
        self.space = space if label is None else space.set_tuple_name(isl.dim_type.set, label)
        self.local_space = isl.LocalSpace.from_space(self.space)
        self.everywhere = exact(isl.Set.universe(self.space))
        self.nowhere = exact(isl.Set.empty(self.space))
        self.ranges = dict(ranges or {})
        self._data: set[Var] = set()
        self._column: dict[Var, tuple[Any, int]] = {
            var: (kind, position)
            for kind, group in ((isl.dim_type.set, self.dims), (isl.dim_type.param, self.params))
            for position, var in enumerate(group)
        }
        self._known: dict[Expr, Translation] = {}

    def value(self, expr: Expr) -> Value | NotAffine:
        """Return the integer expression ``expr`` for isl."""
        found = self._translate(expr)
        assert not isinstance(found, Region), f"{expr} is a condition"
        return found

    def region(self, condition: Expr) -> Region:
        """Return the points where ``condition`` holds.

        What is not affine is dropped where that leaves a bound: ``i < n and A[i] > 0`` is outside
        of nothing but ``i < n``, and surely holds nowhere.
        """
        found = self._translate(condition)
        assert not isinstance(found, Value), f"{condition} is no condition"
        return self.perhaps(found) if isinstance(found, NotAffine) else found

    def all_of(self, conditions: Sequence[Expr]) -> Region:
        """Return the points where all the conditions hold."""
        found = self.everywhere
        for condition in conditions:
            found = found & self.region(condition)
        return found

    def restrict(self, var: Var, low: int | None, high: int | None) -> None:
        """Say that the value of ``var`` is at least ``low`` and at most ``high``."""
        known = self.range_of(var)
        least = known[0] if low is None else max(known[0], low)
        greatest = known[1] if high is None else min(known[1], high)
        if least <= greatest:  # else nothing runs, and any range will do
            self.ranges[var] = (least, greatest)
            self._known.clear()

    def mark_data(self, var: Var) -> None:
        """Say that ``var`` holds data, so that its arithmetic wraps."""
        self._data.add(var)
        self._known.clear()

    def range_of(self, var: Var) -> Interval:
        """Return the least and the greatest value that ``var`` may have."""
        found = self.ranges.get(var)
        if found is None:
            low, high = FULL[var.dtype.name]
            found = (max(low, 0), high) if var.is_size else (low, high)
        return found

    def perhaps(self, missing: NotAffine) -> Region:
        """Return the region of a condition of which nothing is known."""
        return Region(self.everywhere.over, self.nowhere.under, missing)

    def constant(self, number: int, *, is_index: bool = True) -> Value:
        """Return the value that is ``number`` everywhere."""
        aff = isl.Aff.val_on_domain(self.local_space, self.analysis.number(number))
        return Value(aff, number, number, is_index)

    def variable(self, var: Var) -> Value | NotAffine:
        """Return the value of a variable."""
        column = self._column.get(var)
        if column is None or not var.dtype.is_integer:
            kind = "not an integer" if not var.dtype.is_integer else "not known here"
            return NotAffine(var, kind)
        aff = isl.Aff.var_on_domain(self.local_space, *column)
        is_index = var.dtype is INT64 and var not in self._data
        return Value(aff, *self.range_of(var), is_index)

    def compare(self, op: str, x: Expr, y: Expr) -> Region:
        """Return the points where ``x op y`` holds of two integers."""
        a, b = self.value(x), self.value(y)
        if isinstance(a, NotAffine):
            return self.perhaps(a)
        if isinstance(b, NotAffine):
            return self.perhaps(b)
        return exact(_COMPARE[op](*alike(a, b)))

    def _translate(self, expr: Expr) -> Translation:
        if type(expr) is Var:
            return self.variable(expr)
        found = self._known.get(expr)
        if found is None:
            large = is_larger(expr, MAX_NODES)
            found = NotAffine(expr, TOO_LARGE) if large else _Translator(self).visit(expr)
            self._known[expr] = found
        return found


def alike(x: Value, y: Value) -> tuple[Any, Any]:
    """Return two values for an operation of isl's: both in one piece, or both in many."""
    if isinstance(x.aff, isl.Aff) and isinstance(y.aff, isl.Aff):
        return x.aff, y.aff
    return x.pw_aff, y.pw_aff


_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": lambda x, y: x.eq_set(y),
    "ne": lambda x, y: x.ne_set(y),
    "lt": lambda x, y: x.lt_set(y),
    "le": lambda x, y: x.le_set(y),
    "gt": lambda x, y: x.gt_set(y),
    "ge": lambda x, y: x.ge_set(y),
}

_TRUTH: Final[dict[str, Callable[[Region, Region], Region]]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "bitand": lambda a, b: a & b,
    "bitor": lambda a, b: a | b,
    "bitxor": lambda a, b: (a & ~b) | (b & ~a),
    "ne": lambda a, b: (a & ~b) | (b & ~a),
    "eq": lambda a, b: (a & b) | (~a & ~b),
}


class _Translator(Visitor[Translation], over=EXPR_NODES):
    """Reads one expression in a frame."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    # ------------------------------------------------------------ leaves

    def visit_Const(self, node: Const) -> Translation:
        if node.dtype.is_bool:
            return self.frame.everywhere if node.value else self.frame.nowhere
        if node.dtype.is_float:
            return NotAffine(node, "a float")
        return self.frame.constant(int(node.value), is_index=node.dtype is INT64)

    def visit_Var(self, node: Var) -> Translation:
        return self.frame.variable(node)

    def visit_Load(self, node: Load) -> Translation:
        return NotAffine(node, "read from memory")

    def visit_Call(self, node: Call) -> Translation:
        return NotAffine(node, "a call")

    # ------------------------------------------------------------ operators

    def visit_Unary(self, node: Unary) -> Visit[Translation]:
        x = yield node.operand
        if isinstance(x, NotAffine):
            return x
        if isinstance(x, Region):
            return ~x
        if node.op == "neg":
            return self.fit(node, x.aff.neg(), (-x.high, -x.low), x)
        if node.op == "abs":
            return self.fit(node, x.pw_aff.max(x.pw_aff.neg()), absolute((x.low, x.high)), x)
        flipped = x.aff.neg().add_constant_val(self.frame.analysis.number(-1))
        return self.fit(node, flipped, (-x.high - 1, -x.low - 1), x)

    def visit_Binary(self, node: Binary) -> Visit[Translation]:
        x = yield node.a
        y = yield node.b
        if node.a.dtype.is_bool:
            return self.of_conditions(node, x, y)
        if isinstance(x, Value) and isinstance(y, Value):
            compare = _COMPARE.get(node.op)
            if compare is not None:
                return exact(compare(*alike(x, y)))
            return self.arithmetic(node, x, y)
        culprit = y if isinstance(x, Value) else x
        assert isinstance(culprit, NotAffine)
        return self.frame.perhaps(culprit) if node.dtype.is_bool else culprit

    def of_conditions(self, node: Binary, x: Translation, y: Translation) -> Region:
        """Return the region of ``x op y`` of two bools."""
        return _TRUTH[node.op](self.condition(x), self.condition(y))

    def condition(self, found: Translation) -> Region:
        """Return what became of a bool as a region."""
        if isinstance(found, NotAffine):
            return self.frame.perhaps(found)
        assert isinstance(found, Region)
        return found

    def arithmetic(self, node: Binary, x: Value, y: Value) -> Translation:
        op = node.op
        a, b = alike(x, y)
        if op == "add":
            total = a.add(b)
            return self.fit(node, total, (x.low + y.low, x.high + y.high), x, y)
        if op == "sub":
            total = a.sub(b)
            return self.fit(node, total, (x.low - y.high, x.high - y.low), x, y)
        if op in _BY_CONSTANT:
            if y.constant is None and op in ("mul", "bitand"):
                x, y = y, x
            if y.constant is None:
                return NotAffine(node, _BY_CONSTANT[op])
            found = self.by_constant(op, x, y.constant, node.dtype.bits)
            if found is None:
                return NotAffine(node, "an 'and' with bits that are not the lowest")
        elif op in ("min", "max"):
            found = x.pw_aff.min(y.pw_aff) if op == "min" else x.pw_aff.max(y.pw_aff)
        else:
            return NotAffine(node, f"not affine ({op})")
        interval = BINARY_INTERVALS[op]((x.low, x.high), (y.low, y.high))
        return self.fit(node, found, interval or _UNBOUNDED, x, y)

    def by_constant(self, op: str, x: Value, y: int, bits: int) -> isl.Aff | isl.PwAff | None:
        """Return ``x op y`` without wrapping, None where it is not affine."""
        number = self.frame.analysis.number
        if op == "mul":
            return x.aff.scale_val(number(y))
        if op == "bitand":
            return x.aff.mod_val(number(y + 1)) if y >= 0 and not y & (y + 1) else None
        if op == "shl":
            return x.aff.scale_val(number(1 << y if 0 <= y < bits else 0))
        if op == "shr":
            count = y if 0 <= y < bits else bits
            return x.aff.scale_down_val(number(1 << count)).floor()
        if y == 0:
            return self.frame.constant(0).aff
        if op in ("floordiv", "floormod"):
            # Negating both operands keeps the quotient and negates the remainder.
            top = x.aff if y > 0 else x.aff.neg()
            if op == "floordiv":
                return top.scale_down_val(number(abs(y))).floor()
            rest = top.mod_val(number(abs(y)))
            return rest if y > 0 else rest.neg()
        # isl truncates by positive divisors; the remainder has the sign of x whatever that of y.
        divisor = self.frame.constant(abs(y)).pw_aff
        if op == "truncmod":
            return x.pw_aff.tdiv_r(divisor)
        quotient = x.pw_aff.tdiv_q(divisor)
        return quotient if y > 0 else quotient.neg()

    # ------------------------------------------------------------ choices and conversions

    def choice(self, node: Select | IfThenElse) -> Visit[Translation]:
        test = yield node.children[0]
        a = yield node.children[1]
        b = yield node.children[2]
        condition = self.condition(test)
        if node.dtype.is_bool:
            return (condition & self.condition(a)) | (~condition & self.condition(b))
        for part in (a, b):
            if isinstance(part, NotAffine):
                return part
        if condition.missing is not None:
            return condition.missing
        chosen = a.pw_aff.intersect_domain(condition.over).union_add(
            b.pw_aff.intersect_domain(condition.over.complement())
        )
        return self.fit(node, chosen, hull((a.low, a.high), (b.low, b.high)), a, b)

    visit_Select = visit_IfThenElse = choice

    def visit_Cast(self, node: Cast) -> Visit[Translation]:
        x = yield node.operand
        if isinstance(x, NotAffine):
            return self.frame.perhaps(x) if node.dtype.is_bool else x
        if node.dtype.is_float:
            return NotAffine(node, "a float")
        if node.dtype.is_bool:
            zero = self.frame.constant(0).pw_aff
            return x if isinstance(x, Region) else exact(x.pw_aff.ne_set(zero))
        if isinstance(x, Region):
            if x.missing is not None:
                return x.missing
            one = self.frame.constant(1).pw_aff.intersect_domain(x.over)
            zero = self.frame.constant(0).pw_aff.intersect_domain(x.over.complement())
            return Value(one.union_add(zero), 0, 1)
        return self.fit(node, x.aff, (x.low, x.high))

    def fit(
        self, node: Expr, aff: isl.Aff | isl.PwAff, interval: Interval, *operands: Value
    ) -> Value:
        """Return the value of ``node``, wrapped into its type where it may leave it."""
        dtype: DType = node.dtype
        (low, high), (least, greatest) = interval, FULL[dtype.name]
        is_index = (
            dtype is INT64
            and bool(operands)
            and all(operand.is_index for operand in operands)
            and not (isinstance(node, Binary) and node.op == "shl")
        )
        if least <= low and high <= greatest:
            return Value(aff, low, high, is_index)
        if is_index and low <= greatest and least <= high:
            return Value(aff, max(low, least), min(high, greatest), is_index)
        number = self.frame.analysis.number
        lifted = aff.add_constant_val(number(-least)).mod_val(number(1 << dtype.bits))
        return Value(lifted.add_constant_val(number(least)), least, greatest)


_BY_CONSTANT: Final = {
    "mul": "a product of variables",
    "floordiv": "a division by something that is not a constant",
    "truncdiv": "a division by something that is not a constant",
    "floormod": "a remainder by something that is not a constant",
    "truncmod": "a remainder by something that is not a constant",
    "shl": "a shift by something that is not a constant",
    "shr": "a shift by something that is not a constant",
    "bitand": "an 'and' of two variables",
}
"""The operators with a constant on one side, and what they are without."""

_UNBOUNDED: Final[Interval] = (-(1 << 200), 1 << 200)
"""Leaves every type, so that the result is wrapped."""
