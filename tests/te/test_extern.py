"""Functions from outside: Python's and C's, on whole tensors and on scalars."""

from __future__ import annotations

import ctypes
import gc
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import (
    DTypeError,
    LoweringError,
    ScheduleError,
    ShapeError,
    TargetError,
    TexprError,
    UninitializedError,
)
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32, INT64
from texpr.ir.expr import Const
from texpr.ir.extern import PythonFunction
from texpr.ir.interpreter import interpret
from texpr.ir.program import Alloc, Block, ExternCall, Program
from texpr.polyhedral.scop import Scop

n = te.size_var("n")
A = te.placeholder((n,), name="A")
AARCH64 = "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72"


def sums(a: np.ndarray, out: np.ndarray) -> None:
    np.cumsum(a, out=out)


def filled_by(function: Callable[..., Any], name: str = "B") -> te.Tensor:
    return te.extern((n,), [A], te.packed(function), name=name)


def built(*outputs: te.Tensor, **keywords: Any) -> texpr.Kernel:
    return texpr.build(te.create_schedule([t.op for t in outputs]), **keywords)


# ---------------------------------------------------------------- inside larger graphs


def test_between_computes(golden):
    before = te.compute((n,), lambda i: A[i] + 1, name="before")
    running = te.extern((n,), [before], te.packed(sums), name="running")
    after = te.compute((n,), lambda i: running[i] * 2, name="after")
    s = te.create_schedule(after.op)
    golden(f"{s}\n\n{Scop.of(s.program)}", "te_extern")
    s[before].vectorize(s[before].split(before.op.axis[0], factor=4)[1])
    s[after].parallel(after.op.axis[0])
    for size in (0, 1, 3, 4, 5, 7):
        check_readings(s, [after], {A: filled(size)}, sizes={n: size})


def test_several_outputs_of_their_own_shapes_and_types():
    def split(a: np.ndarray, scale: float, whole: np.ndarray, rest: np.ndarray, count: Any) -> None:
        np.floor(a * scale, out=whole)
        rest[:] = a * scale - whole > 0
        count[()] = len(a)

    scale = te.var("scale", "float32")
    shapes = [(n,), (n,), ()]
    whole, rest, count = te.extern(
        shapes,
        [A],
        lambda ins, outs: te.call_packed(split, ins[0], scale, *outs),
        name="parts",
        dtype=["float32", "bool", "int64"],
    )
    assert [t.name for t in (whole, rest, count)] == ["parts_v0", "parts_v1", "parts_v2"]
    kernel = built(whole, rest, count)
    found = kernel(0.5, np.array([1, 2, 3], "float32"))
    assert [a.tolist() for a in found] == [[0, 1, 1], [True, False, True], 3]


def test_one_function_feeds_another():
    first = filled_by(lambda a, out: np.negative(a, out=out), "first")
    second = te.extern((n,), [A, first], te.packed(lambda a, b, out: np.add(a, b * 2, out=out)))
    assert built(second)(np.array([1, 2], "float32")).tolist() == [-1, -2]


def test_one_tensor_twice():
    B = te.extern((n,), [A, A], te.packed(lambda a, b, out: np.add(a, b, out=out)), name="B")
    assert built(B)(np.array([1, 2], "float32")).tolist() == [2, 4]


def test_without_inputs():
    C = te.extern((3,), [], te.packed(lambda out: out.fill(7)), dtype="int8", name="C")
    assert built(C)().tolist() == [7, 7, 7]


def test_arrays_are_the_callers_own_and_inputs_are_read_only():
    seen: dict[str, Any] = {}

    def look(a: np.ndarray, out: np.ndarray) -> None:
        seen["addresses"] = (a.ctypes.data, out.ctypes.data)
        seen["strides"] = (a.strides, out.strides)
        seen["writeable"] = (a.flags.writeable, out.flags.writeable)
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 1
        out[:] = a

    kernel = built(filled_by(look))
    a, out = filled(6), np.zeros(6, "float32")
    kernel(a, out)
    assert seen["addresses"] == (a.ctypes.data, out.ctypes.data)
    assert seen["writeable"] == (False, True)
    # Strided arrays come as they are, too, in either direction.
    out = np.zeros(6, "float32")
    kernel(a[::-2], out[::2])
    assert seen["addresses"] == (a[::-2].ctypes.data, out.ctypes.data)
    assert seen["strides"] == ((-8,), (8,))
    assert out.tolist() == [a[5], 0, a[3], 0, a[1], 0]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64", "float64"])
