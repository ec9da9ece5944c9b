"""Programs to differentiate: what networks are made of, and what is awkward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from texpr import te

Program = tuple[te.Tensor, dict[te.Tensor, np.ndarray]]
PROGRAMS: dict[str, Callable[[], Program]] = {}


def program(function: Callable[[], Program]) -> Callable[[], Program]:
    PROGRAMS[function.__name__] = function
    return function


class Inputs(dict[te.Tensor, np.ndarray]):
    """Placeholders of float64 with values; all values of one differ from another."""

    def new(self, name: str, *shape: int, low: float = -2.0, high: float = 2.0) -> te.Tensor:
        tensor = te.placeholder(shape, "float64", name=name)
        rng = np.random.default_rng(len(self))
        self[tensor] = rng.uniform(low, high, shape)
        return tensor

    def index(self, name: str, values: Any) -> te.Tensor:
        array = np.array(values, "int32")
        tensor = te.placeholder(array.shape, "int32", name=name)
        self[tensor] = array
        return tensor


def axes(**extents: int) -> list[te.IterVar]:
    return [te.reduce_axis((0, extent), name=name) for name, extent in extents.items()]


@program
def matmul_bias_relu() -> Program:
    given = Inputs()
    A, B, bias = given.new("A", 4, 5), given.new("B", 5, 3), given.new("bias", 3)
    (k,) = axes(k=5)
    C = te.compute((4, 3), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    return te.compute((4, 3), lambda i, j: te.max(C[i, j] + bias[j], 0.0), name="R"), given


@program
def softmax() -> Program:
    given = Inputs()
    Z = given.new("Z", 3, 5)
    k, r = axes(k=5, r=5)
    M = te.compute((3,), lambda i: te.max(Z[i, k], axis=k), name="M")
    E = te.compute((3, 5), lambda i, j: te.exp(Z[i, j] - M[i]), name="E")
    S = te.compute((3,), lambda i: te.sum(E[i, r], axis=r), name="S")
    return te.compute((3, 5), lambda i, j: E[i, j] / S[i], name="Q"), given


@program
def logsumexp() -> Program:
    given = Inputs()
    Z = given.new("Z", 3, 5)
    k, r = axes(k=5, r=5)
    M = te.compute((3,), lambda i: te.max(Z[i, k], axis=k), name="M")
    S = te.compute((3,), lambda i: te.sum(te.exp(Z[i, r] - M[i]), axis=r), name="S")
    return te.compute((3,), lambda i: te.log(S[i]) + M[i], name="L"), given


@program
def layer_norm() -> Program:
    given = Inputs()
    X, g, b = given.new("X", 3, 6), given.new("g", 6), given.new("b", 6)
    k, r = axes(k=6, r=6)
    mean = te.compute((3,), lambda i: te.sum(X[i, k] / 6.0, axis=k), name="mean")
    var = te.compute((3,), lambda i: te.sum((X[i, r] - mean[i]) ** 2 / 6.0, axis=r), name="var")
    rule = lambda i, j: (X[i, j] - mean[i]) * te.rsqrt(var[i] + 1e-5) * g[j] + b[j]  # noqa: E731
    return te.compute((3, 6), rule, name="N"), given


def _conv(stride: int, dilation: int, size: int) -> Program:
    given = Inputs()
    X, F = given.new("X", 1, 2, 7, 7), given.new("F", 3, 2, size, size)
    inside = lambda y, x: te.all(y >= 1, y < 8, x >= 1, x < 8)  # noqa: E731
    P = te.compute(
        (1, 2, 9, 9),
        lambda n, c, y, x: te.if_then_else(inside(y, x), X[n, c, y - 1, x - 1], 0.0),
        name="P",
    )
    c, ry, rx = axes(rc=2, ry=size, rx=size)
    out = (9 - dilation * (size - 1) - 1) // stride + 1
    at = lambda y, r: y * stride + r * dilation  # noqa: E731
    rule = lambda n, o, y, x: te.sum(  # noqa: E731
        P[n, c, at(y, ry), at(x, rx)] * F[o, c, ry, rx], axis=[c, ry, rx]
    )
    return te.compute((1, 3, out, out), rule, name="Y"), given


for _case in ((1, 1, 3), (2, 1, 3), (2, 1, 2), (3, 1, 2), (1, 2, 2), (2, 3, 3), (4, 2, 3)):
    PROGRAMS["conv2d stride {} dilation {} size {}".format(*_case)] = lambda case=_case: _conv(
        *case
    )


@program
def max_pool_overlapping() -> Program:
    given = Inputs()
    X = given.new("X", 2, 9, 9)
    ry, rx = axes(ry=3, rx=3)
    rule = lambda c, y, x: te.max(X[c, y * 2 + ry, x * 2 + rx], axis=[ry, rx])  # noqa: E731
    return te.compute((2, 4, 4), rule, name="P"), given


@program
def min_pool_apart() -> Program:
    given = Inputs()
    X = given.new("X", 8)
    (r,) = axes(r=2)
    return te.compute((4,), lambda y: te.min(X[y * 2 + r] ** 3, axis=r), name="P"), given


@program
def embedding() -> Program:
    given = Inputs()
    T, I = given.new("T", 5, 3), given.index("I", [3, 0, 3, 1])  # noqa: E741
    return te.compute((4, 3), lambda i, j: T[I[i], j] ** 2, name="G"), given


@program
def shifted_gather() -> Program:
    given = Inputs()
    T, I = given.new("T", 9), given.index("I", [3, 0, 3, 1])  # noqa: E741
    (k,) = axes(k=4)
    return te.compute((5,), lambda i: te.sum(T[I[k] + i] ** 2, axis=k), name="G"), given


@program
def guarded_gather() -> Program:
    given = Inputs()
    T, I = given.new("T", 5), given.index("I", [3, 0, 7, -1])  # noqa: E741
    valid = lambda i: te.all(i > 0, I[i - 1] >= 0, I[i - 1] < 5)  # noqa: E731
    rule = lambda i: te.if_then_else(valid(i), te.exp(T[I[i - 1]]), 1.0)  # noqa: E731
    return te.compute((5,), rule, name="G"), given


@program
def cumulative_product() -> Program:
    given = Inputs()
    last = given.new("X", 6)
    for step in (1, 2, 4):
        before = last
        last = te.compute(
            (6,),
            lambda i, x=before, d=step: te.if_then_else(i >= d, x[i] * x[i - d], x[i]),
            name=f"S{step}",
        )
    return last, given


@program
def lstm_cell() -> Program:
    given = Inputs()
    x, h, c = given.new("x", 3), given.new("h", 2), given.new("c", 2)
    W, U = given.new("W", 4, 2, 3), given.new("U", 4, 2, 2)
    k, r = axes(k=3, r=2)
    a = te.compute((4, 2), lambda g, i: te.sum(W[g, i, k] * x[k], axis=k), name="a")
    b = te.compute((4, 2), lambda g, i: te.sum(U[g, i, r] * h[r], axis=r), name="b")
    z = te.compute((4, 2), lambda g, i: a[g, i] + b[g, i], name="z")
    s = te.sigmoid
    new_c = te.compute(
        (2,), lambda i: s(z[0, i]) * c[i] + s(z[1, i]) * te.tanh(z[2, i]), name="new_c"
    )
    return te.compute((2,), lambda i: s(z[3, i]) * te.tanh(new_c[i]), name="new_h"), given


@program
def stencil() -> Program:
    given = Inputs()
    X = given.new("X", 7)
    return te.compute((5,), lambda i: X[i] * X[i + 1] - X[i + 2] ** 2, name="Y"), given


@program
def prefix_sum() -> Program:
    given = Inputs()
    X = given.new("X", 6)

    def rule(i: Any) -> Any:
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(X[k] * X[k], axis=k)

    return te.compute((6,), rule, name="Y"), given


@program
def causal_convolution() -> Program:
    given = Inputs()
    X, F = given.new("X", 6), given.new("F", 6)

    def rule(i: Any) -> Any:
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(X[i - k] * F[k], axis=k)

    return te.compute((6,), rule, name="Y"), given


@program
def triangular_maximum() -> Program:
    given = Inputs()
    X = given.new("X", 6)

    def rule(i: Any) -> Any:
        k = te.reduce_axis((i // 2, i + 1), name="k")
        return te.max(X[k] * X[i], axis=k)

    return te.compute((6,), rule, name="Y"), given


@program
def masked_sum_with_a_start() -> Program:
    given = Inputs()
    X, Y = given.new("X", 4, 6), given.new("Y", 4)
    (k,) = axes(k=6)
    rule = lambda i: te.sum(  # noqa: E731
        X[i, k] * Y[i], axis=k, where=X[i, k] > 0.0, init=te.sin(Y[i])
    )
    return te.compute((4,), rule, name="S"), given


@program
def maximum_with_a_start() -> Program:
    given = Inputs()
    X, Y = given.new("X", 6, 3), given.new("Y", 6)
    (k,) = axes(k=3)
    rule = lambda i: te.max(X[i, k], axis=k, where=(k % 2).equal(0), init=Y[i] * 2.0)  # noqa: E731
    return te.compute((6,), rule, name="S"), given


@program
def maximum_with_a_constant_start() -> Program:
    given = Inputs()
    X = given.new("X", 6, 3)
    (k,) = axes(k=3)
    return te.compute((6,), lambda i: te.max(X[i, k], axis=k, init=0.5), name="S"), given


@program
def product() -> Program:
    given = Inputs()
    X = given.new("X", 3, 5)
    given[X][0, 2] = given[X][1, 1] = given[X][1, 3] = 0.0
    (k,) = axes(k=5)
    return te.compute((3,), lambda i: te.prod(X[i, k] + 0.0, axis=k), name="P"), given


@program
def product_of_sums() -> Program:
    given = Inputs()
    X, Y = given.new("X", 3, 3), given.new("Y", 3)
    given[X][0, 2], given[Y][2] = 0.0, 0.0
    k, r = axes(k=3, r=3)
    rule = lambda i: te.prod(  # noqa: E731
        X[i, k] * Y[k] + X[i, r] * Y[r], axis=[k, r], where=(k + r) % 2 < 1
    )
    return te.compute((3,), rule, name="P"), given


@program
def product_of_some_with_a_start() -> Program:
    given = Inputs()
    X, Y = given.new("X", 3, 5), given.new("Y", 3)
    k = te.reduce_axis((1, 5), name="k")
    rule = lambda i: te.prod(  # noqa: E731
        X[i, k], axis=k, where=X[i, k] > -1.0, init=te.exp(Y[i])
    )
    return te.compute((3,), rule, name="P"), given


@program
def reducer_of_ones_own() -> Program:
    given = Inputs()
    X = given.new("X", 3, 5)
    (k,) = axes(k=5)
    logaddexp = te.comm_reducer(
        lambda x, y: te.max(x, y) + te.log(1.0 + te.exp(-abs(x - y))),
        lambda t: te.const(-1e30, t),
        name="logaddexp",
    )
    return te.compute((3,), lambda i: logaddexp(X[i, k] * 2.0, axis=k), name="L"), given


@program
def reducer_of_pairs() -> Program:
    given = Inputs()
    X, Y = given.new("X", 3, 4), given.new("Y", 3, 4)
    (k,) = axes(k=4)
    complex_product = te.comm_reducer(
        lambda x, y: (x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]),
        lambda s, t: (te.const(1, s), te.const(0, t)),
        name="complex_product",
    )
    re, im = te.compute((3,), lambda i: complex_product((X[i, k], Y[i, k]), axis=k), name="Z")
    return te.compute((3,), lambda i: re[i] * im[i], name="R"), given


@program
def reductions_side_by_side() -> Program:
    given = Inputs()
    X = given.new("X", 3, 4)
    (k,) = axes(k=4)
    rule = lambda i: (te.sum(X[i, k] ** 2, axis=k), te.max(X[i, k], axis=k))  # noqa: E731
    total, most = te.compute((3,), rule, name="Z")
    return te.compute((3,), lambda i: total[i] * most[i], name="R"), given


@program
def value_of_an_argmax() -> Program:
    given = Inputs()
    X = given.new("X", 3, 4)
    (k,) = axes(k=4)
    at, most = te.compute((3,), lambda i: te.argmax(X[i, k] ** 2, axis=k), name="M")
    return te.compute((3,), lambda i: most[i] * at[i], name="R"), given


@program
def element_picked_by_an_argmax() -> Program:
    given = Inputs()
    X, Y = given.new("X", 3, 4), given.new("Y", 4)
    (k,) = axes(k=4)
    at, most = te.compute((3,), lambda i: te.argmax(X[i, k], axis=k), name="M")
    return te.compute((3,), lambda i: Y[at[i]] * most[i], name="R"), given


@program
def value_of_an_argmin_of_pairs_with_a_start() -> Program:
    given = Inputs()
    X, Y = given.new("X", 4, 3), given.new("Y", 4)
    (k,) = axes(k=3)
    rule = lambda i: te.argmin(  # noqa: E731
        (7 - k, X[i, k] + Y[i]), axis=k, where=k != 1, init=(100, Y[i] * 0.5)
    )
    _, least = te.compute((4,), rule, name="M")
    return te.compute((4,), lambda i: least[i] ** 2, name="R"), given


@program
def two_results_of_one_rule() -> Program:
    given = Inputs()
    X, Y = given.new("X", 4), given.new("Y", 4)
    a, b = te.compute((4,), lambda i: (te.exp(X[i]) * Y[i], te.exp(X[3 - i])), name="T")
    return te.compute((4,), lambda i: a[i] * b[3 - i] + a[0], name="R"), given


@program
def sparse_rows() -> Program:
    given = Inputs()
    value, x = given.new("value", 6), given.new("x", 5)
    column, first = given.index("column", [0, 3, 1, 3, 4, 0]), given.index("first", [0, 2, 2, 5, 6])

    def rule(i: Any) -> Any:
        k = te.reduce_axis((first[i], first[i + 1]), name="k")
        return te.sum(value[k] * x[column[k]] ** 2, axis=k)

    return te.compute((4,), rule, name="Y"), given


@program
def rows_of_a_table_added_up() -> Program:
    given = Inputs()
    T, I = given.new("T", 5, 3), given.index("I", [[3, 0], [3, 3], [1, 2]])  # noqa: E741
    k, w = axes(k=2), given.new("w", 2)
    rule = lambda i, j: te.sum(T[I[i, k[0]], j] * w[k[0]], axis=k, where=I[i, k[0]] > 0)  # noqa: E731
    return te.compute((3, 3), rule, name="Y"), given


@program
def upsample() -> Program:
    given = Inputs()
    X = given.new("X", 4, 3)
    return te.compute((8, 9), lambda i, j: X[i // 2, j // 3] ** 2, name="U"), given


@program
def wrapped_around() -> Program:
    given = Inputs()
    X, F = given.new("X", 5), given.new("F", 3)
    (k,) = axes(k=3)
    rule = lambda i: te.sum(X[(i + k) % 5] * F[k], axis=k)  # noqa: E731
    return te.compute((5,), rule, name="Y"), given


@program
def tiled() -> Program:
    given = Inputs()
    X = given.new("X", 3)
    return te.compute((8,), lambda i: te.sin(X[i % 3]), name="Y"), given


@program
def reshaped_and_transposed() -> Program:
    given = Inputs()
    X = given.new("X", 4, 6)
    flat = te.compute((24,), lambda i: X[i // 6, i % 6] ** 2, name="flat")
    cube = te.compute((2, 3, 4), lambda i, j, k: flat[i * 12 + j * 4 + k], name="cube")
    return te.compute((4, 2, 3), lambda k, i, j: cube[i, j, k] * flat[j], name="T"), given


@program
def diagonal_row_and_constant() -> Program:
    given = Inputs()
    X = given.new("X", 4, 4)
    return te.compute((4,), lambda i: X[i, i] * X[2, i] + X[i, 3 - i] * X[0, 1], name="Y"), given


@program
def backwards_with_steps() -> Program:
    given = Inputs()
    X = given.new("X", 11)
    return te.compute((4,), lambda i: X[10 - 3 * i] ** 2, name="Y"), given


@program
def awkward_combination() -> Program:
    given = Inputs()
    X = given.new("X", 40)
    k, r = axes(k=3, r=4)
    rule = lambda i: te.sum(X[2 * i + 3 * k + 5 * r] * (i + k), axis=[k, r])  # noqa: E731
    return te.compute((5,), rule, name="Y"), given


@program
def difference_of_two() -> Program:
    given = Inputs()
    X = given.new("X", 13)
    k = te.reduce_axis((-1, 3), name="k")
    return te.compute((4,), lambda i: te.sum(X[2 * i - 2 * k + 4] * k, axis=k), name="Y"), given


@program
def several_paths() -> Program:
    given = Inputs()
    X, Y = given.new("X", 4), given.new("Y", 4)
    A = te.compute((4,), lambda i: te.sin(X[i]) * Y[i], name="A")
    B = te.compute((4,), lambda i: A[i] * X[3 - i], name="B")
    (k,) = axes(k=4)
    S = te.compute((), lambda: te.sum(B[k] * A[k], axis=k), name="S")
    return te.compute((4,), lambda i: B[i] * S() + A[i] + X[i], name="C"), given


@program
def independent() -> Program:
    given = Inputs()
    X, Y = given.new("X", 4), given.new("Y", 4)
    return te.compute((4,), lambda i: X[i] + te.floor(Y[i]) * 0.0, name="C"), given


@program
def choices() -> Program:
    given = Inputs()
    X, Y = given.new("X", 8), given.new("Y", 8)
    rule = lambda i: te.select(X[i] > 0.0, te.sqrt(X[i]), Y[i] * X[i])  # noqa: E731
    A = te.compute((8,), rule, name="A")
    low = lambda i: te.if_then_else(i > 3, A[i - 4] * A[i], te.min(A[i], Y[i]))  # noqa: E731
    return te.compute((8,), lambda i: low(i) + te.max(Y[i], A[i]) * low(i), name="B"), given


@program
def kinks_and_steps() -> Program:
    given = Inputs()
    X, Y = given.new("X", 9, low=-3.0, high=3.0), given.new("Y", 9, low=0.6, high=1.4)
    rule = lambda i: (  # noqa: E731
        abs(X[i]) * X[i]
        + te.floormod(X[i], Y[i])
        + te.truncmod(X[i] * 2.0, Y[i])
        + te.fmod(X[i] * 3.0, Y[i])
        + te.floordiv(X[i], Y[i]) * X[i]
        + te.round(X[i]) * Y[i]
        + te.ceil(X[i])
        + te.trunc(X[i])
        + te.truncdiv(X[i], Y[i])
    )
    return te.compute((9,), rule, name="Y"), given


@program
def powers() -> Program:
    given = Inputs()
    X, Y = given.new("X", 6, low=0.3, high=2.0), given.new("Y", 6)
    rule = lambda i: X[i] ** Y[i] + X[i] ** 2.5 + 2.0 ** Y[i] + Y[i] ** 3  # noqa: E731
    return te.compute((6,), rule, name="P"), given


@program
def rank_0() -> Program:
    given = Inputs()
    x, y = given.new("x"), given.new("y")
    return te.compute((), lambda: te.exp(x()) * y() + y * y, name="z"), given
