import array
import ctypes
import gc
import itertools
import math
import sys
import threading
import time

import ml_dtypes
import numpy as np
import pytest

from tests.target.handwritten import (
    I64,
    compiled,
    declare,
    emit_int,
    nothing,
    sum_of,
    waiting_for,
    write_kernel,
)  # fmt: skip
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import (
    ALL_DTYPES,
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT64,
)  # fmt: skip
from texpr.ir.expr import Const, Var, cast
from texpr.target.calls import builtin
from texpr.target.llvm.entry import emit_entry
from texpr.target.signature import ENTRY, TRUSTED_ENTRY, Signature

n, m = Var("n"), Var("m")


DTYPE_OF = {(each.kind, each.size_bytes): each for each in ALL_DTYPES}


def const(value):
    return Const(value, INT64)


def buffer(name, *shape, dtype=FLOAT32):
    extents = [const(extent) if isinstance(extent, int) else extent for extent in shape]
    return Buffer(name, tuple(extents), dtype)


class Entry:
    """A program's entry as a builtin; ``declined`` are the calls that went to the slow path."""

    def __init__(self, program, body=nothing, *, strided=False, trusted=False):
        self.declined = []
        self.failed = []
        symbol = TRUSTED_ENTRY if trusted else ENTRY
        code = compiled(program, body, strided=strided)
        self.call = builtin(Signature.of(program), code, symbol, self.decline, self.fail)

    def decline(self, *args, **named):
        self.declined.append((args, named))
        return "declined"

    def fail(self, *details):
        self.failed.append(details)
        raise RuntimeError("failed")

    def takes(self, *args):
        """Whether the machine code itself takes the call."""
        result = self.call(*args)
        assert result in (None, "declined")
        return result is None


def keep(*scalars):
    """The body of a kernel that stores scalars into its arrays, one each."""

    def body(b, args):
        for target, source in scalars:
            args.store(b, args[source], target, I64(0))

    return body


@pytest.fixture(scope="module")
def adder():
    A, B, C = buffer("A", n), buffer("B", n), buffer("C", n)
    return Entry(declare("add", (A, B, C), (C,)), sum_of(C, A, B))


@pytest.fixture
def three():
    return np.arange(5, dtype="f4"), np.ones(5, "f4"), np.zeros(5, "f4")


# ---------------------------------------------------------------- what is taken


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_every_dtype(dtype):
    A, C = buffer("A", n, dtype=dtype), buffer("C", n, dtype=dtype)
    entry = Entry(declare("copy", (A, C), (C,)), sum_of(C, A))
    values = np.array([0, 1, 1, 0, 1]).astype(dtype.numpy)
    out = np.empty_like(values)
    assert entry.call(values, out) is None
    np.testing.assert_array_equal(out, values)
    for other in ALL_DTYPES:
        assert entry.takes(values, np.empty(5, other.numpy)) == (other is dtype)
    assert not entry.takes(values, np.empty(5, ml_dtypes.float8_e5m2))
    assert not entry.takes(values, np.empty(5, np.complex64))
    assert not entry.takes(values, np.empty(5, object))
    assert not entry.takes(values, np.empty(5, "S1"))


@pytest.mark.parametrize("code", "bBhHiIlLqQfd?nN")
def test_formats_of_this_platform(code):
    values = memoryview(bytearray(24)).cast(code)
    kind = {"?": "bool", "f": "float", "d": "float"}.get(code, "int" if code.islower() else "uint")
    A = buffer("A", n, dtype=DTYPE_OF[kind, values.itemsize])
    assert Entry(declare("f", (A,))).takes(values)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("f", True), ("<f", True), ("=f", True), ("@f", True), (">f", False), ("!f", False),
        ("ff", False), ("f:x:", False), ("2f", False), ("(2)f", False), ("", False), ("@", False),
        ("T{f:x:}", False), ("Zf", False), ("I", False), ("\x7f", False), ("\xff", False),
        ("?", False), (">", False), ("r", False), ("\x01", False),
    ],
)  # fmt: skip
def test_formats(text, fits):
    """Py_buffer structures as other libraries may fill them in."""
    entry = Entry(declare("f", (buffer("A", n),)))
    view = _Exporter(text.encode("latin1"))
    assert entry.takes(view.made) == fits


