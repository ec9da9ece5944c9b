"""What a refusal says, word for word, and what its fields hold."""

from __future__ import annotations

import re

import pytest

import texpr
from texpr.errors import IllegalScheduleError
from texpr.polyhedral.judge import Judge
from texpr.polyhedral.verdict import verdict_on

N = texpr.size("N")


@texpr.kernel
def matmul(A: texpr.f64[N, N], B: texpr.f64[N, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            for k in range(N):
                C[i, j] += A[i, k] * B[k, j]


@texpr.kernel
def seidel(T: texpr.size, A: texpr.f64[N, N]):
    for t in range(T):  # noqa: B007 - a time loop
        for i in range(1, N - 1):
            for j in range(1, N - 1):
                A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1]) / 4.0


@texpr.kernel
def two(A: texpr.f64[N], B: texpr.f64[N], C: texpr.f64[N]):
    for i in range(1, N):
        A[i] = B[i] + 1
        C[i] = A[i - 1] * 2


@texpr.kernel
def scatter(A: texpr.f64[N], idx: texpr.i32[N]):
    for i in range(N):
        A[idx[i]] = A[i] * 2


def refusal(kernel, stage, primitive, *loops, **values):
    """Return the verdict and its text, with line numbers and runs of blanks taken out."""
    s = texpr.create_schedule(kernel)
    with pytest.raises(IllegalScheduleError) as caught:
        getattr(s[stage], primitive)(*loops, **values)
    assert str(caught.value) == str(caught.value.verdict)
    lines = [re.sub(r"(?<=\S) {2,}", "  ", line) for line in str(caught.value).splitlines()]
    return caught.value.verdict, [re.sub(r"\.py:\d+$", ".py:LINE", line) for line in lines]


def test_parallel_over_a_reduction():
    verdict, lines = refusal(matmul, "S0", "parallel", "k")
    assert lines == [
        "s[S0].parallel(k) would change the result",
        "    C[i, j] += A[i, k]*B[k, j]  test_verdict.py:LINE",
        (
            "  with N=2: instance (i=0, j=0, k=1) reads C[0, 0], which instance (i=0, j=0, k=0) "
            "writes (flow dependence);"
        ),
        (
            "  the declared order runs (i=0, j=0, k=0) first; in parallel over k nothing "
            "says which "
            "comes first."
        ),
        "  legal here: parallel(i); parallel(j)",
    ]
    assert (verdict.what, verdict.kind) == ("s[S0].parallel(k)", "illegal")
    assert (verdict.fault, verdict.dependence, verdict.loop) == ("parallel", "flow", "k")
    assert verdict.source.values == {"i": 0, "j": 0, "k": 0}
    assert verdict.sink.values == {"i": 0, "j": 0, "k": 1}
    assert (verdict.cell, verdict.sizes, verdict.reason) == ("C[0, 0]", {"N": 2}, None)
    assert verdict.legal == ("parallel(i)", "parallel(j)")


def test_reorder_of_a_time_loop():
    verdict, lines = refusal(seidel, "S0", "reorder", "i", "t")
    assert lines == [
        "s[S0].reorder(i, t) would change the result",
        (
            "    A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1])/4.0"
            "  test_verdict.py:LINE"
        ),
        (
            "  with T=2, N=4: instance (t=1, i=1, j=1) reads A[2, 1], which instance (t=0, "
            "i=2, j=1) "
            "writes (flow dependence);"
        ),
        (
            "  the declared order runs (t=0, i=2, j=1) first; the proposed order runs "
            "(t=1, i=1, j=1) first."
        ),
    ]
    assert (verdict.fault, verdict.loop, verdict.legal) == ("order", None, ())
    assert verdict.sizes == {"T": 2, "N": 4}


def test_two_statements():
    verdict, lines = refusal(two, "S1", "parallel", "i")
    assert lines == [
        "s[S1].parallel(i) would change the result",
        "    A[i] = B[i] + 1.0  test_verdict.py:LINE",
        "    C[i] = A[i - 1]*2.0  test_verdict.py:LINE",
        "  with N=3: instance S1(i=2) reads A[1], which instance S0(i=1) writes (flow dependence);",
        (
            "  the declared order runs S0(i=1) first; in parallel over i nothing says which comes "
            "first."
        ),
    ]
    assert (verdict.source.label, verdict.sink.label) == ("S0", "S1")
    line = int(verdict.source.location.rpartition(":")[2])
    assert verdict.sink.location == f"test_verdict.py:{line + 1}"


def test_what_is_data_cannot_be_decided():
    verdict, lines = refusal(scatter, "S0", "parallel", "i")
    assert lines == [
        "s[S0].parallel(i) may change the result",
        "    A[int64(idx[i])] = A[i]*2.0  test_verdict.py:LINE",
        "  with N=2: instance (i=1) reads A[1], which instance (i=0) writes (flow dependence);",
        "  the declared order runs (i=0) first; in parallel over i nothing says which comes first.",
        "  it cannot be decided, because idx[i] is read from memory",
    ]
    assert (verdict.kind, verdict.reason) == ("unknown", "idx[i] is read from memory")


def test_lanes_name_their_loop():
    verdict, lines = refusal(seidel, "S0", "vectorize", "j", lanes=4)
    assert lines[0] == "s[S0].vectorize(j, lanes=4) would change the result"
    assert lines[-1].endswith("the lanes of j_i run both at once.")
    assert (verdict.loop, verdict.sizes) == ("j_i", {"T": 1, "N": 4})


def test_why_not_says_the_same_and_changes_nothing():
    s = texpr.create_schedule(two)
    before = str(s)
    verdict = s["S1"].why_not("parallel", "i")
    assert verdict == refusal(two, "S1", "parallel", "i")[0]
    assert str(s) == before
    assert len(s.state.trace) == 0
    assert s["S1"].why_not("split", "i", factor=4) is None


def test_nothing_to_decide():
    verdict = texpr.create_schedule(two)["S1"].why_not("split", "i", factor=0)
    assert verdict.kind == "impossible"
    assert str(verdict) == verdict.reason
    assert verdict.reason.startswith("split: factor 0 of loop 'i'")


def test_a_budget_that_does_not_suffice_is_unknown():
    s = texpr.create_schedule(seidel)
    judge = Judge(s.declared)
    assert list(judge.dependences)
    s["S0"].split("i", factor=4)
    assert Judge(s.declared).first_fault(s.program) is None
    judge.scop.analysis.max_operations = 5
    finding = judge.first_fault(s.program)
    assert finding is not None
    assert not finding.is_certain
    verdict = verdict_on(judge, finding, "this")
    assert str(verdict).splitlines() == [
        "this may change the result",
        "  it cannot be decided, because isl gave up after 5 operations",
    ]
    assert (verdict.kind, verdict.sizes) == ("unknown", None)