def test_every_type_of_scalar_arrives(dtype):
    seen: list[Any] = []

    def look(number: Any, out: np.ndarray) -> None:
        seen.append(number)
        out[:] = number

    x = te.var("x", dtype)
    C = te.extern((2,), [], lambda _, outs: te.call_packed(look, x, *outs), dtype=dtype, name="C")
    value = True if dtype == "bool" else 3
    assert built(C)(value).tolist() == [value, value]
    assert seen == [value]
    assert type(seen[0]) is (float if dtype == "float64" else type(value))


# ---------------------------------------------------------------- exceptions


class Unlikely(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, Unlikely])
def test_the_very_exception_comes_out(kind):
    error = kind("no")

    def fail(a: np.ndarray, out: np.ndarray) -> None:
        raise error

    kernel = built(filled_by(fail))
    for _ in range(2):
        with pytest.raises(kind) as caught:
            kernel(filled(3))
        assert caught.value is error
    wanted = "raised by the Python function 'fail', which the kernel 'B' calls in stage 'B'"
    assert getattr(error, "__notes__", [wanted]) == [wanted]


def test_nothing_keeps_an_exception():
    def fail(a: np.ndarray, out: np.ndarray) -> None:
        raise Unlikely

    kernel = built(filled_by(fail))
    with pytest.raises(Unlikely) as caught:
        kernel(filled(3))
    gone = weakref.ref(caught.value)
    del caught
    gc.collect()
    assert gone() is None


class NotelessError(Exception):
    """One that takes no notes, and whose chain of contexts is a ring."""

    def __init__(self) -> None:
        self.__context__ = KeyError()
        self.__context__.__context__ = self

    def add_note(self, note: str) -> None:
        raise TypeError(note)


def test_exceptions_of_any_make_come_out():
    def fail(a: np.ndarray, out: np.ndarray) -> None:
        raise NotelessError

    with pytest.raises(NotelessError):
        built(filled_by(fail))(filled(3))


def test_what_comes_after_a_failure_does_not_run_and_scratch_is_freed():
    calls: list[str] = []
    large = te.compute((n, 1 << 12), lambda i, j: A[i], name="large")

    def fail(a: np.ndarray, out: np.ndarray) -> None:
        calls.append("fail")
        raise ValueError("no memory left")

    def never(a: np.ndarray, out: np.ndarray) -> None:
        calls.append("never")

    first = te.extern((n,), [large], te.packed(fail), name="first")
    kernel = built(te.extern((n,), [first], te.packed(never), name="second"))
    for _ in range(300):  # 300 times 16 MB
        with pytest.raises(ValueError, match="no memory left"):
            kernel(filled(1 << 10))
    assert set(calls) == {"fail"}


def test_each_thread_gets_its_own_exception():
    barrier = threading.Barrier(4)

    def fail(a: np.ndarray, out: np.ndarray) -> None:
        barrier.wait(timeout=60)
        raise ValueError(a[0])

    kernel = built(filled_by(fail))
    caught: dict[int, float] = {}

    def work(number: int) -> None:
        for _ in range(10):
            with pytest.raises(ValueError, match=rf"^{number}\.0"):
                kernel(np.full(2, number, "float32"))
        caught[number] = number

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(caught) == [0, 1, 2, 3]


def test_a_function_may_call_its_own_kernel():
    def down(a: np.ndarray, out: np.ndarray) -> None:
        if a[0] > 3:
            raise ValueError("too deep")
        out[:] = a if a[0] <= 0 else kernel(a - 1) + 1

    kernel = built(filled_by(down))
    assert kernel(np.full(2, 3, "float32")).tolist() == [3, 3]
    with pytest.raises(ValueError, match="too deep"):
        kernel(np.full(2, 5, "float32"))


def test_a_function_that_calls_its_own_kernel_for_ever():
    def down(x: float) -> float:
        return float(kernel(np.array([x - 1], "float32"))[0])

    B = te.compute((n,), lambda i: te.call_pure_extern("float32", down, A[i]), name="B")
    kernel = built(B)
    with pytest.raises(RecursionError):
        kernel(filled(1))


def test_a_function_may_catch_what_its_kernel_raises():
    def outer(a: np.ndarray, out: np.ndarray) -> None:
        with pytest.raises(ZeroDivisionError):
            inner(a)
        raise ValueError("outer")

    def divide(a: np.ndarray, out: np.ndarray) -> None:
        raise ZeroDivisionError

    inner, kernel = built(filled_by(divide)), built(filled_by(outer))
    with pytest.raises(ValueError, match="outer"):
        kernel(filled(2))


