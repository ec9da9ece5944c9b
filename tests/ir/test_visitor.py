"""The visitor and the rewriter."""

from __future__ import annotations

from typing import Any

import pytest

from texpr.errors import InternalError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32, INT64
from texpr.ir.expr import EXPR_NODES, Binary, Const, Expr, Load, Unary, Var, postorder
from texpr.ir.extern import PythonFunction
from texpr.ir.functions import call, if_then_else, select
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    STMT_NODES,
    ZERO,
    Alloc,
    Block,
    ExternCall,
    If,
    Let,
    Loop,
    LoopKind,
    Seq,
    Stmt,
    Store,
    stmts,
)
from texpr.ir.visitor import Rewriter, Visit, Visitor, substitute

i, j, n = Var("i"), Var("j"), Var("n", is_size=True)
A = Buffer("A", (n,), FLOAT32)
T = Buffer("T", (n,), FLOAT32)


def everything() -> Stmt:
    """A statement with every kind of node in it."""
    row = IterVar("row")
    value = select(row.var < n, Load(A, (row.var,)), 0.0) + call("exp", Load(A, (row.var + 0,)))
    block = Block("copy", (row,), (i + j,), (Store(T, (row.var,), -value),), row.var < 3)
    outside = ExternCall(PythonFunction("f", print), (A, i, T), (A,), (T,))
    opaque = Block("opaque", (), (), (), extern=outside)
    choice = if_then_else(i < n, i.astype("float32"), 1.0)
    return Alloc(
        T,
        Loop(
            i,
            ZERO,
            n,
            If(
                i < n - 1,
                Let(j, i * 2, block),
                Seq((Store(T, (i,), choice), Loop(j, i, n, Seq(())), opaque)),
            ),
            LoopKind.PARALLEL,
            2,
        ),
    )


def test_everything_has_every_kind_of_node() -> None:
    found = stmts(everything())
    assert {type(stmt) for stmt in found} == set(STMT_NODES)
    exprs = [child for stmt in found for child in stmt.children if isinstance(child, Expr)]
    assert {type(node) for expr in exprs for node in postorder(expr)} == set(EXPR_NODES)


def test_missing_handler_fails_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Partial has no visit_Var, visit_Load, visit_Unary"):

        class Partial(Visitor[None], over=EXPR_NODES):
            def visit_Const(self, node: Const) -> None:
                """All that it knows."""


def test_subclass_of_a_complete_visitor_is_complete() -> None:
    class Renaming(Rewriter, over=(*EXPR_NODES, *STMT_NODES)):
        pass

    stmt = everything()
    assert Renaming().visit(stmt) is stmt


def test_node_without_handler_is_a_bug_of_ours() -> None:
    class OnlyConstants(Visitor[int], over=(Const,)):
        def visit_Const(self, node: Const) -> int:
            return int(node.value)

    assert OnlyConstants().visit(Const(3, INT64)) == 3
    with pytest.raises(InternalError, match=r"OnlyConstants met a Var; this is a bug in texpr"):
        OnlyConstants().visit(i)


class Depth(Visitor[int], over=(Const, Var, Binary)):
    def __init__(self) -> None:
        self.visited: list[Expr] = []

    def visit_Const(self, node: Const) -> int:
        self.visited.append(node)
        return 1

    def visit_Var(self, node: Var) -> int:
        self.visited.append(node)
        return 1

    def visit_Binary(self, node: Binary) -> Visit[int]:
        a = yield node.a
        b = yield node.b
        self.visited.append(node)
        return 1 + max(a, b)


def test_generators_get_the_values_of_what_they_yield() -> None:
    depth = Depth()
    built = (i + 1) * j
    assert depth.visit(built) == 3
    assert [str(node) for node in depth.visited] == ["i", "1", "i + 1", "j", "(i + 1)*j"]


def test_shared_nodes_are_visited_once_if_memoised() -> None:
    class Forgetful(Depth):
        memoise = False

    square = (i + 1) * (i + 1)
    once, twice = Depth(), Forgetful()
    assert once.visit(square) == twice.visit(square) == 3
    assert (len(once.visited), len(twice.visited)) == (4, 7)


def test_visiting_is_not_recursive() -> None:
    built: Expr = i
    for k in range(10_000):
        built = built * 2 + k
    assert Depth().visit(built) == 20_001


def test_new_nodes_are_not_taken_for_dead_ones() -> None:
    """A handler may visit nodes that it makes; their ids come back once they are dropped."""

    class Doubling(Visitor[int], over=(Const, Unary, Binary)):
        def visit_Const(self, node: Const) -> int:
            return int(node.value)

        def visit_Unary(self, node: Unary) -> Visit[int]:
            total = 0
            for k in range(200):
                total += yield Const(1000 + k, INT64)
            return total

        def visit_Binary(self, node: Binary) -> int:
            raise AssertionError

    assert Doubling().visit(Unary("neg", Const(0, INT64))) == sum(range(1000, 1200))


# ---------------------------------------------------------------- rewriting


def test_nothing_changed_is_the_same_object() -> None:
    stmt = everything()
    assert Rewriter().rewrite_stmt(stmt) is stmt
    built = (i + 1) * Load(A, (i,)).astype("int64")
    assert Rewriter().rewrite_expr(built) is built
    assert substitute(built, {}) is built
    assert substitute(stmt, {Var("unused"): ZERO}) is stmt


def test_change_is_rebuilt_and_the_rest_shared() -> None:
    stmt = everything()
    m = Var("m", is_size=True)
    changed = substitute(stmt, {n: m})
    assert changed is not stmt
    for old, new in zip(stmts(stmt), stmts(changed), strict=True):
        assert type(old) is type(new)
    old_loop, new_loop = stmts(stmt)[1], stmts(changed)[1]
    assert isinstance(old_loop, Loop)
    assert isinstance(new_loop, Loop)
    assert new_loop.upper is m
    assert (new_loop.kind, new_loop.step, new_loop.var) == (LoopKind.PARALLEL, 2, i)
    untouched = [stmt for stmt in stmts(changed) if isinstance(stmt, Store)]
    assert untouched[0].buffer is T
    assert str(new_loop.body.children[0]) == "i < m - 1"
    assert substitute(changed, {m: n}) is not stmt  # statements are not interned


def test_substitution_is_simultaneous() -> None:
    assert substitute(i - j, {i: j, j: i}) is j - i


def test_substitution_reaches_every_expression() -> None:
    changed = substitute(everything(), {i: Const(7, INT64), j: Const(5, INT64)})
    names: set[Any] = set()
    for stmt in stmts(changed):
        for child in stmt.children:
            if isinstance(child, Expr):
                names |= {node for node in postorder(child) if isinstance(node, Var)}
    assert not names & {i, j}


def test_deep_statements_do_not_recurse() -> None:
    stmt: Stmt = Seq(())
    for k in range(10_000):
        stmt = If(i < k, stmt)
    assert Rewriter().rewrite_stmt(stmt) is stmt
    assert len(stmts(substitute(stmt, {i: j}))) == 10_001


class Negation(Rewriter):
    """Adds a sign to every constant."""

    def visit_Const(self, node: Const) -> Expr:
        return Const(-node.value, node.dtype)


def test_handlers_replace_nodes() -> None:
    assert Negation().rewrite_expr((i + 1) * 2) is (i + -1) * -2
