"""Kernels, schedules and programs go through pickle and come back the same."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.te_programs import Case, schedule_at_random, te_programs
from texpr import te
from texpr.errors import ScheduleError, TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.interpreter import interpret
from texpr.schedule import Schedule, Trace
from texpr.target.kernel import Kernel

N = texpr.size("N")


@texpr.kernel
def matmul(A: texpr.f64[N, N], B: texpr.f64[N, N], C: texpr.f64[N, N]):
    for i in range(N):
        for j in range(N):
            C[i, j] = 0.0
            for k in range(N):
                C[i, j] += A[i, k] * B[k, j]


PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def again(thing: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol))


class Product:
    """A tiled product behind an elementwise stage."""

    def __init__(self) -> None:
        n = te.var("n")
        self.A, self.B = te.placeholder((n, n), name="A"), te.placeholder((n, n), name="B")
        self.k = te.reduce_axis((0, n), name="k")
        A, B, k = self.A, self.B, self.k
        self.D = te.compute((n, n), lambda i, j: te.exp(A[i, j]) + 1, name="D")
        D = self.D
        self.C = te.compute((n, n), lambda i, j: te.sum(D[i, k] * B[k, j], axis=k), name="C")
        self.s = te.create_schedule(self.C.op)
        self.s[self.C].tile(*self.C.op.axis, 4, 8)
        self.s[self.D].vectorize(self.s[self.D].split(self.D.op.axis[1], 4)[1])

    def build(self, *args: Any, **named: Any) -> Kernel:
        return texpr.build(self.s, [self.A, self.B, self.C], *args, **named)


@pytest.fixture(scope="module")
def product() -> Product:
    return Product()


@pytest.fixture
def a() -> np.ndarray:
    return np.random.default_rng(0).random((5, 5), np.float32)


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_kernel_is_built_again(product, a, protocol):
    kernel = product.build(name="product")
    loaded = again(kernel, protocol)
    assert loaded is not kernel
    assert loaded.name == "product"
    assert str(loaded.signature) == str(kernel.signature)
    assert str(loaded.program) == str(kernel.program)
    assert loaded.trace == kernel.trace == product.s.trace
    assert loaded.target == kernel.target
    np.testing.assert_array_equal(loaded(a, B=a), kernel(a, a))
    np.testing.assert_array_equal(again(loaded)(a.T, a), kernel(a.T, a))


@given(te_programs(), st.integers(0, 1 << 30), st.integers(0, 6))
@settings(max_examples=25)
def test_random_kernels(case: Case, seed: int, count: int) -> None:
    s = case.schedule()
    schedule_at_random(s, seed, count)
    kernel = texpr.build(s, case.args())
    loaded = again(kernel)
    assert str(loaded.program) == str(kernel.program)
    found, wanted = case.fresh_outputs(), case.fresh_outputs()
    kernel(*case.arrays.values(), *wanted)
    loaded(*case.arrays.values(), *found)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_arguments_policy_and_what_is_computed_on_the_way(product, a):
    s = te.create_schedule(product.C.op, "exact", contract=False, name="exactly")
    kernel = texpr.build(s, [product.C, product.D, product.B, product.A])
    loaded = again(kernel)
    assert str(loaded.signature) == str(kernel.signature)
    assert loaded.program.float_policy == kernel.program.float_policy == s.declared.float_policy
    for one, other in zip(loaded(a, a), kernel(a, a), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_kernel_of_loops(a):
    s = texpr.create_schedule(matmul)
    s["S1"].split("j", 4)
    args = s.declared.args
    kernel = texpr.build(s)
    loaded = again(kernel)
    assert str(loaded.program) == str(kernel.program)
    assert [arg.name for arg in loaded.program.args] == [arg.name for arg in args]
    assert loaded.signature.fresh == ()


def test_targets(product):
    foreign = "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72 -num-cores=1"
    loaded = again(product.build(foreign))
    assert str(loaded.target) == foreign
    assert loaded.asm
    few = again(product.build("llvm -num-cores=1 -l2=128K"))
    assert few.target.l2_bytes == 128 * 1024


def test_this_machine_is_the_machine_that_loads(product, monkeypatch):
    text = pickle.dumps(product.build())
    other = texpr.Target.parse("llvm -num-cores=1 -l1d=16K")
    monkeypatch.setattr(texpr.Target, "host", staticmethod(lambda: other))
    assert b"mcpu" not in text
    # A target that is set in the environment is for kernels that are built there.
    monkeypatch.setenv("TEXPR_TARGET", "llvm -mtriple=aarch64-linux-gnu")
    assert pickle.loads(text).target.is_host


def test_a_verified_kernel(product, monkeypatch, a):
    kernel = product.build()
    monkeypatch.setenv("TEXPR_VERIFY", "3")
    checked = product.build()
    assert not hasattr(type(checked).__call__, "__self__")
    np.testing.assert_array_equal(again(checked)(a, a), kernel(a, a))
    assert not hasattr(type(again(kernel)).__call__, "__self__")


def test_copies_of_a_kernel_are_the_kernel(product):
    kernel = product.build()
    assert copy.copy(kernel) is kernel
    assert copy.deepcopy([kernel]) == [kernel]


def test_in_another_process(product, a):
    kernel, loops = product.build(), matmul
    double = a.astype("f8")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(kernel, (a, a)), kernel(a, a))
        by_process = pool.apply(_run, (loops, double))
    np.testing.assert_allclose(by_process, double @ double)


def _run(kernel, a):
    out = np.zeros_like(a)
    kernel(a, a, out)
    return out


def test_a_trace_that_is_refused_is_not_built(product):
    kernel = product.build()
    rebuilt, (program, is_tensors, trace, *rest) = kernel.__reduce__()
    steps = (*trace.steps, trace.steps[0].__class__("parallel", "C", ("k",), {}, ()))
    with pytest.raises(ScheduleError, match=r"s\[C\].parallel\(k\) would change the result"):
        rebuilt(program, is_tensors, Trace(steps, trace.root_loops), *rest)


# ---------------------------------------------------------------- the rest


def test_schedules(product):
    loaded, C, D, stage = again((product.s, product.C, product.D, product.s[product.C]))
    assert type(loaded) is Schedule
    assert str(loaded) == str(product.s)
    assert loaded.trace == product.s.trace
    assert repr(loaded[C]) == repr(loaded["C"]) == repr(product.s["C"]) == repr(stage)
    assert repr(loaded[D]) == repr(product.s["D"])
    assert texpr.build(loaded)(np.zeros((2, 2), "f4"), np.zeros((2, 2), "f4")).tolist()
    loaded.undo()
    assert len(loaded.trace) == len(product.s.trace) - 1
    loaded[D].vectorize(loaded[D].loops[-1])
    assert str(loaded) == str(product.s)
    with pytest.raises(ScheduleError, match="schedule: no stage"):
        loaded[again(product.C)]


def test_copies_of_a_schedule_go_their_own_way(product):
    before = str(product.s)
    for make in (copy.copy, copy.deepcopy):
        made = make(product.s)
        made[product.C].unroll(made[product.C].split("k", 2)[1])
        assert str(made) != before == str(product.s)


def test_tensors_become_the_arrays_that_they_are_in_a_program(product):
    A, C = again((product.A, product.C))
    assert type(A) is Buffer
    assert (A.name, str(A.dtype), A.ndim, A.is_computed) == ("A", "float32", 2, False)
    assert C.is_computed
    assert A.shape[0] is C.shape[0]
    assert copy.deepcopy(product.C) is product.C
    assert copy.copy(product.C.op) is copy.deepcopy(product.C.op) is product.C.op


def test_an_operation_says_what_to_pickle(product):
    text = (
        "pickle: the operation C is a rule over other tensors, made by Python functions; "
        "pickle a schedule of it, or the kernel built from that"
    )
    with pytest.raises(TexprError, match=re.escape(text)):
        pickle.dumps(product.C.op)


def test_programs(product):
    for program in (product.s.declared, product.s.program, texpr.lower(product.s)):
        loaded = again(program)
        assert str(loaded) == str(program)
        assert loaded.float_policy == program.float_policy
        assert str(again(program.body)) == str(program.body)
        assert copy.deepcopy(program) is copy.copy(program) is program
        assert copy.deepcopy(program.body) is copy.copy(program.body) is program.body


def test_a_loaded_program_means_the_same():
    program = again(matmul.program)
    a, c = np.arange(9.0).reshape(3, 3), np.zeros((3, 3))
    interpret(program, a, a, c)
    np.testing.assert_array_equal(c, a @ a)


def test_a_deep_program():
    """As many stages as recursion would not stand."""
    tensor = te.placeholder((4,), name="A")
    for _ in range(700):
        tensor = te.compute((4,), lambda i, last=tensor: last[i] + 1, name="B")
    program = te.create_schedule(tensor.op).declared
    assert str(again(program)) == str(program)


def test_small_things(product):
    kernel = product.build()
    signature = again(kernel.signature)
    assert str(signature) == str(kernel.signature)
    assert again(kernel.trace) == kernel.trace
    assert again(product.C.op.axis[0]).name == "i"
    verdict = product.s[product.C].why_not("parallel", product.k)
    assert again(verdict) == verdict
    assert str(again(product.s.report())) == str(product.s.report())


def test_loop_kernels_go_by_name():
    assert again(matmul) is matmul
    assert copy.deepcopy(matmul) is copy.copy(matmul) is matmul


def test_a_loop_kernel_that_has_no_name():
    @texpr.kernel
    def inside(A: texpr.f64[N]):
        for i in range(A.shape[0]):
            A[i] += 1

    text = (
        f"pickle: {__name__} has no test_a_loop_kernel_that_has_no_name.<locals>.inside that is "
        "this kernel; define it at the top of a module, or pickle the machine code's kernel, "
        "inside.compiled"
    )
    with pytest.raises(TexprError, match=re.escape(text)):
        pickle.dumps(inside)
    assert copy.copy(inside) is inside
    array = np.zeros(3)
    again(inside.compiled)(array)
    assert array.tolist() == [1, 1, 1]


def plus_one(given: np.ndarray, made: np.ndarray) -> None:
    made[:] = given + 1


def outside(function: Any) -> te.TeSchedule:
    A = te.placeholder((4,), name="A")
    return te.create_schedule(te.extern((4,), [A], te.packed(function), name="B").op)


def test_a_kernel_takes_the_functions_that_it_calls_along():
    kernel = again(texpr.build(outside(plus_one)))
    assert kernel(np.zeros(4, "float32")).tolist() == [1, 1, 1, 1]


def test_a_function_s_stage_is_found_by_the_array_it_fills():
    s = outside(plus_one)
    (made,) = s.declared.outputs
    again_s, again_made = again((s, made))
    assert again_s[again_made].name == "B"


def test_a_function_that_has_no_name_is_left_behind_in_words():
    def inner(given: np.ndarray, made: np.ndarray) -> None:
        made[:] = given

    kernel = texpr.build(outside(inner))
    with pytest.raises(TexprError, match=r"pickle: the Python function 'inner' is no function of"):
        pickle.dumps(kernel)
