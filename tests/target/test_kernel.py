import array
import ctypes
import gc
import inspect
import itertools
import pickle
import re
import sys
import threading
import time
import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.target.handwritten import (
    I64,
    compiled,
    declare,
    host,
    kernel_of,
    nothing,
    sum_of,
    waiting_for,
)  # fmt: skip
from texpr.errors import (
    ArgumentError,
    ArrayMemoryError,
    BoundsError,
    DTypeError,
    InternalError,
    ShapeError,
    TargetError,
    TexprError,
)  # fmt: skip
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, FLOAT32, FLOAT64, INT8, INT32, INT64, UINT8, UINT16
from texpr.ir.expr import Const, Var, cast
from texpr.target.kernel import Kernel, make_kernel
from texpr.target.signature import OUT_OF_BOUNDS, OUT_OF_MEMORY, Signature

n, m, k = Var("n"), Var("m"), Var("k")


def const(value):
    return Const(value, INT64)


def buffer(name, *shape, dtype=FLOAT32):
    extents = [const(extent) if isinstance(extent, int) else extent for extent in shape]
    return Buffer(name, tuple(extents), dtype)


@pytest.fixture(scope="module")
def matmul():
    """It only has the signature of a product; it does nothing."""
    A, B, C = buffer("A", n, k), buffer("B", k, m), buffer("C", n, m)
    return kernel_of(declare("matmul", (A, B, C), (C,)))


@pytest.fixture(scope="module")
def add():
    A, B, C = buffer("A", n, m), buffer("B", n, m), buffer("C", n, m)
    return kernel_of(declare("add", (A, B, C), (C,)), sum_of(C, A, B))


@pytest.fixture
def abc():
    return (
        np.arange(12, dtype="f4").reshape(3, 4),
        np.full((3, 4), 0.5, "f4"),
        np.zeros((3, 4), "f4"),
    )


def refused(error, text, call, *args, **named):
    """Check that a call is refused with exactly this text."""
    with pytest.raises(error, match=re.escape(text) + "$") as caught:
        call(*args, **named)
    assert type(caught.value) is error
    assert isinstance(caught.value, TexprError)


# ---------------------------------------------------------------- ways to call


def test_outputs_that_are_passed_are_filled(add, abc):
    a, b, c = abc
    assert add(a, b, c) is None
    np.testing.assert_array_equal(c, a + b)


def test_outputs_that_are_left_out_are_returned(add, abc):
    a, b, _ = abc
    made = add(a, b)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, a + b)
    assert add(a[:0], b[:0]).shape == (0, 4)


def test_arguments_by_name(add, abc):
    a, b, c = abc
    assert add(a, b, C=c) is None
    np.testing.assert_array_equal(c, a + b)
    assert add(C=c, B=a, A=a) is None
    np.testing.assert_array_equal(c, a + a)
    np.testing.assert_array_equal(add(B=a, A=b), a + b)
    np.testing.assert_array_equal(add(a, B=b), a + b)


def test_every_mixture_of_positions_and_names(add, abc):
    """Whatever is given by name, left out or in another order, the same arguments arrive."""
    a, b, c = abc
    values = {"A": a, "B": b, "C": c}
    for count in range(4):
        for given in itertools.product((True, False), repeat=3 - count):
            names = [name for name, use in zip("ABC"[count:], given, strict=True) if use]
            if not {"A", "B"} <= {*"ABC"[:count], *names}:
                continue
            for order in itertools.permutations(names):
                c[...] = 0
                named = {name: values[name] for name in order}
                made = add(*[values[name] for name in "ABC"[:count]], **named)
                is_made = "C" not in {*"ABC"[:count], *names}
                np.testing.assert_array_equal(made if is_made else c, a + b)
                assert (made is None) != is_made


@pytest.mark.parametrize("name", ["self", "args", "named", "signature", "int", "_", "__class__"])
def test_names_that_python_uses_too(name):
    """A tensor may be called like what takes the call."""
    A, C = buffer(name, n), buffer("C", n)
    kernel = kernel_of(declare("copy", (A, C), (C,)), sum_of(C, A))
    a = np.arange(3, dtype="f4")
    np.testing.assert_array_equal(kernel(**{name: a}), a)
    np.testing.assert_array_equal(kernel(**{name: a[::-1]}), a[::-1])
    with pytest.raises(ShapeError, match=f"copy: {name} has 2 dimensions"):
        kernel(**{name: zeros(2, 2)})
    assert kernel.time(a, repeat=1, min_time_ms=0).samples_ns


