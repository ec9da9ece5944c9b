"""What the schedules have beyond those of texpr: what stands in for threads of GPUs."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.errors import ScheduleError, ShapeError


@pytest.fixture
def sums():
    A = te.placeholder((6, 5), name="A")
    k = te.reduce_axis((0, 5), name="k")
    B = te.compute((6,), lambda i: te.sum(A[i, k], axis=k), name="B")
    return te.create_schedule(B.op), A, B


def test_a_block_runs_in_parallel_where_that_is_legal(sums):
    s, A, B = sums
    i, k = s[B].leaf_iter_vars
    s[B].bind(i, te.thread_axis("blockIdx.x"))
    s[B].bind(k, te.thread_axis("blockIdx.y"))
    assert "for i in parallel(6)" in str(s)
    assert "for k in range(5)" in str(s)
    a = np.ones((6, 5), "float32")
    assert tvm.build(s, [A, B])(a).tolist() == [5] * 6


@pytest.mark.parametrize("tag", ["threadIdx.x", "threadIdx.z", "vthread", "cthread"])
def test_threads_stay_loops(sums, tag):
    s, _, B = sums
    before = str(s)
    s[B].bind("i", te.thread_axis((0, 6), tag, name="t"))
    assert str(s) == before


def test_thread_axes():
    tx = te.thread_axis((0, 8), "threadIdx.x", name="tx")
    assert (tx.name, tx.dom, tx.thread_tag, str(tx.var)) == ("tx", (0, 8), "threadIdx.x", "tx")
    assert te.thread_axis(tag="vthread").name == "vthread"
    assert repr(te.thread_axis("blockIdx.y")) == "<thread_axis blockIdx.y>"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), ScheduleError, "thread_axis: '' is no tag of a thread; write 'blockIdx.x'"),
        (("block",), ScheduleError, "thread_axis: 'block' is no tag of a thread"),
        ((8, 3), ScheduleError, "thread_axis: 3 is no tag of a thread"),
        ((8, "threadIdx.x"), ShapeError, r"thread_axis: the range 8 is no pair; write \(0, n\)"),
    ],
)
def test_what_is_no_thread_axis_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        te.thread_axis(*arguments)


def test_what_cannot_be_bound_is_refused(sums):
    s, _, B = sums
    with pytest.raises(ScheduleError, match=r"bind: 'blockIdx\.x' is no thread axis; pass"):
        s[B].bind("i", "blockIdx.x")
    with pytest.raises(ScheduleError, match="bind: stage 'B' has no loop 'j'"):
        s[B].bind("j", te.thread_axis("threadIdx.x"))
    with pytest.raises(ScheduleError, match="bind: 3 is no loop; pass an axis"):
        s[B].bind(3, te.thread_axis("blockIdx.x"))
    s[B].unroll("i")
    with pytest.raises(ScheduleError, match="parallel: loop 'i' is unrolled already"):
        s[B].bind("i", te.thread_axis("blockIdx.x"))


def test_a_store_is_guarded_only_against_threads_of_a_reduction(sums):
    s, _, B = sums
    tx, ty = te.thread_axis("threadIdx.x"), te.thread_axis("threadIdx.y")
    s[B].bind(s[B].op.axis[0], ty)
    s[B].bind(s[B].op.reduce_axis[0], tx)
    before = str(s)
    s[B].set_store_predicate(tx.var.equal(0))
    assert str(s) == before
    for predicate in (ty.var.equal(0), te.var("n").equal(0), te.const(1) == 1, True):
        with pytest.raises(ScheduleError, match="is not about threads of a reduction alone; write"):
            s[B].set_store_predicate(predicate)


def test_schedules_are_those_of_texpr(sums):
    s, A, B = sums
    assert isinstance(s, texpr.Schedule)
    assert type(s.normalize()) is type(s.copy()) is te.Schedule
    assert isinstance(s[B], te.Stage)
    assert isinstance(s.stages[0], te.Stage)
    assert texpr.build(s, [A, B])(np.ones((6, 5), "float32")).tolist() == [5] * 6
    copy = s.copy()
    copy[B].bind("i", te.thread_axis("blockIdx.x"))
    assert "parallel" in str(copy)
    assert "parallel" not in str(s)
    assert "parallel" not in str(copy.undo())
    assert te.create_schedule(B.op, fp="exact").declared.float_policy.order == "exact"


def test_extents_that_are_floats():
    assert te.compute((64 / 32,), lambda i: i).shape[0].value == 2
    assert te.compute(6 / 3, lambda i: i).shape[0].value == 2
    for extent in (4.5, float("nan"), float("inf")):
        with pytest.raises(ShapeError, match=f"an extent is {extent}, which is not whole; divide"):
            te.compute((extent,), lambda i: i)
