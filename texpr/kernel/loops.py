"""The ranges of loops, with steps other than 1 taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Load, postorder
from texpr.ir.dtypes import INT64
from texpr.ir.program import ONE, TRUE, ZERO
from texpr.ir.simplify import simplify
from texpr.kernel.expressions import Expressions
from texpr.kernel.syntax import For
from texpr.kernel.values import as_index


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
    ends: list[Expr] = []
    for node in statement.bounds[:2]:
        value = names.value(node)
        with names.source.at(node):
            end = simplify(as_index(value, "range"))
        loads = [part for part in postorder(end) if isinstance(part, Load)]
        for load in loads:
            if load.buffer.name in written or load.buffer.name in names.local:
                names.refuse(
                    node, f"this end of a loop reads {load}, which the kernel writes",
                    "write a loop over all there may be, with an if inside",
                )  # fmt: skip
        if loads and guard is not TRUE:
            if any(isinstance(part, Load) and part.buffer.name in written for part in postorder(guard)):
                names.refuse(
                    node, f"this end of a loop reads {loads[0]} under a condition that changes",
                    "take the loop out of the if, and put the if inside",
                )  # fmt: skip
            end = IfThenElse(guard, end, ZERO)
        ends.append(end)
    lower, upper = (ZERO, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
    step: object = 1
    if len(statement.bounds) == 3:
        step = names.value(statement.bounds[2])
        if not isinstance(step, int) or step == 0:
            what = "the step of a loop is not 0" if step == 0 else "the step of a loop is a number"
            names.refuse(statement.bounds[2], what, "write range(first, end, 2), or -1")
    assert isinstance(step, int)
    if step == 1:
        return Range(lower, upper, lower, 1)
    span = Binary("sub", upper, lower) if step > 0 else Binary("sub", lower, upper)
    width = Const(abs(step), INT64)
    rounded = Binary("floordiv", Binary("add", span, Binary("sub", width, ONE)), width)
    return Range(ZERO, simplify(rounded), lower, step)