def test_names_that_are_alike_and_names_that_are_none(matmul):
    """Two tensors of one name are numbered, as the signature shows."""
    kernel = kernel_of(declare("f", (buffer("A", n), buffer("A", n))))
    assert str(kernel.signature) == "f(A: float32[n], A_1: float32[n])"
    assert kernel(zeros(3), A_1=zeros(3)) is None
    fit = "call it as f(A: float32[n], A_1: float32[n])"
    for name, hint in (("a b", ""), ("", ""), ("A_2", "; did you mean 'A_1'?"), ("größe", "")):
        text = f"f: no parameter is called {name!r}{hint}; {fit}"
        refused(ArgumentError, text, kernel, zeros(3), **{name: zeros(3)})


def test_no_memory_for_an_output():
    A, C = buffer("A", n), buffer("C", n, 1 << 46)
    kernel = kernel_of(declare("outer", (A, C), (C,)))
    text = (
        "outer: C, left out, would be a new array of 8×70368744177664 float32, for which there is "
        "no memory; pass smaller arrays"
    )
    with pytest.raises(MemoryError, match=re.escape(text)) as caught:
        kernel(zeros(8))
    assert type(caught.value) is ArrayMemoryError
    C = buffer("C", n * n * n * n * n, n * n * n * n)  # more than NumPy counts
    kernel = kernel_of(declare("outer", (A, C), (C,)))
    with pytest.raises(ArrayMemoryError, match="for which there is no memory"):
        kernel(zeros(1 << 8))


def test_help_says_how_to_call(add):
    assert inspect.getdoc(add) == (
        "add(A: float32[n, m], B: float32[n, m]) -> C: float32[n, m]\n\n"
        "Call it with NumPy arrays, or others that share their memory.\n"
        "Leave C out and new arrays are returned; pass them and they are filled."
    )
    A, D = buffer("A", n), buffer("D", n)
    in_place = kernel_of(declare("f", (A, D), (A, D), in_place=(A, D)))
    assert inspect.getdoc(in_place).endswith("their memory.\nA, D are written.")


def test_outputs_need_not_come_last():
    C, A, S = buffer("C", n), buffer("A", n), buffer("S")
    kernel = kernel_of(declare("f", (C, A, S), (C,)), sum_of(C, A))
    a, c, s = np.arange(3, dtype="f4"), np.zeros(3, "f4"), np.float32(1)
    assert kernel(c, a, s) is None
    np.testing.assert_array_equal(c, a)
    np.testing.assert_array_equal(kernel(a, s), a)
    np.testing.assert_array_equal(kernel(a, S=s), a)
    assert kernel(c, a, S=s) is None
    assert kernel(a, s, C=c) is None


def test_several_outputs_are_returned_together():
    A, X, Y = buffer("A", n), buffer("X", 2, n, dtype=INT32), buffer("Y", n + 1, dtype=FLOAT64)
    kernel = kernel_of(declare("f", (A, X, Y), (X, Y)))
    x, y = kernel(np.zeros(3, "f4"))
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((2, 3), np.int32, (4,), np.float64)
    given = np.zeros((2, 3), "i4")
    assert kernel(np.zeros(3, "f4"), given).shape == (4,)
    assert kernel(np.zeros(3, "f4"), Y=np.zeros(4)).shape == (2, 3)


def test_an_output_in_place_is_an_argument():
    A = buffer("A", n)
    kernel = kernel_of(declare("f", (A,), (A,), in_place=(A,)))
    assert kernel(np.zeros(3, "f4")) is None
    refused(
        ArgumentError,
        "f: missing the argument A; call it as f(A: float32[n] in place)",
        kernel,
    )


def test_anything_with_the_buffer_protocol():
    A, C = buffer("A", n, dtype=UINT8), buffer("C", n, dtype=UINT8)
    kernel = kernel_of(declare("copy", (A, C), (C,)), sum_of(C, A))
    out = bytearray(3)
    assert kernel(b"abc", out) is None
    assert out == b"abc"
    assert kernel(memoryview(b"abc"), C=out) is None
    assert bytes(kernel(array.array("B", b"xyz"))) == b"xyz"
    assert bytes(kernel((ctypes.c_uint8 * 2)(1, 2))) == b"\1\2"
    out.append(0)


