"""Whatever a user may do wrong: each gets an error of texpr's that names the thing and the way out.

The tests of the parts go into the details; here stands one of every kind, from the declaration to
the call, and the form of all their texts is checked: ``<operation>: <what is wrong, with the
values>; <what to do>``.
"""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import texpr
from tests.target.exporters import Exporter
from texpr import te
from texpr.errors import (
    BoundsError,
    DTypeError,
    InternalError,
    LoweringError,
    ScheduleError,
    ShapeError,
    TargetError,
    TexprError,
)


@dataclass
class Program:
    """Two stages, B over data and C a reduction, on an input A; and things to misuse."""

    A: te.Tensor
    B: te.Tensor
    C: te.Tensor
    k: Any
    s: te.TeSchedule
    n: Any
    V: te.Tensor
    I: te.Tensor  # noqa: E741 - short as the others
    U: te.Tensor
    P: te.Tensor
    Z: te.Tensor

    @staticmethod
    def make(rows: Any = 8) -> Program:
        n = te.var("n")
        A = te.placeholder((rows, 4), name="A")
        k = te.reduce_axis((0, 4), name="k")
        B = te.compute((rows, 4), lambda i, j: A[i, j] + 1, name="B")
        C = te.compute((rows,), lambda i: te.sum(B[i, k], axis=k), name="C")
        vectors = {
            name: te.placeholder((8,), dtype, name=name)
            for name, dtype in (("V", "float32"), ("I", "int32"), ("U", "uint8"), ("P", "bool"))
        }
        Z = te.placeholder((), name="Z")
        return Program(A, B, C, k, te.create_schedule(C.op), n, *vectors.values(), Z)

    def rule(self, rule: Callable[..., Any], shape: Any = (8,)) -> Any:
        return te.compute(shape, rule, name="T")

    @functools.cached_property
    def kernel(self) -> texpr.Kernel:
        return texpr.build(self.s, [self.A, self.C])


