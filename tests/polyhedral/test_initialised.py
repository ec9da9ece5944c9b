"""Reads of scratch that nothing wrote are refused when a kernel is built."""

from __future__ import annotations

import pytest

import texpr
from texpr.errors import UninitializedError

N = texpr.size("N")


def build(kernel):
    return texpr.build(texpr.create_schedule(kernel))


def test_a_recurrence_through_scratch_is_fine():
    @texpr.kernel
    def recurrence(B: texpr.f64[N]):
        t = texpr.empty((4,), "float64")
        t[0] = 0.0
        for i in range(1, 4):
            t[i] = t[i - 1] + 1
        for i in range(N):
            B[i] = t[3]

    build(recurrence)


def test_a_recurrence_that_starts_with_nothing():
    @texpr.kernel
    def recurrence(B: texpr.f64[N]):
        t = texpr.empty((4,), "float64")
        for i in range(1, 4):
            t[i] = t[i - 1] + 1
        for i in range(N):
            B[i] = t[3]

    with pytest.raises(
        UninitializedError, match=r"S0: .* reads 't' with N=0, at i=1, and nothing wrote"
    ):
        build(recurrence)


def test_written_in_some_iterations_only():
    @texpr.kernel
    def half(B: texpr.f64[N]):
        for i in range(N):
            t = texpr.empty((1,), "float64")
            if i < 3:
                t[0] = 1.0
            B[i] = t[0]

    with pytest.raises(UninitializedError, match="with N=4, at i=3, and nothing wrote it before"):
        build(half)


def test_what_an_earlier_iteration_wrote_is_gone():
    @texpr.kernel
    def gone(B: texpr.f64[N]):
        for i in range(N):
            t = texpr.empty((1,), "float64")
            if i == 0:
                t[0] = 1.0
            B[i] = t[0]

    with pytest.raises(UninitializedError, match="with N=2, at i=1"):
        build(gone)


def test_the_first_update_reads_too():
    @texpr.kernel
    def update(B: texpr.f64[N]):
        t = texpr.empty((1,), "float64")
        for i in range(N):
            t[0] += 1.0
            B[i] = t[0]

    with pytest.raises(UninitializedError, match=r"S0: t\[0\] \+= 1.0 .* with N=1, at i=0"):
        build(update)


def test_written_where_data_says_so():
    @texpr.kernel
    def perhaps(A: texpr.f64[N], B: texpr.f64[N]):
        for i in range(N):
            t = texpr.empty((1,), "float64")
            if A[i] > 0.0:
                t[0] = 1.0
            B[i] = t[0]

    with pytest.raises(
        UninitializedError, match=r"perhaps nothing wrote it, as A\[i\] is read from memory"
    ):
        build(perhaps)


def test_one_cell_written_and_any_read():
    @texpr.kernel
    def one(B: texpr.f64[N], idx: texpr.i32[N]):
        t = texpr.empty((4,), "float64")
        t[0] = 1.0
        for i in range(N):
            B[i] = t[idx[i]]

    with pytest.raises(
        UninitializedError, match=r"perhaps nothing wrote it, as idx\[i\] is read from memory"
    ):
        build(one)


def test_all_cells_written_and_any_read():
    @texpr.kernel
    def table(B: texpr.f64[N], idx: texpr.i32[N]):
        t = texpr.empty((4,), "float64")
        for k in range(4):
            t[k] = k * 1.0
        for i in range(N):
            B[i] = t[idx[i]]

    build(table)
