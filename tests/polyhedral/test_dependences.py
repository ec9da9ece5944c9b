"""Which pairs depend on each other, exactly; which are links of a reduction."""

from __future__ import annotations

import islpy as isl
import pytest

import texpr
from texpr.polyhedral.dependences import Dependences
from texpr.polyhedral.scop import Scop

N = texpr.size("N")


@texpr.kernel
def shift(A: texpr.f64[N + 1], B: texpr.f64[N + 1]):
    for i in range(N):
        A[i] = B[i]
        B[i + 1] = A[i + 1]


@texpr.kernel
def last_wins(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        A[i // 2] = B[i]


@texpr.kernel
def total(A: texpr.f64[N], S: texpr.f64[1]):
    for i in range(N):
        S[0] += A[i]


@texpr.kernel
def left(A: texpr.f64[N], S: texpr.f64[1]):
    for i in range(N):
        S[0] -= A[i]


@texpr.kernel
def largest(A: texpr.f64[N], S: texpr.f64[1]):
    for i in range(N):
        S[0] = max(S[0], A[i])


@texpr.kernel
def smallest(A: texpr.f64[N], S: texpr.f64[1]):
    for i in range(N):
        S[0] = min(A[i], S[0])


@texpr.kernel
def count(A: texpr.i64[N], S: texpr.i64[1]):
    for i in range(N):
        S[0] += A[i]


@texpr.kernel
def reads_itself(S: texpr.i64[4]):
    for i in range(4):
        S[0] += S[i]


@texpr.kernel
def private(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        t = texpr.empty((1,), "float64")
        for j in range(3):
            t[0] = A[i] * j
            B[i] = t[0]


def dependences(kernel, fp=None):
    return Dependences(Scop.of(texpr.create_schedule(kernel, fp).program))


def table(kernel):
    """Every kind of dependence with its statements, array and pairs, united."""
    found: dict[tuple[str, str], isl.UnionMap] = {}
    for one in dependences(kernel):
        assert one.missing is None
        key = (one.kind, one.buffer.name)
        pairs = isl.UnionMap.from_map(one.pairs)
        found[key] = found[key].union(pairs) if key in found else pairs
    return found


def same(found, text):
    return found.is_equal(isl.UnionMap(text, found.get_ctx()))


def test_flow_and_anti_exactly():
    found = table(shift)
    assert set(found) == {("flow", "B"), ("anti", "A")}
    assert same(found["flow", "B"], "[N] -> {S1[i] -> S0[i + 1]: 0 <= i < N - 1}")
    assert same(found["anti", "A"], "[N] -> {S1[i] -> S0[i + 1]: 0 <= i < N - 1}")


def test_output_exactly():
    found = table(last_wins)
    assert set(found) == {("output", "A")}
    wanted = "[N] -> {S0[i] -> S0[i + 1]: i mod 2 = 0 and 0 <= i < N - 1}"
    assert same(found["output", "A"], wanted)


def test_all_pairs_of_a_chain_not_only_neighbours():
    found = table(total)
    assert set(found) == {("flow", "S"), ("anti", "S"), ("output", "S")}
    for pairs in found.values():
        assert same(pairs, "[N] -> {S0[i] -> S0[j]: 0 <= i < j < N}")


def test_flow_comes_first():
    assert [one.kind for one in dependences(total)] == ["flow", "anti", "output"]


@pytest.mark.parametrize(
    ("kernel", "fp", "chain"),
    [
        (total, "exact", None),
        (total, "reassoc", "add"),
        (total, "fast", "add"),
        (left, "exact", None),
        (left, "reassoc", "add"),
        (largest, "exact", "max"),
        (smallest, "exact", "min"),
        (count, "exact", "add"),
        (reads_itself, "reassoc", None),
    ],
)
def test_whose_order_is_free(kernel, fp, chain):
    found = dependences(kernel, fp)
    assert {one.chain for one in found if one.kind in ("anti", "output")} == {chain}


def test_private_scratch_flows_by_value():
    flows = [one for one in dependences(private) if one.kind == "flow"]
    (flow,) = (one for one in flows if one.buffer.name == "t")
    # From the write just before: what an earlier j wrote is overwritten.
    wanted = "[N] -> {S0[i, j] -> S1[i, j]: 0 <= i < N and 0 <= j < 3}"
    assert same(isl.UnionMap.from_map(flow.pairs), wanted)


def test_private_scratch_of_two_iterations_never_meets():
    for one in dependences(private):
        if one.buffer.name == "t":
            plain = one.pairs.reset_tuple_id(isl.dim_type.in_).reset_tuple_id(isl.dim_type.out)
            distance = plain.deltas().plain_get_val_if_fixed(isl.dim_type.set, 0)
            assert distance.is_zero()


def test_a_may_write_is_uncertain_and_ends_no_flow():
    @texpr.kernel
    def scatter(A: texpr.f64[N], idx: texpr.i32[N]):
        for i in range(N):
            A[idx[i]] = A[i]

    assert {str(one.missing) for one in dependences(scatter)} == {"idx[i] is read from memory"}


@texpr.kernel
def twice(A: texpr.f64[8], B: texpr.f64[8]):
    for i in range(8):
        A[i] = A[i] + 1
    for i in range(8):
        A[i] = A[i] * 2
    for i in range(8):
        B[i] = A[i]


def test_value_flow_comes_from_the_last_write():
    found = Dependences(Scop.of(twice.program)).value_flow
    pairs = {(d.source.statement.label, d.sink.statement.label): d.pairs for d in found}
    assert set(pairs) == {("S0", "S1"), ("S1", "S2")}  # not S0 to S2: S1 writes in between
    same = isl.Map("{ S1[i] -> S2[i] : 0 <= i < 8 }", pairs["S1", "S2"].get_ctx())
    assert pairs["S1", "S2"] == same


def test_what_is_live_at_the_ends():
    dependences = Dependences(Scop.of(twice.program))
    live_in = [(t.statement.label, t.access.buffer.name) for t, _ in dependences.live_in]
    live_out = [(t.statement.label, t.access.buffer.name) for t, _ in dependences.live_out]
    assert live_in == [("S0", "A")]
    assert live_out == [("S1", "A"), ("S2", "B")]
