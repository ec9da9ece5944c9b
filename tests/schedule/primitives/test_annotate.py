"""``annotate``: notes on loops and stages, which change nothing."""

from __future__ import annotations

import pickle
import re

import pytest

import texpr
from tests.readings import check_readings, filled, story
from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.program import Block, Loop, stmts
from texpr.schedule import Trace


def table(n=5, m=8):
    A = te.placeholder((n, m), "int32", name="A")
    return A, te.compute((n, m), lambda i, j: A[i, j] * 2 + i, name="B")


def notes(s):
    found = {}
    for stmt in stmts(s.program.body):
        if isinstance(stmt, Loop) and stmt.annotations:
            found[stmt.var.name] = dict(stmt.annotations)
        if isinstance(stmt, Block) and stmt.annotations:
            found[stmt.label] = dict(stmt.annotations)
    return found


def test_golden(golden):
    A, B = table()
    s = te.create_schedule(B.op)
    before = str(s)
    s[B].annotate("i", "mine.tile", "outer, 4")
    s[B].annotate(B.op.axis[1], "depth", 2)
    s[B].annotate("j", "hot")
    s[B].annotate(key="weight", value=0.5)
    golden(story(before, s), "primitive_annotate")
    assert notes(s) == {
        "i": {"mine.tile": "outer, 4"},
        "j": {"depth": 2, "hot": True},
        "B": {"weight": 0.5},
    }
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


def test_a_schedule_finds_the_loop_or_the_stage():
    _, B = table()
    s = te.create_schedule(B.op)
    s.annotate("i", "a", 1)
    s.annotate(B.op.axis[1], "b", 2)
    s.annotate(B, "c", 3)
    s.annotate("B", "d", 4)
    assert notes(s) == {"i": {"a": 1}, "j": {"b": 2}, "B": {"c": 3, "d": 4}}


def test_a_later_value_replaces_an_earlier_one():
    _, B = table()
    s = te.create_schedule(B.op)
    s[B].annotate("i", "a", 1)
    s[B].annotate("i", "b", 2)
    s[B].annotate("i", "a", False)
    assert notes(s) == {"i": {"a": False, "b": 2}}
    assert notes(s.undo()) == {"i": {"a": 1, "b": 2}}


def test_the_outer_part_of_a_split_and_a_fused_loop_keep_them():
    A, B = table()
    s = te.create_schedule(B.op)
    s[B].annotate("i", "a", 1)
    s[B].annotate("j", "a", 2)
    s[B].annotate("j", "b", 3)
    s[B].split("i", 2)
    assert notes(s) == {"i_o": {"a": 1}, "j": {"a": 2, "b": 3}}
    s[B].reorder("j", "i_o", "i_i")
    assert notes(s) == {"i_o": {"a": 1}, "j": {"a": 2, "b": 3}}
    s[B].fuse("j", "i_o")
    assert notes(s) == {"j_i_o": {"a": 2, "b": 3}}
    s[B].parallel("j_i_o")
    assert notes(s) == {"j_i_o": {"a": 2, "b": 3}}
    check_readings(s, [B], {A: filled(5, 8, dtype="int32")})


def test_the_data_loops_of_an_initialisation_have_none():
    A, k = table()[0], te.reduce_axis((0, 8), name="k")
    B = te.compute((5,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].reorder(k, "i")
    s[B].annotate("i", "a")
    assert str(s).count("a=True") == 1


def test_machine_code_is_the_same_with_and_without():
    A, B = table()
    s, t = te.create_schedule(B.op), te.create_schedule(B.op)
    s[B].annotate("i", "schedule_of_mine", "dynamic")
    s[B].annotate(key="a")
    assert texpr.build(s, [A, B]).llvm == texpr.build(t, [A, B]).llvm


def test_traces_and_pickles_keep_them():
    _, B = table()
    s = te.create_schedule(B.op)
    s[B].annotate("i", "a", "x")
    s[B].annotate(key="b", value=2)
    again = Trace.from_json(s.trace.to_json()).replay(te.create_schedule(B.op))
    loaded = pickle.loads(pickle.dumps(s))
    assert notes(again) == notes(loaded) == notes(s) == {"i": {"a": "x"}, "B": {"b": 2}}
    assert "B.annotate(i, key='a', value='x')" in str(s.trace)
    assert "B.annotate(key='b', value=2)" in str(s.trace)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("i", ""),
            "annotate: the key '' is no word of letters, digits and any of _ . : / -; pass",
        ),
        (("i", "two words"), "annotate: the key 'two words' is no word of letters"),
        (("i", 3), "annotate: the key 3 is no word of letters"),
        (("i",), "annotate: the key '' is no word"),
        (
            ("i", "schedule", "dynamic"),
            (
                "annotate: 'schedule' says how threads share a loop; call "
                "s[B].pragma(i, 'parallel_schedule', …)"
            ),
        ),
        (
            ("i", "a", [1, 2]),
            (
                "annotate: the value [1, 2] of 'a' is no string, number or bool, which are what a "
                "trace keeps; put it into words"
            ),
        ),
        (("z", "a"), "annotate: stage 'B' has no loop 'z'; its loops are i, j"),
    ],
)
def test_refusals(args, message):
    _, B = table()
    s = te.create_schedule(B.op)
    before = str(s)
    with pytest.raises(ScheduleError, match=re.escape(message)):
        s[B].annotate(*args)
    assert str(s) == before


def test_what_is_neither_a_loop_nor_a_stage():
    _, B = table()
    s = te.create_schedule(B.op)
    with pytest.raises(ScheduleError, match=r"schedule: no stage 'C'; the stages are B"):
        s.annotate("C", "a")
