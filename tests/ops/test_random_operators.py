"""Operators on random shapes, types, layouts and numbers of threads, against their references."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from texpr import ops
from texpr.ops.dense import reference as dense_reference
from texpr.ops.gemv import reference as gemv_reference
from texpr.ops.matmul import reference as matmul_reference
from texpr.ops.softmax import reference as softmax_reference
from texpr.target.threads import get_num_threads, set_num_threads

# Around the tiles and lanes of most processors, and anything.
SIZES = st.sampled_from([0, 1, 7, 8, 9, 13, 14, 15, 16, 17, 31, 33, 64, 65]) | st.integers(0, 99)
TYPES = st.sampled_from(["float16", "bfloat16", "float32", "float64"])
LAYOUTS = st.sampled_from(["dense", "transposed", "part", "gaps"])


@st.composite
def arrays(draw, *shape):
    """Small whole numbers, whose sums are exact in any order, laid out in some way."""
    seed = draw(st.integers(0, 99))
    array = np.random.default_rng(seed).integers(-9, 9, shape).astype(draw(TYPES))
    layout = draw(LAYOUTS)
    if layout == "transposed":
        return np.ascontiguousarray(array.T).T
    if layout == "part":
        larger = np.zeros([extent + 3 for extent in shape], array.dtype)
        inner = larger[tuple(slice(1, 1 + extent) for extent in shape)]
        inner[...] = array
        return inner
    return np.repeat(array, 2, axis=-1)[..., ::2] if layout == "gaps" else array


def operand(data, rows, columns, transposed):
    return data.draw(arrays(columns, rows) if transposed else arrays(rows, columns))


@settings(max_examples=10)
@given(
    st.data(), st.sampled_from(["matmul", "gemv", "dense", "softmax"]), st.sampled_from([1, 2, 4])
)
def test_operators_agree_with_their_references(data, name, num_threads):
    n, m, k = (data.draw(SIZES) for _ in "nmk")
    trans_a, trans_b = data.draw(st.booleans()), data.draw(st.booleans())
    before = get_num_threads()
    set_num_threads(num_threads)
    try:
        if name == "softmax":
            x = data.draw(arrays(n, m))
            np.testing.assert_allclose(ops.softmax(x), softmax_reference(x), rtol=1e-5, atol=1e-7)
            return
        a = operand(data, n, k, trans_a and name != "dense")
        if name == "gemv":
            x = data.draw(arrays(k))
            found, wanted = ops.gemv(a, x, trans=trans_a), gemv_reference(a, x, trans_a)
        elif name == "matmul":
            b = operand(data, k, m, trans_b)
            found = ops.matmul(a, b, trans_a=trans_a, trans_b=trans_b)
            wanted = matmul_reference(a, b, trans_a, trans_b)
        else:
            w, bias = operand(data, k, m, trans_b), data.draw(arrays(m))
            options = {"activation": "relu", "trans_w": trans_b}
            found, wanted = ops.dense(a, w, bias, **options), dense_reference(a, w, bias, **options)
        np.testing.assert_array_equal(found, wanted)
    finally:
        set_num_threads(before)
