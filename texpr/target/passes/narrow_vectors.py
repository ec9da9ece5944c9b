"""Where a processor has no masks, cover what is left of a vector by narrower ones.

::

    for j in vectorized(8):                    count = min(8, n - i*8)
        if i*8 + j < n:                        for strip in range(count//4):
            B[i*8 + j] = A[i*8 + j]     →          for j in vectorized(4):
                                                       B[i*8 + strip*4 + j] = …
                                               if count % 4 >= 2:
                                                   for j in vectorized(2):
                                                       B[i*8 + count//4*4 + j] = …
                                               if count % 2 >= 1:
                                                   B[i*8 + count//2*2] = …

Such processors (x86-64 before AVX, ARM's NEON) reach lanes under a mask one by one, with a question
for each. The lanes that an edge leaves are the first ones, so that it is known how many they are.
A strip after the other keeps every order that the lanes of the whole loop keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Const, Expr, Var, int_value
from texpr.ir.program import TRUE, ZERO, Block, If, Let, Loop, LoopKind, Program, Stmt, blocks, seq
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.target.cells import predicate_of
from texpr.target.passes import simplify_program
from texpr.target.passes.strip_vectors import widest_dtype
from texpr.target.passes.tighten_loops import first_failure
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program without vectors that the target would reach lane by lane."""
    return simplify_program.with_body(program, _Narrow(target).rewrite_stmt(program.body), target)


class _Narrow(Rewriter):
    def __init__(self, target: Target) -> None:
        self.target = target

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        if node.kind is not LoopKind.VECTORIZED:
            return (yield from self.generic(node))
        extent = int_value(simplify(node.upper - node.lower))
        body, guard = _under_guard(node.body)
        if extent is None or guard is None:
            return node
        lane = Var(node.var.name)
        condition = substitute(guard, {node.var: node.lower + lane})
        count = leading_lanes((condition,), lane, extent)
        width = None if count is None else strip_lanes(node, self.target)
        if count is None or width is None:
            return node
        return in_strips(count, width, lambda first, lanes: part(node, body, first, lanes))


def _under_guard(body: Stmt) -> tuple[Stmt, Expr | None]:
    """Return what runs under a condition that is all of ``body``, and the condition."""
    if isinstance(body, If) and body.orelse is None:
        return body.then, body.condition
    if isinstance(body, Block) and body.predicate is not TRUE:
        return replace(body, predicate=TRUE), predicate_of(body)
    return body, None


def leading_lanes(conditions: Sequence[Expr], lane: Var, extent: int) -> Expr | None:
    """Return for how many of the first lanes the conditions hold, None where it may be others."""
    if len(conditions) != 1:
        return None
    end = first_failure(conditions[0], lane)
    if end is None:
        return None
    return simplify(Binary("max", ZERO, Binary("min", Const(extent, INT64), end)))


def strip_lanes(stmt: Stmt, target: Target) -> int | None:
    """Return how many lanes a strip of ``stmt`` has, None where the target has masks for it."""
    sizes = {buffer.dtype.size_bytes for block in blocks(stmt) for buffer in block.buffers}
    if all(target.has_masks(8 * size) for size in sizes):
        return None
    return target.vector_lanes(widest_dtype(stmt))


def in_strips(count: Expr, width: int, make: Callable[[Expr, int], Stmt]) -> Stmt:
    """Return ``count`` lanes, as strips of ``width`` of them and of its halves for what is left.

    ``make`` gives a strip from its first lane and the number of its lanes.
    """
    number, strip = Var("count"), Var("strip")
    parts: list[Stmt] = [Loop(strip, ZERO, number // width, make(strip * width, width))]
    while width > 1:
        left = number % width
        width //= 2
        parts.append(
            If(
                Binary("ge", left, Const(width, INT64)),
                make(number // (2 * width) * (2 * width), width),
            )
        )
    return Let(number, count, seq(*parts))


def part(loop: Loop, body: Stmt, first: Expr, lanes: int) -> Stmt:
    """Return ``body`` for ``lanes`` lanes of a vectorized ``loop`` from ``first`` on."""
    start = loop.lower + first
    if lanes == 1:
        return substitute(body, {loop.var: start})
    inner = Var(loop.var.name)
    own = substitute(body, {loop.var: start + inner})
    return Loop(inner, ZERO, Const(lanes, INT64), own, LoopKind.VECTORIZED)
