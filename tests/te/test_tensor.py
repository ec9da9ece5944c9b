"""Tensors: their elements, and the operators on whole ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import BoundsError, DTypeError, ShapeError
from texpr.ir.expr import Load

N = te.var("n")
A = te.placeholder((8, 4), name="A")
V = te.placeholder((8,), name="V")
W = te.placeholder((N,), name="W")
Z = te.placeholder((), name="Z")
I = te.placeholder((8,), "int32", name="I")  # noqa: E741 - short as the others


class TestElements:
    def test_ways_to_write_one(self):
        i = te.var("i")
        assert A[i, 2] is A[i][2] is A(i, 2) is A[(i, 2)]
        assert isinstance(A[i, 2], Load)
        assert str(A[i, 2]) == "A[i, 2]"
        assert Z[()] is Z()

    def test_subscripts(self):
        k = te.reduce_axis((0, 8), name="k")
        assert str(V[k]) == "V[k]"
        assert str(V[I[3]]) == "V[int64(I[3])]"
        assert str(V[np.int8(3)]) == "V[3]"
        assert str(W[N - 1]) == "W[n - 1]"
        assert str(W[1000]) == "W[1000]"

    @pytest.mark.parametrize(
        ("tensor", "subscript", "error", "message"),
        [
            (V, (1, 2), ShapeError, r"V\[1, 2\]: 2 subscripts for 1 dimension; leave 1 out"),
            (Z, 0, ShapeError, r"Z\[0\]: 1 subscripts for 0 dimensions; leave 1 out"),
            (
                V,
                8,
                BoundsError,
                (
                    r"V: subscript 8 of dimension 0 is outside 0..8-1; subscripts do "
                    r"not count from the end"
                ),
            ),
            (V, -1, BoundsError, r"V: subscript -1 of dimension 0 is outside 0..8-1"),
            (W, -1, BoundsError, r"W: subscript -1 of dimension 0 is outside 0..n-1"),
            (V, 0.5, DTypeError, r"V: subscript 0: 0.5 is no integer; pass an int, a te.var or"),
            (A, (1, True), DTypeError, r"A: subscript 1: True is no integer"),
            (V, "i", DTypeError, r"V: subscript 0: 'i' is no integer"),
            (V, [1, 2], DTypeError, r"V: subscript 0: \[1, 2\] is no integer"),
            (V, np.arange(3), DTypeError, r"V: subscript 0: array\(\[0, 1, 2\]\) is no integer"),
            (V, V[0], DTypeError, r"V: subscript 0: V\[0\] is float32, not an integer; cast it"),
            (V, te.var("b", "bool"), DTypeError, r"V: subscript 0: b is bool, not an integer"),
            (V, 1 << 70, DTypeError, r"V: subscript 0: \d+ does not fit int64; pass a smaller one"),
        ],
    )
    def test_bad_subscripts(self, tensor, subscript, error, message):
        with pytest.raises(error, match=message):
            tensor[subscript]

    def test_bad_calls(self):
        with pytest.raises(
            ShapeError, match=r"A: 1 subscripts for 2 dimensions; give one for each"
        ):
            A(1)
        with pytest.raises(ShapeError, match=r"V: 2 subscripts for 1 dimensions; give one"):
            V(1, 2)
        for index in (slice(1, 2), None, ...):
            with pytest.raises(DTypeError, match=r"A: subscript 1: .* is no integer"):
                A(0, index)

    def test_an_element_that_lacks_subscripts(self):
        row = A[3]
        assert repr(row) == "A[3]"
        with pytest.raises(ShapeError, match=r"A\[3\]: 1 of 2 subscripts; give the others as well"):
            row + 1


class TestAsPython:
    def test_length(self):
        assert len(A) == 8
        for tensor in (W, Z):
            with pytest.raises(
                ShapeError, match=rf"{tensor.name}: its first extent is not a number; use"
            ):
                len(tensor)

    def test_loops_over_it(self):
        with pytest.raises(
            DTypeError, match=r"V: a tensor cannot be looped over in Python; index it with an axis"
        ):
            sum(V)
        with pytest.raises(DTypeError, match=r"iteration: V\[0\] is one scalar expression"):
            list(V[0])

    def test_whether_something_is_in_it(self):
        with pytest.raises(
            DTypeError, match=r"V: whether 3 is in it is known only when it runs; compare its"
        ):
            3 in V  # noqa: B015

    def test_as_keys(self):
        assert {A: 1, V: 2}[V] == 2
        assert V in {A, V}
        assert [A, V].index(V) == 1


class TestComparison:
    def test_whole_tensors_are_told_apart(self):
        other = te.placeholder((8,), name="V")
        assert V == V  # noqa: PLR0124
        assert other != V
        assert not other == V  # noqa: SIM201
        assert not V != V  # noqa: SIM202, PLR0124
        assert V != None  # noqa: E711
        assert V != "V"

    def test_with_a_scalar_it_is_no_silent_no(self):
        for compared in (lambda: V == 3, lambda: V != Z(), lambda: V == Z, lambda: Z == V):  # noqa: SIM300
            with pytest.raises(
                DTypeError,
                match=r"[VZ]: == tells whether two tensors are the same one, and .* is a scalar; "
                r"compare an element, .* == …, or write [VZ].equal\(…\) for a tensor of bools",
            ):
                compared()

    def test_of_rank_0_it_is_an_expression(self):
        assert str(Z == 1) == "Z[()] == 1.0"
        x = te.var("x", "float32")
        assert str(Z != x) == "Z[()] != x"  # noqa: SIM300
        assert str(x == Z) == "x == Z[()]"
        T = te.compute((8,), lambda i: te.if_then_else(Z == 2, V[i], 0.0), name="T")
        for value in (1, 2):
            check_readings(
                te.create_schedule(T.op), [T], {Z: np.array(value, "float32"), V: filled(8)}
            )

    def test_equal_compares_elements(self):
        T = V.equal(2)
        assert T.dtype == "bool"
        check_readings(te.create_schedule(T.op), [T], {V: filled(8)})
        assert str(A[0, 0].equal(1)) == "A[0, 0] == 1.0"

    @pytest.mark.parametrize(
        "condition",
        [
            lambda i: i == 0,
            lambda i: V[i] == V[0],
            lambda i: i > 0 and i < 3,
            lambda i: not i > 0,
            lambda i: 0 < i < 3,
            lambda i: i,
            lambda i: max(V[i], 0.0),
        ],
    )
    def test_truth_value(self, condition):
        with pytest.raises(
            DTypeError,
            match=r"truth value: .* is an expression and has no value yet; write te.if_then_else"
            r"\(condition, a, b\) for a choice and te.all / te.any for and / or",
        ):
            te.compute((8,), lambda i: 1 if condition(i) else 2)


class TestFromNumPy:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda: np.sqrt(V[0]),
                (
                    r"np.sqrt: V\[0\] is an expression and has no value yet; call "
                    r"te's function, such as te.sqrt, in place of NumPy's"
                ),
            ),
            (lambda: np.maximum(V[0], 0), r"np.maximum: .* such as te.max, in place of"),
            (lambda: np.exp(V), r"np.exp: .* such as te.exp"),
            (
                lambda: np.ones(3) + V[0],
                r"expression: array\(\[1., 1., 1.\]\) \(ndarray\) is neither",
            ),
        ],
    )
    def test_functions_and_arrays(self, call, message):
        with pytest.raises(DTypeError, match=message):
            call()

    def test_scalars_keep_their_type(self):
        assert (np.float64(2) * V[0]).dtype == "float64"
        assert (np.int8(2) < I[0]).dtype == "bool"
        assert str(np.int16(2) == I[0]) == "2 == I[0]"
        assert (V[0] + np.float64(1)).dtype == "float64"
        assert str(np.array(2.0, "float32") * V[0]) == "2.0*V[0]"


def test_sizes_of_a_shape_as_python_ints():
    assert int(A.shape[0]) == 8
    assert [*range(A.shape[1])] == [0, 1, 2, 3]
    with pytest.raises(DTypeError, match=r"integer: n is an expression and has no value yet"):
        int(W.shape[0])
    with pytest.raises(DTypeError, match=r"integer: n is an expression .* declare an axis"):
        range(N)


def test_known_sizes_compare_at_once():
    assert A.shape[0] == 8
    assert not A.shape[0] < A.shape[1]
    assert A.shape[1] in (2, 4)
    assert [size for size in A.shape if size != 4] == [8]
    assert A.shape[0]
    assert not te.const(0.0, "float32")
    with pytest.raises(DTypeError, match=r"truth value: n == 4 is an expression and has no value"):
        assert W.shape[0] == 4
    with pytest.raises(DTypeError, match=r"truth value: 1.0 \+ 2.0 is an expression"):
        assert te.const(1, "float32") + te.const(2, "float32")


def test_a_type_equals_its_name():
    assert A.dtype == "float32"
    assert A.dtype != "float64"
    assert {A.dtype: 1}["float32"] == 1
