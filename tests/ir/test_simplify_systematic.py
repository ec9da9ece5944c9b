"""The simplifier against the interpreter on every pair of operators, and every chain of casts.

Random expressions seldom have the shape that a rule looks for; these have nothing else.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.strategies import same_bits, stays_in_int64
from texpr.ir.dtypes import (
    ALL_DTYPES,
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    INT8,
    INT32,
    INT64,
    UINT8,
    DType,
)
from texpr.ir.expr import Binary, Cast, Const, Expr, IfThenElse, Select, Unary, Var
from texpr.ir.interpreter import evaluate
from texpr.ir.operators import BINARY, UNARY
from texpr.ir.simplify import int_range, simplify
from texpr.ir.simplify.intervals import BINARY_INTERVALS, absolute, hull

CONSTANTS = {
    INT8: (0, 1, -1, 2, 3, 4, -4, 8, 127, -128),
    UINT8: (0, 1, 2, 3, 4, 8, 128, 255),
    INT64: (0, 1, -1, 2, 3, 4, -4, 6, 8, 12),
    FLOAT32: (0.0, -0.0, 1.0, -1.0, 2.5, float("inf"), float("nan")),
    FLOAT16: (0.0, -0.0, 1.0, -1.0, 2.5, 65504.0, float("inf"), float("nan")),
    BFLOAT16: (0.0, -0.0, 1.0, -1.0, 2.5, float("inf"), float("nan")),
    BOOL: (False, True),
}
VALUES = CONSTANTS | {INT64: (0, 1, -1, 5, 7, 8, 9, -9, 31, 1000, -1000)}
TESTED = tuple(CONSTANTS)
COMPARISONS = tuple(op for op, operator in BINARY.items() if operator.is_comparison)


def check(rng: random.Random, expr: Expr, ranges: Mapping[Var, Any], *, draws: int = 3) -> None:
    result = simplify(expr, ranges)
    assert result.dtype is expr.dtype, f"{expr} -> {result}"
    assert simplify(result, ranges) is result, f"{expr} -> {result}"
    bounds = int_range(expr, ranges) if expr.dtype.is_integer else (None, None)
    for _ in range(draws):
        values = {}
        for var in LEAVES:
            low, high = ranges.get(var, (0 if var.is_size else -(1 << 70), 1 << 70))
            is_number = var.dtype.is_integer
            fit = [v for v in VALUES[var.dtype] if not is_number or low <= v <= high]
            values[var] = rng.choice(fit or [low])
        if stays_in_int64(expr, values):
            before, after = evaluate(expr, values), evaluate(result, values)
            assert same_bits(before, after), f"{expr} -> {result} at {values}: {before}, {after}"
            assert bounds[0] is None or bounds[0] <= before, f"{expr} in {bounds} is {before}"
            assert bounds[1] is None or before <= bounds[1], f"{expr} in {bounds} is {before}"


LEAVES = [Var(f"{name}_{dtype}", dtype) for dtype in TESTED for name in "xy"]
SIZE = Var("n", INT64, is_size=True)
LEAVES.append(SIZE)


def operators(dtype: DType) -> list[str]:
    return [op for op in BINARY if BINARY[op].takes(dtype) and op != "pow"]


def some_leaf(rng: random.Random, dtype: DType) -> Expr:
    if rng.random() < 0.5:
        return Const(rng.choice(CONSTANTS[dtype]), dtype)
    return rng.choice([leaf for leaf in LEAVES if leaf.dtype is dtype])


def some_ranges(rng: random.Random) -> dict[Var, tuple[int, int]]:
    ranges = {}
    for var in LEAVES:
        if var.dtype.is_integer and rng.random() < 0.3:
            low, high = sorted(rng.choices(VALUES[var.dtype], k=2))
            if var.is_size:
                low, high = max(low, 0), max(high, 0)
            ranges[var] = (int(low), int(high))
    return ranges


def inner(rng: random.Random, dtype: DType) -> Iterator[Expr]:
    """Every operator that makes a ``dtype``, once, of leaves."""
    for op in operators(dtype):
        if not BINARY[op].is_comparison:
            yield Binary(op, some_leaf(rng, dtype), some_leaf(rng, dtype))
    for op in UNARY:
        if UNARY[op].takes(dtype):
            yield Unary(op, some_leaf(rng, dtype))
    for choice in (Select, IfThenElse):
        yield choice(some_leaf(rng, BOOL), some_leaf(rng, dtype), some_leaf(rng, dtype))
    for other in TESTED:
        if other is not dtype:
            yield Cast(some_leaf(rng, other), dtype)
        if dtype is BOOL:
            for op in COMPARISONS:
                if BINARY[op].takes(other):
                    yield Binary(op, some_leaf(rng, other), some_leaf(rng, other))


@pytest.mark.parametrize("dtype", TESTED, ids=str)
def test_every_pair_of_operators(dtype: DType) -> None:
    rng = random.Random(0)
    for _ in range(2):
        for below in inner(rng, dtype):
            ranges = some_ranges(rng)
            for op in operators(dtype):
                other = rng.choice([some_leaf(rng, dtype), below, *below.children[:2]])
                if other.dtype is not dtype:
                    other = some_leaf(rng, dtype)
                check(rng, Binary(op, below, other), ranges)
                check(rng, Binary(op, other, below), ranges)
            for op in UNARY:
                if UNARY[op].takes(dtype):
                    check(rng, Unary(op, below), ranges)


@pytest.mark.parametrize("dtype", [INT8, UINT8, INT64], ids=str)
def test_quotients_of_sums(dtype: DType) -> None:
    rng = random.Random(1)
    x, y = (leaf for leaf in LEAVES if leaf.dtype is dtype and leaf is not SIZE)
    for _ in range(800):
        a, b, c, d = (Const(rng.choice(CONSTANTS[dtype]), dtype) for _ in "abcd")
        total: Expr = Binary("mul", x, a)
        for part in rng.sample([Binary("mul", y, b), y, c, Binary("floordiv", y, b)], 2):
            total = Binary(rng.choice(["add", "sub"]), total, part)
        divide = rng.choice(["floordiv", "floormod", "truncdiv", "truncmod"])
        check(rng, Binary(divide, total, d), some_ranges(rng))
        check(rng, Binary(rng.choice(COMPARISONS), total, Binary("mul", y, d)), some_ranges(rng))


@pytest.mark.parametrize("dtype", [INT8, INT64], ids=str)
def test_quotients_of_quotients(dtype: DType) -> None:
    rng = random.Random(4)
    x = next(leaf for leaf in LEAVES if leaf.dtype is dtype)
    divisions = ("floordiv", "floormod", "truncdiv", "truncmod")
    constants = [Const(value, dtype) for value in CONSTANTS[dtype]]
    for first, second in itertools.product(divisions, repeat=2):
        for a, b in itertools.product(constants, repeat=2):
            check(rng, Binary(second, Binary(first, x, a), b), {}, draws=2)


@pytest.mark.parametrize("dtype", [INT8, INT64, FLOAT32], ids=str)
def test_pairs_of_comparisons(dtype: DType) -> None:
    rng = random.Random(2)
    x = next(leaf for leaf in LEAVES if leaf.dtype is dtype)
    for first, second, joined in itertools.product(COMPARISONS, COMPARISONS, ("and", "or")):
        for _ in range(6):
            shift = rng.choice([x, Binary("add", x, Const(1, dtype))])
            a = Binary(first, x, Const(rng.choice(CONSTANTS[dtype]), dtype))
            b = Binary(second, shift, Const(rng.choice(CONSTANTS[dtype]), dtype))
            check(rng, Binary(joined, a, b), {})


def test_every_chain_of_two_casts() -> None:
    numbers = (0, 1, 3, 127, 128, 255, 256, 300, 2**31, 2**32 + 5, 2**53 + 1, 2**63 - 1)
    for source, middle, to in itertools.product(ALL_DTYPES, repeat=3):
        x = Var("x", source)
        expr = Cast(Cast(x, middle), to)
        result = simplify(expr)
        for number in (*numbers, *(-number for number in numbers), 0.5, -0.5, 1e30):
            value = source.canonical(number)
            assert same_bits(evaluate(expr, {x: value}), evaluate(result, {x: value}))
        wide = simplify(Cast(Cast(x, to), to))
        assert wide is simplify(Cast(x, to))


def test_casts_within_ranges() -> None:
    rng = random.Random(3)
    integers = [dtype for dtype in ALL_DTYPES if dtype.is_integer]
    for middle, to in itertools.product(ALL_DTYPES, integers):
        x = Var("x", INT32)
        for high in (1, 127, 128, 255, 256, 1 << 24, (1 << 24) + 1):
            low = rng.choice([0, -1, -high])
            expr = Cast(Cast(x, middle), to)
            result = simplify(expr, {x: (low, high)})
            for value in (low, high, 0):
                assert same_bits(evaluate(expr, {x: value}), evaluate(result, {x: value}))


@pytest.mark.parametrize("op", BINARY_INTERVALS)
def test_intervals_hold_every_value(op: str) -> None:
    points = range(-5, 6)
    values = {
        (a, b): int(evaluate(Binary(op, Const(a, INT64), Const(b, INT64)), {}))
        for a in points
        for b in points
    }
    intervals = [(a, b) for a in points for b in points if a <= b]
    for x, y in itertools.product(intervals, repeat=2):
        found = BINARY_INTERVALS[op](x, y)
        if found is not None:
            for a, b in itertools.product({x[0], x[1], 0}, range(y[0], y[1] + 1)):
                if x[0] <= a <= x[1]:
                    assert found[0] <= values[a, b] <= found[1], f"{op} of {x} and {y}"


def test_intervals_of_one_operand() -> None:
    assert absolute((-3, 2)) == (0, 3)
    assert absolute((-3, -2)) == (2, 3)
    assert hull((0, 2), (5, 6)) == (0, 6)
