"""Arrays of every layout: what is accepted, that it computes the same, and what it compiles."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.te_programs import Case, schedule_at_random, te_programs
from texpr import te
from texpr.errors import ShapeError, TexprError
from texpr.target.calls import MAX_FLAVOURS


def misaligned(array):
    raw = np.zeros(array.nbytes + 1, "u1")
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def stepped(step):
    """Every ``step``-th element along each dimension of a larger array."""

    def make(array):
        base = np.zeros([extent * abs(step) for extent in array.shape], array.dtype)
        view = base[(..., *(slice(None, None, step) for _ in array.shape))]
        view[...] = array
        return view

    return make


def rows_of_a_larger(array):
    base = np.zeros([extent + 3 for extent in array.shape], array.dtype)
    view = base[(..., *(slice(1, 1 + extent) for extent in array.shape))]
    view[...] = array
    return view


def reversed_rows(array):
    return np.array(array[::-1], order="C")[::-1] if array.ndim else array.copy()


LAYOUTS = {
    "C": np.array,
    "Fortran": lambda array: np.array(array, order="F"),
    "rows of a larger": rows_of_a_larger,
    "reversed rows": reversed_rows,
    "every second": stepped(2),
    "backwards": stepped(-1),
    "every third, backwards": stepped(-3),
    "misaligned": misaligned,
}
"""Each returns an array of the same elements that may be written."""


def broadcast(array):
    """A view with zero strides that holds one element everywhere."""
    return np.broadcast_to(array.reshape(-1)[:1].reshape(()), array.shape)


@given(te_programs(), st.integers(0, 1 << 30), st.integers(0, 6), st.data())
@settings(max_examples=40)
def test_any_mixture_computes_the_same(case: Case, seed: int, count: int, data) -> None:
    s = case.schedule()
    schedule_at_random(s, seed, count)
    kernel = texpr.build(s, case.args())
    given_arrays = []
    for array in case.arrays.values():
        name = data.draw(st.sampled_from(["zero strides", *LAYOUTS]))
        if name == "zero strides" and array.size:
            given_arrays.append(broadcast(array))
        else:
            given_arrays.append(LAYOUTS.get(name, np.copy)(array))
    outputs = [
        LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))](array)
        for array in case.fresh_outputs()
    ]
    wanted = case.fresh_outputs()
    kernel(*[np.array(array, order="C") for array in given_arrays], *wanted)
    for _ in range(2):  # by the checks in Python, and by the flavour that there is then
        for output in outputs:
            output[...] = 0
        kernel(*given_arrays, *outputs)
        for found, expected in zip(outputs, wanted, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def product():
    """The rows of C and B are vectors; those of A are read element by element."""
    n, m, l = te.var("n"), te.var("m"), te.var("l")  # noqa: E741
    A, B = te.placeholder((n, l), name="A"), te.placeholder((l, m), name="B")
    k = te.reduce_axis((0, l), name="k")
    C = te.compute((n, m), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
    s = te.create_schedule(C.op)
    i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 2, 8)
    s[C].reorder(i_o, j_o, k, i_i, j_i)
    s[C].unroll(i_i)
    s[C].vectorize(j_i)
    return lambda: texpr.build(s, [A, B, C], name="product")


def test_every_pair_of_layouts(product):
    kernel = product()
    a, b = np.arange(35, dtype="f4").reshape(5, 7), np.arange(133, dtype="f4").reshape(7, 19)
    for (one, make_a), (other, make_b) in itertools.product(LAYOUTS.items(), repeat=2):
        c = make_b(np.zeros((5, 19), "f4"))
        assert kernel(make_a(a), make_b(b), c) is None
        np.testing.assert_array_equal(c, a @ b, err_msg=f"{one}, {other}")
        np.testing.assert_array_equal(kernel(make_a(a), B=make_b(b)), a @ b)


def test_a_flavour_for_each_set_of_rows_without_gaps(product):
    kernel = product()
    flavours = kernel._calls.flavours
    a, b, c = (np.ones(shape, "f4") for shape in ((4, 4), (4, 16), (4, 16)))
    kernel(a, b, c)
    assert list(flavours) == []
    kernel(rows_of_a_larger(a), b, c)
    kernel(a, rows_of_a_larger(b), misaligned(c))
    kernel(reversed_rows(a), broadcast(b)[:, :1] * b, c)
    assert list(flavours) == [frozenset({0, 1, 2})]
    kernel(a.T, b, c)
    kernel(np.asfortranarray(a), reversed_rows(b), c)
    assert list(flavours) == [frozenset({0, 1, 2}), frozenset({1, 2})]
    kernel(a, np.asfortranarray(b), c)
    kernel(a.T, np.asfortranarray(b), np.zeros((16, 4), "f4").T)
    assert list(flavours)[2:] == [frozenset({0, 2}), frozenset()]


def test_vectors_are_loaded_whole_where_rows_have_no_gaps(product):
    kernel = product()
    a, b, c = (np.ones(shape, "f4") for shape in ((4, 4), (4, 16), (4, 16)))
    kernel(a.T, b, c)
    kernel(a, stepped(2)(b), c)
    rows, general = (
        flavour.attempt.__self__.code.llvm for flavour in kernel._calls.flavours.values()
    )
    # A store of eight lanes to C, whole; and what is read from B.
    assert re.search(r"load <8 x float>, ptr %B|load <8 x float>, ptr", rows)
    assert "gather" not in rows
    assert "gather" in general or "insertelement <8 x float>" in general


def test_a_kernel_keeps_only_so_many_flavours():
    tensors = [te.placeholder((4, 4), name=name) for name in "ABDE"]
    A, B, D, E = tensors
    C = te.compute((4, 4), lambda i, j: A[i, j] + B[i, j] * D[i, j] - E[i, j], name="C")
    kernel = texpr.build(te.create_schedule(C.op), [*tensors, C])
    arrays = [np.random.default_rng(at).random((4, 4), np.float32) for at in range(4)]
    a, b, d, e = arrays
    for turned in itertools.product((False, True), repeat=4):
        given_arrays = [
            np.asfortranarray(array) if turn else array
            for array, turn in zip(arrays, turned, strict=True)
        ]
        for _ in range(2):
            np.testing.assert_allclose(kernel(*given_arrays), a + b * d - e, rtol=1e-6)
    flavours = kernel._calls.flavours
    assert len(flavours) == MAX_FLAVOURS + 1
    assert frozenset() in flavours


def test_arrays_of_one_column_or_no_element_fit_any_flavour(product):
    kernel = product()
    a, b = np.ones((3, 1), "f4"), np.ones((1, 2), "f4")
    for column in (a, np.ones((3, 5), "f4")[:, 2:3], np.ones((6, 5), "f4")[::-2, ::5]):
        for _ in range(2):
            np.testing.assert_array_equal(kernel(column, b), np.ones((3, 2)))
    empty = np.ones((3, 8), "f4")[:, ::2][:, :0]
    for _ in range(2):
        np.testing.assert_array_equal(kernel(empty, np.ones((0, 2), "f4")[::-1]), np.zeros((3, 2)))


def test_strides_of_no_whole_elements_are_refused(product):
    fields = np.zeros((4, 4), np.dtype([("x", "f4"), ("y", "i1")]))["x"]
    b, c = np.ones((4, 16), "f4"), np.ones((4, 16), "f4")
    kernel = product()
    for _ in range(2):
        with pytest.raises(
            ShapeError, match=re.escape("product: A has strides of (20, 5) bytes, no multiples of")
        ):
            kernel(fields, b, c)
        kernel(fields[:, :1][:, [0, 0, 0, 0]], b, c)


# ---------------------------------------------------------------- memory that is shared


def overlapping(kernel, *args):
    with pytest.raises(TexprError, match=r"overlaps|are in one place in memory"):
        kernel(*args)


@pytest.fixture(scope="module")
def add():
    n, m = te.var("n"), te.var("m")
    A, B = te.placeholder((n, m), name="A"), te.placeholder((n, m), name="B")
    C = te.compute((n, m), lambda i, j: A[i, j] + B[i, j], name="C")
    return texpr.build(te.create_schedule(C.op), [A, B, C], name="add")


def test_what_may_share_memory(add):
    """The table of docs/calling.md, row by row."""
    base = np.arange(96, dtype="f4").reshape(6, 16)
    a = base[:3, :4]
    # inputs with one another: the same, in part, turned
    np.testing.assert_array_equal(add(a, a), 2 * a)
    np.testing.assert_array_equal(add(base[:3, :4], base[1:4, 1:5]), a + base[1:4, 1:5])
    np.testing.assert_array_equal(add(a[::-1], a), a[::-1] + a)
    np.testing.assert_array_equal(add(np.broadcast_to(a[0], (3, 4)), a), a[0] + a)
    # read-only inputs
    frozen = a.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(add(frozen, frozen), 2 * frozen)
    # an output and an input: the same, in part
    overlapping(add, a, a, a)
    overlapping(add, base[:3, :4], base[3:, :4], base[1:4, :4])
    overlapping(add, base[:3, :4], base[3:, :4], base[2::-1, :4])
    # interleaved, with no element in common
    c = base[:3, 1:9:2]
    expected = base[:3, 0:8:2] + base[3:, 0:8:2]
    add(base[:3, 0:8:2], base[3:, 0:8:2], c)
    np.testing.assert_array_equal(c, expected)
    # an output with itself
    overlapping(add, a, a, np.lib.stride_tricks.as_strided(np.zeros(8, "f4"), (3, 4), (4, 4)))


def test_outputs_may_not_share_memory_either():
    A = te.placeholder((4,), name="A")
    X, Y = te.compute((4,), lambda i: (A[i] + 1, A[i] * 2), name="X")
    both = texpr.build(te.create_schedule(X.op), [A, X, Y], name="both")
    memory = np.zeros(8, "f4")
    overlapping(both, np.ones(4, "f4"), memory[:4], memory[:4])
    overlapping(both, np.ones(4, "f4"), memory[:4], memory[2:6])
    both(np.ones(4, "f4"), memory[::2], memory[1::2])
    assert memory.tolist() == [2] * 8


def test_an_array_in_place_is_one_argument():
    N = texpr.size("N")

    @texpr.kernel
    def double(A: texpr.f64[N]):
        for i in range(N):
            A[i] *= 2.0

    array = np.arange(8.0)
    double(array[::2])
    assert array.tolist() == [0, 1, 4, 3, 8, 5, 12, 7]
    double(array[::-1])
    assert array.tolist() == [0, 2, 8, 6, 16, 10, 24, 14]
