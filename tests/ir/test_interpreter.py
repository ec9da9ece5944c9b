"""The reference interpreter: what expressions and programs mean."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import (
    expressions,
    holds_floats,
    rounded,
    same_bits,
    scalars,
    valuations,
    variables,
)
from texpr.errors import (
    ArgumentError,
    BoundsError,
    DTypeError,
    IllegalScheduleError,
    InternalError,
    ScheduleError,
    ShapeError,
    TexprError,
    UninitializedError,
)
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import (
    ALL_DTYPES,
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT64,
    DType,
)
from texpr.ir.expr import (
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
    postorder,
)
from texpr.ir.functions import all_of, any_of, if_then_else, select
from texpr.ir.interpreter import evaluate, interpret
from texpr.ir.itervar import IterVar
from texpr.ir.operators import BINARY, UNARY
from texpr.ir.program import (
    ONE,
    TRUE,
    ZERO,
    Alloc,
    Block,
    If,
    Let,
    Location,
    Loop,
    LoopKind,
    Program,
    Seq,
    Stmt,
    Store,
    seq,
)
from texpr.ir.visitor import Rewriter

# ---------------------------------------------------------------- operators

INTEGERS = [dtype for dtype in ALL_DTYPES if dtype.is_integer]
FLOATS = [dtype for dtype in ALL_DTYPES if dtype.is_float]


def interesting(dtype: DType) -> list[Any]:
    """Values at which operators differ."""
    if dtype.is_bool:
        return [False, True]
    if dtype.is_float:
        near = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.0, -7.0, 1e-40, 1e30]
        ends = [dtype.max, dtype.min, math.inf, -math.inf, math.nan]
        return [dtype.canonical(value) for value in [*near, *ends]]
    low, high = int(dtype.min), int(dtype.max)
    ends = [low, low + 1, high - 1, high]
    return sorted({dtype.wrap(value) for value in [*ends, -7, -2, -1, 0, 1, 2, 3, 7, 8, 63, 64]})


def at_all_pairs(op: str, dtype: DType) -> tuple[Any, Any, Any]:
    """Return the arrays a, b and the interpreter's ``a op b``."""
    a, b = Var("a", dtype), Var("b", dtype)
    built = Binary(op, a, b)
    pairs = list(itertools.product(interesting(dtype), repeat=2))
    results = [evaluate(built, {a: x, b: y}) for x, y in pairs]
    assert {type(result) for result in results} == {built.dtype.numpy.type}
    columns = np.array(pairs, dtype.numpy).T
    return columns[0], columns[1], np.array(results)


def same(got: Any, wanted: Any) -> bool:
    """Whether two arrays are equal, NaN to NaN."""
    return bool(np.array_equal(got, wanted, equal_nan=holds_floats(np.asarray(got))))


NUMPYS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "min": np.minimum, "max": np.maximum,
    "bitand": np.bitwise_and, "bitor": np.bitwise_or, "bitxor": np.bitwise_xor,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip


def numpys_integer(op: str, a: Any, b: Any, bits: int) -> Any:
    """``a op b`` by NumPy's arithmetic of fixed width, corrected where the results differ."""
    inside = (b >= 0) & (b < bits)
    count = np.where(inside, b, 0).astype(a.dtype)
    divisor = np.where(b == 0, 1, b).astype(a.dtype)
    zero = a.dtype.type(0)
    functions: dict[str, Callable[[], Any]] = {
        "floordiv": lambda: np.where(b == 0, zero, np.floor_divide(a, divisor)),
        "floormod": lambda: np.where(b == 0, zero, np.mod(a, divisor)),
        # NumPy has no division that truncates; a - rest divides evenly.
        "truncdiv": lambda: np.where(b == 0, zero, (a - np.fmod(a, divisor)) // divisor),
        "truncmod": lambda: np.where(b == 0, zero, np.fmod(a, divisor)),
        "shl": lambda: np.where(inside, a << count, zero),
        "shr": lambda: np.where(inside, a >> count, np.where(a < 0, ~zero, zero)),
    }
    return functions[op]() if op in functions else NUMPYS[op](a, b)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("op", [op for op, o in BINARY.items() if o.takes(INT64)])
def test_integer_operators_are_numpys(op: str, dtype: DType) -> None:
    a, b, got = at_all_pairs(op, dtype)
    with np.errstate(all="ignore"):
        assert same(got, numpys_integer(op, a, b, dtype.bits))


ON_FLOATS: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floordiv": lambda a, b: np.floor(a / b),
    "truncdiv": lambda a, b: np.trunc(a / b),
    "truncmod": np.fmod,
    "floormod": np.mod,
    "min": np.minimum,
    "max": np.maximum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


@pytest.mark.parametrize(
    ("op", "dtype"),
    [(op, dtype) for op in ON_FLOATS for dtype in FLOATS if BINARY[op].takes(dtype)],
)
def test_float_operators_are_numpys(op: str, dtype: DType) -> None:
    a, b, got = at_all_pairs(op, dtype)
    with np.errstate(all="ignore"):
        assert same(got, ON_FLOATS[op](a, b))


@pytest.mark.parametrize("dtype", [d for d in FLOATS if BINARY["pow"].takes(d)], ids=str)
def test_power_is_cs(dtype: DType) -> None:
    a, b, got = at_all_pairs("pow", dtype)
    for x, y, power in zip(a, b, got, strict=True):
        try:
            wanted = math.pow(x, y)
        except (ValueError, OverflowError):  # where C says infinity or NaN
            assert not np.isfinite(power)
        else:
            with np.errstate(over="ignore", under="ignore"):
                assert power == pytest.approx(dtype.numpy.type(wanted), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("op", "meaning"),
    [
        ("and", np.logical_and),
        ("or", np.logical_or),
        ("bitand", np.logical_and),
        ("bitor", np.logical_or),
        ("bitxor", np.logical_xor),
        ("eq", np.equal),
        ("ne", np.not_equal),
    ],
)
def test_bool_operators_are_numpys(op: str, meaning: Callable[[Any, Any], Any]) -> None:
    a, b, got = at_all_pairs(op, BOOL)
    assert same(got, meaning(a, b))


def test_every_operator_is_tried_above() -> None:
    """What takes neither integers nor bools is div and pow."""
    neither = {op for op, o in BINARY.items() if not o.takes(INT64) and not o.takes(BOOL)}
    assert neither == {"div", "pow"}
    assert set(UNARY) == {"not", "neg", "abs", "invert"}


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS], ids=str)
def test_unary_operators_are_numpys(dtype: DType) -> None:
    a = Var("a", dtype)
    values = np.array(interesting(dtype), dtype.numpy)
    meanings = {"neg": np.negative, "abs": np.abs}
    if dtype.is_integer:
        meanings["invert"] = np.invert
    for op, meaning in meanings.items():
        got = np.array([evaluate(Unary(op, a), {a: value}) for value in values])
        assert got.dtype == dtype.numpy
        assert same(got, meaning(values))
        if dtype.is_float:
            assert same(np.signbit(got), np.signbit(meaning(values)))


