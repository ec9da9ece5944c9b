"""Thousands of states on one declaration, and thousands of stages: what is kept, what is asked."""

from __future__ import annotations

import gc
import weakref

import pytest

from texpr import te
from texpr.polyhedral.context import Analysis, Unknown
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.kept import Kept
from texpr.schedule.judges import judge_of


def blurred():
    A = te.placeholder((34, 34), name="A")
    B = te.compute((34, 32), lambda y, x: A[y, x] + A[y, x + 2], name="B")
    r = te.reduce_axis((0, 3), name="r")
    C = te.compute((32, 32), lambda y, x: te.sum(B[y + r, x], axis=r), name="C")
    return te.create_schedule(C.op)


def tables_of(s):
    """Every table that the declaration of ``s`` and its judges keep."""
    found = []
    for declared in s.state.declared.and_before:
        found += [declared.nests, declared.parts, declared.footprints, declared.judges]
        found.append(declared.init_vars)
        for judge in declared.judges.values():
            analysis = judge.scop.analysis
            found += [judge._asked, judge._counted, analysis.geometries, analysis.parameters]
    return found


@pytest.fixture
def small_tables(monkeypatch):
    """Tables keep no more than some answers, whatever they were made for."""

    def limit_to(count):
        def set_item(table, key, value):
            dict.__setitem__(table, key, value)
            if len(table) > min(count, table.limit):
                del table[next(iter(table))]

        monkeypatch.setattr(Kept, "__setitem__", set_item)

    return limit_to


def search(s, count):
    """Try ``count`` schedules on one declaration, as a tuner does."""
    for k in range(count):
        one = s.copy()
        y_o, y_i = one["C"].split("y", factor=2 + k % 7)
        one["B"].compute_at(one["C"], y_o)
        one["C"].reorder(y_i, "x", "r") if k % 2 else one["C"].unroll("r")
        one["C"].vectorize("x")
        yield one


def test_a_search_keeps_no_more_than_the_tables_bounds(small_tables):
    small_tables(20)
    s = blurred()
    axes = []
    for one in search(s, 40):
        axes.append(weakref.ref(one["C"].loops[0]))
        assert max(map(len, tables_of(one))) <= 20
    assert sum(len(table) == 20 for table in tables_of(s)) >= 5  # most were full early on
    del one
    gc.collect()
    # Of the schedules that were thrown away only the last ones' answers are held.
    assert sum(axis() is not None for axis in axes) < 20


@pytest.mark.parametrize("room", [1, 5])
def test_what_is_forgotten_is_asked_again(small_tables, room):
    wanted = [str(one) for one in search(blurred(), 6)]
    small_tables(room)
    s = blurred()
    assert [str(one) for one in search(s, 6)] == wanted
    assert s["C"].why_not("parallel", "r").fault == "parallel"
    s["C"].parallel("y")
    assert s["C"].why_not("vectorize", "r") is None
    assert s["C"].why_not("parallel", "r").fault == "parallel"
    assert max(map(len, tables_of(s))) <= room


def test_every_table_has_a_bound():
    s = blurred()
    s["B"].compute_at(s["C"], "y")
    s.cache_read("A", "local", ["B"])
    s["C"].split("y", 4)
    assert all(isinstance(table, Kept) and table.limit < 10_000 for table in tables_of(s))


def test_sets_of_inlined_stages_share_a_bounded_number_of_judges():
    A = te.placeholder((8,), name="A")
    chain = [A]
    for k in range(6):
        chain.append(te.compute((8,), lambda i: chain[-1][i] + 1, name=f"T{k}"))
    s = te.create_schedule(chain[-1].op)
    limit = s.state.declared.judges.limit
    for chosen in range(1 << 5):
        one = s.copy()
        for k in range(5):
            if chosen >> k & 1:
                one[f"T{k}"].compute_inline()
        one["T5"].split("i", factor=2)
        judge_of(one.state)
    assert limit < 1 << 5
    assert len(s.state.declared.judges) == limit


# ---------------------------------------------------------------- many stages


def chained(count):
    n = te.size_var("n")
    stages = [te.placeholder((n,), name="A")]
    for k in range(count):
        stages.append(te.compute((n,), lambda i: stages[-1][i] + 1, name=f"T{k}"))
    return te.create_schedule(stages[-1].op), stages[1:]


def test_the_budget_is_for_a_question_and_not_for_a_program():
    operations = 4_000
    for count in (3, 60):
        s, stages = chained(count)
        declared = s.program
        s[stages[-1]].parallel("i")
        judge = Judge(declared, Analysis(operations))
        assert judge.first_fault(s.program) is None
    # All together cost more than that.
    whole = Judge(declared, Analysis(operations))
    whole.scop.analysis.renew = lambda: None
    assert isinstance(whole.scop.analysis.ask(lambda: whole.dependences.all), Unknown)


def test_a_thousand_stages():
    s, stages = chained(1_000)
    for k in range(0, 900, 2):
        s[stages[k]].compute_inline()
    i_o, _ = s[stages[-1]].split("i", factor=8)
    s[stages[-1]].parallel(i_o)
    for k in range(-2, -6, -1):
        s[stages[k]].compute_at(s[stages[-1]], i_o)
    s[stages[-2]].vectorize("i")
    text = str(s)
    assert text.count("empty((8,), float32)") == 4
    assert text.count("for i in range(n):") == 1_000 - 450 - 5
    assert s[stages[-3]].why_not("parallel", "i") is None
