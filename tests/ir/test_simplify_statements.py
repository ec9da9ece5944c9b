"""The simplifier on statements: what scopes say, what disappears, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import index_conditions, index_expressions
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var, as_expr
from texpr.ir.functions import all_of
from texpr.ir.interpreter import interpret
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE, Alloc, Block, If, Let, Loop, LoopKind, Program, Seq, Stmt, Store
from texpr.ir.simplify import simplify

n, m = Var("n", is_size=True), Var("m", is_size=True)
i, j, i_o, i_i = Var("i"), Var("j"), Var("i_o"), Var("i_i")
C = Buffer("C", (n,), INT64)
NOTHING = Seq(())


def block(*bindings: object, predicate: Expr | bool = TRUE, value: Expr | None = None) -> Block:
    """Return a Block that stores ``value`` (or 1) at its first iteration variable, ``a``."""
    iters = tuple(IterVar(name) for name in "abc"[: len(bindings)])
    index = iters[0].var if iters else Const(0, INT64)
    return Block(
        "C",
        iters,
        tuple(as_expr(binding) for binding in bindings),
        (Store(C, (index,), Const(1, INT64) if value is None else value),),
        as_expr(predicate),
    )


def loop(var: Var, upper: object, body: Stmt, lower: object = 0, **fields: Any) -> Loop:
    return Loop(var, as_expr(lower), as_expr(upper), body, **fields)


def check(stmt: Stmt, text: str) -> Stmt:
    result = simplify(stmt)
    assert str(result).strip() == text.strip()
    assert simplify(result) is result
    return result


# ---------------------------------------------------------------- what disappears


@pytest.mark.parametrize("kind", list(LoopKind))
def test_a_loop_that_runs_once(kind: LoopKind) -> None:
    check(loop(i, 1, block(i * 4 + 2), kind=kind), "C[2] = 1")
    check(loop(i, n + 1, block(i), lower=n, kind=kind), "C[n] = 1")
    check(loop(i, 8, block(i), lower=5, step=3, kind=kind), "C[5] = 1")


def test_a_loop_that_runs_once_from_where_memory_says_stays() -> None:
    start = Load(C, (Const(0, INT64),))  # reading it again after C[0] is written is another start
    check(
        loop(i, start + 1, block(i), lower=start), "for i in range(C[0], C[0] + 1):\n    C[i] = 1"
    )


@pytest.mark.parametrize("upper", [0, -3, n - n, -n, Binary("min", n, Const(0, INT64))])
def test_a_loop_that_never_runs(upper: object) -> None:
    assert simplify(loop(i, upper, block(i))) is simplify(loop(i, 0, block(i)))
    assert str(simplify(loop(i, upper, block(i)))) == str(NOTHING)


def test_a_loop_that_may_not_run_stays() -> None:
    stmt = loop(i, n, block(i))
    assert simplify(stmt) is stmt


def test_loops_and_allocations_of_nothing() -> None:
    empty = loop(i, n, If(i < 0, block(i)))
    check(Seq((empty, Alloc(C, empty), Let(j, n * 2, empty), block(0))), "C[0] = 1")


def test_sequences_are_flattened() -> None:
    stmt = Seq((Seq((block(1), Seq(()))), block(2), Seq((Seq((block(3),)),))))
    result = check(stmt, "C[1] = 1\nC[2] = 1\nC[3] = 1")
    assert isinstance(result, Seq)
    assert len(result.stmts) == 3


def test_conditions() -> None:
    check(loop(i, 8, If(i < 8, block(i))), "for i in range(8):\n    C[i] = 1")
    check(loop(i, 8, If(i > 8, block(i), block(0))), "for i in range(8):\n    C[0] = 1")
    check(If(i < n, NOTHING, block(i)), "if i >= n:\n    C[i] = 1")
    check(If(i < n, block(i), NOTHING), "if i < n:\n    C[i] = 1")
    assert str(simplify(If(i < n, NOTHING))) == str(NOTHING)


def test_a_block_whose_predicate_is_false() -> None:
    assert str(simplify(loop(i, 8, block(i, predicate=n < 0)))) == str(NOTHING)


# ---------------------------------------------------------------- what scopes say


def test_bounds_of_loops() -> None:
    tiled = loop(i_o, 4, loop(i_i, 8, If(i_o * 8 + i_i < 32, block(i_o * 8 + i_i % 8))))
    check(
        tiled,
        "for i_o in range(4):\n    for i_i in range(8):\n        C[i_o*8 + i_i] = 1",
    )


def test_a_step_ends_at_the_last_value() -> None:
    needed = loop(i, 10, If(i < 8, block(i)), step=4)
    assert simplify(needed) is needed
    check(loop(i, 12, If(i < 9, block(i)), step=4), "for i in range(0, 12, 4):\n    C[i] = 1")


def test_a_block_at_data_wraps() -> None:
    made = block(j)
    (a,) = (iter_.var for iter_ in made.iters)
    doubled = Block("C", made.iters, (j,), made.stores, a < a * 2)
    stmt = Let(j, Load(C, (Const(0, INT64),)), doubled)
    assert simplify(stmt) is stmt


@pytest.mark.parametrize(
    ("outer", "inner", "condition"),
    [
        (n, 1, i_o < n),
        (n // 32, 32, i_o * 32 + i_i < n),  # what is left over has its own loop
        (n, m, all_of([n > 0, m > 0])),
        (n, i_o + 1, i_i < n),
        (n, Binary("min", n, Const(4, INT64)), i_i < n),
        ((n + 7) // 8, Binary("min", Const(8, INT64), n - i_o * 8), i_o * 8 + i_i < n),
        (n, m, (i_o * m + i_i) // m == i_o),
    ],
)
def test_symbolic_bounds(outer: object, inner: object, condition: Expr) -> None:
    def nest(body: Stmt) -> Stmt:
        return loop(i_o, outer, loop(i_i, inner, body))

    body = block(i_i)
    assert str(simplify(nest(If(condition, body)))) == str(simplify(nest(body)))


def test_a_guard_that_is_needed_stays() -> None:
    stmt = loop(i_o, (n + 31) // 32, loop(i_i, 32, If(i_o * 32 + i_i < n, block(i_o * 32 + i_i))))
    assert simplify(stmt) is stmt


def test_bounds_of_iteration_variables_follow_from_bindings() -> None:
    made = block(i_o * 8 + i_i)
    (a,) = (iter_.var for iter_ in made.iters)
    guarded = Block(made.name, made.iters, made.bindings, made.stores, all_of([a < n, a >= 0]))
    result = simplify(loop(i_o, n // 8, loop(i_i, 8, guarded)))
    assert isinstance(result, Loop)
    assert isinstance(result.body, Loop)
    assert isinstance(result.body.body, Block)
    assert result.body.body.predicate is TRUE
    assert (
        result.body.body.stores is made.stores or str(result.body.body.stores[0].indices[0]) == "a"
    )


def test_the_predicate_holds_for_the_stores() -> None:
    made = block(i, predicate=TRUE)
    (a,) = (iter_.var for iter_ in made.iters)
    value = Binary("min", a, n)
    guarded = Block("C", made.iters, made.bindings, (Store(C, (a,), value),), a < n)
    check(loop(i, 100, guarded), "for i in range(100):\n    if i < n:\n        C[i] = i")


def test_checked_subscripts_are_those_of_the_accesses() -> None:
    made = block(i)
    (a,) = (iter_.var for iter_ in made.iters)
    index, guard = (a + 0) // 1, a % 8
    stores = (Store(C, (index,), Load(C, (guard,))),)
    checked = ((C, 0, index), (C, 0, guard))
    result = simplify(
        loop(
            i, 100, Block("C", made.iters, (i,), stores, (a < 8) & (Load(C, (guard,)) > 0), checked)
        )
    )
    assert isinstance(result, Loop)
    assert isinstance(result.body, Block)
    marked = {id(entry[2]) for entry in result.body.checked}
    for access in (*result.body.reads, *result.body.stores):
        assert id(access.indices[0]) in marked
    assert simplify(result) is result


def test_conditions_hold_inside() -> None:
    inner = If(i < n, block(i), block(0))
    check(If(i < n, inner), "if i < n:\n    C[i] = 1")
    check(If(i < n, NOTHING, inner), "if i >= n:\n    C[0] = 1")
    check(If(i < 4, If(i < 8, block(i))), "if i < 4:\n    C[i] = 1")
    check(If((n % 4).equal(0), If(n % 4 != 0, block(i), block(0))), "if n%4 == 0:\n    C[0] = 1")


def test_conditions_on_memory_do_not_last() -> None:
    positive = Load(C, (Const(0, INT64),)) > 0
    stmt = If(positive, Seq((block(0), If(positive, block(1)))))
    assert simplify(stmt) is stmt  # the store in between may have changed it


def test_lets() -> None:
    check(Let(j, n * 0 + 4, block(j)), "C[4] = 1")
    check(Let(j, i, block(j)), "C[i] = 1")
    check(Let(j, n % 4, If(j < 4, block(j))), "j = n%4\nC[j] = 1")
    check(Let(j, n + i, If(j >= i, block(j))), "j = n + i\nC[j] = 1")
    data = Load(C, (Const(0, INT64),))
    stmt = Let(j, data, block(j * 8 // 8))
    assert simplify(stmt) is stmt  # j*8 may wrap


def test_a_variable_bound_twice_has_two_ranges() -> None:
    first = loop(i, 4, If(i < 4, block(i)))
    second = loop(i, n, If(i < 4, block(i)))
    text = str(simplify(Seq((first, second))))
    assert text.count("if") == 1


def test_nothing_to_do_returns_the_statement_itself() -> None:
    body = Seq((block(i_o * 32 + i_i), If(i_i < n, block(i_i), block(i_o))))
    stmt = loop(i_o, n, Alloc(C, Let(j, n * 3, loop(i_i, j, body, kind=LoopKind.VECTORIZED))))
    assert simplify(stmt) is stmt


def test_deep_nest() -> None:
    stmt: Stmt = block(0)
    for _ in range(500):
        stmt = If(Var("p") < n, Loop(Var("i"), Const(0, INT64), Const(1, INT64), stmt))
    assert simplify(simplify(stmt)) is not None


# ---------------------------------------------------------------- what must hold of all

DATA = Buffer("data", (Const(4, INT64),), INT64)
OUT = Buffer("out", (Const(1, INT64),), INT64)


@st.composite
def statements(draw: st.DrawFn) -> Stmt:
    """Serial loop nests over n whose Blocks write what depends on the order of all instances."""

    def value(scope: list[Expr], depth: int = 2) -> Expr:
        return draw(index_expressions(scope, depth=depth))

    def made_block(scope: list[Expr]) -> Stmt:
        iters = (IterVar("a"), IterVar("b"))
        a, b = (iter_.var for iter_ in iters)
        zero = Const(0, INT64)
        guard = draw(st.just(TRUE) | index_conditions([a, b, n], depth=1))
        result = Load(OUT, (zero,)) * 31 + value([a, b, n])
        bindings = (value(scope), value(scope))
        return Block("out", iters, bindings, (Store(OUT, (zero,), result),), guard)

    def stmt(scope: list[Expr], left: int) -> Stmt:
        kinds = ("block", "loop", "loop", "loop", "if", "let", "seq") if left else ("block",)
        kind = draw(st.sampled_from(kinds))
        if kind == "block":
            return made_block(scope)
        if kind == "seq":
            return Seq(tuple(stmt(scope, left - 1) for _ in range(draw(st.integers(0, 2)))))
        if kind == "if":
            condition = draw(index_conditions(scope, depth=1))
            orelse = stmt(scope, left - 1) if draw(st.booleans()) else None
            return If(condition, stmt(scope, left - 1), orelse)
        var = Var("v")
        if kind == "let":
            read = Load(DATA, (Const(draw(st.integers(0, 3)), INT64),))
            return Let(
                var, draw(st.sampled_from([value(scope), read])), stmt([*scope, var], left - 1)
            )
        lower = draw(st.sampled_from([Const(0, INT64), Const(1, INT64), value(scope, 1)]))
        # At most four iterations: a value may come from data, and be anything.
        upper = Binary("min", value(scope), lower + draw(st.integers(0, 4)))
        if draw(st.booleans()):
            known = [n, Const(3, INT64)] if isinstance(lower, Const) else []
            upper = draw(st.sampled_from([lower + 1, *known]))
        body = stmt([*scope, var], left - 1)
        kind_of_loop = draw(st.sampled_from([LoopKind.SERIAL, LoopKind.UNROLLED]))
        return Loop(var, lower, upper, body, kind_of_loop, draw(st.sampled_from([1, 1, 2, 3])))

    return stmt([n], 4)


def run(stmt: Stmt, size: int, data: list[int]) -> tuple[list[tuple[str, tuple[int, ...]]], int]:
    instances: list[tuple[str, tuple[int, ...]]] = []
    out = np.zeros(1, "int64")
    program = Program("main", (n, DATA, OUT), stmt)
    interpret(
        program,
        size,
        np.array(data, "int64"),
        out,
        on_instance=lambda label, at: instances.append((label, at)),
    )
    return instances, int(out[0])


@given(
    statements(),
    st.integers(0, 6),
    st.lists(st.sampled_from([0, 3, 2**62, -(2**63), 2**63 - 1]), min_size=4, max_size=4),
)
def test_instances_and_values_are_preserved(stmt: Stmt, size: int, data: list[int]) -> None:
    result = simplify(stmt)
    assert simplify(result) is result
    assert run(result, size, data) == run(stmt, size, data), f"{stmt}\n->\n{result}"
