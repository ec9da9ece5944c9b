"""Random schedules of programs that the random programs of tests/te_programs.py do not reach.

Ranges that depend on other loops and on data, axes that two stages share, several outputs, bools
and narrow integers, gathers, stages over other shapes than their readers'. What each computes is
written out with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.readings import check_readings
from tests.te_programs import SIZES, schedule_at_random
from texpr import te
from texpr.bind import bind_arguments
from texpr.ir.interpreter import interpret
from texpr.target.target import Target

Parts = tuple[list[te.Tensor], dict[te.Tensor, np.ndarray], list[np.ndarray]]
"""Outputs, values of the inputs, and what the outputs should be."""

PROGRAMS: dict[str, Callable[[np.random.Generator, Any, int, int], Parts]] = {}


def program(make: Callable[..., Parts]) -> Callable[..., Parts]:
    PROGRAMS[make.__name__] = make
    return make


def ints(rng: np.random.Generator, *shape: int, dtype: str = "int32") -> np.ndarray:
    low, high = (0, 255) if dtype == "uint8" else (-9, 10)
    return rng.integers(low, high, shape).astype(dtype)


@program
def triangle(rng, size, n, m):
    A = te.placeholder((size(n), size(n)), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((0, i + 1), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute(A.shape[:1], rule, name="B")
    a = ints(rng, n, n)
    return [B], {A: a}, [np.tril(a).sum(1, dtype="int32")]


@program
def upper_triangle(rng, size, n, m):
    A = te.placeholder((size(n), size(n)), "int32", name="A")

    def rule(i):
        k = te.reduce_axis((i, A.shape[1]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute(A.shape[:1], rule, name="B")
    a = ints(rng, n, n)
    return [B], {A: a}, [np.triu(a).sum(1, dtype="int32")]


@program
def trapezoid(rng, size, n, m):
    """Two reductions, the inner one's range depending on the outer one's and on both data axes."""
    A = te.placeholder((n, 60), "int32", name="A")

    def rule(i, j):
        k = te.reduce_axis((i - j, i + 2), name="k")
        r = te.reduce_axis((k, k + j + 1), name="r")
        return te.sum(A[i, (k + 60) % 60] + (r * j).astype("int32"), axis=[k, r])

    B = te.compute((n, m), rule, name="B")
    C = te.compute((n, m), lambda i, j: B[i, j] * 2, name="C")
    a, b = ints(rng, n, 60), np.zeros((n, m), "int32")
    for i in range(n):
        for j in range(m):
            for k in range(i - j, i + 2):
                b[i, j] += sum(a[i, k % 60] + r * j for r in range(k, k + j + 1))
    return [C], {A: a}, [b * 2]


@program
def ragged(rng, size, n, m):
    A = te.placeholder((n, m), "int32", name="A")
    L = te.placeholder((n,), "int32", name="L")
    M = te.compute((n,), lambda i: L[i] + 1, name="M")

    def rule(i):
        k = te.reduce_axis((0, M[i]), name="k")
        return te.sum(A[i, k], axis=k)

    B = te.compute((n,), rule, name="B")
    a, lengths = ints(rng, n, m), rng.integers(-3, m, n).astype("int32")
    rows = [a[i, : max(0, lengths[i] + 1)].sum(dtype="int32") for i in range(n)]
    return [B], {A: a, L: lengths}, [np.array(rows, "int32")]


@program
def one_axis_for_two_stages(rng, size, n, m):
    A = te.placeholder((size(n), size(m)), "int32", name="A")
    k = te.reduce_axis((0, A.shape[1]), name="k")
    S = te.compute(A.shape[:1], lambda i: te.sum(A[i, k], axis=k), name="S")
    B = te.compute(A.shape[:1], lambda i: te.max(A[i, k] - S[i], axis=k), name="B")
    a = ints(rng, n, m)
    rest = a - a.sum(1, keepdims=True, dtype="int32")
    least = np.full((n, 1), np.iinfo("int32").min, "int32")
    return [S, B], {A: a}, [a.sum(1, dtype="int32"), np.concatenate([rest, least], 1).max(1)]


@program
def bools(rng, size, n, m):
    A = te.placeholder((n, size(m)), "bool", name="A")
    k, r = (te.reduce_axis((0, A.shape[1])) for _ in range(2))
    C = te.compute((n,), lambda i: te.any(A[i, k], axis=k), name="C")
    D = te.compute((n,), lambda i: te.all(A[i, r], axis=r), name="D")
    E = te.compute((n,), lambda i: (C[i] & D[i], C[i] ^ ~D[i]), name="E")
    a = rng.integers(0, 2, (n, m)).astype(bool)
    some, every = a.any(1), a.all(1)
    return list(E), {A: a}, [some & every, some ^ ~every]


@program
def stencil(rng, size, n, m):
    A = te.placeholder((n + 2, m + 2), "uint8", name="A")
    B = te.compute((n + 2, m), lambda i, j: A[i, j] + A[i, j + 1] * A[i, j + 2], name="B")
    C = te.compute((n, m), lambda i, j: te.max(B[i, j], B[i + 1, j]) - B[i + 2, j], name="C")
    D = te.compute((m, n), lambda i, j: C[j, i] * 3, name="D")
    a = ints(rng, n + 2, m + 2, dtype="uint8")
    b = a[:, :-2] + a[:, 1:-1] * a[:, 2:]
    return [D], {A: a}, [((np.maximum(b[:-2], b[1:-1]) - b[2:]) * np.uint8(3)).T.copy()]


@program
def gather(rng, size, n, m):
    A = te.placeholder((size(n), size(m)), "int8", name="A")
    I = te.placeholder((size(m),), "int32", name="I")  # noqa: E741 - short as the others
    rows, columns = A.shape
    B = te.compute(
        (columns, rows), lambda i, j: A[j, I[i]] + A[(i * 7 + j) % rows, i] * I[i], name="B"
    )
    a, index = ints(rng, n, m, dtype="int8"), rng.integers(0, max(m, 1), m).astype("int32")
    at, to = np.meshgrid(np.arange(m), np.arange(n), indexing="ij")
    other = a[(at * 7 + to) % max(n, 1), at].astype("int32") if a.size else a.T.astype("int32")
    return [B], {A: a, I: index}, [a[:, index].T + other * index[:, None]]


@program
def gradients(rng, size, n, m):
    """Of a window, the largest of pairs, and a gather, over stages that texpr names."""
    A = te.placeholder((size(n), 9), "float64", name="A")
    W = te.placeholder((2,), "float64", name="W")
    I = te.placeholder((size(m),), "int32", name="I")  # noqa: E741 - short as the others
    k, p = te.reduce_axis((0, 2), name="k"), te.reduce_axis((0, 2), name="p")
    C = te.compute((A.shape[0], 8), lambda i, j: te.sum(A[i, j + k] * W[k], axis=k), name="C")
    M = te.compute((A.shape[0], 4), lambda i, j: te.max(C[i, 2 * j + p], axis=p), name="M")
    G = te.compute((I.shape[0], 4), lambda i, j: M[te.min(I[i], A.shape[0] - 1), j], name="G")
    dA, dW = te.gradient((G * G).sum() if n else (M + M).sum(), [A, W])
    a, w = ints(rng, n, 9, dtype="float64"), ints(rng, 2, dtype="float64")
    index = rng.integers(0, max(n, 1), m).astype("int32")
    c = (a[:, :-1] * w[0] + a[:, 1:] * w[1]).reshape(n, 4, 2)
    d = np.zeros((n, 4))
    np.add.at(d, index if n else slice(0), 2 * c.max(2)[index] if n else 2.0)
    dc = (d[..., None] * (np.arange(2) == c.argmax(2)[..., None])).reshape(n, 8)
    da = np.zeros((n, 9))
    da[:, :-1] += dc * w[0]
    da[:, 1:] += dc * w[1]
    given = {A: a, W: w, I: index} if n else {A: a, W: w}
    return [dA, dW], given, [da, np.array([(dc * a[:, k : k + 8]).sum() for k in range(2)])]


@program
def matrix_product(rng, size, n, m):
    A = te.placeholder((size(n), size(m)), "uint8", name="A")
    B = te.placeholder((A.shape[1], size(n)), "uint8", name="B")
    k = te.reduce_axis((0, A.shape[1]), name="k")
    last = B.shape[1] - 1
    C = te.compute(
        (A.shape[0], B.shape[1]), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C"
    )
    D = te.compute(C.shape, lambda i, j: C[i, j] * 2 + C[i, last - j], name="D")
    a, b = ints(rng, n, m, dtype="uint8"), ints(rng, m, n, dtype="uint8")
    c = a @ b
    return [D], {A: a, B: b}, [c * np.uint8(2) + c[:, ::-1]]


@program
def with_conditions(rng, size, n, m):
    """A reduction that does not begin at 0, over elements that a condition picks."""
    A = te.placeholder((40,), "int8", name="A")
    k, r = te.reduce_axis((5, 5 + 4 * m), name="k"), te.reduce_axis((2, 5), name="r")
    B = te.compute(
        (n,),
        lambda i: te.sum(A[k] * (i + r).astype("int8"), axis=[k, r], where=(k + i) % 3 != 0),
        name="B",
    )
    a, b = ints(rng, 40, dtype="int8"), np.zeros(n, "int64")
    for i in range(n):
        picked = [int(a[k]) for k in range(5, 5 + 4 * m) if (k + i) % 3]
        b[i] = sum(picked) * sum(i + r for r in range(2, 5))
    return [B], {A: a}, [b.astype("int8")]


@program
def pairs(rng, size, n, m):
    A = te.placeholder((size(n), size(m)), "int32", name="A")
    k = te.reduce_axis((0, A.shape[1]), name="k")
    where, most = te.compute(A.shape[:1], lambda i: te.argmax(A[i, k], axis=k), name="M")
    total, least = te.compute(
        A.shape[:1], lambda i: (te.sum(A[i, k] * 2, axis=k), te.min(A[i, k], axis=k)), name="T"
    )
    a = ints(rng, n, m)
    if m:
        expected = [a.argmax(1), a.max(1), a.sum(1, dtype="int32") * 2, a.min(1)]
    else:
        ends = np.iinfo("int64").max, np.iinfo("int32").min, 0, np.iinfo("int32").max
        expected = [np.full(n, end) for end in ends]
    tensors = [where, most, total, least]
    return (
        tensors,
        {A: a},
        [e.astype(t.dtype.numpy) for e, t in zip(expected, tensors, strict=True)],
    )


@program
def of_rank_0(rng, size, n, m):
    A = te.placeholder((size(n),), "int64", name="A")
    k = te.reduce_axis((0, A.shape[0]), name="k")
    S = te.compute((), lambda: te.sum(A[k], axis=k), name="S")
    T = te.compute((), lambda: S() * 2 + S, name="T")
    a = ints(rng, n, dtype="int64")
    return [T], {A: a}, [np.array(a.sum() * 3)]


@program
def stencils(rng, size, n, m):
    """Overlapping windows of windows, read by several stages."""
    A = te.placeholder((size(n) + 4, size(m)), "int32", name="A")
    rows, columns = A.shape
    X = te.compute((rows, columns), lambda i, j: A[i, j] * 2 + 1, name="X")
    Y = te.compute((rows - 2, columns), lambda i, j: X[i, j] + X[i + 2, j], name="Y")
    Z = te.compute(
        (rows - 4, columns),
        lambda i, j: Y[i, j] * Y[i + 2, columns - 1 - j] - X[i + 1, j],
        name="Z",
    )
    a = ints(rng, n + 4, m)
    x = a * 2 + 1
    y = x[:-2] + x[2:]
    return [Z], {A: a}, [(y[:-2] * y[2:, ::-1] - x[1:-3]).astype("int32")]


@program
def diagonals(rng, size, n, m):
    """Windows that move with one loop in both dimensions, and a triangle of rows."""
    A = te.placeholder((size(n) + 2, size(n) + 2), "int32", name="A")
    n_ = A.shape[0] - 2
    X = te.compute(A.shape, lambda i, j: A[i, j] * 2 + j.astype("int32"), name="X")
    Y = te.compute((n_,), lambda i: X[i, i + 2] - X[i + 2, i] * X[i, i], name="Y")

    def rule(i):
        k = te.reduce_axis((i, n_), name="k")
        return te.sum(X[i, k] * Y[k], axis=k)

    Z = te.compute((n_,), rule, name="Z")
    a = ints(rng, n + 2, n + 2)
    x = (a * 2 + np.arange(n + 2)).astype("int32")
    at = np.arange(n)
    y = x[at, at + 2] - x[at + 2, at] * x[at, at]
    return [Z], {A: a}, [(np.triu(x[:n, :n]) @ y).astype("int32")]


@program
def convolution(rng, size, n, m):
    """A padded window of a reduction, and two reductions in a row."""
    A = te.placeholder((size(n), size(m)), "int32", name="A")
    W = te.placeholder((3, 2), "int32", name="W")
    rows, columns = A.shape
    P = te.compute(
        (rows + 2, columns + 1),
        lambda i, j: te.if_then_else(te.all(i >= 1, i < rows + 1, j < columns), A[i - 1, j], 0),
        name="P",
    )
    r, q = te.reduce_axis((0, 3), name="r"), te.reduce_axis((0, 2), name="q")
    C = te.compute(
        (rows, columns), lambda i, j: te.sum(P[i + r, j + q] * W[r, q], axis=[r, q]), name="C"
    )
    k = te.reduce_axis((0, columns), name="k")
    T = te.compute((rows,), lambda i: te.sum(C[i, k], axis=k), name="T")
    R = te.compute((rows, columns), lambda i, j: C[i, j] + T[i], name="R")
    a, w = ints(rng, n, m), ints(rng, 3, 2)
    p = np.zeros((n + 2, m + 1), "int32")
    p[1 : n + 1, :m] = a
    c = sum(w[u, v] * p[u : u + n, v : v + m] for u in range(3) for v in range(2))
    return [R], {A: a, W: w}, [(c + c.sum(1, keepdims=True)).astype("int32")]


@program
def epilogues(rng, size, n, m):
    """Stages that read one element of their producer each, turned, shifted, and fewer of them."""
    A = te.placeholder((size(n) + 2, size(m)), "int32", name="A")
    rows, columns = A.shape
    P = te.compute((rows, columns), lambda i, j: A[i, j] * 2, name="P")
    Q = te.compute((rows - 1, columns), lambda i, j: P[i, j] + i.astype("int32"), name="Q")
    T = te.compute((columns, rows - 2), lambda i, j: Q[j + 1, columns - 1 - i] - 3, name="T")
    k = te.reduce_axis((0, columns), name="k")
    S = te.compute((rows - 2,), lambda i: te.sum(T[k, i], axis=k), name="S")
    U = te.compute((rows - 2,), lambda i: te.max(S[i], 0) * 5, name="U")
    V = te.compute((rows - 2, columns), lambda i, j: T[j, i] + U[rows - 3 - i], name="V")
    a = ints(rng, n + 2, m)
    q = a[:-1] * 2 + np.arange(n + 1, dtype="int32")[:, None]
    t = q[1:, ::-1].T - 3
    u = np.maximum(t.sum(0, dtype="int32"), 0) * 5
    return [V], {A: a}, [(t.T + u[::-1, None]).astype("int32")]


@program
def recurrence(rng, size, n, m):
    """Within the step windows of windows, and a reduction; all of them may move into its loops."""
    A = te.placeholder((size(n) + 1, size(m) + 2), "int32", name="A")
    W = te.placeholder((size(m), size(m)), "int32", name="W")
    rows, columns = A.shape[0], W.shape[0]
    S = te.placeholder((rows, columns), "int32", name="S")
    first = te.compute((1, columns), lambda t, j: A[t, j], name="first")
    wide = te.compute(
        A.shape,
        lambda t, j: A[t, j] + te.if_then_else(j < columns, S[t - 1, j], 1),
        name="wide",
    )
    near = te.compute((rows, columns), lambda t, j: wide[t, j] - wide[t, j + 2], name="near")
    k = te.reduce_axis((0, columns), name="k")
    mixed = te.compute(
        (rows, columns), lambda t, j: te.sum(near[t, k] * W[k, j], axis=k), name="mixed"
    )
    step = te.compute(
        (rows, columns), lambda t, j: mixed[t, j] + near[t, columns - 1 - j], name="step"
    )
    Y = te.scan(first, step, S, name="Y")
    a, w = ints(rng, n + 1, m + 2), ints(rng, m, m)
    y = np.zeros((n + 1, m), "int32")
    y[0] = a[0, :m]
    for t in range(1, n + 1):
        x = a[t] + np.append(y[t - 1], np.ones(2, "int32"))
        x = x[:-2] - x[2:]
        y[t] = x @ w + x[::-1]
    return [Y], {A: a, W: w}, [y]


@pytest.mark.parametrize("name", PROGRAMS)
@given(
    n=st.sampled_from(SIZES),
    m=st.sampled_from(SIZES),
    is_symbolic=st.booleans(),
    seed=st.integers(0, 1 << 16),
    count=st.integers(0, 9),
)
@settings(max_examples=20)
def test_every_schedule_computes_the_same(name, n, m, is_symbolic, seed, count):
    sizes: dict[int, Any] = {}

    def size(value: int) -> Any:
        return sizes.setdefault(value, te.size_var(f"n{value}")) if is_symbolic else value

    outputs, arrays, expected = PROGRAMS[name](np.random.default_rng(seed), size, n, m)
    s = te.create_schedule([tensor.op for tensor in outputs], fp="exact", contract=False)
    schedule_at_random(s, seed, count)
    check_readings(s, outputs, arrays, expected=expected)


# ---------------------------------------------------------------- one kernel for all sizes

SYMBOLIC = (
    "triangle", "upper_triangle", "one_axis_for_two_stages", "gather", "matrix_product", "pairs",
    "of_rank_0", "stencils", "diagonals", "convolution", "epilogues", "recurrence",
)  # fmt: skip
"""The programs all of whose sizes may be unknown."""

# None, one, below factors of 2 to 16, just these, odd ones, above.
MANY_SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)


def processors() -> list[str]:
    """This processor, and older ones of its kind, with shorter vectors, that it can be."""
    older = ["llvm -mcpu=x86-64", "llvm -mcpu=haswell"]
    is_x86 = Target.host().triple.startswith("x86_64")
    here = [text for text in older if is_x86 and Target.of(text).why_not_here() is None]
    return ["llvm", *here]


@pytest.mark.parametrize("name", SYMBOLIC)
@given(
    sizes=st.lists(st.tuples(*[st.sampled_from(MANY_SIZES)] * 2), min_size=3, max_size=6),
    target=st.sampled_from(processors()),
    seed=st.integers(0, 1 << 16),
    count=st.integers(1, 12),
)
@settings(max_examples=5)
def test_one_kernel_computes_the_same_at_every_size(name, sizes, target, seed, count):
    roles = {11: te.size_var("n"), 13: te.size_var("m")}
    outputs, inputs, _ = PROGRAMS[name](np.random.default_rng(seed), roles.__getitem__, 11, 13)

    def fresh(judged: bool = True) -> te.TeSchedule:
        ops = [tensor.op for tensor in outputs]
        return te.create_schedule(ops, fp="exact", contract=False, judged=judged)

    s = fresh()
    schedule_at_random(s, seed, count)
    args = [*inputs, *outputs]
    program, kernel = bind_arguments(s.program, args), texpr.build(s, args, target=target)
    for n, m in sizes:
        _, arrays, expected = PROGRAMS[name](np.random.default_rng(seed), int, n, m)
        for run in (partial(interpret, program), kernel):
            found = [np.full_like(array, 77) for array in expected]
            run(*arrays.values(), *found)
            for array, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(array, wanted, err_msg=f"{n}, {m}, {target}:\n{s}")
    written: dict[str, Any] = {}
    exec(str(s.trace), written)
    assert str(fresh(judged=False).apply(written["schedule"])) == str(s)
