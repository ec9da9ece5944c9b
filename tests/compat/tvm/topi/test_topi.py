"""What whole tensors can do of topi, read by NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import te, topi
from texpr.compat.tvm.topi import utils
from texpr.errors import ShapeError, TexprError

X = np.random.default_rng(0).random((3, 4, 2), dtype="float32")
Y = np.random.default_rng(1).random((4, 1), dtype="float32")


def computed(function, *arrays):
    inputs = [te.placeholder(a.shape, str(a.dtype), name=f"A{k}") for k, a in enumerate(arrays)]
    C = function(*inputs)
    return tvm.build(te.create_schedule(C.op), [*inputs, C])(*arrays)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [1]])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_reductions(name, axis, keepdims):
    got = computed(lambda A: getattr(topi, name)(A, axis, keepdims), X)
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    wanted = getattr(np, name)(X, axis=numpy_axis, keepdims=keepdims)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize("name", ["any", "all"])
def test_reductions_of_conditions(name):
    conditions = X > 0.5
    got = computed(lambda A: getattr(topi, name)(A, axis=2), conditions)
    np.testing.assert_array_equal(got, getattr(conditions, name)(axis=2))


@pytest.mark.parametrize(
    ("name", "numpy"),
    [
        ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply),
        ("divide", np.divide), ("maximum", np.maximum), ("minimum", np.minimum),
        ("broadcast_add", np.add), ("broadcast_sub", np.subtract), ("broadcast_mul", np.multiply),
        ("broadcast_div", np.divide), ("power", np.power),
    ],
)  # fmt: skip
def test_operators_broadcast(name, numpy):
    got = computed(getattr(topi, name), X, Y)
    np.testing.assert_allclose(got, numpy(X, Y), rtol=1e-5)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "floor", "abs", "cos"])
def test_functions(name):
    got = computed(getattr(topi, name), X)
    np.testing.assert_allclose(got, getattr(np, name)(X), rtol=1e-5, atol=1e-6)


def test_products_and_other_shapes():
    A = X[0]
    np.testing.assert_allclose(computed(topi.matmul, A, A.T.copy()), A @ A.T, rtol=1e-5)
    got = computed(lambda a: topi.einsum("ij,ij->i", a, a), A)
    np.testing.assert_allclose(got, (A * A).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(
        computed(lambda a: topi.transpose(a, (2, 0, 1)), X), X.transpose(2, 0, 1)
    )
    np.testing.assert_array_equal(computed(lambda a: topi.reshape(a, (6, 4)), X), X.reshape(6, 4))


def test_relu_and_sums_of_several():
    got = computed(lambda A: topi.nn.relu(A - 0.5), X)
    np.testing.assert_allclose(got, np.maximum(X - np.float32(0.5), 0))
    got = computed(lambda A, B: topi.elemwise_sum([A, B, A]), X, X)
    np.testing.assert_allclose(got, 3 * X, rtol=1e-6)


def test_constants():
    shape = te.placeholder((2, te.var("n"))).shape
    assert utils.get_const_int(shape[0]) == 2
    assert utils.get_const_tuple((3, *shape))[:2] == (3, 2)
    with pytest.raises(ShapeError, match="get_const_int: n is no number; declare the tensor"):
        utils.get_const_int(shape[1])


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (3, "sum: .* has no dimension 3; pass a number from 0 to 2"),
        ((0, "k"), "sum: 'k' is no dimension of .*; pass its number, such as 0"),
        ((), r"sum: axis=\(\) names no axis; pass the axes to reduce over"),
    ],
)
def test_no_such_dimension(axis, message):
    with pytest.raises(TexprError, match=message):
        topi.sum(te.placeholder(X.shape, name="A"), axis=axis)


def test_a_sum_of_nothing():
    with pytest.raises(ShapeError, match="elemwise_sum: no tensor given; pass at least one"):
        topi.elemwise_sum([])
