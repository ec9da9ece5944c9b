"""What a schedule did to the order of floating-point sums, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, free_vars
from texpr.ir.linear import sum_of
from texpr.ir.program import ONE, Block, FloatPolicy
from texpr.ir.simplify import simplify
from texpr.polyhedral.dependences import chain_operator
from texpr.polyhedral.rewrites import Factored
from texpr.polyhedral.unfolding import Privatised
from texpr.schedule.judges import judge_of
from texpr.schedule.realise import realise
from texpr.schedule.state import State


@dataclass(frozen=True)
class Reordered:
    """A reduction whose terms are combined in another order than the declared one.

    ``terms`` is how many there are. Two orders of a sum differ by at most ``2*(terms - 1)*u``
    times the sum of the absolute values of the terms, to first order in the unit roundoff ``u``;
    of a product, by that times the absolute value of the product.

    Source: N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 4.2.
    """

    stage: str
    operator: str
    dtype: DType
    terms: Expr

    @property
    def unit_roundoff(self) -> float:
        """Half the distance from 1 to the next number."""
        return float(2.0**-self.dtype.digits)

    def __str__(self) -> str:
        if not self.dtype.is_float or self.operator in ("min", "max"):
            return f"{self.stage}: the order of {self.operator} changed, which changes no value"
        whole = "|product|" if self.operator == "mul" else "sum of |terms|"
        return (
            f"{self.stage}: {self.terms} terms of {self.dtype} are combined in another order; the "
            f"result may differ by 2*({self.terms} - 1)*{self.unit_roundoff:.3g} times the {whole}"
        )


@dataclass(frozen=True)
class Report:
    """The float policy of a schedule, and the reductions that it made use of it for."""

    policy: FloatPolicy
    reordered: tuple[Reordered, ...]

    def __str__(self) -> str:
        fused = "may be fused" if self.policy.contract else "are not fused"
        lines = [f"float policy: {self.policy.order}; a product and a sum {fused}"]
        lines += [f"  {one}" for one in self.reordered]
        if not self.reordered:
            lines.append("  every reduction keeps its declared order")
        return "\n".join(lines)


def report_on(state: State) -> Report:
    """Return what ``state`` does to the order of reductions."""
    found: dict[str, Reordered] = {}
    for dependence in judge_of(state).reordered_chains(realise(state)):
        block = dependence.source.statement.block
        found.setdefault(block.name, _reordered(block, dependence.chain))
    while state.declared.before is not None:
        witness = state.declared.witness
        state = replace(state, declared=state.declared.before)
        if isinstance(witness, Factored | Privatised):  # its parts, and then these
            (write, *_) = (
                t for t in judge_of(state).scop[witness.total].touches if t.access.is_write
            )
            operator = chain_operator(write, state.declared.program.float_policy)
            found[witness.total] = _reordered(write.statement.block, operator)
    return Report(state.declared.program.float_policy, tuple(found.values()))


def _reordered(block: Block, operator: str | None) -> Reordered:
    (store, *_) = block.stores
    # The axes that do not choose the cell are those that it is reduced over: all but one that an
    # index is, plus something. Of data, or of several, any number of values may choose one cell.
    choosing = set()
    for index in store.indices:
        moving = [var for var in free_vars(index) if var.is_axis]
        if len(moving) == 1 and moving[0] in sum_of(index).terms:
            choosing.add(moving[0])
    terms: Expr = ONE
    for axis in block.iters:
        if axis.var not in choosing and axis.dom is not None:
            terms = terms * axis.extent
    return Reordered(block.name, operator or "", store.value.dtype, simplify(terms))
