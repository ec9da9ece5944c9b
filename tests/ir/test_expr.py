"""Expressions: sharing, types, printing, pickling, and depth."""

from __future__ import annotations

import ast
import copy
import gc
import math
import operator
import pickle
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import expressions, index_conditions, variables
from texpr.errors import DTypeError
from texpr.ir import expr as expression_module
from texpr.ir import functions
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import (
    ALL_DTYPES,
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT64,
    DType,
    promote,
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
    as_expr,
    as_index,
    cast,
    const,
    free_vars,
    int_value,
    is_const,
    postorder,
)
from texpr.ir.interpreter import evaluate
from texpr.ir.itervar import IterVar
from texpr.ir.visitor import Rewriter, Visit, substitute

i, j = Var("i"), Var("j")
n = Var("n", is_size=True)
x, y = Var("x", FLOAT32), Var("y", FLOAT32)
d = Var("d", FLOAT64)
u = Var("u", UINT8)
p, q = Var("p", BOOL), Var("q", BOOL)
A = Buffer("A", (n, Const(8, INT64)), FLOAT32)

# ---------------------------------------------------------------- sharing


@pytest.mark.parametrize(
    "build",
    [
        lambda: i * 2 + j,
        lambda: -x,
        lambda: Load(A, (i, j)),
        lambda: functions.select(i < j, x, 1.0),
        lambda: functions.if_then_else(i < j, x, 1.0),
        lambda: x.astype("int8"),
        lambda: functions.call("exp", x),
        lambda: Const(2, INT64),
    ],
)
def test_the_same_expression_is_the_same_object(build: Callable[[], Expr]) -> None:
    assert build() is build()
    assert copy.copy(build()) is copy.deepcopy(build()) is build()


def test_what_differs_is_another_object() -> None:
    assert Var("i") is not i
    assert i + j is not j + i
    assert Cast(x, INT8) is not Cast(x, UINT8)
    assert Select(p, x, y) is not IfThenElse(p, x, y)
    assert functions.call("exp", x) is not functions.call("log", x)
    same_text = Buffer("A", A.shape, A.dtype)
    assert Load(A, (i, j)) is not Load(same_text, (i, j))


def test_constants_are_told_apart_by_type_and_bits() -> None:
    consts = [
        Const(0.0, FLOAT32),
        Const(-0.0, FLOAT32),
        Const(0.0, FLOAT64),
        Const(math.nan, FLOAT32),
        Const(math.nan, FLOAT64),
        Const(True, BOOL),
        Const(1, INT64),
        Const(1, INT32),
        Const(1, UINT64),
        Const(1.0, FLOAT32),
        Const(1.0, FLOAT64),
        Const(False, BOOL),
        Const(0, INT64),
    ]
    assert len(set(map(id, consts))) == len(consts)


def test_nan_is_one_constant() -> None:
    assert Const(math.nan, FLOAT32) is Const(-math.nan, FLOAT32)
    assert Const(math.nan, FLOAT64) is Const(math.inf - math.inf, FLOAT64)


def test_constants_are_held_as_their_type_holds_them() -> None:
    assert Const(300, UINT8) is Const(44, UINT8)
    assert Const(0.1, FLOAT32).value == float(np.float32(0.1))
    assert type(Const(True, INT64).value) is int
    assert type(Const(1, FLOAT32).value) is float
    assert type(Const(1, BOOL).value) is bool


def test_equal_buffers_in_shape_and_name_are_still_two() -> None:
    other = Buffer("A", A.shape, A.dtype)
    assert other != A
    assert copy.deepcopy(A) == A


def test_expressions_are_frozen() -> None:
    with pytest.raises(AttributeError, match="Binary is frozen"):
        (i + j).dtype = INT8


def test_unused_expressions_are_forgotten() -> None:
    interned = expression_module._interned
    gc.collect()
    before = len(interned)
    kept = [i * 1000 + k for k in range(1000, 1100)]
    assert len(interned) >= before + 100
    del kept
    gc.collect()
    assert len(interned) <= before + 1


def test_variables_and_buffers_are_dictionary_keys() -> None:
    table = {Var(str(k)): k for k in range(1000)}
    assert [table[var] for var in list(table)] == list(range(1000))
    assert i not in table


# ---------------------------------------------------------------- operators and types