def test_bool_arrays():
    A, C = buffer("A", n, dtype=BOOL), buffer("C", n, dtype=BOOL)
    kernel = kernel_of(declare("copy", (A, C), (C,)), sum_of(C, A))
    assert kernel(np.array([True, False])).tolist() == [True, False]


def test_scalars_of_every_make():
    a, i, flag = Var("a"), Var("i", INT8), Var("flag", BOOL)
    x, A = Var("x", FLOAT32), buffer("A", n)
    kernel = kernel_of(declare("f", (a, i, flag, x, A)))
    array_ = np.zeros(2, "f4")
    for numbers in (
        (1, 2, True, 0.5),
        (np.int64(1), np.int8(2), np.bool_(True), np.float32(0.5)),
        (np.array(1), np.array(2), np.array(True), np.array(0.5)),
        (True, np.uint8(2), False, 1),
        (1, 2, True, Fraction(1, 3)),
    ):
        assert kernel(*numbers, array_) is None
        assert kernel(*numbers, A=array_) is None


# ---------------------------------------------------------------- views


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[:, ::2],
        lambda a: a[::2],
        lambda a: a[::-1],
        lambda a: a[:, ::-3],
        lambda a: a[::-1, ::-1].T,
        lambda a: a.T,
        np.asfortranarray,
        lambda a: a[2:, 3:],
        lambda a: a[:, :0],
        lambda a: a[::-1][:0],
        lambda a: np.broadcast_to(a[0, 0], (5, 2)),
    ],
)
def test_strided_views(add, view):
    base = np.arange(30, dtype="f4").reshape(5, 6)
    a = view(base)
    b = np.ones(a.shape, "f4")
    expected = a + b
    np.testing.assert_array_equal(add(a, b), expected)
    out = np.zeros((2 * a.shape[0], 3 * a.shape[1]), "f4")[::-2, ::3]
    assert add(a, b, out) is None
    np.testing.assert_array_equal(out, expected)
    turned = np.zeros(a.shape[::-1], "f4").T
    assert add(b, a, turned) is None
    np.testing.assert_array_equal(turned, expected)


def test_misaligned_arrays(add):
    raw = np.zeros(12 * 4 + 1, "u1")
    a = raw[1:].view("f4").reshape(3, 4)
    a[...] = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(add(a, a), 2 * a)


def test_views_that_interleave_do_not_overlap(add):
    base = np.arange(48, dtype="f4").reshape(3, 16)
    a, b, c = base[:, 0::4], base[:, 1::4], base[:, 2::4]
    expected = a + b
    assert add(a, b, c) is None
    np.testing.assert_array_equal(c, expected)


def test_the_strided_flavour_is_compiled_once_and_only_when_needed(abc):
    A, C = buffer("A", n, m), buffer("C", n, m)
    program = declare("copy", (A, C), (C,))
    compilations = []

    def compile_strided(rows):
        compilations.append(1)
        time.sleep(0.01)
        return compiled(program, sum_of(C, A), rows=rows)

    kernel = kernel_of(program, sum_of(C, A), compile_strided=compile_strided)
    a, _, _ = abc
    kernel(a)
    kernel(A=a)
    assert compilations == []
    wrong = []

    def work():
        if not (kernel(a.T) == a.T).all():
            wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compilations == [1]
    assert wrong == []


def test_without_a_strided_flavour(abc):
    A = buffer("A", n, m)
    kernel = kernel_of(declare("f", (A,)), compile_strided=None)
    assert kernel(abc[0]) is None
    refused(
        ShapeError,
        "f: an array is not C-contiguous or not aligned, and this kernel takes no strides; "
        "pass np.ascontiguousarray of it",
        kernel,
        abc[0].T,
    )


# ---------------------------------------------------------------- what is wrong with a call

MATMUL = "matmul(A: float32[n, k], B: float32[k, m]) -> C: float32[n, m]"


