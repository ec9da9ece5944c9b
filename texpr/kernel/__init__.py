"""Loop kernels: Python functions of loops over arrays, turned into Programs.

``@kernel`` reads the source of a function; what it takes and leaves out is said there.
"""

from texpr.kernel.declare import (
    b1,
    bool_,
    empty,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    require,
    size,
    u8,
    u16,
    u32,
    u64,
)
from texpr.kernel.loop_kernel import LoopKernel, kernel

__all__ = [
    "LoopKernel",
    "b1",
    "bool_",
    "empty",
    "f32",
    "f64",
    "i16",
    "i32",
    "i64",
    "i8",
    "kernel",
    "require",
    "size",
    "u16",
    "u32",
    "u64",
    "u8",
]
