"""Updates: what folds into a cell, and what is neutral for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Binary, Const
from texpr.ir.interpreter import evaluate
from texpr.ir.update import FOLDS, is_neutral, neutral

TYPES = ["bool", "int8", "int32", "int64", "uint8", "uint64", "float32", "float64"]


def takes(op: str, name: str) -> bool:
    if op in ("and", "or"):
        return name == "bool"
    if name == "bool":
        return op.startswith("bit")
    return not (name.startswith("float") and op.startswith("bit"))


CASES = [(op, name) for op in sorted(set(FOLDS.values())) for name in TYPES if takes(op, name)]


@pytest.mark.parametrize(("op", "name"), CASES)
@given(data=st.data())
def test_what_is_neutral_changes_no_bit(op, name, data):
    dtype = as_dtype(name)
    start = neutral(op, dtype)
    assert is_neutral(start, op, dtype)
    if dtype.is_float:
        special = st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan])
        value = data.draw(special | st.floats(width=dtype.bits))
    elif dtype.is_bool:
        value = data.draw(st.booleans())
    else:
        value = data.draw(st.integers(int(dtype.min), int(dtype.max)))
    wanted = np.array(value, dtype.numpy)
    for pair in ((start, Const(value, dtype)), (Const(value, dtype), start)):
        found = np.array(evaluate(Binary(op, *pair), {}))
        assert found.dtype == wanted.dtype
        if wanted.dtype.kind == "f" and np.isnan(wanted):
            assert np.isnan(found)
        else:
            assert found.tobytes() == wanted.tobytes()


def test_what_is_not_neutral():
    float32 = as_dtype("float32")
    assert is_neutral(Const(0.0, float32), "add", float32)
    assert not is_neutral(Const(1.0, float32), "add", float32)
    assert not is_neutral(Const(0, as_dtype("int32")), "add", float32)
    assert not is_neutral(Const(0.0, float32), "max", float32)
