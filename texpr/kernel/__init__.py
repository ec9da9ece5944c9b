"""Loop kernels: Python functions of loops over arrays, turned into Programs.

``@kernel`` reads the source of a function: ``for … in range(…)``, assignments (also ``+=`` and
its kin, tuples and chains), ``if``/``elif``/``else``, arithmetic, comparisons, ``and``/``or``/
``not``, ``a if c else b``, casts, ``max``/``min``/``abs`` and the functions of te, math and NumPy
that have a counterpart in ``texpr.ir.intrinsics``; ``A.shape[0]``, ``len(A)``, ``A.ndim``; local
scalars, and local arrays made by ``empty``. Everything else is refused with the line, a caret and
what to write instead. ``kernel`` says where the meaning is not Python's.

The way of a function::

    source ── syntax ─► statements ── scalars ─► lives ── statements ─► Program ── LoopKernel
    text, lines         Assign, For,             of local   (names, expressions,
    and carets          Branch, …                scalars     values, functions)

Each assignment is a Block, S0, S1, … in textual order. An ``if`` is a predicate of its Blocks;
where they may change what it tests, a Block ``test0``, ``test1``, … evaluates it once before. A
scalar is a buffer of rank 0, allocated in the innermost loop body in which nothing is carried;
an integer or bool that is made of loop variables and sizes and assigned once is no Block, but put
where it is used. A loop with a step other than 1 counts its iterations from 0.
"""

from texpr.kernel.declare import (
    b1,
    bf16,
    bool_,
    empty,
    f16,
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
    "f16",
    "bf16",
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
