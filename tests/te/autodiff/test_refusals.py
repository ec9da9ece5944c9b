"""What cannot be differentiated is said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError
from texpr.ir.dtypes import FLOAT32
from texpr.ir.expr import Call
from texpr.ir.intrinsics import INTRINSICS

N = te.size_var("n")
A = te.placeholder((4, N), name="A")
I = te.placeholder((4, N), "int32", name="I")  # noqa: E741
B = te.compute((4, N), lambda i, j: A[i, j] * 2, name="B")
K = te.compute((4, N), lambda i, j: (A[i, j] * 2).astype("int32"), name="K")


def through_a_product_over_a_triangle() -> Any:
    V = te.placeholder((5,), name="V")

    def rule(i: Any) -> Any:
        k = te.reduce_axis((0, i + 1), name="k")
        return te.prod(V[k], axis=k)

    return te.gradient(te.compute((5,), rule, name="P"), [V])


class TableOp(te.Operation):
    """An operation that te does not know."""

    name = "T"

    def __init__(self, source: te.Tensor) -> None:
        self.source = source
        self.outputs = (te.Tensor("T", source.shape, FLOAT32, self, 0),)

    @property
    def input_tensors(self) -> tuple[te.Tensor, ...]:
        return (self.source,)


def through_a_table() -> Any:
    table = TableOp(A).output(0)
    C = te.compute((4, N), lambda i, j: table[i, j] * A[i, j], name="C")
    return te.gradient(C, [A])


def through_a_function_without_derivative() -> Any:
    opaque = replace(INTRINSICS["sin"], name="opaque", partials=())
    C = te.compute((4, N), lambda i, j: Call(opaque, (A[i, j],)) + 1.0, name="C")
    return te.gradient(C, [A])


WRONG: dict[str, tuple[Callable[[], Any], type[TexprError], str]] = {
    "an element": (
        lambda: te.gradient(B[0, 0], [A]),
        DTypeError,
        r"gradient: the output is <float32 B\[0, 0\]>; pass a tensor",
    ),
    "a number as input": (
        lambda: te.gradient(B, [A, 3]),
        DTypeError,
        r"gradient: input 1 is 3; pass a tensor",
    ),
    "the operation as input": (
        lambda: te.gradient(B, A.op),
        DTypeError,
        r"gradient: input 0 is <PlaceholderOp A>; pass a tensor",
    ),
    "an integer output": (
        lambda: te.gradient(K, [A]),
        DTypeError,
        (
            r"gradient: the output, K, is int32, and integers have no derivative; pass a tensor of "
            r"floats"
        ),
    ),
    "an integer input": (
        lambda: te.gradient(B, [A, I]),
        DTypeError,
        r"gradient: input 1, I, is int32, and integers have no derivative",
    ),
    "an integer head": (
        lambda: te.gradient(B, [A], I),
        DTypeError,
        r"gradient: the head, I, is int32, and integers have no derivative",
    ),
    "an array as head": (
        lambda: te.gradient(B, [A], [[1.0]]),  # type: ignore[arg-type]
        DTypeError,
        r"gradient: the head is \[\[1.0\]\]; pass a tensor",
    ),
    "a head of another shape": (
        lambda: te.gradient(B, [A], te.placeholder((3, 4, 5), name="H")),
        ShapeError,
        (
            r"gradient: the head H has the shape \(3, 4, 5\), which does not end with \(4, n\), "
            r"that of B; pass a head of shape prefix \+ \(4, n\)"
        ),
    ),
    "a head of too few dimensions": (
        lambda: te.gradient(B, [A], te.placeholder((N,), name="H")),
        ShapeError,
        r"gradient: the head H has the shape \(n\), which does not end with \(4, n\), that of B",
    ),
    "a function without derivative": (
        through_a_function_without_derivative,
        TexprError,
        (
            r"gradient: opaque has no derivative, in opaque\(A\[i, j\]\); declare that part with "
            r"functions that have one"
        ),
    ),
    "an operation of another kind": (
        through_a_table,
        TexprError,
        (
            r"gradient: T is computed from A by TableOp, of which no derivative is known; "
            r"declare it with te.compute, or differentiate up to T and "
            r"from there on and put them together"
        ),
    ),
    "a product over a dependent range": (
        through_a_product_over_a_triangle,
        TexprError,
        (
            r"gradient: P reduces by 'prod' over 'k', whose range depends on 'i'; make it a "
            r"constant range and pass the condition as where="
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    wrong, error, text = WRONG[name]
    with pytest.raises(error, match=text):
        wrong()


def test_a_table_that_does_not_depend_on_the_inputs_is_a_constant() -> None:
    table = TableOp(A).output(0)
    D = te.placeholder((4, N), name="D")
    C = te.compute((4, N), lambda i, j: table[i, j] * D[i, j], name="C")
    (dD,) = te.gradient(C, [D], te.placeholder((4, N), name="dC"))
    assert dD.op.input_tensors[1] is table
