"""Python functions that machine code calls.

The machine code of a kernel calls a Python function as::

    void callback(ptr slots, i64 call)

The slots are of 64 bits: one for the outcome, which the function sets to ``RETURNED``; one for
each scalar (its value at the start of it); for each array a pointer, its extents and, where it
may have gaps, its strides in elements; and at last one for the result. ``call`` is a number that
no other call of a kernel has as long as it runs. Where the function raises, the exception is kept
under that number until the kernel has come to its end, and is raised from there.
"""

from __future__ import annotations

import ctypes
import gc
import math
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from texpr.errors import TexprError
from texpr.ir.dtypes import DType
from texpr.ir.extern import PythonFunction

RETURNED: Final = 1
"""The outcome where all went well. It is no value that the callback returns: where Ctrl-C hits
right at its start, ctypes returns what happens to be there."""

Failures: TypeAlias = dict[int, BaseException]
"""The exceptions on their way out of a kernel, by the number of its call."""

_PROTOTYPE: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_SLOT_BYTES: Final = 8


@dataclass(frozen=True)
class ArrayArgument:
    """An array among the arguments of a callback; one with strides is not dense."""

    name: str
    dtype: DType
    ndim: int
    is_output: bool
    has_strides: bool

    @property
    def slots(self) -> int:
        """How many slots it takes."""
        return 1 + self.ndim * (2 if self.has_strides else 1)


@dataclass(frozen=True)
class Callback:
    """A Python function as a statement of a program calls it.

    ``result`` is the type of its value, None where it fills arrays; ``place``, such as
    "stage 'C'", and ``kernel`` say who calls it.
    """

    symbol: str
    function: PythonFunction
    arguments: tuple[ArrayArgument | DType, ...]
    result: DType | None
    place: str
    kernel: str

    def native(self, failures: Failures) -> Any:
        """Return a function of ctypes' that calls it; exceptions go into ``failures``."""
        work = self.call if self.result is None else _evaluator(self, self.result)

        def run(slots: int, call: int) -> None:
            try:
                work(slots + _SLOT_BYTES)
                ctypes.c_int64.from_address(slots).value = RETURNED
            except BaseException as error:  # noqa: BLE001 - the kernel raises it at its end
                failures[call] = error  # before anything is called: the stack may be used up
                try:
                    ctypes.c_int64.from_address(slots).value = 0
                    self.note(error)
                except Exception:  # noqa: BLE001, S110 - Python 3.10 and odd classes take no notes
                    pass

        return _PROTOTYPE(run)

    def note(self, error: BaseException) -> None:
        """Add a note to ``error`` that says who called the function."""
        note = (
            f"raised by the Python function {self.function.name!r}, which the kernel "
            f"{self.kernel!r} calls in {self.place}"
        )
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)

    def call(self, slots: int) -> None:
        """Call the function of arrays with what is in the slots."""
        arguments: list[Any] = []
        arrays: list[Any] = []
        outputs: list[Any] = []
        place = slots
        for argument in self.arguments:
            if isinstance(argument, DType):
                raw = ctypes.string_at(place, _SLOT_BYTES)
                arguments.append(_number(raw, argument))
                place += _SLOT_BYTES
                continue
            array = _array(place, argument)
            arguments.append(array)
            arrays.append(array)
            if argument.is_output:
                outputs.append(array)
            place += _SLOT_BYTES * argument.slots
            del array
        before = [*map(sys.getrefcount, arrays)]
        self.function.fill(arguments, outputs)
        if [*map(sys.getrefcount, arrays)] != before:
            gc.collect()  # a cycle of the function's own is no mistake
            self.check_given_back(before, [*map(sys.getrefcount, arrays)])

    def check_given_back(self, before: Sequence[int], after: Sequence[int]) -> None:
        """Refuse to go on where somebody still has one of the arrays.

        Raises
        ------
        TexprError
            Its memory may be gone as soon as the kernel returns.
        """
        given = [a for a in self.arguments if isinstance(a, ArrayArgument)]
        for argument, count, now in zip(given, before, after, strict=True):
            if now > count:
                raise TexprError(
                    f"{self.function.name}: it keeps the array {argument.name!r}, which is there "
                    f"during the call only; keep a copy, {argument.name}.copy()"
                )


