"""Random loop programs: imperfect and triangular nests, in-place updates, reductions."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT64, INT64
from texpr.ir.expr import Binary, Const, Expr, Load, Var
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE, ZERO, Block, FloatPolicy, Loop, Program, Stmt, Store, seq

# No subscript of these programs leaves it: extents are 5 at most, coefficients 2, offsets 2.
ROOM = 64
MAX_SIZE = 5
SHIFT = 24


@dataclass
class Maker:
    """Draws one program; statements are named S0, S1, … in textual order."""

    draw: st.DrawFn
    n: Var
    arrays: list[Buffer]
    count: int = 0

    def nest(self, depth: int, axes: tuple[tuple[IterVar, Var], ...]) -> Stmt:
        """Return a loop over statements and perhaps further loops."""
        name = "ijk"[len(axes)]
        var = Var(name)
        lower: Expr = ZERO
        upper: Expr = (
            # Below 0 where n is small: two of these have a positive product.
            self.n - self.draw(st.sampled_from([0, 0, 0, 1, 3]))
            if self.draw(st.booleans())
            else Const(self.draw(st.integers(1, 4)), INT64)
        )
        loop_lower, loop_upper = lower, upper
        if axes and self.draw(st.integers(0, 3)) == 0:  # triangular
            outer_axis, outer_var = axes[-1]
            upper, loop_upper = outer_axis.var + 1, outer_var + 1
        axis = IterVar(name, (lower, upper))
        inside = (*axes, (axis, var))
        parts: list[Stmt] = []
        if depth > 1:
            if self.draw(st.integers(0, 2)) == 0:
                parts.append(self.statement(inside))
            parts.append(self.nest(depth - 1, inside))
            follows = self.draw(st.integers(0, 5))
            if follows == 0:
                parts.append(self.statement(inside))
            elif follows == 1:
                parts.append(self.nest(depth - 1, inside))
        else:
            parts += [self.statement(inside) for _ in range(self.draw(st.integers(1, 2)))]
        return Loop(var, loop_lower, loop_upper, seq(*parts))

    def statement(self, axes: tuple[tuple[IterVar, Var], ...]) -> Block:
        name, self.count = f"S{self.count}", self.count + 1
        iters = tuple(axis for axis, _ in axes)
        target = self.draw(st.sampled_from(self.arrays))
        indices = self.subscripts(target, iters)
        value: Expr = self.element(iters)
        shape = self.draw(st.integers(0, 3))
        if shape == 0:
            value = Binary(self.draw(st.sampled_from(["add", "sub", "max"])),
                           Load(target, indices), value)  # fmt: skip
        elif shape == 1:
            value = Binary("add", value, self.element(iters))
        predicate: Expr = TRUE
        if self.draw(st.integers(0, 4)) == 0:
            predicate = Binary("lt", self.index(iters), Const(self.draw(st.integers(0, 3)), INT64))
        bindings = tuple(var for _, var in axes)
        return Block(name, iters, bindings, (Store(target, indices, value),), predicate)

    def element(self, iters: tuple[IterVar, ...]) -> Expr:
        source = self.draw(st.sampled_from(self.arrays))
        return Load(source, self.subscripts(source, iters))

    def subscripts(self, buffer: Buffer, iters: tuple[IterVar, ...]) -> tuple[Expr, ...]:
        return tuple(self.index(iters) + SHIFT for _ in range(buffer.ndim))

    def index(self, iters: tuple[IterVar, ...]) -> Expr:
        total: Expr = Const(self.draw(st.integers(-2, 2)), INT64)
        for axis in iters:
            factor = self.draw(st.sampled_from([0, 0, 1, 1, 1, -1, 2]))
            if factor:
                total = total + axis.var * factor
        if self.draw(st.integers(0, 7)) == 0:
            total = total // 2
        return total


@st.composite
def loop_programs(draw: st.DrawFn) -> Program:
    """One to three nests of up to three loops, two arrays, and a symbolic size ``n`` up to 5."""
    n = Var("n", is_size=True)
    room = Const(ROOM, INT64)
    arrays = [Buffer("A", (room,), FLOAT64), Buffer("B", (room, room), FLOAT64)]
    maker = Maker(draw, n, arrays)
    nests = [
        maker.nest(draw(st.integers(1, 3)), ())
        for _ in range(draw(st.sampled_from([1, 1, 2, 2, 3])))
    ]
    order = draw(st.sampled_from(["exact", "reassoc"]))
    small = Binary("le", n, Const(MAX_SIZE, INT64))
    return Program("random", (n, *arrays), seq(*nests), (small,), FloatPolicy(order))
