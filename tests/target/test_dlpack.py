import gc
import importlib
import importlib.util
import re
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import texpr
from tests.target.exporters import COPIED, READ_ONLY, READABLE, WRITABLE, Exporter
from texpr import te
from texpr.errors import TexprError
from texpr.target.dlpack import array_of, is_exporter


def summing(dtype="float32"):
    n, m = te.var("n"), te.var("m")
    A, B = te.placeholder((n, m), dtype, name="A"), te.placeholder((n, m), dtype, name="B")
    C = te.compute((n, m), lambda i, j: A[i, j] + B[i, j], name="C")
    return texpr.build(te.create_schedule(C.op), [A, B, C], name="add")


@pytest.fixture(scope="module")
def add():
    return summing()


def numbers(*shape, dtype="f4"):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def address(array):
    return array.__array_interface__["data"][0]


# ---------------------------------------------------------------- what is accepted


@pytest.mark.parametrize("make", READABLE.values(), ids=READABLE)
def test_inputs(add, make):
    a, b = numbers(3, 4), np.ones((3, 4), "f4")
    for call in (
        lambda: add(make(a), make(b)),
        lambda: add(a, make(b)),
        lambda: add(make(a), B=b),
        lambda: add(A=make(a), B=make(b)),
    ):
        found = call()
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, a + b)
    out = np.zeros((3, 4), "f4")
    assert add(make(a), make(b), out) is None
    np.testing.assert_array_equal(out, a + b)


@pytest.mark.parametrize("make", WRITABLE.values(), ids=WRITABLE)
def test_outputs_are_written_where_they_are(add, make):
    a, out = numbers(3, 4), np.zeros((3, 4), "f4")
    assert add(make(a), make(a), make(out)) is None
    np.testing.assert_array_equal(out, 2 * a)
    assert add(a, make(a), C=make(out[::-1] if make is Exporter else out)) is None
    assert add.time(make(a), make(a), make(out), repeat=1, min_time_ms=0).samples_ns


@pytest.mark.parametrize("make", WRITABLE.values(), ids=WRITABLE)
def test_no_copy_is_made(make):
    array = numbers(3, 4)
    shared = make(array)
    for is_output in (False, True):
        seen = array_of(shared, is_output=is_output)
        assert (address(seen), seen.strides) == (address(array), array.strides)
        assert seen.flags.writeable
    seen[1, 2] = 99
    assert array[1, 2] == 99
    array[2, 2] = -7
    assert seen[2, 2] == -7


def test_jax_is_read_where_it_is():
    jax = importlib.import_module("jax")
    array = jax.numpy.arange(12.0)
    seen = array_of(array)
    assert address(seen) == array.unsafe_buffer_pointer()
    assert not seen.flags.writeable


@pytest.mark.parametrize("is_versioned", [True, False])
@pytest.mark.parametrize(
    "view",
    [
        lambda a: a,
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        lambda a: a[1:, 1:],
        lambda a: a[:, :0],
        lambda a: a[0, 0],
        lambda a: np.broadcast_to(a[0], (3, 5)),
        np.asfortranarray,
    ],
)
def test_layouts(view, is_versioned):
    array = view(numbers(4, 5))
    exporter = Exporter(array, is_versioned=is_versioned)
    seen = array_of(exporter)
    np.testing.assert_array_equal(seen, array)
    assert seen.shape == array.shape
    if array.size:
        assert (address(seen), seen.strides) == (address(array), array.strides)


def test_strides_left_out_are_those_of_c_order():
    array = numbers(3, 4)
    seen = array_of(Exporter(array, no_strides=True), is_output=True)
    assert (address(seen), seen.strides) == (address(array), array.strides)


@pytest.mark.parametrize("is_output", [False, True])
@pytest.mark.parametrize("dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"])
def test_types(dtype, is_output):
    array = np.array([0, 1, 1]).astype(dtype)
    seen = array_of(Exporter(array), is_output=is_output)
    assert seen.dtype == array.dtype
    np.testing.assert_array_equal(seen, array)


def test_bfloat16_which_numpy_does_not_export():
    ml_dtypes = importlib.import_module("ml_dtypes")
    array = np.array([1, -2.5, 3], ml_dtypes.bfloat16)
    exporter = Exporter(array, code=4)
    with pytest.raises(RuntimeError):
        np.from_dlpack(exporter)
    for is_output in (False, True):
        seen = array_of(exporter, is_output=is_output)
        assert (seen.dtype, address(seen)) == (array.dtype, address(array))
        assert seen.astype("f4").tolist() == [1, -2.5, 3]


