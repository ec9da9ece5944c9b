"""Targets under TVM's names."""

from __future__ import annotations

import warnings

import pytest

import texpr
from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.errors import DTypeError, TargetError

ELSEWHERE = "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72"


def test_a_target_is_one_of_texpr():
    target = tvm.target.Target("llvm -num-cores=2", host="llvm")
    assert target.kind.name == "llvm"
    assert target.texpr == texpr.Target.parse("llvm -num-cores=2")
    assert target.host.kind.name == "llvm"
    assert not target.is_gpu
    assert "num-cores=2" in repr(target)
    assert tvm.target.Target(target).texpr == target.texpr
    assert tvm.target.Target(texpr.Target.host()).texpr == texpr.Target.host()
    assert tvm.target.Target({"num-cores": 2, "kind": "llvm"}).texpr == target.texpr


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("lvm", TargetError, "unknown target 'lvm'; did you mean 'llvm'?"),
        ("", TargetError, "the text is empty"),
        ("llvm -keys=cpu", TargetError, "unknown flag '-keys=cpu'; the flags are"),
        (3, DTypeError, r"Target: 3 is no target; write Target\('llvm'\)"),
        ({"mcpu": "znver3"}, TargetError, "unknown target"),
        ({}, TargetError, "the text is empty"),
    ],
)
def test_what_is_no_target_is_refused(target, error, message):
    with pytest.raises(error, match=message):
        tvm.target.Target(target)


def test_the_target_of_a_with_block_is_the_one_of_a_build():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] * 2, name="B")
    s = te.create_schedule(B.op)
    assert tvm.target.Target.current() is None
    with tvm.target.Target(ELSEWHERE) as outer:
        with tvm.target.Target("llvm") as inner:
            assert tvm.target.Target.current() is inner
        assert tvm.target.Target.current() is outer
        module = tvm.build(s, [A, B])
    assert module.kernel.target == texpr.Target.parse(ELSEWHERE)
    with pytest.raises(TargetError, match="does not run on this machine"):
        module(tvm.nd.empty((4,)), tvm.nd.empty((4,)))
    with pytest.raises(TargetError, match=r"Target.current: no target is set; write with Target"):
        tvm.target.Target.current(allow_none=False)


@pytest.mark.parametrize("kind", ["cuda", "opencl", "rocm", "metal", "vulkan"])
def test_a_gpu_is_taken_as_this_machine_with_one_warning(stands_in, kind):
    with stands_in() as caught:
        target = getattr(tvm.target, kind)()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = tvm.target.Target(f"{kind} -arch=sm_80", host="llvm")
    assert (target.kind.name, str(target), again.is_gpu) == (kind, kind, True)
    assert target.texpr == texpr.Target.host()