def zeros(*shape, dtype="f4"):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("args", "named", "text"),
    [
        ((), {}, "matmul: missing the arguments A, B; call it as " + MATMUL),
        ((1,), {}, "matmul: missing the argument B; call it as " + MATMUL),
        ((), {"B": 1, "C": 1}, "matmul: missing the argument A; call it as " + MATMUL),
        ((1, 2, 3, 4), {}, "matmul: 4 arguments were given and it takes 3; call it as " + MATMUL),
        ((1, 2), {"D": 1}, "matmul: no parameter is called 'D'; call it as " + MATMUL),
        (
            (1, 2),
            {"c": 1},
            "matmul: no parameter is called 'c'; call it as " + MATMUL,
        ),
        (
            (1, 2, 3),
            {"A": 1},
            "matmul: A was given both by position and by name; leave one out",
        ),
        (
            (1,),
            {"A": 1, "B": 2},
            "matmul: A was given both by position and by name; leave one out",
        ),
    ],
)
def test_number_and_names(matmul, args, named, text):
    refused(ArgumentError, text, matmul, *args, **named)


def test_an_argument_error_is_pythons_type_error(matmul):
    with pytest.raises(TypeError):
        matmul()


class Pandas:
    def __array__(self):
        return zeros(2, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([[1.0]], "A is a list, not an array; pass np.asarray(A, dtype='float32')"),
        ((1, 2), "A is a tuple, not an array; pass np.asarray(A, dtype='float32')"),
        (3, "A is the number 3, not an array; pass an array of float32[n, k]"),
        (
            Pandas(),
            f"A is a {__name__}.Pandas, which has no buffer protocol; pass np.asarray(A)",
        ),
        (
            None,
            (
                "A is None, not an array (memoryview: a bytes-like object is required, not "
                "'NoneType'); pass a NumPy array, or an object with the buffer protocol or DLPack"
            ),
        ),
        (zeros(2, 3, dtype="f8"), "A is float64 where float32 is wanted; pass A.astype('float32')"),
        (zeros(2, 3, dtype="f2"), "A is float16 where float32 is wanted; pass A.astype('float32')"),
        (
            zeros(2, 3, dtype=">f4" if sys.byteorder == "little" else "<f4"),
            "A has the byte order of another machine (dtype '>f4'); pass A.astype('float32')",
        ),
        (
            zeros(2, 3, dtype=object),
            (
                "A holds Python objects (dtype object) where float32 is wanted; "
                "pass A.astype('float32')"
            ),
        ),
        (
            np.zeros((2, 3), "M8[s]"),
            "A is datetime64[s] where float32 is wanted; pass A.astype('float32')",
        ),
        (b"abcd", "A is uint8 where float32 is wanted; convert it to float32 first"),
    ],
)
def test_kinds_and_types_of_arrays(matmul, value, text):
    refused(DTypeError, f"matmul: {text}", matmul, value, zeros(3, 4))
    refused(DTypeError, f"matmul: {text}", matmul, value, zeros(3, 4), zeros(2, 4))


def test_the_type_of_an_output(matmul):
    text = "matmul: C is float64 where float32 is wanted; allocate it with dtype 'float32'"
    refused(DTypeError, text, matmul, zeros(2, 3), zeros(3, 4), zeros(2, 4, dtype="f8"))


def test_a_released_memoryview(matmul):
    view = memoryview(zeros(2, 3))
    view.release()
    text = (
        "matmul: A is a memoryview, not an array (operation forbidden on released memoryview "
        "object); pass a NumPy array, or an object with the buffer protocol or DLPack"
    )
    refused(DTypeError, text, matmul, view, zeros(3, 4))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            (zeros(2, 3), zeros(4)),
            (
                "B has 1 dimension, shape (4,), where 2 are declared, [k, m]; "
                "reshape B, or index it with None where a dimension lacks"
            ),
        ),
        (
            (zeros(2, 3, 1), zeros(3, 4)),
            (
                "A has 3 dimensions, shape (2, 3, 1), where 2 are declared, [n, k]; "
                "reshape A, or index it with None where a dimension lacks"
            ),
        ),
        (
            (zeros(2, 3), zeros(5, 4)),
            (
                "B's extent 0 is 5 where k = 3 from A's extent 1; "
                f"pass arrays whose shapes fit {MATMUL}"
            ),
        ),
        (
            (zeros(2, 3), zeros(3, 4), zeros(4, 2)),
            (
                "C's extent 0 is 4 where n = 2 from A's extent 0; "
                f"pass arrays whose shapes fit {MATMUL}"
            ),
        ),
    ],
)
def test_shapes(matmul, args, text):
    refused(ShapeError, f"matmul: {text}", matmul, *args)


