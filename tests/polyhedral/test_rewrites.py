"""Witnesses of caches and factored reductions: what does not fit them is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from texpr import te
from texpr.ir.expr import Const, Load
from texpr.ir.itervar import IterVar
from texpr.ir.program import ONE, TRUE, Block, Loop, Seq, Store
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.rewrites import Factored, other_value


class Changed(Rewriter):
    """Rebuilds the blocks and loops that a function changes."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change

    def visit_Block(self, node: Block) -> Any:
        return self.change(node)

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        return self.change((yield from self.generic(node)))

    def visit_Seq(self, node: Seq) -> Visit[Any]:
        return self.change((yield from self.generic(node)))


def reason(s: Any, change: Callable[[Any], Any] = lambda node: node, **witness: Any) -> Any:
    """Why the last rewrite of ``s`` is refused after its program, or the witness, is changed."""
    declared = s.state.declared
    body = Changed(change).rewrite_stmt(declared.program.body)
    after = Judge(declared.program.with_body(body))
    finding = other_value(
        Judge(declared.before.program), after, replace(declared.witness, **witness)
    )
    return None if finding is None else finding.missing


def own(name: str, change: Callable[[Any], Any], role: str = "compute") -> Callable[[Any], Any]:
    """Change the block called ``name`` alone."""

    def only(node: Any) -> Any:
        is_it = isinstance(node, Block) and node.name == name and node.role == role
        return change(node) if is_it else node

    return only


def shorter(name: str) -> Callable[[Any], Any]:
    def change(node: Any) -> Any:
        if isinstance(node, Loop) and node.var.name == name:
            return replace(node, upper=node.upper - ONE)
        return node

    return change


def chain():
    A = te.placeholder((8,), "int32", name="A")
    B = te.compute((8,), lambda i: A[7 - i] + A[i], name="B")
    return A, B, te.create_schedule(B.op)


def row_sums():
    A = te.placeholder((3, 8), "int32", name="A")
    k = te.reduce_axis((0, 8), name="k")
    S = te.compute((3,), lambda i: te.sum(A[i, k], axis=k), name="S")
    return A, S, k, te.create_schedule(S.op)


def test_a_copy_of_less_than_is_read():
    A, _, s = chain()
    s.cache_read(A, "local")
    assert reason(s) is None
    assert reason(s, shorter("i0")) == "A_local does not copy all of A"


def test_a_copy_that_is_none():
    A, _, s = chain()
    s.cache_read(A, "local")

    def moved(block: Block) -> Block:
        (store,) = block.stores
        value = Load(store.value.buffer, [store.indices[0] * 1 + 0])
        return replace(block, stores=(Store(store.buffer, store.indices, value),))

    assert reason(s, own("A_local", moved)) == "A_local does not copy cell by cell"


def test_a_reader_that_reads_elsewhere():
    A, _, s = chain()
    s.cache_read(A, "local")

    def other(block: Block) -> Block:
        (store,) = block.stores
        return replace(block, stores=(Store(store.buffer, store.indices, store.value + 1),))

    assert reason(s, own("B", other)) == "B is another statement than declared"


def test_a_copy_after_its_reader():
    A, _, s = chain()
    s.cache_read(A, "local")

    def turned(node: Any) -> Any:
        return Seq(tuple(reversed(node.stmts))) if isinstance(node, Seq) else node

    assert reason(s, turned) == "B may run before the copy"


def test_a_write_that_is_copied_too_early_or_not_whole():
    _, B, s = chain()
    s.cache_write(B, "local")
    assert reason(s) is None
    assert reason(s, shorter("i")) == "B does not copy all of B"
    assert reason(s, shorter("i_c")) == "B copies what is not computed of B"

    def turned(node: Any) -> Any:
        return Seq(tuple(reversed(node.stmts))) if isinstance(node, Seq) else node

    assert reason(s, turned) == "B_local may run after the copy"


