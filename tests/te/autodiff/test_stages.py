"""The operations that gradients are: how they read, what they cost, and what they do at kinks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import texpr
from tests.readings import check_readings
from tests.te.autodiff.programs import PROGRAMS, axes
from texpr import te
from texpr.bind import bind_arguments
from texpr.ir.interpreter import interpret

N, M, L = te.size_var("n"), te.size_var("m"), te.size_var("l")


def head_of(output: te.Tensor) -> te.Tensor:
    return te.placeholder(output.shape, output.dtype, name=f"d{output.name}")


def gradients(output: te.Tensor, *inputs: te.Tensor) -> list[te.Tensor]:
    return te.gradient(output, inputs, head_of(output))


def text(found: Sequence[te.Tensor]) -> str:
    return str(te.create_schedule([tensor.op for tensor in found]))


def matmul() -> tuple[te.Tensor, te.Tensor, te.Tensor]:
    A, B = te.placeholder((N, L), name="A"), te.placeholder((L, M), name="B")
    k = te.reduce_axis((0, L), name="k")
    C = te.compute((N, M), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    return A, B, C


# ---------------------------------------------------------------- how they read


def test_golden_of_a_matmul(golden: Any) -> None:
    A, B, C = matmul()
    jacobian = te.gradient(C, [A, B])
    golden(f"{text(gradients(C, A, B))}\n\n{text(jacobian)}", "gradient_matmul")


@pytest.mark.parametrize(
    "name", ["conv2d stride 2 dilation 1 size 3", "softmax", "embedding", "max_pool_overlapping"]
)
def test_golden(golden: Any, name: str) -> None:
    output, arrays = PROGRAMS[name]()
    found = gradients(output, *(x for x in arrays if x.dtype.is_float))
    golden(text(found), f"gradient_{name.replace(' ', '_')}")


def test_stages_of_one_body() -> None:
    X, Y = te.placeholder((N,), name="X"), te.placeholder((N, N), name="Y")
    n_m = te.placeholder((N * M,), name="F")
    shown = {
        "relu": (te.compute((N,), lambda i: te.max(X[i], 0.0), name="Z"), X),
        "exp": (te.compute((N,), lambda i: te.exp(X[i]), name="Z"), X),
        "guarded exp": (
            te.compute((N,), lambda i: te.if_then_else(i > 2, te.exp(X[i]), 1.0), name="Z"),
            X,
        ),
        "transpose": (te.compute((N, N), lambda i, j: Y[j, i], name="Z"), Y),
        "shift": (te.compute((N,), lambda i: te.if_then_else(i > 0, X[i - 1], 0.0), name="Z"), X),
        "flat": (te.compute((N, M), lambda i, j: n_m[i * M + j], name="Z"), n_m),
        "diagonal": (te.compute((N,), lambda i: Y[i, i], name="Z"), Y),
        "several": (te.compute((N,), lambda i: X[i] * X[N - 1 - i], name="Z"), X),
    }
    bodies = {
        name: str(gradients(output, tensor)[0].op.body[0])
        for name, (output, tensor) in shown.items()
    }
    assert bodies == {
        "relu": "select(X[i] > 0.0, dZ[i], 0.0)",
        "exp": "dZ[i]*Z[i]",
        "guarded exp": "dZ[i]*Z[i] if i > 2 else 0.0",
        "transpose": "dZ[i, j]",
        "shift": "dZ[i + 1] if i + 1 < n else 0.0",
        "flat": "dZ[i//m, i%m]",
        "diagonal": "dZ[i] if i_1 == i else 0.0",
        "several": "dZ[i]*X[n - i - 1] + dZ[n - i - 1]*X[n - i - 1]",
    }


def test_names_follow_the_originals() -> None:
    A, _, C = matmul()
    D = te.compute((N, M), lambda row, column: C[row, column] * 2, name="D")
    dA, dC = gradients(D, A, C)
    assert [tensor.name for tensor in (dA, dC)] == ["dA", "dC"]
    assert [axis.name for axis in dA.op.axis] == ["i", "k"]
    assert [axis.name for axis in dA.op.reduce_axis] == ["j"]
    assert [axis.name for axis in dC.op.axis] == ["i", "j"]
    (jacobian,) = te.gradient(D, [A])
    assert [axis.name for axis in jacobian.op.axis] == ["row", "column", "i", "k"]
    assert jacobian.op.location.file == "test_stages.py"


# ---------------------------------------------------------------- what they cost


def instances(found: Sequence[te.Tensor], sizes: dict[str, int]) -> Counter[str]:
    """How often each stage's statement runs, on arrays of zeros."""
    s = te.create_schedule([tensor.op for tensor in found])
    counts: Counter[str] = Counter()
    program = bind_arguments(s.program, None)
    arrays = []
    for arg in program.args:
        shape = [eval(str(n), {}, sizes) for n in arg.shape]
        arrays.append(np.zeros(shape, arg.dtype.numpy))
    interpret(program, *arrays, on_instance=lambda label, _: counts.update([label]))
    return counts


