"""Room that is used again is so only when nobody needs what was there; no primitive is asked."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.ir.buffer import Buffer, Part
from texpr.ir.dtypes import INT32, INT64
from texpr.ir.expr import Const, Load, Var
from texpr.ir.interpreter import interpret
from texpr.ir.itervar import IterVar
from texpr.ir.program import Alloc, Block, If, Loop, LoopKind, Program, Store, seq
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.scop import Scop
from texpr.polyhedral.verdict import verdict_on

N = 12
ZERO = Const(0, INT64)


def number(value):
    return Const(value, INT64)


A, C = Buffer("A", (number(N + 2),), INT32), Buffer("C", (number(N),), INT32)
B = Buffer("B", (number(N + 2),), INT32)
X, Y = (IterVar(name, (ZERO, number(end))) for name, end in (("x", N + 2), ("y", N)))


def blocks(b, x, y):
    """The statements ``B[x] = A[x]*2`` and ``C[y] = B[y] + B[y + 2]``, with ``b`` for B."""
    at = b.index_here if isinstance(b, Part) else tuple
    write = Store(b, at((X.var,)), Load(A, (X.var,)) * 2)
    value = Load(b, at((Y.var,))) + Load(b, at((Y.var + 2,)))
    return Block("B", (X,), (x,), (write,)), Block("C", (Y,), (y,), (Store(C, (Y.var,), value),))


def programs(fold, behind=2, *, is_written_first=True, kind=LoopKind.SERIAL):
    """The one as declared, and one in which C is ``behind`` B in one loop, and B is folded."""
    i, j, t = Var("i"), Var("j"), Var("t")
    make, take = blocks(B, i, j)
    loops = seq(Loop(i, ZERO, number(N + 2), make), Loop(j, ZERO, number(N), take))
    part = Part("B", (number(fold),), INT32, of=B, origin=(ZERO,), folds=(fold,))
    make, take = blocks(part, t, t - behind)
    steps = [If(t < N + 2, make), If((t >= behind) & (t < N + behind), take)]
    body = seq(*(steps if is_written_first else reversed(steps)))
    loop = Loop(t, ZERO, number(N + max(2, behind)), body, kind)
    return Program("main", (A, C), Alloc(B, loops)), Program("main", (A, C), Alloc(part, loop))


def values(program):
    c = np.full(N, 77, "int32")
    interpret(program, np.arange(N + 2, dtype="int32") ** 2, c)
    return c.tolist()


@pytest.mark.parametrize(("fold", "behind"), [(3, 2), (4, 2), (4, 3), (5, 4), (8, 4), (14, 9)])
def test_enough_room(fold, behind):
    declared, proposed = programs(fold, behind)
    assert Judge(declared).first_fault(proposed) is None
    assert values(proposed) == values(declared)


@pytest.mark.parametrize(("fold", "behind"), [(1, 2), (2, 2), (3, 3), (4, 4), (7, 8)])
def test_too_little_room(fold, behind):
    declared, proposed = programs(fold, behind)
    assert values(proposed) != values(declared)
    judge = Judge(declared)
    finding = judge.first_fault(proposed)
    assert (finding.fault, finding.is_certain) == ("fold", True)
    verdict = verdict_on(judge, finding, "this")
    written, read = verdict.source.values["x"], int(verdict.cell.removesuffix("]")[2:])
    assert (written - read) % fold == 0
    assert f"writes B[{written}] to the place of B[{read}], which instance C" in str(verdict)


def test_what_is_read_for_the_last_time_makes_room_for_what_is_written_next():
    for fold, is_written_first in ((3, False), (4, True)):
        declared, proposed = programs(fold, 3, is_written_first=is_written_first)
        assert Judge(declared).first_fault(proposed) is None
        assert values(proposed) == values(declared)
        declared, proposed = programs(fold - 1, 3, is_written_first=is_written_first)
        assert Judge(declared).first_fault(proposed).fault == "fold"
        assert values(proposed) != values(declared)


def test_the_iterations_of_a_parallel_loop():
    declared, proposed = programs(3, kind=LoopKind.PARALLEL)
    judge = Judge(declared)
    found = [*judge.faults(Scop(proposed, judge.scop.analysis))]
    races = [finding for finding in found if finding.fault == "fold" and finding.loop is not None]
    assert races
    text = str(verdict_on(judge, races[0], "this"))
    assert "(x=0) writes B[0] to the place of B[3], which instance (x=3) writes" in text
    assert "in parallel over t nothing says which comes first" in text


def test_lanes_of_one_time():
    declared, proposed = programs(3, kind=LoopKind.VECTORIZED)
    found = Judge(declared).first_fault(proposed)
    assert found.fault == "fold"  # all lanes write before any reads
    _, proposed = programs(14, kind=LoopKind.VECTORIZED)
    assert Judge(declared).first_fault(proposed) is None


def test_a_fold_that_is_not_the_one_of_the_subscripts():
    """What a statement does with its subscripts must be what the part says."""
    declared, proposed = programs(4)
    alloc = proposed.body
    other = Part("B", alloc.buffer.shape, INT32, of=B, origin=(ZERO,), folds=(3,))
    make, take = blocks(alloc.buffer, Var("t"), Var("u"))
    wrong = Store(other, make.stores[0].indices, make.stores[0].value)
    t, u = Var("t"), Var("u")
    body = seq(
        Loop(t, ZERO, number(N + 2), Block("B", (X,), (t,), (wrong,))),
        Loop(u, ZERO, number(N), Block("C", (Y,), (u,), take.stores)),
    )
    finding = Judge(declared).first_fault(Program("main", (A, C), Alloc(other, body)))
    assert finding.fault == "instances"
    assert "another statement than declared" in finding.missing or "one place" in finding.missing