def test_shapes_by_expression():
    size = Var("s", is_size=True)
    A, B, C, D = buffer("A", n), buffer("B", n + 1), buffer("C", 4), buffer("D", 2 * size + 1)
    kernel = kernel_of(declare("f", (A, B, C, D)))
    signature = "f(A: float32[n], B: float32[n + 1], C: float32[4], D: float32[2*s + 1])"
    fit = f"pass arrays whose shapes fit {signature}"
    assert kernel(zeros(2), zeros(3), zeros(4), zeros(5)) is None
    refused(
        ShapeError,
        f"f: B's extent 0 is 2 where n + 1 = 3 (n = 2 from A's extent 0); {fit}",
        kernel, zeros(2), zeros(2), zeros(4), zeros(5),
    )  # fmt: skip
    refused(
        ShapeError, f"f: C's extent 0 is 5 where 4 is declared; {fit}",
        kernel, zeros(2), zeros(3), zeros(5), zeros(5),
    )  # fmt: skip
    refused(
        ShapeError, f"f: D's extent 0 is 4, which no s makes of 2*s + 1; {fit}",
        kernel, zeros(2), zeros(3), zeros(4), zeros(4),
    )  # fmt: skip
    refused(
        ShapeError,
        "f: D's extent 0 is 0, which makes s -1; pass an array from which s is 0 or more and "
        "fits int64",
        kernel, zeros(2), zeros(3), zeros(4), zeros(0),
    )  # fmt: skip


def test_a_size_of_a_narrow_type():
    small = Var("s", INT8)
    kernel = kernel_of(declare("f", (buffer("A", cast(small, INT64), dtype=UINT8),)))
    assert kernel(bytes(127)) is None
    refused(
        ShapeError,
        "f: A's extent 0 is 128, which makes s 128; pass an array from which s is 0 or more and "
        "fits int8",
        kernel,
        bytes(128),
    )


def test_outputs_that_cannot_be_made():
    A, C = buffer("A", n), buffer("C", n - 2)
    kernel = kernel_of(declare("f", (A, C), (C,)))
    assert kernel(zeros(3)).shape == (1,)
    refused(
        ShapeError,
        "f: C would have a negative extent 0: n - 2 = -1 (n = 1 from A's extent 0); "
        "pass larger arrays",
        kernel,
        zeros(1),
    )
    C = buffer("C", m)
    kernel = kernel_of(declare("f", (A, C), (C,)))
    assert kernel(zeros(3), zeros(2)) is None
    refused(
        ShapeError,
        "f: the size m follows from C only, which was left out; pass C",
        kernel,
        zeros(1),
    )


def test_requirements():
    A, a = buffer("A", n), Var("a")
    kernel = kernel_of(declare("f", (A, a), requirements=(n % 4 == 0, a < n)))
    assert kernel(zeros(8), 7) is None
    refused(
        ShapeError,
        "f: it requires n%4 == 0, but n = 6 from A's extent 0; pass arguments that satisfy it",
        kernel, zeros(6), 1,
    )  # fmt: skip
    refused(
        ShapeError,
        "f: it requires a < n, but a = 8, n = 8 from A's extent 0; pass arguments that satisfy it",
        kernel, zeros(8), 8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (INT64, 1.0, "a = 1.0 is a float where the scalar int64 is wanted; pass an int"),
        (INT64, "1", "a = '1' is a str where the scalar int64 is wanted; pass an int"),
        (INT64, None, "a is None where the scalar int64 is wanted; pass an int"),
        (FLOAT32, "1", "a = '1' is a str where the scalar float32 is wanted; pass a number"),
        (FLOAT32, 1j, "a = 1j is a complex where the scalar float32 is wanted; pass a number"),
        (BOOL, 1, "a = 1 is an int where the scalar bool is wanted; pass True or False"),
        (BOOL, np.array(1), ("a is a numpy.int64 where the scalar bool is wanted; "
                            "pass True or False")),
        (INT8, 128, ("a = 128 does not fit int8 (-128 to 127); "
                    "pass a smaller value, or declare a wider type")),
        (UINT16, -1, ("a = -1 does not fit uint16 (0 to 65535); "
                     "pass a smaller value, or declare a wider type")),
        (INT32, [1], "a is a list where the scalar int32 is wanted; pass an int"),
        (INT32, np.zeros(3, "i4"), ("a is an array of shape (3,) where the scalar int32 is "
                                   "wanted; pass an int")),
    ],
)  # fmt: skip
def test_scalars(dtype, value, text):
    kernel = kernel_of(declare("f", (Var("a", dtype), buffer("A", n))))
    refused(DTypeError, f"f: {text}", kernel, value, zeros(2))


