# ruff: noqa: RUF059 - a tutorial names every loop that a primitive returns
"""The programs of TVM's te tutorials, typed as their readers would, with ``from texpr import te``.

Each is written in the usual shape, with TVM's argument names and orders, and run; what is missing
of the originals are primitives that texpr does not have yet.
"""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te


def random(*shape):
    return np.random.default_rng(0).random(shape, dtype="float32")


# ---------------------------------------------------------------- vector addition


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 1000])
def test_vector_add(length):
    n = te.var("n")
    A = te.placeholder((n,), name="A")
    B = te.placeholder((n,), name="B")
    C = te.compute(A.shape, lambda i: A[i] + B[i], name="C")
    s = te.create_schedule(C.op)
    outer, inner = s[C].split(C.op.axis[0], factor=64)
    assert "for i_o in" in str(texpr.lower(s, [A, B, C], simple_mode=True))
    fadd = texpr.build(s, [A, B, C], "llvm", name="myadd")
    assert fadd.name == "myadd"
    a, b, c = random(length), random(length), np.zeros(length, "float32")
    fadd(a, b, c)
    np.testing.assert_allclose(c, a + b)


# ---------------------------------------------------------------- schedule primitives in te


def test_split():
    m = te.var("m")
    A = te.placeholder((m,), name="A")
    B = te.compute((m,), lambda i: A[i] * 2, name="B")
    s = te.create_schedule(B.op)
    xo, xi = s[B].split(B.op.axis[0], factor=32)
    np.testing.assert_allclose(texpr.build(s, [A, B])(random(70)), random(70) * 2)

    s = te.create_schedule(B.op)
    bx, tx = s[B].split(B.op.axis[0], nparts=32)
    np.testing.assert_allclose(texpr.build(s, [A, B])(random(70)), random(70) * 2)


def test_tile_fuse_reorder():
    m, n = te.var("m"), te.var("n")
    A = te.placeholder((m, n), name="A")
    B = te.compute((m, n), lambda i, j: A[i, j], name="B")
    s = te.create_schedule(B.op)
    xo, yo, xi, yi = s[B].tile(B.op.axis[0], B.op.axis[1], x_factor=10, y_factor=5)
    fused = s[B].fuse(xi, yi)
    s[B].reorder(fused, yo, xo)
    assert [axis.name for axis in s[B].leaf_iter_vars] == ["i_i_j_i", "j_o", "i_o"]
    np.testing.assert_array_equal(texpr.build(s, [A, B])(random(23, 17)), random(23, 17))


