"""Parallel loops on threads: who runs what, how they fail, what they share."""

from __future__ import annotations

import ctypes
import gc
import re
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from texpr import te
from texpr.errors import BoundsError
from texpr.target import threads

N, M = texpr.size("N"), texpr.size("M")

_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
_Malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)
_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@dataclass
class Forks:
    """The forks of the kernels built meanwhile: how many threads each was granted."""

    granted: list[int] = field(default_factory=list)
    most_at_once: int = 0
    """The greatest number of threads in forks at one time."""
    now: int = 0
    allocated: int = 0
    freed: int = 0


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    found, lock = Forks(), threading.Lock()
    original = threads.symbols()
    assert original is not None
    real = _Task(original["GOMP_parallel"])

    def parallel(task: int, data: int, count: int, flags: int) -> None:
        with lock:
            found.granted.append(count)
            found.now += count
            found.most_at_once = max(found.most_at_once, found.now)
        real(task, data, count, flags)
        with lock:
            found.now -= count

    def malloc(size: int) -> int | None:
        found.allocated += 1
        return room(size)

    def free(pointer: int) -> None:
        found.freed += 1
        give_back(pointer)

    room = _Malloc(("malloc", ctypes.pythonapi))
    give_back = _Free(("free", ctypes.pythonapi))
    # Python code, which takes the GIL: only one thread counts at a time.
    watched = {"GOMP_parallel": _Task(parallel), "malloc": _Malloc(malloc), "free": _Free(free)}
    at = {name: ctypes.cast(call, ctypes.c_void_p).value for name, call in watched.items()}
    monkeypatch.setattr(threads, "symbols", lambda: {**original, **at})
    yield found
    assert threads.threads_at_work() == 0


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    yield
    texpr.set_num_threads(3)


