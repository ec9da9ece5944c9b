"""Which instances of a statement run."""

from __future__ import annotations

import islpy as isl
import pytest

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import FLOAT32, FLOAT64, INT8, INT32
from texpr.ir.expr import Load, Var, cast, const
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO, Alloc, Block, If, Let, Loop, Program, Seq, Store, seq
from texpr.polyhedral.context import Analysis
from texpr.polyhedral.domain import (
    declared_domain,
    facts_of,
    parameters,
    placed_domain,
    places,
    surrounding_domain,
)  # fmt: skip

n, m = Var("n", is_size=True), Var("m", is_size=True)
i, j, x = Var("i"), Var("j"), Var("x")
A = Buffer("A", (n,), FLOAT32)


def block(*iters: IterVar, at=(), name: str = "S") -> Block:
    return Block(name, iters, tuple(at), (Store(A, (ZERO,), const(0, "float32")),))


def axis(name: str, lower, upper) -> IterVar:
    lower = const(lower) if isinstance(lower, int) else lower
    return IterVar(name, (lower, const(upper) if isinstance(upper, int) else upper))


def points(domain, *params: Var) -> object:
    analysis = Analysis()
    frame = domain.frame(analysis, params)
    region = domain.region(frame)
    assert region.is_exact
    return region.over


def test_places_in_textual_order():
    first, second, third = block(name="a"), block(name="b"), block(name="c")
    inner = If(i > 0, first, Let(x, i + 1, second))
    body = Alloc(A, Seq((Loop(i, ZERO, n, inner), third)))
    found = [
        (stmt.name, [part if part is i else str(getattr(part, "var", part)) for part in place])
        for stmt, place in places(body)
        if isinstance(stmt, Block)
    ]
    assert found == [("a", ["i", "i > 0"]), ("b", ["i", "not i > 0", "x"]), ("c", [])]


def test_the_declared_domain():
    row = axis("i", 0, n)
    domain = declared_domain(block(row, axis("j", row.var, n)))
    assert domain is not None
    assert str(points(domain, n)) == "[n] -> { [i, j] : 0 <= i < n and i <= j < n }"
    assert declared_domain(block(row, IterVar("k"))) is None
    frame = domain.frame(Analysis(), [n])
    assert frame.range_of(row.var) == (0, 2**63 - 2)


def test_ranges_follow_from_bounds():
    row = axis("i", 0, 8)
    column = axis("j", row.var * 2, row.var * 3 + 1)
    domain = declared_domain(block(row, column))
    assert domain is not None
    frame = domain.frame(Analysis(), [])
    assert frame.range_of(row.var) == (0, 7)
    assert frame.range_of(column.var) == (0, 21)


def test_the_placed_domain_holds_loops_bindings_and_conditions():
    row = IterVar("r")
    split = block(row, at=[i * 4 + j])
    guarded = If(i * 4 + j < n, split)
    body = Loop(i, ZERO, (n + 3) // 4, Loop(j, ZERO, const(4), guarded))
    ((_, place),) = [pair for pair in places(body) if pair[0] is split]
    found = points(placed_domain(split, place), n)
    only_axis = found.project_out(isl.dim_type.set, 1, 2)
    assert str(only_axis.coalesce()) == "[n] -> { [r] : 0 <= r < n }"


def test_steps_and_lets():
    body = Loop(i, const(1), const(9), Let(x, i // 2, stmt := block()), step=3)
    ((_, place),) = [pair for pair in places(body) if pair[0] is stmt]
    found = points(surrounding_domain(place))
    assert found.is_equal(isl.Set("{[1, 0]; [4, 2]; [7, 3]}", found.get_ctx()))


def test_what_a_let_reads_is_any_value():
    idx = Buffer("idx", (n,), INT32)
    value = cast(Load(idx, (i,)), "int64")
    inner = Let(Var("y", FLOAT64), const(1, "float64"), stmt := block())
    body = Loop(i, ZERO, n, Let(x, value, inner))
    ((_, place),) = [pair for pair in places(body) if pair[0] is stmt]
    domain = surrounding_domain(place)
    assert domain.dims == (i, x)
    frame = domain.frame(Analysis(), [n])
    assert frame.value(i).is_index
    assert not frame.value(x).is_index  # its arithmetic wraps
    region = domain.region(frame)
    assert str(region.missing) == "idx[i] is read from memory"
    assert str(region.over) == "[n] -> { [i, x] : 0 <= i < n }"
    assert region.under.is_empty()


def test_facts_are_requirements_and_extents():
    B = Buffer("B", (n - 2, m, const(3)), FLOAT32)
    program = Program("p", (A, B), seq(block()), requirements=(m >= n,))
    assert list(map(str, facts_of(program))) == ["m >= n", "n - 2 >= 0"]


@pytest.mark.parametrize(
    ("requirements", "names", "facts"),
    [
        ((), "n", "n >= 0"),
        (("m",), "n", "n >= 0"),
        (("n", "nm"), "nmk", "n < 5; n < m; m < k; n >= 0; m >= 0; k >= -128; k <= 127"),
    ],
)
def test_only_facts_that_matter(requirements, names, facts):
    k, t = Var("k", INT8), Var("t", FLOAT32)
    known = {"m": m < 5, "n": n < 5, "nm": n < m}
    given = [known[name] for name in requirements]
    if "nm" in requirements:
        given = [known["n"], known["nm"], cast(m, "int8") < k]
    given.append(t > 0.5)
    row = axis("i", 0, n)
    domain = declared_domain(block(row))
    assert domain is not None
    params, relevant = parameters(domain, [row.var < n], given)
    assert "".join(var.name for var in params) == names
    assert "; ".join(map(str, relevant)).replace("int8(m)", "m") == facts
