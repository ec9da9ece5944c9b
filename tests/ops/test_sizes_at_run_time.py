"""Operators of sizes that are known only at run time: one kernel, right for all of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texpr
from tests.readings import check_readings
from texpr import ops, te
from texpr.ops.dense import reference as dense_reference
from texpr.ops.gelu import reference as gelu_reference
from texpr.ops.gemv import reference as gemv_reference
from texpr.ops.matmul import reference as matmul_reference
from texpr.ops.softmax import reference as softmax_reference
from texpr.target.target import Target

# Short vectors, so that a few tiles are little work for the interpreter, too.
NARROW = Target.parse("llvm -vector-width=128")

TYPES = st.sampled_from(["float16", "bfloat16", "float32", "float64"])
THREADS = st.sampled_from([1, 2, 3])
MOST_FOR_INTERPRETER = 150
"""Elements of what an operator is given."""

# Nothing, one, and around lanes, tiles and cache lines.
SIZES = st.sampled_from([0, 1, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 29])
AT_RUN_TIME = st.none()
FIXED_OR_NOT = AT_RUN_TIME | st.sampled_from([1, 5, 14, 33])


class Case:
    """An operator that was scheduled and compiled once, to be called with many sizes."""

    def __init__(self, name: str, shapes: Any, dtype: str, options: Any, num_threads: int) -> None:
        self.sizes: dict[str, te.Var] = {}
        self.inputs = [
            te.placeholder([*map(self.extent, shape)], dtype, name="ABC"[place])
            for place, shape in enumerate(shapes)
        ]
        self.result = getattr(ops, name)(*self.inputs, **dict(options))
        self.schedule = getattr(ops, f"schedule_{name}")(self.result, NARROW, num_threads)
        self.kernel = texpr.build(self.schedule, [*self.inputs, self.result], NARROW)

    def extent(self, given: int | str) -> int | te.Var:
        return given if isinstance(given, int) else self.sizes.setdefault(given, te.size_var(given))

    def check(self, arrays: list[np.ndarray], wanted: np.ndarray) -> None:
        """Check that machine code, and for little work the interpreter, compute what is wanted."""
        if sum(array.size for array in arrays) <= MOST_FOR_INTERPRETER:
            given = dict(zip(self.inputs, arrays, strict=True))
            check_readings(
                self.schedule, [self.result], given, expected=[wanted], kernel=self.kernel
            )
        found = np.full_like(wanted, 77)
        self.kernel(*arrays, found)
        np.testing.assert_array_equal(found, wanted)


case = lru_cache(maxsize=64)(Case)


def whole_numbers(shape, dtype, seed=0):
    """Small whole numbers: their products and sums are exact, whatever the order."""
    return np.random.default_rng(seed).integers(-9, 9, shape).astype(dtype)


def named(sizes: dict[str, int | None]) -> dict[str, int | str]:
    """Give the sizes that are known only at run time a name."""
    return {name: name if size is None else size for name, size in sizes.items()}


def drawn(data, sizes: dict[str, int | None]) -> dict[str, int]:
    """Draw the sizes of a call, of which ``b`` is the number of matrices in a stack."""
    return {
        name: data.draw(st.integers(0, 3) if name == "b" else SIZES, name) if size is None else size
        for name, size in sizes.items()
    }


def turned(rows, columns, transposed):
    return (columns, rows) if transposed else (rows, columns)


@settings(max_examples=12)
@given(
    st.data(),
    st.fixed_dictionaries(dict.fromkeys("nmk", FIXED_OR_NOT)),
    st.sampled_from([("", ""), ("", ""), ("b", "b"), ("1", "b"), ("b", ""), ("2", "2")]),
    st.tuples(st.booleans(), st.booleans()),
    TYPES,
    THREADS,
)
def test_products(data, sizes, stacks, transposed, dtype, num_threads):
    sizes = {**sizes, **({"b": None} if "b" in stacks else {})}

    def shapes(known):
        n, m, k = (known[name] for name in "nmk")
        matrices = turned(n, k, transposed[0]), turned(k, m, transposed[1])
        of = {"": (), "1": (1,), "2": (2,), "b": (known.get("b"),)}
        return tuple((*of[stack], *matrix) for stack, matrix in zip(stacks, matrices, strict=True))

    options = (("trans_a", transposed[0]), ("trans_b", transposed[1]))
    one = case("matmul", shapes(named(sizes)), dtype, options, num_threads)
    for _ in range(4):
        arrays = [
            whole_numbers(shape, dtype, seed)
            for seed, shape in enumerate(shapes(drawn(data, sizes)))
        ]
        one.check(arrays, matmul_reference(*arrays, *transposed))


@settings(max_examples=5)
@given(
    st.data(),
    st.fixed_dictionaries(dict.fromkeys("nmk", FIXED_OR_NOT)),
    st.booleans(),
    st.booleans(),
    TYPES,
    THREADS,
)
def test_dense(data, sizes, with_bias, trans_w, dtype, num_threads):
    def shapes(known):
        n, m, k = (known[name] for name in "nmk")
        return ((n, k), turned(k, m, trans_w), (m,))[: 2 + with_bias]

    options = (("activation", "relu"), ("trans_w", trans_w))
    one = case("dense", shapes(named(sizes)), dtype, options, num_threads)
    for _ in range(4):
        arrays = [
            whole_numbers(shape, dtype, seed)
            for seed, shape in enumerate(shapes(drawn(data, sizes)))
        ]
        one.check(arrays, dense_reference(*arrays, **dict(options)))


@settings(max_examples=8)
@given(
    st.data(),
    st.fixed_dictionaries({"n": FIXED_OR_NOT, "k": FIXED_OR_NOT}),
    st.booleans(),
    TYPES,
    THREADS,
)
def test_gemv(data, sizes, trans, dtype, num_threads):
    def shapes(known):
        return turned(known["n"], known["k"], trans), (known["k"],)

    one = case("gemv", shapes(named(sizes)), dtype, (("trans", trans),), num_threads)
    for _ in range(4):
        arrays = [
            whole_numbers(shape, dtype, seed)
            for seed, shape in enumerate(shapes(drawn(data, sizes)))
        ]
        one.check(arrays, gemv_reference(*arrays, trans))


@settings(max_examples=10)
@given(
    st.data(),
    st.sampled_from([("gelu", gelu_reference), ("softmax", softmax_reference)]),
    st.lists(FIXED_OR_NOT, min_size=1, max_size=3),
    TYPES,
    THREADS,
)
def test_functions_of_elements_and_rows(data, operator, shape, dtype, num_threads):
    name, reference = operator
    sizes = dict(zip("bnm", shape, strict=False))
    one = case(name, (tuple(named(sizes).values()),), dtype, (), num_threads)
    for _ in range(4):
        shape = tuple(drawn(data, sizes).values())
        x = np.random.default_rng(1).uniform(-6, 6, shape).astype(dtype)
        found = one.kernel(x)
        np.testing.assert_allclose(found, reference(x), rtol=1e-5, atol=2e-6)
        assert found.shape == shape


@pytest.mark.parametrize(
    ("sizes", "shared"),
    [
        (("n", "m", "k"), ["i_o_o", "j_o"]),
        (("n", 64, 64), ["i_o_o", "j_o"]),
        ((8, "m", 64), ["i_o_o", "j_o"]),
        ((64, "m", "k"), ["i_o_o"]),
        ((8, 640, "k"), ["j_o"]),
    ],
)
def test_threads_share_tiles_where_nobody_knows_whether_rows_are_enough(sizes, shared):
    n, m, k = (te.size_var(size) if isinstance(size, str) else size for size in sizes)
    C = ops.matmul(te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B"))
    flags = "llvm -mtriple=x86_64-linux-gnu -mcpu=haswell -l1d=32K -l2=512K"
    s = ops.schedule_matmul(C, flags, 16 if sizes[0] == 8 else 4)
    assert [loop.name for loop in s[C].loops_marked("parallel")] == shared
    assert [
        loop.name for loop in ops.schedule_matmul(C, flags, 1)[C].loops_marked("parallel")
    ] == []


def test_the_inner_loops_of_whole_rows_ask_nothing():
    n, k = te.size_var("n"), te.size_var("k")
    A, x = te.placeholder((n, k), name="A"), te.placeholder((k,), name="x")
    y = ops.gemv(A, x)
    program = str(texpr.lower(ops.schedule_gemv(y, NARROW, 1), [A, x, y], NARROW))
    head, *loops = program.split("for k_o in range(")
    assert loops[0].startswith("k//4)"), "whole vectors come first"
    assert "if" not in loops[0] + head


def test_one_kernel_for_matrices_that_share_their_sizes():
    n = te.size_var("n")
    A = te.placeholder((n, n), name="A")
    C = ops.matmul(A, A)
    kernel = texpr.build(ops.schedule_matmul(C), [A, C])
    for size in (0, 1, 31, 70):
        a = whole_numbers((size, size), "float32")
        np.testing.assert_array_equal(kernel(a), a @ a)


def test_a_shape_that_is_a_product_of_sizes_is_refused():
    n, m = te.size_var("n"), te.size_var("m")
    C = ops.matmul(te.placeholder((n * m, 4), name="A"), te.placeholder((4, m), name="B"))
    with pytest.raises(texpr.ScheduleError, match=r"n\*m is a product .* declare a size for what"):
        ops.schedule_matmul(C)
