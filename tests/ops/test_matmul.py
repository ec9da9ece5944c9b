"""The matrix product: declaration, blocks for many machines, results for many sizes."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr import te
from texpr.ops import MatmulBlocks, matmul, matmul_blocks, schedule_matmul
from texpr.target.target import Target


def test_declaration():
    A, B, C = matmul(3, 4, 5, "float64")
    assert [tuple(map(str, T.shape)) for T in (A, B, C)] == [("3", "5"), ("5", "4"), ("3", "4")]
    assert str(C.dtype) == "float64"


@pytest.mark.parametrize(
    ("flags", "dtype", "blocks"),
    [
        ("-mtriple=x86_64-linux-gnu -mcpu=x86-64", "float32", MatmulBlocks(6, 8, 512, 64)),
        ("-mtriple=x86_64-linux-gnu -mcpu=haswell", "float32", MatmulBlocks(6, 16, 256, 128)),
        ("-mtriple=x86_64-linux-gnu -mcpu=haswell", "float64", MatmulBlocks(6, 8, 256, 64)),
        (
            "-mtriple=x86_64-linux-gnu -mcpu=znver4 -l1d=32K -l2=1M",
            "float32",
            MatmulBlocks(14, 32, 128, 512),
        ),
        ("-mtriple=aarch64-linux-gnu", "float32", MatmulBlocks(14, 8, 256, 128)),
        ("-mtriple=riscv64-linux-gnu -l2=0", "float32", MatmulBlocks(6, 2, 1024, 32)),
    ],
)
def test_blocks_follow_the_machine(flags, dtype, blocks):
    # Caches are given: on a machine that can run the code they would be its own.
    caches = "" if "-l2" in flags else " -l1d=32K -l2=512K"
    assert matmul_blocks(dtype, Target.parse(f"llvm {flags}{caches}")) == blocks


@pytest.mark.parametrize(
    ("n", "m", "k"),
    [(1, 1, 1), (1, 33, 7), (17, 1, 3), (13, 31, 257), (14, 32, 256), (15, 97, 300), (29, 65, 0)],
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32"])
def test_product(n, m, k, dtype):
    A, B, C = matmul(n, m, k, dtype)
    kernel = texpr.build(schedule_matmul(C), [A, B, C])
    random = np.random.default_rng(0)
    a = random.integers(-9, 9, (n, k)).astype(dtype)
    b = random.integers(-9, 9, (k, m)).astype(dtype)
    wide = C.dtype.numpy
    np.testing.assert_array_equal(kernel(a, b), a.astype(wide) @ b.astype(wide))


def test_refuses_what_is_no_product():
    A = te.placeholder((4, 4), name="A")
    with pytest.raises(texpr.ScheduleError, match="schedule_matmul: 'A' is no matrix product; "):
        schedule_matmul(A)
    twice = te.compute((4, 4), lambda i, j: A[i, j] * 2, name="twice")
    with pytest.raises(texpr.ScheduleError, match="schedule_matmul: 'twice' is no matrix product"):
        schedule_matmul(twice)
    _, _, C = matmul(te.size_var("n"), 4, 4)
    with pytest.raises(texpr.ScheduleError, match="schedule_matmul: the size of 'C' is not known;"):
        schedule_matmul(C)
