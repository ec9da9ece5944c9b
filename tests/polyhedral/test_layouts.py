"""The comparison of a program with one in another layout: what a wrong primitive would leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product as every
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Const, Var
from texpr.ir.program import TRUE, Block, Loop, Program, Stmt
from texpr.ir.simplify import simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.layouts import LaidOut, layout_fault, outside, shared_place
from texpr.schedule.index_map import traced

n = te.size_var("n")


def laid_out(pad: int | None = None) -> tuple[Program, Program, LaidOut]:
    """Row sums, in tiles of 4."""
    A = te.placeholder((n, n), "int32", name="A")
    k = te.reduce_axis((0, n), name="k")
    B = te.compute((n, n), lambda i, j: te.sum(A[i, k] + A[k, j], axis=k), name="B")
    C = te.compute((n, n), lambda i, j: B[j, i] * 2, name="C")
    s = te.create_schedule(C.op)
    s[B].transform_layout(lambda i, j: [j // 4, i, j % 4], pad)
    declared = s.state.declared
    assert isinstance(declared.witness, LaidOut)
    assert declared.before is not None
    return declared.before.program, declared.program, declared.witness


def fault(before: Program, after: Program, witness: LaidOut) -> str | None:
    return layout_fault(before, after, witness, Analysis())


@pytest.mark.parametrize("pad", [None, 0])
def test_what_the_primitive_leaves(pad):
    assert fault(*laid_out(pad)) is None


class Changed(Rewriter):
    """Changes the blocks and loops of a program."""

    def __init__(
        self,
        block: Callable[[Block], Block] = lambda block: block,
        loop: Callable[[Loop], Loop] = lambda loop: loop,
    ) -> None:
        self.block, self.loop = block, loop

    def visit_Block(self, node: Block) -> Stmt:
        return self.block(node)

    def visit_Loop(self, node: Loop) -> Visit[Stmt]:
        body = yield node.body
        return self.loop(replace(node, body=body))


def of(label: str, change: Callable[[Block], Block]) -> Callable[[Block], Block]:
    return lambda block: change(block) if block.label == label else block


def without_guard(block: Block) -> Block:
    return replace(block, predicate=TRUE)


def other_value(block: Block) -> Block:
    (store,) = block.stores
    return replace(block, stores=(replace(store, value=store.value + 1),))


def other_cell(block: Block) -> Block:
    (store,) = block.stores
    return replace(block, stores=(replace(store, indices=store.indices[::-1]),))


def other_binding(block: Block) -> Block:
    first, *rest = block.bindings
    return replace(block, bindings=(first + 1, *rest))


def longer(name: str) -> Callable[[Loop], Loop]:
    return lambda loop: replace(loop, upper=loop.upper + 1) if loop.var.name == name else loop


BROKEN: dict[str, Callable[[Program], Program]] = {
    f"{change.__name__} of {label}": (
        lambda program, label=label, change=change: program.with_body(
            Changed(of(label, change)).rewrite_stmt(program.body)
        )
    )
    for label in ("B.init", "B", "C")
    for change in (without_guard, other_value, other_cell, other_binding)
    if not (label == "C" and change in (without_guard, other_cell))
} | {
    f"a longer loop {name}": (
        lambda program, name=name: program.with_body(
            Changed(loop=longer(name)).rewrite_stmt(program.body)
        )
    )
    for name in ("j_o", "i", "j_i", "k", "j")
}


@pytest.mark.parametrize("name", BROKEN)
def test_another_program(name):
    before, after, witness = laid_out()
    assert fault(before, BROKEN[name](after), witness) is not None


def test_another_witness():
    before, after, witness = laid_out()
    (i, i_at), (j, j_at) = witness.values.items()
    one = Const(1, INT64)
    for other in (
        replace(witness, image=(witness.image[0], witness.image[1], Const(0, INT64))),
        replace(witness, image=(*witness.image[:2], witness.image[2] + one)),
        replace(witness, values={i: i_at, j: simplify(j_at + one)}),
        replace(witness, values={i: i_at}),
        replace(witness, valid=TRUE),
        replace(witness, stage=None),
        replace(witness, axes=witness.axes[::-1]),
        replace(witness, pad={array: Const(0, array.dtype) for array in witness.arrays}),
    ):
        assert fault(before, after, other) is not None
    assert fault(after, before, witness) is not None


@st.composite
def maps(draw: Any) -> str:
    """The texts of maps of two indices, one to one or not."""
    atoms = st.sampled_from(["i", "j", "i//2", "i%2", "j//3", "j%3", "i//2%2", "i%4", "0"])
    terms = st.tuples(st.sampled_from([1, 1, 2, 3, -1, 5]), atoms).map(lambda t: f"{t[0]}*({t[1]})")
    sums = st.lists(terms, min_size=1, max_size=2).map(" + ".join)
    parts = draw(st.lists(st.one_of(atoms, sums), min_size=1, max_size=4))
    return f"lambda i, j: [{', '.join(parts)}]"


@given(maps(), st.integers(0, 5), st.integers(0, 5))
def test_cells_by_brute_force(text: str, rows: int, columns: int) -> None:
    """Shapes, collisions, cells without a place, and the way back, against enumeration."""
    found = traced(text, 2, ())
    extents = tuple(Const(size, INT64) for size in (rows, columns))
    shape = found.shape(extents)

    def at(values: dict[Var, int], parts: Any) -> tuple[int, ...]:
        known = {var: Const(value, INT64) for var, value in values.items()}
        return tuple(simplify(substitute(part, known)).value for part in parts)

    places = {
        cell: at(dict(zip(found.index, cell, strict=True)), found.image)
        for cell in every(range(rows), range(columns))
    }
    room = [extent.value for extent in shape]
    layout = LaidOut({}, found.index, found.image)
    clash = shared_place(Analysis(), extents, layout, shape, ())
    assert (clash is None) == (len({*places.values()}) == len(places))
    beyond = outside(Analysis(), extents, layout, shape, ())
    is_below = any(min(place) < 0 for place in places.values())
    assert (beyond is None) == (not is_below)
    if not is_below:
        # No longer than need be but for remainders, whose dimension is whole.
        assert all(np.less(place, room).all() for place in places.values())
    axes = [Var(f"x{k}") for k in range(len(shape))]
    back = found.inverse(axes, extents)
    if back is not None and clash is None and beyond is None:
        for cell, place in places.items():
            known = dict(zip(axes, place, strict=True))
            hits = at(known, [back[var] for var in found.index]) == cell
            # What is no inverse everywhere is not taken for one.
            assert hits or not _is_taken(text, rows, columns)


def _is_taken(text: str, rows: int, columns: int) -> bool:
    A = te.placeholder((rows, columns), "int32", name="A")
    B = te.compute((rows, columns), lambda i, j: A[i, j], name="B")
    C = te.compute((rows, columns), lambda i, j: B[i, j], name="C")
    s = te.create_schedule(C.op)
    try:
        return bool(s[B].transform_layout(text))
    except ScheduleError:
        return False