def factored():
    _, S, k, s = row_sums()
    _, k_i = s[S].split(k, factor=4)
    s.rfactor(S, k_i)
    assert isinstance(s.state.declared.witness, Factored)
    return s


def test_parts_without_some_terms():
    s = factored()
    assert reason(s) is None
    assert reason(s, shorter("k_o")) == "the loops of S_rf do not run all of its instances once"


def test_parts_of_a_length_that_a_size_decides():
    n = te.size_var("n")
    A, k = te.placeholder((n,), "int32", name="A"), te.reduce_axis((0, n), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    k_o, _ = s[S].split(k, nparts=4)
    s.rfactor(S, k_o)
    assert reason(s) is None
    assert reason(s, shorter("k_i")) == "the loops of S_rf do not run all of its instances once"
    assert reason(s, guards=()) is not None


def test_parts_that_start_late_or_lie_elsewhere():
    s = factored()

    def turned(node: Any) -> Any:
        names = {getattr(part, "label", None) for part in getattr(node, "stmts", ())}
        is_nest = isinstance(node, Seq) and "S_rf.init" in names
        return Seq(tuple(reversed(node.stmts))) if is_nest else node

    assert reason(s, turned) == "S may run before its parts are complete"
    assert reason(s, dimension=1) == "S_rf keeps its parts in other cells"


def test_parts_that_have_terms_twice():
    s = factored()

    def once_more(node: Any) -> Any:
        if isinstance(node, Loop) and node.var.name == "k_o":
            return replace(node, upper=node.upper + ONE)
        return node

    assert reason(s, once_more) == "S_rf: its loops run instances that it does not have"
    doubled = {
        var: value if var.name != "k" else value - value % 2
        for var, value in s.state.declared.witness.values.items()
    }
    assert "other terms" in reason(s, values=doubled)


def test_parts_that_do_not_start_with_what_is_neutral():
    s = factored()

    def seven(block: Block) -> Block:
        (store,) = block.stores
        value = Const(7, store.value.dtype)
        return replace(block, stores=(Store(store.buffer, store.indices, value),))

    changed = reason(s, own("S_rf", seven, "init"))
    assert changed == "S_rf does not start with what is neutral"


def test_a_total_that_leaves_parts_out():
    s = factored()
    assert reason(s, shorter("k_i_v")) == "the loops of S do not run all of its instances once"

    def fewer(node: Any) -> Any:
        if isinstance(node, Block) and node.name == "S" and node.role == "compute":
            (*data, axis) = node.iters
            last = IterVar(axis.name, (axis.lower, axis.upper - ONE), is_reduce=True)
            return replace(node, iters=(*data, last))
        return shorter("k_i_v")(node)

    assert reason(s, fewer) == "S does not combine all parts"


def test_floats_in_their_order():
    s = factored()
    declared = s.state.declared
    policy = replace(declared.program.float_policy, order="exact")
    A = te.placeholder((3, 8), "float32", name="A")
    k = te.reduce_axis((0, 8), name="k")
    S = te.compute((3,), lambda i: te.sum(A[i, k], axis=k), name="S")
    t = te.create_schedule(S.op)
    t.rfactor(S, k)
    before = replace(t.state.declared.before.program, float_policy=policy)
    finding = other_value(Judge(before), Judge(t.state.declared.program), t.state.declared.witness)
    assert finding.missing == "the order of the terms of S is not free"


def test_a_condition_that_was_dropped():
    A = te.placeholder((3, 10), "int32", name="A")
    k = te.reduce_axis((0, 10), name="k")
    S = te.compute((3,), lambda i: te.sum(A[i, k], axis=k), name="S")
    s = te.create_schedule(S.op)
    _, k_i = s[S].split(k, factor=4)
    s.rfactor(S, k_i)
    dropped = reason(s, own("S_rf", lambda block: replace(block, predicate=TRUE)))
    assert dropped == "S_rf computes other terms than S"
    assert "every term" in reason(
        s, own("S_rf", lambda block: replace(block, predicate=TRUE)), guards=()
    )


# ---------------------------------------------------------------- parts of loops


def parted():
    _, B, s = chain()
    s[B].loop_partition("i", [3])
    return s


def longer(name: str) -> Callable[[Any], Any]:
    def change(node: Any) -> Any:
        if isinstance(node, Loop) and node.var.name == name:
            return replace(node, upper=node.upper + ONE)
        return node

    return change


def test_parts_as_they_are():
    assert reason(parted()) is None


def test_parts_that_run_something_else_than_they_say():
    assert reason(parted(), shorter("i")) == "B runs other instances than it is declared to"
    assert reason(parted(), longer("i")) == "B: its loops run instances that it does not have"
    assert reason(parted(), own("B_1", lambda node: Seq(()))) == (
        "B: its loops do not run every instance"
    )


def with_range(name: str, lower: int, upper: int) -> Callable[[Any], Any]:
    """Make a part one of other instances, and run these."""

    def change(node: Any) -> Any:
        ends = (Const(lower, ONE.dtype), Const(upper, ONE.dtype))
        if isinstance(node, Loop) and node.var.name == "i_1":
            return replace(node, lower=ends[0], upper=ends[1])
        if isinstance(node, Block) and node.name == name:
            # The same variable, so that the statement is as before.
            axis = IterVar("i_1", ends)
            axis.var = node.iters[0].var
            return replace(node, iters=(axis,))
        return node

    return change


def test_parts_that_overlap_or_leave_a_gap():
    assert reason(parted(), with_range("B_1", 2, 8)) == (
        "B: its loops run some instance twice, in two places"
    )
    assert reason(parted(), with_range("B_1", 4, 8)) == "B: its loops do not run every instance"
    assert reason(parted(), with_range("B_1", 3, 9)) == (
        "B: its loops run instances that were not declared"
    )


def test_a_part_of_another_statement():
    def other(node: Block) -> Block:
        (store,) = node.stores
        return replace(node, stores=(Store(store.buffer, store.indices, Const(7, node_type)),))

    node_type = chain()[0].dtype
    assert reason(parted(), own("B_1", other)) == "B_1 is another statement than declared"


# ---------------------------------------------------------------- loops that are rounded up


def rounded():
    A = te.placeholder((12,), "int32", name="A")
    B = te.compute((9,), lambda i: A[i] + 1, name="B")
    C = te.compute((9,), lambda j: B[j] * 2, name="C")
    s = te.create_schedule(C.op)
    s[B].split("i", 4, tail="round_up")
    return s


def test_a_rounded_loop_as_it_is():
    assert reason(rounded()) is None


def test_a_rounded_loop_that_is_too_short_or_too_long():
    assert reason(rounded(), shorter("i")) == "B runs other instances than it is declared to"
    assert reason(rounded(), longer("i")) == "B: its loops run instances that it does not have"


def test_a_reader_that_runs_too_late_or_sees_what_is_beyond():
    s = rounded()
    names = [stage.name for stage in s.stages]
    assert names == ["B", "C"]

    def swapped(node: Any) -> Any:
        return Seq(node.stmts[::-1]) if isinstance(node, Seq) else node

    declared = s.state.declared
    body = Changed(swapped).rewrite_stmt(declared.program.body)
    after = Judge(declared.program.with_body(body))
    finding = other_value(Judge(declared.before.program), after, declared.witness)
    assert finding is not None
    assert finding.fault == "order"

    def further(node: Block) -> Block:
        (store,) = node.stores
        last = Const(10, ONE.dtype)
        value = Load(store.value.a.buffer, [last])
        return replace(node, stores=(Store(store.buffer, store.indices, value),))

    assert reason(s, own("C", further)) == "C is another statement than declared"
