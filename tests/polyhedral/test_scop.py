"""The model of loop kernels: instances, times and cells, as it prints."""

from __future__ import annotations

import pytest

import texpr
from texpr.polyhedral.scop import Scop

N = texpr.size("N")


@texpr.kernel
def matmul(A: texpr.f64[N, N], B: texpr.f64[N, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0.0
            for k in range(N):
                C[i, j] += A[i, k] * B[k, j]


@texpr.kernel
def branches(A: texpr.f64[N, N]):
    for i in range(N):
        for j in range(i + 1):
            if i + j < 5:
                A[i, j] = A[j, i]
            else:
                A[i, j] = 1.0


@texpr.kernel
def histogram(H: texpr.i64[8], idx: texpr.i32[N]):
    for i in range(N):
        H[idx[i]] += 1


@texpr.kernel
def private(A: texpr.f64[N], B: texpr.f64[N]):
    for i in range(N):
        t = A[i] * 2
        B[i] = t


def model(kernel):
    return Scop.of(texpr.create_schedule(kernel).program)


def test_matmul_prints_by_name():
    where = "0 <= i < N and 0 <= j < N"
    inner = f"{where} and 0 <= k < N"
    assert str(model(matmul)).splitlines() == [
        f"S0: [N] -> {{ S0[i, j] : {where} }}",
        f"    time   [N] -> {{ S0[i, j] -> [i, j, 0, 0] : {where} }}",
        f"    writes C  [N] -> {{ S0[i, j] -> [i, j] : {where} }}",
        f"S1: [N] -> {{ S1[i, j, k] : {inner} }}",
        f"    time   [N] -> {{ S1[i, j, k] -> [i, j, 1, k] : {inner} }}",
        f"    reads  C  [N] -> {{ S1[i, j, k] -> [i, j] : {inner} }}",
        f"    reads  A  [N] -> {{ S1[i, j, k] -> [i, k] : {inner} }}",
        f"    reads  B  [N] -> {{ S1[i, j, k] -> [k, j] : {inner} }}",
        f"    writes C  [N] -> {{ S1[i, j, k] -> [i, j] : {inner} }}",
    ]


def test_a_predicate_guards_what_is_touched_and_not_what_runs():
    scop = model(branches)
    triangle = "i < N and 0 <= j <= i"
    lines = str(scop).splitlines()
    assert lines[0] == f"S0: [N] -> {{ S0[i, j] : {triangle} }}"
    assert "reads  A  [N] -> { S0[i, j] -> [j, i] : i < N and 0 <= j <= 4 - i" in lines[2]
    assert lines[4] == f"S1: [N] -> {{ S1[i, j] : {triangle} }}"
    # The branches touch the whole triangle together, and no cell twice.
    then, otherwise = (scop[label].touches[-1].cells.over.range() for label in ("S0", "S1"))
    assert then.intersect(otherwise).is_empty()
    everything = scop["S0"].image([axis.var for axis in scop["S0"].block.iters], scop["S0"].region)
    assert then.union(otherwise).is_equal(everything.over.range())


def test_lanes_share_their_time():
    s = texpr.create_schedule(matmul)
    s["S1"].vectorize("j", lanes=4)
    time = Scop.of(s.program)["S1"].time.over
    assert time.is_single_valued()
    assert not time.is_injective()
    serial = model(matmul)["S1"].time.over
    assert serial.is_injective()


def test_a_subscript_that_is_data_may_be_any_cell_of_the_array():
    scop = model(histogram)
    lines = [line for line in str(scop).splitlines() if " H " in line]
    cells = "[N] -> { S0[i] -> [o0] : 0 <= i < N and 0 <= o0 <= 7 }  (may)"
    assert lines == [f"    reads  H  {cells}", f"    writes H  {cells}"]
    touch = scop["S0"].touches[-1]
    assert str(touch.cells.missing) == "idx[i] is read from memory"


def test_scratch_in_a_loop_has_cells_of_each_iteration():
    scop = model(private)
    assert "writes t  [N] -> { S0[i] -> [i] : 0 <= i < N }" in str(scop)
    (t,) = scop["S0"].block.writes
    assert [var.name for var in scop["S0"].home(t.buffer)] == ["i"]


def test_lookup_by_label():
    scop = model(matmul)
    assert scop["S1"].label == "S1"
    assert [loop.var.name for loop in scop["S1"].loops] == ["i", "j", "k"]
    with pytest.raises(KeyError, match="S9"):
        scop["S9"]
