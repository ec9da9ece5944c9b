"""Simplifying statements: every scope adds what it says about its variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from texpr.ir.expr import Binary, Const, Expr, Load, Unary, Var, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.linear import Sum
from texpr.ir.program import Alloc, Block, If, Let, Loop, Seq, Stmt, Store
from texpr.ir.simplify.compare import FALSE, NEGATED, TRUE, at_least_zero
from texpr.ir.simplify.context import Context
from texpr.ir.simplify.engine import simplified
from texpr.ir.visitor import Rewriter, Visit

NOTHING: Final = Seq(())


class StatementSimplifier(Rewriter):
    """Rewrites statements; expressions go to the engine, with the context of their place."""

    memoise = False  # one expression may stand in two scopes, which know different things

    def __init__(self, context: Context) -> None:
        self.context = context

    def expr(self, node: Expr) -> Expr:
        return simplified(node, self.context)

    visit_Const = visit_Var = visit_Load = visit_Unary = visit_Binary = expr
    visit_Select = visit_IfThenElse = visit_Cast = visit_Call = expr

    def visit_Seq(self, node: Seq) -> Visit[Stmt]:
        parts: list[Stmt] = []
        for stmt in node.stmts:
            part = yield stmt
            parts.extend(part.stmts if isinstance(part, Seq) else (part,))
        if len(parts) == 1:
            return parts[0]
        same = len(parts) == len(node.stmts) and all(map(_is, parts, node.stmts))
        return node if same else Seq(tuple(parts))

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        outer = self.context
        lower, upper = self.expr(node.lower), self.expr(node.upper)
        count = outer.exact_sum(upper).plus(outer.exact_sum(lower), -1)
        if outer.is_nonnegative(count.negated()):
            return NOTHING
        once = (
            outer.is_nonnegative(count.shifted(-1))
            and outer.is_nonnegative(count.negated().shifted(node.step))
            and not _reads(lower)  # it would be read again, perhaps after it was written
        )
        if once:
            inner = Context(outer)
            inner.bind(node.var)
            inner.equate(node.var, lower)
        else:
            inner = _inside(node, outer, lower, upper)
        body = yield from self.within(inner, node.body)
        if once or _is_nothing(body):
            return body
        if lower is node.lower and upper is node.upper and body is node.body:
            return node
        return node.rebuild((lower, upper, body))

    def within(self, inner: Context, body: Stmt) -> Visit[Any]:
        """Simplify ``body`` in the context ``inner``."""
        outer, self.context = self.context, inner
        result = yield body
        self.context = outer
        return result

    def visit_If(self, node: If) -> Visit[Any]:
        condition = self.expr(node.condition)
        if isinstance(condition, Const):
            if condition.value:
                return (yield node.then)
            return NOTHING if node.orelse is None else (yield node.orelse)
        opposite = self.expr(Unary("not", condition))
        holds = Context(self.context)
        assume(condition, holds)
        then = yield from self.within(holds, node.then)
        orelse = None
        if node.orelse is not None:
            fails = Context(self.context)
            assume(opposite, fails)
            orelse = yield from self.within(fails, node.orelse)
            if _is_nothing(orelse):
                orelse = None
        if _is_nothing(then):
            return NOTHING if orelse is None else If(opposite, orelse)
        if condition is node.condition and then is node.then and orelse is node.orelse:
            return node
        return If(condition, then, orelse)

    def visit_Let(self, node: Let) -> Visit[Any]:
        value = self.expr(node.value)
        inner = Context(self.context)
        inner.bind(node.var)
        if isinstance(value, (Const, Var)):
            inner.equate(node.var, value)
            return (yield from self.within(inner, node.body))
        if value.dtype.is_integer:
            inner.restrict(node.var, *self.context.range_of(value))
            if self.context.is_index(value):
                _state_equal(node.var, value, inner)
            else:
                inner.bind_data(node.var)
        body = yield from self.within(inner, node.body)
        if _is_nothing(body):
            return body
        return node if value is node.value and body is node.body else Let(node.var, value, body)

    def visit_Alloc(self, node: Alloc) -> Visit[Any]:
        body = yield node.body
        if _is_nothing(body):
            return body
        return node if body is node.body else Alloc(node.buffer, body)

    def visit_Block(self, node: Block) -> Visit[Stmt]:
        outer = self.context
        bindings = [self.expr(binding) for binding in node.bindings]
        inner = Context(outer)
        for iter_ in node.iters:
            inner.bind(iter_.var)
        for iter_, binding in zip(node.iters, bindings, strict=True):
            inner.restrict(iter_.var, *outer.range_of(binding))
            if not outer.is_index(binding):
                inner.bind_data(iter_.var)
        for iter_, binding in zip(node.iters, bindings, strict=True):
            if iter_.var not in inner.data:
                _state_equal(iter_.var, binding, inner)
        predicate = simplified(node.predicate, inner)
        if predicate is FALSE:
            return NOTHING
        around = inner
        if predicate is not TRUE:
            inner = Context(around)
            assume(predicate, inner)
        self.context = inner
        body: list[Stmt] = []
        for part in node.body:
            body.append((yield part))
        self.context = outer
        children: list[Any] = [*bindings, predicate, *body]
        # A checked subscript is recognised by its expression, as the accesses have it now. One in
        # the predicate is simplified without knowing that the predicate holds.
        checked = tuple(
            dict.fromkeys(
                (buffer, dimension, simplified(index, place))
                for buffer, dimension, index in node.checked
                for place in (inner, around)
            )
        )
        same = len(checked) == len(node.checked) and all(
            new[2] is old[2] for new, old in zip(checked, node.checked, strict=True)
        )
        if same and all(map(_is, children, node.children)):
            return node
        return replace(node.rebuild(children), checked=checked)

    def visit_Store(self, node: Store) -> Stmt:
        children = [self.expr(child) for child in (*node.indices, node.value)]
        return node if all(map(_is, children, node.children)) else node.rebuild(children)


def inside_loops(axes: Iterable[IterVar]) -> Context:
    """Return what is known where ``axes`` run, outermost first."""
    context = Context()
    for axis in axes:
        context = inside_loop(Loop(axis.var, axis.lower, axis.upper, NOTHING), context)
    return context


def inside_loop(loop: Loop, outer: Context) -> Context:
    """Return what is known inside a loop, where ``outer`` is known around it."""
    return _inside(loop, outer, simplified(loop.lower, outer), simplified(loop.upper, outer))


def _inside(node: Loop, outer: Context, lower: Expr, upper: Expr) -> Context:
    """Return what is known inside a loop whose bounds are, simplified, ``lower`` and ``upper``."""
    inner = Context(outer)
    inner.bind(node.var)
    first, last = outer.range_of(lower)[0], outer.range_of(upper)[1] - 1
    if node.step > 1 and isinstance(lower, Const) and isinstance(upper, Const):
        last -= (last - first) % node.step
    inner.restrict(node.var, first, last)
    if not (outer.is_index(lower) and outer.is_index(upper)):
        inner.bind_data(node.var)
        return inner
    own = Sum({node.var: 1})
    for bound, end, sign in ((lower, -1, 1), (upper, 1, -1)):
        # A constant bound is in the range already.
        if not isinstance(bound, Const):
            less = Sum({}, -1) if end > 0 else Sum({})
            inner.assume(less.plus(own, sign).plus(outer.sum_of(bound), end))
    return inner


def _state_equal(var: Var, value: Expr, context: Context) -> None:
    difference = context.sum_of(value).plus(Sum({var: 1}), -1)
    if len(difference.terms) > 1:  # else the range of the variable says it
        context.assume(difference)
        context.assume(difference.negated())


def assume(condition: Expr, context: Context) -> None:
    """Let ``context`` know that the simplified ``condition`` holds, as far as it lasts.

    A condition that reads memory may change with it, and says nothing.
    """
    pending = [condition]
    while pending:
        part = pending.pop()
        if type(part) is Binary and part.op in ("and", "bitand"):
            pending.extend(part.children)
            continue
        if _reads(part):
            continue
        if not isinstance(part, Const):
            context.equate(part, TRUE)
        if type(part) is not Binary:
            continue
        if part.op in ("eq", "ne"):
            context.equate(Binary(NEGATED[part.op], part.a, part.b), FALSE)
        if part.op == "eq" and part.a.dtype.is_integer:
            difference = context.exact_sum(part.a).plus(context.exact_sum(part.b), -1)
            context.assume(difference)
            context.assume(difference.negated())
        total = at_least_zero(part, context)
        if total is not None:
            context.assume(total)


def _is(new: object, old: object) -> bool:
    return new is old


def _is_nothing(stmt: Stmt) -> bool:
    return isinstance(stmt, Seq) and not stmt.stmts


def _reads(expr: Expr) -> bool:
    return any(isinstance(node, Load) for node in postorder(expr))
