"""The tables of docs/types.md are what promotion and the operators say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.markdown_pages import Page
from texpr import te
from texpr.errors import DTypeError
from texpr.ir.dtypes import ALL_DTYPES, BOOL, DType, promote
from texpr.ir.expr import Var, binary, unary
from texpr.ir.functions import call
from texpr.ir.intrinsics import INTRINSICS
from texpr.ir.operators import BINARY, UNARY
from texpr.kernel.declare import ELEMENT_TYPES

SHORT = {kind.element: name for name, kind in ELEMENT_TYPES.items()}
COLUMNS = {
    "bool": ("bool",),
    "int, uint": tuple(d.name for d in ALL_DTYPES if d.is_integer),
    "float16, bfloat16": ("float16", "bfloat16"),
    "float32, float64": ("float32", "float64"),
}

Build = Callable[[DType], DType]


def promotion_table() -> list[str]:
    rows = [[SHORT[a], *(SHORT[promote(a, b)] for b in ALL_DTYPES)] for a in ALL_DTYPES]
    return markdown(["", *(SHORT[d] for d in ALL_DTYPES)], rows)


def result(build: Build, dtype: DType) -> str:
    try:
        found = build(dtype)
    except DTypeError:
        return "-"
    return "same" if found is dtype and not found.is_bool else found.name


def cells(build: Build) -> tuple[str, ...]:
    """The results by column, in which all types must behave alike."""
    found = []
    for names in COLUMNS.values():
        results = {result(build, d) for d in ALL_DTYPES if d.name in names}
        assert len(results) == 1, results
        found.append(results.pop())
    return tuple(found)


def operators() -> list[tuple[str, str, tuple[str, ...]]]:
    """Each operator and function: how it is written, its ulps, its results."""
    found: list[tuple[str, str, tuple[str, ...]]] = []

    def add(symbol: str, ulps: str, build: Build) -> None:
        found.append((symbol, ulps, cells(build)))

    for op, operator in BINARY.items():
        ulps = f"{operator.ulps:g}"
        symbol = f"te.{operator.symbol}" if operator.is_function else operator.symbol
        symbol = {"and": "te.all", "or": "te.any"}.get(op, symbol)
        add(symbol, ulps, lambda d, op=op: binary(op, Var("x", d), Var("y", d)).dtype)
    for op in UNARY:
        if op != "not":  # te writes it as ~
            symbol = {"neg": "-x", "abs": "te.abs", "invert": "~"}[op]
            add(symbol, "0", lambda d, op=op: unary(op, Var("x", d)).dtype)
    choice: Build = lambda d: te.select(Var("c", BOOL), Var("x", d), Var("y", d)).dtype  # noqa: E731
    add("te.select", "0", choice)
    add("te.if_then_else", "0", choice)
    for name, function in INTRINSICS.items():
        ulps = f"{function.ulps:g}"
        add(
            f"te.{name}", ulps,
            lambda d, n=name, f=function: call(n, *(Var("x", d) for _ in range(f.arity))).dtype,
        )  # fmt: skip
    for name in ("sum", "prod", "max", "min", "argmax", "argmin", "all", "any"):
        ulps = "by order" if name in ("sum", "prod") else "0"
        add(f"te.{name}(axis=)", ulps, lambda d, n=name: reduced(n, d))
    return found


def reduced(name: str, dtype: DType) -> DType:
    A, k = te.placeholder((4,), dtype, name="A"), te.reduce_axis((0, 4), name="k")
    made = te.compute((), lambda: getattr(te, name)(A[k], axis=k), name="R")
    last: te.Tensor = made[-1] if isinstance(made, tuple) else made
    return last.dtype


def operator_table() -> list[str]:
    grouped: dict[tuple[Any, ...], list[str]] = {}
    for symbol, ulps, results in operators():
        symbols = grouped.setdefault((ulps, results), [])
        if symbol not in symbols:
            symbols.append(symbol)
    rows = [
        [" ".join(f"`{symbol}`" for symbol in symbols).replace("|", "\\|"), *results, ulps]
        for (ulps, results), symbols in grouped.items()
    ]
    return markdown(["operator or function", *COLUMNS, "ulps"], rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


@pytest.mark.parametrize("table", [promotion_table, operator_table])
def test_the_tables_of_the_page_are_true(table: Callable[[], list[str]]) -> None:
    wanted = "\n".join(table())
    assert wanted in Page("docs/types.md").text, f"the page should say\n{wanted}"
