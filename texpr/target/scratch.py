"""The memory that kernels keep their scratch arrays in, from one call to the next.

What a kernel needs for the time of a call it takes from a pool and gives back, so that a loop
around a scratch array costs no allocation, and what was in a cache or had its page is used again.
The pool belongs to the process: machine code takes from it and gives back without locks
(:mod:`texpr.target.llvm.scratch`). It never holds more than was in use at one time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

from texpr.ir.buffer import Buffer
from texpr.ir.expr import int_value

POOL: Final = "texpr.scratch"
"""The symbol of the pool: ``NUM_SLOTS`` pointers to free blocks for each size of block.

No kernel is called so, as its name has no dot."""

SMALLEST_BYTES: Final = 16 << 10
"""What is smaller, and of known size, is on the stack: threads get as little as 512 KiB."""
NUM_SIZES: Final = 15
"""Blocks double in size, up to 256 MiB; larger ones are not kept."""
NUM_SLOTS: Final = 64
"""Free blocks of one size: as many as threads may want one at once and find it here."""

_pool: Final = (ctypes.c_void_p * (NUM_SIZES * NUM_SLOTS))()


def elements_on_stack(buffer: Buffer, lanes: int = 1) -> int | None:
    """Return how many elements scratch has that is on the stack, None where it is in the pool.

    In a vectorized loop every one of the ``lanes`` has its own.
    """
    count = lanes
    for extent in buffer.room:
        known = int_value(extent)
        if known is None:
            return None
        count *= known
    return count if count * buffer.dtype.size_bytes <= SMALLEST_BYTES else None


def symbols() -> dict[str, int]:
    """Return the address of the pool, by its symbol."""
    return {POOL: ctypes.addressof(_pool)}


def held_bytes() -> int:
    """Return how much memory is kept for further calls."""
    sizes = (SMALLEST_BYTES << k // NUM_SLOTS for k in range(len(_pool)))
    return sum(size for size, block in zip(sizes, _pool, strict=True) if block)


def drained(release: Callable[[int], None]) -> int:
    """Take every free block out of the pool and ``release`` it; return how many bytes they had.

    Kernels must not run meanwhile.
    """
    total = held_bytes()
    for place, block in enumerate(_pool):
        if block:
            _pool[place] = None
            release(block)
    return total
