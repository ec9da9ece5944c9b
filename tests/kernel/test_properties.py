"""Random kernels: Python, the interpreter and machine code agree."""

from __future__ import annotations

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.kernel.oracle import arrays_after, run_interpreter, run_machine, run_python
from tests.kernel.sources import sources
from tests.kernel.written import kernel_of
from texpr.errors import UninitializedError
from texpr.ir.program import Alloc, Loop, blocks, stmts


def arguments(n, m, seed):
    rng = np.random.default_rng(seed)
    return [
        int(rng.integers(0, 4)),
        np.float32(rng.integers(-4, 5) / 4),
        rng.integers(-8, 9, n) / 4,
        (rng.integers(-8, 9, (n, m)) / 4).astype("float32"),
        rng.integers(-5, 6, n).astype("int32"),
        rng.integers(-5, 6, m),
        rng.integers(0, 9, n).astype("uint8"),
    ]


def compare(found, expected, source):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=source)


@given(sources(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 1 << 16))
@settings(max_examples=300)
def test_interpreter(source, n, m, seed):
    kernel = kernel_of(source)
    args = arguments(n, m, seed)
    expected = arrays_after(lambda own: run_python(kernel, own), args)
    found = arrays_after(lambda own: run_interpreter(kernel.program, own), args)
    compare(found, expected, source)
    names = [block.name for block in blocks(kernel.program.body)]
    numbered = [name for name in names if name.startswith("S")]
    assert numbered == [f"S{k}" for k in range(len(numbered))]
    inside = any(
        isinstance(stmt, Alloc)
        for loop in stmts(kernel.program.body)
        if isinstance(loop, Loop)
        for stmt in stmts(loop.body)
    )
    event(f"scratch of a loop's own: {inside}")
    event(f"statements: {len(numbered)}")


@given(sources(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 1 << 16))
@settings(max_examples=40)
def test_machine_code(source, n, m, seed):
    kernel = kernel_of(source)
    args = arguments(n, m, seed)
    expected = arrays_after(lambda own: run_python(kernel, own), args)
    try:
        found = arrays_after(lambda own: run_machine(kernel.program, own), args)
    except UninitializedError as error:
        if "perhaps nothing wrote it" not in str(error) or " reads 't" not in str(error):
            raise
        event("undecided: a local array is written and read under one condition on data")
        return
    compare(found, expected, source)
