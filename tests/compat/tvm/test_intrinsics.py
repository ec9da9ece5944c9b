"""Intrinsics of a program's own."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import intrinsics, te
from texpr.compat.tvm.ir import register_intrin_lowering, register_op_attr
from texpr.errors import ArgumentError, DTypeError, TexprError

X = te.var("x", "float32")


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(intrinsics, "_RULES", {})


def test_an_intrinsic_of_ones_own():
    def mylog(x):
        return tvm.tir.call_intrin(x.dtype, "tir.mylog", x)

    def rule(op):
        assert isinstance(op, tvm.tir.Call)
        assert op.op.name == "tir.mylog"
        return te.log(op.args[0]) if op.dtype == "float32" else op

    register_op_attr("tir.mylog", "TCallEffectKind", tvm.tir.CallEffectKind.Pure)
    register_intrin_lowering("tir.mylog", target="cuda", f=rule, level=99)
    A = te.placeholder((5,), name="A")
    B = te.compute(A.shape, lambda i: mylog(A[i]), name="B")
    a = np.arange(1, 6, dtype="float32")
    made = tvm.build(te.create_schedule(B.op), [A, B])(a)
    tvm.testing.assert_allclose(made, np.log(a), rtol=1e-6)
    with pytest.raises(
        ArgumentError, match=r"call_intrin: no rule turns 'tir\.mylog' into an expr"
    ):
        mylog(te.var("y", "float64"))


def test_the_rule_of_the_greatest_level_is_asked_first_and_those_for_cpus_before():
    for target, level, factor in (("llvm", 1, 2.0), ("llvm", 5, 3.0), ("cuda", 99, 5.0)):
        register_intrin_lowering("tir.f", target, level=level)(
            lambda op, factor=factor: op.args[0] * factor
        )
    assert str(tvm.tir.call_intrin("float32", "tir.f", X)) == "x*3.0"
    register_intrin_lowering("tir.f", "default", f=lambda op: op, level=7)
    assert str(tvm.tir.call_intrin("float32", "tir.f", X)) == "x*3.0"


def test_functions_of_texpr_are_intrinsics_and_a_rule_for_one_warns():
    assert tvm.tir.call_intrin("float32", "tir.exp", X) is te.exp(X)
    with pytest.warns(intrinsics.UnusedRuleWarning, match=r"texpr computes 'tir\.exp' itself"):
        register_intrin_lowering("tir.exp", target="cuda", f=lambda op: op.args[0])
    assert te.exp(X) is not X
    assert tvm.tir.call_intrin("float32", "tir.exp", X) is X


def test_mistakes():
    with pytest.raises(
        TexprError, match=r"register_op_attr: 'TCallEffectKind' of 'tir\.f' is <Call"
    ):
        register_op_attr("tir.f", "TCallEffectKind", tvm.tir.CallEffectKind.Opaque)
    with pytest.raises(TexprError, match=r"register_op_attr: 'TVectorizable' of 'tir\.f' is True"):
        register_op_attr("tir.f", "TVectorizable", True)
    with pytest.raises(ArgumentError, match=r"no rule turns 'tir\.g' into an .*; register one"):
        tvm.tir.call_intrin("float32", "tir.g", X)
    with pytest.raises(ArgumentError, match=r"into an expression; did you mean 'exp'"):
        tvm.tir.call_intrin("float32", "tir.expp", X)
    with pytest.raises(DTypeError, match=r"returns <float32 .* where an expression of float64 is"):
        tvm.tir.call_intrin("float64", "tir.exp", X)
    register_intrin_lowering("tir.h", "llvm", f=lambda op: 3)
    with pytest.raises(DTypeError, match=r"the rule of 'tir\.h' returns 3 where an expression of"):
        tvm.tir.call_intrin("float32", "tir.h", X)
