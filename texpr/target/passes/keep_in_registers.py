"""Keep the cells that a loop updates again and again in registers while it runs.

::

    for j in vectorized(8):                    for j in vectorized(8):
        C[i*2, j] = 0.0                            C_reg[j] = 0.0
    for j in vectorized(8):                    for j in vectorized(8):
        C[i*2 + 1, j] = 0.0                        C_reg_1[j] = 0.0
    for r in range(k):                         for r in range(k):
        for j in vectorized(8):          →         for j in vectorized(8):
            C[i*2, j] += A[…]*B[r, j]                  C_reg[j] += A[…]*B[r, j]
        for j in vectorized(8):                    for j in vectorized(8):
            C[i*2 + 1, j] += A[…]*B[r, j]              C_reg_1[j] += A[…]*B[r, j]
                                               for j in vectorized(8):
                                                   C[i*2, j] = C_reg[j]
                                               for j in vectorized(8):
                                                   C[i*2 + 1, j] = C_reg_1[j]

LLVM does so itself where it sees that the cells are different ones. It does not where rows are as
long as a size known at run time says, nor where lanes are masked; then each step of the loop waits
for memory. Here the subscripts tell, and a condition on lanes goes to what is loaded: a lane that
stands beyond the edge computes something that is never stored. A loop that goes on where another
ended, as that of partial tiles does, shares its registers.

Source: D. Callahan, S. Carr and K. Kennedy, "Improving register allocation for subscripted
variables", PLDI 1990 (scalar replacement).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Call, Const, Expr, Load, Var, postorder
from texpr.ir.extern import ScalarFunction
from texpr.ir.functions import all_of, if_then_else
from texpr.ir.program import (
    TRUE,
    ZERO,
    Alloc,
    Block,
    If,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    Store,
    seq,
)
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.target.cells import LANE, Accesses, Cell, Place, depends_on_lane
from texpr.target.passes import simplify_program
from texpr.target.passes.narrow_vectors import in_strips, leading_lanes, part, strip_lanes
from texpr.target.target import Target


def run(program: Program, target: Target) -> Program:
    """Return the program with cells that serial loops do not change kept in registers."""
    body = _Outermost(target).rewrite_stmt(program.body)
    return simplify_program.with_body(program, body, target)


class _Outermost(Rewriter):
    """Finds the outermost serial loops that access the same cells in every iteration."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.made: set[Buffer] = set()

    def visit_Seq(self, node: Seq) -> Visit[Any]:
        done: list[Stmt] = []
        place = 0
        while place < len(node.stmts):
            kept = self.kept(node.stmts[place:], node.stmts[:place])
            if kept is None:
                done.append((yield node.stmts[place]))
                place += 1
            else:
                del done[len(done) - len(kept.settings) :]
                done.append((yield from self.instead(kept)))
                place += len(kept.loops)
        unchanged = len(done) == len(node.stmts) and all(
            new is old for new, old in zip(done, node.stmts, strict=True)
        )
        return node if unchanged else seq(*done)

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        if node.kind is LoopKind.VECTORIZED:
            return node
        kept = self.kept((node,))
        if kept is None:
            return (yield from self.generic(node))
        return (yield from self.instead(kept))

    def instead(self, kept: _Kept) -> Visit[Any]:
        """Return what stands in the place of the loops and of what sets their cells."""
        narrower = kept.in_strips(self.target)
        if narrower is not None:
            return (yield narrower)  # of which each strip is kept, too
        return kept.around((yield kept.inner))

    def kept(self, stmts: Sequence[Stmt], before: Sequence[Stmt] = ()) -> _Kept | None:
        """Return what is kept while the first of ``stmts`` runs, None if nothing is.

        Or while that loop and those run that go on where it ends, if what they access is set by the
        statements just ``before``; of a single loop it may be loaded.
        """
        loops = _going_on(stmts)
        if len(loops) > 1:
            kept = self.kept_in(loops, Accesses(seq(*loops), self.made), before)
            if kept is not None and kept.settings:
                return kept
        if not loops:
            return None
        return self.kept_in(loops[:1], Accesses(loops[0].body, self.made, {loops[0].var}), before)

    def kept_in(
        self, loops: Sequence[Loop], inside: Accesses, before: Sequence[Stmt]
    ) -> _Kept | None:
        """Return what is kept while ``loops`` run, of which ``inside`` tells."""
        cells = inside.cells()
        registers = sum(-(-(cell.lanes or 1) // self.lanes(cell)) for cell in cells)
        if not cells or registers > (self.target.num_vector_registers or 16):
            return None
        settings: list[Accesses] = []
        is_set: set[Cell] = set()
        for stmt in reversed(before):
            setting = Accesses(stmt, self.made)
            found = setting.only_sets(cells)
            if not found:
                break
            settings.insert(0, setting)
            is_set |= found
        buffers = {cell.buffer for cell in cells}
        chosen = buffers - {cell.buffer for cell in cells if cell not in is_set}
        if not chosen:
            settings = []
            chosen = buffers - {cell.buffer for cell, is_certain in cells.items() if not is_certain}
        if not chosen:
            return None
        kept = _Kept(loops, inside, settings, [cell for cell in cells if cell.buffer in chosen])
        if inside.chooses and strip_lanes(kept.whole, self.target) is not None:
            return None  # lanes one by one are narrowed better than chosen
        self.made.update(kept.registers.values())
        return kept

    def lanes(self, cell: Cell) -> int:
        """How many elements of the cell's type a register holds."""
        return max(1, self.target.vector_lanes(cell.buffer.dtype))


def _going_on(stmts: Sequence[Stmt]) -> list[Loop]:
    """Return the serial loop at the beginning, and those that go on where one before ended."""
    loops: list[Loop] = []
    for stmt in stmts:
        if not isinstance(stmt, Loop) or stmt.kind is not LoopKind.SERIAL:
            break
        if loops and stmt.lower is not loops[-1].upper:
            break
        loops.append(stmt)
    return loops


class _Kept:
    """Loops and the statements that set their cells, with registers in the cells' place."""

    def __init__(
        self,
        loops: Sequence[Loop],
        inside: Accesses,
        settings: Sequence[Accesses],
        cells: Sequence[Cell],
    ) -> None:
        self.loops = loops
        self.accesses = (*settings, inside)
        self.whole = seq(*(setting.stmt for setting in settings), *loops)
        self.registers = {cell: _register(cell) for cell in cells}
        self.stored: dict[Cell, Block] = {}
        """The cells that are written, each with a Block that does so."""
        self.settings = [self.rewritten(setting) for setting in settings]
        inner = self.rewritten(inside)
        self.inner = inner if len(loops) > 1 else replace(loops[0], body=inner)

    def rewritten(self, accesses: Accesses) -> Stmt:
        rewriter = _InRegisters(accesses, self.registers)
        stmt = rewriter.rewrite_stmt(accesses.stmt)
        self.stored.update(rewriter.stored)
        return stmt

    def around(self, loops: Stmt) -> Stmt:
        """Return our loops, rewritten further inside, between loads and stores."""
        loads = [] if self.settings else list(map(self.loaded, self.registers))
        whole = seq(*loads, *self.settings, loops, *map(self.written, self.stored))
        for register in reversed(self.registers.values()):
            whole = Alloc(register, whole)
        if loads:  # where the loop does not run, the cells may not be there
            whole = If(Binary("lt", self.loops[0].lower, self.loops[0].upper), whole)
        return whole

    def in_strips(self, target: Target) -> Stmt | None:
        """Return the same strip by strip where there are masks that the target has not.

        Each lane goes its own way through all of it, and so may go before others.
        """
        cell = next(iter(self.registers))
        count = leading_lanes(cell.masks, LANE, cell.lanes)
        if count is None or not all(
            own.is_in_lanes_of(cell, self.registers) for own in self.accesses
        ):
            return None
        width = strip_lanes(self.whole, target)
        if width is None:
            return None
        masked = {node for own in self.accesses for node in own.masked}
        return in_strips(
            count, width, lambda *strip: _Strip(masked, *strip).rewrite_stmt(self.whole)
        )

    def loaded(self, cell: Cell) -> Stmt:
        """Return ``register = cell``."""
        block = next(iter(self.stored.values()))
        value: Expr = Load(cell.buffer, cell.indices)
        if cell.masks:
            value = if_then_else(all_of(cell.masks), value, _zero(cell.buffer))
        return _in_lanes(cell, _plain(block, Store(self.registers[cell], cell.own, value)))

    def written(self, cell: Cell) -> Stmt:
        """Return ``cell = register``."""
        value = Load(self.registers[cell], cell.own)
        block = _plain(self.stored[cell], Store(cell.buffer, cell.indices, value))
        return _in_lanes(cell, If(all_of(cell.masks), block) if cell.masks else block)


class _Strip(Rewriter):
    """Leaves of vectorized loops the lanes from ``first`` on, under no mask."""

    def __init__(self, masked: Collection[If | Block], first: Expr, lanes: int) -> None:
        self.masked = masked
        self.first = first
        self.lanes = lanes

    def visit_If(self, node: If) -> Visit[Any]:
        return (yield node.then) if node in self.masked else (yield from self.generic(node))

    def visit_Block(self, node: Block) -> Stmt:
        return replace(node, predicate=TRUE) if node in self.masked else node

    def visit_Loop(self, node: Loop) -> Visit[Any]:
        if node.kind is not LoopKind.VECTORIZED:
            return (yield from self.generic(node))
        return part(node, (yield node.body), self.first, self.lanes)


class _InRegisters(Rewriter):
    """Puts registers in the place of cells; conditions on lanes go to what is loaded."""

    def __init__(self, accesses: Accesses, registers: Mapping[Cell, Buffer]) -> None:
        self.accesses = accesses
        self.registers = registers
        self.buffers = {cell.buffer for cell in registers}
        self.stored: dict[Cell, Block] = {}

    def visit_If(self, node: If) -> Visit[Any]:
        block = self.accesses.masked.get(node)
        if block is None or not self.buffers.issuperset(block.written_buffers):
            return (yield from self.generic(node))
        return (yield node.then)

    def visit_Block(self, node: Block) -> Stmt:
        place = self.accesses.places.get(node)
        if place is None or self.buffers.isdisjoint(node.buffers):
            return node
        stores = []
        for store in node.stores:
            value = _Value(self, node, place)
            if store.buffer not in self.buffers:
                indices = tuple(map(value.rewrite_expr, store.indices))
                stores.append(Store(store.buffer, indices, value.rewrite_expr(store.value)))
                continue
            cell, own = self.own(node, store)
            self.stored[cell] = node
            register = Load(self.registers[cell], own)
            stores.append(Store(register.buffer, own, value.for_lanes(store.value, register)))
        is_masked = node in self.accesses.masked and self.buffers.issuperset(node.written_buffers)
        return replace(node, stores=tuple(stores), predicate=TRUE if is_masked else node.predicate)

    def own(self, block: Block, access: Load | Store) -> tuple[Cell, tuple[Expr, ...]]:
        """Return the cell that ``access`` leads to, and where in its register that is."""
        cell = self.accesses.cell(block, access)
        assert cell is not None
        return cell, self.accesses.places[block].in_loop(cell.own)


class _Value(Rewriter):
    """Rewrites what a Block computes."""

    def __init__(self, owner: _InRegisters, block: Block, place: Place) -> None:
        self.owner = owner
        self.block = block
        self.place = place
        self.bindings = dict(zip((axis.var for axis in block.iters), block.bindings, strict=True))
        self.mask: Expr | None = None
        self.some_lane: Expr | None = None

    def for_lanes(self, value: Expr, register: Load) -> Expr:
        """Return ``value``, for lanes that the masks leave out whatever does no harm."""
        conditions = (*self.place.masks, *self.place.choices)
        if not conditions:
            return self.rewrite_expr(value)
        (mask,) = self.place.in_loop((all_of(conditions),))
        some_lane = self.place.some_lane
        is_harmless = not any(
            isinstance(node, Call) and isinstance(node.function, ScalarFunction)
            for node in postorder(value)
        )
        if some_lane is None or not is_harmless:
            return if_then_else(mask, self.rewrite_expr(value), register)
        self.mask, self.some_lane = mask, some_lane
        return self.rewrite_expr(value)

    def visit_Load(self, node: Load) -> Visit[Expr]:
        if node.buffer in self.owner.buffers:
            cell, own = self.owner.own(self.block, node)
            return Load(self.owner.registers[cell], own)
        element = yield from self.generic(node)
        if self.mask is None or self.some_lane is None:
            return cast(Expr, element)
        differs = depends_on_lane(substitute(element, self.bindings), self.place.lanes)
        return if_then_else(self.mask if differs else self.some_lane, element, _zero(node.buffer))


def _register(cell: Cell) -> Buffer:
    shape = (Const(cell.lanes, INT64),) if cell.lanes else ()
    return Buffer(f"{cell.buffer.name}_reg", shape, cell.buffer.dtype)


def _zero(buffer: Buffer) -> Const:
    return Const(False if buffer.dtype.is_bool else 0, buffer.dtype)


def _plain(block: Block, store: Store) -> Block:
    """Return ``store`` as a statement of the name and the line of ``block``."""
    return replace(
        block, iters=(), bindings=(), stores=(store,), predicate=TRUE, checked=(), role="compute"
    )


def _in_lanes(cell: Cell, stmt: Stmt) -> Stmt:
    """Return ``stmt``, which is about a lane of ``cell``, for all lanes where the cell is there."""
    if cell.lanes:
        lane = Var("lane")
        body = substitute(stmt, {LANE: lane})
        stmt = Loop(lane, ZERO, Const(cell.lanes, INT64), body, LoopKind.VECTORIZED)
    return If(all_of(cell.guards), stmt) if cell.guards else stmt
