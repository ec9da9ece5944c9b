"""Placeholders, scalars, reduction axes and computed tensors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import DTypeError, ShapeError, TexprError
from texpr.ir.expr import Const


class TestPlaceholder:
    def test_what_it_says(self):
        n = te.var("n")
        A = te.placeholder((n, 4), "int8", name="A")
        assert repr(A) == "<tensor A: int8[n, 4]>"
        assert (A.name, A.ndim, A.value_index) == ("A", 2, 0)
        assert A.shape[0] is n
        assert isinstance(A.op, te.PlaceholderOp)
        assert A.op.output(0) is A
        assert A.op.num_outputs == 1
        assert A.op.input_tensors == ()
        assert A.op.axis == ()

    def test_defaults(self):
        A = te.placeholder((3,))
        assert (A.name, A.dtype) == ("placeholder", "float32")

    def test_argument_order_and_names_of_tvm(self):
        assert te.placeholder((3,), "float64", "X").name == "X"
        assert te.placeholder(shape=(3,), dtype="bool", name="X").dtype == "bool"

    @pytest.mark.parametrize("shape", [4, [4], te.const(4), np.int32(4)])
    def test_a_lone_extent(self, shape):
        A = te.placeholder(shape, name="A")
        assert A.ndim == 1
        assert int(A.shape[0]) == 4
        assert len(A) == 4

    def test_rank_0(self):
        assert te.placeholder((), name="A").shape == ()

    def test_an_extent_of_expressions(self):
        n, m = te.var("n"), te.var("m", "int32")
        A = te.placeholder((2 * n + 1, m, n * m), name="A")
        assert repr(A) == "<tensor A: float32[2*n + 1, int64(m), n*int64(m)]>"

    @pytest.mark.parametrize(
        "dtype", ["float32", np.float32, np.dtype("float32"), te.const(1.0, "float32").dtype]
    )
    def test_ways_to_name_a_type(self, dtype):
        assert te.placeholder((3,), dtype).dtype == "float32"

    @pytest.mark.parametrize(
        ("shape", "error", "message"),
        [
            ((-1,), ShapeError, r"A: extent 0 of the shape is -1; an extent is at least 0"),
            ((4, 2.5), DTypeError, r"A: extent 1 of the shape: 2.5 is no integer; pass an int"),
            ((2.0,), DTypeError, r"A: extent 0 of the shape: 2.0 is no integer"),
            ((True,), DTypeError, r"A: extent 0 of the shape: True is no integer"),
            (("n",), DTypeError, r"A: extent 0 of the shape: 'n' is no integer"),
            (None, DTypeError, r"A: extent 0 of the shape: None is no integer"),
            (((2, 3),), DTypeError, r"A: extent 0 of the shape: \(2, 3\) is no integer"),
            ((1 << 70,), DTypeError, r"extent 0 of the shape: 1180591620717411303424 does not fit"),
            (
                (te.var("x", "float32"),),
                DTypeError,
                r"A: extent 0 of the shape: x is float32, not an integer; cast it first",
            ),
            (
                (te.placeholder((4,), "int32", name="L")[0],),
                ShapeError,
                (
                    r"A: extent 0 of the shape depends on L\[0\], which is data; "
                    r"declare it as a te.var and pass that to the kernel"
                ),
            ),
        ],
    )
    def test_bad_shapes(self, shape, error, message):
        with pytest.raises(error, match=message):
            te.placeholder(shape, name="A")

    @pytest.mark.parametrize(
        ("dtype", "message"),
        [
            ("flaot32", r"dtype: 'flaot32' is not a type of texpr; did you mean 'float32'\?"),
            ("A", r"dtype: 'A' is not a type of texpr; the types are bool, int8"),
            (object, r"dtype: 'object' is not a type of texpr"),
            (complex, r"dtype: 'complex128' is not a type of texpr"),
            (3, r"dtype: 3 is not a type; pass a name such as 'float32'"),
        ],
    )
    def test_bad_types(self, dtype, message):
        with pytest.raises(DTypeError, match=message):
            te.placeholder((4,), dtype)


class TestNames:
    @pytest.mark.parametrize(
        ("given", "name"),
        [("A.local", "A_local"), ("3x", "_3x"), ("é b", "__b"), ("conv2d", "conv2d"), ("_", "_")],
    )
    def test_what_cannot_be_printed_is_replaced(self, given, name):
        assert te.placeholder((4,), name=given).name == name
        assert te.compute((4,), lambda i: i, name=given).op.name == name
        assert te.reduce_axis((0, 4), name=given).name == name
        assert te.var(given).name == name

    @pytest.mark.parametrize("name", ["", "lambda", "for", "None"])
    def test_words_of_python(self, name):
        for what, declare in {
            "placeholder": lambda: te.placeholder((4,), name=name),
            "compute": lambda: te.compute((4,), lambda i: i, name=name),
            "reduce_axis": lambda: te.reduce_axis((0, 4), name=name),
            "var": lambda: te.var(name),
            "size_var": lambda: te.size_var(name),
        }.items():
            with pytest.raises(
                TexprError, match=rf"{what}: '{name}' cannot be a name; choose a word such as 'A'"
            ):
                declare()

    def test_no_string(self):
        with pytest.raises(DTypeError, match=r"var: the name 3 is no string; write name='A'"):
            te.var(3)


class TestScalars:
    def test_var(self):
        n = te.var("n")
        assert (n.name, n.dtype, n.is_size) == ("n", "int64", False)
        assert te.var("x", "float32").dtype == "float32"
        assert te.var() is not te.var()

    def test_size_var(self):
        assert te.size_var("n").is_size
        assert te.size_var("n", dtype="int32").dtype == "int32"
        with pytest.raises(
            DTypeError, match=r"size_var: a size is an integer, not float32; use te.var for other"
        ):
            te.size_var("n", "float32")

    def test_const(self):
        assert te.const(3) is Const(3, te.const(3).dtype)
        assert te.const(0.5, "float64").dtype == "float64"
        assert int(te.const(7)) == 7
        with pytest.raises(DTypeError, match=r"const: 0.5 is not an integer; pass a float type"):
            te.const(0.5)


class TestReduceAxis:
    def test_what_it_says(self):
        k = te.reduce_axis((2, te.var("n")), name="k")
        assert repr(k) == "<reduce_axis k in [2, n)>"
        assert k.is_reduce
        assert str(k.extent) == "n - 2"
        assert te.reduce_axis((0, 4)).name == "rv"

    def test_it_stands_in_expressions(self):
        k = te.reduce_axis((0, 8), name="k")
        assert str(k + 1) == "k + 1"
        assert str(2 * k.var) == "2*k"

    def test_a_comparison_is_an_expression(self):
        """Not Python's word on whether two axes are one, which would compute something else."""
        k, l = te.reduce_axis((0, 4), name="k"), te.reduce_axis((0, 4), name="l")  # noqa: E741
        assert str(k == 0) == "k == 0"
        assert str(k != l) == "k != l"
        A = te.placeholder((4, 4), "int32", name="A")
        T = te.compute(
            (), lambda: te.sum(te.if_then_else(k == l, A[k, l], 0), axis=[k, l]), name="T"
        )
        check_readings(te.create_schedule(T.op), [T], {A: filled(4, 4, dtype="int32")})

    def test_an_empty_range(self):
        assert int(te.reduce_axis((3, 3)).extent) == 0

    @pytest.mark.parametrize(
        ("dom", "error", "message"),
        [
            (
                (5, 0),
                ShapeError,
                (
                    r"reduce_axis: the range \(5, 0\) of 'k' runs backwards; "
                    r"write \(0, 5\), or \(5, 5\) for an empty one"
                ),
            ),
            (8, ShapeError, r"reduce_axis: the range 8 of 'k' is no pair; write \(0, n\)"),
            ((0,), ShapeError, r"reduce_axis: the range \(0,\) of 'k' is no pair"),
            ((0, 4, 2), ShapeError, r"reduce_axis: the range \(0, 4, 2\) of 'k' is no pair"),
            (None, ShapeError, r"reduce_axis: the range None of 'k' is no pair"),
            ((0, 2.5), DTypeError, r"reduce_axis: the upper end of 'k': 2.5 is no integer"),
            (("a", 4), DTypeError, r"reduce_axis: the lower end of 'k': 'a' is no integer"),
        ],
    )
    def test_bad_ranges(self, dom, error, message):
        with pytest.raises(error, match=message):
            te.reduce_axis(dom, name="k")

    def test_threads_of_a_gpu(self):
        with pytest.raises(
            TexprError,
            match=r"reduce_axis: thread_tag 'threadIdx.x'; texpr targets CPUs, leave it out",
        ):
            te.reduce_axis((0, 4), "k", "threadIdx.x")


