"""Random programs: their derivatives are what differences say, and so are those of derivatives."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.differences import check_gradient
from tests.te_programs import Case, differentiable_programs


@given(differentiable_programs(), st.sampled_from(((), (2,), None)), st.integers(0, 1 << 16))
@settings(max_examples=25)
def test_random_programs(case: Case, prefix: tuple[int, ...] | None, seed: int) -> None:
    inputs = [tensor for tensor in case.arrays if tensor.dtype.is_float]
    assume(inputs)
    check_gradient(case.outputs[0], inputs, case.arrays, prefix=prefix, seed=seed)
