"""Loop programs with scratch, and which iterations read what others wrote, by running them."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT64, INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE, ZERO, Alloc, Block, Loop, Program, Seq, Stmt, Store, seq
from texpr.ir.simplify import simplify
from texpr.ir.visitor import substitute

# The loops i and j run up to 4 times and subscripts have coefficients from -1 to 2.
ROOM, SHIFT, MAX_SIZE = 24, 6, 4


@st.composite
def scratch_programs(draw: st.DrawFn) -> tuple[Program, Buffer]:
    """A loop over i around statements and loops over j, which share the array T."""
    n, room = Var("n", is_size=True), Const(ROOM, INT64)
    A, B = (Buffer(name, (room,), FLOAT64) for name in "AB")
    T = Buffer("T", (room,), FLOAT64)
    outer, outer_var = IterVar("i", (ZERO, n)), Var("i")
    count = 0

    def index(axes: tuple[IterVar, ...]) -> Expr:
        total: Expr = Const(draw(st.integers(0, 1)) + SHIFT, INT64)
        for axis in axes:
            total = total + axis.var * draw(st.sampled_from([0, 1, 1, -1, 2]))
        return total

    def statement(loops: tuple[tuple[IterVar, Var], ...]) -> Block:
        nonlocal count
        count += 1
        axes = tuple(axis for axis, _ in loops)
        target = draw(st.sampled_from([T, T, B]))
        at = (index(axes[-1:]),) if target is T else (index(axes),)
        source = draw(st.sampled_from([A, T]))
        value: Expr = Load(source, (index(axes[-1:]),))
        if draw(st.booleans()):
            value = Load(target, at) + value
        predicate: Expr = TRUE
        if draw(st.integers(0, 4)) == 0:
            predicate = Binary("lt", axes[-1].var, Const(draw(st.integers(1, 3)), INT64))
        bindings = tuple(var for _, var in loops)
        return Block(f"S{count}", axes, bindings, (Store(target, at, value),), predicate)

    parts: list[Stmt] = []
    if draw(st.integers(0, 3)):  # all of T is written first
        axis, var = IterVar("k", (ZERO, room)), Var("k")
        value = Load(A, (axis.var,))
        block = Block("S0", (outer, axis), (outer_var, var), (Store(T, (axis.var,), value),))
        parts.append(Loop(var, ZERO, room, block))
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            parts.append(statement(((outer, outer_var),)))
        else:
            axis, var = IterVar("j", (ZERO, n)), Var("j")
            parts.append(Loop(var, ZERO, n, statement(((outer, outer_var), (axis, var)))))
    body = Alloc(T, Loop(outer_var, ZERO, n, seq(*parts)))
    small = Binary("le", n, Const(MAX_SIZE, INT64))
    return Program("random", (n, A, B), body, (small,)), T


def crossings(program: Program, scratch: Buffer, size: int) -> bool | None:
    """Whether an iteration of the outer loop reads what another wrote; None if nothing wrote it."""
    (n,) = program.scalars
    wrote: dict[int, int] = {}
    is_crossing = False
    for block, env in _instances(program.body, {n: Const(size, INT64)}):
        i = env[block.iters[0].var].value
        if simplify(substitute(block.predicate, env)) is not TRUE:
            continue
        for load in block.reads:
            if load.buffer is scratch:
                cell = simplify(substitute(load.indices[0], env)).value
                if cell not in wrote:
                    return None
                is_crossing |= wrote[cell] != i
        (store,) = block.stores
        if store.buffer is scratch:
            wrote[simplify(substitute(store.indices[0], env)).value] = i
    return is_crossing


def _instances(stmt: Stmt, env: dict[Var, Const]) -> Iterator[tuple[Block, dict[Var, Const]]]:
    if isinstance(stmt, Block):
        at = (simplify(substitute(value, env)) for value in stmt.bindings)
        yield stmt, {**env, **{a.var: v for a, v in zip(stmt.iters, at, strict=True)}}
    elif isinstance(stmt, Seq):
        for part in stmt.stmts:
            yield from _instances(part, env)
    elif isinstance(stmt, Alloc):
        yield from _instances(stmt.body, env)
    elif isinstance(stmt, Loop):
        for value in range(simplify(substitute(stmt.upper, env)).value):
            yield from _instances(stmt.body, {**env, stmt.var: Const(value, INT64)})