@pytest.mark.parametrize(
    ("built", "value"),
    [
        (Binary("floordiv", Const(-7, INT8), Const(2, INT8)), -4),
        (Binary("floormod", Const(-7, INT8), Const(2, INT8)), 1),
        (Binary("floormod", Const(7, INT8), Const(-2, INT8)), -1),
        (Binary("truncdiv", Const(-7, INT8), Const(2, INT8)), -3),
        (Binary("truncmod", Const(-7, INT8), Const(2, INT8)), -1),
        (Binary("floordiv", Const(-128, INT8), Const(-1, INT8)), -128),
        (Binary("truncdiv", Const(-128, INT8), Const(-1, INT8)), -128),
        (Binary("floormod", Const(-128, INT8), Const(-1, INT8)), 0),
        (Binary("floordiv", Const(5, INT8), Const(0, INT8)), 0),
        (Binary("floormod", Const(5, INT8), Const(0, INT8)), 0),
        (Binary("shl", Const(1, INT8), Const(7, INT8)), -128),
        (Binary("shl", Const(1, INT8), Const(8, INT8)), 0),
        (Binary("shl", Const(1, INT8), Const(-1, INT8)), 0),
        (Binary("shr", Const(-1, INT8), Const(100, INT8)), -1),
        (Binary("shr", Const(-8, INT8), Const(1, INT8)), -4),
        (Binary("shr", Const(255, UINT8), Const(8, UINT8)), 0),
        (Unary("abs", Const(-128, INT8)), -128),
        (Unary("neg", Const(-128, INT8)), -128),
        (Unary("neg", Const(1, UINT8)), 255),
        (Unary("invert", Const(1, UINT8)), 254),
        (Unary("invert", Const(True, BOOL)), False),
        (Unary("not", Const(True, BOOL)), False),
        (Binary("floormod", Const(-1.0, FLOAT32), Const(math.inf, FLOAT32)), math.inf),
        (Binary("floordiv", Const(-1.0, FLOAT32), Const(math.inf, FLOAT32)), -0.0),
    ],
    ids=str,
)
def test_stated_results(built: Expr, value: object) -> None:
    assert evaluate(built, {}) == value


# ---------------------------------------------------------------- casts


@pytest.mark.parametrize("source", [d for d in ALL_DTYPES if not d.is_float], ids=str)
@pytest.mark.parametrize("to", ALL_DTYPES, ids=str)
def test_casts_of_integers_are_numpys(source: DType, to: DType) -> None:
    a = Var("a", source)
    values = np.array(interesting(source), source.numpy)
    got = np.array([evaluate(Cast(a, to), {a: value}) for value in values])
    is_short = to in (FLOAT16, BFLOAT16)
    assert same(got, rounded(values, to) if is_short else values.astype(to.numpy))


@pytest.mark.parametrize(
    ("value", "to", "result"),
    [
        (1.9, INT8, 1),
        (-1.9, INT8, -1),
        (127.9, INT8, 127),
        (128.0, INT8, 127),
        (-300.0, INT8, -128),
        (-0.5, UINT8, 0),
        (-1.0, UINT8, 0),
        (1e30, INT64, 2**63 - 1),
        (2.0**63, INT64, 2**63 - 1),
        (-(2.0**63), INT64, -(2**63)),
        (2.0**64, UINT64, 2**64 - 1),
        (math.inf, INT32, 2**31 - 1),
        (-math.inf, INT32, -(2**31)),
        (math.nan, INT32, 0),
        (math.nan, BOOL, True),
        (0.5, BOOL, True),
        (-0.0, BOOL, False),
        (1e300, FLOAT32, math.inf),
        (1 + 2.0**-24, FLOAT32, 1.0),
        (1 + 3 * 2.0**-24, FLOAT32, 1 + 2.0**-22),
        (65519.0, FLOAT16, 65504.0),
        (65520.0, FLOAT16, math.inf),
        (2.0**-25, FLOAT16, 0.0),
        (3 * 2.0**-25, FLOAT16, 2.0**-23),
        (1 + 2.0**-11 + 2.0**-40, FLOAT16, 1 + 2.0**-10),
        (1 + 2.0**-8 + 2.0**-40, BFLOAT16, 1 + 2.0**-7),
        (2.0**-134, BFLOAT16, 0.0),
    ],
)
def test_casts_of_floats(value: float, to: DType, result: object) -> None:
    for source in FLOATS:
        if math.isnan(value) or source.canonical(value) == value:
            a = Var("a", source)
            got = evaluate(Cast(a, to), {a: value})
            assert got == result
            assert got.dtype == to.numpy


# ---------------------------------------------------------------- evaluate

i, j, k = Var("i"), Var("j"), Var("k")
n, m = Var("n", is_size=True), Var("m", is_size=True)
x = Var("x", FLOAT32)


def test_floats_keep_their_width_at_every_step() -> None:
    assert evaluate(x + 1e-8, {x: 1.0}) == np.float32(1)
    assert evaluate(x * x, {x: 3e38}) == np.inf
    assert evaluate((x + 16777216.0) - 16777216.0, {x: 1.0}) == 0


