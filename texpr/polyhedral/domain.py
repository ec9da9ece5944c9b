"""Which instances of a statement run, as conditions on its variables and as a set of isl's.

A Block keeps the iteration vector that it was declared with, whatever happened to its loops, so
that its *declared* domain needs nothing but its own ``iters``. The *placed* domain adds the loops,
conditions and bindings around it: it is needed where an axis has no declared range, where an
expression mentions a variable of a loop, and to see what an ``If`` around the Block keeps away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Unary, Var, free_vars
from texpr.ir.program import ZERO, Block, If, Let, Loop, Program, Stmt
from texpr.polyhedral.affine import Frame, NotAffine, Region
from texpr.polyhedral.context import Analysis

Around: TypeAlias = Union[Loop, Let, Expr]
Place: TypeAlias = tuple[Around, ...]
"""What stands around a statement, outermost first: loops, lets, and conditions that hold."""


def places(root: Stmt) -> Iterator[tuple[Stmt, Place]]:
    """Yield ``root`` and every statement below it in textual order, each with its place."""
    stack: list[tuple[Stmt, Place]] = [(root, ())]
    while stack:
        stmt, place = stack.pop()
        yield stmt, place
        below: list[tuple[Stmt, Place]] = []
        if isinstance(stmt, If):
            below.append((stmt.then, (*place, stmt.condition)))
            if stmt.orelse is not None:
                below.append((stmt.orelse, (*place, Unary("not", stmt.condition))))
        else:
            inside = (*place, stmt) if isinstance(stmt, (Loop, Let)) else place
            below = [(child, inside) for child in stmt.children if isinstance(child, Stmt)]
        stack.extend(reversed(below))


@dataclass(frozen=True)
class Span:
    """``lower <= var < upper``; either may be absent."""

    var: Var
    lower: Expr | None
    upper: Expr | None


@dataclass(frozen=True)
class Domain:
    """A set of instances: its dimensions, their ranges, and the further conditions on them."""

    dims: tuple[Var, ...]
    spans: tuple[Span, ...]
    conditions: tuple[Expr, ...] = ()
    data: tuple[Var, ...] = ()
    """The dimensions that hold data: they stand for the value of a Let."""

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Everything that is said of the dimensions."""
        ends = [end for span in self.spans for end in (span.lower, span.upper) if end is not None]
        return (*ends, *self.conditions)

    def frame(self, analysis: Analysis, params: Sequence[Var]) -> Frame:
        """Return a frame over the dimensions with their ranges known."""
        frame = Frame(analysis, self.dims, params, data=self.data)
        for span in self.spans:
            lower = None if span.lower is None else frame.value(span.lower)
            upper = None if span.upper is None else frame.value(span.upper)
            frame.restrict(
                span.var,
                None if lower is None or isinstance(lower, NotAffine) else lower.low,
                None if upper is None or isinstance(upper, NotAffine) else upper.high - 1,
            )
        return frame

    def region(self, frame: Frame) -> Region:
        """Return the instances as a region of ``frame``."""
        conditions = [
            Binary(op, span.var, end)
            for span in self.spans
            for op, end in (("ge", span.lower), ("lt", span.upper))
            if end is not None
        ]
        return frame.all_of([*conditions, *self.conditions])


def declared_domain(block: Block) -> Domain | None:
    """Return the instances of ``block`` as declared, None where an axis has no range of its own.

    Its predicate is left out: what the predicate reads is read where it does not hold as well.
    """
    if any(axis.dom is None for axis in block.iters):
        return None
    spans = tuple(Span(axis.var, axis.lower, axis.upper) for axis in block.iters)
    return Domain(tuple(axis.var for axis in block.iters), spans)


def surrounding_domain(place: Place) -> Domain:
    """Return the values of the loops and lets around a place, outermost first."""
    dims: list[Var] = []
    spans: list[Span] = []
    conditions: list[Expr] = []
    data: list[Var] = []
    for around in place:
        if isinstance(around, Loop):
            dims.append(around.var)
            spans.append(Span(around.var, around.lower, around.upper))
            if around.step != 1:
                steps = Binary("sub", around.var, around.lower)
                rest = Binary("floormod", steps, Const(around.step, INT64))
                conditions.append(Binary("eq", rest, ZERO))
        elif isinstance(around, Expr):
            conditions.append(around)
        elif around.var.dtype.is_integer:
            dims.append(around.var)
            data.append(around.var)
            conditions.append(Binary("eq", around.var, around.value))
    return Domain(tuple(dims), tuple(spans), tuple(conditions), tuple(data))


def placed_domain(block: Block, place: Place) -> Domain:
    """Return the instances of ``block`` that its place runs, over its axes and what is around it."""
    outer = surrounding_domain(place)
    axes = tuple(axis.var for axis in block.iters)
    spans = tuple(
        Span(axis.var, axis.lower, axis.upper) for axis in block.iters if axis.dom is not None
    )
    bound = [
        Binary("eq", var, binding) for var, binding in zip(axes, block.bindings, strict=True)
    ]
    return Domain(
        (*axes, *outer.dims), (*outer.spans, *spans), (*bound, *outer.conditions), outer.data
    )


def facts_of(program: Program) -> tuple[Expr, ...]:
    """Return what holds of the parameters at every call: requirements, extents of arguments."""
    extents = [
        Binary("ge", extent, ZERO)
        for buffer in program.buffers
        for extent in buffer.shape
        if not isinstance(extent, Const) and not (isinstance(extent, Var) and extent.is_size)
    ]
    return (*program.requirements, *extents)


def parameters(
    domain: Domain, expressions: Sequence[Expr], facts: Sequence[Expr]
) -> tuple[tuple[Var, ...], tuple[Expr, ...]]:
    """Return the parameters of a question, and the facts about them.

    A fact matters if it mentions a parameter; then all that it mentions are parameters too.
    """
    own = set(domain.dims)
    used = [var for var in free_vars(*domain.expressions, *expressions) if var not in own]
    params = {var: None for var in used if var.dtype.is_integer}
    pending = {fact: free_vars(fact) for fact in facts}
    relevant: list[Expr] = []
    growing = True
    while growing:
        found = [fact for fact, names in pending.items() if any(var in params for var in names)]
        for fact in found:
            params.update({var: None for var in pending.pop(fact) if var.dtype.is_integer})
        relevant += found
        growing = bool(found)
    for var in params:
        if var.is_size:
            relevant.append(Binary("ge", var, Const(0, var.dtype)))
        elif var.dtype is not INT64:
            relevant.append(Binary("ge", var, Const(int(var.dtype.min), var.dtype)))
        if var.dtype is not INT64:
            relevant.append(Binary("le", var, Const(int(var.dtype.max), var.dtype)))
    return tuple(params), tuple(relevant)