OPERATORS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("add", operator.add),
    ("sub", operator.sub),
    ("mul", operator.mul),
    ("floordiv", operator.floordiv),
    ("floormod", operator.mod),
    ("shl", operator.lshift),
    ("shr", operator.rshift),
    ("bitand", operator.and_),
    ("bitor", operator.or_),
    ("bitxor", operator.xor),
]
COMPARISONS: list[tuple[str, str, Callable[[Any, Any], Any]]] = [
    ("lt", "gt", operator.lt),
    ("le", "ge", operator.le),
    ("gt", "lt", operator.gt),
    ("ge", "le", operator.ge),
    ("eq", "eq", operator.eq),
    ("ne", "ne", operator.ne),
]


@pytest.mark.parametrize(("op", "apply"), OPERATORS, ids=[op for op, _ in OPERATORS])
def test_python_operators_build_nodes(op: str, apply: Callable[[Any, Any], Any]) -> None:
    three = Const(3, INT64)
    assert apply(i, j) is Binary(op, i, j)
    assert apply(i, 3) is Binary(op, i, three)
    assert apply(3, i) is Binary(op, three, i)
    assert apply(np.int64(3), i) is Binary(op, three, i)


@pytest.mark.parametrize(("op", "swapped", "apply"), COMPARISONS)
def test_comparisons_build_bools(op: str, swapped: str, apply: Callable[[Any, Any], Any]) -> None:
    three = Const(3, INT64)
    assert apply(i, j) is Binary(op, i, j)
    assert apply(i, j).dtype is BOOL
    assert apply(3, i) is Binary(swapped, i, three)  # Python asks the right operand


def test_division_power_and_signs() -> None:
    assert x / y is Binary("div", x, y)
    assert 1 / x is Binary("div", Const(1, FLOAT32), x)
    assert x**y is Binary("pow", x, y)
    assert 2.0**x is Binary("pow", Const(2, FLOAT32), x)
    assert x**0.5 is Binary("pow", x, Const(0.5, FLOAT32))
    assert -i is Unary("neg", i)
    assert +i is i
    assert ~i is Unary("invert", i)
    assert ~p is Unary("invert", p)
    assert abs(i) is Unary("abs", i)
    assert i.equal(3) is Binary("eq", i, Const(3, INT64))


@pytest.mark.parametrize("exponent", range(9))
def test_small_powers_are_products(exponent: int) -> None:
    power = i**exponent
    assert not any(isinstance(node, Binary) and node.op == "pow" for node in postorder(power))
    assert evaluate(power, {i: -3}) == (-3) ** exponent
    assert (x**exponent).dtype is FLOAT32
    products = [node for node in postorder(power) if isinstance(node, Binary)]
    assert len(products) <= max(0, 2 * (exponent.bit_length() - 1))


def test_ninth_power_is_a_call_of_pow() -> None:
    assert x**9 is Binary("pow", x, Const(9, FLOAT32))


