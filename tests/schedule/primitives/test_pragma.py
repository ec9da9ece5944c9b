"""``pragma``: how a loop runs, in a word."""

from __future__ import annotations

import re

import pytest

from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.schedule import Trace

CHUNKS = ["static", "static, 1", "static, 3", "dynamic, 1", "dynamic, 4", "dynamic, 100"]


def table(n=5, m=8):
    A = te.placeholder((n, m), "int32", name="A")
    return A, te.compute((n, m), lambda i, j: A[i, j] * 2 + i, name="B")


def test_golden(golden):
    A, B = table()
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    s[B].parallel("j")
    before = str(s)
    s[B].pragma("i", "parallel_schedule", "dynamic, 4")
    golden(story(before, s), "primitive_pragma")
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7, 101])
def test_every_way_to_share(size, chunks):
    A, B = table(size, 3)
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    s[B].pragma("i", "parallel_schedule", chunks)
    check_readings(s, [B], {A: filled(size, 3, dtype="int32")})


def test_tvms_stride_pattern_deals_single_iterations_out():
    A, B = table()
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    s[B].pragma("i", "parallel_stride_pattern")
    assert 'for i in parallel(5, schedule="static, 1"):' in str(s)
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


def test_there_is_a_barrier_after_every_parallel_loop():
    _, B = table()
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    before = str(s)
    s[B].pragma("i", "parallel_barrier_when_finish")
    assert str(s) == before


@pytest.mark.parametrize(("word", "kind"), [("unroll", "unrolled"), ("vectorize", "vectorized")])
def test_primitives_by_their_names(word, kind):
    A, B = table()
    s = te.create_schedule(B.op)
    s[B].pragma("j", word)
    assert f"for j in {kind}(8):" in str(s)
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


def test_a_trace_keeps_it():
    _, B = table()
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    s.pragma("i", "parallel_schedule", "static, 2")
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(B.op))
    assert 'parallel(5, schedule="static, 2")' in str(again)
    assert "B.pragma(i, pragma_type='parallel_schedule', pragma_value='static, 2')" in str(s.trace)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("parallel_schedule", "static, 2"),
            (
                "pragma: 'parallel_schedule' is for a parallel loop, and 'j' is none; "
                "call s[B].parallel(j) first"
            ),
        ),
        (
            ("parallel_shedule", "static"),
            (
                "pragma: no pragma 'parallel_shedule' of loop 'j'; "
                "did you mean 'parallel_schedule'?; the pragmas are parallel_schedule, "
            ),
        ),
        (
            ("parallel_schedule",),
            "pragma: 'parallel_schedule' of loop 'j' was given no value; write 'static, 4' or",
        ),
        (
            ("unroll", 3),
            "pragma: 'unroll' of loop 'j' was given the value 3; leave it out",
        ),
        (
            ("parallel_launch_point",),
            (
                "pragma: 'parallel_launch_point' of loop 'j' is not taken: the threads are kept "
                "between loops, and no loop need start them; mark the loop itself with "
                "s[B].parallel(j)"
            ),
        ),
        (
            ("auto_unroll_max_step", 16),
            "pragma: 'auto_unroll_max_step' of loop 'j' is not taken: LLVM decides that by itself",
        ),
        ((None,), "pragma: None is no word; pass one such as 'parallel_schedule'"),
        ((["unroll"],), "pragma: ['unroll'] is no word; pass one such as 'parallel_schedule'"),
    ],
)
def test_refusals(args, message):
    _, B = table()
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=re.escape(message)):
        s[B].pragma("j", *args)
    assert str(s) == before


def test_a_schedule_that_says_nothing():
    _, B = table()
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    with pytest.raises(
        ScheduleError, match=r"pragma: parallel_schedule: 'guided' says not how to share the iter"
    ):
        s[B].pragma("i", "parallel_schedule", "guided")
