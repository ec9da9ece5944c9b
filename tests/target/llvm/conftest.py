"""What tests of functions of floats share."""

from __future__ import annotations

from typing import Any

import pytest

from texpr.target.target import Target


@pytest.fixture(params=["fused", "not fused", "no fma"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """With multiply-adds that round once, without, and on a processor that has none."""
    if request.param == "no fma":
        monkeypatch.setattr(Target, "has_fma", property(lambda _: False))
    return {"contract": request.param != "not fused"}
