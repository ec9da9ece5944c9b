"""Expressions as isl's quasi-affine expressions and sets."""

from __future__ import annotations

import islpy as isl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, FLOAT32, INT8, INT32, INT64, UINT8, UINT64
from texpr.ir.expr import Binary, Const, Expr, Load, Unary, Var, cast, const, postorder
from texpr.ir.functions import all_of, any_of, call, if_then_else, select
from texpr.ir.interpreter import evaluate
from texpr.polyhedral.affine import MAX_NODES, Frame
from texpr.polyhedral.context import Analysis, int_of
from texpr.polyhedral.region import NotAffine, Region, Value

i, j = Var("i"), Var("j")
n = Var("n", is_size=True)
small, byte, wide = Var("small", INT8), Var("byte", UINT8), Var("wide", INT32)
A = Buffer("A", (n,), INT32)
FLAG = Buffer("flag", (n,), BOOL)
DIMS, PARAMS = (i, j, small), (n, byte)


def frame(**options) -> Frame:
    return Frame(Analysis(), DIMS, PARAMS, **options)


SMALL_RANGES = {i: (-100, 100), j: (-100, 100), n: (0, 100)}


def is_same(expr: Expr, expected: str, **options) -> bool:
    """Whether ``expr`` translates to what isl reads from ``expected``."""
    found = frame(**options).value(expr)
    assert isinstance(found, Value), found
    pieces = "; ".join(f"[i, j, small] -> {piece}" for piece in expected.split("; "))
    wanted = isl.PwAff(f"[n, byte] -> {{ {pieces} }}", found.pw_aff.get_ctx())
    return bool(found.pw_aff.is_equal(wanted))


