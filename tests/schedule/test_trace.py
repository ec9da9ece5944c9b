"""Traces: printed as Python, kept as JSON, replayed on another schedule."""

from __future__ import annotations

import json

import pytest

from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule import Trace


def matmul(n=16, names="ABC"):
    a, b, c = names
    A, B = te.placeholder((n, n), name=a), te.placeholder((n, n), name=b)
    k = te.reduce_axis((0, n), name="k")
    C = te.compute((n, n), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name=c)
    return te.create_schedule(C.op)


def tuned():
    s = matmul()
    i, j, k = s["C"].loops
    i_o, j_o, i_i, j_i = s["C"].tile(i, j, 4, 8)
    k_o, k_i = s["C"].split(k, factor=4)
    s["C"].reorder(i_o, j_o, k_o, k_i, i_i, j_i)
    s["C"].vectorize(j_i)
    s["C"].unroll(i_i)
    s["C"].fuse(i_o, j_o)
    return s


def test_golden(golden):
    golden(str(tuned().trace), "trace_of_a_matmul")


def test_python_json_and_replay_lead_to_the_same_program():
    s = tuned()
    assert str(s.trace.replay(matmul())) == str(s)
    again = Trace.from_json(s.trace.to_json())
    assert again == s.trace
    assert str(again.replay(matmul())) == str(s)
    names = {}
    exec(str(s.trace), names)
    assert str(matmul().apply(names["schedule"])) == str(s)


def test_a_trace_fits_another_size_and_says_where_it_does_not():
    trace = tuned().trace
    assert "range(7)" not in str(trace.replay(matmul(100)))
    with pytest.raises(ScheduleError, match=r"schedule: no stage 'C'; the stages are F"):
        trace.replay(matmul(names="DEF"))
    A = te.placeholder((4,), name="A")
    C = te.compute((4,), lambda x: A[x], name="C")
    with pytest.raises(ScheduleError, match=r"tile: stage 'C' has no loop 'i'; its loops are x"):
        trace.replay(te.create_schedule(C.op))


def test_without_primitives():
    trace = matmul().trace
    assert len(trace) == 0
    assert str(trace) == "def schedule(s):\n    pass"
    assert str(trace.replay(matmul())) == str(matmul())
    assert Trace.from_json(trace.to_json()) == trace


def test_python_names_of_loops_and_stages_do_not_meet():
    """Loops called as a stage, as the schedule, and as a loop made from others."""
    A = te.placeholder((4, 4), name="A")
    s_ = te.compute((4, 4), lambda s, o: A[s, o], name="s")
    x = te.compute((4, 4), lambda x, o: s_[x, o], name="x")
    x_o = te.compute((4, 4), lambda i, s: x[i, s], name="x_o")

    def fresh():
        return te.create_schedule(x_o.op)

    sch = fresh()
    sch[s_].split("s", factor=2)
    sch[x].split("x", factor=2)
    sch[x].unroll("o")
    sch[x].unroll("x_o")
    sch[x_o].split("s", nparts=2)
    sch[x_o].reorder("s_o", "i")
    names = {}
    exec(str(sch.trace), names)
    assert str(fresh().apply(names["schedule"])) == str(sch)


def test_axes_of_one_name():
    A = te.placeholder((3, 4), name="A")
    first, second = te.reduce_axis((0, 3)), te.reduce_axis((0, 4))
    B = te.compute((2,), lambda i: te.sum(A[first, second] + i, axis=[first, second]), name="B")
    s = te.create_schedule(B.op)
    s[B].reorder(second, first)
    s[B].split(second, factor=3)
    assert [axis.name for axis in s[B].loops] == ["i", "rv_1_o", "rv_1_i", "rv"]
    assert str(s.trace.replay(te.create_schedule(B.op))) == str(s)


def test_loops_that_got_their_variables_later_go_by_their_names():
    """``unroll(loop, factor)`` returns none, and what is partitioned gives them to its parts."""

    def fresh():
        A = te.placeholder((32,), name="A")
        return te.create_schedule(te.compute((32,), lambda i: A[i] + 1, name="B").op)

    s = fresh()
    s["B"].unroll("i", factor=4)
    s["B"].loop_partition("i_o", points=[1, -1])
    s["B_1"].split("i_o_1", 2)
    assert "B.loop_partition('i_o', points=[1, -1])" in str(s.trace)
    names = {}
    exec(str(s.trace), names)
    assert str(fresh().apply(names["schedule"])) == str(s)


def test_steps_print_as_they_were_called():
    s = matmul()
    s["C"].split("i", factor=4)
    s["C"].fuse("j", "k")
    assert [*map(str, s.trace.steps)] == ["s[C].split(i, factor=4)", "s[C].fuse(j, k)"]


BAD = {
    "no JSON": "split(i)",
    "another JSON": "{}",
    "a list": "[1, 2]",
    "a step that is none": '{"texpr_trace": 1, "root_loops": {}, "steps": [3]}',
    "nothing": None,
}


@pytest.mark.parametrize("case", BAD)
def test_text_that_is_no_trace(case):
    with pytest.raises(
        ScheduleError, match=r"trace: the text is no trace; pass what Trace.to_json returned"
    ):
        Trace.from_json(BAD[case])


def test_a_newer_version():
    table = json.loads(tuned().trace.to_json())
    with pytest.raises(
        ScheduleError, match=r"trace: version 2 is newer than this texpr, which reads 1; update"
    ):
        Trace.from_json(json.dumps({**table, "texpr_trace": 2}))


@pytest.mark.parametrize("name", ["spilt", "loop", "__init__"])
def test_a_trace_calls_primitives_only(name):
    table = json.loads(tuned().trace.to_json())
    table["steps"][1]["primitive"] = name
    trace = Trace.from_json(json.dumps(table))
    with pytest.raises(ScheduleError, match=rf"schedule: no primitive '{name}'.*; the primitives"):
        trace.replay(matmul())
