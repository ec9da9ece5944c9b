# ruff: noqa: F401, NPY002, PLR0402, RUF059 - typed as the readers of a tutorial type
"""Programs in the manner of TVM's te tutorials, run whole; only their imports name texpr."""

from __future__ import annotations

import numpy as np
import pytest

import texpr.compat.tvm as tvm
import texpr.compat.tvm.testing
from texpr.compat.tvm import te, topi
from texpr.compat.tvm.topi.utils import get_const_tuple


def test_vector_add_built_for_a_target_and_timed():
    tgt = tvm.target.Target(target="llvm", host="llvm")
    n = te.var("n")
    A = te.placeholder((n,), name="A")
    B = te.placeholder((n,), name="B")
    C = te.compute(A.shape, lambda i: A[i] + B[i], name="C")
    s = te.create_schedule(C.op)
    outer, inner = s[C].split(C.op.axis[0], factor=4)
    s[C].parallel(outer)
    s[C].vectorize(inner)
    assert "parallel" in str(tvm.lower(s, [A, B, C], simple_mode=True))
    fadd = tvm.build(s, [A, B, C], tgt, name="myadd")
    dev = tvm.device(tgt.kind.name, 0)
    length = 1027
    a = tvm.nd.array(np.random.uniform(size=length).astype(A.dtype), dev)
    b = tvm.nd.array(np.random.uniform(size=length).astype(B.dtype), dev)
    c = tvm.nd.array(np.zeros(length, dtype=C.dtype), dev)
    fadd(a, b, c)
    tvm.testing.assert_allclose(c.numpy(), a.numpy() + b.numpy())
    evaluator = fadd.time_evaluator(fadd.entry_name, dev, number=3, repeat=2)
    assert 0 < evaluator(a, b, c).mean < 1


