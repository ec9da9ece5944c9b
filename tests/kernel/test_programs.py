# ruff: noqa: B007, F821, UP037 - sizes are named by strings and by arguments, and time loops
# count without being used.
"""Well-known programs: Python, the interpreter and machine code compute the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.kernel.oracle import check
from texpr.kernel import empty, f32, f64, i32, i64, kernel, size, u8

N = size("N")
M = size("M")
K = size("K")

SIZES = (0, 1, 2, 3, 5, 8)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@kernel
def seidel(T: size, A: f64[N, N]):
    for t in range(T):
        for i in range(1, N - 1):
            for j in range(1, N - 1):
                A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1] + A[i, j]) / 5.0


@pytest.mark.parametrize("n", SIZES)
def test_seidel(n, rng):
    check(seidel, 3, rng.random((n, n)))


@kernel
def jacobi(T: size, A: f64["n"], B: f64["n"]):
    for t in range(T):
        for i in range(1, A.shape[0] - 1):
            B[i] = 0.33333 * (A[i - 1] + A[i] + A[i + 1])
        for i in range(1, len(A) - 1):
            A[i] = 0.33333 * (B[i - 1] + B[i] + B[i + 1])


@pytest.mark.parametrize("n", SIZES)
def test_jacobi(n, rng):
    check(jacobi, 4, rng.random(n), rng.random(n))


@kernel
def matmul(A: f32[N, K], B: f32[K, M], C: f32[N, M]):
    for i in range(N):
        for j in range(M):
            C[i, j] = 0.0
            for k in range(K):
                C[i, j] += A[i, k] * B[k, j]


@kernel
def matmul_with_a_scalar(alpha: f32, A: f32[N, K], B: f32[K, M], C: f32[N, M]):
    for i in range(N):
        for j in range(M):
            s = 0.0
            for k in range(K):
                s += A[i, k] * B[k, j]
            C[i, j] = alpha * s + 0.5 * C[i, j]


@pytest.mark.parametrize(("n", "m", "k"), [(3, 4, 5), (1, 1, 1), (0, 2, 3), (2, 3, 0)])
def test_matmul(n, m, k, rng):
    def arrays():
        return [rng.random(shape).astype("float32") for shape in ((n, k), (k, m), (n, m))]

    check(matmul, *arrays())
    check(matmul_with_a_scalar, np.float32(1.5), *arrays())


@kernel
def triangular_solve(L: f64[N, N], x: f64[N], b: f64[N]):
    for i in range(N):
        x[i] = b[i]
        for j in range(i):
            x[i] -= L[i, j] * x[j]
        x[i] /= L[i, i]


@kernel
def back_substitution(U: f64[N, N], x: f64[N], b: f64[N]):
    for i in range(N - 1, -1, -1):
        s = b[i]
        for j in range(i + 1, N):
            s -= U[i, j] * x[j]
        x[i] = s / U[i, i]


@kernel
def lu(A: f64[N, N]):
    for i in range(N):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[k, j]
            A[i, j] /= A[j, j]
        for j in range(i, N):
            for k in range(i):
                A[i, j] -= A[i, k] * A[k, j]


@pytest.mark.parametrize("n", SIZES)
def test_linear_algebra(n, rng):
    a = rng.random((n, n)) + n * np.eye(n)
    check(triangular_solve, a, np.zeros(n), rng.random(n))
    check(back_substitution, a, np.zeros(n), rng.random(n))
    check(lu, a)


@kernel
def floyd_warshall(D: i32[N, N]):
    for k in range(N):
        for i in range(N):
            for j in range(N):
                D[i, j] = min(D[i, j], D[i, k] + D[k, j])


@kernel
def transitive_closure(R: f64[N, N]):
    for k in range(N):
        for i in range(N):
            for j in range(N):
                R[i, j] = 1.0 if R[i, j] > 0 or (R[i, k] > 0 and R[k, j] > 0) else 0.0


@pytest.mark.parametrize("n", SIZES)
def test_graphs(n, rng):
    check(floyd_warshall, rng.integers(0, 100, (n, n)).astype("int32"))
    check(transitive_closure, (rng.random((n, n)) > 0.8).astype("float64"))


@kernel
def prefix_sum(A: i64[N]):
    for i in range(1, N):
        A[i] += A[i - 1]


@kernel
def running_maximum(A: f64[N], B: f64[N]):
    best = -math.inf
    for i in range(N):
        best = max(best, A[i])
        B[i] = best


@kernel
def histogram(index: i32[N], H: i64[M]):
    for i in range(N):
        H[index[i]] += 1


@kernel
def fibonacci(F: i64[N]):
    a, b = 0, 1
    for i in range(N):
        F[i] = a
        a, b = b, a + b


@pytest.mark.parametrize("n", SIZES)
def test_scans(n, rng):
    check(prefix_sum, rng.integers(-9, 9, n))
    check(running_maximum, rng.normal(size=n), np.zeros(n))
    check(histogram, rng.integers(0, 4, n).astype("int32"), np.zeros(4, "int64"))
    check(fibonacci, np.zeros(n, "int64"))


@kernel
def game_of_life(T: size, A: u8[N, M], B: u8[N, M]):
    for t in range(T):
        for i in range(1, N - 1):
            for j in range(1, M - 1):
                count = 0
                for di in range(-1, 2):
                    for dj in range(-1, 2):
                        if not (di == 0 and dj == 0):
                            count += A[i + di, j + dj]
                if count == 3 or (A[i, j] and count == 2):
                    B[i, j] = 1
                else:
                    B[i, j] = 0
        for i in range(1, N - 1):
            for j in range(1, M - 1):
                A[i, j] = B[i, j]


@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 3), (6, 7)])
def test_game_of_life(n, m, rng):
    check(game_of_life, 3, (rng.random((n, m)) > 0.5).astype("uint8"), np.zeros((n, m), "uint8"))


@kernel
def nussinov(seq: i32[N], T: i32[N, N]):
    for i in range(N - 1, -1, -1):
        for j in range(i + 1, N):
            if j - 1 >= 0:
                T[i, j] = max(T[i, j], T[i, j - 1])
            if i + 1 < N:
                T[i, j] = max(T[i, j], T[i + 1, j])
            if j - 1 >= 0 and i + 1 < N:
                if i < j - 1:
                    paired = 1 if seq[i] + seq[j] == 3 else 0
                    T[i, j] = max(T[i, j], T[i + 1, j - 1] + paired)
                else:
                    T[i, j] = max(T[i, j], T[i + 1, j - 1])
            for k in range(i + 1, j):
                T[i, j] = max(T[i, j], T[i, k] + T[k + 1, j])


@pytest.mark.parametrize("n", SIZES)
def test_nussinov(n, rng):
    check(nussinov, rng.integers(0, 4, n).astype("int32"), np.zeros((n, n), "int32"))


@kernel
def convolution(A: f32["n + 2", "m + 2"], W: f32[3, 3], B: f32["n", "m"]):
    rows, columns = B.shape
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for p in range(3):
                for q in range(3):
                    total += A[i + p, j + q] * W[p, q]
            B[i, j] = max(total, 0.0)


@kernel
def padded_convolution(A: f64[N], W: f64[5], B: f64[N]):
    for i in range(N):
        B[i] = 0
        for k in range(W.shape[0]):
            at = i + k - 2
            if 0 <= at < N:
                B[i] += A[at] * W[k]


@pytest.mark.parametrize("n", SIZES)
def test_convolution(n, rng):
    image = rng.random((n + 2, n + 3)).astype("float32")
    weights = rng.normal(size=(3, 3)).astype("float32")
    check(convolution, image, weights, np.zeros((n, n + 1), "float32"))
    check(padded_convolution, rng.random(n), rng.random(5), np.zeros(n))


@kernel
def blurred_rows(A: f64[N, M]):
    for i in range(N):
        row = empty(M, "float64")
        for j in range(M):
            left = A[i, j - 1] if j > 0 else 0.0
            right = A[i, j + 1] if j < M - 1 else 0.0
            row[j] = 0.25 * left + 0.5 * A[i, j] + 0.25 * right
        for j in range(M):
            A[i, j] = row[j]


@pytest.mark.parametrize("n", SIZES)
def test_a_local_array_in_a_loop(n, rng):
    check(blurred_rows, rng.random((n, n + 1)))


@kernel
def bubble_sort(A: f32[N]):
    for last in range(N - 1, 0, -1):
        for i in range(last):
            if A[i] > A[i + 1]:
                A[i], A[i + 1] = A[i + 1], A[i]


@kernel
def mandelbrot(W: size, H: size, limit: size, out: i32[H, W]):
    for y in range(H):
        for x in range(W):
            cr = 3.0 * x / W - 2.0
            ci = 2.0 * y / H - 1.0
            zr = zi = 0.0
            count = 0
            for step in range(limit):
                if zr * zr + zi * zi < 4.0:
                    zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                    count += 1
            out[y, x] = count


@kernel
def sieve(is_prime: u8[N]):
    for i in range(N):
        is_prime[i] = 1 if i > 1 else 0
    for i in range(2, N):
        if is_prime[i] != 0:
            for j in range(2, N):
                if i * j < N:
                    is_prime[i * j] = 0


@kernel
def sparse_product(start: i64["rows + 1"], column: i32["nnz"], value: f64["nnz"],
                   x: f64["columns"], y: f64["rows"]):  # fmt: skip
    for i in range(rows):
        y[i] = 0.0
        for p in range(start[i], start[i + 1]):
            y[i] += value[p] * x[column[p]]


def test_others(rng):
    for n in SIZES:
        check(bubble_sort, rng.random(n).astype("float32"))
        check(sieve, np.zeros(2 * n, "uint8"))
    check(mandelbrot, 5, 4, 10, np.zeros((4, 5), "int32"))
    check(
        sparse_product,
        np.array([0, 2, 2, 5]), np.array([0, 3, 1, 1, 2], "int32"), rng.random(5),
        rng.random(4), np.zeros(3),
    )  # fmt: skip


@kernel
def imperfect(A: f64[N, N], B: f64[N]):
    total = 0.0
    for i in range(N):
        B[i] = 1.0
        for j in range(i + 1):
            A[i, j] = A[i, j] * B[i]
            for k in range(j, N, 2):
                A[i, k] += 0.5
            B[i] += A[i, j]
        total += B[i]
    for i in range(N):
        B[i] /= total


def test_imperfect_nests(rng):
    for n in SIZES:
        check(imperfect, rng.random((n, n)), np.zeros(n))
