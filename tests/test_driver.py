"""``texpr.lower`` and ``texpr.build``: arguments, sizes, names and targets."""

from __future__ import annotations

import numpy as np
import pytest

import texpr
from tests.readings import check_readings, filled
from texpr import te
from texpr.errors import BoundsError, DTypeError, LoweringError, ShapeError, TargetError


def program(n=8):
    A = te.placeholder((n, 4), name="A")
    B = te.compute((n, 4), lambda i, j: A[i, j] + 1, name="B")
    k = te.reduce_axis((0, 4), name="k")
    C = te.compute((n,), lambda i: te.sum(B[i, k], axis=k), name="C")
    return te.create_schedule(C.op), A, B, C


WRONG_ARGUMENTS = {
    "an input is missing": (
        lambda A, B, C: [C],
        LoweringError,
        r"C: the argument 'A' is missing, which the program reads; pass it, \[C, A\]",
    ),
    "the output is missing": (
        lambda A, B, C: [A],
        LoweringError,
        r"C: the argument 'C' is missing, which the program writes; pass it, \[A, C\]",
    ),
    "all are missing": (
        lambda A, B, C: [],
        LoweringError,
        r"C: the argument 'A' is missing.*pass it, \[A\]",
    ),
    "one is given twice": (
        lambda A, B, C: [A, C, A],
        LoweringError,
        r"C: 'A' is given twice; pass it once",
    ),
    "one is computed elsewhere": (
        lambda A, B, C: [A, C, te.compute((8,), lambda i: i, name="X")],
        LoweringError,
        (
            r"C: <tensor X: int64\[8\]> is not computed by this program, whose arrays are A, C; "
            r"leave it out, or make the schedule from its operation and neither inline nor move it"
        ),
    ),
    "an operation": (
        lambda A, B, C: [A.op, C],
        DTypeError,
        (
            r"C: argument 0 is <PlaceholderOp A>; pass the tensors and te.vars that the kernel "
            r"takes, such as \[A, B, C\]"
        ),
    ),
    "an array": (
        lambda A, B, C: [A, np.zeros(8)],
        DTypeError,
        r"C: argument 1 is array\(\[0., 0.",
    ),
    "an element": (
        lambda A, B, C: [A[0, 0], C],
        DTypeError,
        r"C: argument 0 is <float32 A\[0, 0\]>",
    ),
    "an axis": (
        lambda A, B, C: [A, C, C.op.axis[0]],
        DTypeError,
        r"argument 2 is <axis i in \[0, 8\)>",
    ),
    "the variable of an axis": (
        lambda A, B, C: [C.op.axis[0].var, A, C],
        DTypeError,
        r"C: argument 0 is <int64 i>",
    ),
    "a tensor for a list": (
        lambda A, B, C: A,
        DTypeError,
        r"C: the arguments are <tensor A: float32\[8, 4\]>; pass a list of the tensors",
    ),
    "text": (lambda A, B, C: "AC", DTypeError, r"C: the arguments are 'AC'; pass a list"),
    "a number": (lambda A, B, C: 3, DTypeError, r"C: the arguments are 3; pass a list"),
}