def test_values_are_taken_to_the_type_once_and_quietly() -> None:
    assert evaluate(x, {x: 1e300}) == np.inf
    assert evaluate(x, {x: np.int64(2**60 + 2**36 + 1)}) == 2**60 + 2**37
    assert evaluate(x, {x: True}) == 1
    assert evaluate(i, {i: np.uint8(200)}) == 200


def test_choices_choose() -> None:
    p = Var("p", BOOL)
    for choose in (select, if_then_else):
        built = choose(p, i, j)
        assert evaluate(built, {p: True, i: 1, j: 2}) == 1
        assert evaluate(built, {p: False, i: 1, j: 2}) == 2


@pytest.mark.parametrize(
    ("expr", "values", "error", "text"),
    [
        (i + j, {i: 1}, TexprError, "evaluate: j has no value; pass one in values"),
        (i + 1, {i: 1.5}, DTypeError, "evaluate: i = 1.5 (float) is no value of int64; pass one"),
        (i + 1, {i: 2**63}, DTypeError, "evaluate: i = 9223372036854775808 (int) is no value of"),
        (x + 1, {x: "1"}, DTypeError, "evaluate: x = '1' (str) is no value of float32"),
        (Var("p", BOOL), {}, TexprError, "evaluate: p has no value"),
        (Load(Buffer("A", (n,), INT32), (i,)), {i: 1}, TexprError, "evaluate: A[i] reads a buffer"),
    ],
)
def test_evaluate_refuses(
    expr: Expr, values: dict[Var, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        evaluate(expr, values)
    assert str(caught.value).startswith(text)


def test_a_bool_is_no_integer_and_the_other_way_round() -> None:
    p = Var("p", BOOL)
    with pytest.raises(DTypeError, match=r"p = 1 \(int\) is no value of bool"):
        evaluate(p, {p: 1})
    assert evaluate(p, {p: np.bool(True)})


# ---------------------------------------------------------------- random expressions


def numpys_cast(x: Any, dtype: DType) -> Any:
    """Convert an array, saturating where NumPy leaves the result to the processor."""
    if x.dtype.kind != "f" or not dtype.is_integer:
        return x.astype(dtype.numpy)
    low, high = int(dtype.min), int(dtype.max)
    # float(high) may round up to one more than the type holds, and is then out of range itself.
    inside = (np.trunc(x) >= low) & (np.trunc(x) < float(high))
    saturated = np.where(x > 0, dtype.numpy.type(high), dtype.numpy.type(low))
    result = np.where(inside, np.where(inside, x, 0).astype(dtype.numpy), saturated)
    return np.where(np.isnan(x), dtype.numpy.type(0), result)


def numpys(root: Expr, values: dict[Any, Any]) -> Any:
    """Evaluate a whole expression over arrays, both sides of every choice."""
    found: dict[int, Any] = {}
    float_operators: dict[str, Any] = {
        "div": np.divide,
        "floordiv": lambda a, b: np.floor(a / b),
        "truncdiv": lambda a, b: np.trunc(a / b),
        "truncmod": np.fmod,
        # np.mod gives a zero the divisor's sign.
        "floormod": lambda a, b: np.where(np.fmod(a, b) == 0, np.fmod(a, b), np.mod(a, b)),
        # Of two zeros, the one that comes out does not matter; the first one it is.
        "min": lambda a, b: np.where((a <= b) | np.isnan(a), a, b),
        "max": lambda a, b: np.where((a >= b) | np.isnan(a), a, b),
    }
    bools = {"and": np.logical_and, "or": np.logical_or}
    unaries = {"neg": np.negative, "abs": np.abs, "invert": np.invert, "not": np.logical_not}
    for node in postorder(root):
        args = [found[id(child)] for child in node.children]
        if isinstance(node, Const):
            result = np.array(node.value, node.dtype.numpy)
        elif isinstance(node, (Var, Load)):
            result = values[node]
        elif isinstance(node, Unary):
            result = unaries[node.op](*args)
        elif isinstance(node, Cast):
            result = numpys_cast(args[0], node.dtype)
        elif isinstance(node, (Select, IfThenElse)):
            result = np.where(*args)
        elif isinstance(node, Call):
            result = node.function.numpy(*args)
        elif isinstance(node, Binary) and node.op in bools:
            result = bools[node.op](*args)
        elif isinstance(node, Binary) and node.a.dtype.is_float and node.op in float_operators:
            result = float_operators[node.op](*args)
        elif isinstance(node, Binary) and node.a.dtype.is_integer:
            result = numpys_integer(node.op, *args, node.a.dtype.bits)
        elif isinstance(node, Binary):
            result = NUMPYS[node.op](*args)
        found[id(node)] = np.asarray(result)
    return found[id(root)]


LEAVES = variables(each=1)
EXACT = st.one_of(*(expressions(dtype, LEAVES, depth=3, exact=True) for dtype in ALL_DTYPES))


@given(st.data())
def test_evaluate_agrees_with_numpy(data: st.DataObject) -> None:
    built = data.draw(EXACT)
    rows = data.draw(st.lists(valuations(built), min_size=1, max_size=4))
    columns = {var: np.array([row[var] for row in rows], var.dtype.numpy) for var in rows[0]}
    with np.errstate(all="ignore"):
        wanted = np.broadcast_to(numpys(built, columns), len(rows))
    for row, value in zip(rows, wanted, strict=True):
        assert same_bits(evaluate(built, row), value)


LOADS = [Load(Buffer(f"{dtype}s", (n,), dtype), (i,)) for dtype in ALL_DTYPES]
LOADING = st.one_of(*(expressions(dtype, LOADS, depth=3) for dtype in ALL_DTYPES))


@given(st.data(), st.sampled_from(LoopKind))
def test_interpret_agrees_with_evaluate(data: st.DataObject, kind: LoopKind) -> None:
    """Loads are values, in loops of every kind."""
    built = data.draw(LOADING)
    out = Buffer("out", (n,), built.dtype)
    body = Loop(i, ZERO, n, Store(out, (i,), built), kind)
    as_vars = {load: Var(load.buffer.name, load.dtype) for load in LOADS}
    rows = data.draw(
        st.lists(st.fixed_dictionaries({v: scalars(v.dtype) for v in as_vars.values()}), max_size=3)
    )
    arrays = [
        np.array([var.dtype.canonical(row[var]) for row in rows], var.dtype.numpy)
        for var in as_vars.values()
    ]
    got = np.zeros(len(rows), built.dtype.numpy)
    buffers = [load.buffer for load in LOADS]
    interpret(Program("main", (*buffers, out), body), *arrays, got)

    class LoadsAsVars(Rewriter):
        def visit_Load(self, node: Load) -> Expr:
            return as_vars[node]

    scalar = LoadsAsVars().rewrite_expr(built)
    for row, value in zip(rows, got, strict=True):
        assert same_bits(evaluate(scalar, row), value)


# ---------------------------------------------------------------- programs

A, B = Buffer("A", (n,), INT32), Buffer("B", (n,), INT32)
S = Buffer("S", (), INT32)


def array(*values: int) -> Any:
    return np.array(values, "int32")


def store(buffer: Buffer, index: Expr | None, value: Expr) -> Store:
    return Store(buffer, () if index is None else (index,), value)


def at(buffer: Buffer, index: Expr | None) -> Expr:
    return Load(buffer, () if index is None else (index,))


def block(
    name: str, bindings: list[Expr], build: Callable[..., Any], predicate: Any = None
) -> Block:
    """A Block over axes a, b, …; ``build`` returns its stores in terms of them."""
    axes = tuple(IterVar(letter) for letter in "abcd"[: len(bindings)])
    variables = [axis.var for axis in axes]
    built = build(*variables)
    return Block(
        name,
        axes,
        tuple(bindings),
        built if isinstance(built, tuple) else (built,),
        TRUE if predicate is None else predicate(*variables),
        location=Location("kernel.py", 14),
    )


def copy(name: str = "copy", index: Expr = i, of: Expr = i) -> Block:
    """``B[index] = A[of]`` at the instance ``index``."""
    return block(name, [index, of], lambda a, b: store(B, a, at(A, b)))


def loop(var: Var, body: Stmt, upper: Any = n, **more: Any) -> Loop:
    upper = Const(upper, INT64) if isinstance(upper, int) else upper
    return Loop(var, more.pop("lower", ZERO), upper, body, **more)


def run(body: Stmt, *args: Any, params: tuple[Any, ...] = (A, B), **more: Any) -> list[Any]:
    """Interpret ``body`` and return the instances that ran."""
    seen: list[Any] = []
    interpret(
        Program("main", params, body, **more),
        *args,
        on_instance=lambda label, instance: seen.append((label, instance)),
    )
    return seen


def matmul() -> Program:
    rows, depth, columns = n, Var("l", is_size=True), m
    left = Buffer("A", (rows, depth), FLOAT64)
    right = Buffer("B", (depth, columns), FLOAT64)
    out = Buffer("C", (rows, columns), FLOAT64)
    init = block("C", [i, j], lambda a, b: Store(out, (a, b), Const(0, FLOAT64)))
    init = Block(init.name, init.iters, init.bindings, init.stores, role="init")
    update = block(
        "C",
        [i, j, k],
        lambda a, b, c: Store(
            out, (a, b), Load(out, (a, b)) + Load(left, (a, c)) * Load(right, (c, b))
        ),
    )
    body = loop(i, loop(j, seq(init, loop(k, update, depth)), m))
    return Program("matmul", (left, right, out), body)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 0, 3), (0, 2, 3), (2, 3, 0)])
