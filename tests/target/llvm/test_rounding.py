"""te.floor and its kin where a processor has no instruction for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.target.llvm.pairs import any_floats, assert_same, kernel, run
from tests.target.llvm.test_mathfunctions import TARGETS, called, every_dtype
from texpr import te
from texpr.ir.intrinsic import Rounding
from texpr.ir.intrinsics import INTRINSICS
from texpr.target.target import Target

NAMES = [name for name, f in INTRINSICS.items() if isinstance(f.lowering, Rounding)]
every_name = pytest.mark.parametrize("name", NAMES)


def arguments(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    near = np.concatenate([np.arange(-20, 20) / 2, 2.0 ** np.arange(-5, 60), [0.49999997]])
    near = np.concatenate([near, -near]).astype(dtype)
    parts = [any_floats(rng, dtype, 5000), rng.uniform(-100, 100, 5000).astype(dtype), near]
    beside = [np.nextafter(near, np.dtype(dtype).type(end)) for end in (-np.inf, np.inf)]
    return np.concatenate([*parts, *beside])


@every_name
@every_dtype
@pytest.mark.parametrize("has_rounding", [False, True])
@pytest.mark.parametrize("lanes", [None, 8])
def test_every_bit_is_right(
    name: str, dtype: str, lanes: int | None, has_rounding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "has_rounding", property(lambda _: has_rounding))
    x = arguments(dtype)
    with np.errstate(all="ignore"):  # NumPy's of a signalling NaN
        wanted = INTRINSICS[name].numpy(x)
    assert_same(run(lambda a, _: getattr(te, name)(a), x, x, lanes=lanes), wanted, x, x)


@every_dtype
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("lanes", [None, 8])
def test_nothing_is_called(dtype: str, target: str, lanes: int | None) -> None:
    def all_of_them(a: Any, _: Any) -> Any:
        return sum(getattr(te, name)(a) for name in NAMES)

    assert not called(kernel(all_of_them, dtype, lanes=lanes, target=target).asm)