def plus_one(n: Any, *, chunks: str | None = None, target: Any = None) -> texpr.Kernel:
    A = te.placeholder((n,), "int64", name="A")
    B = te.compute((n,), lambda i: A[i] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    if chunks is not None:
        s[B].pragma("i", "parallel_schedule", chunks)
    return texpr.build(s, [A, B], target=target)


# ---------------------------------------------------------------- how many threads


def test_a_loop_uses_the_threads_that_are_set(forks: Forks) -> None:
    kernel = plus_one(te.var("n"))
    for count in (1, 2, 4):
        texpr.set_num_threads(count)
        assert kernel(np.arange(9)).tolist() == list(range(1, 10))
    assert forks.granted == [2, 4]


@pytest.mark.parametrize(
    ("chunks", "most"), [(None, 5), ("static, 2", 3), ("dynamic, 3", 2), ("dynamic, 9", 1)]
)
def test_never_more_threads_than_runs(forks: Forks, chunks: str | None, most: int) -> None:
    kernel = plus_one(te.var("n"), chunks=chunks)
    texpr.set_num_threads(8)
    assert kernel(np.arange(5)).tolist() == [1, 2, 3, 4, 5]
    assert forks.granted == ([most] if most > 1 else [])


def test_small_work_is_serial(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread gets as many operations as are worth one; here three an element."""
    monkeypatch.setenv("TEXPR_THREAD_WORK", "300")
    kernel = plus_one(te.var("n"))
    texpr.set_num_threads(4)
    for size in (0, 1, 199, 200, 299, 300, 10_000):
        np.testing.assert_array_equal(kernel(np.arange(size)), np.arange(1, size + 1))
    assert forks.granted == [2, 2, 3, 4]


def test_sizes_known_at_compile_time_decide_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXPR_THREAD_WORK")
    assert "GOMP_parallel" not in plus_one(1000).llvm
    assert "GOMP_parallel" in plus_one(1 << 20).llvm


def test_a_target_of_fewer_cores(forks: Forks) -> None:
    kernel = plus_one(te.var("n"), target="llvm -num-cores=5")
    texpr.set_num_threads(8)
    kernel(np.arange(100))
    assert forks.granted == [5]


def test_serial_kernels_know_nothing_of_threads() -> None:
    A = te.placeholder((64,), name="A")
    B = te.compute((64,), lambda i: A[i] + 1, name="B")
    text = texpr.build(te.create_schedule(B.op), [A, B]).llvm
    assert not re.search("GOMP|omp_|texpr.threads|claim", text)


def test_code_for_another_machine_shows_the_fork() -> None:
    kernel = plus_one(
        1 << 20, target="llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1 -num-cores=4"
    )
    assert re.search(r"bl\s+GOMP_parallel", kernel.asm)


# ---------------------------------------------------------------- loops


def test_nested_parallel_loops_share_their_iterations(forks: Forks) -> None:
    A = te.placeholder((2, 3, 5), "int64", name="A")
    B = te.compute((2, 3, 5), lambda i, j, k: A[i, j, k] * 2 + i * 100 + j * 10 + k, name="B")
    s = te.create_schedule(B.op)
    for loop in "ijk":
        s[B].parallel(loop)
    kernel = texpr.build(s, [A, B])
    a = np.arange(30).reshape(2, 3, 5)
    i, j, k = np.indices(a.shape)
    for count in range(2, 9):
        texpr.set_num_threads(count)
        np.testing.assert_array_equal(kernel(a), a * 2 + i * 100 + j * 10 + k)
    assert forks.granted == list(range(2, 9))


def test_a_parallel_loop_further_in_is_serial(forks: Forks) -> None:
    A = te.placeholder((4, 6), "int64", name="A")
    k = te.reduce_axis((0, 3), name="k")
    B = te.compute((4, 6), lambda i, j: te.sum(A[i, j] * (k + 1), axis=k), name="B")
    s = te.create_schedule(B.op)
    s[B].reorder("i", k, "j")
    s[B].parallel("i")
    s[B].parallel("j")
    kernel = texpr.build(s, [A, B])
    a = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(kernel(a), a * 6)
    assert forks.granted == [3]


@texpr.kernel
def triangle(A: texpr.i64[N, N]):
    for i in range(N):
        for j in range(i + 1):
            A[i, j] = i * 1000 + j


@pytest.mark.parametrize("chunks", ["static", "dynamic, 2"])
def test_bounds_that_depend_on_the_outer_loop(forks: Forks, chunks: str) -> None:
    s = texpr.create_schedule(triangle)
    s.parallel("i")
    s.parallel("j")
    s.pragma("i", "parallel_schedule", chunks)
    a = np.zeros((9, 9), "int64")
    texpr.build(s)(a)
    rows, columns = np.indices(a.shape)
    np.testing.assert_array_equal(a, np.tril(rows * 1000 + columns))
    assert forks.granted == [3]


@texpr.kernel
def spread(step: texpr.i64, A: texpr.i64[N, 20]):
    for i in range(2, N):
        for j in range(1, 20, 3):
            A[i, j] = i * step + j


def test_first_values_and_steps(forks: Forks) -> None:
    s = texpr.create_schedule(spread)
    s.parallel("i")
    s.parallel("j")
    kernel = texpr.build(s)
    for size in (0, 2, 3, 9):
        a, wanted = np.zeros((size, 20), "int64"), np.zeros((size, 20), "int64")
        kernel(7, a)
        rows, columns = np.indices(wanted.shape)
        wanted[2:, 1::3] = (rows * 7 + columns)[2:, 1::3]
        np.testing.assert_array_equal(a, wanted)
    assert forks.granted == [3, 3]


def test_every_kind_of_value_reaches_the_threads(forks: Forks) -> None:
    """Scalars of each type, sizes, strides and arrays that the iterations use."""
    n = te.size_var("n")
    b, f, i = te.var("b", "bool"), te.var("f", "float32"), te.var("i8", "int8")
    A = te.placeholder((n, n), "float32", name="A")
    B = te.compute((n, n), lambda x, y: te.if_then_else(b, A[x, y] * f, A[y, x] + i) + n, name="B")
    s = te.create_schedule(B.op)
    s[B].parallel("x")
    kernel = texpr.build(s, [b, f, i, A, B])
    a = np.arange(49, dtype="float32").reshape(7, 7)
    for array in (a, a.T, np.asfortranarray(a)[::-1]):
        np.testing.assert_array_equal(kernel(True, 0.5, 3, array), array * np.float32(0.5) + 7)
        np.testing.assert_array_equal(kernel(False, 0.5, -3, array), array.T + 4)
    assert forks.granted == [3] * 6


def test_a_loop_that_lowering_has_copied(forks: Forks) -> None:
    """The strips of a vectorized loop share the variables of the loops inside them."""
    A = te.placeholder((3, 5), "int64", name="A")
    B = te.compute((3, 5), lambda i, j: A[i, j] * 10 + i, name="B")
    s = te.create_schedule(B.op)
    s[B].vectorize("i")
    s[B].parallel("j")
    a = np.arange(15).reshape(3, 5)
    kernel = texpr.build(s, [A, B])
    np.testing.assert_array_equal(kernel(a), a * 10 + np.arange(3)[:, None])
    assert forks.granted == [3]


def test_vector_code_inside_is_as_good_as_outside() -> None:
    """The arrays of a loop's function overlap nothing: no test at run time, no second version."""

    def matmul(parallel: bool) -> str:
        A, B = te.placeholder((96, 96), name="A"), te.placeholder((96, 96), name="B")
        k = te.reduce_axis((0, 96), name="k")
        C = te.compute((96, 96), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")
        s = te.create_schedule(C.op)
        i_o, j_o, i_i, j_i = s[C].tile(*C.op.axis, 4, 16)
        s[C].reorder(i_o, j_o, k, i_i, j_i)
        s[C].vectorize(j_i)
        s[C].unroll(i_i)
        if parallel:
            s[C].parallel(i_o)
        target = "llvm -mtriple=x86_64-linux-gnu -mcpu=skylake-avx512"
        return texpr.build(s, [A, B, C], target=target).asm

    serial, parallel = (
        re.findall(r"^(\.LBB\S+):((?:(?!^\.LBB).)*?)j\w+\t\1$", text, re.DOTALL | re.MULTILINE)
        for text in (matmul(parallel=False), matmul(parallel=True))
    )

    def inner(loops: list[tuple[str, str]]) -> list[list[str]]:
        """The vector instructions of the loops that multiply, without their operands."""
        bodies = [body for _, body in loops if "vfmadd" in body]
        return [re.findall(r"^\t(v\w+)", body, re.MULTILINE) for body in bodies]

    assert inner(serial)
    assert inner(parallel) == inner(serial)


# ---------------------------------------------------------------- failures


@texpr.kernel
def gathered(A: texpr.f64[M], I: texpr.i64[N], B: texpr.f64[N]):  # noqa: E741
    for i in range(N):
        B[i] = A[I[i]]


@texpr.kernel
def reversed_rows(n: texpr.size, I: texpr.i64[N], A: texpr.f64[N, M], B: texpr.f64[N, M]):  # noqa: E741
    for i in range(N):
        t = texpr.empty((n + 1, M), "float64")
        for j in range(M):
            t[n, j] = A[I[i], j] * 2
        for k in range(M):
            B[i, k] = t[n, M - 1 - k]


def parallel_kernel(declared: Any, chunks: str = "static") -> texpr.Kernel:
    s = texpr.create_schedule(declared)
    s.parallel("i")
    s.pragma("i", "parallel_schedule", chunks)
    return texpr.build(s)


@pytest.mark.parametrize("chunks", ["static", "static, 3", "dynamic, 2"])
def test_a_subscript_out_of_bounds_on_some_thread(forks: Forks, chunks: str) -> None:
    kernel = parallel_kernel(gathered, chunks)
    a = np.arange(10.0)
    for at in (0, 500, 999):
        index = np.arange(1000) % 10
        index[at] = 10 + at
        b = np.zeros(1000)
        with pytest.raises(BoundsError, match=rf"gathered: A\[I\[i\]\] .*: index {10 + at} is out"):
            kernel(a, index, b)
    kernel(a, np.arange(1000) % 10, b)
    np.testing.assert_array_equal(b, a[np.arange(1000) % 10])
    assert forks.granted == [3] * 4


def test_the_first_failure_of_many_counts(forks: Forks) -> None:
    kernel = parallel_kernel(gathered)
    index = np.arange(3000) + 10
    for _ in range(50):
        b = np.zeros(3000)
        with pytest.raises(BoundsError, match=r"index (\d+) is outside") as caught:
            kernel(np.arange(10.0), index, b)
        found = re.search(r"index (\d+) is outside dimension 0 of extent 10", str(caught.value))
        assert found is not None
        assert 10 <= int(found[1]) < 3010
    assert forks.granted == [3] * 50


def test_the_others_stop_soon(forks: Forks) -> None:
    """A failure at the very start of one part leaves the rest of the others undone."""
    kernel = parallel_kernel(gathered, "dynamic, 1")
    index = np.zeros(5_000_000, "int64")
    index[3] = -1
    b = np.zeros(index.size)
    with pytest.raises(BoundsError, match="index -1 is outside"):
        kernel(np.ones(1), index, b)
    assert np.count_nonzero(b) < index.size // 2


@pytest.mark.parametrize("chunks", ["static", "static, 3", "dynamic, 2"])
def test_scratch_of_each_thread(forks: Forks, chunks: str) -> None:
    """From the pool, since its size is not known: given back also where an iteration fails."""
    texpr.release_scratch()
    kernel = parallel_kernel(reversed_rows, chunks)
    a, b = np.random.default_rng(0).random((100, 2)), np.zeros((100, 2))
    index = np.arange(100)
    for n in (1, 5, 3000):
        kernel(n, index, a, b)
        np.testing.assert_array_equal(b, a[:, ::-1] * 2)
    index[40] = 100
    with pytest.raises(BoundsError, match="index 100 is outside"):
        kernel(9, index, a, b)
    assert set(forks.granted) == {3}
    assert 1 <= forks.allocated <= 3 * 2  # a block each, and larger ones for the large rows
    texpr.release_scratch()
    before = forks.allocated
    kernel(1, np.arange(100), a, b)
    assert before < forks.allocated <= before + 3


def test_no_memory_on_a_thread(forks: Forks) -> None:
    kernel = parallel_kernel(reversed_rows)
    a, b = np.zeros((100, 2)), np.zeros((100, 2))
    for size in (1 << 57, 1 << 62):
        with pytest.raises(MemoryError, match="no memory for an intermediate buffer"):
            kernel(size, np.arange(100), a, b)
    assert forks.granted == [3, 3]
    assert forks.allocated >= 1


# ---------------------------------------------------------------- callers


def slow_kernel() -> Callable[[int], np.ndarray]:
    """A call of so many passes over 64 rows, each some 20 us on one thread."""

    @texpr.kernel
    def passes(n: texpr.size, A: texpr.f64[N, M]):
        for i in range(N):
            for _t in range(n):
                for j in range(M):
                    A[i, j] = A[i, j] * 0.5 + 1.0

    s = texpr.create_schedule(passes)
    s.parallel("i")
    kernel = texpr.build(s)

    def call(count: int) -> np.ndarray:
        a = np.zeros((64, 512))
        kernel(count, a)
        return a

    return call


def test_several_python_threads_share_one_budget(forks: Forks) -> None:
    call = slow_kernel()
    wanted = call(50)
    texpr.set_num_threads(4)
    seen: list[int] = []
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.is_set():
            seen.append(threads.threads_at_work())
            time.sleep(0.0005)

    with ThreadPoolExecutor(9) as pool:
        watcher = pool.submit(watch)
        results = list(pool.map(call, [50] * 80))
        is_done.set()
        watcher.result()
    for found in results:
        np.testing.assert_array_equal(found, wanted)
    assert max(seen) > 1
    # Eight callers run in any case, and three more threads at most.
    assert max(seen) <= 8 + 3
    assert forks.most_at_once <= 4


def test_kernels_of_one_thread_each(forks: Forks) -> None:
    call = slow_kernel()
    texpr.set_num_threads(1)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(call, [5] * 40))
    assert all(np.array_equal(found, results[0]) for found in results)
    assert forks.granted == []


def test_the_number_changes_while_kernels_run() -> None:
    call = slow_kernel()
    wanted = call(10)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(call, 10) for _ in range(60)]
        for count in (1, 4, 2, 8, 3) * 10:
            texpr.set_num_threads(count)
            time.sleep(0.001)
        for future in futures:
            np.testing.assert_array_equal(future.result(), wanted)
    assert threads.threads_at_work() == 0


def test_a_kernel_inside_a_parallel_loop_of_another_library() -> None:
    """Python code that some thread of the runtime runs may call kernels, too."""
    symbols = threads.symbols()
    assert symbols is not None
    call, found = slow_kernel(), []
    wanted = call(3)
    task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: found.append(call(3)))
    address = ctypes.cast(task, ctypes.c_void_p).value
    _Task(symbols["GOMP_parallel"])(address, None, 3, 0)
    assert len(found) == 3
    assert all(np.array_equal(each, wanted) for each in found)