class TestCompute:
    def test_what_it_says(self):
        A = te.placeholder((4, 6), name="A")
        B = te.compute((4, 6), lambda i, j: A[i, j] * 2, name="B", tag="scale", attrs={"by": 2})
        assert repr(B) == "<tensor B: float32[4, 6]>"
        assert (B.op.name, B.op.tag, B.op.attrs) == ("B", "scale", {"by": 2})
        assert [axis.name for axis in B.op.axis] == ["i", "j"]
        assert B.axis == B.op.axis
        assert B.op.reduce_axis == ()
        assert [str(value) for value in B.op.body] == ["A[i, j]*2.0"]
        assert B.op.input_tensors == (A,)
        assert repr(B.op) == "<ComputeOp B>"

    def test_argument_order_and_names_of_tvm(self):
        A = te.placeholder((4,), name="A")
        assert te.compute((4,), lambda i: A[i], "B", "tag", {"a": 1}).op.tag == "tag"
        assert te.compute(shape=A.shape, fcompute=lambda i: A[i]).op.name == "compute"

    @pytest.mark.parametrize("size", [0, 1, 5])
    def test_ranks(self, size):
        n = te.var("n")
        A = te.placeholder((n, n, n), "int32", name="A")
        B = te.compute((n, n, n), lambda i, j, k: A[k, i, j] + 1, name="B")
        check_readings(
            te.create_schedule(B.op),
            [B],
            {A: filled(size, size, size, dtype="int32")},
            sizes={n: size},
        )

    def test_rank_0(self):
        A = te.placeholder((), "int32", name="A")
        B = te.compute((), lambda: A() * A[()] + A, name="B")
        check_readings(te.create_schedule(B.op), [B], {A: np.array(3, "int32")})

    def test_a_plain_number(self):
        B = te.compute((3,), lambda i: 1.5, name="B")
        assert B.dtype == "float32"
        check_readings(te.create_schedule(B.op), [B], {}, expected=[np.full(3, 1.5, "float32")])

    def test_an_axis_alone(self):
        B = te.compute((3,), lambda i: i, name="B")
        assert B.dtype == "int64"
        check_readings(te.create_schedule(B.op), [B], {}, expected=[np.arange(3)])

    def test_any_number_of_axes(self):
        A = te.placeholder((2, 3, 4), name="A")
        B = te.compute(A.shape, lambda *at: A[at] + 1, name="B")
        assert [axis.name for axis in B.op.axis] == ["i0", "i1", "i2"]
        C = te.compute(A.shape, lambda i, *rest: A[i][rest], name="C")
        assert [axis.name for axis in C.op.axis] == ["i", "i1", "i2"]
        D = te.compute(A.shape, lambda *at: A[at], name="D", varargs_names=["x", "y.z", "w"])
        assert [axis.name for axis in D.op.axis] == ["x", "y_z", "w"]

    def test_arguments_with_defaults_are_no_axes(self):
        """The usual way to keep the value that a name has now."""
        tensors = [te.compute((3,), lambda i, c=c: i * c, name=f"T{c}") for c in range(3)]
        assert [str(t.op.body[0]) for t in tensors] == ["i*0", "i*1", "i*2"]

    def test_named_functions_and_keywords_with_defaults(self):
        def rule(row, *, offset=3, **options):
            return row + offset

        assert te.compute((3,), rule).op.axis[0].name == "row"

    def test_several_outputs(self):
        A = te.placeholder((4,), "int32", name="A")
        B, C, D = te.compute((4,), lambda i: (A[i] + 1, A[i] > 0, A[i].astype("float64")), name="T")
        assert [t.name for t in (B, C, D)] == ["T_v0", "T_v1", "T_v2"]
        assert [t.dtype for t in (B, C, D)] == ["int32", "bool", "float64"]
        assert [t.value_index for t in (B, C, D)] == [0, 1, 2]
        assert B.op is C.op
        assert B.op.num_outputs == 3
        check_readings(te.create_schedule(B.op), [B, C, D], {A: filled(4, dtype="int32")})

    def test_one_output_in_a_tuple_is_a_tensor(self):
        assert isinstance(te.compute((4,), lambda i: (i,)), te.Tensor)

    @pytest.mark.parametrize("size", [0, 1, 4, 7])
    def test_a_reduction_over_a_range_that_depends_on_an_axis(self, size):
        n = te.var("n")
        A = te.placeholder((n, n), "int32", name="A")

        def rule(i):
            k = te.reduce_axis((0, i + 1), name="k")
            return te.sum(A[i, k], axis=k)

        B = te.compute((n,), rule, name="B")
        a = filled(size, size, dtype="int32")
        check_readings(
            te.create_schedule(B.op), [B], {A: a}, expected=[np.tril(a).sum(1, dtype="int32")]
        )

    def test_a_range_that_depends_on_another_reduction_axis(self):
        A = te.placeholder((5, 5), "int32", name="A")
        k = te.reduce_axis((0, 5), name="k")
        l = te.reduce_axis((k, 5), name="l")  # noqa: E741
        S = te.compute((), lambda: te.sum(A[k, l], axis=[k, l]), name="S")
        a = filled(5, 5, dtype="int32")
        check_readings(
            te.create_schedule(S.op), [S], {A: a}, expected=[np.triu(a).sum(dtype="int32")]
        )
        with pytest.raises(
            TexprError,
            match=r"compute: the range of axis 'l' of 'S' depends on 'k', which comes after it; "
            r"pass axis=\[k, l\]",
        ):
            te.compute((), lambda: te.sum(A[k, l], axis=[l, k]), name="S")

    def test_a_range_that_is_data(self):
        A = te.placeholder((3, 8), "int32", name="A")
        L = te.placeholder((3,), "int32", name="L")

        def rule(i):
            k = te.reduce_axis((0, L[i]), name="k")
            return te.sum(A[i, k], axis=k)

        B = te.compute((3,), rule, name="B")
        assert B.op.input_tensors == (A, L)
        a, lengths = filled(3, 8, dtype="int32"), np.array([8, -2, 3], "int32")
        sums = np.array([a[0].sum(), 0, a[2, :3].sum()], "int32")
        check_readings(te.create_schedule(B.op), [B], {A: a, L: lengths}, expected=[sums])