class TestArguments:
    def test_golden(self, golden):
        n = te.size_var("n")
        s, A, B, C = program(n)
        texts = [texpr.lower(s, args) for args in (None, [C, A], [A, B, C], [n, A, C])]
        golden("\n\n".join(map(str, texts)), "driver_arguments")

    def test_in_any_order(self):
        s, A, _, C = program()
        kernel = texpr.build(s, [C, A])
        found = np.zeros(8, "float32")
        kernel(found, filled(8, 4))
        np.testing.assert_array_equal(found, (filled(8, 4) + 1).sum(1))
        assert [parameter.name for parameter in kernel.signature.parameters] == ["C", "A"]

    def test_none_given(self):
        """Scalars, inputs, outputs."""
        n, x = te.var("n"), te.var("x", "float32")
        A = te.placeholder((n,), name="A")
        B = te.compute((n,), lambda i: A[i] * x, name="B")
        kernel = texpr.build(te.create_schedule(B.op))
        assert str(kernel.signature) == "B(x: float32, A: float32[n]) -> B: float32[n]"
        np.testing.assert_array_equal(kernel(2, filled(3)), filled(3) * 2)

    def test_an_intermediate_as_an_output(self):
        s, A, B, C = program()
        s[B].split("i", factor=3)
        check_readings(s, [B, C], {A: filled(8, 4)})
        check_readings(s, [C, B], {A: filled(8, 4)})

    def test_several_outputs(self):
        _, A, B, C = program()
        s = te.create_schedule([C.op, B.op])
        check_readings(s, [B, C], {A: filled(8, 4)})

    def test_inputs_that_are_not_used(self):
        s, A, _, C = program()
        U = te.placeholder((te.var("q"), 9), "int8", name="U")
        kernel = texpr.build(s, [te.var("x"), A, U, C])
        found = kernel(1, filled(8, 4), np.zeros((2, 9), "int8"))
        np.testing.assert_array_equal(found, (filled(8, 4) + 1).sum(1))

    def test_what_only_the_bound_of_a_loop_reads(self):
        A = te.placeholder((4, 8), name="A")
        L = te.placeholder((4,), "int32", name="L")

        def rule(i):
            k = te.reduce_axis((0, L[i]), name="k")
            return te.sum(A[i, k], axis=k)

        C = te.compute((4,), rule, name="C")
        s = te.create_schedule(C.op)
        with pytest.raises(
            LoweringError, match=r"C: the argument 'L' is missing, which the program"
        ):
            texpr.build(s, [A, C])
        kernel = texpr.build(s)
        lengths = np.array([0, 8, 3, 1], "int32")
        np.testing.assert_array_equal(kernel(np.ones((4, 8), "float32"), lengths), lengths)

    @pytest.mark.parametrize("extent", [(0,), (0, 4), (3, 0)])
    def test_outputs_without_elements(self, extent):
        """Nothing writes them, and they are outputs all the same."""
        A = te.placeholder(extent, name="A")
        B = te.compute(extent, lambda *at: A[at], name="B")
        s = te.create_schedule(B.op)
        kernel = check_readings(s, [B], {A: filled(*extent)})
        assert kernel(filled(*extent)).shape == extent
        assert "out float32" in str(texpr.lower(s, [A, B]))

    def test_two_of_one_name(self):
        A = te.placeholder((3,), name="A")
        B = te.placeholder((3,), name="A")
        C = te.compute((3,), lambda i: A[i] - 2 * B[i], name="A")
        kernel = texpr.build(te.create_schedule(C.op), [A, B, C])
        assert str(kernel.signature) == "A(A: float32[3], A_1: float32[3]) -> A_2: float32[3]"
        one, other = filled(3), filled(3, seed=1)
        np.testing.assert_array_equal(kernel(A_1=other, A=one), one - 2 * other)

    @pytest.mark.parametrize("case", WRONG_ARGUMENTS)
    @pytest.mark.parametrize("function", [texpr.lower, texpr.build])
    def test_wrong(self, case, function):
        args, error, message = WRONG_ARGUMENTS[case]
        s, A, B, C = program()
        with pytest.raises(error, match=message):
            function(s, args(A, B, C))

    def test_an_intermediate_that_was_inlined(self):
        s, A, B, C = program()
        s[B].compute_inline()
        with pytest.raises(LoweringError, match=r"<tensor B: .* is not computed by this program"):
            texpr.build(s, [A, B, C])


class TestScalars:
    def test_of_every_kind(self):
        x, k, flag = te.var("x", "float32"), te.var("k", "int32"), te.var("flag", "bool")
        A = te.placeholder((4,), name="A")
        B = te.compute((4,), lambda i: te.if_then_else(flag, A[i] * x, A[i] + k), name="B")
        s = te.create_schedule(B.op)
        kernel = None
        for values in ((2.5, 3, True), (2.5, -3, False)):
            kernel = check_readings(
                s,
                [B],
                {A: filled(4)},
                scalars=dict(zip((x, k, flag), values, strict=True)),
                kernel=kernel,
            )
        with pytest.raises(DTypeError, match=r"B: k = 2.5 is a float where the scalar int32 is"):
            kernel(1.0, 2.5, True, filled(4))

    def test_one_that_is_missing(self):
        q = te.var("q")
        B = te.compute((4,), lambda i: i + q, name="B")
        s = te.create_schedule(B.op)
        with pytest.raises(
            LoweringError,
            match=r"B: the scalar 'q' is missing and follows from no shape; pass it, \[q, B\]",
        ):
            texpr.build(s, [B])
        np.testing.assert_array_equal(texpr.build(s, [q, B])(10), [10, 11, 12, 13])

    def test_a_size_that_follows_from_outputs_only(self):
        n = te.var("n")
        B = te.compute((n,), lambda i: i * 2, name="B")
        kernel = texpr.build(te.create_schedule(B.op), [B])
        found = np.zeros(3, "int64")
        kernel(found)
        np.testing.assert_array_equal(found, [0, 2, 4])
        with pytest.raises(ShapeError, match=r"the size n follows from B only, which was left out"):
            kernel()
        np.testing.assert_array_equal(texpr.build(te.create_schedule(B.op), [n, B])(3), [0, 2, 4])