def test_ctrl_c_arrives_when_the_kernel_returns() -> None:
    call = slow_kernel()
    call(1)
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    a: list[np.ndarray] = []

    def run() -> None:
        timer.start()
        for _ in range(1000):
            a.append(call(1000))

    with pytest.raises(KeyboardInterrupt):
        run()
    timer.join()
    assert threads.threads_at_work() == 0
    assert call(2).max() == 1.5


# ---------------------------------------------------------------- functions from outside

size = te.size_var("n")
HALVES = te.placeholder((size,), "float16", name="halves")
PLACES = te.placeholder((size,), "int64", name="places")


def mapped(function: Callable[..., Any], chunks: str = "static") -> texpr.Kernel:
    """A kernel that calls ``function`` for each of its halves, in a parallel loop."""
    B = te.compute((size,), lambda i: te.call_pure_extern("float16", function, HALVES[i]), name="B")
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    s[B].pragma("i", "parallel_schedule", chunks)
    return texpr.build(s)


@pytest.mark.parametrize("chunks", ["static", "static, 3", "dynamic, 2"])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_function_that_raises_on_one_iteration(
    forks: Forks, kind: type[BaseException], chunks: str
) -> None:
    error = kind("no")

    def fail(x: float) -> float:
        if x == 77:
            raise error
        return x + 0.5

    kernel = mapped(fail, chunks)
    room = np.zeros((100, 2), "float16")
    room[:, 0] = np.arange(100)
    for values in (room[:, 0].copy(), room[:, 0], room[::-1, 0]):
        for _ in range(3):
            with pytest.raises(kind) as caught:
                kernel(values)
            assert caught.value is error
        np.testing.assert_array_equal(kernel(values % 70), values % 70 + np.float16(0.5))
    assert set(forks.granted) == {3}
    assert threads.threads_at_work() == 0


