"""``te.create_schedule``: which stages there are, in which order, and what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import ScheduleError, TexprError


def diamond():
    A = te.placeholder((4,), "int32", name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    C = te.compute((4,), lambda i: B[i] * 2, name="C")
    D = te.compute((4,), lambda i: B[i] - C[i], name="D")
    return A, B, C, D


def test_golden(golden):
    _, B, _, D = diamond()
    golden(str(te.create_schedule([D.op, B.op])), "te_stages")


def test_stages_are_in_order_of_dependence():
    A, B, C, D = diamond()
    s = te.create_schedule(D.op)
    assert [stage.name for stage in s.stages] == ["B", "C", "D"]
    assert [stage.op for stage in s.stages] == [B.op, C.op, D.op]
    assert s.outputs == (D.op,)
    assert repr(s) == "<schedule of B, C, D after 0 primitives>"
    check_readings(s, [D], {A: filled(4, dtype="int32")})


@pytest.mark.parametrize("what", ["op", "tensor", "list of ops", "tuple of tensors", "twice"])
def test_what_it_takes(what):
    A, _, C, D = diamond()
    given = {
        "op": D.op, "tensor": D, "list of ops": [C.op, D.op], "tuple of tensors": (C, D),
        "twice": [D, D.op],
    }[what]  # fmt: skip
    s = te.create_schedule(given)
    outputs = [C, D] if len(s.outputs) == 2 else [D]
    check_readings(s, outputs, {A: filled(4, dtype="int32")})


def test_its_name_and_policy():
    _, _, _, D = diamond()
    assert te.create_schedule(D.op).declared.name == "D"
    s = te.create_schedule(D.op, name="diamond", fp="exact", contract=False)
    assert s.declared.name == "diamond"
    assert str(s).startswith("def diamond(")
    assert (s.declared.float_policy.order, s.declared.float_policy.contract) == ("exact", False)


def test_stages_of_one_name():
    A = te.placeholder((4,), "int32", name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="A")
    C = te.compute((4,), lambda i: B[i] + A[i], name="A")
    s = te.create_schedule(C.op)
    assert [stage.name for stage in s.stages] == ["A_1", "A_2"]
    s[B].split("i", factor=2)
    s["A_2"].unroll("i")
    assert [axis.name for axis in s[B].loops] == ["i_o", "i_i"]
    check_readings(s, [C], {A: filled(4, dtype="int32")})


def test_names_that_python_and_the_printer_use():
    """A tensor called as a function of the printed text, a size, and an axis, all alike."""
    i = te.var("i")
    A = te.placeholder((i,), "int32", name="range")
    B = te.compute((i,), lambda i: te.max(A[i], 0), name="max")
    C = te.compute((i,), lambda i: B[i] + 1, name="i")
    s = te.create_schedule(C.op)
    check_readings(s, [C], {A: filled(4, dtype="int32")}, sizes={i: 4})


def test_outputs_that_depend_on_each_other():
    A, B, C, D = diamond()
    s = te.create_schedule([D.op, C.op, B.op])
    check_readings(s, [D, C, B], {A: filled(4, dtype="int32")})


def test_a_long_chain():
    A = te.placeholder((3,), "int64", name="A")
    T = A
    for _ in range(30):
        T = te.compute((3,), lambda i, T=T: T[i] + 1, name="T")
    s = te.create_schedule(T.op)
    assert len(s.stages) == 30
    for stage in s.stages[:-1]:
        stage.compute_inline()
    assert str(s).count("\n") == 2
    check_readings(s, [T], {A: np.arange(3)}, expected=[np.arange(3) + 30])


WRONG = {
    "nothing": (None, r"create_schedule: None is neither a tensor nor an operation; pass C.op"),
    "no operations": ([], r"create_schedule: no operation given; pass C.op"),
    "a name": ("C", r"create_schedule: 'C' is neither a tensor nor an operation"),
    "an element": (
        te.placeholder((4,), name="A")[0],
        r"create_schedule: <float32 A\[0\]> is neither a tensor",
    ),
    "an input": (
        te.placeholder((4,), name="A").op,
        r"create_schedule: 'A' is an input and computes nothing; pass the operation of a te",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case):
    given, message = WRONG[case]
    with pytest.raises(TexprError, match=message):
        te.create_schedule(given)


@pytest.mark.parametrize("fp", ["slow", None, []])
def test_a_policy_that_does_not_exist(fp):
    _, _, _, D = diamond()
    with pytest.raises(
        ScheduleError,
        match=r"create_schedule: fp=.* is unknown; it is one of 'exact', 'reassoc', 'fast'",
    ):
        te.create_schedule(D.op, fp=fp)


def test_a_bad_name():
    _, _, _, D = diamond()
    with pytest.raises(TexprError, match=r"create_schedule: 'for' cannot be a name"):
        te.create_schedule(D.op, name="for")


def test_stages_that_are_not_there():
    A, _, _, D = diamond()
    s = te.create_schedule(D.op)
    other = te.compute((4,), lambda i: i, name="E")
    with pytest.raises(
        ScheduleError,
        match=r"schedule: 'E' does not belong to this schedule, whose stages are B, C, D; make the "
        r"schedule from an operation that depends on it",
    ):
        s[other]
    with pytest.raises(
        ScheduleError, match=r"schedule: 'A' is an input and has no loops to schedule"
    ):
        s[A]