def test_null_for_an_empty_array(add):
    empty = Exporter(np.zeros((0, 4), "f4"), data=None)
    assert add(empty, empty).shape == (0, 4)
    assert add(empty, empty, empty) is None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.booleans()), max_size=3),
    st.sampled_from(["i1", "i4", "f8"]),
    st.integers(0, 40),
    st.booleans(),
    st.booleans(),
)
def test_any_view(dimensions, dtype, offset_bytes, is_versioned, is_output):
    """Views of every shape, step and direction arrive as they are."""
    base = numbers(*(max(1, extent * step) for extent, step, _ in dimensions), dtype=dtype)
    window = tuple(slice(0, extent * step) for extent, step, _ in dimensions)
    steps = tuple(slice(None, None, -step if is_back else step) for _, step, is_back in dimensions)
    array = base[window][steps]
    exporter = Exporter(array, is_versioned=is_versioned, offset_bytes=offset_bytes)
    is_output &= is_versioned
    seen = array_of(exporter, is_output=is_output)
    assert (seen.dtype, seen.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(seen, array)
    assert seen.flags.writeable or not is_output
    del seen
    assert exporter.exported == exporter.deleted > 0


def test_the_buffer_protocol_and_numpy_come_first():
    assert not is_exporter(np.zeros(3))
    assert not is_exporter(memoryview(b""))
    assert is_exporter(Exporter(np.zeros(3)))


# ---------------------------------------------------------------- lifetimes


@pytest.mark.parametrize("is_versioned", [True, False])
def test_the_deleter_runs_once_when_the_array_goes(is_versioned):
    exporter = Exporter(numbers(3), is_versioned=is_versioned)
    seen = array_of(exporter)
    part = seen[1:]
    del seen
    gc.collect()
    assert exporter.deleted < exporter.exported
    assert part.tolist() == [1, 2]
    del part
    assert exporter.deleted == exporter.exported


def test_a_call_gives_back_what_it_took(add):
    a = numbers(3, 4)
    one, two, out = Exporter(a), Exporter(a, is_versioned=False), Exporter(a.copy())

    def fails(*args):
        with pytest.raises(TexprError):
            add(*args)

    for call in (
        lambda: add(one, two),
        lambda: add(one, two, out),
        lambda: add(A=one, B=two, C=out),
        lambda: add(Exporter(a.T), a.T.copy()),
        lambda: add(one, two, C=Exporter(np.zeros((4, 3), "f4").T)),
        lambda: fails(one, one, one),
        lambda: fails(one, a[1:]),
        lambda: fails(one, two, Exporter(a, is_versioned=False)),
    ):
        call()
        gc.collect()
        before = [sys.getrefcount(each) for each in (one, two, out)]
        for _ in range(5):
            call()
        gc.collect()
        assert [sys.getrefcount(each) for each in (one, two, out)] == before
    assert [each.deleted for each in (one, two, out)] == [each.exported for each in (one, two, out)]


@pytest.mark.parametrize("make", WRITABLE.values(), ids=WRITABLE)
def test_memory_is_freed(add, make):
    class Memory(np.ndarray):
        pass

    array = numbers(3, 4).view(Memory)
    alive = weakref.ref(array)
    shared = make(array)
    add(shared, shared)
    add(shared, shared, numbers(3, 4))
    del array, shared
    gc.collect()
    assert alive() is None


# ---------------------------------------------------------------- what is refused


def refused(text, call, *args, **named):
    """Check that a call is refused with this text, in which ``...`` stands for anything."""
    with pytest.raises(TexprError, match=re.escape(text).replace(r"\.\.\.", ".*") + "$"):
        call(*args, **named)


NAME = "a tests.target.exporters.Exporter"


class Failing:
    """An exporter that has something against it."""

    def __init__(self, error, **fields):
        self.error = error
        self.__dict__.update(fields)

    def __dlpack__(self, **options):
        raise self.error

    def __dlpack_device__(self):
        raise self.error


def refused_tensors():
    """Tensors of torch, where it is, that are no arguments, and what is said of them."""
    if not importlib.util.find_spec("torch"):
        return
    torch = importlib.import_module("torch")
    kind = "A is a torch.Tensor"
    memory = "pass one whose elements lie in the CPU's memory"
    yield (
        torch.zeros(3, 4, requires_grad=True),
        f"{kind} that requires gradients, of which a kernel records none; pass A.detach()",
    )
    yield (
        torch.zeros(3, 4, device="meta"),
        f"{kind}, which does not share its memory (...meta...); {memory}",
    )
    for tensor in (
        torch.zeros(3, 4).to_sparse(),
        torch.zeros(3, 4, dtype=torch.complex64).conj(),
    ):
        yield tensor, f"{kind}, which does not share its memory (...); {memory}"
    yield (
        torch.zeros(3, 4, dtype=torch.complex64).conj().imag,
        f"{kind} that is negated only when it is read; pass A.resolve_neg()",
    )
    yield (
        torch.zeros(3, 4, dtype=torch.bfloat16),
        "A is bfloat16 where float32 is wanted; convert it to float32 first",
    )


class Nonsense:
    def __dlpack__(self, **options):
        return 3

    def __dlpack_device__(self):
        return (1, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *refused_tensors(),
        (
            Exporter(numbers(3, 4), device_type=2),
            (
                f"A is {NAME} in the memory of another device (CUDA) than the CPU; "
                "copy it to the CPU's memory first"
            ),
        ),
        (
            Exporter(numbers(3, 4), device_type=99),
            (
                f"A is {NAME} in the memory of another device (DLPack's number 99) than the CPU; "
                "copy it to the CPU's memory first"
            ),
        ),
        (
            Exporter(numbers(3, 4), lanes=4),
            f"A is {NAME} in vectors of 4 lanes; pass an array of plain numbers, of few dimensions",
        ),
        (
            Exporter(numbers(3, 4), ndim=65),
            f"A is {NAME} of 65 dimensions; pass an array of plain numbers, of few dimensions",
        ),
        (
            Exporter(numbers(3, 4), code=12),
            (
                f"A is {NAME} of DLPack's type code 12 of 32, which texpr does not have; "
                "convert it first"
            ),
        ),
        (
            Exporter(numbers(3, 4), major=2),
            f"A is {NAME}, which speaks DLPack 2.0, and texpr 1; pass a NumPy array",
        ),
        (
            Exporter(numbers(3, 4, dtype="f8")),
            "A is float64 where float32 is wanted; convert it to float32 first",
        ),
        (
            Exporter(numbers(3, 4, dtype="c8")),
            "A is complex64 where float32 is wanted; convert it to float32 first",
        ),
        (
            Nonsense(),
            (
                f"A is a {__name__}.Nonsense, whose __dlpack__ returns no DLPack capsule; "
                "pass a NumPy array"
            ),
        ),
        (
            Failing(BufferError("no")),
            (
                f"A is a {__name__}.Failing, which does not share its memory (no); "
                "pass one whose elements lie in the CPU's memory"
            ),
        ),
        (
            Failing(BufferError("no\nand why")),
            (
                f"A is a {__name__}.Failing, which does not share its memory (no); "
                "pass one whose elements lie in the CPU's memory"
            ),
        ),
        (
            Failing(RuntimeError("no"), requires_grad=True),
            (
                f"A is a {__name__}.Failing that requires gradients, of which a kernel records "
                "none; pass A.detach()"
            ),
        ),
    ],
)
def test_what_is_no_array_here(add, value, text):
    refused(f"add: {text}", add, value, numbers(3, 4))
    refused(f"add: {text}", add, value, numbers(3, 4), np.zeros((3, 4), "f4"))
    refused(f"add: {text}", add, B=numbers(3, 4), A=value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            Exporter(numbers(3, 4), flags=READ_ONLY),
            (
                "C is read-only, and the kernel writes it; "
                "pass an array that may be written, such as np.array(C)"
            ),
        ),
        (
            Exporter(numbers(3, 4), flags=COPIED),
            (
                f"C is {NAME}, which shares a copy of itself, in which what the kernel writes "
                "would be lost; allocate it with NumPy"
            ),
        ),
        (
            Exporter(numbers(3, 4), is_versioned=False),
            (
                f"C is {NAME}, which speaks an older DLPack that does not tell whether it may be "
                "written; pass a NumPy array that shares its memory"
            ),
        ),
        (
            Exporter(numbers(3, 4, dtype="i4")),
            "C is int32 where float32 is wanted; allocate it with dtype 'float32'",
        ),
    ],
)
def test_what_is_no_output(add, value, text):
    refused(f"add: {text}", add, numbers(3, 4), numbers(3, 4), value)


def test_a_jax_array_is_no_output(add):
    jax = importlib.import_module("jax")
    text = (
        "add: C is read-only, and the kernel writes it; "
        "pass an array that may be written, such as np.array(C)"
    )
    refused(text, add, numbers(3, 4), numbers(3, 4), jax.numpy.zeros((3, 4)))


def test_interrupts_go_through(add):
    with pytest.raises(KeyboardInterrupt):
        add(Failing(KeyboardInterrupt()), numbers(3, 4))


def test_overlap_is_seen_through_it(add):
    memory = numbers(6, 4)
    text = "add: C, which the kernel writes, overlaps A in memory"
    with pytest.raises(TexprError, match=text):
        add(Exporter(memory[:3]), numbers(3, 4), Exporter(memory[1:4]))
    add(Exporter(memory[:3]), numbers(3, 4), Exporter(memory[3:]))