def test_each_caller_of_a_parallel_kernel_gets_its_own_exception(forks: Forks) -> None:
    def fail(x: float) -> float:
        if x % 100 == 77:
            raise ValueError(x)
        return x + 1

    kernel = mapped(fail)

    def call(number: int) -> None:
        count = 100 if number % 2 else 50
        values = np.arange(count, dtype="float16") + np.float16(100 * number)
        for _ in range(10):
            if number % 2:
                with pytest.raises(ValueError, match=rf"^{number}77\.0"):
                    kernel(values)
            else:
                np.testing.assert_array_equal(kernel(values), values + np.float16(1))

    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(call, range(1, 7))] == [None] * 6
    assert threads.threads_at_work() == 0


def test_nothing_keeps_an_exception_where_another_thread_failed_first(forks: Forks) -> None:
    class LateError(Exception):
        pass

    raised: list[weakref.ref[LateError]] = []
    is_out = threading.Event()

    def late(x: float) -> float:
        time.sleep(0.05)  # the subscript of another thread is out of bounds by now
        error = LateError(x)
        raised.append(weakref.ref(error))
        is_out.set()
        raise error

    B = te.compute(
        (size,),
        lambda i: te.if_then_else(
            i > 0, te.call_pure_extern("float16", late, HALVES[i]), HALVES[PLACES[i]]
        ),
        name="B",
    )
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    kernel = texpr.build(s, [HALVES, PLACES, B])
    for _ in range(3):
        with pytest.raises((BoundsError, LateError)):
            kernel(np.ones(2, "float16"), np.array([5, 0]))
    assert is_out.is_set()
    gc.collect()
    assert [reference() for reference in raised] == [None] * len(raised)


