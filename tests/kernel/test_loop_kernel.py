"""The object that ``@kernel`` makes."""

from __future__ import annotations

import inspect
import pickle
import threading

import numpy as np
import pytest

import texpr
from tests.kernel.written import kernel_of
from texpr.errors import ArgumentError, BoundsError, ShapeError, UninitializedError
from texpr.kernel import LoopKernel, f64, kernel, size
from texpr.kernel import loop_kernel as module

N = size("N")


@kernel
def shifted(A: f64[N], by: f64, T: size, B: f64[N]):
    """Shift, T times."""
    for _ in range(T):
        for i in range(N):
            B[i] = A[i] + by


def test_what_it_says_of_itself():
    assert isinstance(shifted, LoopKernel)
    assert shifted.name == shifted.__name__ == "shifted"
    assert shifted.__doc__ == "Shift, T times."
    assert list(inspect.signature(shifted).parameters) == ["A", "by", "T", "B"]
    assert repr(shifted) == (
        "<kernel shifted(A: float64[N], by: float64, T: int64, B: float64[N] in place)>"
    )
    assert str(shifted) == str(shifted.program)
    assert "for i in range(N):" in str(shifted)
    assert shifted.requirements == ()
    assert shifted.function.__name__ == "shifted"


def test_calls():
    a, b = np.arange(3.0), np.zeros(3)
    assert shifted(a, 1.0, 1, b) is None
    assert b.tolist() == [1, 2, 3]
    shifted(a, 2.0, B=b, T=1)
    assert b.tolist() == [2, 3, 4]
    shifted(a, 9.0, 0, b)
    assert b.tolist() == [2, 3, 4]
    shifted.interpret(a, by=3.0, T=1, B=b)
    assert b.tolist() == [3, 4, 5]


def test_every_array_is_passed():
    for run in (shifted, shifted.interpret):
        with pytest.raises(ArgumentError, match="missing the argument B; call it as shifted"):
            run(np.zeros(3), 1.0, 1)
        with pytest.raises(ArgumentError, match="no parameter is called 'C'"):
            run(np.zeros(3), 1.0, 1, C=np.zeros(3))
        with pytest.raises(ShapeError):
            run(np.zeros(3), 1.0, 1, np.zeros(4))


def test_it_compiles_once(monkeypatch):
    made = kernel_of("@kernel\ndef f(A: f64[N]):\n    for i in range(N):\n        A[i] += 1\n")
    count = []
    build = module.build

    def counting(*args, **named):
        count.append(args)
        return build(*args, **named)

    monkeypatch.setattr(module, "build", counting)
    array = np.zeros(64)
    go = threading.Barrier(4)

    def call():
        mine = array.copy()
        go.wait()
        for _ in range(100):
            made(mine)
        assert mine.tolist() == [100] * 64

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 1
    assert made.compiled is made.compiled
    assert made.build() is not made.compiled


def test_the_order_of_arguments_is_the_functions():
    s = texpr.create_schedule(shifted)
    built = texpr.build(s, shifted.program.args)
    assert list(inspect.signature(built).parameters) == ["A", "by", "T", "B"]


def test_errors_at_the_call():
    made = kernel_of("@kernel\ndef f(A: f64[N], at: i64):\n    A[at] = 1.0\n    A[0] = A[at]\n")
    with pytest.raises(BoundsError):
        made.interpret(np.zeros(3), 3)
    never = kernel_of("@kernel\ndef f(A: f64[N]):\n    t = texpr.empty(3)\n    A[0] = t[0]\n")
    with pytest.raises(UninitializedError):
        never.interpret(np.zeros(3))
    with pytest.raises(UninitializedError):
        never(np.zeros(3))


def test_it_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(shifted)) is shifted


def test_a_kernel_without_arguments_or_statements():
    made = kernel_of("@kernel\ndef f():\n    pass\n")
    made()
    made.interpret()
    assert "pass" in str(made)