@pytest.mark.parametrize("a", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("b", ALL_DTYPES, ids=str)
def test_operands_meet_in_the_promoted_type(a: DType, b: DType) -> None:
    equal = Var("a", a).equal(Var("b", b))
    assert equal.dtype is BOOL
    assert {child.dtype for child in equal.children} == {promote(a, b)}


@pytest.mark.parametrize(
    ("built", "dtype"),
    [
        (u + 1, UINT8),
        (x + 1, FLOAT32),
        (x + 0.1, FLOAT32),
        (d + 0.1, FLOAT64),
        (i + 0.5, FLOAT32),
        (p + 1, INT64),
        (x + np.float64(1), FLOAT64),
        (np.float64(1) + x, FLOAT64),
        (np.float32(1) + i, FLOAT32),
        (x + np.int64(1), FLOAT32),
        (u + np.int32(1), INT32),
        (np.int32(1) + u, INT32),
        (u + i, INT64),
        (x + d, FLOAT64),
    ],
    ids=str,
)
def test_python_scalars_are_weak_and_numpys_are_not(built: Expr, dtype: DType) -> None:
    assert built.dtype is dtype


def test_scalars_alone() -> None:
    assert as_expr(3) is Const(3, INT64)
    assert as_expr(0.1) is Const(0.1, FLOAT32)
    assert as_expr(True) is Const(True, BOOL)
    assert as_expr(np.float64(0.1)) is Const(0.1, FLOAT64)
    assert as_expr(np.uint8(3)) is Const(3, UINT8)
    assert as_expr(np.bool(True)) is Const(True, BOOL)


def test_an_axis_stands_for_its_variable() -> None:
    axis = IterVar("k")
    assert as_expr(axis) is axis.var
    assert axis + 1 is axis.var + 1
    assert 1 + axis is 1 + axis.var
    assert np.int64(1) + axis is 1 + axis.var


def test_casts() -> None:
    assert x.astype("float32") is x
    assert x.astype("int8") is Cast(x, INT8)
    assert as_expr(300).astype("uint8") is Const(44, UINT8)
    assert as_expr(3).astype(FLOAT64) is Const(3.0, FLOAT64)
    assert as_expr(2).astype("bool") is Const(True, BOOL)
    assert as_expr(0.5).astype("float64") is Const(0.5, FLOAT64)
    # Saturation is the interpreter's and the machine's business, and stays visible.
    assert isinstance(as_expr(1e10).astype("int8"), Cast)


@pytest.mark.parametrize("value", [0, 1, -1, 2**53 + 1, 2**60 + 2**36 + 1, -(2**62) - 1])
@pytest.mark.parametrize("dtype", [BOOL, INT8, UINT64, FLOAT32, FLOAT64], ids=str)
def test_casts_of_constants_mean_what_casts_of_variables_do(value: int, dtype: DType) -> None:
    at_once = cast(Const(value, INT64), dtype)
    assert isinstance(at_once, Const)
    assert evaluate(at_once, {}) == evaluate(Cast(i, dtype), {i: value})


def test_indices_are_int64() -> None:
    assert as_index(i, "index") is i
    assert as_index(3, "index") is Const(3, INT64)
    assert as_index(u, "index") is Cast(u, INT64)
    assert int_value(Const(3, UINT8)) == 3
    assert int_value(Const(3.0, FLOAT32)) is None
    assert int_value(i) is None
    assert is_const(Const(3, UINT8), 3)
    assert not is_const(Const(True, BOOL), 1)


def test_const() -> None:
    assert const(3) is Const(3, INT64)
    assert const(3.0, "int8") is Const(3, INT8)
    assert const(np.float32(0.5), "float64") is Const(0.5, FLOAT64)
    assert const(65519, "float16").value == 65504
    assert const(65520.0, "float16").value == math.inf
    assert const(True, "bfloat16").value == 1
    assert [str(const(v, "bfloat16")) for v in (2, 0.1, -3e38)] == ["2.0", "0.1", "-3e+38"]


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: bool(i < j), "truth value: i < j is an expression and has no value yet; write te"),
        (lambda: range(i), "integer: i is an expression and has no value yet; a Python int is"),
        (lambda: list(x), "iteration: x is one scalar expression; index it no further"),
        (lambda: i / j, "/: i / j has operands of int64; ambiguous division of integers: write //"),
        (lambda: i / 2, "/: i / 2 has operands of int64; ambiguous division"),
        (lambda: i**j, "**: i ** j has operands of int64; cast to a float first"),
        (lambda: i**-1, "**: i ** -1 has operands of int64; cast to a float first"),
        (lambda: p**2, "**: p ** 2 has operands of bool; cast the bools to a number first"),
        (lambda: p + q, "+: p + q has operands of bool; cast the bools to a number first, or"),
        (lambda: p / q, "/: p / q has operands of bool; cast the bools"),
        (lambda: p < q, "<: p < q has operands of bool; cast the bools"),
        (lambda: x & y, "&: x & y has operands of float32; cast to an integer first"),
        (lambda: x << 1, "<<: x << 1 has operands of float32; cast to an integer first"),
        (lambda: ~x, "~: ~ x has operands of float32; cast to an integer first"),
        (lambda: -p, "-: - p has operands of bool; cast the bools"),
        (lambda: u + 256, "constant: 256 does not fit uint8 (0 to 255); cast the other operand"),
        (lambda: i + "1", "expression: '1' (str) is neither a number nor an expression; pass a"),
        (lambda: i + None, "expression: None (NoneType) is neither a number nor an expression"),
        (lambda: i + 1j, "expression: 1j (complex) is neither a number nor an expression"),
        (lambda: i + np.arange(2), "expression: array([0, 1]) (ndarray) is neither a number"),
        (lambda: np.arange(2) + i, "expression: array([0, 1]) (ndarray) is neither a number"),
        (lambda: const("3"), "const: '3' is not a number"),  # type: ignore[arg-type]
        (lambda: const(2.5, "int8"), "const: 2.5 is not an integer; pass a float type or round it"),
        (lambda: const(math.nan, "int8"), "const: nan is not an integer"),
        (lambda: const(128, "int8"), "constant: 128 does not fit int8 (-128 to 127)"),
        (lambda: const(65520, "float16"), "constant: 65520 does not fit float16; write it as a"),
        (
            lambda: as_index(x, "A, dimension 0"),
            "A, dimension 0: x is float32, not an integer; cas",
        ),
        (lambda: as_index(p, "index"), "index: p is bool, not an integer"),
        (
            lambda: functions.if_then_else(i, x, y),
            "if_then_else: the condition i is int64; write i != 0 to make it a bool",
        ),
        (lambda: functions.select(x, x, y), "select: the condition x is float32; write x != 0"),
        (lambda: functions.all_of([p, i]), "all: the condition i is int64; write i != 0"),
        (lambda: functions.any_of([p, i]), "any: the condition i is int64; write i != 0"),
        (
            lambda: functions.call("exp", i),
            "exp: i is int64 and exp takes a float; cast first, x.astype('float32')",
        ),
        (
            lambda: functions.call("popcount", x),
            "popcount: x is float32 and popcount takes an integer; cast first, x.astype('int32')",
        ),
    ],
)
def test_message(build: Callable[[], object], text: str) -> None:
    with pytest.raises(DTypeError) as caught:
        build()
    assert text in str(caught.value)
    assert str(caught.value).startswith(text[:20])