class _Exporter:
    """A memoryview of four bytes with any text for a format."""

    def __init__(self, text):
        class PyBuffer(ctypes.Structure):
            _fields_ = [
                ("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t),
                ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
                ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p),
                ("strides", ctypes.c_void_p), ("suboffsets", ctypes.c_void_p),
                ("internal", ctypes.c_void_p),
            ]  # fmt: skip

        self.data = ctypes.create_string_buffer(4)
        self.numbers = (ctypes.c_ssize_t * 2)(1, 4)
        shape = ctypes.addressof(self.numbers)
        self.text = text
        buf = ctypes.addressof(self.data)
        self.view = PyBuffer(buf, None, 4, 4, 0, 1, text, shape, shape + 8, None, None)
        make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(
            ("PyMemoryView_FromBuffer", ctypes.pythonapi)
        )
        self.made = make(ctypes.addressof(self.view))


def test_anything_with_the_buffer_protocol():
    entry = Entry(declare("f", (buffer("A", n, dtype=UINT8),)))
    assert entry.takes(b"abc")
    assert entry.takes(bytearray(3))
    assert entry.takes(memoryview(b"abc"))
    assert entry.takes((ctypes.c_uint8 * 3)())
    assert entry.takes(array.array("B", [1, 2]))
    assert not entry.takes("abc")
    assert not entry.takes([1, 2])
    assert not entry.takes(None)
    floats = Entry(declare("f", (buffer("A", 2, n),), (buffer("A", 2, n),)))
    assert floats.takes(((ctypes.c_float * 3) * 2)())
    assert not floats.takes(((ctypes.c_float * 3) * 3)())


def test_arrays_without_dimensions():
    entry = Entry(declare("f", (buffer("A"), buffer("B", 1))))
    assert entry.takes(np.float32(3), np.zeros(1, "f4"))
    assert entry.takes(np.zeros((), "f4"), np.zeros(1, "f4"))
    assert not entry.takes(np.zeros(1, "f4"), np.zeros(1, "f4"))


@pytest.mark.parametrize(
    ("make", "is_dense"),
    [
        (lambda a: a, True),
        (lambda a: a[1:], True),
        (lambda a: a[:, 1:], False),
        (lambda a: a[:, ::2], False),
        (lambda a: a[::2], False),
        (lambda a: a[::-1], False),
        (lambda a: a.T, False),
        (np.asfortranarray, False),
        (lambda a: a[:1, :], True),
        (lambda a: a[:1, ::2], False),
        (lambda a: a[:1, :1], True),
        (lambda a: a[:, :1], False),
        (lambda a: a[::3, :1], True),
        (lambda a: a[3:, :], True),
        (lambda a: a[:, 4:], True),
        (lambda a: a.T[:0], True),
        (lambda a: np.broadcast_to(a[0], (3, 4)), False),
        (lambda a: np.lib.stride_tricks.as_strided(a, (1, 4), (12345, 4)), True),
        (lambda a: np.frombuffer(bytearray(65), "f4", 16, offset=1).reshape(4, 4), False),
        (lambda a: np.frombuffer(bytearray(65), "f4", 0, offset=1).reshape(0, 4), True),
    ],
)
def test_layouts(make, is_dense):
    view = make(np.zeros((3, 4), "f4"))
    A = buffer("A", n, m)
    assert Entry(declare("f", (A,))).takes(view) == is_dense
    assert Entry(declare("f", (A,)), strided=True).takes(view)


# ---------------------------------------------------------------- what is declined


def test_the_slow_path_gets_the_arguments_as_they_are(adder, three):
    a, b, c = three
    adder.declined.clear()
    assert adder.call(a, b) == "declined"
    assert adder.call(a, b=b, C=c) == "declined"
    assert adder.call() == "declined"
    assert adder.call(*range(20), x=1) == "declined"
    (args, named), (args_1, named_1), *rest = adder.declined
    assert [args[0] is a, args[1] is b, named] == [True, True, {}]
    assert [args_1[0] is a, named_1["b"] is b, list(named_1)] == [True, True, ["b", "C"]]
    assert rest == [((), {}), (tuple(range(20)), {"x": 1})]


def test_an_exception_of_the_slow_path_goes_on(adder):
    def raising(*args, **named):
        raise LookupError("here")

    program = declare("f", (buffer("A", n),))
    call = builtin(Signature.of(program), compiled(program), ENTRY, raising, raising)
    with pytest.raises(LookupError, match="here"):
        call(1)
    with pytest.raises(LookupError, match="here"):
        call(A=1)


