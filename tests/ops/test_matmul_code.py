"""The inner loop of a matrix product in the assembly of several machines: all in registers."""

from __future__ import annotations

import re

import pytest

import texpr
from texpr import te
from texpr.ops import dense, matmul, matmul_blocks, schedule_dense, schedule_matmul
from texpr.target.target import Target

SKYLAKE = "llvm -mtriple=x86_64-linux-gnu -mcpu=skylake-avx512 -l1d=32K -l2=1M"
HASWELL = "llvm -mtriple=x86_64-linux-gnu -mcpu=haswell -l1d=32K -l2=256K"
NEOVERSE = "llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1 -l1d=64K -l2=1M"

# Of one vector: multiply-add, what else belongs into the loop, and what would be a spill.
MACHINES = {
    SKYLAKE: (r"vfmadd\d+p[sd]\s.*zmm", r"v?mov\S*\s+%[xyz]mm\d+, \S*\(", "(%rsp)"),
    HASWELL: (r"vfmadd\d+p[sd]\s.*ymm", r"v?mov\S*\s+%[xyz]mm\d+, \S*\(", "(%rsp)"),
    NEOVERSE: (r"fmla\s+v\d+\.[24][sd]", r"\bst[rpu]\S*\s", "[sp"),
}


def inner_loop(asm: str, multiply_add: str) -> list[str]:
    """The block with the most accumulators: a label, its code, and the jump back to it."""

    def accumulators(block: str) -> int:
        adding = [line.split() for line in block.splitlines() if re.search(multiply_add, line)]
        return len({words[1] if words[0] == "fmla" else words[-1] for words in adding})

    return max(re.split(r"^(?=\.L\w+:)", asm, flags=re.MULTILINE), key=accumulators).splitlines()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flags", MACHINES)
@pytest.mark.parametrize("size", [512, 509, None])
def test_the_accumulators_stay_in_registers(flags, dtype, size):
    target = Target.parse(flags)
    n = te.size_var("n") if size is None else size  # known only at run time
    A, B = (te.placeholder((n, n), dtype, name=name) for name in "AB")
    C = matmul(A, B)
    kernel = texpr.build(schedule_matmul(C, target, num_threads=1), [A, B, C], target)
    multiply_add, store, spill = MACHINES[flags]
    code = inner_loop(kernel.asm, multiply_add)
    blocks = matmul_blocks(size, size, size, dtype, target)
    vectors = blocks.rows * blocks.columns // target.vector_lanes(dtype)
    adding = [line for line in code if re.search(multiply_add, line)]
    jumps = [place for place, line in enumerate(code) if re.match(r"\s(j\w+|b\.\w+|cbn?z)\s", line)]
    loop = code[: jumps[0] + 1]
    assert len(adding) == vectors
    assert adding == [line for line in loop if re.search(multiply_add, line)]
    assert code[0][:-1] in loop[-1], "it jumps back to where it began"
    text = "\n".join(loop)
    assert spill not in text
    assert not re.search(store, text)
    # Vectors of B, an element of A for each row, two pointers or three to step, and the end.
    assert len(loop) <= vectors + 2 + blocks.rows + 8


def test_bias_and_activation_are_applied_to_tiles():
    X, W = te.placeholder((128, 64), name="X"), te.placeholder((64, 96), name="W")
    b = te.placeholder((96,), name="b")
    Y = dense(X, W, b, activation="relu")
    s = schedule_dense(Y)
    assert "Y[" in str(s)
    assert "C = empty" not in str(s), "the product is stored nowhere as a whole"