def test_matmul(shape: tuple[int, int, int]) -> None:
    rows, depth, columns = shape
    random = np.random.default_rng(0)
    a, b = random.random((rows, depth)), random.random((depth, columns))
    c = np.full((rows, columns), np.nan)
    seen: list[str] = []
    interpret(matmul(), a, b, c, on_instance=lambda label, _: seen.append(label))
    np.testing.assert_allclose(c, a @ b)
    assert seen.count("C") == rows * depth * columns
    assert seen.count("C.init") == rows * columns


def test_arguments_need_not_be_dense() -> None:
    wide = np.arange(12, dtype="int32").reshape(6, 2)
    run(loop(i, copy()), wide[::-1, 0], wide[:, 1])
    assert wide[:, 1].tolist() == [10, 8, 6, 4, 2, 0]


def test_loops_step_from_lower_to_upper() -> None:
    body = loop(i, copy(), 8, lower=Const(-1, INT64) + 2, step=3)
    assert run(body, array(*range(8)), array(*[0] * 8)) == [
        ("copy", (1, 1)),
        ("copy", (4, 4)),
        ("copy", (7, 7)),
    ]
    assert run(loop(i, copy(), 3, lower=n), array(1, 2, 3, 4), array(0, 0, 0, 0)) == []


def test_loop_bounds_are_evaluated_once() -> None:
    grow = block("grow", [], lambda: store(S, None, at(S, None) + 1))
    s = np.array(3, "int32")
    assert len(run(loop(i, grow, at(S, None).astype("int64")), s, params=(S,))) == 3
    assert s == 6


def test_branches() -> None:
    b = array(0, 0, 0, 0)
    one = block("one", [i], lambda a: store(B, a, Const(1, INT32)))
    two = block("two", [i], lambda a: store(B, a, Const(2, INT32)))
    run(loop(i, seq(If(i < 2, one, two), If(i.equal(3), Seq(())))), array(0, 0, 0, 0), b)
    assert b.tolist() == [1, 1, 2, 2]


def test_let() -> None:
    b = array(0, 0, 0)
    run(loop(i, Let(j, n - 1 - i, copy(of=j))), array(1, 2, 3), b)
    assert b.tolist() == [3, 2, 1]


def test_predicates_are_over_the_iteration_vector() -> None:
    body = loop(i, block("s", [i * 2], lambda a: store(B, a, a.astype("int32")), lambda a: a < n))
    b = array(9, 9, 9)
    assert run(body, array(0, 0, 0), b) == [("s", (0,)), ("s", (2,))]
    assert b.tolist() == [0, 9, 2]


