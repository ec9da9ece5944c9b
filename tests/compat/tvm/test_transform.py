"""Settings that texpr has no use for, and what is left of ``tvm.testing`` and ``tvm.runtime``."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.errors import ArgumentError


def test_settings_that_change_nothing():
    config = {"tir.instrument_bound_checkers": True, "tir.disable_vectorize": False}
    with tvm.transform.PassContext(opt_level=3, config=config) as context:
        assert context.opt_level == 3
    assert tvm.ir.PassContext is tvm.transform.PassContext


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"disabled_pass": ["x"]}, "PassContext: disabled_pass has no meaning here; leave it out"),
        ({"config": {"tir.disable_vectorize": True}}, "do not vectorize"),
        ({"config": {"tir.UnrollLoop": {"auto_max_step": 8}}}, r"unroll the loop, s\[C\].unroll"),
        ({"config": {"tir.what": 1}}, "PassContext: 'tir.what' has no meaning here; leave it out"),
    ],
)
def test_settings_that_would_change_something_are_refused(settings, message):
    with pytest.raises(ArgumentError, match=message):
        tvm.transform.PassContext(**settings)


def test_assert_allclose_compares_shapes_and_elements():
    tvm.testing.utils.install_request_hook(depth=3)
    a = tvm.nd.array(np.ones(3))
    tvm.testing.assert_allclose(a, np.ones(3))
    with pytest.raises(AssertionError):
        tvm.testing.assert_allclose(a, 1.0)
    with pytest.raises(AssertionError):
        tvm.testing.assert_allclose(a, np.full(3, 1 + 1e-5))
    tvm.testing.assert_allclose(a, np.full(3, 1 + 1e-5), rtol=1e-4)


def test_convert_and_enabled():
    one, (two, three) = tvm.runtime.convert([1, (2.5, True)])
    assert (one.value, two.value, three.value) == (1, 2.5, True)
    assert tvm.runtime.enabled("llvm -mcpu=znver3")
    assert not tvm.runtime.enabled("cuda")
    assert not tvm.runtime.enabled("")