def test_extents():
    A, B, C = buffer("A", n, m), buffer("B", m, 3), buffer("C", n + m)
    entry = Entry(declare("f", (A, B, C)))

    def zeros(*shape):
        return np.zeros(shape, "f4")

    assert entry.takes(zeros(2, 5), zeros(5, 3), zeros(7))
    assert entry.takes(zeros(0, 0), zeros(0, 3), zeros(0))
    assert not entry.takes(zeros(2, 5), zeros(4, 3), zeros(7))
    assert not entry.takes(zeros(2, 5), zeros(5, 4), zeros(7))
    assert not entry.takes(zeros(2, 5), zeros(5, 3), zeros(8))
    assert not entry.takes(zeros(2, 5, 1), zeros(5, 3), zeros(7))


def test_solved_sizes():
    A, S = buffer("A", 2 * n + 1), buffer("S", 1, dtype=INT64)
    entry = Entry(declare("f", (A, S), (S,)), keep((S, n)))
    size = np.zeros(1, "i8")
    assert entry.takes(np.zeros(7, "f4"), size)
    assert size[0] == 3
    assert not entry.takes(np.zeros(6, "f4"), size)
    assert entry.takes(np.zeros(1, "f4"), size)
    assert size[0] == 0


def test_a_size_is_not_negative():
    size = Var("s", is_size=True)
    assert Entry(declare("f", (buffer("A", n + 1),))).takes(np.zeros(0, "f4"))
    assert not Entry(declare("f", (buffer("A", size + 1),))).takes(np.zeros(0, "f4"))
    entry = Entry(declare("f", (size,)))
    assert entry.takes(0)
    assert not entry.takes(-1)


def test_a_size_of_a_narrow_type():
    small = Var("s", INT8)
    S = buffer("S", 1, dtype=INT64)
    A = buffer("A", cast(small, INT64))
    entry = Entry(declare("f", (A, S), (S,)), keep((S, small)))
    size = np.zeros(1, "i8")
    assert entry.takes(np.zeros(127, "f4"), size)
    assert size[0] == 127
    assert not entry.takes(np.zeros(128, "f4"), size)


def test_requirements():
    a = Var("a")
    program = declare("f", (buffer("A", n), a), requirements=(n % 4 == 0, a < n))
    entry = Entry(program)
    assert entry.takes(np.zeros(8, "f4"), 7)
    assert not entry.takes(np.zeros(8, "f4"), 8)
    assert not entry.takes(np.zeros(9, "f4"), 7)


def test_an_output_must_be_writable(adder, three):
    a, b, c = three
    a.flags.writeable = False
    assert adder.takes(a, b, c)
    c.flags.writeable = False
    assert not adder.takes(a, b, c)
    assert not adder.takes(a, b, bytes(20))


def test_an_output_overlaps_nothing(adder):
    base = np.zeros(20, "f4")
    assert adder.takes(base[:5], base[:5], base[5:10])
    assert adder.takes(base[5:10], base[10:15], base[:5])
    assert not adder.takes(base[:5], base[5:10], base[:5])
    assert not adder.takes(base[:5], base[5:10], base[9:14])
    assert not adder.takes(base[1:6], base[5:10], base[:5])
    assert adder.takes(base[3:3], base[:0], base[3:3])
    two = Entry(declare("f", (X := buffer("X", n), Y := buffer("Y", n)), (X, Y)))
    assert two.takes(base[:5], base[5:10])
    assert not two.takes(base[:5], base[4:9])


# ---------------------------------------------------------------- scalars


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("dtype", [each for each in ALL_DTYPES if each.is_integer], ids=str)
def test_integers(dtype):
    a, S = Var("a", dtype), buffer("S", 1, dtype=dtype)
    entry = Entry(declare("f", (a, S), (S,)), keep((S, a)))
    out = np.zeros(1, dtype.numpy)
    for value in (0, 1, 7, dtype.min, dtype.max, dtype.max - 1):
        for given in (value, Index(value), dtype.numpy.type(value), np.array(value, dtype.numpy)):
            assert entry.call(given, out) is None
            assert out[0] == value
    if dtype.kind == "int":
        assert entry.call(-1, out) is None
        assert out[0] == -1
    assert entry.takes(True, out)
    for bad in (dtype.min - 1, dtype.max + 1, 2**64, -(2**63) - 1, 10**30, 1.0, "1", None, [1], 1j):
        assert not entry.takes(bad, out)


def test_floats():
    a, x, S, X = Var("a", FLOAT32), Var("x", FLOAT64), buffer("S", 1), buffer("X", 1, dtype=FLOAT64)
    entry = Entry(declare("f", (a, x, S, X), (S, X)), keep((S, a), (X, x)))
    single, double = np.zeros(1, "f4"), np.zeros(1, "f8")
    for value in (
        0.1,
        -1.0,
        -1,
        3,
        True,
        math.inf,
        np.float32(0.1),
        np.array(2.5),
        np.int8(-1),
        1e300,
    ):
        assert entry.call(value, value, single, double) is None
        with np.errstate(over="ignore"):
            assert single[0] == np.float32(value)
        assert double[0] == np.float64(value)
    assert entry.takes(math.nan, math.nan, single, double)
    assert math.isnan(double[0])
    for bad in ("1", None, [1.0], 1j, 10**400):
        assert not entry.takes(bad, 1.0, single, double)