class TestSizes:
    def test_compiled_once_for_any_size(self):
        n, m = te.size_var("n"), te.var("m")
        A = te.placeholder((n, m), "int32", name="A")
        B = te.compute((m, n), lambda i, j: A[j, i] * 2, name="B")
        s = te.create_schedule(B.op)
        s[B].vectorize(s[B].tile("i", "j", 4, 4)[3])
        kernel = None
        for rows, columns in ((0, 5), (1, 1), (3, 4), (4, 4), (5, 7), (13, 8)):
            arrays = {A: filled(rows, columns, dtype="int32")}
            kernel = check_readings(s, [B], arrays, sizes={n: rows, m: columns}, kernel=kernel)

    def test_solved_from_an_input_where_the_output_says_it_plainly(self):
        n = te.var("n")
        A = te.placeholder((2 * n + 1,), name="A")
        B = te.compute((n,), lambda i: A[2 * i], name="B")
        kernel = texpr.build(te.create_schedule(B.op), [A, B])
        np.testing.assert_array_equal(kernel(filled(7)), filled(7)[:-1:2])
        with pytest.raises(ShapeError, match=r"A's extent 0 is 6, which no n makes of 2\*n \+ 1"):
            kernel(filled(6))

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32"])
    def test_of_narrow_types(self, dtype):
        n = te.var("n", dtype)
        A = te.placeholder((n + 1,), name="A")
        B = te.compute((n * 2,), lambda i: A[i // 2], name="B")
        kernel = texpr.build(te.create_schedule(B.op), [A, B])
        np.testing.assert_array_equal(kernel(filled(4)), filled(4)[[0, 0, 1, 1, 2, 2]])

    def test_negative_in_the_end(self):
        n = te.var("n")
        A = te.placeholder((n,), name="A")
        B = te.compute((n - 3,), lambda i: A[i], name="B")
        kernel = texpr.build(te.create_schedule(B.op))
        assert kernel(filled(5)).shape == (2,)
        with pytest.raises(ShapeError, match=r"negative"):
            kernel(filled(2))


class TestNames:
    def test_of_the_kernel(self):
        s, A, _, C = program()
        assert texpr.build(s, [A, C]).name == "C"
        assert texpr.build(s, [A, C], name="row_sums").name == "row_sums"
        assert str(texpr.lower(s, [A, C], name="main")).startswith("def main(")

    @pytest.mark.parametrize("name", ["", "a b", "3x", "for", 3, ["C"]])
    @pytest.mark.parametrize("function", [texpr.lower, texpr.build])
    def test_that_are_none(self, function, name):
        s, A, _, C = program()
        with pytest.raises(LoweringError, match=r"cannot name a kernel; choose a word such as"):
            function(s, [A, C], name=name)


class TestSchedules:
    @pytest.mark.parametrize("function", [texpr.lower, texpr.build])
    def test_what_is_none(self, function):
        s, A, _, C = program()
        for other in (None, C, C.op, [A, C], str(s)):
            with pytest.raises(
                DTypeError,
                match=rf"{function.__name__}: .* is no schedule; pass te.create_schedule\(C.op\), "
                r"with its primitives applied",
            ):
                function(other, [A, C])

    def test_a_kernel_keeps_what_it_was_made_from(self):
        s, A, _, C = program()
        s[C].split("k", factor=2)
        kernel = texpr.build(s, [A, C])
        s[C].unroll("k_i")
        assert len(kernel.trace) == 1
        assert "for k_o in range(2)" in str(kernel.program)


class TestLower:
    def test_simple_mode_stops_before_the_passes(self):
        s, A, _, C = program()
        s[C].unroll("k")
        simple = str(texpr.lower(s, [A, C], simple_mode=True))
        assert "unrolled(4)" in simple
        assert "unrolled" not in str(texpr.lower(s, [A, C]))
        assert simple.splitlines()[1:] == str(s).splitlines()[1:]

    def test_out_of_bounds_at_every_size(self):
        A = te.placeholder((8,), name="A")
        B = te.compute((8,), lambda i: A[i + 1], name="B")
        s = te.create_schedule(B.op)
        assert "A[i + 1]" in str(s)
        for function in (texpr.lower, texpr.build):
            with pytest.raises(
                BoundsError,
                match=r"bounds: B\[i\] = A\[i \+ 1\] \(test_driver.py:\d+\): at i=7 it reads "
                r"A\[i \+ 1\], which is A\[8\], but dimension 0 of A runs over 0..7; shorten the "
                r"loops such that i \+ 1 < 8, or guard the read",
            ):
                function(s, [A, B])


class TestTargets:
    def test_the_host_and_others(self):
        s, A, _, C = program()
        assert texpr.build(s, [A, C]).target.is_host
        assert texpr.build(s, [A, C], "llvm").target.is_host
        foreign = texpr.build(s, [A, C], "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72")
        assert not foreign.target.is_host
        assert foreign.asm
        with pytest.raises(TargetError, match=r"does not run on this machine; read its .asm, or"):
            foreign(filled(8, 4))
        wide = texpr.Target.of("llvm -mcpu=x86-64-v3 -num-cores=4")
        assert texpr.build(s, [A, C], target=wide).target is wide

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("lvm", r"unknown target 'lvm'; did you mean 'llvm'\?"),
            ("cuda", r"unknown target 'cuda'; use llvm"),
            ("llvm -mcpu=zenith", r"unknown cpu 'zenith'"),
            ("llvm -foo=3", r"target: unknown flag '-foo=3'; the flags are"),
            ("", r"target: the text is empty; write 'llvm' for this machine"),
            (3, r"target: 3 is an? int; pass a Target or a text such as"),
        ],
    )
    def test_that_do_not_exist(self, target, message):
        s, A, _, C = program()
        for function in (texpr.lower, texpr.build):
            with pytest.raises(TargetError, match=message):
                function(s, [A, C], target)