def test_a_number_too_large_for_a_float():
    kernel = kernel_of(declare("f", (Var("a", FLOAT64),)))
    with pytest.raises(DTypeError, match=r"f: a = 10+\.\.\.0+ does not fit float64; pass a s"):
        kernel(10**400)


def test_a_negative_size():
    kernel = kernel_of(declare("f", (Var("s", is_size=True),)))
    refused(ShapeError, "f: the size s is -1; pass one that is at least 0", kernel, -1)


def test_an_output_is_writable(add, abc):
    a, b, c = abc
    c.flags.writeable = False
    text = (
        "add: C is read-only, and the kernel writes it; "
        "pass an array that may be written, such as np.array(C)"
    )
    refused(TexprError, text, add, a, b, c)


def test_an_output_overlaps_nothing(add, abc):
    a, b, c = abc
    text = (
        "add: C, which the kernel writes, overlaps A in memory; "
        "pass an array of its own for one of them, such as A.copy()"
    )
    refused(TexprError, text, add, a, b, a)
    refused(TexprError, text.replace("A", "B"), add, a, b[::-1], b)
    base = zeros(3, 10)
    refused(TexprError, text, add, base[:, :8:2], b, base[:, 2:6])
    assert add(a, a, c) is None


def test_outputs_do_not_overlap_each_other():
    X, Y = buffer("X", n), buffer("Y", n)
    kernel = kernel_of(declare("f", (X, Y), (X, Y)))
    x = zeros(4)
    refused(
        TexprError,
        "f: X, which the kernel writes, overlaps Y in memory; "
        "pass an array of its own for one of them, such as Y.copy()",
        kernel, x[:3], x[1:],
    )  # fmt: skip
    assert kernel(x[:2], x[2:]) is None


def test_an_output_does_not_overlap_itself(add, abc):
    a, b, _ = abc
    spread = np.lib.stride_tricks.as_strided(zeros(4), (3, 4), (0, 4))
    text = (
        "add: several elements of C, which the kernel writes, are in one place in memory "
        "(shape (3, 4), strides (0, 4) bytes); pass C.copy()"
    )
    refused(TexprError, text, add, a, b, spread)
    np.testing.assert_array_equal(add(spread, b), b)


def test_an_output_that_only_looks_as_if_it_overlapped_itself(add):
    # Rows of 2 elements 12 bytes apart, one row begun 8 bytes after the other: 0 12 | 8 20.
    woven = np.lib.stride_tricks.as_strided(zeros(8), (2, 2), (8, 12))
    assert add(np.ones((2, 2), "f4"), np.ones((2, 2), "f4"), woven) is None
    assert (woven == 2).all()


def test_strides_that_are_no_whole_elements(add):
    fields = np.zeros((3, 4), np.dtype([("x", "f4"), ("y", "i1")]))
    text = (
        "add: A has strides of (20, 5) bytes, no multiples of the 4 bytes of float32; "
        "pass np.ascontiguousarray(A)"
    )
    refused(ShapeError, text, add, fields["x"], zeros(3, 4), zeros(3, 4))
    text = text.replace("A has", "C has").replace("np.ascontiguousarray(A)", "a contiguous array")
    refused(ShapeError, text, add, zeros(3, 4), zeros(3, 4), fields["x"])


def test_the_same_is_said_of_views(add):
    """Once the strided flavour is there it makes the first checks; the words stay the same."""
    wide = zeros(6, 8)
    add(wide[::2, ::2], wide[::2, ::2])
    with pytest.raises(ShapeError, match="add: B's extent 1 is 3 where m = 4 from A's extent 1"):
        add(wide[::2, ::2], wide[::2, ::3], zeros(3, 4))
    with pytest.raises(DTypeError, match="add: B is float64 where float32 is wanted"):
        add(wide[::2, ::2], wide[::2, ::2].astype("f8"), zeros(3, 4))
    with pytest.raises(TexprError, match="add: C, which the kernel writes, overlaps A"):
        add(wide[::2, ::2], zeros(3, 4), wide[:3, :4])