def test_bindings_may_rename_the_loop_around_them() -> None:
    """A Block binds its own variables, even where its loop runs over the same one."""
    axis = IterVar("i")
    shifted = Block("s", (axis,), (n - 1 - axis.var,), (store(B, axis.var, Const(1, INT32)),))
    after = Block("t", (axis,), (axis.var,), (store(A, axis.var, Const(1, INT32)),))
    seen = run(loop(axis.var, seq(shifted, after)), array(0, 0), array(0, 0))
    assert seen == [("s", (1,)), ("t", (0,)), ("s", (0,)), ("t", (1,))]


def test_everything_is_evaluated_before_anything_is_stored() -> None:
    swap = block("swap", [i], lambda a: (store(A, a, at(B, a)), store(B, a, at(A, a))))
    a, b = array(1, 2), array(3, 4)
    run(loop(i, swap), a, b)
    assert (a.tolist(), b.tolist()) == ([3, 4], [1, 2])


def test_a_store_stands_by_itself_too() -> None:
    b = array(0, 0)
    assert run(loop(i, store(B, i, i.astype("int32"))), array(0, 0), b) == []
    assert b.tolist() == [0, 1]


def test_every_type_is_read_and_written() -> None:
    for dtype in ALL_DTYPES:
        source, target = Buffer("A", (n,), dtype), Buffer("B", (n,), dtype)
        move = block("move", [i], lambda a, s=source, t=target: store(t, a, at(s, a)))
        values = np.array(interesting(dtype), dtype.numpy)
        copied = np.zeros_like(values)
        run(loop(i, move), values, copied, params=(source, target))
        assert same(values, copied)


def test_no_warning_leaks() -> None:
    """Warnings are errors in this test suite."""
    buffer = Buffer("A", (n,), FLOAT32)
    overflow = block("s", [i], lambda a: store(buffer, a, at(buffer, a) * 1e38 / 0.0))
    values = np.array([1e30, 0, -1], "float32")
    run(loop(i, overflow), values, params=(buffer,))
    assert same(values, np.array([np.inf, np.nan, -np.inf], "float32"))


# ---------------------------------------------------------------- bounds and initialisation


def test_out_of_bounds_read() -> None:
    with pytest.raises(BoundsError) as caught:
        run(loop(i, copy(of=i + 1)), array(1, 2), array(0, 0))
    assert str(caught.value) == (
        "copy: reads A[2] at (a=1, b=2) (kernel.py:14), but index 2 is outside dimension 0 of A, "
        "which has extent 2; guard the access with if_then_else or correct the ranges"
    )
    assert isinstance(caught.value, IndexError)


def test_out_of_bounds_write_stores_nothing() -> None:
    b = array(0, 0)
    with pytest.raises(
        BoundsError, match=r"copy: writes B\[-1\] at \(a=-1, b=0\) \(kernel.py:14\)"
    ):
        run(loop(i, copy(index=i - 1)), array(1, 2), b)
    assert b.tolist() == [0, 0]


def test_the_dimension_is_named() -> None:
    wide = Buffer("W", (n, m), INT32)
    body = loop(i, block("s", [i], lambda a: Store(wide, (a, a + 3), Const(0, INT32))))
    with pytest.raises(
        BoundsError, match=r"W\[2, 5\].* index 5 is outside dimension 1 .* extent 5"
    ):
        run(body, np.zeros((4, 5), "int32"), params=(wide,))


def test_out_of_bounds_outside_a_block() -> None:
    bad = at(A, i + 5).astype("int64")
    for body, what in [
        (loop(j, copy(), bad), r"bounds of loop j: reads A\[5\] at \(i=0\)"),
        (If(bad.equal(0), copy()), r"if: reads A\[5\] at \(i=0\)"),
        (Let(j, bad, copy()), r"let j: reads A\[5\] at \(i=0\)"),
        (store(B, i + 9, Const(0, INT32)), r"store to B: writes B\[9\] at \(i=0\)"),
    ]:
        with pytest.raises(BoundsError, match=what):
            run(loop(i, body), array(1, 2), array(1, 2))


def test_guards_keep_accesses_from_running() -> None:
    guarded = block(
        "s",
        [i],
        lambda a: store(
            B, a, if_then_else(any_of([a < 1, at(A, a - 1) > 5]), 0, at(A, a - 1)).astype("int32")
        ),
    )
    b = array(9, 9, 9)
    run(loop(i, guarded), array(3, 7, 8), b)
    assert b.tolist() == [0, 3, 0]
    both = all_of([i > 0, at(A, i - 1) > 5])
    assert len(run(loop(i, If(both, copy())), array(3, 7, 8), b)) == 1


def test_the_leftmost_error_is_reported() -> None:
    for value in (at(A, i - 1) + at(A, i + 9), select(at(A, i - 1) > at(A, i + 9), i > 0, i < 0)):
        for guarded in (value, if_then_else(i < 9, value, value)):
            body = block("s", [], lambda v=guarded: store(B, i, v.astype("int32")))
            with pytest.raises(BoundsError, match=r"s: reads A\[-1\]"):
                run(loop(i, body), array(1), array(0))


def test_select_guards_nothing() -> None:
    body = block("s", [i], lambda a: store(B, a, select(a > 0, at(A, a - 1), 0)))
    with pytest.raises(BoundsError, match=r"s: reads A\[-1\]"):
        run(loop(i, body), array(1), array(0))


T = Buffer("T", (n,), INT32)


def test_allocated_cells_must_be_written_before_they_are_read() -> None:
    put = block("T", [i], lambda a: store(T, a, at(A, a) * 2))
    get = block("B", [i], lambda a: store(B, a, at(T, a) + 1))
    b = array(0, 0, 0)
    run(Alloc(T, seq(loop(i, put), loop(i, get))), array(1, 2, 3), b)
    assert b.tolist() == [3, 5, 7]
    with pytest.raises(UninitializedError) as caught:
        run(Alloc(T, seq(loop(i, put, n - 1), loop(i, get))), array(1, 2, 3), b)
    assert str(caught.value) == (
        "B: reads T[2] at (a=2) (kernel.py:14), which nothing has written; write it first"
    )


