"""The matrix product: declaration, blocks for many machines, results for many sizes."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import ops, te
from texpr.ops import MatmulBlocks, matmul, matmul_blocks, schedule_matmul
from texpr.ops.matmul import reference
from texpr.target.target import Target

SIZES = [
    (1, 1, 1),
    (1, 33, 7),
    (17, 1, 3),
    (13, 31, 257),
    (14, 32, 256),
    (15, 97, 300),
    (29, 65, 0),
]


def whole_numbers(shape, dtype, seed=0):
    """Small whole numbers: their products and sums are exact, whatever the order."""
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


def test_tensors_are_declared():
    A, B = te.placeholder((3, 5), "float64", name="A"), te.placeholder((5, 4), "float64", name="B")
    C = matmul(A, B)
    assert [str(extent) for extent in C.shape] == ["3", "4"]
    assert str(C.dtype) == "float64"
    stacks = te.placeholder((2, 1, 3, 5), name="S"), te.placeholder((7, 5, 4), name="T")
    assert [str(extent) for extent in matmul(*stacks).shape] == ["2", "7", "3", "4"]


@pytest.mark.parametrize(
    ("flags", "dtype", "blocks"),
    [
        ("-mtriple=x86_64-linux-gnu -mcpu=x86-64", "float32", MatmulBlocks(6, 8, 16, 10)),
        ("-mtriple=x86_64-linux-gnu -mcpu=haswell", "float32", MatmulBlocks(6, 16, 16, 10)),
        ("-mtriple=x86_64-linux-gnu -mcpu=haswell", "float64", MatmulBlocks(6, 8, 8, 8)),
        (
            "-mtriple=x86_64-linux-gnu -mcpu=znver4 -l1d=32K -l2=1M",
            "float32",
            MatmulBlocks(13, 32, 16, 9),
        ),
        ("-mtriple=aarch64-linux-gnu", "float32", MatmulBlocks(11, 8, 16, 8)),
        ("-mtriple=riscv64-linux-gnu -l2=0", "float32", MatmulBlocks(4, 2, 16, 16)),
    ],
)
def test_blocks_follow_the_machine(flags, dtype, blocks):
    # Caches are given: on a machine that can run the code they would be its own.
    caches = "" if "-l2" in flags else " -l1d=32K -l2=512K"
    assert matmul_blocks(1000, 1000, 1024, dtype, Target.parse(f"llvm {flags}{caches}")) == blocks


@pytest.mark.parametrize(
    ("n", "m", "k", "blocks"),
    [
        (16, 9, 100, MatmulBlocks(16, 16, 16, 81)),  # a tile of all rows
        (30, 9, 100, MatmulBlocks(15, 16, 16, 87)),  # two tiles of 15 rows, and not of 26 and 4
        (
            130,
            129,
            100,
            MatmulBlocks(26, 16, 16, 50),
        ),  # 9 narrow strips: 5 wide ones have 160 columns
        (130, 128, 100, MatmulBlocks(13, 32, 16, 100)),
        (15, 17, 1 << 20, MatmulBlocks(5, 32, 16, 8)),
        (1, 1, 1, MatmulBlocks(1, 16, 16, 131072)),
    ],
)
def test_blocks_follow_the_sizes(n, m, k, blocks):
    flags = "-mtriple=x86_64-linux-gnu -mcpu=znver4 -l1d=32K -l2=1M"
    assert matmul_blocks(n, m, k, "float32", Target.parse(f"llvm {flags}")) == blocks


@pytest.mark.parametrize(
    ("n", "m", "k", "dtype"),
    [(*size, "float32") for size in SIZES]
    + [(15, 35, 40, dtype) for dtype in ("float16", "bfloat16", "float64", "int32")],
)
def test_product(n, m, k, dtype):
    A, B = te.placeholder((n, k), dtype, name="A"), te.placeholder((k, m), dtype, name="B")
    C = matmul(A, B)
    kernel = texpr.build(schedule_matmul(C), [A, B, C])
    a, b = whole_numbers((n, k), dtype), whole_numbers((k, m), dtype, 1)
    np.testing.assert_array_equal(kernel(a, b), reference(a, b))
    np.testing.assert_array_equal(matmul(a, b), reference(a, b))


@pytest.mark.parametrize(
    ("n", "m", "k", "dtype"),
    [(0, 3, 2, "float32"), (3, 0, 2, "float32"), (15, 40, 33, "float32"), (15, 40, 33, "float16")],
)
@pytest.mark.parametrize(("trans_a", "trans_b"), [(True, False), (False, True), (True, True)])
def test_transposed(n, m, k, trans_a, trans_b, dtype):
    a = whole_numbers((k, n) if trans_a else (n, k), dtype)
    b = whole_numbers((m, k) if trans_b else (k, m), dtype, 1)
    c = matmul(a, b, trans_a=trans_a, trans_b=trans_b)
    np.testing.assert_array_equal(c, reference(a, b, trans_a, trans_b))
    assert c.dtype == np.float32


@pytest.mark.parametrize("num_threads", [1, 2, 3])
@pytest.mark.parametrize(("n", "m", "k"), [(40, 9, 8), (9, 300, 8), (1, 1, 1)])
def test_cut_for_threads(n, m, k, num_threads):
    A, B = te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B")
    C = matmul(A, B)
    s = schedule_matmul(C, num_threads=num_threads)
    assert ("parallel" in str(s)) == (num_threads > 1)
    a, b = whole_numbers((n, k), "float32"), whole_numbers((k, m), "float32", 1)
    np.testing.assert_array_equal(texpr.build(s, [A, B, C])(a, b), a @ b)


def test_views_of_all_layouts():
    big = whole_numbers((40, 50), "float32")
    many = {
        "rows of larger ones": (big[3:20, 4:30], big[5:31, 7:50]),
        "part of a transpose": (big.T[:26], big[:40]),
        "transposes": (big.T, np.asfortranarray(big)),
        "every other, backwards": (big[::2, ::2], big[:25, ::-1]),
        "not aligned": (
            np.frombuffer(b"\0" + big.tobytes(), "f4", offset=1).reshape(40, 50),
            big.T,
        ),
        "lists": ([[1.0, 2.0]], [[3.0], [4.0]]),
    }
    for name, (a, b) in many.items():
        np.testing.assert_array_equal(matmul(a, b), np.matmul(a, b), err_msg=name)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 5), (5,)), ((5,), (5, 4)), ((5,), (5,)), ((3, 4, 5), (5,)), ((5,), (3, 5, 4)),
        ((3, 4, 5), (5, 6)), ((4, 5), (3, 5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((3, 4, 5), (3, 5, 6)),
        ((1, 4, 5), (3, 5, 6)), ((0, 4, 5), (0, 5, 6)),
    ],
)  # fmt: skip
def test_ranks_are_those_of_numpy(a, b):
    left, right = whole_numbers(a, "float64"), whole_numbers(b, "float64", 1)
    wanted = np.matmul(left, right)
    found = matmul(left, right)
    np.testing.assert_array_equal(found, wanted)
    assert np.shape(found) == np.shape(wanted)
    out = np.empty_like(wanted)
    assert matmul(left, right, out=out) is out
    np.testing.assert_array_equal(out, wanted)


def test_types_are_promoted():
    a, b = whole_numbers((4, 5), "float32"), whole_numbers((5, 3), "float64", 1)
    assert matmul(a, b).dtype == np.float64
    np.testing.assert_array_equal(matmul(a, b), a @ b)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (
            (4, 5),
            (4, 5),
            r"matmul: A of shape \(4, 5\) has 5 columns, and B of shape \(4, 5\) has 4 rows;",
        ),
        ((2, 4, 5), (3, 5, 4), "matmul: stacks of 2 and of 3 matrices; their extents must be"),
        ((), (3, 4), r"matmul: a scalar is no matrix; multiply it with \*"),
        ((4, 5), (4,), r"gemv: B of shape \(4\) is multiplied with 5 elements of A of shape"),
    ],
)
def test_shapes_that_do_not_fit(a, b, words):
    with pytest.raises(texpr.ShapeError, match=words):
        matmul(np.ones(a), np.ones(b))


def test_tensors_that_are_no_matrices():
    A, x = te.placeholder((4, 5), name="A"), te.placeholder((5,), name="x")
    with pytest.raises(texpr.ShapeError, match=r"matmul: .* are not both matrices; use ops.gemv"):
        matmul(A, x)
    with pytest.raises(texpr.DTypeError, match="ops: 3 beside a te tensor; pass tensors alone"):
        matmul(A, 3)


def test_refuses_what_is_no_product():
    A = te.placeholder((4, 4), name="A")
    with pytest.raises(texpr.ScheduleError, match="schedule_matmul: 'A' is no matrix product; "):
        schedule_matmul(A)
    twice = te.compute((4, 4), lambda i, j: A[i, j] * 2, name="twice")
    with pytest.raises(texpr.ScheduleError, match="schedule_matmul: 'twice' is no matrix product"):
        schedule_matmul(twice)


def test_every_operator_is_exported():
    for name in ops.__all__:
        assert getattr(ops, name).__doc__