# ---------------------------------------------------------------- functions


def test_choices() -> None:
    assert functions.if_then_else(p, x, 1) is IfThenElse(p, x, Const(1, FLOAT32))
    assert functions.select(p, 1, d) is Select(p, Const(1, FLOAT64), d)


def test_calls() -> None:
    exp = functions.call("exp", x)
    assert isinstance(exp, Call)
    assert exp.dtype is FLOAT32
    assert functions.call("isnan", d).dtype is BOOL
    assert functions.call("floor", i) is i
    assert functions.call("atan2", x, d).dtype is FLOAT64


def test_chains() -> None:
    assert functions.all_of([]) is Const(True, BOOL)
    assert functions.any_of([]) is Const(False, BOOL)
    assert functions.all_of([p]) is p
    assert functions.all_of([p, q, p]) is Binary("and", Binary("and", p, q), p)
    assert functions.any_of(iter([p, q])) is Binary("or", p, q)


# ---------------------------------------------------------------- printing


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (i + j - 1, "i + j - 1"),
        (i - (j - 1), "i - (j - 1)"),
        (i + (j + 1), "i + (j + 1)"),
        ((i + j) * 2, "(i + j)*2"),
        (i * 2 + j % 3, "i*2 + j%3"),
        (i // (j * 2), "i//(j*2)"),
        (-(i + j), "-(i + j)"),
        (-i * j, "-i*j"),
        (-(i * j), "-(i*j)"),
        (Unary("neg", -i), "--i"),
        (Binary("pow", -x, y), "(-x)**y"),
        (-(x**y), "-x**y"),
        (x ** (y**x), "x**(y**x)"),
        ((x**y) ** x, "(x**y)**x"),
        (Const(-2.0, FLOAT32) ** x, "(-2.0)**x"),
        (Const(-0.0, FLOAT32) ** x, "(-0.0)**x"),
        (Const(-math.inf, FLOAT32) ** x, "(-inf)**x"),
        (x - Const(math.nan, FLOAT32), "x - nan"),
        (x - -1.5, "x - -1.5"),
        (i << (j + 1), "i << j + 1"),
        ((i << j) + 1, "(i << j) + 1"),
        (i & j | i ^ 3, "i & j | i ^ 3"),
        (i & (j | i), "i & (j | i)"),
        ((i < j) == (j < i), "(i < j) == (j < i)"),
        (Binary("and", i < j, Unary("not", p)), "i < j and not p"),
        (Unary("not", Binary("and", p, q)), "not (p and q)"),
        (Binary("and", p, Binary("or", p, q)), "p and (p or q)"),
        (Unary("not", Unary("not", p)), "not not p"),
        (~(i | 1), "~(i | 1)"),
        (Binary("min", i + 1, j), "min(i + 1, j)"),
        (Binary("truncdiv", i, j), "truncdiv(i, j)"),
        (abs(x), "abs(x)"),
        (functions.call("atan2", x, y), "atan2(x, y)"),
        (x.astype("int8"), "int8(x)"),
        (functions.select(p, i, j), "select(p, i, j)"),
        (functions.if_then_else(p, i, j + 1), "i if p else j + 1"),
        (functions.if_then_else(p, i, j) + 1, "(i if p else j) + 1"),
        (Load(A, (i, j + 1)), "A[i, j + 1]"),
        (Load(Buffer("s", (), FLOAT32), ()), "s[()]"),
        (Const(True, BOOL), "True"),
        (Const(0.1, FLOAT32), "0.1"),
        (Const(0.1, FLOAT64), "0.1"),
        (Const(1e30, FLOAT32), "1e+30"),
    ],
)
def test_prints(built: Expr, text: str) -> None:
    assert str(built) == text
    assert repr(built) == f"<{built.dtype} {text}>"