def test_functions_live_as_long_as_the_kernel():
    def double(a: np.ndarray, out: np.ndarray) -> None:
        np.multiply(a, 2, out=out)

    alive = weakref.ref(double)
    kernel = built(filled_by(double))
    del double
    gc.collect()
    assert alive() is not None
    assert kernel(np.ones(2, "float32")).tolist() == [2, 2]
    assert kernel(np.ones(4, "float32")[::2]).tolist() == [2, 2]


# ---------------------------------------------------------------- functions that misbehave


def test_a_result_is_refused_unless_it_is_an_output():
    kernel = built(filled_by(lambda a, out: a + 1))
    with pytest.raises(DTypeError, match=r"it returned array.* fills its outputs; write out\["):
        kernel(filled(3))
    assert built(filled_by(lambda a, out: np.negative(a, out=out)))(filled(3)).shape == (3,)


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[1:], memoryview])
@pytest.mark.parametrize("which", [0, 1])
def test_arrays_may_not_be_kept(part, which):
    kept: list[Any] = []
    kernel = built(filled_by(lambda *arrays: kept.append(part(arrays[which]))))
    with pytest.raises(TexprError, match=r"lambda: it keeps the array '.', which is there during"):
        kernel(filled(3))


def test_a_cycle_of_garbage_is_no_keeping():
    def cyclic(a: np.ndarray, out: np.ndarray) -> None:
        loop: list[Any] = [a, out]
        loop.append(loop)
        out[:] = a

    assert built(filled_by(cyclic))(np.ones(2, "float32")).tolist() == [1, 1]


def test_what_an_exception_holds_does_not_point_to_freed_memory():
    scratch = te.compute((n, 1 << 12), lambda i, j: A[i], name="scratch")

    def inner(array: np.ndarray) -> None:
        raise KeyError(array.shape)

    def fail(a: np.ndarray, out: np.ndarray) -> None:
        try:
            inner(a)
        except KeyError as error:
            raise ValueError(a.shape) from error

    kernel = built(te.extern((n,), [scratch], te.packed(fail), name="B"))

    def locals_of(error: BaseException) -> dict[str, dict[str, Any]]:
        found, traceback = {}, error.__traceback__
        while traceback is not None:
            found[traceback.tb_frame.f_code.co_name] = dict(traceback.tb_frame.f_locals)
            traceback = traceback.tb_next
        return found

    def handling() -> None:
        kept = 3
        raise RuntimeError(kept)

    def call() -> None:
        try:
            handling()
        except RuntimeError:
            kernel(filled(8))

    with pytest.raises(ValueError, match="4096") as caught:
        call()
    cause = caught.value.__cause__
    assert caught.value.__context__ is cause
    assert locals_of(caught.value)["fail"] == locals_of(cause)["inner"] == {}
    # What the caller has in hand is not touched.
    assert locals_of(cause.__context__)["handling"] == {"kept": 3}


def test_arrays_cannot_be_resized():
    kernel = built(filled_by(lambda a, out: out.resize(7)))
    with pytest.raises(ValueError, match="resize"):
        kernel(filled(3))


# ---------------------------------------------------------------- schedules


def test_there_are_no_loops_to_schedule():
    B = filled_by(sums)
    C = te.compute((n,), lambda i: B[i], name="C")
    s = te.create_schedule(C.op)
    assert s[B].leaf_iter_vars == ()
    with pytest.raises(ScheduleError, match=r"split: stage 'B' calls an extern function and has n"):
        s[B].split("i", factor=2)
    with pytest.raises(ScheduleError, match=r"compute_inline: 'B' calls an extern function"):
        s[B].compute_inline()
    assert s[B].why_not("compute_inline").fault == "arguments"


def test_what_it_reads_is_not_inlined():
    before = te.compute((n,), lambda i: A[i] + 1, name="before")
    s = te.create_schedule(te.extern((n,), [before], te.packed(sums), name="B").op)
    with pytest.raises(ScheduleError, match=r"'before' is read by the extern function of 'B'"):
        s[before].compute_inline()


def test_a_loop_that_runs_once_may_be_put_around():
    B = filled_by(sums)
    s = te.create_schedule(B.op)
    outer, inner = s[B].split(s[B].fuse(), factor=4)
    s[B].vectorize(inner)
    s[B].parallel(outer)
    calls: list[int] = []
    C = filled_by(lambda a, out: calls.append(1))
    t = te.create_schedule(C.op)
    t[C].vectorize(t[C].split(t[C].fuse(), factor=4)[1])
    texpr.build(t)(filled(3))
    assert calls == [1]
    assert texpr.build(s)(np.ones(3, "float32")).tolist() == [1, 2, 3]