def trunc(op: str, a: Expr, b: int) -> Expr:
    return Binary(op, a, Const(b, a.dtype))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (const(7), "[7]"),
        (i * 4 + j - n * 2 + 3, "[3 - 2n + 4i + j]"),
        (3 - (i - j) * 2, "[3 - 2i + 2j]"),
        (const(3) * i, "[3i]"),
        (-i, "[-i]"),
        ((i + 1) // 4, "[floor((1 + i)/4)]"),
        (i // -4, "[floor((-i)/4)]"),
        (i % 4, "[i mod 4]"),
        (i % -4, "[-((-i) mod 4)]"),
        (i // 0, "[0]"),
        (i % 0, "[0]"),
        (trunc("truncdiv", i, 0), "[0]"),
        (trunc("truncdiv", i, 3), "[floor(i/3)]: i >= 0; [-(floor((-i)/3))]: i < 0"),
        (trunc("truncdiv", i, -3), "[-(floor(i/3))]: i >= 0; [floor((-i)/3)]: i < 0"),
        (trunc("truncmod", i, 3), "[i mod 3]: i >= 0; [-((-i) mod 3)]: i < 0"),
        (trunc("truncmod", i, -3), "[i mod 3]: i >= 0; [-((-i) mod 3)]: i < 0"),
        (i << 3, "[8i]"),
        (i << 64, "[0]"),
        (i << -1, "[0]"),
        (i >> 2, "[floor(i/4)]"),
        (i >> 64, "[floor(i/2**64)]"),
        (i & 7, "[i mod 8]"),
        (7 & i, "[i mod 8]"),
        (~i, "[-1 - i]"),
        (cast(byte, "int64") + i, "[byte + i]"),
        (Binary("min", i, j), "[i]: i <= j; [j]: i > j"),
        (Binary("max", i, n), "[i]: i >= n; [n]: i < n"),
        (abs(i), "[i]: i >= 0; [-i]: i < 0"),
        (if_then_else(all_of([i > 0, j < n]), i, 0), "[i]: i > 0 and j < n; [0]: i <= 0 or j >= n"),
        (select(i > j, 2, 3) + 1, "[3]: i > j; [4]: i <= j"),
        (cast(i > j, "int64"), "[1]: i > j; [0]: i <= j"),
    ],
)
def test_values(expr, expected):
    assert is_same(expr, expected.replace("2**64", str(2**64)), ranges=SMALL_RANGES)


def test_intervals():
    found = frame(ranges={i: (0, 7), j: (-2, 2)}).value(i * 4 + j)
    assert (found.low, found.high, found.constant) == (-2, 30, None)
    assert frame().value(const(3)).constant == 3
    assert frame().value((byte % 4).astype("int64")).high == 3
    restricted = frame()
    assert restricted.range_of(n) == (0, 2**63 - 1)
    restricted.restrict(n, 1, None)
    restricted.restrict(n, None, 9)
    assert restricted.value(n + 1).high == 10
    restricted.restrict(n, 20, 10)  # nothing runs
    assert restricted.range_of(n) == (1, 9)


def test_an_index_does_not_wrap_and_everything_else_does():
    assert is_same(i * 2**40 * 2**40 + j, f"[{2**80}i + j]")
    wrapped = "[((1 + small + 128) mod 256) - 128]"
    assert is_same((small + 1).astype("int64"), wrapped)
    assert not is_same((small + 1).astype("int64"), "[1 + small]")
    assert is_same((small + 1).astype("int64"), "[1 + small]", ranges={small: (0, 126)})
    assert is_same(i.astype("int8"), "[i]", ranges={i: (0, 127)})
    assert is_same(i.astype("int8"), "[((128 + i) mod 256) - 128]", ranges={i: (0, 128)})
    # An int64 that comes from data wraps like any other.
    in_int64 = f"[((1 + i + {2**63}) mod {2**64}) - {2**63}]"
    assert is_same(i + 1, "[1 + i]")
    data = frame()
    data.mark_data(i)
    assert not data.value(i + 1).is_index
    assert data.value(i + 1).pw_aff.is_equal(data.value(i + 1 + cast(byte, "int64") * 0).pw_aff)
    assert is_same(i + cast(cast(i, "int8") * 0 + 1, "int64"), in_int64)
    assert frame().value(const(2**63, "uint64")).low == 2**63


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        (i * n, "i*n is a product of variables"),
        (i // n, "i//n is a division by something that is not a constant"),
        (i % n + 1, "i%n is a remainder by something that is not a constant"),
        (Binary("truncdiv", i, n), "truncdiv(i, n) is a division by something that is not"),
        (i << j, "i << j is a shift by something that is not a constant"),
        (i & j, "i & j is an 'and' of two variables"),
        (i & 6, "i & 6 is an 'and' with bits that are not the lowest"),
        (i | 6, "i | 6 is not affine (bitor)"),
        (cast(Load(A, (i,)), "int64") + 1, "A[i] is read from memory"),
        (call("popcount", i), "popcount(i) is a call"),
        (cast(Var("x", FLOAT32), "int64"), "x is not an integer"),
        (cast(const(2.5, "float32") * 2, "int64"), "2.5 is a float"),
        (Var("k") + 1, "k is not known here"),
        (select(cast(Load(A, (j,)), "int64") > 3, i, j), "A[j] is read from memory"),
        (cast(Load(A, (j,)) > 3, "int64"), "A[j] is read from memory"),
    ],
)
def test_what_is_not_affine_is_named(expr, reason):
    found = frame().value(expr)
    assert isinstance(found, NotAffine)
    assert reason in str(found)


def test_a_long_name_is_cut():
    found = frame().value((i + j * 3 + n * 5 - 12345) * (abs(i - j * 3) + n * 7654321 - 123456789))
    assert str(found).endswith("... is a product of variables")
    assert len(str(found)) < 100


def test_deep_and_wide_expressions():
    deep: Expr = i
    for k in range(10_000):
        deep = deep + j if k % 2 else Binary("min", deep, n + k)
    found = frame().value(deep)
    assert str(found) == f"an expression is too large, more than {MAX_NODES} nodes"
    region = frame().region(deep < 3)
    assert region.over.is_equal(frame_universe(region))
    shared: Expr = i
    for _ in range(60):
        shared = shared + shared  # 2**60 paths, 61 nodes
    assert isinstance(frame(ranges={i: (0, 1)}).value(shared), Value)


