"""Which instances of a statement run, as conditions on its variables and as a set of isl's.

A Block keeps the iteration vector that it was declared with, whatever happened to its loops, so
that its *declared* domain needs nothing but its own ``iters``. The *placed* domain adds the loops,
conditions and bindings around it: it is needed where an axis has no declared range, where an
expression mentions a variable of a loop, and to see what an ``If`` around the Block keeps away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Unary, Var, free_vars
from texpr.ir.program import ZERO, Block, If, Let, Loop, Program, Stmt
from texpr.polyhedral.affine import Frame
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.region import NotAffine, Region

Around: TypeAlias = Loop | Let | Expr
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


def place_key(place: Place) -> tuple[object, ...]:
    """Return what stands around a statement, to compare places: loops without how they run."""
    return tuple(
        (part.var, part.lower, part.upper, part.step)
        if isinstance(part, Loop)
        else part
        if isinstance(part, Expr)
        else (part.var, part.value)
        for part in place
    )


@dataclass(frozen=True)
class Span:
    """``lower <= var < upper``, or ``var == value``; what is None is not said."""

    var: Var
    lower: Expr | None = None
    upper: Expr | None = None
    value: Expr | None = None

    @property
    def ends(self) -> tuple[tuple[str, Expr], ...]:
        """What the variable compares to, and how."""
        ends = (("ge", self.lower), ("lt", self.upper), ("eq", self.value))
        return tuple((op, end) for op, end in ends if end is not None)

    @property
    def conditions(self) -> tuple[Expr, ...]:
        """The same as bool expressions."""
        return tuple(Binary(op, self.var, end) for op, end in self.ends)


@dataclass(frozen=True)
class Domain:
    """A set of instances: what is said of each dimension, outer ones first, and what else holds.

    ``dims`` gives the order of the dimensions in isl's sets.
    """

    dims: tuple[Var, ...]
    spans: tuple[Span, ...]
    others: tuple[Expr, ...] = ()

    @property
    def conditions(self) -> tuple[Expr, ...]:
        """Everything that holds, as bool expressions."""
        return (*(c for span in self.spans for c in span.conditions), *self.others)

    @property
    def terms(self) -> Iterator[Expr]:
        """The expressions in all that holds, other than the dimensions."""
        for span in self.spans:
            yield from (end for _, end in span.ends)
        yield from self.others

    def frame(self, analysis: Analysis, params: Sequence[Var]) -> Frame:
        """Return a frame over the dimensions with their ranges known."""
        frame = Frame(analysis, self.dims, params)
        for span in self.spans:
            if span.lower is not None:
                lower = frame.value(span.lower)
                frame.restrict(span.var, None if isinstance(lower, NotAffine) else lower.low, None)
            if span.upper is not None:
                upper = frame.value(span.upper)
                high = None if isinstance(upper, NotAffine) else upper.high - 1
                frame.restrict(span.var, None, high)
            if span.value is not None:
                value = frame.value(span.value)
                if not isinstance(value, NotAffine):
                    frame.restrict(span.var, value.low, value.high)
                if isinstance(value, NotAffine) or not value.is_index:
                    frame.mark_data(span.var)
        return frame

    def region(self, frame: Frame) -> Region:
        """Return the instances as a region of ``frame``."""
        found = frame.everywhere
        for span in self.spans:
            for op, end in span.ends:
                found = found & frame.compare(op, span.var, end)
        return found & frame.all_of(self.others)


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
    spans: list[Span] = []
    others: list[Expr] = []
    for around in place:
        if isinstance(around, Expr):
            others.append(around)
        elif isinstance(around, Loop):
            spans.append(Span(around.var, around.lower, around.upper))
            if around.step != 1:
                steps = Binary("sub", around.var, around.lower)
                rest = Binary("floormod", steps, Const(around.step, INT64))
                others.append(Binary("eq", rest, ZERO))
        elif around.var.dtype.is_integer:
            spans.append(Span(around.var, value=around.value))
    return Domain(tuple(span.var for span in spans), tuple(spans), tuple(others))


def placed_domain(block: Block, place: Place) -> Domain:
    """Return the instances of ``block`` that its place runs.

    The dimensions are its axes and then what is around it.
    """
    outer = surrounding_domain(place)
    spans: list[Span] = []
    for axis, binding in zip(block.iters, block.bindings, strict=True):
        lower, upper = axis.dom or (None, None)
        spans.append(Span(axis.var, lower, upper, binding))
    dims = (*(axis.var for axis in block.iters), *outer.dims)
    return Domain(dims, (*outer.spans, *spans), outer.others)


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

    A fact matters if it mentions a parameter, or nothing; what else it mentions are parameters too.
    """
    own = set(domain.dims)
    used = [var for var in free_vars(*domain.conditions, *expressions) if var not in own]
    params = {var: None for var in used if var.dtype.is_integer}
    pending = {fact: free_vars(fact) for fact in facts}
    relevant: list[Expr] = []
    growing = True
    while growing:
        found = [
            fact
            for fact, names in pending.items()
            if not names or not params.keys().isdisjoint(names)
        ]
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


def always(condition: Expr, program: Program) -> bool:
    """Whether ``condition`` is known to hold at all sizes of ``program``.

    >>> from texpr import te
    >>> A = te.placeholder((te.size_var("n"),), name="A")
    >>> B = te.compute(A.shape, lambda i: A[i], name="B")
    >>> program, (n,) = te.create_schedule(B.op).program, A.shape
    >>> always(n//4*4 <= n, program), always(n >= 4, program)
    (True, False)
    """
    if isinstance(condition, Const):
        return bool(condition.value)
    params, facts = parameters(Domain((), ()), [condition], facts_of(program))
    analysis = Analysis()
    frame = Frame(analysis, (), params)

    def ask() -> bool:
        return bool(frame.all_of(facts).over.is_subset(frame.region(condition).under))

    return analysis.ask(ask) is True