def test_gemm_in_blocks_with_a_packed_operand():
    M, K, N, bn = 64, 32, 96, 32
    dev = tvm.device("llvm", 0)
    k = te.reduce_axis((0, K), "k")
    A = te.placeholder((M, K), name="A")
    B = te.placeholder((K, N), name="B")
    packedB = te.compute(
        (N / bn, K, bn), lambda bigN, k, littleN: B[k, bigN * bn + littleN], name="packedB"
    )
    C = te.compute(
        (M, N),
        lambda m, n: te.sum(A[m, k] * packedB[n // bn, k, tvm.tir.indexmod(n, bn)], axis=k),
        name="C",
    )
    assert get_const_tuple(packedB.shape) == (3, 32, 32)
    s = te.create_schedule(C.op)
    mo, no, mi, ni = s[C].tile(C.op.axis[0], C.op.axis[1], bn, bn)
    (kaxis,) = s[C].op.reduce_axis
    ko, ki = s[C].split(kaxis, factor=4)
    s[C].reorder(mo, no, ko, mi, ki, ni)
    s[C].vectorize(ni)
    bigN, _, littleN = s[packedB].op.axis
    s[packedB].vectorize(littleN)
    s[packedB].parallel(bigN)
    func = tvm.build(s, [A, B, C], target="llvm", name="mmult")
    assert func
    a = tvm.nd.array(np.random.rand(M, K).astype("float32"), dev)
    b = tvm.nd.array(np.random.rand(K, N).astype("float32"), dev)
    c = tvm.nd.empty((M, N), device=dev)
    func(a, b, c)
    tvm.testing.assert_allclose(c.numpy(), a.numpy() @ b.numpy(), rtol=1e-5)


def test_gemm_with_a_write_cache():
    M, K, N, bn = 64, 32, 64, 32
    k = te.reduce_axis((0, K), "k")
    A = te.placeholder((M, K), name="A")
    B = te.placeholder((K, N), name="B")
    C = te.compute((M, N), lambda m, n: te.sum(A[m, k] * B[k, n], axis=k), name="C")
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "global")
    mo, no, mi, ni = s[C].tile(C.op.axis[0], C.op.axis[1], bn, bn)
    s[CC].compute_at(s[C], no)
    mc, nc = s[CC].op.axis
    (kaxis,) = s[CC].op.reduce_axis
    ko, ki = s[CC].split(kaxis, factor=4)
    s[CC].reorder(ko, mc, ki, nc)
    s[CC].vectorize(nc)
    s[CC].unroll(ki)
    s[C].parallel(mo)
    func = tvm.build(s, [A, B, C], target="llvm", name="mmult")
    a, b = np.random.rand(M, K).astype("float32"), np.random.rand(K, N).astype("float32")
    c = tvm.nd.empty((M, N))
    func(tvm.nd.array(a), tvm.nd.array(b), c)
    tvm.testing.assert_allclose(c.numpy(), a @ b, rtol=1e-5)


def test_a_cumulative_sum_by_a_scan_bound_to_threads(stands_in):
    m, n = te.var("m"), te.var("n")
    X = te.placeholder((m, n), name="X")
    s_state = te.placeholder((m, n))
    s_init = te.compute((1, n), lambda _, i: X[0, i])
    s_update = te.compute((m, n), lambda t, i: s_state[t - 1, i] + X[t, i])
    s_scan = tvm.te.scan(s_init, s_update, s_state, inputs=[X])
    s = te.create_schedule(s_scan.op)
    for part in (s_init, s_update):
        xo, xi = s[part].split(part.op.axis[1], factor=8)
        s[part].bind(xo, te.thread_axis("blockIdx.x"))
        s[part].bind(xi, te.thread_axis("threadIdx.x"))
    with stands_in():
        fscan = tvm.build(s, [X, s_scan], "cuda", name="myscan")
    x = np.random.uniform(size=(5, 19)).astype(s_scan.dtype)
    out = tvm.nd.array(np.zeros((5, 19), dtype=s_scan.dtype))
    fscan(tvm.nd.array(x), out)
    tvm.testing.assert_allclose(out.numpy(), np.cumsum(x, axis=0))


def test_sum_of_rows_bound_to_threads(stands_in):
    n, m = te.var("n"), te.var("m")
    A = te.placeholder((n, m), name="A")
    k = te.reduce_axis((0, m), "k")
    B = te.compute((n,), lambda i: te.sum(A[i, k], axis=k), name="B")
    s = te.create_schedule(B.op)
    xo, xi = s[B].split(B.op.axis[0], factor=32)
    s[B].bind(xo, te.thread_axis("blockIdx.x"))
    s[B].bind(xi, te.thread_axis("threadIdx.y"))
    tx = te.thread_axis("threadIdx.x")
    s[B].bind(s[B].op.reduce_axis[0], tx)
    s[B].set_store_predicate(tx.var.equal(0))
    with stands_in():
        fcuda = tvm.build(s, [A, B], "cuda")
    assert "define" in fcuda.imported_modules[0].get_source()
    dev = tvm.cuda(0)
    a = tvm.nd.array(np.random.uniform(size=(70, 50)).astype(A.dtype), dev)
    b = tvm.nd.array(np.zeros(70, dtype=B.dtype), dev)
    fcuda(a, b)
    tvm.testing.assert_allclose(b.numpy(), np.sum(a.numpy(), axis=1), rtol=1e-4)


def test_argmax_by_a_reducer_of_pairs():
    def fcombine(x, y):
        lhs = tvm.tir.Select((x[1] >= y[1]), x[0], y[0])
        rhs = tvm.tir.Select((x[1] >= y[1]), x[1], y[1])
        return lhs, rhs

    def fidentity(t0, t1):
        return tvm.tir.const(-1, t0), tvm.te.min_value(t1)

    argmax = te.comm_reducer(fcombine, fidentity, name="argmax")
    m, n = te.var("m"), te.var("n")
    idx = te.placeholder((m, n), name="idx", dtype="int32")
    val = te.placeholder((m, n), name="val", dtype="int32")
    k = te.reduce_axis((0, n), "k")
    T0, T1 = te.compute((m,), lambda i: argmax((idx[i, k], val[i, k]), axis=k), name="T")
    f = tvm.build(te.create_schedule(T0.op), [idx, val, T0, T1])
    values = np.random.default_rng(0).permutation(50).reshape(5, 10).astype("int32")
    arrays = [np.tile(np.arange(10, dtype="int32"), (5, 1)), values]
    where, most = tvm.nd.empty((5,), "int32"), tvm.nd.empty((5,), "int32")
    f(*map(tvm.nd.array, arrays), where, most)
    np.testing.assert_array_equal(where.numpy(), values.argmax(1))
    np.testing.assert_array_equal(most.numpy(), values.max(1))


def test_a_padded_convolution_bound_to_blocks(stands_in):
    batch, channels, filters, size, kernel, pad = 2, 3, 4, 6, 3, 1
    A = te.placeholder((size, size, channels, batch), name="A")
    W = te.placeholder((kernel, kernel, channels, filters), name="W")
    out_size = (size - kernel + 2 * pad) + 1
    Apad = te.compute(
        (size + 2 * pad, size + 2 * pad, channels, batch),
        lambda yy, xx, cc, nn: tvm.tir.if_then_else(
            tvm.tir.all(yy >= pad, yy - pad < size, xx >= pad, xx - pad < size),
            A[yy - pad, xx - pad, cc, nn],
            tvm.tir.const(0.0, "float32"),
        ),
        name="Apad",
    )
    rc = te.reduce_axis((0, channels), name="rc")
    ry = te.reduce_axis((0, kernel), name="ry")
    rx = te.reduce_axis((0, kernel), name="rx")
    B = te.compute(
        (out_size, out_size, filters, batch),
        lambda yy, xx, ff, nn: te.sum(
            Apad[yy + ry, xx + rx, rc, nn] * W[ry, rx, rc, ff], axis=[ry, rx, rc]
        ),
        name="B",
    )
    s = te.create_schedule(B.op)
    s[Apad].compute_inline()
    hi, wi, fi, ni = s[B].op.axis
    bz = s[B].fuse(hi, wi)
    ty, fi = s[B].split(fi, nparts=2)
    s[B].reorder(bz, ty, fi, ni)
    s[B].bind(bz, te.thread_axis("blockIdx.z"))
    s[B].bind(ty, te.thread_axis((0, 2), "vthread", name="vx"))
    with stands_in():
        func = tvm.build(s, [A, W, B], tvm.target.cuda())
    assert "in parallel(36)" in str(func.kernel.program)
    a = np.random.uniform(size=get_const_tuple(A.shape)).astype(A.dtype)
    w = np.random.uniform(size=get_const_tuple(W.shape)).astype(W.dtype)
    b = tvm.nd.empty(get_const_tuple(B.shape))
    func(tvm.nd.array(a), tvm.nd.array(w), b)
    padded = np.pad(a, ((1, 1), (1, 1), (0, 0), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    tvm.testing.assert_allclose(b.numpy(), np.einsum("yxcnab,abcf->yxfn", windows, w), rtol=1e-5)


def test_whole_tensors_with_topi():
    a = te.placeholder((7, 5, 5), name="a")
    b = te.placeholder((5, 5), name="b")
    c, d = a + b, topi.multiply(a, b)
    e = topi.elemwise_sum([c, d])
    f = topi.nn.relu(e / 2.0 - 0.5)
    g = topi.sum(f)
    s = te.create_schedule(g.op)
    for stage in (c, d, e):
        s[stage].compute_inline()
    assert "T_add" not in str(tvm.lower(s, [a, b], simple_mode=True))
    func = tvm.build(s, [a, b, g])
    x, y = np.random.rand(7, 5, 5).astype("float32"), np.random.rand(5, 5).astype("float32")
    out = tvm.nd.array(np.zeros((), "float32"))
    func(tvm.nd.array(x), tvm.nd.array(y), out)
    wanted = np.maximum(((x + y) + x * y) / 2 - 0.5, 0).sum()
    tvm.testing.assert_allclose(out.numpy(), wanted, rtol=1e-5)


def test_a_program_that_asks_for_a_gpu_first_does_without():
    assert not tvm.runtime.enabled("cuda")
    assert not tvm.cuda(0).exist
    assert tvm.runtime.enabled("llvm")
    assert tvm.cpu(0).exist


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "sqrt"])
def test_functions_of_te_and_tir_are_the_same(name):
    n = te.var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute(A.shape, lambda i: getattr(tvm.tir, name)(A[i]), name="B")
    f = tvm.build(te.create_schedule(B.op), [A, B], "llvm", name="mine")
    b = tvm.nd.empty((9,))
    a = np.random.rand(9).astype("float32")
    f(tvm.nd.array(a), b)
    exact = {"sigmoid": lambda x: 1 / (1 + np.exp(-x))}.get(name) or getattr(np, name)
    tvm.testing.assert_allclose(b.numpy(), exact(a), rtol=1e-6)
