"""Schedules made with ``judged=False``: the same states, judged once as a whole."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import texpr
from tests.strategies import equal_values, holds_floats
from tests.te_programs import Case, schedule_at_random, te_programs
from texpr import te
from texpr.bind import bind_arguments
from texpr.errors import IllegalScheduleError, ScheduleError
from texpr.ir.dtypes import as_dtype
from texpr.ir.interpreter import interpret
from texpr.polyhedral.judge import Judge
from texpr.schedule import schedule as schedule_module

N = texpr.size("N")


@texpr.kernel
def late(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        B[i] = A[i]
    for j in range(N):
        A[j] = 0.0
    for k in range(N):
        B[k] = B[k] + A[k]


def row_sums(judged=False):
    A = te.placeholder((8, 8), name="A")
    k = te.reduce_axis((0, 8), name="k")
    B = te.compute((8,), lambda i: te.sum(A[i, k], axis=k), name="B")
    return te.create_schedule(B.op, judged=judged), B


@pytest.fixture
def asked(monkeypatch):
    """What is realised and judged from here on."""
    calls = []

    def counted(name, run):
        def call(*args, **named):
            calls.append(name)
            return run(*args, **named)

        return call

    realise = counted("realise", schedule_module.realise)
    monkeypatch.setattr(schedule_module, "realise", realise)
    monkeypatch.setattr(Judge, "first_fault", counted("judge", Judge.first_fault))
    return calls


def test_nothing_is_realised_or_judged_till_a_build_asks_once(asked):
    s, B = row_sums()
    s.cache_write(B, "local")
    s["B_local"].compute_at(s[B], "i")
    s[B].split("i", factor=4)
    s[B].parallel("i_o")
    assert asked == []
    texpr.build(s)
    assert asked == ["realise", "judge"]
    texpr.build(s)
    s.judge()
    assert asked == ["realise", "judge"]


def test_what_was_judged_elsewhere_is_not_judged_again(asked):
    s, B = row_sums()
    s[B].parallel("k")
    assert "parallel" in str(texpr.lower(s, judged=True))
    assert texpr.build(s, judged=True).trace == s.trace
    assert asked == ["realise"]
    with pytest.raises(IllegalScheduleError, match=r"s\[B\].parallel\(k\) would change"):
        texpr.build(s)
    with pytest.raises(IllegalScheduleError, match=r"s\[B\].parallel\(k\) would change"):
        texpr.lower(s)


def test_the_refusal_is_that_of_a_judged_schedule_at_the_primitive_that_did_it():
    def steps(s):
        s["B"].split("i", factor=4)
        s["B"].vectorize("i_i")
        s["B"].parallel("k")
        s["B"].unroll("i_o")

    s, _ = row_sums()
    steps(s)
    with pytest.raises(IllegalScheduleError) as later:
        s.judge()
    with pytest.raises(IllegalScheduleError) as at_once:
        steps(row_sums(judged=True)[0])
    assert str(later.value) == str(at_once.value)
    assert str(later.value).startswith("s[B].parallel(k) would change the result")
    assert len(s.trace) == 4
    s.undo().undo().judge()


def test_what_is_mended_later_is_legal():
    s = texpr.create_schedule(recurrence, judged=False)
    s["S0"].reorder("j", "i")
    with pytest.raises(IllegalScheduleError, match=r"s\[S0\].reorder\(j, i\)"):
        s.copy().judge()
    s["S0"].reorder("i", "j")
    assert str(s.judge()) == str(texpr.create_schedule(recurrence))


@texpr.kernel
def recurrence(A: texpr.f64[N, N]):
    for i in range(1, N):
        for j in range(N - 1):
            A[i, j] = A[i - 1, j + 1]


def test_every_rewrite_of_values_is_judged():
    s = texpr.create_schedule(late, judged=False)
    s.cache_read("A", "local", ["S0", "S2"])
    s["S0"].split("i", factor=4)
    with pytest.raises(IllegalScheduleError, match=r"the cache is filled before S1"):
        s.judge()
    with pytest.raises(IllegalScheduleError, match=r"the cache is filled before S1"):
        texpr.build(s)


def test_loops_that_cannot_run_are_refused_by_the_build():
    n = te.size_var("n")
    A, at = te.placeholder((n,), name="A"), te.placeholder((n,), "int64", name="at")
    B = te.compute((n,), lambda i: A[i], name="B")
    C = te.compute((n,), lambda i: B[at[i]], name="C")
    s = te.create_schedule(C.op, judged=False)
    s[B].compute_at(s[C], "i")
    s[B].unroll("i")
    message = r"unroll: loop 'i' is unrolled and would run n times, which is known only at run time"
    with pytest.raises(ScheduleError, match=message):
        texpr.build(s)


def test_arguments_are_checked_all_the_same():
    s, B = row_sums()
    with pytest.raises(ScheduleError, match=r"split: factor 0 of loop 'i' \(extent 8\)"):
        s[B].split("i", factor=0)
    assert len(s.trace) == 0


def test_a_judged_schedule_judges_what_was_not():
    s, B = row_sums()
    s[B].parallel("k")
    s.judged = True
    with pytest.raises(IllegalScheduleError):
        s[B].unroll("i")


def test_why_not_asks_the_judge():
    s, B = row_sums()
    assert s[B].why_not("parallel", "k").fault == "parallel"
    assert s[B].why_not("parallel", "i") is None
    s[B].parallel("k")
    assert s[B].why_not("unroll", "i").fault == "parallel"
    assert len(s.trace) == 1


def test_undo_and_copies_know_what_was_judged(asked):
    s, B = row_sums()
    s[B].split("i", factor=4)
    s[B].unroll("i_i")
    s.judge()
    other = s.copy()
    other.judge()
    assert asked == ["realise", "judge"]
    s.undo().judge()  # that state never was
    assert asked == ["realise", "judge"] * 2


def test_pickled_it_is_judged_later_still():
    s, B = row_sums()
    s[B].parallel("k")
    again = pickle.loads(pickle.dumps(s))
    assert not again.judged
    with pytest.raises(IllegalScheduleError):
        again.judge()


@given(te_programs(), st.integers(0, 1 << 30), st.integers(1, 8))
@settings(max_examples=100)
def test_a_replay_without_the_judge_leads_to_the_same_state(
    case: Case, seed: int, count: int
) -> None:
    s = case.schedule()
    schedule_at_random(s, seed, count)
    replayed = s.trace.replay(te.create_schedule(case.outputs, judged=False))
    assert replayed.trace == s.trace
    assert str(replayed) == str(s)
    assert str(replayed.judge()) == str(s)


@given(te_programs(), st.integers(0, 1 << 30), st.integers(1, 8))
@settings(max_examples=100)
def test_what_is_judged_as_a_whole_computes_the_same(case: Case, seed: int, count: int) -> None:
    s = te.create_schedule(case.outputs, judged=False)
    schedule_at_random(s, seed, count)
    try:
        s.judge()
    except ScheduleError:
        event("refused")
        return
    event("accepted")
    results = []
    for one in (case.schedule(), s):
        outputs = case.fresh_outputs()
        interpret(bind_arguments(one.program, case.args()), *case.arrays.values(), *outputs)
        results.append(outputs)
    for declared, scheduled in zip(*results, strict=True):
        if holds_floats(declared):  # a reduction may have got another order
            rtol = max(1e-4, 4 * 2.0 ** -as_dtype(declared.dtype).digits)
            one, other = declared.astype("float64"), scheduled.astype("float64")
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-4, err_msg=str(s))
        else:
            assert equal_values(declared, scheduled), str(s)
