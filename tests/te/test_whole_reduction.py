"""Reductions of whole tensors over dimensions are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import by_interpreter, check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError

A = te.placeholder((3, 4, 2), name="A")
N = te.placeholder((te.size_var("n"), 4), name="N")
V = te.placeholder((4,), name="V")
Z = te.placeholder((), name="Z")
I = te.placeholder((4,), "int8", name="I")  # noqa: E741 - short as the others
k = te.reduce_axis((0, 4), name="k")


ONE = [None, 0, -1]
SEVERAL = [(0, 2), (-1, 1), (0, 1, 2)]
CASES = [
    *((name, axis) for name in ("argmax", "argmin") for axis in ONE),
    *(
        (name, axis)
        for name in ("sum", "prod", "max", "min", "mean", "var")
        for axis in (*ONE, *SEVERAL)
    ),
]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("name", "axis"), CASES)
def test_reads_as_numpy_does(name, axis, keepdims):
    made = getattr(A, name)(axis=axis, keepdims=keepdims)
    array = filled(3, 4, 2)
    expected = np.asarray(getattr(array, name)(axis=axis, keepdims=keepdims))
    assert made.ndim == expected.ndim
    found = by_interpreter(made, {A: array}, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_all_and_any():
    array = filled(3, 4, 2)
    for name in ("all", "any"):
        made = getattr(A > 0, name)(axis=1)
        expected = getattr(array > 0, name)(axis=1)
        check_readings(te.create_schedule(made.op), [made], {A: array}, expected=[expected])


def test_several_dimensions_have_one_index():
    index, value = te.argmax(A, axis=(0, 2))
    array = filled(3, 4, 2)
    flat = array.transpose(1, 0, 2).reshape(4, 6)
    check_readings(
        te.create_schedule(index.op), [index, value], {A: array},
        expected=[flat.argmax(1), flat.max(1)],
    )  # fmt: skip


def test_functions_take_what_reductions_take():
    mask = te.placeholder((4, 1), "bool", name="mask")
    made = te.sum(A, axis=(1, -1), where=mask, init=10)
    assert made.op.tag == "comm_reduce"
    arrays = {A: filled(3, 4, 2), mask: np.array([[True], [False], [True], [False]])}
    expected = arrays[A].sum(axis=(1, 2), where=arrays[mask], initial=10)
    check_readings(te.create_schedule(made.op), [made], arrays, expected=[expected])


def test_softmax(golden):
    E = te.exp(N - N.max(axis=-1, keepdims=True))
    P = E / E.sum(axis=-1, keepdims=True)
    s = te.create_schedule(P.op)
    golden(str(s), "softmax_of_whole_tensors")
    array = filled(3, 4)
    e = np.exp(array - array.max(-1, keepdims=True))
    check_readings(s, [P], {N: array}, expected=[e / e.sum(-1, keepdims=True)])


def test_the_type_is_kept():
    made = I.sum()
    expected = np.array(np.array([100, 100, 1, 2], "int8").sum(dtype="int8"))
    found = by_interpreter(made, {I: np.array([100, 100, 1, 2], "int8")}, ())
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: te.sum(A, axis=3), ShapeError, r"sum: <tensor A: .*> has no dimension 3; pass a"),
        (lambda: A.max(axis=-4), ShapeError, r"max: .* has no dimension -4; pass a number from 0"),
        (lambda: A.sum(axis=(0, -3)), ShapeError, r"sum: dimension -3 of .* is given twice; pass"),
        (lambda: A.sum(axis="x"), DTypeError, r"sum: 'x' is no dimension of .*; pass its number"),
        (lambda: A.sum(axis=True), DTypeError, r"sum: True is no dimension of"),
        (lambda: te.sum(A, axis=k), DTypeError, r"A: a whole tensor of 3 dimensions stands where"),
        (lambda: te.sum(A[0, k, 0], axis=0), TexprError, r"sum: axis=0 is no reduction axis"),
        (lambda: te.sum(V[k], axis=k, keepdims=True), TexprError, r"sum: keepdims= belongs to a"),
        (lambda: A.sum(axis=()), ShapeError, r"sum: axis=\(\) names no axis"),
        (Z.sum, ShapeError, r"sum: axis=\(\) names no axis"),
        (lambda: te.max(A), TexprError, r"max: the tensor A and no axis=; name its dim.*"),
        (lambda: te.all(A > 0), TexprError, r"all: the tensor T_gt and no axis="),
        ((A > 0).sum, DTypeError, r"sum: T_gt\[k0, k1, k2\] is bool; cast it to a number"),
        (lambda: A.any(axis=0), DTypeError, r"any: the condition A\[k, i0, i1\] is float32; write"),
        (I.mean, DTypeError, r"mean: .* has no fractions; cast it first, I.astype\('float"),
        (
            lambda: te.sum(V, axis=0, where=te.placeholder((3, 4), "bool", name="M")),
            ShapeError, r"sum: where=<tensor M: bool\[3, 4\]> is larger than <tensor V",
        ),
    ],
)  # fmt: skip
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()
