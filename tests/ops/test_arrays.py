"""Operators on arrays: which kernels are built, and kept; what becomes of the arrays."""

from __future__ import annotations

import functools
import threading

import jax.numpy as jnp
import numpy as np
import pytest

import texpr
from texpr import ops, te
from texpr.ops import arrays
from texpr.target.threads import get_num_threads, set_num_threads


@pytest.fixture
def kernels():
    arrays.kernel_of.cache_clear()
    return arrays.kernel_of.cache_info


def test_a_kernel_for_each_combination_of_shapes_types_and_options(kernels):
    a = np.ones((4, 4), "float32")
    for _ in range(3):
        ops.matmul(a, a)
    assert (kernels().currsize, kernels().hits) == (1, 2)
    ops.matmul(a[:2], a)
    ops.matmul(a.astype("float64"), a)
    ops.matmul(a, a, trans_b=True)
    ops.matmul(a, a.T)
    assert (kernels().currsize, kernels().hits) == (4, 3)


def test_another_number_of_threads_and_another_target_have_kernels_of_their_own(
    kernels, monkeypatch
):
    before = get_num_threads()
    a = np.ones((4, 4), "float32")
    try:
        for count in (1, 2):
            set_num_threads(count)
            ops.matmul(a, a)
    finally:
        set_num_threads(before)
    assert kernels().currsize == 2
    monkeypatch.setenv("TEXPR_TARGET", "llvm -vector-width=128")
    ops.matmul(a, a)
    assert kernels().currsize == 3


def test_kernels_are_bounded(kernels):
    assert kernels().maxsize == arrays.MAX_KERNELS


def test_code_for_another_machine_is_declared_and_not_run(kernels, monkeypatch):
    monkeypatch.setenv("TEXPR_TARGET", "llvm -mtriple=riscv64-linux-gnu")
    with pytest.raises(texpr.TexprError, match=r"matmul: the target llvm .* is another machine"):
        ops.matmul(np.ones((2, 2)), np.ones((2, 2)))


def test_arrays_are_copied_only_where_rows_have_gaps():
    a = np.ones((6, 8), "float32")
    assert arrays.as_array(a) is a
    rows = a[1:3, 2:5]
    assert arrays.as_array(rows) is rows
    assert not np.shares_memory(arrays.as_array(a[:, ::2]), a)
    assert arrays.as_array([1.0, 2.0]).tolist() == [1.0, 2.0]


def whole_numbers(shape, seed):
    """Small ones: their products and sums are exact, whatever the order."""
    return np.random.default_rng(seed).integers(-9, 9, shape).astype("float32")


OPERATORS = {
    "matmul": (ops.matmul, [(6, 6), (6, 6)]),
    "batched_matmul": (ops.batched_matmul, [(2, 6, 6), (2, 6, 6)]),
    "dense": (ops.dense, [(6, 6), (6, 6), (6,)]),
    "gemv": (ops.gemv, [(6, 6), (6,)]),
    "softmax": (ops.softmax, [(6, 6)]),
    "gelu": (ops.gelu, [(6, 6)]),
}


@pytest.fixture(params=OPERATORS)
def called(request):
    """An operator, operands, and its result."""
    function, shapes = OPERATORS[request.param]
    operands = [whole_numbers(shape, seed) for seed, shape in enumerate(shapes)]
    return function, operands, function(*operands)


class Own(np.ndarray):
    """A subclass."""


