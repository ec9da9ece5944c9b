"""Products of matrices by a library."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.compat.tvm.contrib import cblas
from texpr.errors import ShapeError

random = np.random.default_rng(0).random


@pytest.mark.parametrize("transa", [False, True])
@pytest.mark.parametrize("transb", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_products_inside_a_larger_program(transa, transb, batch):
    a = random((*batch, *((5, 4) if transa else (4, 5))), dtype="float32")
    b = random((*batch, *((6, 5) if transb else (5, 6))), dtype="float32")
    A, B = te.placeholder(a.shape, name="A"), te.placeholder(b.shape, name="B")
    C = (cblas.batch_matmul if batch else cblas.matmul)(A, B, transa, transb)
    bias = te.var("bias", dtype="float32")
    D = te.compute(C.shape, lambda *at: C[at] + bias, name="D")
    f = tvm.build(te.create_schedule(D.op), [A, B, D, bias], "llvm")
    d = tvm.nd.empty((*batch, 4, 6))
    f(tvm.nd.array(a), tvm.nd.array(b), d, 10.0)
    x = np.swapaxes(a, -1, -2) if transa else a
    y = np.swapaxes(b, -1, -2) if transb else b
    tvm.testing.assert_allclose(d.numpy(), x @ y + 10, rtol=1e-5)


def test_the_functions_have_the_names_that_programs_ask_for():
    for name in ("matmul", "batch_matmul"):
        assert tvm.get_global_func(f"tvm.contrib.cblas.{name}", allow_missing=True)


def test_other_dimensions_are_refused():
    A = te.placeholder((2, 3, 4), name="A")
    with pytest.raises(ShapeError, match=r"cblas\.matmul: .* has 3 dimensions; pass one with 2"):
        cblas.matmul(A, A)
    with pytest.raises(ShapeError, match=r"cblas\.batch_matmul: .* has 2 dimensions; pass one w"):
        cblas.batch_matmul(A, te.placeholder((2, 3), name="B"))
