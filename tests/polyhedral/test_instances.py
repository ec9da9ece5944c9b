"""The judge counts instances: it does not take a realised program's word for what it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from texpr import te
from texpr.ir.buffer import Part
from texpr.ir.expr import Binary, Const, Expr, IfThenElse, Load
from texpr.ir.program import ONE, ZERO, Alloc, Block, If, Loop, LoopKind, Program, Store, seq
from texpr.ir.visitor import Rewriter, Visit
from texpr.polyhedral.judge import Judge


def moved(factor=4):
    """Return a program and it with its producer computed in tiles of its reader."""
    n = te.size_var("n")
    A = te.placeholder((n + 2,), name="A")
    B = te.compute((n + 2,), lambda i: A[i] + 1.0, name="B")
    C = te.compute((n,), lambda i: B[i] + B[i + 2], name="C")
    s = te.create_schedule(C.op)
    i_o, _ = s[C].split(C.op.axis[0], factor=factor)
    s[B].compute_at(s[C], i_o)
    return s.declared, s.program


class Changed(Rewriter):
    """Rebuilds what one function changes."""

    def __init__(self, kind: type, change: Any) -> None:
        self.kind, self.change = kind, change

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        return self.own((yield from self.generic(node)))

    def visit_Block(self, node: Block) -> Any:
        return self.own(node)

    def visit_If(self, node: If) -> Visit[Any]:
        return self.own((yield from self.generic(node)))

    def own(self, node: Any) -> Any:
        return self.change(node) if isinstance(node, self.kind) else node


def judged(declared: Program, proposed: Program, kind: type, change: Any) -> Any:
    body = Changed(kind, change).rewrite_stmt(proposed.body)
    assert body is not proposed.body, "nothing was changed"
    return Judge(declared).first_fault(proposed.with_body(body))


def test_as_it_is():
    declared, proposed = moved()
    assert Judge(declared).first_fault(proposed) is None


def test_a_border_element_that_is_missing():
    def shorter(loop: Loop) -> Loop:
        return replace(loop, upper=loop.upper - 1) if loop.var.name == "i" else loop

    finding = judged(*moved(), Loop, shorter)
    assert finding.fault == "storage"
    assert finding.is_certain


def test_a_loop_that_leaves_an_instance_out():
    def shorter(loop: Loop) -> Loop:
        return replace(loop, upper=loop.upper - 1) if loop.var.name == "i_o" else loop

    finding = judged(*moved(), Loop, shorter)
    assert finding.missing == "C: its loops do not run every instance"


def test_an_instance_that_is_left_out_of_room_outside_of_all_loops():
    """There every instance has its cell, so that nothing but being there is to be asked."""
    A = te.placeholder((10,), name="A")
    B = te.compute((10,), lambda i: A[i] + 1.0, name="B")
    C = te.compute((8,), lambda i: B[i] + B[i + 2], name="C")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], C.op.axis[0])
    s[B].store_root()
    assert Judge(s.declared).first_fault(s.program) is None

    def fewer(node: If | Block | Loop) -> Any:
        is_first = isinstance(node, Loop) and isinstance(node.lower, IfThenElse)
        return replace(node, lower=node.lower.children[2]) if is_first else node

    finding = judged(s.declared, s.program, Loop, fewer)
    assert (finding.fault, finding.is_certain) == ("missing", True)


def test_a_guard_that_is_missing():
    finding = judged(*moved(), If, lambda node: node.then)
    assert "its loops run instances that were not declared" in str(finding.missing)


def twice(kind: LoopKind = LoopKind.SERIAL) -> Any:
    """Return what runs a statement of C's twice."""

    def change(stmt: Any) -> Any:
        if isinstance(stmt, Block) and stmt.name == "C":
            return Loop(te.var("again"), ZERO, Const(2, ONE.dtype), stmt, kind)
        return stmt

    return change


def test_an_instance_may_run_again_where_nobody_can_tell():
    assert judged(*moved(), Block, twice()) is None


@pytest.mark.parametrize("kind", [LoopKind.PARALLEL, LoopKind.VECTORIZED])
def test_runs_of_an_instance_may_not_meet(kind):
    finding = judged(*moved(), Block, twice(kind))
    assert finding.missing == (
        f"C: its loops run some instance twice, at once in the {kind.value} loop 'again'"
    )


