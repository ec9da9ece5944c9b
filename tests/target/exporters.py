"""Arrays of other libraries: exporters of DLPack written here, and those that are installed."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from tests.target.handwritten import I64, PTR, host
from texpr.target.llvm.engine import NativeCode, compile_module
from texpr.target.llvm.python_api import PythonApi

_new = ctypes.pythonapi.PyCapsule_New
_new.restype = ctypes.py_object
_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


class Older(ctypes.Structure):
    _fields_ = [
        ("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)
    ]  # fmt: skip
    name = b"dltensor"


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", DLTensor),
    ]  # fmt: skip
    name = b"dltensor_versioned"


@cache
def _callbacks() -> NativeCode:
    """Deleters that count, and destructors of capsules.

    Machine code, because they run while an exception is raised, when Python code must not.
    """
    module = ir.Module("exporters")
    callback = ir.FunctionType(ir.VoidType(), (PTR,))
    is_valid = ir.Function(module, ir.FunctionType(ir.IntType(32), (PTR, PTR)), "PyCapsule_IsValid")
    pointer = ir.Function(module, ir.FunctionType(PTR, (PTR, PTR)), "PyCapsule_GetPointer")
    for kind in (Older, Versioned):
        delete = ir.Function(module, callback, f"delete_{kind.__name__}")
        b = ir.IRBuilder(delete.append_basic_block())
        offset = ir.Constant(I64, kind.context.offset)
        place = b.gep(delete.args[0], [offset], source_etype=ir.IntType(8))
        count = b.load(place, typ=PTR)
        b.store(b.add(b.load(count, typ=I64), ir.Constant(I64, 1)), count)
        b.ret_void()
        destroy = ir.Function(module, callback, f"destroy_{kind.__name__}")
        b = ir.IRBuilder(destroy.append_basic_block())
        name = PythonApi(module).text(kind.__name__, kind.name.decode())
        (capsule,) = destroy.args
        is_ours = b.icmp_signed("!=", b.call(is_valid, (capsule, name)), ir.IntType(32)(0))
        with b.if_then(is_ours):  # nobody took it
            b.call(delete, (b.call(pointer, (capsule, name)),))
        b.ret_void()
    exports = [f"{what}_{kind.__name__}" for what in ("delete", "destroy") for kind in KINDS]
    return compile_module(module, host(), exports)


KINDS = (Older, Versioned)
READ_ONLY, COPIED = 1, 2
CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class Exporter:
    """An array with ``__dlpack__`` and no buffer protocol, valid as long as it lives.

    Parameters
    ----------
    array : numpy.ndarray
        Its memory.
    is_versioned : bool
        Whether it speaks DLPack 1.0.
    offset_bytes : int
        How far the pointer lies before the first element.
    fields
        Other values for the fields of the structures.
    """

    def __init__(
        self,
        array: np.ndarray,
        *,
        is_versioned: bool = True,
        offset_bytes: int = 0,
        **fields: Any,
    ) -> None:
        self.array, self.is_versioned, self.offset_bytes = array, is_versioned, offset_bytes
        self.fields = fields
        self.exported = 0
        self.count = ctypes.c_int64(0)
        self.structures: list[Any] = []

    @property
    def deleted(self) -> int:
        """How often a deleter has run."""
        return self.count.value

    def __dlpack_device__(self) -> tuple[int, int]:
        return (self.fields.get("device_type", 1), 0)

    def __dlpack__(self, **options: Any) -> Any:
        if not self.is_versioned and options:
            raise TypeError("__dlpack__() takes no arguments")
        if options.get("copy") is False and self.fields.get("flags", 0) & COPIED:
            raise BufferError("only a copy of it can be shared")
        return self.capsule(self.is_versioned and "max_version" in options)

    def capsule(self, is_versioned: bool) -> Any:
        array = self.array
        managed = Versioned() if is_versioned else Older()
        tensor = managed.tensor
        tensor.data = array.__array_interface__["data"][0] - self.offset_bytes
        tensor.byte_offset = self.offset_bytes
        tensor.device_type, tensor.lanes, tensor.ndim = 1, 1, array.ndim
        tensor.code, tensor.bits = CODES.get(array.dtype.kind, 0), 8 * array.itemsize
        items = ctypes.c_int64 * array.ndim
        shape, strides = items(*array.shape), items(*(s // array.itemsize for s in array.strides))
        tensor.shape = shape
        if not self.fields.get("no_strides"):
            tensor.strides = strides
        if is_versioned:
            managed.major, managed.flags = 1, 0
        for name, value in self.fields.items():
            if name in {"major", "flags"} and is_versioned:
                setattr(managed, name, value)
            elif hasattr(tensor, name):
                setattr(tensor, name, value)
        self.exported += 1
        kind = type(managed)
        managed.context = ctypes.addressof(self.count)
        managed.deleter = _callbacks().address(f"delete_{kind.__name__}")
        self.structures.append((managed, shape, strides))
        destructor = _callbacks().address(f"destroy_{kind.__name__}")
        return _new(ctypes.addressof(managed), kind.name, destructor)


def torch_tensor(array: np.ndarray) -> Any:
    return importlib.import_module("torch").from_numpy(array)


def jax_array(array: np.ndarray) -> Any:
    return importlib.import_module("jax").numpy.asarray(array)


WRITABLE: dict[str, Callable[[np.ndarray], Any]] = {
    "plain": Exporter,
    "with an offset": lambda array: Exporter(array, offset_bytes=24),
}
"""Makers of exporters whose memory is that of a NumPy array, and may be written."""
if importlib.util.find_spec("torch"):  # too large to demand for tests; tested where it is
    WRITABLE["torch"] = torch_tensor

READABLE: dict[str, Callable[[np.ndarray], Any]] = {
    **WRITABLE,
    "older": lambda array: Exporter(array, is_versioned=False),
    "read-only": lambda array: Exporter(array, flags=READ_ONLY),
    "copied": lambda array: Exporter(array, flags=COPIED),
    "jax": jax_array,
}
"""Those and others, whose memory can at least be read."""
