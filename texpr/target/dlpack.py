"""Arrays of other libraries through DLPack, the protocol of those without the buffer protocol.

NumPy reads most of them, and fast. What it declines, types that it does not know such as bfloat16,
capsules in which old releases of it write nothing, is read here or explained. The structures are
those of DLPack 1.0, https://dmlc.github.io/dlpack/latest/c_api.html.

A capsule is read and kept, never renamed: nobody else takes what is in it, so its own destructor
calls the exporter's deleter, once, when the last array that shares the memory is gone.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

_VERSION: Final = (1, 0)
_OLDER, _VERSIONED = b"dltensor", b"dltensor_versioned"

# DLTensor: data, device type, device id, ndim, code, bits, lanes, shape, strides, byte offset.
_TENSOR: Final = struct.Struct("@PiiiBBHPPQ")
# DLManagedTensorVersioned up to its DLTensor: major, minor, context, deleter, flags.
_HEAD: Final = struct.Struct("@IIPPQ")
_READ_ONLY, _COPIED = 1, 2

_CPU: Final = 1
_DEVICES: Final = {
    2: "CUDA", 3: "CUDA host", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 11: "ROCm host",
    13: "CUDA managed", 14: "oneAPI", 15: "WebGPU",
}  # fmt: skip
_KINDS: Final = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex"}
_BOOL: Final = (6, 8)
_MAX_NDIM: Final = 64  # NumPy's

_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class NotShared(Exception):  # noqa: N818 - it says why, and arguments.py makes the error of it
    """An array that cannot be used where it is: ``what`` is wrong with it, and what to do."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


def is_exporter(value: object) -> bool:
    """Whether ``value`` is an array of another library that speaks DLPack."""
    return not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__")


def array_of(value: Any, *, is_output: bool = False) -> Array:
    """Return a NumPy array that shares the memory of ``value``.

    Parameters
    ----------
    value : object with ``__dlpack__``
    is_output : bool
        Whether it is to be written; otherwise the array may be read-only.

    Raises
    ------
    NotShared
        It is not in the CPU's memory, may not be written, or is of a kind that arrays are not.
    """
    if _is_negated(value):
        raise NotShared(" that is negated only when it is read", "pass {name}.resolve_neg()")
    try:
        # A copy of an output would be written in vain; one of an input does no harm.
        array = np.from_dlpack(value, copy=False) if is_output else np.from_dlpack(value)
    except Exception:  # noqa: BLE001 - whatever it is, the capsule is read or explained below
        array = None
    if array is not None and (array.flags.writeable or not is_output):
        return array
    return _Capsule(value).array(is_output=is_output)


def _is_negated(value: Any) -> bool:
    """Whether it is a tensor of torch whose memory has the other sign; DLPack does not tell."""
    is_neg = getattr(value, "is_neg", None)
    return callable(is_neg) and is_neg() is True


class _Shared:
    """The owner of the memory of an array: as long as it lives the capsule does."""

    __slots__ = ("__array_interface__", "capsule")

    def __init__(self, capsule: object, interface: dict[str, Any]) -> None:
        self.capsule = capsule
        self.__array_interface__ = interface


class _Capsule:
    """What the capsule that ``value`` exports has in it."""

    def __init__(self, value: Any) -> None:
        self.capsule = _exported(value)
        if _is_valid(self.capsule, _VERSIONED):
            place = _pointer(self.capsule, _VERSIONED)
            major, minor, _, _, self.flags = _HEAD.unpack(ctypes.string_at(place, _HEAD.size))
            if major != _VERSION[0]:
                raise NotShared(
                    f", which speaks DLPack {major}.{minor}, and texpr 1",
                    "pass a NumPy array",
                )
            place += _HEAD.size
            self.is_older = False
        elif _is_valid(self.capsule, _OLDER):
            place = _pointer(self.capsule, _OLDER)
            # It does not say whether it may be written; arrays of jax, which may not, come so.
            self.flags, self.is_older = _READ_ONLY, True
        else:
            raise NotShared(", whose __dlpack__ returns no DLPack capsule", "pass a NumPy array")
        self.tensor = _TENSOR.unpack(ctypes.string_at(place, _TENSOR.size))

    def array(self, *, is_output: bool) -> Array:
        data, device, _, ndim, code, bits, lanes, shape, strides, offset = self.tensor
        if device != _CPU:
            where = _DEVICES.get(device, f"DLPack's number {device}")
            raise NotShared(
                f" in the memory of another device ({where}) than the CPU",
                "copy it to the CPU's memory first",
            )
        if lanes != 1 or ndim > _MAX_NDIM:
            what = f" in vectors of {lanes} lanes" if lanes != 1 else f" of {ndim} dimensions"
            raise NotShared(what, "pass an array of plain numbers, of few dimensions")
        if is_output:
            self.check_writable()
        dtype = _numpy_type(code, bits)
        steps = None
        if strides:  # NULL stands for C order
            steps = tuple([step * dtype.itemsize for step in _int64s(strides, ndim)])
        interface = {
            "version": 3,
            "data": ((data or 0) + offset, bool(self.flags & _READ_ONLY)),
            "shape": _int64s(shape, ndim),
            "strides": steps,
            "typestr": dtype.str,
        }
        array = np.asarray(_Shared(self.capsule, interface))
        # The text of a type that NumPy has from elsewhere, as bfloat16, says its size only.
        return array if array.dtype == dtype else array.view(dtype)

    def check_writable(self) -> None:
        if self.is_older:
            raise NotShared(
                ", which speaks an older DLPack that does not tell whether it may be written",
                "pass a NumPy array that shares its memory",
            )
        if self.flags & _COPIED:
            raise NotShared(
                ", which shares a copy of itself, in which what the kernel writes would be lost",
                "allocate it with NumPy",
            )


def _exported(value: Any) -> object:
    try:
        try:
            return value.__dlpack__(max_version=_VERSION)
        except TypeError:  # it knows only the older protocol
            return value.__dlpack__()
    except Exception as error:
        if getattr(value, "requires_grad", False) is True:
            what = " that requires gradients, of which a kernel records none"
            raise NotShared(what, "pass {name}.detach()") from error
        why, *_ = str(error).splitlines() or [type(error).__name__]
        raise NotShared(
            f", which does not share its memory ({why})",
            "pass one whose elements lie in the CPU's memory",
        ) from error


def _numpy_type(code: int, bits: int) -> np.dtype[Any]:
    text = "bool" if (code, bits) == _BOOL else f"{_KINDS.get(code, f'code {code} of ')}{bits}"
    try:
        return np.dtype(text)
    except TypeError:
        raise NotShared(
            f" of DLPack's type {text}, which texpr does not have", "convert it first"
        ) from None


def _int64s(place: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f"@{count}q", ctypes.string_at(place, 8 * count))