def test_an_allocation_is_fresh_each_time() -> None:
    put = block("T", [i], lambda a: store(T, a, Const(1, INT32)))
    get = block("B", [i], lambda a: store(B, a, at(T, ZERO)))
    with pytest.raises(UninitializedError, match=r"B: reads T\[0\] at \(a=1\)"):
        run(loop(i, Alloc(T, seq(put, get))), array(0, 0), array(0, 0))


def test_arguments_hold_the_callers_values() -> None:
    b = array(5, 6)
    run(loop(i, block("s", [i], lambda a: store(B, a, at(B, a) + 1))), array(0, 0), b)
    assert b.tolist() == [6, 7]


def test_empty_allocation_and_bad_one() -> None:
    run(Alloc(Buffer("E", (n, ZERO), INT32), Seq(())), array(1), array(1))
    with pytest.raises(ShapeError, match=r"alloc E: the shape is \(-1,\); keep the extents"):
        run(Alloc(Buffer("E", (n - 2,), INT32), Seq(())), array(1), array(1))


# ---------------------------------------------------------------- vector lanes


def vectorized(var: Var, body: Stmt, upper: Any = n, **more: Any) -> Loop:
    return loop(var, body, upper, kind=LoopKind.VECTORIZED, **more)


def test_lanes_run_statement_by_statement() -> None:
    body = seq(copy("first"), copy("second"))
    seen = run(vectorized(i, body), array(1, 2), array(0, 0))
    assert seen == [
        ("first", (0, 0)),
        ("first", (1, 1)),
        ("second", (0, 0)),
        ("second", (1, 1)),
    ]


def test_all_lanes_read_before_one_writes() -> None:
    def shift(by: int) -> Block:
        return block("s", [i], lambda a: store(A, a + (by > 0), at(A, a + (by <= 0))))

    for by, serial, lanes in [(-1, [2, 3, 4, 4], [2, 3, 4, 4]), (1, [1, 1, 1, 1], [1, 1, 2, 3])]:
        for kind, wanted in [(LoopKind.SERIAL, serial), (LoopKind.VECTORIZED, lanes)]:
            a = array(1, 2, 3, 4)
            run(loop(i, shift(by), n - 1, kind=kind), a, array(*[0] * 4))
            assert a.tolist() == wanted