def test_compute_inline_and_root():
    m = te.var("m")
    A = te.placeholder((m,), name="A")
    B = te.compute((m,), lambda i: A[i] + 1, name="B")
    C = te.compute((m,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    s[B].compute_inline()
    assert str(texpr.lower(s, [A, C])).count("for ") == 1
    s[B].compute_root()
    assert str(texpr.lower(s, [A, B, C])).count("for ") == 2
    b, c = texpr.build(s, [A, B, C])(random(5))
    np.testing.assert_allclose(b, random(5) + 1)
    np.testing.assert_allclose(c, (random(5) + 1) * 2, rtol=1e-6)


# ---------------------------------------------------------------- reductions


def test_sum_of_rows():
    n, m = te.var("n"), te.var("m")
    A = te.placeholder((n, m), name="A")
    k = te.reduce_axis((0, m), "k")
    B = te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    ko, ki = s[B].split(B.op.reduce_axis[0], factor=16)
    xo, xi = s[B].split(B.op.axis[0], factor=32)
    f = texpr.build(s, [A, B])
    for shape in ((45, 70), (1, 1), (0, 3), (3, 0)):
        np.testing.assert_allclose(f(random(*shape)), random(*shape).sum(1), rtol=1e-5)


def test_convolution_by_a_sum_over_two_axes():
    n = te.var("n")
    Input = te.placeholder((n, n), name="Input")
    Filter = te.placeholder((3, 3), name="Filter")
    di = te.reduce_axis((0, 3), name="di")
    dj = te.reduce_axis((0, 3), name="dj")
    Output = te.compute(
        (n - 2, n - 2),
        lambda i, j: te.sum(Input[i + di, j + dj] * Filter[di, dj], axis=[di, dj]),
        name="Output",
    )
    s = te.create_schedule(Output.op)
    image, weights = random(9, 9), random(3, 3)
    found = texpr.build(s, [Input, Filter, Output])(image, weights)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    np.testing.assert_allclose(found, np.einsum("ijab,ab->ij", windows, weights), rtol=1e-5)


def test_a_commutative_reducer():
    n, m = te.var("n"), te.var("m")
    product = te.comm_reducer(lambda x, y: x * y, lambda t: te.const(1, dtype=t), name="product")
    A = te.placeholder((n, m), name="A")
    k = te.reduce_axis((0, m), name="k")
    B = te.compute((n,), lambda i: product(A[i, k], axis=k), name="B")
    f = texpr.build(te.create_schedule(B.op), [A, B])
    np.testing.assert_allclose(f(random(3, 5)), random(3, 5).prod(1), rtol=1e-5)


# ---------------------------------------------------------------- matrix multiplication


def matmul(M, N, K):
    k = te.reduce_axis((0, K), "k")
    A = te.placeholder((M, K), name="A")
    B = te.placeholder((K, N), name="B")
    C = te.compute((M, N), lambda m, n: te.sum(A[m, k] * B[k, n], axis=k), name="C")
    return A, B, C


@pytest.mark.parametrize("M", [64, 70])
def test_matmul_blocked_permuted_and_vectorized(M):
    A, B, C = matmul(M, 96, 48)
    bn, kfactor = 32, 4
    s = te.create_schedule(C.op)
    mo, no, mi, ni = s[C].tile(C.op.axis[0], C.op.axis[1], bn, bn)
    (kaxis,) = s[C].op.reduce_axis
    ko, ki = s[C].split(kaxis, factor=kfactor)
    s[C].reorder(mo, no, ko, mi, ki, ni)
    s[C].vectorize(ni)
    s[C].unroll(ki)
    func = texpr.build(s, [A, B, C], target="llvm", name="mmult")
    a, b, c = random(M, 48), random(48, 96), np.zeros((M, 96), "float32")
    func(a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4)


def test_matmul_with_a_packed_operand():
    M, N, K, bn = 64, 64, 64, 32
    k = te.reduce_axis((0, K), "k")
    A = te.placeholder((M, K), name="A")
    B = te.placeholder((K, N), name="B")
    packedB = te.compute(
        (N // bn, K, bn),
        lambda bigN, k, littleN: B[k, bigN * bn + littleN],
        name="packedB",
    )
    C = te.compute(
        (M, N),
        lambda m, n: te.sum(A[m, k] * packedB[n // bn, k, te.indexmod(n, bn)], axis=k),
        name="C",
    )
    s = te.create_schedule(C.op)
    mo, no, mi, ni = s[C].tile(C.op.axis[0], C.op.axis[1], bn, bn)
    (kaxis,) = s[C].op.reduce_axis
    ko, ki = s[C].split(kaxis, factor=4)
    s[C].reorder(mo, no, ko, mi, ki, ni)
    s[C].vectorize(ni)
    bigN, _, littleN = s[packedB].op.axis
    s[packedB].vectorize(littleN)
    f = texpr.build(s, [A, B, C], name="mmult")
    np.testing.assert_allclose(
        f(random(M, K), random(K, N)), random(M, K) @ random(K, N), rtol=1e-4
    )


# ---------------------------------------------------------------- conv2d


def conv2d_of_numpy(data, weights, stride, pad):
    kernel = weights.shape[-1]
    padded = np.pad(data, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))
    return np.einsum("ncyxab,fcab->nfyx", windows[:, :, ::stride, ::stride], weights)


@pytest.mark.parametrize("inlined", [False, True], ids=["padded", "inlined"])
@pytest.mark.parametrize(("stride", "pad"), [(1, 1), (2, 1), (1, 0), (2, 2)])
def test_conv2d(stride, pad, inlined):
    batch, in_channel, in_size, out_channel, kernel = 1, 3, 8, 4, 3
    out_size = (in_size - kernel + 2 * pad) // stride + 1
    A = te.placeholder((batch, in_channel, in_size, in_size), name="A")
    W = te.placeholder((out_channel, in_channel, kernel, kernel), name="W")
    Apad = te.compute(
        (batch, in_channel, in_size + 2 * pad, in_size + 2 * pad),
        lambda nn, cc, yy, xx: te.if_then_else(
            te.all(yy >= pad, yy - pad < in_size, xx >= pad, xx - pad < in_size),
            A[nn, cc, yy - pad, xx - pad],
            te.const(0.0, "float32"),
        ),
        name="Apad",
    )
    rc = te.reduce_axis((0, in_channel), name="rc")
    ry = te.reduce_axis((0, kernel), name="ry")
    rx = te.reduce_axis((0, kernel), name="rx")
    B = te.compute(
        (batch, out_channel, out_size, out_size),
        lambda nn, ff, yy, xx: te.sum(
            Apad[nn, rc, yy * stride + ry, xx * stride + rx] * W[ff, rc, ry, rx], axis=[rc, ry, rx]
        ),
        name="B",
    )
    s = te.create_schedule(B.op)
    if inlined:
        s[Apad].compute_inline()
    nn, ff, yy, xx = s[B].op.axis
    rc_, ry_, rx_ = s[B].op.reduce_axis
    fo, fi = s[B].split(ff, factor=2)
    s[B].reorder(nn, fo, rc_, ry_, yy, fi, rx_, xx)
    s[B].vectorize(xx)
    f = texpr.build(s, [A, W, B])
    a, w = random(batch, in_channel, in_size, in_size), random(out_channel, in_channel, 3, 3)
    np.testing.assert_allclose(f(a, w), conv2d_of_numpy(a, w, stride, pad), rtol=1e-4)


# ---------------------------------------------------------------- tuples


def test_compute_of_a_tuple():
    n, m = te.var("n"), te.var("m")
    A0 = te.placeholder((m, n), name="A0")
    A1 = te.placeholder((m, n), name="A1")
    B0, B1 = te.compute((m, n), lambda i, j: (A0[i, j] + 2, A1[i, j] * 3), name="B")
    s = te.create_schedule(B0.op)
    b0, b1 = texpr.build(s, [A0, A1, B0, B1])(random(3, 4), random(3, 4))
    np.testing.assert_allclose(b0, random(3, 4) + 2)
    np.testing.assert_allclose(b1, random(3, 4) * 3)


def test_argmax_by_a_reducer_of_pairs():
    def fcombine(x, y):
        lhs = te.if_then_else((x[1] >= y[1]), x[0], y[0])
        rhs = te.if_then_else((x[1] >= y[1]), x[1], y[1])
        return lhs, rhs

    def fidentity(t0, t1):
        return te.const(-1, t0), te.min_value(t1)

    argmax = te.comm_reducer(fcombine, fidentity, name="argmax")
    m, n = te.var("m"), te.var("n")
    idx = te.placeholder((m, n), name="idx", dtype="int32")
    val = te.placeholder((m, n), name="val", dtype="int32")
    k = te.reduce_axis((0, n), "k")
    T0, T1 = te.compute((m,), lambda i: argmax((idx[i, k], val[i, k]), axis=k), name="T")
    s = te.create_schedule(T0.op)
    s[T0].split(k, factor=4)
    f = texpr.build(s, [idx, val, T0, T1])
    values = np.random.default_rng(0).permutation(50).reshape(5, 10).astype("int32")
    where, most = f(np.tile(np.arange(10, dtype="int32"), (5, 1)), values)
    np.testing.assert_array_equal(where, values.argmax(1))
    np.testing.assert_array_equal(most, values.max(1))


def test_one_of_several_outputs_is_read():
    n, m = te.var("n"), te.var("m")
    A0 = te.placeholder((m, n), name="A0")
    B0, B1 = te.compute((m, n), lambda i, j: (A0[i, j] + 2, A0[i, j] * 3), name="B")
    A1 = te.placeholder((m, n), name="A1")
    C = te.compute((m, n), lambda i, j: A1[i, j] + B0[i, j], name="C")
    s = te.create_schedule(C.op)
    f = texpr.build(s, [A0, A1, C])
    np.testing.assert_allclose(f(random(2, 3), random(2, 3)), 2 * random(2, 3) + 2, rtol=1e-6)


# ---------------------------------------------------------------- scalar functions and symbols


def test_scalar_functions():
    n = te.var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute(A.shape, lambda i: te.exp(A[i]) + te.sigmoid(te.sqrt(A[i])), name="B")
    s = te.create_schedule(B.op)
    bx, tx = s[B].split(B.op.axis[0], factor=64)
    s[B].vectorize(tx)
    a = random(100)
    wanted = np.exp(a) + 1 / (1 + np.exp(-np.sqrt(a)))
    np.testing.assert_allclose(texpr.build(s, [A, B], name="myexp")(a), wanted, rtol=1e-5)


def test_softmax_in_stages():
    n, m = te.var("n"), te.var("m")
    X = te.placeholder((n, m), name="X")
    k = te.reduce_axis((0, m), name="k")
    top = te.compute((n,), lambda i: te.max(X[i, k], axis=k), name="top")
    E = te.compute((n, m), lambda i, j: te.exp(X[i, j] - top[i]), name="E")
    total = te.compute((n,), lambda i: te.sum(E[i, k], axis=k), name="total")
    Y = te.compute((n, m), lambda i, j: E[i, j] / total[i], name="Y")
    s = te.create_schedule(Y.op)
    s[E].vectorize(s[E].split(E.op.axis[1], factor=8)[1])
    x = random(4, 13)
    wanted = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(texpr.build(s, [X, Y])(x), wanted, rtol=1e-5)


def test_sizes_of_int32_as_tvm_declares_them():
    n = te.var("n", "int32")
    A = te.placeholder((n + 1,), name="A")
    B = te.compute((2 * n,), lambda i: A[i // 2] * n, name="B")
    s = te.create_schedule(B.op)
    s[B].split(B.op.axis[0], factor=4)
    f = texpr.build(s, [A, B])
    for size in (0, 1, 5):
        a = random(size + 1)
        np.testing.assert_allclose(f(a), a[np.arange(2 * size) // 2] * size)


def test_a_size_solved_from_an_input():
    n = te.var("n")
    A = te.placeholder((2 * n + 1,), name="A")
    B = te.compute((n,), lambda i: A[2 * i] + A[2 * i + 1] + A[2 * i + 2], name="B")
    f = texpr.build(te.create_schedule(B.op), [A, B])
    a = random(9)
    np.testing.assert_allclose(f(a), a[:-1:2] + a[1::2] + a[2::2], rtol=1e-6)


def test_gather_and_data_dependent_reads():
    n, m = te.var("n"), te.var("m")
    Table = te.placeholder((n, m), name="Table")
    Ids = te.placeholder((te.var("q"),), "int32", name="Ids")
    Rows = te.compute((Ids.shape[0], m), lambda i, j: Table[Ids[i], j], name="Rows")
    f = texpr.build(te.create_schedule(Rows.op), [Table, Ids, Rows])
    ids = np.array([2, 0, 2], "int32")
    np.testing.assert_array_equal(f(random(3, 4), ids), random(3, 4)[ids])


def test_cumulative_by_a_dependent_reduction():
    n = te.var("n")
    A = te.placeholder((n,), name="A")

    def prefix(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[k], axis=k)

    B = te.compute((n,), prefix, name="B")
    f = texpr.build(te.create_schedule(B.op), [A, B])
    np.testing.assert_allclose(f(random(20)), random(20).cumsum(), rtol=1e-5)