# ---------------------------------------------------------------- C functions


def test_a_c_function_by_its_symbol():
    B = te.extern(
        (n,), [A], lambda i, o: te.call_extern("void", "memcpy", o[0], i[0], n * 4), name="B"
    )
    s = te.create_schedule(B.op)
    assert str(s).endswith("B[...] = extern memcpy(B, A, n*4)")
    check_readings(s, [B], {A: filled(5)}, sizes={n: 5}, expected=[filled(5)])
    assert "memcpy" in texpr.build(s, target=AARCH64).asm


def test_scratch_of_any_size_goes_to_c():
    before = te.compute((n,), lambda i: A[i] + 1, name="before")
    B = te.extern((n,), [before], lambda i, o: te.call_extern(None, "memcpy", o[0], i[0], n * 4))
    C = te.compute((n,), lambda i: B[i] * 2, name="C")
    for size in (0, 5, 100_000):
        s = te.create_schedule(C.op)
        check_readings(s, [C], {A: filled(size)}, expected=[filled(size) * 2 + 2], sizes={n: size})
    # Only arguments may have gaps.
    assert texpr.build(te.create_schedule(C.op))(np.ones(6, "float32")[::2]).tolist() == [4, 4, 4]


_KINDS = (
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_double, ctypes.c_bool, ctypes.c_int8,
    ctypes.c_uint16, ctypes.c_int64, ctypes.c_float, ctypes.c_uint8,
)  # fmt: skip


def test_every_c_type_by_address():
    seen: list[tuple[Any, ...]] = []

    def look(place: int, *rest: Any) -> int:
        seen.append(rest)
        return 0

    prototype = ctypes.CFUNCTYPE(*_KINDS)
    function = prototype(look)
    wanted = (5, 2.5, True, -3, 65535, -(1 << 40), 0.5, 255)
    # The types that ctypes was told are those of the numbers.
    told = te.extern(
        (n,),
        [A],
        lambda i, o: te.call_extern(
            "int32", function, o[0], n.astype("int32"), 2.5, n > 3, -3, 65535, -(1 << 40), 0.5, 255
        ),
        name="told",
    )
    address = ctypes.cast(function, ctypes.c_void_p).value
    types = ("int32", "float64", "bool", "int8", "uint16", "int64", "float32", "uint8")
    numbers = [te.const(x, t) for x, t in zip(wanted, types, strict=True)]
    plain = te.extern(
        (n,), [A], lambda i, o: te.call_extern("int32", address, o[0], *numbers), name="plain"
    )
    for B in (told, plain):
        built(B)(filled(5))
        s = te.create_schedule(B.op)
        interpret(s.program, filled(5), filled(5))
    assert seen == [wanted] * 4


def test_two_functions_of_one_name():
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    ones, twos = kind(lambda x: x + 1), kind(lambda x: x + 2)
    X = te.placeholder((2,), "float64", name="X")
    B = te.compute(
        (2,),
        lambda i: (
            te.call_pure_extern("float64", ones, X[i]) * te.call_pure_extern("float64", twos, X[i])
        ),
        name="B",
    )
    check_readings(te.create_schedule(B.op), [B], {X: np.zeros(2)}, expected=[np.array([2.0, 2.0])])


# ---------------------------------------------------------------- functions of scalars


@given(st.sampled_from(["serial", "vector", "masked", "parallel"]), st.integers(0, 9))
def test_scalar_functions_in_every_loop(how, size):
    def pick(x: float, number: int, flag: bool) -> float:
        assert (type(x), type(number), type(flag)) == (float, int, bool)
        return x * number if flag else -x

    B = te.compute(
        (n,),
        lambda i: (
            te.call_pure_extern("float32", pick, A[i], i, A[i] > 0)
            + te.call_pure_extern("float32", "copysignf", A[i], -1.0)
        ),
        name="B",
    )
    s = te.create_schedule(B.op, fp="exact", contract=False)
    if how in ("vector", "masked"):
        s[B].vectorize(s[B].split(B.op.axis[0], factor=4)[1])
    if how == "parallel":
        s[B].parallel(B.op.axis[0])
    a = filled(size)
    wanted = np.where(a > 0, a * np.arange(size), -a) - np.abs(a)
    check_readings(s, [B], {A: a}, sizes={n: size}, expected=[wanted.astype("float32")])


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_scalar_function_is_called_only_where_its_value_is_wanted(vectorized):
    def root(x: float) -> float:
        return x**0.5 if x >= 0 else 1 / 0

    B = te.compute(
        (n,),
        lambda i: te.if_then_else(A[i] >= 0, te.call_pure_extern("float32", root, A[i]), 0.0),
        name="B",
    )
    s = te.create_schedule(B.op)
    if vectorized:
        s[B].vectorize(s[B].split(B.op.axis[0], factor=4)[1])
    a = np.array([-1, 4, -9, 16, 25, -1], "float32")
    check_readings(s, [B], {A: a}, sizes={n: 6}, expected=[np.array([0, 2, 0, 4, 5, 0], "float32")])


