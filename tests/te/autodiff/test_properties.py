"""Random programs: their derivatives are what differences say, and are programs like any other."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.differences import check_gradient
from tests.readings import check_readings
from tests.te_programs import Case, differentiable_programs, schedule_at_random
from texpr import te


def floats(case: Case) -> list[te.Tensor]:
    return [tensor for tensor in case.arrays if tensor.dtype.is_float]


@given(differentiable_programs(), st.sampled_from(((), (2,), None)), st.integers(0, 1 << 16))
@settings(max_examples=25)
def test_random_programs(case: Case, prefix: tuple[int, ...] | None, seed: int) -> None:
    assume(floats(case))
    check_gradient(case.outputs[0], floats(case), case.arrays, prefix=prefix, seed=seed)


@given(differentiable_programs(), st.integers(0, 1 << 30), st.integers(0, 6))
@settings(max_examples=25)
def test_three_readings_of_scheduled_derivatives(case: Case, seed: int, count: int) -> None:
    assume(floats(case))
    (output,) = case.outputs
    head = te.placeholder(output.shape, "float64", name="head")
    found = te.gradient(output, floats(case), head)
    (like,) = case.fresh_outputs()
    values = {**case.arrays, head: np.random.default_rng(0).normal(size=like.shape)}
    s = te.create_schedule([dx.op for dx in found], fp="exact", contract=False)
    schedule_at_random(s, seed, count)
    check_readings(s, found, values, sizes=case.sizes)
