"""A program declared, scheduled and built through the names of TVM is the one of texpr.te."""

from __future__ import annotations

import contextlib
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests import te_programs
from tests.te_programs import schedule_at_random
from texpr import te
from texpr.compat import tvm
from texpr.errors import ScheduleError

OWN = {"compute", "create_schedule"}
"""What takes what TVM takes before it asks texpr."""


@pytest.mark.parametrize("name", sorted({*te.__all__} - OWN))
def test_names_of_te_are_the_same_objects(name):
    assert getattr(tvm.te, name) is getattr(te, name)
    assert name in dir(tvm.te)


@settings(max_examples=30)
@given(st.data(), st.integers(0, 1 << 16))
def test_random_programs_and_schedules(data, seed):
    with mock.patch.object(te_programs, "te", tvm.te):
        case = data.draw(te_programs.te_programs())
    ops = [tensor.op for tensor in case.outputs]
    plain = te.create_schedule(ops, fp="exact", contract=False)
    ours = tvm.te.create_schedule(ops, fp="exact", contract=False)
    assert schedule_at_random(plain, seed, 6) == schedule_at_random(ours, seed, 6)
    assert str(ours) == str(plain)
    assert str(ours.trace) == str(plain.trace)
    outputs = case.fresh_outputs()
    inputs = list(case.arrays.values())
    texpr.build(plain, case.args())(*inputs, *outputs)
    arrays = [tvm.nd.array(array) for array in inputs]
    results = [tvm.nd.empty(out.shape, out.dtype) for out in outputs]
    tvm.build(ours, case.args(), "llvm")(*arrays, *results)
    for wanted, got in zip(outputs, results, strict=True):
        np.testing.assert_array_equal(got.numpy(), wanted)


@settings(max_examples=20)
@given(st.data(), st.integers(0, 1 << 16), st.integers(0, 1 << 16))
def test_binding_loops_never_changes_a_result(data, seed, chosen):
    case = data.draw(te_programs.te_programs())
    ops = [tensor.op for tensor in case.outputs]
    s = tvm.te.create_schedule(ops, fp="exact", contract=False)
    schedule_at_random(s, seed, 3)
    for stage in s.stages:
        loops = [] if stage.is_inlined else [*stage.leaf_iter_vars]
        for position, loop in enumerate(loops):
            tag = ("blockIdx.x", "threadIdx.x", "vthread")[(chosen >> position) % 3]
            with contextlib.suppress(ScheduleError):  # it is vectorized or unrolled already
                stage.bind(loop, tvm.te.thread_axis(tag))
    wanted, got = case.fresh_outputs(), case.fresh_outputs()
    inputs = list(case.arrays.values())
    texpr.build(case.schedule(), case.args())(*inputs, *wanted)
    tvm.build(s, case.args())(*inputs, *got)
    for one, other in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(other, one)