class Exporter:
    """No array, but something that NumPy makes one of."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def part_of_a_larger_one(a):
    larger = np.zeros([extent + 3 for extent in a.shape], a.dtype)
    inner = larger[tuple(slice(2, 2 + extent) for extent in a.shape)]
    inner[...] = a
    return inner


def not_aligned(a):
    moved = np.empty(a.nbytes + 1, "uint8")[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def not_writable(a):
    return np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)


KINDS = {
    "in the order of Fortran": np.asfortranarray,
    "with gaps": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: np.flip(np.flip(a).copy()),
    "part of a larger one": part_of_a_larger_one,
    "not aligned": not_aligned,
    "not writable": not_writable,
    "a subclass": lambda a: a.view(Own),
    "masked": np.ma.masked_array,
    "__array__": Exporter,
    "a list": np.ndarray.tolist,
    "jax's": jnp.asarray,
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_numpy_makes_an_array_of_is_taken(called, kind):
    function, operands, wanted = called
    for place in range(len(operands)):
        given = [KINDS[kind](a) if at == place else a for at, a in enumerate(operands)]
        found = function(*given)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(np.asarray(given[place]), operands[place])


def test_an_operand_may_be_used_twice():
    a = whole_numbers((6, 6), 0)
    np.testing.assert_array_equal(ops.matmul(a, a), a @ a)
    np.testing.assert_array_equal(ops.matmul(a, a.T), a @ a.T)
    np.testing.assert_array_equal(ops.dense(a, a, a[0]), a @ a + a[0])


def test_every_call_makes_a_result_of_its_own(called):
    function, operands, wanted = called
    found = function(*operands)
    assert not np.shares_memory(found, wanted)
    assert found.flags.c_contiguous
    assert found.flags.writeable


@pytest.mark.parametrize(
    "kind", [np.asarray, not_aligned, KINDS["a subclass"], part_of_a_larger_one]
)
def test_out_is_written_and_returned(called, kind):
    function, operands, wanted = called
    out = kind(np.full_like(wanted, 7))
    if function is ops.gelu and not out.flags.c_contiguous:
        with pytest.raises(texpr.ShapeError, match="gelu: out is no contiguous array"):
            function(*operands, out=out)
        return
    assert function(*operands, out=out) is out
    np.testing.assert_array_equal(out, wanted)


def test_out_that_cannot_be_written(called):
    function, operands, wanted = called
    with pytest.raises(texpr.TexprError, match="read-only"):
        function(*operands, out=not_writable(wanted))


def test_bytes_in_another_order(called):
    function, operands, wanted = called
    for place in range(len(operands)):
        given = [a.astype(">f4") if at == place else a for at, a in enumerate(operands)]
        with pytest.raises(texpr.DTypeError, match=">f4"):
            function(*given)
    with pytest.raises(texpr.DTypeError, match="out is >f4, and the result float32"):
        function(*operands, out=wanted.astype(">f4"))


def test_a_tensor_beside_an_array(called):
    function, operands, _ = called
    if len(operands) == 1:
        assert isinstance(function(te.placeholder((6, 6))), te.Tensor)
        return
    for place in range(len(operands)):
        given = [te.placeholder(a.shape) if at == place else a for at, a in enumerate(operands)]
        with pytest.raises(texpr.DTypeError, match=r"ops: .* beside a te tensor; pass tensors"):
            function(*given)


def test_threads_that_call_at_once_while_kernels_are_forgotten(monkeypatch):
    sizes = range(1, 9)
    operands = {n: (whole_numbers((n, n), n), whole_numbers((n, n), n + 9)) for n in sizes}
    # So few that the threads push each other's kernels out.
    few = functools.lru_cache(maxsize=5)(arrays.kernel_of.__wrapped__)
    monkeypatch.setattr(arrays, "kernel_of", few)
    wrong = []
    start = threading.Barrier(4)

    def work(seed):
        start.wait()
        for n in np.random.default_rng(seed).permutation(np.repeat(sizes, 2)):
            a, b = operands[int(n)]
            if not np.array_equal(ops.matmul(a, b), a @ b):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert few.cache_info().currsize == 5
    assert few.cache_info().hits + few.cache_info().misses == 4 * 2 * len(sizes)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (
            np.ones((3, 2), "float32"),
            texpr.ShapeError,
            r"matmul: out is of shape \(3, 2\), and the",
        ),
        (np.ones((2, 2)), texpr.DTypeError, "matmul: out is float64, and the result float32; pass"),
        (
            [[1, 2], [3, 4]],
            texpr.DTypeError,
            r"matmul: out is \[\[1, 2\], \[3, 4\]\]; pass a NumPy",
        ),
    ],
)
def test_another_out_than_the_result(out, error, words):
    a = np.ones((2, 2), "float32")
    with pytest.raises(error, match=words):
        ops.matmul(a, a, out=out)


def test_out_may_not_overlap_an_operand():
    a = np.ones((2, 2), "float32")
    with pytest.raises(texpr.TexprError, match="overlaps A in memory"):
        ops.matmul(a, a, out=a)


def test_types_that_do_not_exist_here():
    with pytest.raises(texpr.DTypeError):
        ops.matmul(np.ones((2, 2), "complex64"), np.ones((2, 2), "complex64"))
    with pytest.raises(texpr.DTypeError):
        ops.matmul(np.ones((2, 2), ">f4"), np.ones((2, 2), ">f4"))
