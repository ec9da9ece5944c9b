"""What a schedule says of the order of reductions."""

from __future__ import annotations

import pytest

import texpr
from texpr import te

N = texpr.size("N")
KEPT = "  every reduction keeps its declared order"


def row_sums(dtype="float32", reducer=te.sum):
    A = te.placeholder((6, 64), dtype, name="A")
    k = te.reduce_axis((0, 64), name="k")
    B = te.compute((6,), lambda i: reducer(A[i, k], axis=k), name="B")
    return te.create_schedule(B.op)


def turned(s, stage, loop):
    outer, inner = s[stage].split(loop, factor=8)
    s[stage].reorder(inner, outer)
    return s


def test_an_order_that_is_kept():
    s = row_sums()
    s["B"].split("k", factor=8)
    s["B"].reorder("k_o", "i")
    assert str(s.report()).splitlines() == [
        "float policy: reassoc; a product and a sum may be fused",
        KEPT,
    ]
    assert s.report().reordered == ()


@pytest.mark.parametrize(("dtype", "roundoff"), [("float32", 2.0**-24), ("float64", 2.0**-53)])
def test_another_order_and_what_it_may_cost(dtype, roundoff):
    (one,) = turned(row_sums(dtype), "B", "k").report().reordered
    assert (one.stage, one.operator, str(one.terms)) == ("B", "add", "64")
    assert one.unit_roundoff == roundoff
    assert str(one) == (
        f"B: 64 terms of {dtype} are combined in another order; the result may differ by "
        f"2*(64 - 1)*{roundoff:.3g} times the sum of |terms|"
    )


def test_lanes_are_another_order():
    s = row_sums()
    s["B"].vectorize("k", lanes=8)
    assert [one.stage for one in s.report().reordered] == ["B"]


def test_lanes_over_data_are_not():
    s = row_sums()
    s["B"].vectorize("i")
    assert s.report().reordered == ()


def test_what_costs_nothing():
    wanted = "B: the order of add changed, which changes no value"
    assert str(turned(row_sums("int32"), "B", "k").report().reordered[0]) == wanted
    s = turned(row_sums(reducer=te.max), "B", "k")
    assert str(s.report().reordered[0]) == "B: the order of max changed, which changes no value"


def test_the_policy_is_shown():
    @texpr.kernel
    def total(A: texpr.f32[N], S: texpr.f32[1]):
        for k in range(N):
            S[0] += A[k]

    assert str(texpr.create_schedule(total).report()).startswith("float policy: exact;")
    s = turned(texpr.create_schedule(total, fp="reassoc"), "S0", "k")
    (one,) = s.report().reordered
    assert (one.stage, str(one.terms)) == ("S0", "N")


def test_a_subtraction_is_an_addition():
    @texpr.kernel
    def left(A: texpr.f64[16], S: texpr.f64[1]):
        for k in range(16):
            S[0] -= A[k]

    s = turned(texpr.create_schedule(left, fp="reassoc"), "S0", "k")
    assert s.report().reordered[0].operator == "add"


def test_a_reduction_in_parts():
    A, k = te.placeholder((64,), name="A"), te.reduce_axis((0, 64), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    _, k_i = s[S].split(k, factor=8)
    SF = s.rfactor(S, k_i)
    s[SF].compute_at(s[S], s[S].op.reduce_axis[0])
    (one,) = s.report().reordered
    assert (one.stage, one.operator, str(one.terms)) == ("S", "add", "64")


def test_an_update_in_parts():
    """Any number of terms may be those of one element, where the subscript is data."""

    @texpr.kernel
    def histogram(idx: texpr.i64[N], w: texpr.f32[N], H: texpr.f32[8]):
        for i in range(N):
            H[idx[i]] += w[i]

    s = texpr.create_schedule(histogram, fp="reassoc")
    s.rfactor("S0", "i")
    (one,) = s.report().reordered
    assert (one.stage, one.operator, str(one.terms)) == ("S0", "add", "N")