def test_a_scalar_function_that_fails():
    B = te.compute((n,), lambda i: te.call_pure_extern("float32", lambda x: 1 / x, A[i]), name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize(s[B].split(B.op.axis[0], factor=4)[1])
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        texpr.build(s)(np.array([1, 2, 0, 3, 1], "float32"))


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("float32", "x", False), ("float32", None, False), ("float32", 3, True),
        ("float32", np.float64(0.1), True), ("int8", 127, True), ("int8", 128, False),
        ("int8", 1.0, False), ("bool", True, True), ("bool", 1, False), ("uint8", -1, False),
        ("int32", np.int64(7), True), ("float64", True, False), ("int64", 1 << 70, False),
    ],
)  # fmt: skip
def test_results_of_scalar_functions_are_checked(dtype, value, fits):
    B = te.compute((1,), lambda i: te.call_pure_extern(dtype, lambda _: value, i), name="B")
    kernel = built(B)
    if fits:
        assert kernel()[0] == np.dtype(dtype).type(value)
    else:
        with pytest.raises(DTypeError, match=rf"lambda: it returned .*, which is no {dtype}; "):
            kernel()


def test_a_function_called_round_is_not_ours():
    B = te.compute(
        (2,),
        lambda i: te.call_pure_extern("float32", _named("round", lambda x: x + 0.5), i),
        name="B",
    )
    twice = te.compute((2,), lambda i: te.floor(B[i]), name="twice")
    assert built(B)().tolist() == [0.5, 1.5]
    assert built(twice)().tolist() == [0, 1]


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = name
    return function


# ---------------------------------------------------------------- other machines


def test_functions_of_this_process_are_not_on_another_machine():
    with pytest.raises(TargetError, match=r"B: it calls the Python function 'sums', which is in t"):
        built(filled_by(sums), target=AARCH64)
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    function = kind(lambda x: x)
    C = te.compute(
        (2,),
        lambda i: te.call_pure_extern("float64", function, i.astype("float64")),
        name="C",
    )
    with pytest.raises(DTypeError, match=r"is float32, and its argtypes say float64; cast it"):
        te.compute((2,), lambda i: te.call_pure_extern("float64", function, i * 1.0))
    with pytest.raises(TargetError, match=r"C: it calls .* by its address, which is in this proc"):
        built(C, target=AARCH64)


# ---------------------------------------------------------------- mistakes


