"""Reductions: sum, prod, max, min, any, all, argmax, argmin, and the user's own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError

SIZES = (0, 1, 3, 4, 5, 7)


def reduced(reducer, dtype, n, m, **options):
    A, k = te.placeholder((n, m), dtype, name="A"), te.reduce_axis((0, m), name="k")
    return A, te.compute((n,), lambda i: reducer(A[i, k], axis=k, **options), name="R")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_numbers(name, dtype):
    n, m = te.var("n"), te.var("m")
    A, R = reduced(getattr(te, name), dtype, n, m)
    assert R.dtype == dtype
    s = te.create_schedule(R.op)
    kernel = None
    for size in SIZES:
        arrays = {A: filled(3, size, dtype=dtype, seed=size)}
        kernel = check_readings(s, [R], arrays, sizes={n: 3, m: size}, kernel=kernel)


@pytest.mark.parametrize("name", ["any", "all"])
def test_bools(name):
    n, m = te.var("n"), te.var("m")
    A, R = reduced(getattr(te, name), "bool", n, m)
    assert R.dtype == "bool"
    s = te.create_schedule(R.op)
    kernel = None
    for size in SIZES:
        arrays = {A: filled(4, size, dtype="bool", seed=size)}
        expected = [getattr(arrays[A], name)(axis=1)]
        kernel = check_readings(
            s, [R], arrays, sizes={n: 4, m: size}, expected=expected, kernel=kernel
        )


@pytest.mark.parametrize(
    ("name", "dtype", "neutral"),
    [
        ("sum", "int32", 0),
        ("prod", "float32", 1),
        ("max", "float32", -np.inf),
        ("min", "float64", np.inf),
        ("max", "int8", -128),
        ("min", "uint8", 255),
        ("max", "uint8", 0),
        ("any", "bool", False),
        ("all", "bool", True),
    ],
)
def test_of_nothing(name, dtype, neutral):
    A, R = reduced(getattr(te, name), dtype, 2, 0)
    expected = [np.full(2, neutral, dtype)]
    check_readings(te.create_schedule(R.op), [R], {A: np.zeros((2, 0), dtype)}, expected=expected)


def test_nan_wins():
    A, R = reduced(te.max, "float32", 2, 3)
    a = np.array([[1, np.nan, 2], [3, 1, 2]], "float32")
    check_readings(
        te.create_schedule(R.op), [R], {A: a}, expected=[np.array([np.nan, 3], "float32")]
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_several_axes(order):
    A = te.placeholder((4, 5, 6), "int32", name="A")
    axes = te.reduce_axis((0, 5), name="k"), te.reduce_axis((1, 6), name="l")
    k, l = axes  # noqa: E741
    R = te.compute((4,), lambda i: te.sum(A[i, k, l], axis=[axes[at] for at in order]), name="R")
    assert [axis.name for axis in R.op.reduce_axis] == ["kl"[at] for at in order]
    a = filled(4, 5, 6, dtype="int32")
    expected = [a[:, :, 1:].sum((1, 2), dtype="int32")]
    check_readings(te.create_schedule(R.op), [R], {A: a}, expected=expected)


def test_where():
    A, k = te.placeholder((4, 9), "int32", name="A"), te.reduce_axis((0, 9), name="k")
    R = te.compute((4,), lambda i: te.sum(A[i, k], axis=k, where=(k + i) % 2 == 0), name="R")
    check_readings(te.create_schedule(R.op), [R], {A: filled(4, 9, dtype="int32")})


def test_where_guards_what_is_read():
    A, k = te.placeholder((5,), "int32", name="A"), te.reduce_axis((0, 5), name="k")
    R = te.compute((5,), lambda i: te.sum(A[k - i], axis=k, where=k >= i), name="R")
    a = filled(5, dtype="int32")
    sums = np.array([a[: 5 - i].sum() for i in range(5)], "int32")
    check_readings(te.create_schedule(R.op), [R], {A: a}, expected=[sums])


def test_init():
    A, k = te.placeholder((4, 3), "int32", name="A"), te.reduce_axis((0, 3), name="k")
    V = te.placeholder((4,), "int32", name="V")
    R = te.compute((4,), lambda i: te.sum(A[i, k], axis=k, init=V[i] + 10), name="R")
    arrays = {A: filled(4, 3, dtype="int32"), V: filled(4, dtype="int32", seed=1)}
    expected = [arrays[A].sum(1, dtype="int32") + arrays[V] + np.int32(10)]
    tensors = {t: arrays[t] for t in R.op.input_tensors}
    check_readings(te.create_schedule(R.op), [R], tensors, expected=expected)


def test_sums_stay_in_the_type_of_their_terms():
    """As in TVM; NumPy would widen. A cast says otherwise."""
    A, narrow = reduced(te.sum, "uint8", 1, 8)
    k = te.reduce_axis((0, 8), name="k")
    wide = te.compute((1,), lambda i: te.sum(A[i, k].astype("int32"), axis=k), name="W")
    a = np.full((1, 8), 100, "uint8")
    for tensor, total in ((narrow, 800 % 256), (wide, 800)):
        check_readings(
            te.create_schedule(tensor.op),
            [tensor],
            {A: a},
            expected=[np.array([total], tensor.dtype.numpy)],
        )


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_arg(name, dtype):
    A, k = te.placeholder((6, 9), dtype, name="A"), te.reduce_axis((0, 9), name="k")
    index, value = te.compute((6,), lambda i: getattr(te, name)(A[i, k], axis=k), name="R")
    assert (index.dtype, value.dtype) == ("int64", dtype)
    a = filled(6, 9, dtype=dtype)
    expected = [getattr(a, name)(1), getattr(a, name[3:])(1)]
    s = te.create_schedule(index.op)
    check_readings(s, [index, value], {A: a}, expected=expected)
    s["R"].reorder("k", "i")
    s["R"].split("k", factor=4)
    check_readings(s, [index, value], {A: a}, expected=expected)


def test_arg_of_nan_is_the_first():
    A, k = te.placeholder((4,), name="A"), te.reduce_axis((0, 4), name="k")
    index, value = te.compute((), lambda: te.argmax(A[k], axis=k), name="R")
    a = np.array([1, np.nan, 3, np.nan], "float32")
    expected = [np.array(1), np.array(np.nan, "float32")]
    check_readings(te.create_schedule(index.op), [index, value], {A: a}, expected=expected)


def test_arg_over_several_axes_with_an_index_of_ones_own():
    A = te.placeholder((3, 4), "int32", name="A")
    k, l = te.reduce_axis((0, 3), name="k"), te.reduce_axis((0, 4), name="l")  # noqa: E741
    index, value = te.compute((), lambda: te.argmin((k * 4 + l, A[k, l]), axis=[k, l]), name="R")
    a = filled(3, 4, dtype="int32")
    expected = [np.array(a.argmin()), np.array(a.min())]
    check_readings(te.create_schedule(index.op), [index, value], {A: a}, expected=expected)


def test_two_reductions_in_one_pass():
    A, k = te.placeholder((4, 6), "int32", name="A"), te.reduce_axis((0, 6), name="k")
    total, most = te.compute(
        (4,), lambda i: (te.sum(A[i, k], axis=k), te.max(A[i, k], axis=k)), name="R"
    )
    s = te.create_schedule(total.op)
    assert str(s).count("for k in") == 1
    check_readings(s, [total, most], {A: filled(4, 6, dtype="int32")})


class TestOneAxisInSeveralStages:
    """A reduction axis may serve several tensors; each is scheduled on its own."""

    def program(self):
        A, k = te.placeholder((4, 6), "int32", name="A"), te.reduce_axis((0, 6), name="k")
        mean = te.compute((4,), lambda i: te.sum(A[i, k], axis=k), name="mean")
        B = te.compute((4,), lambda i: te.max(A[i, k] - mean[i], axis=k), name="B")
        return A, k, mean, B

    def test_they_are_scheduled_apart(self):
        A, k, mean, B = self.program()
        s = te.create_schedule(B.op)
        k_o, k_i = s[B].split(k, factor=4)
        assert s[mean].loops[1] is k
        s[B].reorder(k_o, k_i, "i")
        s[mean].unroll(k)
        assert [axis.name for axis in s[mean].loops] == ["i", "k"]
        assert [axis.name for axis in s[B].loops] == ["k_o", "k_i", "i"]
        check_readings(s, [B], {A: filled(4, 6, dtype="int32")})
        assert str(s.trace.replay(te.create_schedule(B.op))) == str(s)

    def test_op_reduce_axis_is_what_was_given(self):
        _, k, mean, B = self.program()
        assert mean.op.reduce_axis[0] is B.op.reduce_axis[0] is k

    def test_with_ranges_that_depend_on_it(self):
        A = te.placeholder((5, 5), "int32", name="A")
        k = te.reduce_axis((0, 5), name="k")
        l = te.reduce_axis((0, k + 1), name="l")  # noqa: E741
        S = te.compute((), lambda: te.sum(A[k, l], axis=[k, l]), name="S")
        T = te.compute((), lambda: te.sum(A[l, k] * S(), axis=[k, l], where=k > l), name="T")
        s = te.create_schedule(T.op)
        s[T].split(k, factor=2)
        a = filled(5, 5, dtype="int32")
        total = np.tril(a).sum() * np.triu(a, 1).sum()
        check_readings(s, [T], {A: a}, expected=[np.array(total, "int32")])


class TestOfOnesOwn:
    def test_in_the_shape_that_tvm_has(self):
        product = te.comm_reducer(
            lambda x, y: x * y, lambda t: te.const(1, dtype=t), name="product"
        )
        assert product.__name__ == "product"
        for dtype in ("int32", "float64"):
            A, R = reduced(product, dtype, 4, 5)
            check_readings(te.create_schedule(R.op), [R], {A: filled(4, 5, dtype=dtype)})

    def test_of_pairs(self):
        """The mean and the count of the elements that count."""
        moments = te.comm_reducer(
            lambda x, y: (x[0] + y[0], x[1] + y[1]),
            lambda t0, t1: (te.const(0, t0), te.const(0, t1)),
            name="moments",
        )
        A, k = te.placeholder((4, 9), "float64", name="A"), te.reduce_axis((0, 9), name="k")
        total, count = te.compute(
            (4,), lambda i: moments((A[i, k], te.const(1, "int32")), k, where=A[i, k] > 0), name="R"
        )
        assert (total.dtype, count.dtype) == ("float64", "int32")
        s = te.create_schedule(total.op)
        s["R"].split(k, factor=4)
        a = filled(4, 9, dtype="float64")
        expected = [np.where(a > 0, a, 0).sum(1), (a > 0).sum(1, dtype="int32")]
        check_readings(s, [total, count], {A: a}, expected=expected)

    def test_init_of_a_pair(self):
        both = te.comm_reducer(
            lambda x, y: (x[0] + y[0], te.max(x[1], y[1])), lambda s, t: (0, te.min_value(t))
        )
        A, k = te.placeholder((5,), "int32", name="A"), te.reduce_axis((0, 5), name="k")
        S, M = te.compute((), lambda: both((A[k], A[k]), axis=k, init=(100, 3)), name="R")
        a = filled(5, dtype="int32")
        expected = [np.array(a.sum() + 100, "int32"), np.array(max(a.max(), 3), "int32")]
        check_readings(te.create_schedule(S.op), [S, M], {A: a}, expected=expected)

    @pytest.mark.parametrize(
        ("combine", "identity", "error", "message"),
        [
            (
                lambda x: x,
                lambda t: 0,
                TexprError,
                r"mine: fcombine takes \(x\), not 2 arguments; give it 2",
            ),
            (3, lambda t: 0, DTypeError, r"mine: fcombine is 3; pass a function"),
            (lambda x, y: x + y, 0, DTypeError, r"mine: fidentity is 0; pass a function"),
            (
                lambda x, y: x + y,
                lambda s, t: (0, 0),
                TexprError,
                r"mine: fidentity takes \(s, t\), not 1 arguments; give it 1",
            ),
            (
                lambda x, y: x + y,
                lambda t: (0, 0),
                TexprError,
                r"mine: the identity has 2 components for 1 values; return one for each",
            ),
            (
                lambda x, y: (x, y),
                lambda t: 0,
                TexprError,
                r"mine: the combination returns 2 components of 1; return one for each",
            ),
            (lambda x, y: x / 2 + y, lambda t: 0, DTypeError, r"ambiguous division of integers"),
            (
                lambda x, y: x * 0.5 + y,
                lambda t: 0,
                DTypeError,
                (
                    r"mine: the combination turns int32 into float32; cast its result back, "
                    r".astype\('int32'\)"
                ),
            ),
            (lambda x, y: max(y, x), lambda t: 0, DTypeError, r"truth value: x > y is an"),
        ],
    )
    def test_what_is_wrong_with_it_is_said_where_it_is_used(
        self, combine, identity, error, message
    ):
        A, k = te.placeholder((4,), "int32", name="A"), te.reduce_axis((0, 4), name="k")
        with pytest.raises(error, match=message):
            te.comm_reducer(combine, identity, name="mine")(A[k], axis=k)

    def test_of_a_pair_that_is_given_one(self):
        pair = te.comm_reducer(lambda x, y: (x[0], y[1]), lambda s, t: (0, 0), name="pair")
        A, k = te.placeholder((4,), name="A"), te.reduce_axis((0, 4), name="k")
        with pytest.raises(TexprError, match=r"pair: fidentity takes \(s, t\), not 1 arguments"):
            pair(A[k], axis=k)


A = te.placeholder((8, 8), name="A")
K = te.reduce_axis((0, 8), name="k")
BOOLS = te.placeholder((8,), "bool", name="BOOLS")

WRONG = {
    "a data axis": (
        lambda i: te.sum(A[i, 0], axis=i),
        TexprError,
        r"sum: axis=i is no reduction axis; declare k = te.reduce_axis\(\(0, n\)\) and pass axis=k",
    ),
    "a number": (
        lambda i: te.max(A[i, 0], axis=0),
        TexprError,
        r"max: axis=0 is no reduction axis",
    ),
    "a name": (lambda i: te.prod(A[i, 0], axis="k"), TexprError, r"prod: axis=k is no reduction"),
    "a te.var": (
        lambda i: te.sum(A[i, 0], axis=te.var("v")),
        TexprError,
        r"axis=v is no reduction",
    ),
    "no axes": (
        lambda i: te.sum(A[i, K], axis=()),
        ShapeError,
        r"sum: axis=\(\) names no axis; pass the axes to reduce over",
    ),
    "an axis twice": (
        lambda i: te.sum(A[i, K], axis=[K, K]),
        TexprError,
        r"sum: an axis is given twice; pass each",
    ),
    "an axis without its name": (
        lambda i: te.sum(A[i, K], K),
        TexprError,
        r"sum: an axis stands among the values; name it, te.sum\(…, axis=k\)",
    ),
    "axes without their name": (
        lambda i: te.min(A[i, K], [K, te.reduce_axis((0, 2), name="l")]),
        TexprError,
        r"min: an axis stands among the values; name it, te.min\(…, axis=\[k, l\]\)",
    ),
    "nothing": (
        lambda i: te.sum(),
        TexprError,
        r"sum: nothing given; pass expressions, or one and",
    ),
    "two expressions": (
        lambda i: te.sum(A[i, K], A[K, i], axis=K),
        TexprError,
        r"sum: 2 expressions with axis=; pass the one to reduce",
    ),
    "a whole tensor": (
        lambda i: te.sum(A, axis=K),
        DTypeError,
        r"A: a whole tensor of 2 dimensions stands where",
    ),
    "a whole tensor and no axis": (
        lambda i: te.sum(A),
        TexprError,
        r"sum: the tensor A and no axis=; name its dimensions, te.sum\(A, axis=0\), or reduce all",
    ),
    "where without an axis": (
        lambda i: te.sum(A[i, 0], where=i > 0),
        TexprError,
        r"sum: where=, init= and keepdims= belong to a reduction; give axis= as well",
    ),
    "where that is a number": (
        lambda i: te.sum(A[i, K], axis=K, where=K),
        DTypeError,
        r"sum: where=: the condition k is int64; write k != 0 to make it a bool",
    ),
    "init over the axis": (
        lambda i: te.sum(A[i, K], axis=K, init=A[K, K]),
        TexprError,
        (
            r"compute: init= of 'C' depends on the reduction axis 'k', which has no value before "
            r"the reduction starts; use the axes of 'C' only"
        ),
    ),
    "init of two": (
        lambda i: te.sum(A[i, K], axis=K, init=(0, 1)),
        TexprError,
        r"sum: init= has 2 components for 1 values; pass one for each",
    ),
    "bools": (
        lambda i: te.sum(BOOLS[K], axis=K),
        DTypeError,
        r"sum: BOOLS\[k\] is bool; cast it to a number",
    ),
    "any of numbers": (
        lambda i: te.any(A[i, K], axis=K),
        DTypeError,
        r"any: the condition A\[i, k\] is float32; write A\[i, k\] != 0 to make it a bool",
    ),
    "argmax of bools": (
        lambda i: te.argmax(BOOLS[K], axis=K),
        DTypeError,
        r"argmax: \(int64, bool\) is no pair of an integer index and a number",
    ),
    "argmax over two axes": (
        lambda i: te.argmax(A[K, K], axis=[K, te.reduce_axis((0, 8), name="l")]),
        TexprError,
        r"argmax: a lone value over 2 axes has no index; pass \(index, value\)",
    ),
    "argmax with a float index": (
        lambda i: te.argmax((1, 2.0, 3.0), axis=K),
        DTypeError,
        r"argmax: \(int64, float32, float32\) is no pair of an integer index and a number",
    ),
    "argmax of one": (
        lambda i: te.argmax((3,), axis=K),
        TexprError,
        r"argmax: 1 components; pass a value or \(index, value\)",
    ),
}

NESTED = {
    "in a sum": lambda i: te.sum(A[i, K], axis=K) + 1,
    "on the right": lambda i: 1 - te.sum(A[i, K], axis=K),
    "in a function": lambda i: te.exp(te.sum(A[i, K], axis=K)),
    "in a choice": lambda i: te.if_then_else(i > 0, te.sum(A[i, K], axis=K), 0.0),
    "in a reduction": lambda i: te.max(te.sum(A[i, K], axis=K), axis=te.reduce_axis((0, 2))),
    "in a subscript": lambda i: A[te.sum(K, axis=K), i],
    "in a comparison": lambda i: te.sum(A[i, K], axis=K) > 0,
    "indexed": lambda i: te.sum(A[i, K], axis=K)[0],
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case):
    rule, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        te.compute((8,), rule, name="C")


@pytest.mark.parametrize("case", NESTED)
def test_a_reduction_inside_an_expression(case):
    with pytest.raises(
        TexprError,
        match=r"sum: a reduction must be the whole rule of a te.compute; "
        r"give it a tensor of its own and use that tensor's elements here",
    ):
        te.compute((8,), NESTED[case], name="C")


def test_what_prints():
    assert str(te.sum(A[0, K], axis=K)) == "sum(A[0, k], axis=k)"
    assert repr(te.max(A[0, K], axis=K)) == "max(A[0, k], axis=k)"


# ---------------------------------------------------------------- the type of a sum


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_sums_of_16_bits_are_float32(name, dtype):
    A, R = reduced(getattr(te, name), dtype, 3, 7)
    assert R.dtype == ("float32" if name in ("sum", "prod") else dtype)
    check_readings(te.create_schedule(R.op), [R], {A: filled(3, 7, dtype=dtype)})


def test_a_sum_of_float16_does_not_stop_growing():
    A, R = reduced(te.sum, "float16", 1, 5000)
    check_readings(
        te.create_schedule(R.op), [R], {A: np.ones((1, 5000), "float16")},
        expected=[np.array([5000], "float32")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "source", "dtype"),
    [("sum", "int8", "int32"), ("prod", "uint8", "int64"), ("sum", "float16", "float64")],
)
def test_a_wider_type_to_sum_in(name, source, dtype):
    A, k = te.placeholder((3, 40), source, name="A"), te.reduce_axis((0, 40), name="k")
    R = te.compute((3,), lambda i: getattr(te, name)(A[i, k], axis=k, dtype=dtype), name="R")
    assert R.dtype == dtype
    a = np.random.default_rng(0).integers(1, 3, (3, 40)).astype(source)
    expected = [getattr(a.astype(dtype), name)(axis=1, dtype=dtype)]
    check_readings(te.create_schedule(R.op), [R], {A: a}, expected=expected)


def test_conditions_are_counted():
    A, k = te.placeholder((40,), name="A"), te.reduce_axis((0, 40), name="k")
    R = te.compute((), lambda: te.sum(A[k] > 0, axis=k, dtype="int32"), name="R")
    a = filled(40)
    expected = [np.array(np.sum(a > 0), "int32")]
    check_readings(te.create_schedule(R.op), [R], {A: a}, expected=expected)


def test_dot_products_of_8_bits():
    A, B = te.placeholder((4, 300), "uint8", name="A"), te.placeholder((5, 300), "int8", name="B")
    k = te.reduce_axis((0, 300), name="k")
    C = te.compute(
        (4, 5), lambda i, j: te.sum(te.multiply(A[i, k], B[j, k], dtype="int32"), axis=k), name="C"
    )
    a = np.random.default_rng(0).integers(0, 256, (4, 300)).astype("uint8")
    b = np.random.default_rng(1).integers(-128, 128, (5, 300)).astype("int8")
    a[0], b[0] = 255, -128
    expected = [a.astype("int32") @ b.astype("int32").T]
    for lanes in (None, 16, 64):
        s = te.create_schedule(C.op)
        if lanes is not None:
            _, inner = s[C].split(k, factor=lanes)
            s[C].vectorize(inner)
        check_readings(s, [C], {A: a, B: b}, expected=expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda A, k: te.sum(A[k] * A[k], axis=k, dtype="int32"),
            r"sum: the terms A\[k\]\*A\[k\] are computed in int8, and wrap before they are int32",
        ),
        (
            lambda A, k: te.prod(te.if_then_else(A[k] > 0, A[k] + 1, 0), axis=k, dtype="int64"),
            r"prod: the terms .* are computed in int8, and wrap",
        ),
        (
            lambda A, k: te.sum(A[k].astype("float32"), axis=k, dtype="int32"),
            r"sum: float32\(A\[k\]\) is float32 and dtype='int32' does not hold its values",
        ),
        (
            lambda A, k: te.sum(A[k].astype("float16"), axis=k, dtype="int32"),
            r"sum: .* is float16 and dtype='int32' does not hold its values; pass 'float32', or",
        ),
        (lambda A, k: te.sum(A[k], A[0], dtype="int32"), r"sum: where=, init= and dtype= belong"),
        (lambda A, k: te.sum(A[k], axis=k, dtype="i32"), r"dtype: 'i32' is not a type of texpr"),
        (
            lambda A, k: te.sum(A[k].astype("float16"), axis=k, dtype="float16"),
            r"sum: dtype='float16' is for storing, and a sum of it is made in float32; leave dtype",
        ),
        (lambda A, k: te.prod(A[k] > 0, axis=k, dtype="bool"), r"prod: .* is bool; cast it to a"),
    ],
)
def test_types_to_sum_in_that_are_refused(build, message):
    A, k = te.placeholder((8,), "int8", name="A"), te.reduce_axis((0, 8), name="k")
    with pytest.raises(TexprError, match=message):
        build(A, k)


def test_a_reducer_of_ones_own_says_that_16_bits_became_32():
    A, k = te.placeholder((8,), "float16", name="A"), te.reduce_axis((0, 8), name="k")
    total = te.comm_reducer(lambda x, y: x + y, lambda t: te.const(0, t), name="total")
    with pytest.raises(DTypeError, match=r"total: .* turns float16 into float32; cast its result"):
        total(A[k], axis=k)
    assert te.compute((), lambda: total(A[k].astype("float32"), axis=k)).dtype == "float32"