def test_the_budget_changes_from_within_a_loop(forks: Forks) -> None:
    def change(x: float) -> float:
        texpr.set_num_threads(int(x) % 5 + 1)
        return x

    kernel = mapped(change, "dynamic, 1")
    values = np.arange(500, dtype="float16")
    for _ in range(5):
        np.testing.assert_array_equal(kernel(values), values)
    assert threads.threads_at_work() == 0


# ---------------------------------------------------------------- any nest


@given(
    extents=st.lists(st.sampled_from([0, 1, 2, 3, 5, 8]), min_size=1, max_size=4),
    count=st.integers(1, 5),
    chunks=st.sampled_from(["static", "static, 1", "static, 4", "dynamic, 1", "dynamic, 3"]),
    symbolic=st.booleans(),
)
@settings(max_examples=60)
def test_every_iteration_runs_once(
    extents: list[int], count: int, chunks: str, symbolic: bool
) -> None:
    shape = [te.size_var(f"n{k}") if symbolic else extent for k, extent in enumerate(extents)]
    A = te.placeholder(shape, "int64", name="A")
    axes = len(shape)

    def rule(*at: Any) -> Any:
        value = A[at]
        for k, axis in enumerate(at):
            value = value + axis * 10**k
        return value

    B = te.compute(shape, rule, name="B")
    s = te.create_schedule(B.op)
    for axis in B.op.axis:
        s[B].parallel(axis)
    s[B].pragma(B.op.axis[axes // 2], "parallel_schedule", chunks)
    kernel = texpr.build(s, [A, B])
    texpr.set_num_threads(count)
    a = np.arange(np.prod(extents, dtype=int)).reshape(extents)
    wanted = a + sum(np.indices(a.shape)[k] * 10**k for k in range(axes))
    np.testing.assert_array_equal(kernel(a), wanted)
