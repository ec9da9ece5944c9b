"""Slices of whole tensors are NumPy's, where the extents are known and where they are symbolic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import texpr
from tests.readings import by_interpreter, check_readings, filled
from texpr import te
from texpr.errors import BoundsError, DTypeError, ShapeError, TexprError
from texpr.ir.expr import Load

n, lo, hi = te.size_var("n"), te.var("lo"), te.var("hi")
A = te.placeholder((6, 8), "int32", name="A")
V = te.placeholder((8,), name="V")
W = te.placeholder((n,), name="W")
Z = te.placeholder((), name="Z")
I = te.placeholder((8,), "int32", name="I")  # noqa: E741 - short as the others


class TestKnownExtents:
    @pytest.mark.parametrize(
        "take",
        [
            lambda x: x[1:3], lambda x: x[:, ::2], lambda x: x[..., 0], lambda x: x[None],
            lambda x: x[::-1], lambda x: x[-2:, :-3], lambda x: x[10:2:-3, -100:100],
            lambda x: x[3:1], lambda x: x[2, 1:], lambda x: x[2][1:3], lambda x: x[2][...],
            lambda x: x[:, None, ..., 3], lambda x: x[...], lambda x: x[:0, 7],
        ],
    )  # fmt: skip
    def test_reads_as_numpy_does(self, take):
        array, made = filled(6, 8, dtype="int32"), take(A)
        assert made.op.tag == "injective"
        check_readings(te.create_schedule(made.op), [made], {A: array}, expected=[take(array)])

    def test_where_no_dimension_is_left_it_is_an_element(self):
        assert isinstance(A[..., 1, 2], Load)
        assert A[1, 2, ...] is A[1, 2]
        assert Z[...] is Z[()]

    def test_it_can_be_inlined(self):
        made = A[1:, 2] * 2
        s = te.create_schedule(made.op)
        for stage in s.stages_tagged("injective"):
            stage.compute_inline()
        assert "T_mul[i0] = A[i0 + 1, 2]*2" in str(s)

    def test_a_gather(self):
        made = A[I[3], ::2]
        arrays = {A: filled(6, 8, dtype="int32"), I: np.full(8, 4, "int32")}
        expected = arrays[A][4, ::2]
        np.testing.assert_array_equal(by_interpreter(made, arrays, (4,)), expected)


class TestSymbolicExtents:
    @pytest.mark.parametrize(
        ("take", "extent"),
        [
            (lambda x: x[1:], "n - 1"), (lambda x: x[:-1], "n - 1"), (lambda x: x[-3:], "3"),
            (lambda x: x[::2], "(n + 1)//2"), (lambda x: x[::-2], "(n + 1)//2"),
            (lambda x: x[1:3], "2"), (lambda x: x[4:1], "0"), (lambda x: x[-2:0:-1], "n - 2"),
        ],
    )  # fmt: skip
    def test_reads_as_numpy_does(self, take, extent):
        made = take(W)
        assert str(made.shape[0]) == extent
        for size in (3, 4, 7):
            array = filled(size)
            expected = take(array)
            np.testing.assert_array_equal(
                by_interpreter(made, {W: array}, expected.shape), expected
            )

    def test_neighbours(self):
        D = W[1:] - W[:-1]
        array = filled(6)
        check_readings(te.create_schedule(D.op), [D], {W: array}, expected=[np.diff(array)])

    def test_symbolic_bounds(self):
        made = V[lo : lo + 3] * 1
        assert tuple(map(int, made.shape)) == (3,)
        kernel = texpr.build(te.create_schedule(made.op), [lo, V, made])
        array = filled(8)
        np.testing.assert_array_equal(kernel(5, array), array[5:8])
        for outside in (6, -1):
            with pytest.raises(BoundsError, match="is outside dimension 0 of extent 8"):
                kernel(outside, array)
        assert str(V[lo:hi].shape[0]) == "hi - lo"
        assert str(V[lo:100].shape[0]) == "8 - lo"

    def test_what_is_too_short_says_so(self):
        kernel = texpr.build(te.create_schedule((W[1:] * 2).op))
        with pytest.raises(ShapeError, match=r"would have a negative extent 0: n - 1 = -1"):
            kernel(filled(0))
        kernel = texpr.build(te.create_schedule((W[1:4] * 2).op))
        with pytest.raises(BoundsError):
            kernel(filled(3))


@given(st.data())
def test_random_slices(data):
    shape = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
    ends = st.none() | st.integers(-7, 7)
    steps = st.none() | st.sampled_from((1, 2, 3, -1, -2))
    given_ = []
    for extent in shape[: data.draw(st.integers(0, len(shape)))]:
        if extent and data.draw(st.booleans()):
            given_.append(data.draw(st.integers(0, extent - 1)))
        else:
            given_.append(slice(data.draw(ends), data.draw(ends), data.draw(steps)))
    if data.draw(st.booleans()):
        given_.insert(data.draw(st.integers(0, len(given_))), None)
    at = data.draw(st.integers(0, len(given_)))
    given_.insert(at, ...)
    array = np.arange(np.prod(shape), dtype="int64").reshape(shape)
    X = te.placeholder(shape, "int64", name="X")
    try:
        expected = array[tuple(given_)]
    except IndexError:
        with pytest.raises(BoundsError):
            X[tuple(given_)]
        return
    made = X[tuple(given_)]
    if np.ndim(expected) == 0:
        assert isinstance(made, Load)
        made = te.compute((), lambda: made, name="E")
    np.testing.assert_array_equal(by_interpreter(made, {X: array}, expected.shape), expected)


@pytest.mark.parametrize(
    ("take", "error", "message"),
    [
        (lambda: V[::0], ShapeError, r"V: the step of slice ::0 of dimension 0 is 0; pass an int"),
        (lambda: V[::lo], ShapeError, r"V: the step of slice ::lo of dimension 0 is lo; pass an"),
        (lambda: V["a":], DTypeError, r"V: the start of slice a: of dimension 0: 'a' is no"),
        (lambda: V[: 2.5], DTypeError, r"V: the stop of slice :2.5 of dimension 0: 2.5 is no"),
        (lambda: V[: I[0]], ShapeError, r"V: the length of slice .* depends on I\[0\], which is"),
        (lambda: A[..., 1, ...], ShapeError, r"A\[..., 1, ...\]: 2 times ... leave open which"),
        (lambda: A[:, :, :], ShapeError, r"A\[:, :, :\]: 3 subscripts for 2 dimensions; leave 1"),
        (lambda: A[..., 8], BoundsError, r"A: subscript 8 of dimension 1 is outside 0..8-1"),
        (lambda: A[-1, :], BoundsError, r"A: subscript -1 .* subscripts do not count from the end"),
        (lambda: A[:, True], DTypeError, r"A: subscript 1: True is no integer"),
        (lambda: A[1] + 1, ShapeError, r"A\[1\]: 1 of 2 .* or write A\[1, ...\] for a tensor of"),
        (
            lambda: te.compute((6,), lambda i: A[i, :]), TexprError,
            r"A\[i, :\]: the axis 'i' has .* index an element, A\[i, j\], .* A.sum\(axis=…\)",
        ),
        (lambda: te.compute((6,), lambda i: V[i:]), TexprError, r"V\[i:\]: the axis 'i' has a"),
    ],
)  # fmt: skip
def test_mistakes(take, error, message):
    with pytest.raises(error, match=message):
        take()


def test_assignment():
    with pytest.raises(TexprError, match=r"A: a tensor is never assigned to, its rule gives every"):
        A[1:2] = 3
