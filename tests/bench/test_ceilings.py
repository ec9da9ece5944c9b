"""The kernels of the ceilings are what they claim to be: their results, and their assembly."""

from __future__ import annotations

import re

import numpy as np
import pytest

from texpr.bench.ceilings import copy_kernel, peak_kernel, read_kernel, triad_kernel
from texpr.target.target import Target


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_peak_multiplies_and_adds_in_every_step(dtype):
    lanes = Target.host().vector_lanes(dtype)
    kernel = peak_kernel(dtype, 8, lanes)
    c = np.arange(2 * 8 * lanes, dtype=dtype).reshape(2, 8, lanes)
    wanted = c.copy()
    x, y = np.full(1, 0.5, dtype), np.full(1, 2.0, dtype)
    for _ in range(5):
        wanted = wanted * x + y
    kernel(5, x, y, c)
    np.testing.assert_array_equal(c, wanted)


def test_the_loop_of_peak_is_multiply_adds_and_nothing_else(monkeypatch):
    monkeypatch.setenv("TEXPR_TARGET", "llvm -mtriple=x86_64-linux-gnu -mcpu=haswell")
    loops = re.findall(
        r"^(\.LBB\w+):\n((?:\t.*\n)+?)\tj\w+\t\1\n", peak_kernel("float32", 8, 8).asm, re.MULTILINE
    )
    bodies = [body.splitlines() for _, body in loops if "vfmadd" in body]
    assert bodies
    for body in bodies:
        adds = [line for line in body if "vfmadd" in line]
        assert len(adds) % 8 == 0
        assert not any("(" in line for line in adds), "an operand in memory"
        # The rest counts and jumps.
        assert len(body) - len(adds) <= 3, body


@pytest.mark.parametrize("size", [1, 7, 8, 1000, 4099])
def test_streams(size):
    a, b = np.random.default_rng(0).random((2, size))
    np.testing.assert_array_equal(copy_kernel(size)(a), a)
    np.testing.assert_allclose(triad_kernel(size)(a, b), a + 3 * b, rtol=1e-15)
    rows = np.stack([a, b])
    np.testing.assert_allclose(read_kernel(2, size)(rows), rows.sum(axis=1))
