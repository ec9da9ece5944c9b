"""Footprints: the boxes of what statements read, as the loops around them move."""

from __future__ import annotations

import pytest

from texpr import te
from texpr.ir.program import Alloc, stmts
from texpr.polyhedral.domain import facts_of, places
from texpr.polyhedral.footprint import footprint


def window(rule, loop, *, n=64, size=None, prepare=lambda s, stage: None):
    """Return (lower, extent) of what C reads of B at one iteration of ``loop``."""
    size = size or n
    A = te.placeholder((size,), name="A")
    B = te.compute((size,), lambda i: A[i] + 1.0, name="B")
    C = te.compute((n,), lambda i: rule(B, i), name="C")
    s = te.create_schedule(C.op)
    prepare(s, s[C])
    program = s.program
    for stmt, place in places(program.body):
        if getattr(getattr(stmt, "var", None), "name", None) == loop and "C[" in str(stmt):
            (found,) = footprint(
                stmt.body, (*place, stmt), [B], [(0 * B.shape[0], B.shape[0])],
                facts_of(program), {},
            )  # fmt: skip
            return str(found.lower), str(found.extent), found.may_start_early, found.may_end_late
    raise AssertionError(f"no loop {loop}")


def split(s, stage):
    stage.split("i", factor=4)


def test_a_point_and_a_window():
    assert window(lambda B, i: B[i], "i") == ("i", "1", False, False)
    assert window(lambda B, i: B[i] + B[i + 2], "i", n=62, size=64) == ("i", "3", False, False)
    assert window(lambda B, i: B[63 - i], "i") == ("63 - i", "1", False, False)


def test_a_tile():
    got = window(lambda B, i: B[i] + B[i + 2], "i_o", n=62, size=64, prepare=split)
    assert got == ("i_o*4", "6", False, True)
    assert window(lambda B, i: B[i], "i_i", prepare=split) == ("i_o*4 + i_i", "1", False, False)


def test_a_stride():
    assert window(lambda B, i: B[2 * i], "i_o", n=32, size=64, prepare=split)[:2] == ("i_o*8", "7")


def test_symbolic_sizes():
    n = te.size_var("n")
    assert window(lambda B, i: B[i], "i_o", n=n, prepare=split) == ("i_o*4", "4", False, True)
    guarded = window(lambda B, i: te.if_then_else(i > 0, B[i - 1], 0.0), "i_o", n=n, prepare=split)
    assert guarded[1] == "4"


def test_what_moves_nowhere_is_whole():
    assert window(lambda B, i: B[i * i % 64], "i") == ("0", "64", False, False)


@pytest.mark.parametrize("is_symbolic", [False, True])
def test_a_fused_loop(is_symbolic):
    n = te.size_var("n") if is_symbolic else 6
    A = te.placeholder((n, n), name="A")
    B = te.compute((n, n), lambda i, j: A[i, j] + 1.0, name="B")
    C = te.compute((n, n), lambda i, j: B[i, j], name="C")
    s = te.create_schedule(C.op)
    s[B].compute_at(s[C], s[C].fuse(*C.op.axis))
    (alloc,) = (stmt for stmt in stmts(s.program.body) if isinstance(stmt, Alloc))
    assert [str(extent) for extent in alloc.buffer.shape] == ["1", "1"]


def shifted(s, stage):
    stage.split("i", factor=4, tail="shift_inwards")


def test_a_tile_whose_start_is_cut_off():
    assert window(lambda B, i: B[i], "i_o", n=63, prepare=shifted) == (
        "min(i_o*4, 59)", "4", False, False,
    )  # fmt: skip
    assert window(lambda B, i: B[i] + B[i + 2], "i_o", n=61, size=63, prepare=shifted)[:2] == (
        "min(i_o*4, 57)", "6",
    )  # fmt: skip
    n = te.size_var("n")
    assert window(lambda B, i: B[i], "i_o", n=n, prepare=shifted)[:2] == ("min(i_o*4, n - 4)", "4")
