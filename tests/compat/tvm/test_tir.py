"""What only ``tvm.tir`` has, read by NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import te, tir
from texpr.errors import DTypeError

BITS = np.array([0, 1, 5, -7, 127, -128], "int32")
FLOATS = np.array([-3.5, 0.0, 0.5, 4.0], "float32")


def computed(rule, *arrays):
    inputs = [te.placeholder(a.shape, str(a.dtype), name=f"A{k}") for k, a in enumerate(arrays)]
    C = te.compute(arrays[0].shape, lambda i: rule(*(A[i] for A in inputs)), name="C")
    return tvm.build(te.create_schedule(C.op), [*inputs, C])(*arrays)


@pytest.mark.parametrize(
    ("name", "numpy"),
    [
        ("bitwise_and", np.bitwise_and),
        ("bitwise_or", np.bitwise_or),
        ("bitwise_xor", np.bitwise_xor),
        ("ceildiv", lambda x, y: -(-x // y)),
    ],
)
def test_of_two_integers(name, numpy):
    other = np.array([3, -1, 4, 2, 5, 9], "int32")
    function = getattr(tir, name)
    np.testing.assert_array_equal(computed(function, BITS, other), numpy(BITS, other))
    np.testing.assert_array_equal(computed(lambda x: function(x, 3), BITS), numpy(BITS, 3))


def test_of_one():
    np.testing.assert_array_equal(computed(tir.bitwise_not, BITS), ~BITS)
    np.testing.assert_array_equal(computed(lambda x: tir.shift_left(x, 2), BITS), BITS << 2)
    np.testing.assert_array_equal(computed(lambda x: tir.shift_right(x, 2), BITS), BITS >> 2)
    np.testing.assert_allclose(computed(tir.exp2, FLOATS), np.exp2(FLOATS), rtol=1e-6)
    np.testing.assert_allclose(computed(tir.exp10, FLOATS), 10**FLOATS, rtol=1e-6)
    positive = computed(lambda x: tir.Select(tir.likely(x > 0), x, tir.infinity("float32")), FLOATS)
    np.testing.assert_array_equal(positive, [np.inf, np.inf, 0.5, 4.0])


def test_a_cast():
    as_int = computed(lambda x: tir.Cast("int32", x), FLOATS)
    np.testing.assert_array_equal(as_int, FLOATS.astype("int32"))
    assert tir.Cast("int8", 3).dtype == "int8"


def test_what_te_has_tir_has():
    assert tir.exp is te.exp
    assert tir.const is te.const
    assert {"exp", "Select", "likely", "if_then_else"} <= {*dir(tir)}
    assert isinstance(te.var("n"), (tir.PrimExpr, tir.Var))
    assert isinstance(te.reduce_axis((0, 2)), tir.IterVar)


def test_wrong_types_are_refused():
    with pytest.raises(DTypeError):
        tir.bitwise_and(te.const(1.0, "float32"), 1)
    with pytest.raises(DTypeError):
        tir.infinity("int33")
    with pytest.raises(DTypeError):
        tir.Cast("int33", 1)
    with pytest.raises(DTypeError):
        tir.exp2(te.var("n"))
