"""Random schedules of loop kernels that set, update and read arrays, in every order and shape.

What rewrites of reductions are for: statements that are merged, updates in parts, consumers in a
producer. They are proposed more often than others, on programs that they fit.
"""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.schedule.kernel_readings import check_kernel, check_replays
from texpr.errors import ScheduleError
from texpr.schedule.primitives import PRIMITIVES

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def matmul(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0
            for k in range(M):
                C[i, j] += A[i, k] * B[k, j]


@texpr.kernel
def apart(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0
    for k in range(M):
        for j in range(N):
            for i in range(N):
                C[i, j] -= A[i, k] * B[k, j]


@texpr.kernel
def shifted(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        for j in range(1, N):
            C[i, j] = -2147483648
    for i in range(N):
        for j in range(N - 1):
            for k in range(M):
                if A[i, k] > 0:
                    C[i, j + 1] = max(C[i, j + 1], A[i, k] * B[k, j])


@texpr.kernel
def histogram(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        C[i, 0] = 0
        for k in range(M):
            C[i, (A[i, k] % N + N) % N] += B[k, i]


@texpr.kernel
def two_in_a_loop(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 1
    for i in range(N):
        for k in range(M):
            C[0, i] *= A[i, k]
            C[i, 0] *= B[k, i]


@texpr.kernel
def diagonal(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        C[i, i] = 0
    for i in range(N):
        for k in range(M):
            C[i, i] += A[i, k]
    for i in range(N):
        for k in range(M):
            C[i, i] ^= B[k, i]


@texpr.kernel
def scratch(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    for i in range(N):
        t = texpr.empty((N,), texpr.i32)
        for j in range(N):
            t[j] = 0
        for k in range(M):
            for j in range(N):
                t[j] += A[i, k] * B[k, j]
        for j in range(N):
            C[i, j] = t[N - 1 - j] + 1


@texpr.kernel
def chain(A: texpr.i32[N, M], B: texpr.i32[M, N], C: texpr.i32[N, N]):
    t = texpr.empty((N, M), texpr.i32)
    u = texpr.empty((M, N), texpr.i32)
    for i in range(N):
        for j in range(M):
            t[i, j] = A[i, j] * 2
    for i in range(M):
        for j in range(N):
            u[i, j] = t[j, M - 1 - i] + B[i, j]
    for i in range(M):
        for j in range(1, N):
            B[i, j] = u[i, j - 1] - B[i, j]
    for i in range(N):
        for k in range(M):
            C[i, 0] &= B[k, i]


KERNELS = [matmul, apart, shifted, histogram, two_in_a_loop, diagonal, scratch, chain]
OFTEN = ["merge_reduction", "rfactor", "reverse_compute_inline", "decompose_reduction"]


@pytest.mark.parametrize("kernel", KERNELS, ids=[kernel.name for kernel in KERNELS])
@given(
    n=st.sampled_from([0, 1, 2, 4, 5]),
    m=st.sampled_from([0, 1, 3, 4, 5]),
    seed=st.integers(0, 1 << 16),
    count=st.integers(1, 8),
)
@settings(max_examples=15)
def test_every_schedule_computes_the_same(kernel, n, m, seed, count):
    source = random.Random(seed)
    s = texpr.create_schedule(kernel)
    for _ in range(count):
        stage = source.choice(sorted(s.state.declared.stages))
        name = source.choice(OFTEN if source.random() < 0.5 else sorted(PRIMITIVES))
        proposal = PRIMITIVES[name].sample(s.state, stage, source)
        if proposal is not None:
            with contextlib.suppress(ScheduleError):
                getattr(s[stage], name)(*proposal[0], **proposal[1])
    check_replays(lambda: texpr.create_schedule(kernel), s)
    for name in s.state.waiting.intersection(s.state.attached):
        s[name].compute_root()
    if kernel is histogram:  # it updates C[i, 0] and others of the row: there has to be one
        n = max(n, 1)
    rng = np.random.default_rng(seed)
    shapes = ((n, m), (m, n), (n, n))
    check_kernel(kernel, s, *(rng.integers(-4, 5, shape).astype("int32") for shape in shapes))
