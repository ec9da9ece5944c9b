"""``tvm.lower`` and ``tvm.build``."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.errors import ArgumentError, DTypeError, LoweringError


def declared():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] * 2, name="B")
    return te.create_schedule(B.op), A, B


def test_what_is_lowered_prints_and_is_built():
    s, A, B = declared()
    lowered = tvm.lower(s, [A, B], name="double")
    assert isinstance(lowered, tvm.IRModule)
    assert str(lowered) == lowered.script() == str(texpr.lower(s, [A, B], name="double"))
    assert lowered["double"].body is lowered.program.body
    s[B].vectorize(B.op.axis[0])  # does not reach back
    module = tvm.build(lowered, target="llvm")
    assert module.name == "double"
    assert "vectorized" not in str(module.kernel.program)
    assert module(np.ones(4, "float32")).tolist() == [2] * 4
    assert tvm.build(lowered, name="other").name == "other"
    with pytest.raises(ArgumentError, match="double: no function 'main'; it has 'double'"):
        lowered["main"]


def test_simple_mode_stops_before_the_passes():
    s, A, B = declared()
    s[B].unroll(B.op.axis[0])
    assert "unrolled" in str(tvm.lower(s, [A, B], simple_mode=True))
    assert "unrolled" not in str(tvm.lower(s, [A, B]))


def test_outputs_that_are_not_listed_are_added_where_it_only_prints():
    s, A, _ = declared()
    assert str(tvm.lower(s, [A])).startswith("def main(A: float32[4], B: out float32[4]):")
    with pytest.raises(LoweringError, match="the argument 'B' is missing"):
        tvm.build(s, [A])


def test_a_stage_that_is_inlined_is_left_out_where_it_only_prints():
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] + 1, name="B")
    C = te.compute((4,), lambda i: B[i] * 2, name="C")
    s = te.create_schedule(C.op)
    assert "B: out float32[4], C" in str(tvm.lower(s, [A, B, C]))
    s[B].compute_inline()
    assert str(tvm.lower(s, [A, B, C])).startswith("def main(A: float32[4], C: out float32[4]):")
    with pytest.raises(LoweringError, match=r"B: .* is not computed by this program"):
        tvm.build(s, [A, B, C])


def test_a_schedule_and_a_loop_kernel_of_texpr_are_built_as_well():
    _, A, B = declared()
    module = tvm.build(texpr.te.create_schedule(B.op), [A, B], target_host="llvm")
    assert module(np.ones(4, "float32")).tolist() == [2] * 4

    @texpr.kernel
    def twice(A: texpr.f32[4]):
        for i in range(4):
            A[i] = 2 * A[i]

    a = tvm.nd.array(np.ones(4, "float32"))
    tvm.build(texpr.create_schedule(twice))(a)
    assert a.numpy().tolist() == [2] * 4
    assert "def main" in str(tvm.lower(texpr.create_schedule(twice)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"inputs": {"llvm": 3}}, DTypeError, "build: {'llvm': 3} is no schedule; pass te.create"),
        ({"runtime": "crt"}, ArgumentError, "build: runtime='crt'; kernels run in this process"),
        ({"binds": {1: 2}}, ArgumentError, "build: binds={1: 2}; arrays are passed as they are"),
        ({"name": "a b"}, LoweringError, "build: 'a b' cannot name a kernel"),
    ],
)
def test_what_cannot_be_built_is_refused(options, error, message):
    s, A, B = declared()
    with pytest.raises(error, match=message):
        tvm.build(**{"inputs": s, "args": [A, B], **options})


def test_what_cannot_be_lowered_is_refused():
    s, A, B = declared()
    with pytest.raises(ArgumentError, match="lower: binds="):
        tvm.lower(s, [A, B], binds={A: 1})
    with pytest.raises(DTypeError, match="lower: 3 is no schedule"):
        tvm.lower(3, [A])