def array(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def read_only(*shape: int) -> np.ndarray:
    made = array(*shape)
    made.flags.writeable = False
    return made


SHARED = array(8, 4)


def huge(p: Program) -> Any:
    T = te.compute((1 << 20,), lambda i: i, name="T")
    s = te.create_schedule(T.op)
    s[T].unroll("i")
    return texpr.build(s)


def symbolic(p: Program) -> Program:
    return Program.make(te.var("n"))


# What is done: (the error, what its text says).
DECLARING = {
    "a negative extent": (
        lambda p: te.placeholder((-1,), name="X"),
        ShapeError,
        r"extent 0 .* is -1",
    ),
    "a float extent": (
        lambda p: te.placeholder((2.5,), name="X"),
        DTypeError,
        r"2\.5 is no integer",
    ),
    "a shape that is data": (
        lambda p: te.placeholder((p.I[0],), name="X"),
        ShapeError,
        r"depends on I\[0\], which is data",
    ),
    "an unknown type": (lambda p: te.placeholder((4,), "f32"), DTypeError, r"'f32' is not a type"),
    "a type of 8 bits": (lambda p: te.var("x", "float8_e5m2"), DTypeError, r"'float8_e5m2' is not"),
    "a narrower type to compute in": (
        lambda p: te.multiply(p.A[0, 0], p.A[0, 0], dtype="float16"),
        DTypeError,
        r"\*: A\[0, 0\] is float32 and dtype='float16' does not hold its values",
    ),
    "products that wrapped": (
        lambda p: te.sum(p.U[p.k] * p.U[p.k], axis=p.k, dtype="int32"),
        DTypeError,
        r"sum: the terms .* are computed in uint8, and wrap before they are int32; compute them",
    ),
    "a sum in 16 bits": (
        lambda p: te.sum(p.A[0, p.k], axis=p.k, dtype="bfloat16"),
        DTypeError,
        r"sum: dtype='bfloat16' is for storing, and a sum of it is made in float32; leave dtype=",
    ),
    "a keyword as a name": (lambda p: te.var("class"), TexprError, r"'class' cannot be a name"),
    "a number as a name": (lambda p: te.placeholder((4,), name=4), DTypeError, r"4 is no string"),
    "a size of floats": (lambda p: te.size_var("x", "float32"), DTypeError, r"not float32"),
    "a range backwards": (
        lambda p: te.reduce_axis((5, 0)),
        ShapeError,
        r"\(5, 0\) of 'rv' runs back",
    ),
    "a range that is no pair": (
        lambda p: te.reduce_axis(8),
        ShapeError,
        r"the range 8 of 'rv' is no",
    ),
    "a range of floats": (lambda p: te.reduce_axis((0, 1.5)), DTypeError, r"1\.5 is no integer"),
    "a thread": (lambda p: te.reduce_axis((0, 4), "k", "vthread"), TexprError, r"targets CPUs"),
    "arguments the wrong way round": (
        lambda p: te.compute(lambda i: i, (8,)),
        DTypeError,
        r"extent 0 .* <function .*> is no integer",
    ),
    "no rule": (lambda p: te.compute((8,), 3), DTypeError, r"is 3; pass a function"),
    "a rule of two axes": (
        lambda p: p.rule(lambda i, j: i),
        ShapeError,
        r"takes 2 indices \(i, j\)",
    ),
    "no result": (lambda p: p.rule(lambda i: None), DTypeError, r"returns None"),
    "an empty result": (lambda p: p.rule(lambda i: ()), DTypeError, r"returns nothing"),
    "text as a result": (lambda p: p.rule(lambda i: "x"), DTypeError, r"'x' \(str\) is neither"),
    "a whole tensor as a result": (
        lambda p: p.rule(lambda i: p.V),
        DTypeError,
        r"V: a whole tensor",
    ),
}

EXPRESSIONS = {
    "too many subscripts": (lambda p: p.V[0, 1], ShapeError, r"V\[0, 1\]: 2 subscripts for 1 dim"),
    "too few subscripts": (lambda p: p.A[0] + 1, ShapeError, r"A\[0\]: 1 of 2 subscripts"),
    "a float subscript": (lambda p: p.V[0.5], DTypeError, r"V: subscript 0: 0\.5 is no integer"),
    "a float element as one": (lambda p: p.V[p.V[0]], DTypeError, r"V\[0\] is float32, not an int"),
    "a negative subscript": (lambda p: p.V[-1], BoundsError, r"subscript -1 .* outside 0\.\.8-1"),
    "a subscript beyond": (lambda p: p.V[8], BoundsError, r"subscript 8 .* outside 0\.\.8-1"),
    "a slice with a step of 0": (lambda p: p.V[::0], ShapeError, r"the step of slice ::0 .* is 0"),
    "a slice in a rule": (
        lambda p: p.rule(lambda i: p.A[i, :]),
        TexprError,
        r"A\[i, :\]: the axis 'i' has a value only in the rule",
    ),
    "a subscript of a scalar": (lambda p: p.Z[0], ShapeError, r"Z\[0\]: 1 subscripts for 0 dim"),
    "a loop over a tensor": (lambda p: [*p.V], DTypeError, r"V: a tensor cannot be looped over"),
    "a loop over a size": (
        lambda p: range(p.n),
        DTypeError,
        r"n is an expression and has no value",
    ),
    "a whole tensor with an element": (
        lambda p: te.exp(p.rule(lambda i: p.V[i] + p.V)),
        TexprError,
        r"add: the axis 'i' has a value only in the rule .* index the tensors in the rule, V\[i\]",
    ),
    "if": (
        lambda p: p.rule(lambda i: 1 if i == 0 else 2),
        DTypeError,
        r"truth value: i == 0 is an",
    ),
    "and": (lambda p: p.rule(lambda i: i > 0 and i < 3), DTypeError, r"truth value: i > 0 is an"),
    "a chain": (
        lambda p: p.rule(lambda i: 0 < i < 3),
        DTypeError,
        r"truth value: i > 0 is an expr",
    ),
    "elements compared": (
        lambda p: bool(p.V[0] == p.V[1]),
        DTypeError,
        r"truth value: V\[0\] == V",
    ),
    "Python's max": (lambda p: max(p.V[0], 0), DTypeError, r"truth value"),
    "a tensor compared": (
        lambda p: p.V == 0,
        DTypeError,
        r"V: == tells whether two tensors are the",
    ),
    "int / int": (lambda p: p.I[0] / p.I[1], DTypeError, r"ambiguous division of integers"),
    "bool + bool": (lambda p: p.P[0] + p.P[1], DTypeError, r"has operands of bool; cast"),
    "~ float": (lambda p: ~p.V[0], DTypeError, r"has operands of float32; cast"),
    "uint8 + 300": (lambda p: p.U[0] + 300, DTypeError, r"300 does not fit uint8 \(0 to 255\)"),
    "exp of an int": (
        lambda p: te.exp(p.I[0]),
        DTypeError,
        r"I\[0\] is int32 and exp takes a float",
    ),
    "NumPy's exp": (lambda p: np.exp(p.V[0]), DTypeError, r"np\.exp: V\[0\] .* te\.exp"),
    "an array": (lambda p: p.V[0] + np.ones(3), DTypeError, r"\(ndarray\) is neither a number nor"),
    "text": (lambda p: p.V[0] + "1", DTypeError, r"'1' \(str\) is neither a number nor"),
    "a choice by a number": (
        lambda p: te.if_then_else(p.I[0], 1, 2),
        DTypeError,
        r"I\[0\] is int32",
    ),
    "shapes that do not broadcast": (lambda p: p.A + p.V, ShapeError, r"dimension 1 is 4 and 8"),
    "a constant that is no integer": (
        lambda p: te.const(0.5),
        DTypeError,
        r"0\.5 is not an integer",
    ),
}

REDUCING = {
    "a reduction in an expression": (
        lambda p: p.rule(lambda i: te.sum(p.A[i, p.k], axis=p.k) + 1),
        TexprError,
        r"sum: a reduction must be the whole rule",
    ),
    "an axis outside a reduction": (
        lambda p: p.rule(lambda i: p.A[i, p.k]),
        TexprError,
        r"axis 'k' has no value in 'T' \(axes i\)",
    ),
    "a data axis": (
        lambda p: p.rule(lambda i: te.sum(p.V[i], axis=i)),
        TexprError,
        r"axis=i is no",
    ),
    "an axis by its number": (
        lambda p: te.sum(p.V[0], axis=0),
        TexprError,
        r"axis=0 is no reduction",
    ),
    "no axis": (lambda p: te.sum(p.V[0], axis=[]), ShapeError, r"names no axis"),
    "an axis twice": (lambda p: te.sum(p.A[0, p.k], axis=[p.k, p.k]), TexprError, r"given twice"),
    "an axis by position": (
        lambda p: te.sum(p.A[0, p.k], p.k),
        TexprError,
        r"te\.sum\(…, axis=k\)",
    ),
    "a whole tensor": (lambda p: te.sum(p.V), TexprError, r"sum: the tensor V and no axis="),
    "axes in the wrong order": (
        lambda p: p.rule(
            lambda i: te.sum(p.A[i, 0], axis=[te.reduce_axis((0, p.k), name="l"), p.k])
        ),
        TexprError,
        r"the range of axis 'l' of 'T' depends on 'k', which comes after it",
    ),
    "a combination of one argument": (
        lambda p: te.comm_reducer(lambda x: x, lambda t: 0),
        TexprError,
        r"fcombine takes \(x\), not 2",
    ),
    "a combination of two values for one": (
        lambda p: te.comm_reducer(lambda x, y: (x, y), lambda t: 0)(p.V[p.k], axis=p.k),
        TexprError,
        r"returns 2 components of 1",
    ),
    "a combination of another type": (
        lambda p: te.comm_reducer(lambda x, y: x + y * 0.5, lambda t: 0)(p.I[p.k], axis=p.k),
        DTypeError,
        r"turns int32 into float32",
    ),
    "where that is no condition": (
        lambda p: te.sum(p.V[p.k], axis=p.k, where=p.k),
        DTypeError,
        r"the condition k is int64",
    ),
    "init over the axis": (
        lambda p: p.rule(lambda i: te.sum(p.V[p.k], axis=p.k, init=p.V[p.k])),
        TexprError,
        r"init= of 'T' depends on the reduction axis 'k'",
    ),
}

SCHEDULING = {
    "nothing to schedule": (lambda p: te.create_schedule([]), TexprError, r"no operation given"),
    "an input to schedule": (lambda p: te.create_schedule(p.A.op), TexprError, r"'A' is an input"),
    "an element to schedule": (
        lambda p: te.create_schedule(p.A[0, 0]),
        TexprError,
        r"is neither a",
    ),
    "an unknown policy": (
        lambda p: te.create_schedule(p.C.op, fp="loose"),
        ScheduleError,
        r"'loose'",
    ),
    "a tensor of another program": (
        lambda p: p.s[p.V],
        ScheduleError,
        r"'V' does not belong to this",
    ),
    "the stage of an input": (
        lambda p: p.s[p.A],
        ScheduleError,
        r"'A' is an input and has no loops",
    ),
    "an unknown stage": (lambda p: p.s["D"], ScheduleError, r"no stage 'D'.*the stages are B, C"),
    "an unknown loop": (
        lambda p: p.s["C"].unroll("kk"),
        ScheduleError,
        r"no loop 'kk'; did you mean",
    ),
    "a loop by its number": (lambda p: p.s["C"].unroll(0), ScheduleError, r"0 is no loop"),
    "loops in a list": (lambda p: p.s["B"].reorder(["j", "i"]), ScheduleError, r"reorder\(j, i\)"),
    "an axis of another stage": (
        lambda p: p.s["C"].unroll(p.B.op.axis[1]),
        ScheduleError,
        r"'j' is a loop of stage 'B', not of",
    ),
    "an axis that was split": (
        lambda p: (p.s["C"].split(p.k, 2), p.s["C"].unroll(p.k)),
        ScheduleError,
        r"loop 'k' of 'C' became k_o and k_i",
    ),
    "factor 0": (
        lambda p: p.s["C"].split("i", 0),
        ScheduleError,
        r"factor 0 .* must be at least 1",
    ),
    "a float factor": (
        lambda p: p.s["C"].split("i", 1.5),
        ScheduleError,
        r"factor 1\.5 .* no number",
    ),
    "a symbolic factor": (
        lambda p: p.s["C"].split("i", p.n),
        ScheduleError,
        r"<int64 n> .* no number",
    ),
    "no factor": (lambda p: p.s["C"].split("i"), ScheduleError, r"neither factor= nor nparts="),
    "factor and nparts": (lambda p: p.s["C"].split("i", 2, 2), ScheduleError, r"both factor= and"),
    "a tile of one loop": (
        lambda p: p.s["B"].tile("i", "i", 2, 2),
        ScheduleError,
        r"'i' is given twice",
    ),
    "fused loops that are apart": (
        lambda p: p.s["B"].fuse("j", "i"),
        ScheduleError,
        r"not directly",
    ),
    "a loop twice": (lambda p: p.s["B"].reorder("i", "i"), ScheduleError, r"'i' is given twice"),
    "vectors of a symbolic extent": (
        lambda p: symbolic(p).s["B"].vectorize("i"),
        ScheduleError,
        r"the extent n of loop 'i' is known",
    ),
    "copies of a symbolic extent": (
        lambda p: symbolic(p).s["B"].unroll("i"),
        ScheduleError,
        r"the extent n of loop 'i' is known",
    ),
    "vectors of vectors": (
        lambda p: (p.s["B"].vectorize("i"), p.s["B"].vectorize("j")),
        ScheduleError,
        r"vectorized already",
    ),
    "a split of a vector": (
        lambda p: (p.s["B"].vectorize("i"), p.s["B"].split("i", 2)),
        ScheduleError,
        r"vectorized already",
    ),
    "an inlined output": (lambda p: p.s["C"].compute_inline(), ScheduleError, r"'C' is"),
    "undo of nothing": (lambda p: p.s.undo(), ScheduleError, r"no primitive was applied yet"),
    "a huge loop unrolled": (huge, LoweringError, r"makes 1048576 statements, more than 16384"),
}

BUILDING = {
    "no schedule": (
        lambda p: texpr.build(p.C, [p.A, p.C]),
        DTypeError,
        r"<tensor C.*> is no schedule",
    ),
    "a missing argument": (
        lambda p: texpr.build(p.s, [p.C]),
        LoweringError,
        r"argument 'A' is missing",
    ),
    "an argument twice": (
        lambda p: texpr.build(p.s, [p.A, p.A, p.C]),
        LoweringError,
        r"given twice",
    ),
    "a tensor computed elsewhere": (
        lambda p: texpr.build(p.s, [p.A, p.C, p.rule(lambda i: i)]),
        LoweringError,
        r"not computed by",
    ),
    "an array as an argument": (
        lambda p: texpr.build(p.s, [array(8, 4), p.C]),
        DTypeError,
        r"argument 0 is array",
    ),
    "an unknown target": (
        lambda p: texpr.build(p.s, target="lvm"),
        TargetError,
        r"did you mean 'llvm'",
    ),
    "a bad name": (
        lambda p: texpr.build(p.s, name="a b"),
        LoweringError,
        r"'a b' cannot name a kernel",
    ),
    "a read beyond the end": (
        lambda p: texpr.build(te.create_schedule(p.rule(lambda i: p.V[i + 1]).op)),
        BoundsError,
        r"T\[i\] = V\[i \+ 1\] \(test_bad_input\.py:\d+\): at i=7 it reads",
    ),
}

CALLING = {
    "an argument is missing": (
        lambda p: p.kernel(),
        TexprError,
        r"missing the argument A; call it as",
    ),
    "an argument too many": (
        lambda p: p.kernel(array(8, 4), array(8), array(8)),
        TexprError,
        r"3 arguments were given",
    ),
    "an unknown name": (
        lambda p: p.kernel(X=array(8, 4)),
        TexprError,
        r"no parameter is called 'X'",
    ),
    "another rank": (
        lambda p: p.kernel(array(8)),
        ShapeError,
        r"A has 1 dimension, shape \(8,\), where",
    ),
    "another extent": (
        lambda p: p.kernel(array(8, 5)),
        ShapeError,
        r"A's extent 1 is 5 where 4 is",
    ),
    "another type": (
        lambda p: p.kernel(array(8, 4, dtype="float64")),
        DTypeError,
        r"A is float64 where float32 is",
    ),
    "objects": (
        lambda p: p.kernel(array(8, 4, dtype="object")),
        DTypeError,
        r"holds Python objects",
    ),
    "a list": (lambda p: p.kernel([[0.0] * 4] * 8), DTypeError, r"A is a list, not an array"),
    "None": (lambda p: p.kernel(None), DTypeError, r"A is None, not an array"),
    "a read-only output": (
        lambda p: p.kernel(array(8, 4), read_only(8)),
        TexprError,
        r"C is read-only, and the kernel",
    ),
    "a tensor of another device": (
        lambda p: p.kernel(Exporter(array(8, 4), device_type=2)),
        DTypeError,
        r"A is a tests.target.exporters.Exporter in the memory of another device \(CUDA\)",
    ),
    "a pickled operation": (
        lambda p: pickle.dumps(p.C.op),
        TexprError,
        r"pickle: the operation C is a rule",
    ),
    "an output that is also an input": (
        lambda p: p.kernel(SHARED, SHARED.reshape(-1)[:8]),
        TexprError,
        r"overlaps A",
    ),
}

TABLE = {
    f"{part}: {case}": entry
    for part, cases in (
        ("declaring", DECLARING),
        ("expressions", EXPRESSIONS),
        ("reducing", REDUCING),
        ("scheduling", SCHEDULING),
        ("building", BUILDING),
        ("calling", CALLING),
    )
    for case, entry in cases.items()
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input(case):
    action, error, message = TABLE[case]
    with pytest.raises(error, match=message) as raised:
        action(Program.make())
    text = str(raised.value)
    assert not isinstance(raised.value, InternalError)
    assert raised.value.__cause__ is None or isinstance(raised.value, TexprError)
    assert re.search(r"\S: \S|^unknown target", text), "it says which operation refuses"
    assert re.search(r"\S; \S| must be ", text), "it says what to do"
    for word in ("isl", "LLVM ERROR", "llvmlite", "object at 0x", "NoneType' object", "KeyError"):
        assert word not in text


@pytest.mark.parametrize(
    "error", [ShapeError, DTypeError, BoundsError, ScheduleError, LoweringError]
)
def test_errors_are_also_pythons(error):
    words = {ShapeError: ValueError, DTypeError: TypeError, BoundsError: IndexError}
    assert issubclass(error, (TexprError, words.get(error, ValueError)))
    assert issubclass(error, words.get(error, ValueError))


def test_errors_travel_between_processes():
    p = Program.make()
    with pytest.raises(ScheduleError) as raised:
        p.s["C"].split("i", 0)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_nothing_is_left_behind_by_an_error():
    """A schedule still builds and runs after all that was refused on it."""
    p = Program.make()
    before = str(p.s)
    for action, _, _ in SCHEDULING.values():
        q = Program.make()
        with pytest.raises(TexprError):
            action(q)
    for refused in (lambda: p.s["C"].split("i", 0), lambda: p.s["B"].fuse("j", "i")):
        with pytest.raises(ScheduleError):
            refused()
    assert str(p.s) == before
    np.testing.assert_array_equal(p.kernel(array(8, 4)), np.full(8, 4, "float32"))