def test_bools():
    a, S = Var("a", BOOL), buffer("S", 1, dtype=BOOL)
    entry = Entry(declare("f", (a, S), (S,)), keep((S, a)))
    out = np.zeros(1, bool)
    for value in (True, False, True):
        assert entry.takes(value, out)
        assert out[0] == value
    assert not entry.takes(1, out)
    assert not entry.takes(np.bool_(True), out)  # rare enough for the slow path


def test_scalars_size_arrays_and_are_checked_against_them():
    a = Var("a", INT32)
    entry = Entry(declare("f", (a, buffer("A", cast(a, INT64) + 1))))
    assert entry.takes(4, np.zeros(5, "f4"))
    assert not entry.takes(4, np.zeros(4, "f4"))
    assert not entry.takes(2**31, np.zeros(4, "f4"))


def test_an_interruption_is_no_wrong_argument():
    class Interrupted:
        def __index__(self):
            raise KeyboardInterrupt

    class Wrong:
        def __index__(self):
            raise OSError

    entry = Entry(declare("f", (Var("a"), buffer("A", n))))
    with pytest.raises(KeyboardInterrupt):
        entry.call(Interrupted(), np.zeros(3, "f4"))
    assert entry.declined == []
    assert not entry.takes(Wrong(), np.zeros(3, "f4"))


# ---------------------------------------------------------------- strides


@pytest.mark.parametrize("dtype", [FLOAT64, INT8], ids=str)
def test_strided_views(dtype):
    A, C = buffer("A", n, m, dtype=dtype), buffer("C", n, m, dtype=dtype)
    entry = Entry(declare("copy", (A, C), (C,)), sum_of(C, A), strided=True)
    base = np.arange(72).reshape(6, 12).astype(dtype.numpy)
    views = [
        lambda a: a, lambda a: a[::2], lambda a: a[:, ::3], lambda a: a[::-1, ::-1],
        lambda a: a.T, lambda a: a[1:2, ::-4], lambda a: a[:0], lambda a: a[4:1:-2].T,
    ]  # fmt: skip
    for of_input, of_output in itertools.product(views, views):
        source = of_input(base)
        for target in (of_output(np.zeros_like(base)), of_output(np.zeros_like(base)).T):
            if source.shape == target.shape:
                assert entry.call(source, target) is None
                np.testing.assert_array_equal(source, target)


def test_strides_must_be_whole_elements():
    entry = Entry(declare("f", (buffer("A", n),)), strided=True)
    fields = np.zeros(4, np.dtype([("x", "f4"), ("y", "i1")]))
    assert not entry.takes(fields["x"])
    assert entry.takes(fields["x"][:1])
    assert entry.takes(np.zeros(4, np.dtype([("x", "f4"), ("y", "i4")]))["x"])


@pytest.mark.parametrize("trusted", [False, True])
def test_strided_outputs_that_may_overlap(trusted):
    A, C = buffer("A", n), buffer("C", n)
    entry = Entry(declare("f", (A, C), (C,)), strided=True, trusted=trusted)
    base = np.zeros(20, "f4")
    assert entry.takes(base[:5], base[5:10])
    assert entry.takes(base[4::-1], base[5:10])
    assert entry.takes(base[:5], base[9:4:-1])
    assert entry.takes(base[3:3], base[:0])
    # Interleaved: the byte ranges cannot tell, so it takes somebody's word.
    assert entry.takes(base[0:10:2], base[1:10:2]) == trusted
    assert entry.takes(base[:5], base[8:3:-1]) == trusted


def test_strided_outputs_do_not_overlap_themselves():
    C = buffer("C", n, m)
    entry = Entry(declare("f", (C,), (C,)), strided=True)
    base = np.zeros(64, "f4")

    def view(shape, strides):
        return np.lib.stride_tricks.as_strided(base, shape, strides, writeable=True)

    assert entry.takes(view((4, 3), (12, 4)))
    assert entry.takes(view((4, 3), (16, 4)))
    assert entry.takes(view((4, 3), (4, 16)))
    assert entry.takes(view((1, 3), (0, 4)))
    assert entry.takes(view((0, 3), (0, 0)))
    assert not entry.takes(view((4, 3), (8, 4)))
    assert not entry.takes(view((4, 3), (4, 4)))
    assert not entry.takes(view((4, 3), (0, 4)))
    assert not entry.takes(view((4, 3), (4, 12)))


