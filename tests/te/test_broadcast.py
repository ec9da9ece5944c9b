"""Operators over whole tensors: element by element, broadcast as NumPy does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.readings import by_interpreter, check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError

N, M = te.var("n"), te.size_var("m")
A = te.placeholder((8, 4), name="A")
V = te.placeholder((8,), name="V")
W = te.placeholder((N,), name="W")
Z = te.placeholder((), name="Z")


class TestWholeTensors:
    @pytest.mark.parametrize(
        ("make", "dtype"),
        [
            (lambda: V + 1, "float32"),
            (lambda: 2 - V, "float32"),
            (lambda: V * V, "float32"),
            (lambda: V / 2, "float32"),
            (lambda: -V, "float32"),
            (lambda: abs(V), "float32"),
            (lambda: V**2, "float32"),
            (lambda: V > 0, "bool"),
            (lambda: (V >= 0) & (V < 3), "bool"),
            (lambda: ~(V > 0), "bool"),
            (lambda: V.astype("int32") // 2 % 3, "int32"),
            (lambda: (V.astype("int8") << 1) ^ 5, "int8"),
            (lambda: te.exp(V), "float32"),
            (lambda: te.max(V, 1.0, -V), "float32"),
            (lambda: te.if_then_else(V > 0, V, 0.0), "float32"),
            (lambda: np.float32(2) * V, "float32"),
            (lambda: V * Z, "float32"),
        ],
    )
    def test_operators(self, make, dtype):
        T = make()
        assert isinstance(T, te.Tensor)
        assert T.dtype == dtype
        arrays = {V: filled(8), Z: np.array(3, "float32")}
        used = {t: a for t, a in arrays.items() if t is V or "Z" in str(T.op.body)}
        check_readings(te.create_schedule(T.op), [T], used)

    @pytest.mark.parametrize(
        "shapes", [((3, 4), (4,)), ((3, 1), (1, 4)), ((1,), (3, 4)), ((0, 4), (4,))]
    )
    def test_broadcasting(self, shapes):
        X, Y = (te.placeholder(shape, "int32", name="X") for shape in shapes)
        T = X * 2 + Y
        assert tuple(map(int, T.shape)) == np.broadcast_shapes(*shapes)
        arrays = {t: filled(*shape, dtype="int32") for t, shape in zip((X, Y), shapes, strict=True)}
        check_readings(te.create_schedule(T.op), [T], arrays)

    def test_broadcasting_of_symbolic_extents(self):
        X = te.placeholder((N, 3), "int32", name="X")
        Y = te.placeholder((N, 1), "int32", name="Y")
        T = X + Y
        assert T.shape[0] is N
        arrays = {X: filled(4, 3, dtype="int32"), Y: filled(4, 1, dtype="int32", seed=1)}
        check_readings(te.create_schedule(T.op), [T], arrays, sizes={N: 4})

    @pytest.mark.parametrize(
        ("one", "other", "message"),
        [
            (
                V,
                te.placeholder((7,), name="U"),
                (
                    r"add: <tensor V: float32\[8\]> and <tensor U: float32"
                    r"\[7\]> do not broadcast, dimension 0 is 8 and 7; extents must be equal or 1"
                ),
            ),
            (V, W, r"do not broadcast, dimension 0 is 8 and n; extents must be equal or 1"),
            (A, V, r"do not broadcast, dimension 1 is 4 and 8"),
        ],
    )
    def test_what_does_not_broadcast(self, one, other, message):
        with pytest.raises(ShapeError, match=message):
            one + other

    def test_where_an_element_is_wanted(self):
        with pytest.raises(
            DTypeError,
            match=r"A: a whole tensor of 2 dimensions stands where one element is wanted; "
            r"index it, A\[i, j\]",
        ):
            te.compute((8,), lambda i: A)
        with pytest.raises(
            TexprError,
            match=r"add: the axis 'i' has a value only in the rule that it belongs to, and this "
            r"would be a tensor of its own; index the tensors in the rule, A\[i, j\]",
        ):
            te.compute((8,), lambda i: V[i] + A)

    def test_extents_that_say_the_same_in_other_words(self):
        X = te.placeholder((M * 2 + 1,), name="X")
        Y = te.placeholder((1 + M + M,), name="Y")
        assert (X + Y).op.tag == "elemwise"
        with pytest.raises(ShapeError, match=r"dimension 0 is m\*2 \+ 1 and m; extents"):
            X + te.placeholder((M,))

    def test_scalars_of_every_kind(self):
        x = te.var("x", "float32")
        made = V * x + Z - np.float32(2)
        arrays = {V: filled(8), Z: np.array(3, "float32")}
        expected = arrays[V] * np.float32(0.5) + arrays[Z] - 2
        found = by_interpreter(made, arrays, (8,), {x: np.float32(0.5)})
        np.testing.assert_allclose(found, expected)
        assert +V is V
        assert str(+Z) == "Z[()]"

    def test_axes_of_a_rule(self):
        for made in (lambda i: V * i, lambda i: A.sum() * V[i:], lambda i: te.einsum(",i", i, V)):
            with pytest.raises(TexprError, match=r"the axis 'i' has a value only in the rule that"):
                te.compute((8,), made)

    def test_conditions(self):
        made = te.select(te.all(A > 0, te.any(A < 2, A.equal(3))), A, 0.0)
        a = filled(8, 4)
        expected = np.where((a > 0) & ((a < 2) | (a == 3)), a, np.float32(0))
        check_readings(te.create_schedule(made.op), [made], {A: a}, expected=[expected])


OPERATORS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: 1 - a - b,
    "multiply": lambda a, b: a * b,
    "less": lambda a, b: a < b,
    "at least": lambda a, b: a >= b,
    "bits": lambda a, b: a & b | a ^ b,
    "unary": lambda a, b: -a + abs(b),
    "invert": lambda a, b: ~(a * b),
    "shift": lambda a, b: a << 1,
    "square": lambda a, b: a**2 + b,
}


@given(st.data())
def test_random_operators(data):
    shape = data.draw(st.lists(st.sampled_from((0, 1, 2, 3)), max_size=3))
    shapes = []
    for _ in range(2):
        own = shape[data.draw(st.integers(0, len(shape))) :]
        shapes.append([extent if data.draw(st.booleans()) else 1 for extent in own])
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 16)))
    arrays = {
        te.placeholder(own, "int16", name=name): rng.integers(-9, 9, own).astype("int16")
        for own, name in zip(shapes, "XY", strict=True)
    }
    operator = OPERATORS[data.draw(st.sampled_from(sorted(OPERATORS)))]
    expected = np.asarray(operator(*arrays.values()))
    made = operator(*arrays)
    if not isinstance(made, te.Tensor):  # of two scalars it is one
        element = made
        made = te.compute((), lambda: element, name="E")
    assert made.dtype == str(expected.dtype)
    np.testing.assert_array_equal(by_interpreter(made, arrays, expected.shape), expected)
