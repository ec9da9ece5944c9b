"""The ranges of loops, with steps other than 1 taken apart."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Load, int_value, postorder
from texpr.ir.program import ONE, TRUE, ZERO
from texpr.ir.simplify import simplify
from texpr.kernel.expressions import Expressions
from texpr.kernel.syntax import For
from texpr.kernel.values import as_index, plain


@dataclass(frozen=True)
class Range:
    """The values of an axis, from ``lower`` up to ``upper``, and what the loop's variable is.

    With a step of 1 they are the same; else the axis counts iterations from 0, and the variable
    is ``first + step * axis``.
    """

    lower: Expr
    upper: Expr
    first: Expr
    step: int

    def value(self, axis: Expr) -> Expr:
        """Return the loop's variable at a value of the axis."""
        if self.step == 1:
            return axis
        return simplify(Binary("add", self.first, Binary("mul", Const(self.step, INT64), axis)))


def loop_range(names: Expressions, statement: For, guard: Expr, written: set[str]) -> Range:
    """Return the range of a loop that runs under ``guard``.

    Parameters
    ----------
    written : set of str
        The names of the arrays and scalars that the kernel writes: a bound cannot read them.

    Raises
    ------
    KernelError
        A step that is no number or is 0, or a bound that reads what the kernel writes.
    DTypeError
        A bound that is no integer.
    """
    ends = [_end(names, node, guard, written) for node in statement.bounds[:2]]
    lower, upper = (ZERO, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
    step = 1
    if len(statement.bounds) == 3:
        node = statement.bounds[2]
        given = names.value(node)
        with names.source.at(node):
            known = int_value(plain(given))
        if known is None:
            raise names.refusal(
                node, "the step of a loop is a number", "write range(first, end, 2)"
            )
        if known == 0:
            raise names.refusal(node, "the step of a loop is not 0", "write 1, or -1 to go down")
        step = known
    if step == 1:
        return Range(lower, upper, lower, 1)
    span = Binary("sub", upper, lower) if step > 0 else Binary("sub", lower, upper)
    width = Const(abs(step), INT64)
    rounded = Binary("floordiv", Binary("add", span, Binary("sub", width, ONE)), width)
    return Range(ZERO, simplify(rounded), lower, step)


def _end(names: Expressions, node: ast.expr, guard: Expr, written: set[str]) -> Expr:
    """Return one end of a range.

    What it reads is read by the loop and not by a statement, so that no dependence is seen; that
    is sound where nobody ever writes it.
    """

    def changes(load: Load) -> bool:
        name = load.buffer.name
        return name in written or names.parameters.named.get(name) is not load.buffer

    value = names.value(node)
    with names.source.at(node):
        end = simplify(as_index(value, "range"))
    loads = _loads(end)
    for load in loads:
        if changes(load):
            what = f"this end of a loop reads {load}, which the kernel writes"
            advice = "write a loop over all that there may be, with an if inside"
            raise names.refusal(node, what, advice)
    if not loads or guard is TRUE:
        return end
    if any(changes(load) for load in _loads(guard)):
        what = f"this end of a loop reads {loads[0]} under a condition that the kernel changes"
        raise names.refusal(node, what, "take the loop out of the if, and put the if inside")
    return IfThenElse(guard, end, ZERO)


def _loads(expr: Expr) -> list[Load]:
    return [node for node in postorder(expr) if isinstance(node, Load)]