def test_gradients_of_a_matmul_cost_two_matmuls() -> None:
    A, B, C = matmul()
    counts = instances(gradients(C, A, B), {"n": 3, "m": 4, "l": 5})
    assert counts == {"dA": 60, "dA.init": 15, "dB": 60, "dB.init": 20}
    counts = instances(te.gradient(C, [A, B]), {"n": 3, "m": 4, "l": 5})
    assert counts == {"dA": 12 * 15, "dB": 12 * 20}


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_gradients_of_a_convolution_cost_two_convolutions(stride: int) -> None:
    size, window = 32, 3
    out = (size - window) // stride + 1
    X, F = te.placeholder((size,), name="X"), te.placeholder((window,), name="F")
    (k,) = axes(k=window)
    Y = te.compute((out,), lambda i: te.sum(X[i * stride + k] * F[k], axis=k), name="Y")
    counts = instances(gradients(Y, X, F), {})
    is_loop = stride < window
    assert counts["dF"] == out * window
    # Of a window no wider than the stride each cell is touched once at most.
    assert counts["dX"] == (out * window if is_loop else size)


def test_elementwise_gradients_cost_one_pass() -> None:
    X = te.placeholder((7,), name="X")
    Y = te.compute((7,), lambda i: te.sin(X[i]) * X[6 - i] + X[i // 2], name="Y")
    Z = te.compute((7,), lambda i: Y[i] * X[i], name="Z")
    counts = instances(gradients(Z, X), {})
    assert counts["dX"] == 7  # X[i // 2] is read by two iterations, looped over
    assert counts["dX.init"] == 7


def test_a_gather_is_added_up_where_it_read() -> None:
    T, I = te.placeholder((5, 3), name="T"), te.placeholder((4,), "int32", name="I")  # noqa: E741
    G = te.compute((4, 3), lambda i, j: T[I[i], j], name="G")
    assert instances(gradients(G, T), {})["dT"] == 4 * 3


def test_a_product_is_divided_and_multiplied_again_only_where_a_factor_is_zero() -> None:
    X = te.placeholder((3, 5), "float64", name="X")
    (k,) = axes(k=5)
    P = te.compute((3,), lambda i: te.prod(X[i, k], axis=k), name="P")
    dP = head_of(P)
    (dX,) = te.gradient(P, X, dP)
    program = bind_arguments(te.create_schedule(dX.op).program, [dP, X, dX])
    x = np.arange(1.0, 16.0).reshape(3, 5)
    x[1, 2] = x[2, 0] = x[2, 4] = 0.0
    got, counts = np.zeros((3, 5)), Counter[str]()
    interpret(program, np.ones(3), x, got, on_instance=lambda label, _: counts.update([label]))
    wanted = [[np.prod(np.delete(row, n)) for n in range(5)] for row in x]
    np.testing.assert_allclose(got, wanted, rtol=1e-14)
    assert counts["P_others"] == 3 * 4  # of the others of three zeros


def test_a_product_that_overflows_is_multiplied_again() -> None:
    X = te.placeholder((2,), "float64", name="X")
    (k,) = axes(k=2)
    (dX,) = te.gradient(te.compute((), lambda: te.prod(X[k], axis=k), name="P"), X)
    big = np.array([1e200, 3e200])
    np.testing.assert_array_equal(texpr.build(te.create_schedule(dX.op))(big), big[::-1])


def test_the_adjoint_of_a_chosen_factor_reads_only_what_was_chosen() -> None:
    A, B = te.placeholder((3, 4), name="A"), te.placeholder((3,), name="B")
    (k,) = axes(k=4)
    P = te.compute((3,), lambda i: te.max(A[i, k] * B[i], axis=k), name="P")
    (dB,) = gradients(P, B)
    assert str(dB.op.body[0]) == (
        "dP[i]*A[i, P_at_v0[i]] if P_at_v0[i] >= 0 and P_at_v0[i] < 4 else 0.0"
    )


def test_the_place_of_an_extreme_is_found_by_comparing_what_is_read() -> None:
    A = te.placeholder((3, 4, 5), name="A")
    k, r = axes(k=4, r=5)
    P = te.compute((3,), lambda i: te.min(abs(A[i, k, r]), axis=[k, r], init=1.0), name="P")
    (dA,) = gradients(P, A)
    (at,) = (x for x in dA.op.input_tensors if x.name == "P_at")
    assert str(at.op.body).startswith("min(k*5 + r, axis=[k, r], where=abs(A[i, k, r]) == P[i] or ")
    assert str(at.op.body.where) == (
        "abs(A[i, k, r]) == P[i] or abs(A[i, k, r]) != abs(A[i, k, r])"
    )


def test_a_chain_of_two_hundred_stages_takes_no_time() -> None:
    A = te.placeholder((N,), name="A")
    last = A
    for step in range(200):
        last = te.compute(
            (N,), lambda i, x=last: te.tanh(x[i]) * x[i] + x[N - 1 - i], name=f"S{step}"
        )
    start = time.perf_counter()
    (dA,) = gradients(last, A)
    assert time.perf_counter() - start < 10  # it takes less than one second
    assert dA.name == "dA"


def test_shared_expressions_stay_shared() -> None:
    A = te.placeholder((N,), name="A")

    def rule(i: te.Var) -> te.Expr:
        x = A[i]
        for _ in range(60):  # 2**60 paths
            x = te.if_then_else(x > 0.5, x * x + te.sin(x), x - 1.0)
        return x

    (dA,) = gradients(te.compute((N,), rule, name="B"), A)
    assert dA.shape[0] is N


# ---------------------------------------------------------------- what they do


def derivative(rule: Any, *values: float) -> list[float]:
    """The derivatives of one number by several."""
    inputs = [te.placeholder((), "float64", name=name) for name in "xyz"[: len(values)]]
    output = te.compute((), lambda: rule(*(x() for x in inputs)), name="f")
    found = te.gradient(output, inputs)
    s = te.create_schedule([tensor.op for tensor in found])
    kernel = texpr.build(s, [*inputs, *found])
    arrays = [np.array(value) for value in values]
    used = kernel(*arrays)
    return [float(x) for x in (used if len(found) > 1 else [used])]


@pytest.mark.parametrize(
    ("rule", "at", "wanted"),
    [
        (lambda x: te.max(x, 0.0), (0.0,), [0]),
        (lambda x: te.max(0.0, x), (0.0,), [0]),
        (lambda x: te.min(x, 6.0), (6.0,), [0]),
        (te.max, (2.0, 2.0), [1, 0]),
        (lambda x, y: te.min(y, x), (2.0, 2.0), [0, 1]),
        (abs, (0.0,), [0]),
        (abs, (-3.0,), [-1]),
        (lambda x: te.select(x > 0.0, te.sqrt(x), 0.0) * 3.0, (0.0,), [0]),
        (lambda x: te.select(x > 0.0, te.log(x), x) * te.exp(1000.0 * x), (0.0,), [1]),
        (lambda x: x**3, (-2.0,), [12]),
        (lambda x: x**0, (0.0,), [0]),
        (lambda x: te.power(x, 0.0), (0.0,), [0]),
        (lambda x, y: x**y, (0.0, 2.0), [0, 0]),
        (lambda x, y: x**y, (0.0, 0.0), [0, -np.inf]),
        (lambda x, y: x**y, (-2.0, 3.0), [12, np.nan]),
        (lambda x: te.floor(x) + te.round(x) * x, (2.5,), [2]),
        (te.floormod, (-7.5, 2.0), [1, 4]),
        (te.fmod, (-7.5, 2.0), [1, 3]),
        (lambda x: te.isnan(x).astype("float64") + x.astype("int32"), (2.5,), [0]),
        (te.sigmoid, (-800.0,), [0]),
    ],
)
def test_at_kinks_and_steps(rule: Any, at: tuple[float, ...], wanted: list[float]) -> None:
    np.testing.assert_array_equal(derivative(rule, *at), np.array(wanted, "float64"))


def test_of_equal_elements_the_first_takes_it_all() -> None:
    X = te.placeholder((2, 2, 3), "float64", name="X")
    k, r = axes(k=2, r=3)
    P = te.compute((2,), lambda i: te.min(X[i, k, r], axis=[k, r]), name="P")
    dP = head_of(P)
    (dX,) = te.gradient(P, X, dP)
    x = np.array([[[3, 1, 2], [1, 5, 1]], [[np.nan, 1, 0], [0, np.nan, 0]]], "float64")
    got = texpr.build(te.create_schedule(dX.op), [dP, X, dX])(np.array([2.0, 3.0]), x)
    wanted = np.zeros((2, 2, 3))
    wanted[0, 0, 1], wanted[1, 0, 0] = 2, 3
    np.testing.assert_array_equal(got, wanted)


def test_of_no_elements_nothing_takes_it() -> None:
    X = te.placeholder((3, N), "float64", name="X")
    k = te.reduce_axis((0, N), name="k")
    P = te.compute((3,), lambda i: te.max(X[i, k] * 2.0, axis=k, init=0.5), name="P")
    dP = head_of(P)
    (dX,) = te.gradient(P, X, dP)
    kernel = texpr.build(te.create_schedule(dX.op), [dP, X, dX])
    assert kernel(np.ones(3), np.zeros((3, 0))).shape == (3, 0)
    np.testing.assert_array_equal(kernel(np.ones(3), np.zeros((3, 2))), np.zeros((3, 2)))


def test_one_input_gives_a_list_and_zeros_where_nothing_depends_on_it() -> None:
    A, B = te.placeholder((3,), name="A"), te.placeholder((N, 2), "float64", name="B")
    C = te.compute((3,), lambda i: A[i] * 2, name="C")
    found = te.gradient(C, A, head_of(C))
    assert isinstance(found, list)
    assert len(found) == 1
    dA, dB, again = te.gradient(C, [A, B, A], head_of(C))
    assert again is dA
    assert repr(dB) == "<tensor dB: float64[n, 2]>"
    assert str(dB.op.body[0]) == "0.0"


def test_the_output_itself_is_an_input() -> None:
    A = te.placeholder((3,), name="A")
    C = te.compute((3,), lambda i: A[i] * 2, name="C")
    head = te.placeholder((2, 3), "float64", name="H")
    assert str(te.gradient(C, C, head)[0].op.body[0]) == "float32(H[i0, i])"
    assert str(te.gradient(C, [C])[0].op.body[0]) == "1.0 if i_1 == i else 0.0"
    assert str(te.gradient(A, [A])[0].op.body[0]) == "1.0 if i0_1 == i0 else 0.0"


def test_sums_are_taken_in_the_wider_type() -> None:
    A = te.placeholder((4, 8), name="A")
    W = te.placeholder((8,), "float64", name="W")
    (k,) = axes(k=8)
    S = te.compute((4,), lambda i: te.sum(A[i, k] * W[k], axis=k), name="S")
    dA, dW = gradients(S, A, W)
    assert [x.dtype.name for x in (S, dA, dW)] == ["float64", "float32", "float64"]
    B = te.placeholder((8,), name="B")
    T = te.compute((4,), lambda i: te.sum(B[k] * A[i, k].astype("float64"), axis=k), name="T")
    (dB,) = gradients(T, B)
    assert dB.dtype == "float32"
    assert str(dB.op.body[0]) == "float32(dB_1[k])"
    assert dB.op.input_tensors[0].dtype == "float64"


def test_three_readings_agree_at_several_sizes() -> None:
    A, B, C = matmul()
    flat = te.compute((N * M,), lambda i: C[i // M, i % M] * 2, name="flat")
    head = head_of(flat)
    found = te.gradient(flat, [A, B], head)
    s = te.create_schedule([tensor.op for tensor in found])
    kernel = None
    for n, m, depth in ((3, 4, 5), (1, 1, 1), (0, 2, 3), (2, 0, 3), (2, 3, 0)):
        rng = np.random.default_rng(0)
        arrays = {
            head: rng.integers(-4, 4, n * m).astype("float32"),
            B: rng.integers(-4, 4, (depth, m)).astype("float32"),
            A: rng.integers(-4, 4, (n, depth)).astype("float32"),
        }
        sizes = {N: n, M: m, L: depth}
        kernel = check_readings(s, found, arrays, sizes=sizes, kernel=kernel)


def test_a_gradient_is_scheduled_like_any_other_stage() -> None:
    output, arrays = PROGRAMS["conv2d stride 2 dilation 1 size 3"]()
    X, F = arrays
    head = head_of(output)
    dX, dF = te.gradient(output, [X, F], head)
    s = te.create_schedule([dX.op, dF.op])
    n, c, y, x = s["dP"].op.axis
    o, ry, rx = s["dP"].op.reduce_axis
    y_o, y_i = s["dP"].split(y, 4)
    s["dP"].reorder(n, c, y_o, o, ry, rx, y_i, x)
    s["dP"].vectorize(x)
    s["dP"].parallel(y_o)
    s["P"].compute_inline()
    values = np.random.default_rng(3).integers(-4, 4, [int(e) for e in output.shape])
    inputs = {head: values.astype("float64"), F: np.round(arrays[F]), X: np.round(arrays[X])}
    check_readings(s, [dX, dF], inputs)
