"""Functions from outside, called by name and on arrays of ``tvm.nd``."""

from __future__ import annotations

import math

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import registry, te, tir
from texpr.errors import ArgumentError

X = np.arange(1, 6, dtype="float32")


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(registry, "_FUNCTIONS", dict(registry._FUNCTIONS))


def computed(rule):
    A = te.placeholder((5,), name="A")
    B = te.extern(A.shape, [A], rule, name="B")
    C = te.compute(A.shape, lambda i: B[i] * 2, name="C")
    c = tvm.nd.empty((5,))
    tvm.build(te.create_schedule(C.op), [A, C], "llvm")(tvm.nd.array(X), c)
    return c.numpy()


def test_a_registered_function_fills_an_array():
    @tvm.register_func("tests.add_to")
    def add_to(x, y, number, is_negative):
        assert isinstance(x, tvm.nd.NDArray)
        sign = -1 if is_negative else 1
        tvm.nd.array(x.numpy() + sign * number).copyto(y)

    got = computed(lambda ins, outs: tir.call_packed("tests.add_to", ins[0], outs[0], 3, True))
    assert got.tolist() == [-4, -2, 0, 2, 4]


def test_a_function_may_be_given_itself_and_return_what_it_likes():
    got = computed(lambda ins, outs: tir.call_packed(lambda x, y: x.copyto(y), ins[0], outs[0]))
    assert got.tolist() == (2 * X).tolist()


def test_an_unknown_name_is_refused_and_an_exception_is_passed_on():
    with pytest.raises(ArgumentError, match=r"get_global_func: no function 'tests\.nothing'"):
        tir.call_packed("tests.nothing")

    def fails(x, y):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        computed(lambda ins, outs: tir.call_packed(fails, ins[0], outs[0]))


@pytest.mark.parametrize("name", ["__expf", "expf", math.exp])
def test_functions_of_scalars(name):
    A = te.placeholder((5,), name="A")
    B = te.compute(A.shape, lambda i: tir.call_pure_extern("float32", name, A[i]), name="B")
    b = tvm.nd.empty((5,))
    tvm.build(te.create_schedule(B.op), [A, B])(tvm.nd.array(X), b)
    tvm.testing.assert_allclose(b.numpy(), np.exp(X), rtol=1e-6)