INT_LEAVES = [Var("v0"), Var("v1"), Var("b0", BOOL), Var("b1", BOOL)]
BY_NAME = {leaf.name: leaf for leaf in INT_LEAVES}
PYTHONS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "floordiv", ast.Mod: "floormod",
    ast.LShift: "shl", ast.RShift: "shr", ast.BitAnd: "bitand", ast.BitOr: "bitor",
    ast.BitXor: "bitxor", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le",
    ast.Gt: "gt", ast.GtE: "ge", ast.And: "and", ast.Or: "or", ast.USub: "neg", ast.Not: "not",
    ast.Invert: "invert",
}  # fmt: skip


def read(node: ast.expr) -> Expr:
    """Build what Python's parser made of a printed expression of int64 and bool."""
    match node:
        case ast.Constant(bool(value)):
            return Const(value, BOOL)
        case ast.Constant(int(value)):
            return Const(value, INT64)
        case ast.Name(name):
            return BY_NAME[name]
        case ast.BinOp(a, op, b) | ast.Compare(a, [op], [b]):
            return Binary(PYTHONS[type(op)], read(a), read(b))
        case ast.BoolOp(op, values):
            return reduce(lambda a, b: Binary(PYTHONS[type(op)], a, b), map(read, values))
        case ast.UnaryOp(op, operand):
            return SignsOfConstants().rewrite_expr(Unary(PYTHONS[type(op)], read(operand)))
        case ast.IfExp(test, a, b):
            return IfThenElse(read(test), read(a), read(b))
        case ast.Call(ast.Name("select"), [test, a, b]):
            return Select(read(test), read(a), read(b))
        case ast.Call(ast.Name("abs"), [a]):
            return Unary("abs", read(a))
        case ast.Call(ast.Name(("int64" | "bool") as name), [a]):
            return Cast(read(a), BOOL if name == "bool" else INT64)
        case ast.Call(ast.Name(op), [a, b]):
            return Binary(op, read(a), read(b))
    raise AssertionError(ast.dump(node))


class SignsOfConstants(Rewriter):
    """``-1`` may be a constant or the negation of one; here it is the constant."""

    def visit_Unary(self, node: Unary) -> Visit[Expr]:
        operand = yield node.operand
        if node.op == "neg" and isinstance(operand, Const):
            return Const(-operand.value, INT64)
        return node.rebuild([operand])


@given(
    expressions(INT64, INT_LEAVES, dtypes=(INT64, BOOL), intrinsics=False)
    | expressions(BOOL, INT_LEAVES, dtypes=(INT64, BOOL), intrinsics=False)
)
def test_python_reads_what_is_printed(built: Expr) -> None:
    again = read(ast.parse(str(built), mode="eval").body)
    assert again is SignsOfConstants().rewrite_expr(built)


@given(index_conditions(INT_LEAVES[:2], depth=2))
def test_every_parenthesis_is_needed(built: Expr) -> None:
    text = str(built)
    meaning = ast.dump(ast.parse(text, mode="eval"))
    opened: list[int] = []
    for position, character in enumerate(text):
        if character == "(":
            opened.append(position)
        elif character == ")":
            start = opened.pop()
            if start and text[start - 1].isalpha():  # a call
                continue
            bare = f"{text[:start]} {text[start + 1 : position]} {text[position + 1 :]}".strip()
            assert ast.dump(ast.parse(bare, mode="eval")) != meaning, text