def _call(*args: Any) -> Callable[..., Any]:
    return lambda ins, outs: te.call_packed(sums, *args)


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (
            lambda: te.extern((3,), [A], sums),
            TexprError,
            "the rule of 'extern' raised .*; it is ca",
        ),
        (lambda: te.extern((3,), [A], lambda i, o: None), DTypeError, "returned None, which is no"),
        (lambda: te.extern((3,), [A], 3), DTypeError, "the rule of 'extern' is 3; it is called wh"),
        (
            lambda: te.extern((3,), ["A"], sums),
            DTypeError,
            "the input 'A' of 'extern' is no tensor",
        ),
        (lambda: te.extern((3,), [], te.packed(sums)), DTypeError, "are none, which does not tell"),
        (
            lambda: te.extern((3,), [A, te.placeholder((3,), "int8")], te.packed(sums)),
            DTypeError,
            "are float32, int8, which does not tell that of the output; pass dtype=",
        ),
        (
            lambda: te.extern([(3,), (4,)], [A], te.packed(sums), dtype=["int8"]),
            ShapeError,
            "has 2 shapes and 1 types; give one for each",
        ),
        (lambda: te.extern((-1,), [A], te.packed(sums)), ShapeError, "extent 0 of the shape is -1"),
        (lambda: te.extern((3,), [A], _call(A)), TexprError, "not take the output 'extern', which"),
        (
            lambda: te.extern((3,), [], _call(A), dtype="int8"),
            TexprError,
            "takes <tensor A: .*>, which is none of its inputs; pass it in inputs",
        ),
        (
            lambda: te.extern((3,), [], _call(A[0]), dtype="int8"),
            TexprError,
            r"takes A\[0\], of a tensor that is none of its inputs",
        ),
        (
            lambda: te.extern((3,), [A], _call(te.reduce_axis((0, 3), "k") + 1)),
            TexprError,
            "takes k \\+ 1, and the axis 'k' has no value there",
        ),
        (lambda: te.extern((3,), [A], _call("x")), DTypeError, "'x' .str. is neither a number nor"),
        (
            lambda: te.extern((3,), [A], te.packed(sums), in_buffers=[A]),
            TexprError,
            "in_buffers and out_buffers of 'extern'; texpr passes tensors as they are",
        ),
        (lambda: te.packed("f"), DTypeError, "packed: 'f' is no Python function"),
        (lambda: te.call_packed(None), DTypeError, "call_packed: None is no Python function"),
        (lambda: te.call_extern("int32", sums), DTypeError, "is no C function; pass its symbol"),
        (lambda: te.call_extern("int32", "a b"), DTypeError, "'a b' cannot be the symbol"),
        (lambda: te.call_extern("int32", True), DTypeError, "True is no C function"),
        (
            lambda: te.call_extern("int32", ctypes.pythonapi.PyList_New, 1),
            DTypeError,
            "is called with Python's GIL, which a kernel has given up; call it from a Python",
        ),
        (lambda: te.call_pure_extern("float32", sums), DTypeError, "has no argument, and so one"),
        (lambda: te.call_pure_extern("float32", [], 1), DTypeError, r"\[\] is no Python function"),
        (
            lambda: te.compute((3,), lambda i: te.call_packed(sums, A)),
            DTypeError,
            "a call on whole tensors stands where one element is wanted",
        ),
        (
            lambda: te.placeholder((te.call_pure_extern("int64", len, 1),)),
            ShapeError,
            r"depends on len\(1\), which is data",
        ),
    ],
)
def test_mistakes_of_declaration(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


def test_argtypes_are_kept_to():
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)(lambda p, k: None)

    def declared(*args: Any) -> te.Tensor:
        return te.extern(
            (n,), [A], lambda i, o: te.call_extern(None, function, *args, *o), name="B"
        )

    with pytest.raises(DTypeError, match=r"function: 1 arguments, and its argtypes are 2"):
        declared()
    with pytest.raises(DTypeError, match=r"3 is passed as a scalar, and its argtypes say c_void_p"):
        declared(3)
    with pytest.raises(DTypeError, match=r"is passed as a pointer, and its argtypes say c_int"):
        declared(A)


def test_a_symbol_that_is_nowhere():
    B = te.extern((n,), [A], lambda i, o: te.call_extern(None, "no_such_function", *o), name="B")
    with pytest.raises(LoweringError, match=r"B: the compiled code calls 'no_such_function', whic"):
        built(B)
    with pytest.raises(LoweringError, match=r"no_such_function: no library of this process has"):
        interpret(te.create_schedule(B.op).program, filled(2), filled(2))


def test_one_symbol_with_two_types():
    B = te.compute(
        (2,),
        lambda i: (
            te.call_pure_extern("int32", "abs", i.astype("int32")).astype("int64")
            + te.call_pure_extern("int64", "abs", i)
        ),
        name="B",
    )
    with pytest.raises(LoweringError, match=r"abs: .* \(int64\) and the result int64, and el"):
        built(B)


def test_c_takes_dense_arrays_only():
    B = te.extern((n,), [A], lambda i, o: te.call_extern(None, "memcpy", *o, *i, n * 4), name="B")
    with pytest.raises(ShapeError, match=r"is not C-contiguous .* pass np.ascontiguousarray of it"):
        built(B)(np.ones(6, "float32")[::2])


def test_scratch_that_nobody_wrote_is_seen_by_the_interpreter():
    T = Buffer("T", (Const(2, INT64),), FLOAT32)
    call = ExternCall(PythonFunction("f", lambda t, a: None), (T, A), (T,), (A,))
    program = Program("main", (A,), Alloc(T, Block("B", (), (), (), extern=call)))
    with pytest.raises(UninitializedError, match=re.escape("B: reads T[0], which nothing has")):
        interpret(program, filled(2))
