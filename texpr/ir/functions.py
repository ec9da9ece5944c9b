"""Named functions that build expressions: choices, scalar functions, and / or."""

from __future__ import annotations

from collections.abc import Iterable

from texpr.errors import DTypeError
from texpr.ir.dtypes import BOOL
from texpr.ir.expr import Binary, Call, Const, Expr, IfThenElse, Select, condition, operands_of
from texpr.ir.intrinsics import INTRINSICS


def if_then_else(cond: object, t: object, f: object) -> Expr:
    """``t`` where ``cond`` holds, else ``f``; only the chosen side is evaluated.

    It may guard an access: ``if_then_else(i > 0, A[i - 1], 0.0)``.
    """
    test = condition(cond, "if_then_else")
    a, b = operands_of((t, f))
    return IfThenElse(test, a, b)


def select(condition_: object, true_value: object, false_value: object) -> Expr:
    """``true_value`` where the condition holds, else ``false_value``; both sides are evaluated."""
    test = condition(condition_, "select")
    a, b = operands_of((true_value, false_value))
    return Select(test, a, b)


def call(name: str, *args: object) -> Expr:
    """Build a call of the scalar function ``name``.

    Raises
    ------
    DTypeError
        The function does not take that type.
    """
    function = INTRINSICS[name]
    operands = operands_of(args, function.operand_dtype)
    dtype = operands[0].dtype
    if function.is_identity_on(dtype):
        return operands[0]
    if not function.takes(dtype):
        wanted = "a float" if function.kinds == {"float"} else "an integer"
        raise DTypeError(
            f"{name}: {', '.join(map(str, operands))} is {dtype} and {name} takes {wanted}; "
            f"cast first, x.astype('{'float32' if wanted == 'a float' else 'int32'}')"
        )
    return Call(function, operands)


def all_of(conditions: Iterable[object]) -> Expr:
    """``and`` of the conditions, left to right; true of none."""
    return _chain("and", conditions, True)


def any_of(conditions: Iterable[object]) -> Expr:
    """``or`` of the conditions, left to right; false of none."""
    return _chain("or", conditions, False)


def _chain(op: str, conditions: Iterable[object], empty: bool) -> Expr:
    result: Expr | None = None
    for item in conditions:
        test = condition(item, "all" if op == "and" else "any")
        result = test if result is None else Binary(op, result, test)
    return Const(empty, BOOL) if result is None else result
