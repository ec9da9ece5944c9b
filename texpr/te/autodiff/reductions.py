"""The adjoints of reductions: of sums here, of others where they are told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from texpr.te.autodiff.extremes import extreme_terms
from texpr.te.autodiff.folds import fold_terms
from texpr.te.autodiff.reduced import Reduced
from texpr.te.autodiff.terms import Adjoint, Term, terms
from texpr.te.reduction import Reduce
from texpr.te.tensor import ComputeOp, Tensor


def reduction_terms(
    op: ComputeOp, adjoints: Sequence[Adjoint | None], live: Collection[Tensor]
) -> Iterator[Term]:
    """Yield the terms of an operation that reduces, given the adjoint of each of its outputs."""
    assert isinstance(op.body, Reduce)
    first = 0
    for part in op.body.parts:
        place = slice(first, first + len(part.values))
        if any(adjoint is not None for adjoint in adjoints[place]):
            yield from _terms(Reduced(op, part, op.outputs[place], live), adjoints[place])
        first = place.stop


def _terms(reduced: Reduced, adjoints: Sequence[Adjoint | None]) -> Iterator[Term]:
    kind = reduced.part.reducer.extreme or reduced.operator()
    value = adjoints[-1]  # the places beside an extreme are integers
    if kind == "add" and value is not None:
        yield from _sum_terms(reduced, value)
    elif kind is not None and kind in {"max", "min"} and value is not None:
        yield from extreme_terms(reduced, kind, value)
    else:
        yield from fold_terms(reduced, adjoints)


def _sum_terms(reduced: Reduced, adjoint: Adjoint) -> Iterator[Term]:
    part, at, live = reduced.part, reduced.data, reduced.live
    yield from terms(part.values[0], adjoint, at, reduced.loops, live, where=reduced.where)
    if part.init is not None:
        yield from terms(part.init[0], adjoint, at, reduced.op.axis, live)
