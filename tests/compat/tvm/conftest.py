"""What tests of the names of TVM share."""

from __future__ import annotations

import functools

import pytest

from texpr.compat.tvm import stand_in


@pytest.fixture
def stands_in():
    """Expect the warning that the CPU stands in for a GPU, which comes once in a process."""
    stand_in.warn_once.cache_clear()
    yield functools.partial(pytest.warns, stand_in.GpuStandInWarning, match="texpr runs on CPUs")
    stand_in.warn_once.cache_clear()
