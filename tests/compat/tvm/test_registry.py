"""Python functions by name."""

from __future__ import annotations

import pytest

from texpr.compat import tvm
from texpr.compat.tvm import registry
from texpr.errors import ArgumentError


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(registry, "_FUNCTIONS", dict(registry._FUNCTIONS))


def test_functions_are_found_by_the_name_they_were_given():
    @tvm.register_func("tests.double")
    def double(x):
        return 2 * x

    @tvm.register_func
    def tests_triple(x):
        return 3 * x

    tvm.register_func("tests.neg", lambda x: -x)
    assert double(2) == 4
    assert tvm.get_global_func("tests.double") is double
    assert tvm.get_global_func("tests_triple")(2) == 6
    assert tvm.get_global_func("tests.neg")(2) == -2
    tvm.register_func("tests.neg", abs, override=True)
    assert tvm.get_global_func("tests.neg") is abs


def test_mistakes():
    tvm.register_func("tests.double", abs)
    with pytest.raises(ArgumentError, match=r"register_func: 'tests\.double' is taken; choose"):
        tvm.register_func("tests.double", abs)
    with pytest.raises(ArgumentError, match=r"no function 'tests.dobule'; did you mean 'tests.dou"):
        tvm.get_global_func("tests.dobule")
    with pytest.raises(ArgumentError, match="no function 'q'; register it by tvm"):
        tvm.get_global_func("q")
    with pytest.raises(ArgumentError, match="register_func: 3 and None are no name and function"):
        tvm.register_func(3)
    with pytest.raises(ArgumentError, match="register_func: 'q' and 3 are no name and function"):
        tvm.register_func("q", 3)
    with pytest.raises(ArgumentError, match="get_global_func: no function 3; register it by tvm"):
        tvm.get_global_func(3)
    assert tvm.get_global_func("q", allow_missing=True) is None
