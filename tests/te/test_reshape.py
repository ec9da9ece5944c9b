"""Reshaping whole tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.readings import by_interpreter, check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError

n, m = te.size_var("n"), te.size_var("m")
A = te.placeholder((6, 8), "int32", name="A")
N = te.placeholder((n, 6, m), "int32", name="N")


@pytest.mark.parametrize("shape", [(48,), (-1,), (4, 12), (2, 3, -1), (3, 2, 8), (1, 48, 1)])
def test_reads_as_numpy_does(shape):
    made, array = A.reshape(*shape), filled(6, 8, dtype="int32")
    expected = [array.reshape(shape)]
    check_readings(te.create_schedule(made.op), [made], {A: array}, expected=expected)
    assert A.reshape(shape).shape == made.shape


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((n, 2, 3, m), "N[i0, i1*3 + i2, i3]"),
        ((n, 3, -1), None),
        ((-1, m), "N[i0//6, i0%6, i1]"),
        ((m, -1), None),
        ((n * 6 * m,), None),
        ((n, -1), None),
    ],
)
def test_symbolic_extents(shape, index):
    made = N.reshape(shape)
    if index is not None:
        assert index in str(te.create_schedule(made.op))
    sizes = {n: 3, m: 5}
    array = filled(3, 6, 5, dtype="int32")
    at = {n: 3, m: 5, n * 6 * m: 90}
    expected = array.reshape([x if isinstance(x, int) else at[x] for x in shape])
    s = te.create_schedule(made.op)
    check_readings(s, [made], {N: array}, sizes=sizes, expected=[expected])


@given(st.data())
def test_random_shapes(data):
    old = data.draw(st.lists(st.sampled_from((0, 1, 2, 3, 4, 6)), max_size=3))
    rest, new = math.prod(old), []
    while rest > 1 or (rest and not new and data.draw(st.booleans())):
        new.append(data.draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
        rest //= new[-1]
    if math.prod(old) == 0:
        new = [*data.draw(st.lists(st.integers(0, 3), max_size=2)), 0]
    array = np.arange(math.prod(old)).reshape(old)
    X = te.placeholder(old, "int64", name="X")
    expected = array.reshape(new)
    np.testing.assert_array_equal(by_interpreter(X.reshape(new), {X: array}, new), expected)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: te.reshape(3, 3), DTypeError, r"reshape: 3 is no tensor; pass one"),
        (lambda: A.reshape(7, 7), ShapeError, r"reshape: the 48 elements of .* do not fill \[7,"),
        (lambda: A.reshape(5, -1), ShapeError, r"reshape: the 48 elements of .* fill \[5, -1\]"),
        (lambda: A.reshape(n, -1), ShapeError, r"do not fill \[n, -1\], or cannot be told to"),
        (lambda: N.reshape(n, 7, m), ShapeError, r"reshape: the n\*m\*6 elements of .* \[n, 7,"),
        (lambda: A.reshape(-1, -1), ShapeError, r"2 extents of \(-1, -1\) are -1; leave one open"),
        (lambda: A.reshape(-2, 24), ShapeError, r"reshape: extent 0 of the shape is -2"),
        (lambda: A.reshape(2.0, 24), DTypeError, r"reshape: extent 0 of the shape: 2.0 is no int"),
        (
            lambda: te.placeholder((0, 4)).reshape(0, -1),
            ShapeError, r"reshape: beside an extent of 0 any number would do for -1",
        ),
    ],
)  # fmt: skip
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()
