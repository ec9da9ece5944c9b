"""Cut vectorized loops into strips of a power of two of lanes that the registers can hold.

::

    for j in vectorized(1000):         for j_o in range(7):
        B[j] = A[j]              →         for j_i in vectorized(128):
                                               B[j_o*128 + j_i] = A[j_o*128 + j_i]
                                       for j_i in vectorized(64):
                                           B[j_i + 896] = A[j_i + 896]
                                       for j_i in vectorized(32):
                                           B[j_i + 960] = A[j_i + 960]
                                       for j_i in vectorized(8):
                                           B[j_i + 992] = A[j_i + 992]

A strip after the other keeps every order that the lanes of the whole loop keep, so this is right
wherever the whole loop was. LLVM splits and widens vectors of other lengths itself, but takes
their masks apart bit by bit: a masked tile of 48 lanes ran thirty times slower than 32 and 16.
"""

from __future__ import annotations

from dataclasses import replace

from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Const, Expr, Var, int_value
from texpr.ir.program import ZERO, Loop, LoopKind, Program, Stmt, blocks, seq
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.target.target import Target

# A core keeps two multiply-adds of four or five cycles in flight, so eight registers of lanes
# are enough to hide their latency; more only makes more code. LLVM splits such vectors cleanly.
MAX_REGISTERS = 8


def run(program: Program, target: Target) -> Program:
    """Return the program with every vectorized loop at most ``MAX_REGISTERS`` registers wide."""
    return program.with_body(_Strips(target).rewrite_stmt(program.body))


class _Strips(Rewriter):
    def __init__(self, target: Target) -> None:
        self.target = target

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        loop = node if body is node.body else replace(node, body=body)
        extent = int_value(simplify(node.upper - node.lower))
        if node.kind is not LoopKind.VECTORIZED or extent is None:
            return loop
        most = max(1, self.target.vector_lanes(widest_dtype(body))) * MAX_REGISTERS
        return loop if extent <= most and is_power_of_two(extent) else cut(loop, extent, most)


def widest_dtype(body: Stmt) -> DType:
    """Return the widest type of element that the statements touch."""
    dtypes = (buffer.dtype for block in blocks(body) for buffer in block.buffers)
    return max(dtypes, key=lambda dtype: dtype.size_bytes)


def is_power_of_two(number: int) -> bool:
    """Whether ``number`` is 1, 2, 4, …, or 0."""
    return number & (number - 1) == 0


def cut(loop: Loop, extent: int, most: int) -> Stmt:
    """Return ``loop`` as strips of at most ``most`` lanes, the widest first."""

    def strip(first: Expr, count: int) -> Loop:
        inner = Var(loop.var.name)
        body = substitute(loop.body, {loop.var: loop.lower + (first + inner)})
        return Loop(inner, ZERO, Const(count, INT64), body, LoopKind.VECTORIZED)

    parts: list[Stmt] = []
    done = 0
    if extent // most > 1:
        outer = Var(f"{loop.var.name}_o")
        whole = extent // most
        parts.append(Loop(outer, ZERO, Const(whole, INT64), strip(outer * most, most)))
        done = whole * most
    while done < extent:
        width = 1 << (min(extent - done, most).bit_length() - 1)
        parts.append(strip(Const(done, INT64), width))
        done += width
    return seq(*parts)