def test_lanes_that_disagree() -> None:
    clash = block("s", [i], lambda a: store(B, a // 2, a.astype("int32")))
    with pytest.raises(ScheduleError) as caught:
        run(vectorized(i, clash), array(0, 0, 0), array(0, 0, 0))
    assert str(caught.value) == (
        "vectorized loop: s at (a=0) (kernel.py:14) writes 0 to B[0] and s at (a=1) "
        "(kernel.py:14) writes 1 to it in the same step; run the loop serially"
    )
    agree = block("s", [i], lambda a: store(B, a // 2, Const(7, INT32)))
    b = array(0, 0, 0)
    run(vectorized(i, agree), array(0, 0, 0), b)
    assert b.tolist() == [7, 7, 0]


def test_a_lane_may_write_a_cell_twice() -> None:
    twice = block("s", [i], lambda a: (store(B, a, Const(1, INT32)), store(B, a, at(A, a))))
    b = array(0, 0)
    run(vectorized(i, twice), array(3, 4), b)
    assert b.tolist() == [3, 4]


def test_floats_in_lanes_are_compared_by_bits() -> None:
    F = Buffer("F", (n,), FLOAT32)
    for values, agree in [((math.nan, math.nan), True), ((0.0, -0.0), False)]:
        body = vectorized(i, block("s", [i], lambda a: store(F, ZERO, at(F, a))))
        floats = np.array(values, "float32")
        if agree:
            run(body, floats, params=(F,))
        else:
            with pytest.raises(ScheduleError, match=r"writes 0\.0 .* writes -0\.0"):
                run(body, floats, params=(F,))


def test_lanes_are_masked_by_conditions() -> None:
    first = block("then", [i], lambda a: store(B, a, Const(1, INT32)))
    second = block("else", [i], lambda a: store(B, a, Const(2, INT32)))
    seen = run(vectorized(i, If(i % 2 < 1, first, second)), array(0, 0, 0), array(0, 0, 0))
    assert seen == [("then", (0,)), ("then", (2,)), ("else", (1,))]


def test_lanes_whose_loop_has_ended_sit_out() -> None:
    triangle = block("s", [i, j], lambda a, b: store(B, a, at(B, a) + at(A, b)))
    b = array(0, 0, 0)
    seen = run(vectorized(i, loop(j, triangle, n, lower=i)), array(1, 10, 100), b)
    assert b.tolist() == [111, 110, 100]
    assert [instance for _, instance in seen] == [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)]
    seen = run(vectorized(i, loop(j, triangle, i)), array(1, 10, 100), b)
    assert [instance for _, instance in seen] == [(1, 0), (2, 0), (2, 1)]


def test_lanes_have_their_own_values_and_allocations() -> None:
    put = block("T", [j], lambda a: store(T, ZERO, at(A, a)))
    get = block("B", [i], lambda a: store(B, a, at(T, ZERO)))
    b = array(0, 0, 0)
    run(vectorized(i, Let(j, n - 1 - i, Alloc(T, seq(put, get)))), array(1, 2, 3), b)
    assert b.tolist() == [3, 2, 1]


def test_lanes_under_a_loop_under_lanes() -> None:
    """Nested lanes are those of every lane around them."""
    body = vectorized(i, loop(j, vectorized(k, block("s", [i, j, k], lambda a, b, c: ()), 2), i), 3)
    seen = run(body, array(), array())
    assert [instance for _, instance in seen] == [
        (1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 0, 1), (2, 1, 0), (2, 1, 1),
    ]  # fmt: skip


def test_lanes_of_lanes() -> None:
    inner = vectorized(j, copy(index=i * 2 + j, of=i * 2 + j), 2)
    seen = run(vectorized(i, seq(inner, inner), 2), array(1, 2, 3, 4), array(0, 0, 0, 0))
    assert [instance[0] for _, instance in seen] == [0, 1, 2, 3] * 2


def test_no_lane_at_all() -> None:
    assert run(vectorized(i, seq(copy(), loop(j, copy()))), array(), array()) == []


# ---------------------------------------------------------------- parallel loops


def parallel(var: Var, body: Stmt, upper: Any = n) -> Loop:
    return loop(var, body, upper, kind=LoopKind.PARALLEL)


def test_independent_iterations_may_be_parallel() -> None:
    b = array(0, 0, 0)
    run(parallel(i, copy()), array(1, 2, 3), b)
    assert b.tolist() == [1, 2, 3]
    # All read A[0]; and the next loop may touch what this one did.
    run(seq(parallel(i, copy(of=ZERO)), parallel(i, copy(index=n - 1 - i))), b, array(0, 0, 0))


def test_race_of_two_writes() -> None:
    last = block("s", [i], lambda a: store(S, None, a.astype("int32")))
    with pytest.raises(IllegalScheduleError) as caught:
        run(parallel(i, last), array(0, 0), np.array(0, "int32"), params=(A, S))
    assert str(caught.value) == (
        "parallel loop i: s at (a=0) (kernel.py:14) writes S[()] and s at (a=1) (kernel.py:14) "
        "writes it, and nothing says which comes first; run the loop serially"
    )


def test_race_of_a_read_and_a_later_write() -> None:
    back = block("s", [i], lambda a: store(A, a, at(A, (a + 1) % n)))
    with pytest.raises(
        IllegalScheduleError, match=r"\(a=0\) .* reads A\[1\] and s at \(a=1\) .* writes"
    ):
        run(parallel(i, back), array(1, 2, 3), array(0, 0, 0))


def test_race_of_a_write_and_a_later_read() -> None:
    body = seq(copy("w"), block("r", [i], lambda a: store(A, a, at(B, Binary("min", a, ONE)))))
    with pytest.raises(
        IllegalScheduleError, match=r"w at \(a=1, b=1\).* writes B\[1\] and r at \(a=2"
    ):
        run(parallel(i, body), array(1, 2, 3), array(0, 0, 0))


def test_race_of_a_reduction() -> None:
    add = block("sum", [i], lambda a: store(S, None, at(S, None) + at(A, a)))
    with pytest.raises(IllegalScheduleError, match=r"parallel loop i: sum"):
        run(parallel(i, add), array(1, 2), np.array(0, "int32"), params=(A, S))
    run(loop(i, add), array(1, 2), np.array(0, "int32"), params=(A, S))


def test_race_in_a_bound() -> None:
    count = block("s", [i], lambda a: store(A, a, Const(1, INT32)))
    body = seq(loop(j, Seq(()), at(A, n - 1).astype("int64")), count)
    with pytest.raises(
        IllegalScheduleError, match=r"bounds of loop j at \(i=0\) reads A\[1\] and s"
    ):
        run(parallel(i, body), array(0, 0), array(0, 0))


def test_race_of_lanes_in_parallel_iterations() -> None:
    clash = block("s", [i + j], lambda a: store(B, a, Const(1, INT32)))
    with pytest.raises(
        IllegalScheduleError, match=r"s at \(a=1\).* writes B\[1\] and s at \(a=1\)"
    ):
        run(parallel(i, vectorized(j, clash, 2), n - 1), array(0, 0, 0), array(0, 0, 0))


def test_guarded_reads_do_not_race() -> None:
    body = block("s", [i], lambda a: store(A, a, if_then_else(a < 0, at(A, ZERO), 1)))
    run(parallel(i, body), array(0, 0, 0), array(0, 0, 0))


def test_own_allocations_do_not_race() -> None:
    put = block("T", [i], lambda a: store(T, ZERO, at(A, a)))
    get = block("B", [i], lambda a: store(B, a, at(T, ZERO)))
    b = array(0, 0, 0)
    run(parallel(i, Alloc(T, seq(put, get))), array(1, 2, 3), b)
    assert b.tolist() == [1, 2, 3]
    with pytest.raises(
        IllegalScheduleError, match=r"T at \(a=0\).* writes T\[0\] and T at \(a=1\)"
    ):
        run(Alloc(T, parallel(i, seq(put, get))), array(1, 2, 3), b)


def test_only_the_parallel_loop_races() -> None:
    add = block("sum", [i, j], lambda a, b: store(B, a, at(B, a) + at(A, b)))
    b = array(0, 0)
    run(parallel(i, loop(j, add)), array(1, 2), b)
    assert b.tolist() == [3, 3]
    with pytest.raises(IllegalScheduleError, match="parallel loop j"):
        run(loop(i, parallel(j, add)), array(1, 2), b)


# ---------------------------------------------------------------- arguments


def sized(*shapes: tuple[Expr, ...], requirements: tuple[Expr, ...] = ()) -> Program:
    buffers = tuple(Buffer(f"A{k}", shape, INT32) for k, shape in enumerate(shapes))
    return Program("main", buffers, Seq(()), requirements)


def zeros(*shape: int) -> Any:
    return np.zeros(shape, "int32")


@pytest.mark.parametrize(
    ("extents", "shapes", "sizes"),
    [
        ([(n, m), (m, n)], [(3, 4), (4, 3)], {n: 3, m: 4}),
        ([(n + 1,)], [(4,)], {n: 3}),
        ([(2 * n,)], [(4,)], {n: 2}),
        ([(3 * (n - 1) + 1 - -n,)], [(10,)], {n: 3}),
        ([(5 - n,)], [(2,)], {n: 3}),
        ([(n + m,), (m,)], [(5,), (2,)], {n: 3, m: 2}),
        ([(n + m,), (m * 3,)], [(5,), (3,)], {n: 4, m: 1}),
        ([(n * m,), (m,)], [(6,), (2,)], {n: 3, m: 2}),
        ([(n // 2 + m,), (m + n,), (n,)], [(5,), (6,), (2,)], {n: 2, m: 4}),
        ([(n * n,), (n,)], [(9,), (3,)], {n: 3}),
        ([(n - n + 2, n)], [(2, 5)], {n: 5}),
        ([(if_then_else(n > 2, n, 2),), (n,)], [(2,), (1,)], {n: 1}),
    ],
)
def test_sizes_follow_from_shapes(
    extents: list[tuple[Expr, ...]], shapes: list[tuple[int, ...]], sizes: dict[Var, int]
) -> None:
    arrays = [zeros(*shape) for shape in shapes]
    interpret(sized(*extents, requirements=tuple(s.equal(v) for s, v in sizes.items())), *arrays)
    for size, value in sizes.items():
        with pytest.raises(ShapeError, match=r"the requirement .* does not hold"):
            interpret(sized(*extents, requirements=(size.equal(value + 1),)), *arrays)


@pytest.mark.parametrize(
    ("program", "arrays", "text"),
    [
        (sized((n, n)), [zeros(2, 3)], "main: dimension 1 of A0 is 3 where n = 2 is needed; pass"),
        (sized((Const(4, INT64),)), [zeros(3)], "main: dimension 0 of A0 is 3 where 4 is needed"),
        (sized((2 * n,)), [zeros(3)], "main: dimension 0 of A0 is 3, and no size n makes 2*n that"),
        (sized((n + 1,)), [zeros(0)], "main: dimension 0 of A0 is 0, and no size n makes n + 1"),
        (sized((n * n,)), [zeros(1)], "main: the size n does not follow from the shapes of the ar"),
        (sized((n // 2,)), [zeros(1)], "main: the size n does not follow"),
        (sized((n + m,)), [zeros(1)], "main: the size n does not follow"),
        (sized((0 * n,)), [zeros(0)], "main: the size n does not follow"),
        (sized((n,)), [zeros(1, 1)], "main: argument A0 has 2 dimensions; pass 1, [n]"),
        (
            sized((n,), (m,), requirements=(n < m,)),
            [zeros(2), zeros(2)],
            "main: the requirement n < m does not hold for n = 2, m = 2; pass sizes for which",
        ),
        (
            sized((n,), requirements=(Const(False, BOOL),)),
            [zeros(2)],
            "main: the requirement False does not hold; pass sizes for which it does",
        ),
    ],
)
def test_shape_errors(program: Program, arrays: list[Any], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        interpret(program, *arrays)
    assert str(caught.value).startswith(text)


def test_scalars_are_arguments() -> None:
    scale = Var("scale", INT32)
    F = Buffer("F", (n,), INT32)
    body = loop(i, block("s", [i], lambda a: store(F, a, at(F, a) * scale)))
    values = array(1, 2, 3)
    run(body, 3, values, np.int8(2), params=(n, F, scale))
    assert values.tolist() == [2, 4, 6]
    with pytest.raises(ShapeError, match="dimension 0 of F is 3 where n = 2 is needed"):
        run(body, 2, values, 2, params=(n, F, scale))


@pytest.mark.parametrize(
    ("params", "args", "error", "text"),
    [
        ((A, B), (array(1),), ArgumentError, "main: got 1 arguments; pass 2, (A, B)"),
        ((A,), ([1, 2],), DTypeError, "main: argument A is a list; pass a NumPy array"),
        ((A,), (np.zeros(2),), DTypeError, "main: argument A has type float64; pass int32, A.asty"),
        ((A,), (array(1).astype(">i4"),), DTypeError, "main: argument A has type >i4; pass int32"),
        ((n, A), (-1, array()), ShapeError, "main: the size n is -1; pass at least 0"),
        ((i, A), (1.5, array()), DTypeError, "main: argument i: 1.5 (float) is no value of int64"),
    ],
)
def test_argument_errors(
    params: tuple[Any, ...], args: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        run(Seq(()), *args, params=params)
    assert str(caught.value).startswith(text)


def test_written_arguments_must_be_writable() -> None:
    a, b = array(1, 2), array(0, 0)
    a.flags.writeable = False
    run(loop(i, copy()), a, b)
    b.flags.writeable = False
    with pytest.raises(DTypeError, match="main: argument B is read-only and the program writes it"):
        run(loop(i, copy()), a, b)


# ---------------------------------------------------------------- malformed programs


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (loop(i, copy(of=k)), "nothing binds the variable k"),
        (loop(i, Seq(()), k), "nothing binds the variable k"),
        (block("s", [], lambda: store(A, ZERO, at(T, ZERO))), "nothing allocates <buffer T"),
        (block("s", [], lambda: store(T, ZERO, at(A, ZERO))), "nothing allocates <buffer T"),
        (loop(i, loop(i, Seq(()))), "i> is bound within its own scope"),
        (Let(n, ZERO, Seq(())), "n> is bound within its own scope"),
        (Alloc(A, Seq(())), "<buffer A: int32[n]> is bound within its own scope"),
        (block("s", [], lambda: Store(A, (ZERO, ZERO), Const(0, INT32))), "with 2 subscripts"),
        (block("s", [], lambda: store(A, ZERO, Load(B, ()))), "with 0 subscripts"),
    ],
)
def test_malformed_programs_are_bugs_of_ours(body: Stmt, text: str) -> None:
    with pytest.raises(InternalError) as caught:
        run(body, array(1), array(1))
    assert str(caught.value).startswith("interpreter: ")
    assert text in str(caught.value)


def test_a_variable_has_a_value_only_in_its_scope() -> None:
    with pytest.raises(InternalError, match="nothing binds the variable i"):
        run(seq(loop(i, Seq(())), copy()), array(1), array(1))


# ---------------------------------------------------------------- depth

DEPTH = 10_000


def test_deep_statements_do_not_recurse() -> None:
    body: Stmt = copy(of=ZERO)
    for depth in range(DEPTH):
        body = If(i < n + depth, body) if depth % 2 else Seq((body,))
    for depth in range(200):
        body = Let(Var(f"v{depth}"), i + depth, body)
    b = array(0, 0)
    run(loop(i, body), array(5, 6), b)
    assert b.tolist() == [5, 5]


@pytest.mark.parametrize("lazy", [False, True])
def test_deep_expressions_do_not_recurse(lazy: bool) -> None:
    value: Expr = at(A, i)
    for _ in range(DEPTH):
        value = if_then_else(value > 0, value + 1, value) if lazy else value + 1
    b = array(0, 0)
    run(loop(i, block("s", [], lambda: store(B, i, value))), array(1, 2), b)
    assert b.tolist() == [1 + DEPTH, 2 + DEPTH]