# ---------------------------------------------------------------- errors from the machine code


def failing(status):
    def body(b, args):
        for place, value in enumerate((1, -3, 5, 0)):
            b.store(I64(value), b.gep(args.error, [I64(place)], source_etype=I64))
        b.ret(I64(status))

    return body


@pytest.mark.parametrize("strided", [False, True])
def test_statuses(strided):
    A = buffer("A", n)
    program = declare("gather", (A,))
    values = zeros(4)[:: 2 if strided else 1]
    kernel = kernel_of(program, failing(OUT_OF_BOUNDS), sites=("x[i]", "A[idx[i]] at f.py:3"))
    refused(
        BoundsError,
        "gather: A[idx[i]] at f.py:3: index -3 is outside dimension 0 of extent 5; "
        "outputs may be partly written; pass subscripts in range",
        kernel,
        values,
    )
    with pytest.raises(MemoryError, match="gather: no memory for an intermediate buffer; pass"):
        kernel_of(program, failing(OUT_OF_MEMORY))(values)
    with pytest.raises(InternalError, match="gather: compiled code returned the unknown status 77"):
        kernel_of(program, failing(77))(values)


def test_checks_that_disagree_are_a_bug_of_ours():
    """Machine code that demands another shape than the signature says."""
    declared, emitted = declare("f", (buffer("A", n),)), declare("f", (buffer("A", 3),))
    kernel = make_kernel(
        program=declared,
        signature=Signature.of(declared),
        code=compiled(emitted),
        target=host(),
    )
    assert kernel(zeros(3)) is None
    with pytest.raises(InternalError, match="f: machine code declines arguments in which Python"):
        kernel(zeros(4))


def test_a_kernel_for_another_machine(abc):
    class Foreign:
        llvm, asm = "define i64 @f", "f:"

        def address(self, symbol):
            raise AssertionError

    program = declare("f", (buffer("A", n, m),))
    kernel = make_kernel(
        program=program,
        signature=Signature.of(program),
        code=Foreign(),
        target=replace(host(), is_host=False),
    )
    assert kernel.asm == "f:"
    text = (
        "f: its code is for llvm and does not run on this machine; "
        "read its .asm, or build for this machine"
    )
    refused(TargetError, text, kernel, abc[0])
    refused(TargetError, text, kernel.time, abc[0])


# ---------------------------------------------------------------- the object


def test_attributes():
    A, C = buffer("A", n), buffer("C", n)
    program = declare("copy", (A, C), (C,))
    kernel = kernel_of(program, sum_of(C, A), trace=["split"])
    assert kernel.name == "copy"
    assert kernel.program is program
    assert kernel.trace == ["split"]
    assert kernel.target is host()
    assert "define" in kernel.llvm
    assert "copy:" in kernel.asm
    assert repr(kernel) == "<kernel copy(A: float32[n]) -> C: float32[n] for llvm>"
    assert isinstance(kernel, Kernel)
    assert str(inspect.signature(kernel)) == "(A: float32[n], C: float32[n] = <made>)"
    assert repr(kernel.signature) == "<signature copy(A: float32[n]) -> C: float32[n]>"
    assert kernel.__call__.__name__ == "copy"
    assert kernel.__call__.__doc__ == str(kernel.signature)


def test_a_kernel_is_not_pickled(add):
    text = (
        "pickle: the kernel add is machine code of this process; "
        "pickle what it was built from, and build it again"
    )
    refused(TexprError, text, pickle.dumps, add)


def test_time(add, abc):
    timing = add.time(*abc, repeat=3, min_time_ms=0.1)
    assert len(timing.samples_ns) == 3
    assert timing.calls_per_sample > 10
    assert 0 < timing.best_ns <= timing.median_ns
    assert add.time(abc[0], B=abc[1], repeat=2, min_time_ms=0).calls_per_sample == 1
    add.time(abc[0].T, abc[1].T, repeat=2, min_time_ms=0)
    with pytest.raises(ShapeError):
        add.time(abc[0], abc[1].T)


