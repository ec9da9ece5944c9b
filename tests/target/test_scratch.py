"""The pool of scratch memory: what is kept, how it is aligned, who gets what."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from llvmlite import ir

import texpr
from texpr import te
from texpr.target import scratch
from texpr.target.llvm.engine import compile_module
from texpr.target.llvm.scratch import ALIGNMENT, give, take
from texpr.target.llvm.types import I64, PTR
from texpr.target.target import Target


@pytest.fixture(autouse=True)
def _empty_pool() -> Iterator[None]:
    texpr.release_scratch()
    yield
    texpr.release_scratch()


class Pool:
    """Its two functions, called from Python."""

    def __init__(self) -> None:
        module = ir.Module("pool")
        taking = ir.Function(module, ir.FunctionType(PTR, [I64]), "taking")
        build = ir.IRBuilder(taking.append_basic_block())
        build.ret(build.call(take(module), taking.args))
        giving = ir.Function(module, ir.FunctionType(ir.VoidType(), [PTR]), "giving")
        build = ir.IRBuilder(giving.append_basic_block())
        build.call(give(module), giving.args)
        build.ret_void()
        self.code = compile_module(
            module, Target.host(), ("taking", "giving"), symbols=scratch.symbols(), name="pool"
        )
        at = self.code.address
        self.take: Any = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64)(at("taking"))
        self.give: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(at("giving"))


@pytest.mark.parametrize("size", [0, 1, 100, 16384, 16385, 1 << 20, (1 << 20) + 1])
def test_a_block_is_aligned_large_enough_and_taken_again(size: int) -> None:
    pool = Pool()
    block = pool.take(size)
    assert block % ALIGNMENT == 0
    ctypes.memset(block, 255, size)
    assert scratch.held_bytes() == 0
    pool.give(block)
    assert size <= scratch.held_bytes() <= max(scratch.SMALLEST_BYTES, 2 * size)
    assert pool.take(size) == block
    pool.give(block)


def test_blocks_in_use_are_apart() -> None:
    pool = Pool()
    blocks = [pool.take(20_000) for _ in range(5)]
    assert len(set(blocks)) == 5
    for block in blocks:
        pool.give(block)
    assert {pool.take(20_000) for _ in range(5)} == set(blocks)
    for block in blocks:
        pool.give(block)
    assert texpr.release_scratch() == 5 * 32768
    assert scratch.held_bytes() == 0


def test_what_the_pool_does_not_hold_is_freed() -> None:
    """Blocks beyond the slots of their size, and blocks of more than the largest size."""
    pool = Pool()
    blocks = [pool.take(1) for _ in range(scratch.NUM_SLOTS + 3)]
    for block in blocks:
        pool.give(block)
    assert scratch.held_bytes() == scratch.NUM_SLOTS * scratch.SMALLEST_BYTES
    texpr.release_scratch()
    largest = scratch.SMALLEST_BYTES << (scratch.NUM_SIZES - 1)
    pool.give(pool.take(largest + 1))
    assert scratch.held_bytes() == 0
    pool.give(pool.take(largest))
    assert scratch.held_bytes() == largest


@pytest.mark.parametrize("size", [1 << 61, 1 << 62, (1 << 62) + 1, (1 << 63) - 1, -1])
def test_no_room(size: int) -> None:
    assert Pool().take(size) is None


def test_threads_take_blocks_of_their_own() -> None:
    """Many at once: whoever has a block finds in it what it wrote there."""
    pool, wrong = Pool(), []

    def work(number: int) -> None:
        for _ in range(2000):
            block = pool.take(40_000)
            word = ctypes.c_int64.from_address(block)
            word.value = number
            for _ in range(3):
                if word.value != number:
                    wrong.append(number)
            pool.give(block)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert scratch.held_bytes() <= 6 * 65536


def test_a_kernel_allocates_at_its_first_call_only() -> None:
    A = te.placeholder((200, 200), name="A")
    B = te.compute((200, 200), lambda i, j: A[i, j] + 1.0, name="B")
    C = te.compute((200, 200), lambda i, j: B[j, i], name="C")
    kernel = texpr.build(te.create_schedule(C.op), [A, C])
    a = np.arange(40_000, dtype="float32").reshape(200, 200)
    for _ in range(3):
        np.testing.assert_array_equal(kernel(a), a.T + 1)
        assert scratch.held_bytes() == 1 << 18


@pytest.mark.parametrize("name", ["scratch", "threads"])
def test_a_kernel_that_is_called_like_what_the_runtime_has(name):
    """The function of a kernel has a symbol, as the pool and the budget of threads have theirs."""
    n = te.size_var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    C = te.compute((n,), lambda i: B[n - 1 - i] + 1, name="C")
    s = te.create_schedule(C.op)
    s[B].parallel("i")
    kernel = texpr.build(s, [A, C], name=name)
    a = np.arange(100_000, dtype="float32")
    c = np.zeros_like(a)
    kernel(a, c)
    np.testing.assert_array_equal(c, a[::-1] * 2 + 1)
