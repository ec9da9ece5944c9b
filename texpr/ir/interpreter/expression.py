"""The value of an expression: its nodes laid out as steps, run without recursion."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from texpr.errors import DTypeError, InternalError, TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BFLOAT16, DType
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
    postorder,
)
from texpr.ir.extern import ScalarFunction
from texpr.ir.interpreter.memory import Lane, Site
from texpr.ir.interpreter.scalar import Function, Value, call_of, cast_from, operator_on
from texpr.ir.visitor import Visit, Visitor

Slots = list[Any]
Step = Callable[[Slots, Lane], None]

_MISSING: Final = object()


class Code(Visitor[int], over=EXPR_NODES):
    """An expression laid out for evaluation: every node has a slot for its value.

    Visiting a node appends the step that fills its slot, after those of its operands. Strict
    nodes run in that order. ``if_then_else``, ``and`` and ``or`` say by the value of one operand
    which other operand they are, so that an expression with one of them runs by need.
    """

    def __init__(self, *roots: Expr) -> None:
        self.start: Slots = []
        self.steps: list[Step | None] = []
        self.operands: list[tuple[int, ...]] = []
        self.choices: dict[int, tuple[int, int, int]] = {}
        self.has_loads = False
        self.roots = self.drive(self._lay_out(roots))
        self.strict_steps = [step for step in self.steps if step is not None]

    def run(self, lane: Lane) -> list[Value]:
        """Return the values of the roots in ``lane``."""
        slots = self.start.copy()
        if self.choices:
            self._run_by_need(slots, lane)
        else:
            for step in self.strict_steps:
                step(slots, lane)
        return [slots[root] for root in self.roots]

    def _run_by_need(self, slots: Slots, lane: Lane) -> None:
        wanted = self.roots[::-1]  # the first is the last, and so the next
        while wanted:
            slot = wanted[-1]
            if slots[slot] is not _MISSING:  # it was wanted twice
                wanted.pop()
                continue
            choice = self.choices.get(slot)
            if choice is None:
                missing = [below for below in self.operands[slot] if slots[below] is _MISSING]
                if missing:
                    wanted.extend(reversed(missing))
                    continue
                step = self.steps[slot]
                assert step is not None  # only choices and constants have none
                step(slots, lane)
                continue
            test, if_true, if_false = choice
            if slots[test] is _MISSING:
                wanted.append(test)
                continue
            chosen = if_true if slots[test] else if_false
            if slots[chosen] is _MISSING:
                wanted.append(chosen)
            else:
                slots[slot] = slots[chosen]

    # ------------------------------------------------------------ one slot per node

    def _lay_out(self, roots: Sequence[Expr]) -> Visit[list[int]]:
        slots = []
        for root in roots:
            slots.append((yield root))
        return slots

    def _slot(self, step: Step | None, operands: tuple[int, ...], value: Any = _MISSING) -> int:
        self.start.append(value)
        self.steps.append(step)
        self.operands.append(operands)
        return len(self.steps) - 1

    def _strict(self, function: Function, *operands: int) -> int:
        out = len(self.steps)

        def apply(slots: Slots, _lane: Lane) -> None:
            slots[out] = function(*[slots[operand] for operand in operands])

        if len(operands) != 2:
            return self._slot(apply, operands)
        a, b = operands

        def apply_to_two(slots: Slots, _lane: Lane) -> None:  # most nodes; twice as fast
            slots[out] = function(slots[a], slots[b])

        return self._slot(apply_to_two, operands)

    def _choice(self, test: int, if_true: int, if_false: int) -> int:
        out = self._slot(None, ())
        self.choices[out] = (test, if_true, if_false)
        return out

    def visit_Const(self, node: Const) -> int:
        value = node.dtype.numpy.type(node.value) if node.dtype.is_float else node.value
        return self._slot(None, (), value)

    def visit_Var(self, node: Var) -> int:
        out = len(self.steps)

        def look_up(slots: Slots, lane: Lane) -> None:
            try:
                slots[out] = lane.scope[node]
            except KeyError:
                raise InternalError(f"interpreter: nothing binds the variable {node}") from None

        return self._slot(look_up, ())

    def visit_Load(self, node: Load) -> Visit[int]:
        check_ndim(node.buffer, node.indices)
        operands = []
        for index in node.indices:
            operands.append((yield index))
        out = len(self.steps)
        buffer = node.buffer
        self.has_loads = True

        def read(slots: Slots, lane: Lane) -> None:
            slots[out] = lane.read(buffer, tuple([slots[operand] for operand in operands]))

        return self._slot(read, tuple(operands))

    def visit_Unary(self, node: Unary) -> Visit[int]:
        operand = yield node.operand
        return self._strict(operator_on(node.op, node.operand.dtype), operand)

    def visit_Binary(self, node: Binary) -> Visit[int]:
        a = yield node.a
        b = yield node.b
        if node.op == "and":
            return self._choice(a, b, a)
        if node.op == "or":
            return self._choice(a, a, b)
        return self._strict(operator_on(node.op, node.a.dtype), a, b)

    def visit_Select(self, node: Select) -> Visit[int]:
        test, a, b = ((yield node.children[0]), (yield node.children[1]), (yield node.children[2]))
        return self._strict(lambda chosen, x, y: x if chosen else y, test, a, b)

    def visit_IfThenElse(self, node: IfThenElse) -> Visit[int]:
        test, a, b = ((yield node.children[0]), (yield node.children[1]), (yield node.children[2]))
        return self._choice(test, a, b)

    def visit_Cast(self, node: Cast) -> Visit[int]:
        operand = yield node.operand
        return self._strict(cast_from(node.operand.dtype, node.dtype), operand)

    def visit_Call(self, node: Call) -> Visit[int]:
        operands = []
        for arg in node.args:
            operands.append((yield arg))
        if isinstance(node.function, ScalarFunction):
            return self._strict(node.function.meaning(), *operands)
        return self._strict(call_of(node.function, node.args[0].dtype), *operands)


def check_ndim(buffer: Buffer, indices: Sequence[Expr]) -> None:
    """Refuse an access with another number of subscripts than its buffer has dimensions."""
    if len(indices) != buffer.ndim:
        raise InternalError(f"interpreter: {buffer!r} is accessed with {len(indices)} subscripts")


def held(value: object, dtype: DType) -> Value:
    """Return a number that fits ``dtype`` as the interpreter holds it.

    Raises
    ------
    DTypeError
        It is of another kind, or does not fit.

    >>> from texpr.ir.dtypes import FLOAT32, INT8
    >>> held(np.int64(3), INT8), held(0.1, FLOAT32)
    (3, np.float32(0.1))
    """
    if dtype.is_bool:
        if isinstance(value, (bool, np.bool)):
            return bool(value)
    elif dtype.is_integer:
        if isinstance(value, numbers.Integral) and dtype.min <= int(value) <= dtype.max:
            return int(value)
    elif isinstance(value, (numbers.Real, BFLOAT16.numpy.type)):
        number = int(value) if isinstance(value, numbers.Integral) else float(value)
        return dtype.numpy.type(dtype.canonical(number))
    raise DTypeError(f"{value!r} ({type(value).__name__}) is no value of {dtype}")


def evaluate(expr: Expr, values: Mapping[Var, Any]) -> np.generic[Any]:
    """Return the value of ``expr``, as a NumPy scalar of its type, at ``values``.

    ``values`` gives every variable of the expression a number that fits its type.

    Raises
    ------
    TexprError
        A variable has no value, or the expression reads a buffer.
    DTypeError
        A value does not fit its variable.

    >>> x = Var("x")
    >>> evaluate(x * x % 10, {x: 7})
    np.int64(9)
    """
    scope: dict[Any, Value] = {}
    for node in postorder(expr):
        if isinstance(node, Load):
            raise TexprError(f"evaluate: {node} reads a buffer; interpret a Program instead")
        if isinstance(node, Var):
            if node not in values:
                raise TexprError(f"evaluate: {node} has no value; pass one in values")
            try:
                scope[node] = held(values[node], node.dtype)
            except DTypeError as error:
                raise DTypeError(f"evaluate: {node} = {error}; pass one that fits") from None
    with np.errstate(all="ignore"):
        value = Code(expr).run(Lane(scope, (), Site("evaluate")))[0]
        result: np.generic[Any] = expr.dtype.numpy.type(value)
    return result
