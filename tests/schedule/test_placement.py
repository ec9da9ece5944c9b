"""Kernels scheduled by hand with stages that are moved, cached and factored, equal to NumPy."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.bind import bind_arguments
from texpr.errors import LoweringError
from texpr.ir.interpreter import interpret
from texpr.ir.program import Alloc, stmts


def test_matmul_with_a_packed_operand_and_cached_accumulators(golden):
    n, m, p = (te.size_var(name) for name in "nmp")
    A = te.placeholder((n, p), name="A")
    B = te.placeholder((p, m), name="B")
    k = te.reduce_axis((0, p), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    CC = s.cache_write(C, "local")
    BB = s.cache_read(B, "local", [CC])
    i_o, j_o, _, j_i = s[C].tile(*C.op.axis, 4, 8)
    s[CC].compute_at(s[C], j_o)
    k_o, k_i = s[CC].split(k, factor=16)
    i_c, j_c = CC.op.axis
    s[CC].reorder(k_o, k_i, i_c, j_c)
    s[BB].compute_at(s[CC], k_o)
    s[BB].vectorize(BB.op.axis[1])
    s[CC].unroll(i_c)
    s[CC].vectorize(j_c)
    s[C].vectorize(j_i)
    s[C].parallel(i_o)
    golden(str(s), "placement_matmul")
    kernel = None
    for sizes in ((1, 1, 1), (4, 8, 16), (5, 9, 17), (13, 20, 33), (0, 3, 2), (3, 3, 0)):
        rows, columns, depth = sizes
        arrays = {A: filled(rows, depth), B: filled(depth, columns, seed=1)}
        values = {n: rows, m: columns, p: depth}
        kernel = check_readings(s, [C], arrays, sizes=values, kernel=kernel)


def blur(n, m):
    A = te.placeholder((n + 2, m + 2), name="A")
    X = te.compute((n + 2, m), lambda i, j: (A[i, j] + A[i, j + 1] + A[i, j + 2]) / 3.0, name="X")
    Y = te.compute((n, m), lambda i, j: (X[i, j] + X[i + 1, j] + X[i + 2, j]) / 3.0, name="Y")
    return A, X, Y


def at_root(s, X, Y):
    s[X].parallel(X.op.axis[0])
    s[Y].parallel(Y.op.axis[0])


def inlined(s, X, Y):
    s[X].compute_inline()
    s[Y].parallel(Y.op.axis[0])


def in_tiles(s, X, Y):
    i_o, j_o, _, _ = s[Y].tile(*Y.op.axis, 8, 16)
    s[X].compute_at(s[Y], j_o)
    s[X].vectorize(X.op.axis[1])
    s[Y].parallel(i_o)


def in_strips(s, X, Y):
    i_o, _ = s[Y].split(Y.op.axis[0], factor=8)
    s[X].compute_at(s[Y], i_o)
    s[Y].parallel(i_o)


def in_every_row(s, X, Y):
    s[X].compute_at(s[Y], Y.op.axis[0])
    s[Y].parallel(Y.op.axis[0])


@pytest.mark.parametrize("how", [at_root, inlined, in_tiles, in_strips, in_every_row])
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_two_stage_blur(how, is_symbolic):
    n, m = (te.size_var("n"), te.size_var("m")) if is_symbolic else (19, 21)
    A, X, Y = blur(n, m)
    s = te.create_schedule(Y.op)
    how(s, X, Y)
    sizes = {n: 19, m: 21} if is_symbolic else None
    check_readings(s, [Y], {A: filled(21, 23)}, sizes=sizes)


def slides(s, X, Y):
    s[X].compute_at(s[Y], Y.op.axis[0])
    s[X].store_root()


def rolls(s, X, Y):
    slides(s, X, Y)
    s[X].rolling_buffer()
    s[X].vectorize(s[X].split(X.op.axis[1], factor=8)[1])


def rolls_in_strips(s, X, Y):
    y_o, y_i = s[Y].split(Y.op.axis[0], factor=8)
    s[X].compute_at(s[Y], y_i)
    s[X].store_at(s[Y], y_o)
    s[X].rolling_buffer()
    s[Y].parallel(y_o)


def rolls_in_tiles(s, X, Y):
    y_o, x_o, y_i, _ = s[Y].tile(*Y.op.axis, 8, 16)
    s[X].compute_at(s[Y], y_i)
    s[X].store_at(s[Y], x_o)
    s[X].rolling_buffer(extent=4)
    s[Y].parallel(s[Y].fuse(y_o, x_o))


# Rows of X that are computed for 19 of Y, and how many there is room for at a time.
SLIDING = {slides: (21, "n + 2"), rolls: (21, 3), rolls_in_strips: (3 + 18 + 4, 3)}


@pytest.mark.parametrize("how", [*SLIDING, rolls_in_tiles])
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_two_stage_blur_with_a_sliding_window(how, is_symbolic, golden):
    n, m = (te.size_var("n"), te.size_var("m")) if is_symbolic else (19, 21)
    A, X, Y = blur(n, m)
    s = te.create_schedule(Y.op)
    how(s, X, Y)
    if is_symbolic:
        golden(str(s), f"placement_blur_{how.__name__}")
    sizes = {n: 19, m: 21} if is_symbolic else None
    check_readings(s, [Y], {A: filled(21, 23)}, sizes=sizes)


@pytest.mark.parametrize("how", SLIDING)
def test_no_row_is_computed_again(how):
    """But for the two that two strips share, each."""
    A, X, Y = blur(te.size_var("n"), 21)
    s = te.create_schedule(Y.op)
    how(s, X, Y)
    rows, room = SLIDING[how]
    computed: list[int] = []

    def note(label, instance):
        if label == "X" and instance[1] == 0:
            computed.append(instance[0])

    interpret(bind_arguments(s.program, [A, Y]), filled(21, 23), filled(19, 21), on_instance=note)
    assert len(computed) == rows
    assert set(computed) == set(range(21))
    (alloc,) = (stmt for stmt in stmts(s.program.body) if isinstance(stmt, Alloc))
    assert str(alloc.buffer.shape[0]) == str(room)


def test_softmax_in_one_loop_over_rows(golden):
    n, m = te.size_var("n"), 37
    A = te.placeholder((n, m), name="A")
    k, l = te.reduce_axis((0, m), name="k"), te.reduce_axis((0, m), name="l")  # noqa: E741
    top = te.compute((n,), lambda i: te.max(A[i, k], axis=k), name="top")
    E = te.compute((n, m), lambda i, j: te.exp(A[i, j] - top[i]), name="E")
    total = te.compute((n,), lambda i: te.sum(E[i, l], axis=l), name="total")
    S = te.compute((n, m), lambda i, j: E[i, j] / total[i], name="S")
    s = te.create_schedule(S.op)
    row = S.op.axis[0]
    for stage in (total, E, top):
        s[stage].compute_at(s[S], row)
    s[S].parallel(row)
    s[S].vectorize(S.op.axis[1])
    s[E].vectorize(E.op.axis[1])
    golden(str(s), "placement_softmax")
    for size in (0, 1, 6):
        check_readings(s, [S], {A: filled(size, m)}, sizes={n: size})


def test_convolution_with_padding_and_bias_in_its_tiles():
    A = te.placeholder((3, 12, 13), name="A")
    W = te.placeholder((5, 3, 3, 3), name="W")
    b = te.placeholder((5,), name="b")
    P = te.compute(
        (3, 14, 15),
        lambda c, y, x: te.if_then_else(
            te.all(y >= 1, y < 13, x >= 1, x < 14), A[c, y - 1, x - 1], 0.0
        ),
        name="P",
    )
    c, r, q = (te.reduce_axis((0, 3), name=name) for name in "crq")
    C = te.compute(
        (5, 12, 13),
        lambda o, y, x: te.sum(P[c, y + r, x + q] * W[o, c, r, q], axis=[c, r, q]),
        name="C",
    )
    R = te.compute((5, 12, 13), lambda o, y, x: te.max(C[o, y, x] + b[o], 0.0), name="R")
    s = te.create_schedule(R.op)
    o, y, x = R.op.axis
    y_o, x_o, y_i, x_i = s[R].tile(y, x, 4, 5)
    s[R].reorder(y_o, x_o, o, y_i, x_i)
    s[C].compute_at(s[R], o)
    s[P].compute_at(s[R], x_o)
    s[C].reorder(c, r, q, *C.op.axis)
    s[R].parallel(y_o)
    arrays = {A: filled(3, 12, 13), W: filled(5, 3, 3, 3, seed=1), b: filled(5, seed=2)}
    check_readings(s, [R], arrays)


def test_matmul_with_its_bias_in_the_tiles(golden):
    n, m, p = (te.size_var(name) for name in "nmp")
    A = te.placeholder((n, p), name="A")
    B = te.placeholder((p, m), name="B")
    b = te.placeholder((m,), name="b")
    k = te.reduce_axis((0, p), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    R = te.compute((n, m), lambda i, j: te.max(C[i, j] + b[j], 0.0), name="R")
    s = te.create_schedule(R.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, 8)
    k_o, k_i = s[C].split(k, factor=16)
    s[C].reorder(i_o, j_o, k_o, k_i, i_i, j_i)
    s[R].reverse_compute_at(s[C], j_o)
    s[C].unroll(i_i)
    s[C].vectorize(j_i)
    s[R].vectorize(R.op.axis[1])
    s[C].parallel(i_o)
    golden(str(s), "placement_matmul_bias")
    kernel = None
    for rows, columns, depth in ((1, 1, 1), (4, 8, 16), (5, 9, 17), (13, 20, 33), (3, 3, 0)):
        arrays = {A: filled(rows, depth), B: filled(depth, columns, seed=1), b: filled(columns)}
        values = {n: rows, m: columns, p: depth}
        kernel = check_readings(s, [R], arrays, sizes=values, kernel=kernel)


def test_convolution_with_its_padding_before_and_its_bias_after(golden):
    A = te.placeholder((3, 12, 13), name="A")
    W = te.placeholder((5, 3, 3, 3), name="W")
    b = te.placeholder((5,), name="b")
    P = te.compute(
        (3, 14, 15),
        lambda c, y, x: te.if_then_else(
            te.all(y >= 1, y < 13, x >= 1, x < 14), A[c, y - 1, x - 1], 0.0
        ),
        name="P",
    )
    c, r, q = (te.reduce_axis((0, 3), name=name) for name in "crq")
    C = te.compute(
        (5, 12, 13),
        lambda o, y, x: te.sum(P[c, y + r, x + q] * W[o, c, r, q], axis=[c, r, q]),
        name="C",
    )
    R = te.compute((5, 12, 13), lambda o, y, x: te.max(C[o, y, x] + b[o], 0.0), name="R")
    s = te.create_schedule(R.op)
    o, y, x = C.op.axis
    y_o, x_o, y_i, x_i = s[C].tile(y, x, 4, 5)
    s[C].reorder(y_o, x_o, o, c, r, q, y_i, x_i)
    s[R].reverse_compute_at(s[C], o)
    s[P].compute_at(s[C], x_o)
    s[C].parallel(y_o)
    golden(str(s), "placement_convolution")
    arrays = {A: filled(3, 12, 13), W: filled(5, 3, 3, 3, seed=1), b: filled(5, seed=2)}
    check_readings(s, [R], arrays)


def test_convolution_over_rows_that_are_kept(golden):
    """The rows of the padded image that a row of the result needs, of which one is new."""
    A = te.placeholder((8, 20, 20), name="A")
    W = te.placeholder((4, 8, 3, 3), name="W")
    P = te.compute(
        (8, 22, 22),
        lambda c, y, x: te.if_then_else(
            te.all(y >= 1, y < 21, x >= 1, x < 21), A[c, y - 1, x - 1], 0.0
        ),
        name="P",
    )
    c, r, q = (te.reduce_axis((0, extent), name=k) for extent, k in ((8, "c"), (3, "r"), (3, "q")))
    C = te.compute(
        (4, 20, 20),
        lambda o, y, x: te.sum(P[c, y + r, x + q] * W[o, c, r, q], axis=[c, r, q]),
        name="C",
    )
    s = te.create_schedule(C.op)
    s[C].reorder("y", "o", "c", "r", "q", "x")
    s[P].compute_at(s[C], "y")
    s[P].rolling_buffer()
    s[C].vectorize("x", 4)
    golden(str(s), "placement_convolution_rows")
    check_readings(s, [C], {A: filled(8, 20, 20), W: filled(4, 8, 3, 3, seed=1)})


def test_a_cache_that_rolls():
    A = te.placeholder((34, 24), name="A")
    k = te.reduce_axis((0, 3), name="k")
    Y = te.compute((32, 24), lambda y, x: te.sum(A[y + k, x], axis=k), name="Y")
    s = te.create_schedule(Y.op)
    rows = s.cache_read(A, "local", [Y])
    s[rows].compute_at(s[Y], "y")
    s[rows].rolling_buffer()
    assert 'A_local = empty((3, 24), float32, scope="local")' in str(s)
    assert str(pickle.loads(pickle.dumps(s))) == str(s)
    kernel = check_readings(s, [Y], {A: filled(34, 24)})
    again = pickle.loads(pickle.dumps(kernel))
    assert str(again.program) == str(kernel.program)


def test_what_is_in_tiles_cannot_be_taken_out_whole():
    A, X, Y = blur(8, 8)
    s = te.create_schedule(Y.op)
    s[X].compute_at(s[Y], Y.op.axis[0])
    with pytest.raises(LoweringError, match="X"):
        texpr.build(s, [A, X, Y])


def test_a_parallel_sum():
    n = te.size_var("n")
    A = te.placeholder((n,), "float64", name="A")
    k = te.reduce_axis((0, n), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    s = te.create_schedule(S.op)
    k_o, _ = s[S].split(k, factor=64)
    SF = s.rfactor(S, k_o)
    s[SF].parallel(SF.op.axis[0])
    for size in (0, 1, 64, 100, 1000):
        a = np.arange(float(size))
        check_readings(s, [S], {A: a}, sizes={n: size}, expected=[np.array(a.sum())])