def frame_universe(region: Region) -> isl.Set:
    return isl.Set.universe(region.over.get_space())


def test_conditions_from_outside_and_from_inside():
    data = Load(FLAG, (i,))

    def region(condition: Expr) -> tuple[str, str, str]:
        found = Frame(analysis := Analysis(), [i], [n]).region(condition)
        assert analysis
        parts = (str(part).removeprefix("[n] -> ") for part in (found.over, found.under))
        return (*parts, str(found.missing))

    anywhere, nowhere, why = "{ [i] }", "{ [i] : false }", "flag[i] is read from memory"
    unknown = (anywhere, nowhere)
    assert region(i < n) == ("{ [i] : i < n }", "{ [i] : i < n }", "None")
    assert region(data) == (*unknown, why)
    assert region(all_of([i < n, data])) == ("{ [i] : i < n }", nowhere, why)
    assert region(any_of([i < n, data])) == (anywhere, "{ [i] : i < n }", why)
    assert region(Unary("not", any_of([i < n, data]))) == ("{ [i] : i >= n }", nowhere, why)
    assert region(Unary("not", all_of([i < n, data]))) == (anywhere, "{ [i] : i >= n }", why)
    assert region(Unary("not", data)) == (*unknown, why)
    assert region(cast(Load(A, (i,)), "int64") < i) == (*unknown, "A[i] is read from memory")
    either = "{ [i] : (i <= 2 and i < n) or (i >= n and i >= 3) }"
    assert region((i < n).equal(i < 3)) == (either, either, "None")
    assert region(if_then_else(i < n, data, i < 0))[1:] == ("{ [i] : n <= i < 0 }", why)
    assert region(Const(True, BOOL)) == (anywhere, anywhere, "None")
    assert region(Const(False, BOOL)) == (nowhere, nowhere, "None")


def test_the_tuple_has_a_label():
    region = Frame(Analysis(), [i], [n], label="S0").all_of([i >= 0, i < n])
    assert str(region.over) == "[n] -> { S0[i] : 0 <= i < n }"


# ---------------------------------------------------------------- against the interpreter

VALUES = {
    i: st.integers(-9, 9),
    j: st.integers(-9, 9),
    small: st.integers(-128, 127),
    n: st.integers(0, 9),
    byte: st.integers(0, 255),
}
NUMBERS = st.integers(-6, 6) | st.sampled_from([16, 100, 127])
TYPES = st.sampled_from([INT64, INT64, INT8, UINT8, INT32, UINT64])
ARITHMETIC = ("add", "sub", "add", "sub", "min", "max")
BY_CONSTANT = ("mul", "floordiv", "floormod", "truncdiv", "truncmod", "shl", "shr")


@st.composite
def integers(draw, dtype, depth):
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        leaves = [var for var in VALUES if var.dtype is dtype]
        if leaves and draw(st.booleans()):
            return draw(st.sampled_from(leaves))
        return Const(draw(NUMBERS), dtype)
    x = draw(integers(dtype, depth - 1))
    match draw(st.sampled_from(["two", "two", "by", "by", "unary", "choice", "cast", "mask"])):
        case "two":
            return Binary(draw(st.sampled_from(ARITHMETIC)), x, draw(integers(dtype, depth - 1)))
        case "by":
            return Binary(draw(st.sampled_from(BY_CONSTANT)), x, Const(draw(NUMBERS), dtype))
        case "mask":
            return Binary("bitand", x, Const(draw(st.sampled_from([0, 1, 3, 7, 15])), dtype))
        case "unary":
            return Unary(draw(st.sampled_from(["neg", "abs", "invert"])), x)
        case "choice":
            test = draw(conditions(depth - 1))
            choose = draw(st.sampled_from([select, if_then_else]))
            return choose(test, x, draw(integers(dtype, depth - 1)))
        case _:
            other = draw(st.sampled_from(["bool", draw(TYPES)]))
            source = conditions(depth - 1) if other == "bool" else integers(other, depth - 1)
            return cast(draw(source), dtype)


