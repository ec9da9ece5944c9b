"""Taking scratch memory from the pool of the process and giving it back, as machine code does.

::

    take(size):                                    give(block):
      for each slot of its size of block:            for each slot of its size of block:
        if it holds a block, and still does            if it is empty, and still is when
        when exchanged for nothing: return it          exchanged for the block: return
      return a new block                             free it

A slot's pointer is exchanged as a whole, so that nothing can be taken twice. In front of a block
stand where ``malloc`` put it, and the number of its size.
"""

from __future__ import annotations

import ctypes
from typing import Final

from llvmlite import ir

from texpr.ir.symbols import address_of
from texpr.target.llvm.python_api import counting
from texpr.target.llvm.types import I1, I64, PTR, declare, internal, intrinsic
from texpr.target.scratch import NUM_SIZES, NUM_SLOTS, POOL, SMALLEST_BYTES, drained

ALIGNMENT: Final = 64
"""A cache line, so that no vector straddles two."""
_HEADER_BYTES: Final = 16
_VOID: Final = ir.VoidType()
# More is no size; and a little can be added to it.
_MOST: Final = 1 << 62


def take(module: ir.Module) -> ir.Function:
    """The function that returns a block of at least so many bytes; null where there is no room."""
    function = internal(module, "texpr.take", PTR, [I64], ["noinline"])
    if function.blocks:
        return function
    function.return_value.add_attribute("noalias")
    function.return_value.attributes.align = ALIGNMENT
    (asked,) = function.args
    build = ir.IRBuilder(function.append_basic_block())
    with build.if_then(build.icmp_unsigned(">", asked, _int(_MOST))):
        build.ret(ir.Constant(PTR, None))
    least = intrinsic(build, "llvm.umax", [asked, _int(SMALLEST_BYTES)], [I64], I64)
    below = build.sub(least, _int(1))
    leading = intrinsic(build, "llvm.ctlz", [below, ir.Constant(I1, 1)], [I64], I64)
    smallest_bits = (SMALLEST_BYTES - 1).bit_length()
    number = build.sub(_int(64 - smallest_bits), leading)
    is_kept = build.icmp_signed("<", number, _int(NUM_SIZES))
    with build.if_then(is_kept), counting(build, _int(NUM_SLOTS)) as index:
        slot = _slot(build, number, index)
        there = build.load_atomic(slot, "monotonic", 8, typ=PTR)
        with build.if_then(_is_block(build, there)):
            block = build.atomic_rmw("xchg", slot, _int(0), "acquire")
            with build.if_then(build.icmp_unsigned("!=", block, _int(0))):
                build.ret(build.inttoptr(block, PTR))
    whole = build.shl(_int(SMALLEST_BYTES), number)
    size = build.select(is_kept, whole, least)
    room = build.add(size, _int(_HEADER_BYTES + ALIGNMENT - 1))
    start = build.call(declare(module, "malloc", PTR, [I64]), [room])
    with build.if_then(build.icmp_unsigned("==", start, ir.Constant(PTR, None))):
        build.ret(start)
    first = build.add(build.ptrtoint(start, I64), _int(_HEADER_BYTES + ALIGNMENT - 1))
    block = build.inttoptr(build.and_(first, _int(-ALIGNMENT)), PTR)
    build.store(start, _before(build, block, 2))
    build.store(build.select(is_kept, number, _int(-1)), _before(build, block, 1))
    build.ret(block)
    return function


def give(module: ir.Module) -> ir.Function:
    """The function that gives back a block that :func:`take` returned."""
    function = internal(module, "texpr.give", _VOID, [PTR], ["noinline"])
    if function.blocks:
        return function
    (block,) = function.args
    build = ir.IRBuilder(function.append_basic_block())
    number = build.load(_before(build, block, 1), typ=I64)
    is_kept = build.icmp_signed(">=", number, _int(0))
    with build.if_then(is_kept), counting(build, _int(NUM_SLOTS)) as index:
        slot = _slot(build, number, index)
        there = build.load_atomic(slot, "monotonic", 8, typ=PTR)
        with build.if_then(build.not_(_is_block(build, there))):
            own = build.ptrtoint(block, I64)
            result = build.cmpxchg(slot, _int(0), own, "release", "monotonic")
            with build.if_then(build.extract_value(result, 1)):
                build.ret_void()
    start = build.load(_before(build, block, 2), typ=PTR)
    build.call(declare(module, "free", _VOID, [PTR]), [start])
    build.ret_void()
    return function


def release_scratch() -> int:
    """Give the memory that kernels keep for their next calls back to the system.

    Kernels must not run meanwhile.

    Returns
    -------
    How many bytes they were

    >>> import texpr
    >>> texpr.release_scratch() >= 0
    True
    """
    at = address_of("free")
    assert at is not None  # machine code that takes memory was linked with it
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(at)

    def release(block: int) -> None:
        start = ctypes.c_void_p.from_address(block - _HEADER_BYTES).value
        free(start)

    return drained(release)


def _pool(module: ir.Module) -> ir.Value:
    found = module.globals.get(POOL)
    if found is None:
        found = ir.GlobalVariable(module, ir.ArrayType(PTR, NUM_SIZES * NUM_SLOTS), POOL)
        found.type = PTR  # llvmlite would have it typed
    return found


def _slot(build: ir.IRBuilder, number: ir.Value, index: ir.Value) -> ir.Value:
    place = build.add(build.mul(number, _int(NUM_SLOTS)), index)
    return build.gep(_pool(build.module), [place], source_etype=PTR)


def _before(build: ir.IRBuilder, block: ir.Value, words: int) -> ir.Value:
    return build.gep(block, [_int(-words)], source_etype=I64)


def _is_block(build: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    return build.icmp_unsigned("!=", pointer, ir.Constant(PTR, None))


def _int(value: int) -> ir.Constant:
    return ir.Constant(I64, value)