def forget_locals(error: BaseException, handled: BaseException | None) -> None:
    """Clear the frames of ``error``: their locals may be arrays whose memory will soon be gone.

    So are those of what it came out of, up to what was ``handled`` when the kernel was called.
    """
    one: BaseException | None = error
    seen: set[int] = set()  # a chain that somebody made by hand may be a ring
    while one is not None and one is not handled and id(one) not in seen:
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        one = one.__context__


def address(function: Any) -> int:
    """Return where the machine code of a function of ctypes' is."""
    found = ctypes.cast(function, ctypes.c_void_p).value
    assert found is not None
    return found


def _evaluator(callback: Callback, result: DType) -> Callable[[int], None]:
    """Return what calls a function of scalars with those in the slots, and stores its value.

    It runs once an element, so all that can be known before is.
    """
    dtypes = [argument for argument in callback.arguments if isinstance(argument, DType)]
    codes = [_CODES.get(dtype.name, "8s") for dtype in dtypes]
    raw = [k for k, code in enumerate(codes) if code == "8s"]
    scalars = struct.Struct(f"={''.join(codes)}")
    size = scalars.size + _SLOT_BYTES
    memory_type, value = ctypes.c_char * size, callback.function.value
    own = struct.Struct(f"={_CODES.get(result.name, '8s')}")

    def evaluate(slots: int) -> None:
        memory = memory_type.from_address(slots)
        arguments = [*scalars.unpack_from(memory)]
        for k in raw:
            arguments[k] = _number(arguments[k], dtypes[k])
        found = value(arguments, result)
        if result.is_float and not (result.bits == 64 and isinstance(found, float)):
            found = result.canonical(found)
        if result.name not in _CODES:
            found = result.numpy.type(found).tobytes()
        own.pack_into(memory, scalars.size, found)

    return evaluate


# How the struct module knows what is in a slot.
_CODES: Final = {
    "bool": "?7x", "float32": "f4x", "float64": "d",
    "int8": "b7x", "int16": "h6x", "int32": "i4x", "int64": "q",
    "uint8": "B7x", "uint16": "H6x", "uint32": "I4x", "uint64": "Q",
}  # fmt: skip


def _number(raw: bytes, dtype: DType) -> Any:
    """Return what stands at the start of a slot as one of Python's numbers."""
    return np.frombuffer(raw, dtype.numpy, 1)[0].item()


# A type of ctypes' for every number of bytes would cost ten times as much.
_memory_at = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)
_READ_ONLY: Final = 0x100
_WRITABLE: Final = 0x200


def _array(place: int, argument: ArrayArgument) -> np.ndarray[Any, Any]:
    """Return the array in the slots from ``place`` on, on its own memory."""
    raw = ctypes.string_at(place, _SLOT_BYTES * argument.slots)
    address, *rest = struct.unpack(f"={argument.slots}q", raw)
    dtype, shape = argument.dtype.numpy, rest[: argument.ndim]
    access = _WRITABLE if argument.is_output else _READ_ONLY
    count = math.prod(shape)
    if not count:
        return np.empty(shape, dtype)
    if not argument.has_strides:
        return np.ndarray(shape, dtype, _memory_at(address, count * dtype.itemsize, access))
    strides = [stride * dtype.itemsize for stride in rest[argument.ndim :]]
    reach = [stride * (extent - 1) for stride, extent in zip(strides, shape, strict=True)]
    low = sum(min(0, step) for step in reach)
    span = sum(map(abs, reach)) + dtype.itemsize
    return np.ndarray(shape, dtype, _memory_at(address + low, span, access), -low, strides)