@st.composite
def conditions(draw, depth):
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        dtype = draw(TYPES)
        x, y = draw(integers(dtype, max(0, depth - 1))), draw(integers(dtype, 0))
        return Binary(draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])), x, y)
    x = draw(conditions(depth - 1))
    op = draw(st.sampled_from(["and", "or", "bitand", "bitor", "bitxor", "eq", "ne", "not", "if"]))
    if op == "not":
        return Unary(draw(st.sampled_from(["not", "invert"])), x)
    y = draw(conditions(depth - 1))
    return if_then_else(draw(conditions(0)), x, y) if op == "if" else Binary(op, x, y)


def point_of(over: Frame, values: dict[Var, int]) -> isl.Point:
    point = isl.Point.zero(over.space)
    for kind, group in ((isl.dim_type.set, over.dims), (isl.dim_type.param, over.params)):
        for position, var in enumerate(group):
            point = point.set_coordinate_val(kind, position, over.analysis.number(values[var]))
    return point


def value_at(over: Frame, found: Value, values: dict[Var, int]) -> int:
    return int_of(found.pw_aff.eval(point_of(over, values)))


POINTS = st.lists(st.fixed_dictionaries(VALUES), min_size=4, max_size=8)


def may_leave_int64(expr: Expr, values: dict[Var, int]) -> bool:
    """Whether the assumption about index expressions is broken: shifts and products add up."""
    for node in postorder(expr):
        if node.dtype is INT64 and abs(int(evaluate(node, values))) >= 2**55:
            return True
    return False


@settings(max_examples=300)
@given(integers(INT64, 3) | integers(INT8, 2) | integers(UINT8, 2), POINTS)
def test_values_agree_with_the_interpreter(expr, points):
    over = Frame(Analysis(), DIMS, PARAMS)
    found = over.analysis.ask(lambda: over.value(expr))
    if not isinstance(found, Value):
        return
    for values in points:
        if may_leave_int64(expr, values):
            continue
        expected = int(evaluate(expr, values))
        assert value_at(over, found, values) == expected, (expr, values)
        assert found.low <= expected <= found.high


@settings(max_examples=200)
@given(conditions(3), POINTS)
def test_conditions_agree_with_the_interpreter(condition, points):
    over = Frame(Analysis(), DIMS, PARAMS)
    found = over.analysis.ask(lambda: over.region(condition))
    if not isinstance(found, Region):
        return
    for values in points:
        if may_leave_int64(condition, values):
            continue
        here = isl.Set.from_point(point_of(over, values))
        holds = bool(evaluate(condition, values))
        assert here.is_subset(found.over) >= holds, (condition, values)
        assert here.is_subset(found.under) <= holds, (condition, values)
        if found.is_exact:
            assert here.is_subset(found.over) == holds


@settings(max_examples=100)
@given(integers(INT64, 3), POINTS)
def test_ranges_of_the_variables_change_no_value(expr, points):
    ranges = {i: (-9, 9), j: (-9, 9), n: (0, 9), byte: (0, 255)}
    over = Frame(Analysis(), DIMS, PARAMS, ranges=ranges)
    found = over.analysis.ask(lambda: over.value(expr))
    if not isinstance(found, Value):
        return
    for values in points:
        expected = int(evaluate(expr, values))
        assert value_at(over, found, values) == expected, (expr, values)
        assert found.low <= expected <= found.high


def test_most_of_what_is_drawn_is_affine():
    """The property tests above look at something."""
    drawn, affine = 0, 0

    @settings(max_examples=100, database=None)
    @given(integers(INT64, 3))
    def look(expr):
        nonlocal drawn, affine
        over = Frame(Analysis(), DIMS, PARAMS)
        drawn += 1
        affine += isinstance(over.analysis.ask(lambda: over.value(expr)), Value)

    look()
    assert affine > drawn * 0.8