def test_an_instance_that_runs_again_too_late():
    """Its reader would come between its runs."""
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] + 1.0, name="B")
    C = te.compute((4,), lambda i: B[i] * 2.0, name="C")
    declared = te.create_schedule(C.op).declared
    loop = Loop(te.var("again"), ZERO, Const(2, ONE.dtype), declared.body.body)
    finding = Judge(declared).first_fault(declared.with_body(replace(declared.body, body=loop)))
    assert finding.fault == "order"


def test_a_statement_in_pieces_or_not_at_all():
    declared, proposed = moved()

    def doubled(block: Block) -> Any:
        return seq(block, block) if block.name == "C" else block

    finding = judged(declared, proposed, Block, doubled)
    assert finding.missing == "C: its loops run some instance twice, in two places"

    def apart(block: Block) -> Any:
        if block.name != "C":
            return block
        (i,) = block.bindings
        return seq(If(i < 2, block), If(i >= 2, block))

    assert judged(declared, proposed, Block, apart) is None

    def moved_apart(block: Block) -> Any:
        (i,) = block.bindings
        return seq(If(i < 2, block), If(i >= 2, block)) if block.name == "B" else block

    assert judged(declared, proposed, Block, moved_apart).fault == "storage"

    def short(block: Block) -> Any:
        (i,) = block.bindings
        return seq(If(i < 2, block), If(i > 2, block)) if block.name == "C" else block

    finding = judged(declared, proposed, Block, short)
    assert finding.missing == "C: its loops do not run every instance"

    def gone(block: Block) -> Any:
        return seq() if block.name == "C" else block

    assert judged(declared, proposed, Block, gone).missing == "C: no loop runs it"


def test_another_statement():
    def other(block: Block) -> Block:
        (store,) = block.stores
        value = Binary("add", store.value, Const(1.0, store.value.dtype))
        return replace(block, stores=(Store(store.buffer, store.indices, value),))

    finding = judged(*moved(), Block, other)
    assert finding.missing == "B is another statement than declared"


def test_a_part_that_is_read_in_the_wrong_place():
    class Shifted(Rewriter):
        def visit_Load(self, node: Load) -> Visit[Expr]:
            rebuilt = yield from self.generic(node)
            if isinstance(node.buffer, Part):
                return Load(node.buffer, tuple(index + 1 for index in rebuilt.indices))
            return rebuilt

    declared, proposed = moved()
    body = Shifted().rewrite_stmt(proposed.body)
    finding = Judge(declared).first_fault(proposed.with_body(body))
    assert finding.missing == "C is another statement than declared"


def test_a_reduction_that_is_run_twice_on_its_accumulators():
    A = te.placeholder((4, 4), "int32", name="A")
    k = te.reduce_axis((0, 4), name="k")
    B = te.compute((4,), lambda i: te.sum(A[i, k], axis=k), name="B")
    C = te.compute((4,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], C.op.axis[0])

    def again(loop: Loop) -> Any:
        return (
            Loop(te.var("again"), ZERO, Const(2, ONE.dtype), loop) if loop.var.name == "k" else loop
        )

    finding = judged(s.declared, s.program, Loop, again)
    assert finding.missing == (
        "B: its loops run some instance twice, which reads what it writes of B"
    )

    def part(loop: Loop) -> Any:
        return replace(loop, upper=Const(3, ONE.dtype)) if loop.var.name == "k" else loop

    finding = judged(s.declared, s.program, Loop, part)
    assert finding.fault == "storage"
    assert finding.is_certain


def test_scratch_in_the_place_of_an_argument():
    declared, proposed = moved()
    (output,) = declared.outputs
    finding = Judge(declared).first_fault(proposed.with_body(Alloc(output, proposed.body)))
    assert finding.missing == "C is an argument, and B would touch scratch instead"


def test_room_that_does_not_last():
    """Scratch that is placed inside the loop that fills it holds nothing when it is read."""
    A = te.placeholder((4,), "int32", name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    C = te.compute((4,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    body = s.program.body
    assert isinstance(body, Alloc)
    (fill, read) = body.body.children
    inside = replace(fill, body=Alloc(body.buffer, fill.body))
    finding = Judge(s.declared).first_fault(s.program.with_body(seq(inside, read)))
    assert finding.fault == "storage"


@pytest.mark.parametrize("factor", [1, 3, 5])
def test_every_tile_is_accepted(factor):
    declared, proposed = moved(factor)
    assert Judge(declared).first_fault(proposed) is None