A = te.placeholder((8, 4), name="A")
V = te.placeholder((8,), name="V")
K = te.reduce_axis((0, 8), name="k")
L = te.reduce_axis((0, 8), name="l")

BAD_RULES = {
    "no function": (
        3,
        DTypeError,
        r"compute: the rule of 'C' is 3; pass a function of the indices",
    ),
    "too many axes": (
        lambda i, j: V[i],
        ShapeError,
        (
            r"compute: the rule of 'C' takes 2 indices \(i, j\) but the shape has 1 dimensions; "
            r"give one index for each"
        ),
    ),
    "no axis": (lambda: 1, ShapeError, r"compute: the rule of 'C' takes 0 indices \(\) but"),
    "a keyword": (
        lambda i, *, j: V[i],
        DTypeError,
        r"compute: the rule of 'C' wants the keyword 'j', which nothing passes; give it a default",
    ),
    "a type": (
        int,
        DTypeError,
        r"compute: <class 'int'>, the rule of 'C', does not tell what it takes; wrap it, lambda i",
    ),
    "nothing returned": (
        lambda i: None,
        DTypeError,
        r"compute: the rule of 'C' returns None; return an expression",
    ),
    "an empty tuple": (
        lambda i: (),
        DTypeError,
        r"compute: the rule of 'C' returns nothing; return an expression",
    ),
    "None in a tuple": (lambda i: (V[i], None), DTypeError, r"the rule of 'C' returns None"),
    "text": (lambda i: "V[i]", DTypeError, r"'V\[i\]' \(str\) is neither a number nor an express"),
    "a whole tensor": (
        lambda i: V,
        DTypeError,
        r"V: a whole tensor of 1 dimensions stands where one element is wanted; index it, V\[i\]",
    ),
    "reductions beside elements": (
        lambda i: (te.sum(A[K, 0], axis=K), V[i]),
        TexprError,
        (
            r"compute: the rule of 'C' returns reductions and plain elements; "
            r"give each kind a te.compute of its own"
        ),
    ),
    "reductions over different axes": (
        lambda i: (te.sum(V[K], axis=K), te.max(V[L], axis=L)),
        TexprError,
        (
            r"compute: the reductions of 'C' run over different axes or conditions; "
            r"give each a te.compute of its own"
        ),
    ),
    "a reduction axis outside a reduction": (
        lambda i: V[K],
        TexprError,
        (
            r"compute: axis 'k' has no value in 'C' \(axes i\); reduce over it, "
            r"te.sum\(…, axis=k\), or use an axis of 'C'"
        ),
    ),
    "a second reduction axis": (
        lambda i: te.sum(V[K] * V[L], axis=K),
        TexprError,
        r"compute: axis 'l' has no value in 'C' \(axes i, k\); reduce over it",
    ),
    "an axis of another tensor": (
        lambda i: V[te.compute((8,), lambda z: z).op.axis[0]],
        TexprError,
        r"compute: axis 'z' has no value in 'C' \(axes i\)",
    ),
}


@pytest.mark.parametrize("case", BAD_RULES)
def test_bad_rules(case):
    rule, error, message = BAD_RULES[case]
    with pytest.raises(error, match=message):
        te.compute((8,), rule, name="C")


def test_bad_names_of_axes():
    with pytest.raises(ShapeError, match=r"takes 1 indices \(x\) but the shape has 2 dimensions"):
        te.compute((8, 4), lambda *at: A[at], varargs_names=["x"])
    with pytest.raises(DTypeError, match=r"compute: the name 1 is no string"):
        te.compute((8, 4), lambda *at: A[at], varargs_names=[1, 2])


def test_a_shape_that_depends_on_an_axis():
    with pytest.raises(
        ShapeError,
        match=r"compute: the shape of 'C' depends on the axis 'k'; an extent may depend on te.vars",
    ):
        te.compute((K + 1,), lambda i: i, name="C")


def test_what_the_rule_itself_raises_is_left_alone():
    with pytest.raises(ZeroDivisionError):
        te.compute((8,), lambda i: 1 // 0)
