"""Witnesses of statements put together or taken apart: what does not fit them is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import texpr
from tests.polyhedral.test_rewrites import own, reason, shorter
from texpr import te
from texpr.ir.expr import Const, Load
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, TRUE, ZERO, Block, Loop, Seq, Store

N = texpr.size("N")


def stored(change: Callable[[Store], Store]) -> Callable[[Block], Block]:
    return lambda block: replace(block, stores=tuple(map(change, block.stores)))


def value(change: Callable[[Any], Any]) -> Callable[[Block], Block]:
    return stored(lambda store: Store(store.buffer, store.indices, change(store.value)))


# ---------------------------------------------------------------- merged


def merged():
    @texpr.kernel
    def rows(A: texpr.i32[N, 4], B: texpr.i32[N], C: texpr.i32[N]):
        for i in range(N):
            C[i] = 0
        for i in range(N):
            B[i] = A[i, 0]
        for i in range(N):
            for k in range(4):
                C[i] += A[i, k]

    s = texpr.create_schedule(rows)
    s.merge_reduction("S0", "S2")
    assert reason(s) is None
    return s


def test_a_merged_statement_that_is_another():
    s = merged()
    seven = value(lambda v: Const(7, v.dtype))
    assert "starts with something else" in reason(s, own("S2", seven, "init"))
    more = value(lambda v: v + 1)
    assert reason(s, own("S2", more)) == "S2 is another statement than declared"

    def two(block: Block) -> Block:
        one = Const(1, block.stores[0].value.dtype)
        return replace(block, fold=replace(block.fold, identity=(one,)))

    fold = own("S2", two)
    assert reason(s, fold) == "S2 combines its terms in another way"
    other = own("S1", more)
    assert reason(s, other) == "S1 is another statement than declared"


def test_a_merged_start_that_does_not_run_everywhere():
    s = merged()

    def first_row(node: Any) -> Any:
        is_init = isinstance(node, Loop) and isinstance(node.body, Seq)
        return replace(node, upper=node.upper - ONE) if is_init else node

    assert reason(s, first_row) is not None


# ---------------------------------------------------------------- absorbed


def absorbed():
    A = te.placeholder((8,), "int32", name="A")
    B = te.compute((8,), lambda i: A[i] * 2, name="B")
    C = te.compute((6,), lambda i: B[i + 1] + A[i], name="C")
    s = te.create_schedule(C.op)
    s[C].reverse_compute_inline()
    assert reason(s) is None
    return s


def test_an_absorbed_statement_that_is_another():
    s = absorbed()
    wrong = "B does not compute what C does of its value"
    assert reason(s, own("B", value(lambda v: v + 1))) == wrong
    assert reason(s, own("B", lambda block: replace(block, predicate=TRUE))) == wrong
    shifted = stored(lambda st: Store(st.buffer, (st.indices[0] - 1,), st.value))
    assert reason(s, own("B", shifted)) == wrong


def test_an_absorbed_statement_at_another_element():
    s = absorbed()
    witness = s.state.declared.witness
    moved = {var: at + 1 for var, at in witness.values.items()}
    assert "reads another element" in reason(s, values=moved)
    assert reason(s, guards=()) is not None
    assert reason(s, shorter("i")) is not None


# ---------------------------------------------------------------- in parts


def parts():
    @texpr.kernel
    def histogram(idx: texpr.i64[N], w: texpr.i32[N], H: texpr.i32[5], D: texpr.i32[1]):
        for i in range(N):
            H[idx[i]] += w[i]
        D[0] = H[0]

    s = texpr.create_schedule(histogram)
    s["S0"].split("i", factor=4)
    s.rfactor("S0", "i_i")
    assert reason(s) is None
    return s


def test_parts_that_are_updated_in_another_way():
    s = parts()
    other = "S0_rf computes other terms than S0"
    assert reason(s, own("S0_rf", value(lambda v: v + 1))) == other
    assert reason(s, own("S0_rf", lambda block: replace(block, predicate=TRUE))) == other
    elsewhere = stored(lambda st: Store(st.buffer, (ZERO, st.indices[1]), st.value))
    assert reason(s, own("S0_rf", elsewhere)) == other
    assert reason(s, guards=()) == other


def test_parts_that_lose_terms():
    s = parts()
    assert reason(s, shorter("i_o")) is not None
    assert reason(s, shorter("i_i")) is not None


def test_parts_that_do_not_start_with_what_is_neutral():
    s = parts()
    wrong = "S0_rf does not start with what is neutral"
    assert reason(s, own("S0_rf_init", value(lambda v: Const(1, v.dtype)))) == wrong
    assert reason(s, own("S0_rf_init", lambda block: replace(block, predicate=ZERO > 1))) == wrong
    assert reason(s, shorter("i0_c")) == "S0_rf_init does not set all parts of S0"


def test_parts_that_are_not_combined():
    s = parts()
    assert reason(s, shorter("i0_v")) == "S0 does not combine all parts"
    assert reason(s, shorter("i_i_v")) == "S0 does not combine all parts"
    assert reason(s, own("S0", value(lambda v: v + 1))) == "S0 does not combine its parts"
    once_more = own("S0", value(lambda v: v.a * v.b))
    assert reason(s, once_more) == "S0 does not combine all parts"

    def again(block: Block) -> Block:
        axis = IterVar("again", (ZERO, ONE + ONE))
        return replace(block, iters=(*block.iters, axis), bindings=(*block.bindings, ZERO))

    assert reason(s, own("S0", again)) == "S0 does not combine all parts"


def test_parts_that_are_combined_too_early():
    s = parts()

    def turned(node: Any) -> Any:
        names = {getattr(part, "var", node) for part in getattr(node, "stmts", ())}
        is_outer = isinstance(node, Seq) and any(getattr(v, "name", "") == "i0_v" for v in names)
        return Seq(tuple(reversed(node.stmts))) if is_outer else node

    assert reason(s, turned) is not None
    assert "S0" in reason(s, turned)

    def inside(node: Any) -> Any:
        is_parts = (
            isinstance(node, Seq)
            and len(node.stmts) == 2
            and all(
                isinstance(part, Loop) and part.var.name in ("i0_c", "i_o") for part in node.stmts
            )
        )
        return Seq(tuple(reversed(node.stmts))) if is_parts else node

    assert reason(s, inside) == "S0 may run before its parts are complete"


def test_what_comes_between_the_parts():
    """The statement after the total put before it reads what is not combined yet."""
    s = parts()

    def moved(node: Any) -> Any:
        if isinstance(node, Seq) and any(isinstance(p, Block) for p in node.stmts):
            *others, last = node.stmts
            return Seq((last, *others)) if isinstance(last, Block) else node
        return node

    assert reason(s, moved) is not None


def test_reads_of_the_array_are_loads():
    s = parts()
    (store,) = s.state.declared.stages["S0"].block.stores
    assert isinstance(store.value.b, Load)