# ---------------------------------------------------------------- pickling


@pytest.mark.parametrize(
    "built",
    [
        Const(-0.0, FLOAT32),
        Const(math.nan, FLOAT64),
        Const(True, BOOL),
        Const(3, UINT8) * Const(5, UINT8),
        Select(Const(True, BOOL), Const(1, INT64), Const(2, INT64)),
        IfThenElse(Const(True, BOOL), Const(1, INT64), Const(2, INT64)),
        Cast(Const(1.5, FLOAT32), INT8),
        functions.call("exp", Const(1.5, FLOAT32)),
        Unary("abs", Const(-3, INT64)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_closed_expressions_come_back_as_the_same_object(built: Expr, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(built, protocol)) is built


def test_one_pickle_keeps_identities() -> None:
    load = Load(A, (i, j))
    again, var, buffer, load_again = pickle.loads(
        pickle.dumps((load + i.astype("float32"), i, A, load))
    )
    assert str(again) == "A[i, j] + float32(i)"
    assert free_vars(again)[0] is var is not i
    assert load_again is again.children[0]
    assert load_again.buffer is buffer is not A
    assert buffer.shape[0].is_size
    assert buffer.shape[1] is A.shape[1]


LEAVES = [*variables(each=1), Load(A, (i, j)), Load(A, (j, i))]


@given(st.one_of(*(expressions(dtype, LEAVES, depth=3) for dtype in ALL_DTYPES)))
def test_any_expression_survives(built: Expr) -> None:
    assert Rewriter().rewrite_expr(built) is built
    vars_ = free_vars(built)
    again, vars_again = pickle.loads(pickle.dumps((built, vars_)))
    assert str(again) == str(built)
    if not any(isinstance(node, Load) for node in postorder(built)):
        assert substitute(again, dict(zip(vars_again, vars_, strict=True))) is built
    closed = substitute(built, {var: Const(1, var.dtype) for var in vars_})
    assert closed.dtype is built.dtype
    assert not [node for node in postorder(closed) if isinstance(node, Var)]


# ---------------------------------------------------------------- depth

DEPTH = 10_000


def tower(bottom: Expr) -> Expr:
    built = bottom
    for k in range(DEPTH // 4):
        built = functions.if_then_else(built > k, built - 1, abs(built) + j)
    return built


def chain(bottom: Expr) -> Expr:
    built = bottom
    for k in range(DEPTH // 2):
        built = (built ^ k) + 1
    return built


@pytest.mark.parametrize("build", [tower, chain])
def test_deep_trees_do_not_recurse(build: Callable[[Expr], Expr]) -> None:
    deep = build(i)
    assert deep is build(i)
    assert len(postorder(deep)) > DEPTH
    moved = substitute(deep, {i: j})
    assert moved is build(j)
    assert substitute(moved, {i: j}) is moved
    assert set(free_vars(deep)) >= {i}
    assert free_vars(moved) == [j]
    again, i_again, j_again = pickle.loads(pickle.dumps((deep, i, j)))
    assert again is substitute(deep, {i: i_again, j: j_again})
    assert evaluate(deep, {i: 3, j: 3}) == evaluate(moved, {j: 3})


def test_deep_trees_print() -> None:
    text = str(chain(i))
    assert text.startswith("(" * (DEPTH // 2 - 1))
    assert text.count(" ^ ") == text.count(" + 1") == DEPTH // 2


def test_shared_trees_are_walked_once() -> None:
    shared: Expr = x
    for _ in range(60):  # 2**60 nodes, were it a tree
        shared = shared + shared
    assert len(postorder(shared)) == 61
    assert evaluate(shared, {x: 1}) == np.float32(2**60)
    assert substitute(shared, {y: x}) is shared
    assert pickle.loads(pickle.dumps((shared, x)))[0].dtype is FLOAT32


def test_doubly_shared_choices_are_evaluated_once() -> None:
    shared: Expr = i
    for k in range(60):  # both sides need it, so both paths lead through all of them
        shared = functions.if_then_else(j > k, shared, shared + 1)
    assert evaluate(shared, {i: 0, j: 30}) == 30