# ---------------------------------------------------------------- whatever happens


def test_views_are_released_and_references_dropped(adder, three):
    a, b, c = three
    calls = [
        lambda: adder.call(a, b, c),
        lambda: adder.call(a, b),
        lambda: adder.call(a, b, C=c),
        lambda: adder.call(a, b, a),
        lambda: adder.call(a, b, np.zeros(3, "f4")),
        lambda: adder.call(a, 3, c),
    ]
    for call in calls:
        call()
        adder.declined.clear()
        before = [sys.getrefcount(thing) for thing in (a, b, c, None, adder)]
        for _ in range(100):
            call()
            adder.declined.clear()
        assert [sys.getrefcount(thing) for thing in (a, b, c, None, adder)] == before


def test_buffers_may_be_resized_after_a_call():
    A, C = buffer("A", n, dtype=UINT8), buffer("C", n, dtype=UINT8)
    entry = Entry(declare("f", (A, C), (C,)))
    one, two, short = bytearray(4), bytearray(4), bytearray(3)
    assert entry.takes(one, two)
    assert not entry.takes(one, short)
    assert not entry.takes(one, one)
    for each in (one, two, short):
        each.append(0)  # raises BufferError while a view is held


def failing(status, details):
    def body(b, args):
        for place, value in enumerate(details):
            b.store(I64(value), b.gep(args.error, [I64(place)], source_etype=I64))
        b.ret(I64(status))

    return body


def test_a_status_is_passed_on():
    held = bytearray(4)
    program = declare("f", (buffer("A", n, dtype=UINT8),))
    entry = Entry(program, failing(1, (7, -(2**63), 2**63 - 1, 3)))
    with pytest.raises(RuntimeError, match="failed"):
        entry.call(held)
    held.append(0)
    ((*status, call),) = entry.failed
    assert status == [1, 7, -(2**63), 2**63 - 1, 3]
    assert call  # where the room for the details is
    strided = Entry(program, failing(2, (0, 0, 0, 0)), strided=True)
    with pytest.raises(RuntimeError, match="failed"):
        strided.call(held)
    assert [failure[:5] for failure in strided.failed] == [(2, 0, 0, 0, 0)]


@pytest.fixture(scope="module")
def waiter():
    flags = buffer("flags", 2, dtype=INT64)
    return Entry(declare("wait", (flags,), (flags,)), waiting_for(flags))


def test_the_gil_is_released(waiter):
    """The kernel returns only after another Python thread has run while it was running."""
    flags = np.zeros(2, "i8")

    def other():
        while flags[0] == 0:
            time.sleep(0)
        flags[1] = 1

    thread = threading.Thread(target=other)
    thread.start()
    assert waiter.call(flags) is None
    thread.join()


def test_code_lives_as_long_as_a_call():
    flags = buffer("flags", 2, dtype=INT64)
    program = declare("wait", (flags,), (flags,))
    calls = [Entry(program, waiting_for(flags)).call]
    place = np.zeros(2, "i8")
    results = []
    thread = threading.Thread(target=lambda: results.append(calls.pop()(place)))
    thread.start()
    while place[0] == 0:
        time.sleep(0)
    gc.collect()
    place[1] = 1
    thread.join()
    assert results == [None]


def test_threads_may_call_at_once(adder):
    wrong = []

    def work(seed):
        a = np.full(257, seed, "f4")
        b, c = np.arange(257, dtype="f4"), np.zeros(257, "f4")
        for _ in range(2000):
            c[:] = 0
            if adder.call(a, b, c) is not None or not (c == b + seed).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_module_of_an_entry_stands_alone():
    program = declare("f", (buffer("A", n),))
    module = emit_entry(write_kernel(program, nothing), Signature.of(program), emit_int)
    assert 'define ptr @"texpr.entry"' in str(module)
    assert 'declare i64 @"f"' in str(module)


def test_a_program_without_arguments():
    entry = Entry(declare("f", ()))
    assert entry.takes()
    assert not entry.takes(1)


def test_a_uint64_beyond_int64():
    a, S = Var("a", UINT64), buffer("S", 1, dtype=UINT64)
    entry = Entry(declare("f", (a, S), (S,)), keep((S, a)))
    out = np.zeros(1, "u8")
    assert entry.takes(2**64 - 1, out)
    assert out[0] == 2**64 - 1