def test_an_empty_kernel_name_and_unicode_survive():
    program = declare("größe", (buffer("Ä", n),))
    kernel = kernel_of(program)
    assert kernel.__call__.__name__ == "größe"
    with pytest.raises(DTypeError, match=r"größe: Ä is float64 where float32 is wanted"):
        kernel(np.zeros(3))


# ---------------------------------------------------------------- lifetimes and threads


def test_a_builtin_outlives_its_kernel(abc):
    A, C = buffer("A", n, m), buffer("C", n, m)
    kernel = kernel_of(declare("copy", (A, C), (C,)), sum_of(C, A))
    call = kernel.__call__
    alive = weakref.ref(kernel)
    del kernel
    gc.collect()
    assert alive() is None
    np.testing.assert_array_equal(call(abc[0]), abc[0])
    np.testing.assert_array_equal(call(abc[0].T), abc[0].T)


def test_machine_code_is_freed_with_the_kernel():
    kernel = kernel_of(declare("f", (buffer("A", n, m),)))
    kernel(zeros(4, 4)[:, ::2])
    code = weakref.ref(kernel._code)
    (flavour,) = kernel._calls.flavours.values()
    strided = weakref.ref(flavour.attempt.__self__.code)
    del flavour
    del kernel
    gc.collect()
    assert (code(), strided()) == (None, None)


def test_kernels_in_garbage_are_freed_in_any_order():
    """Builtins are read while they are freed: what they point at must not go first."""
    for count in range(20):
        kernel = kernel_of(declare("f", (buffer("A", n, m),)))
        kernel(zeros(4, 4)[:, ::2])
        kernel.trace = [kernel, kernel.__call__, count]
    del kernel
    for _ in range(3):
        gc.collect()


def test_a_kernel_may_be_deleted_while_it_runs():
    flags = buffer("flags", 2, dtype=INT64)
    kernels = [
        kernel_of(declare("wait", (flags,), (flags,), in_place=(flags,)), waiting_for(flags))
    ]
    place = np.zeros(2, "i8")
    results = []
    thread = threading.Thread(target=lambda: results.append(kernels.pop()(place)))
    thread.start()
    while place[0] == 0:
        time.sleep(0)
    assert kernels == []
    gc.collect()
    place[1] = 1
    thread.join()
    assert results == [None]


def test_references_are_dropped(add, abc):
    a, b, c = abc

    def fails(*args):
        with pytest.raises(TexprError):
            add(*args)

    calls = [
        lambda: add(a, b, c),
        lambda: add(a, b),
        lambda: add(a, B=b, C=c),
        lambda: add(a[:, ::2], b[:, ::2], c[:, ::2]),
        lambda: fails(a, b, a),
        lambda: fails(a, b, c[1:]),
    ]
    for call in calls:
        call()
        gc.collect()
        before = [sys.getrefcount(thing) for thing in abc]
        for _ in range(10):
            call()
        gc.collect()
        assert [sys.getrefcount(thing) for thing in abc] == before


def test_buffers_may_be_resized_after_a_call():
    A, C = buffer("A", n, dtype=UINT8), buffer("C", n, dtype=UINT8)
    kernel = kernel_of(declare("copy", (A, C), (C,)), sum_of(C, A))
    one, two = bytearray(b"abc"), bytearray(3)
    kernel(one, two)
    kernel(A=one, C=two)
    kernel(memoryview(one)[::-1], two)
    assert two == b"cba"
    with pytest.raises(ShapeError):
        kernel(one, bytearray(2))
    gc.collect()
    one.append(0)
    two.append(0)


def test_threads_may_call_at_once(add):
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for count in range(300):
            a = rng.random((5, 6), np.float32)
            if count % 3 == 0:
                a = a[:, ::2]
            b = np.full(a.shape, seed, "f4")
            if not (add(a, B=b) == a + b).all() or not (add(a, b) == a + b).all():
                wrong.append(seed)
            with pytest.raises(ShapeError):
                add(a, b[1:])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_kernel_that_does_nothing_is_called_in_well_under_a_microsecond():
    """The measured 0.2 us; the bound leaves room for a busy machine."""
    A, B, C = buffer("A", n, k), buffer("B", k, m), buffer("C", n, m)
    kernel = kernel_of(declare("empty", (A, B, C), (C,)), nothing)
    timing = kernel.time(zeros(2, 3), zeros(3, 4), zeros(2, 4), min_time_ms=1)
    assert timing.best_ns < 2000
