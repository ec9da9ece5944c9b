"""Arrays that come through Python's buffer protocol: ``Py_buffer``, and its checks as LLVM IR.

The checks are functions of their own, shared by all the arrays of a kernel, which keeps a
kernel's entry small and quick to compile.

A buffer has no format for bfloat16, and NumPy refuses to name one. So an array of it is asked for
its ``dtype``, which is one object in all of a process, and for a buffer without a format.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from llvmlite import ir

from texpr.ir.dtypes import BFLOAT16, DType
from texpr.target.llvm.python_api import (
    BOOL,
    BYTE,
    FALSE,
    I32,
    I64,
    NULL,
    PTR,
    PY_BFLOAT16,
    TRUE,
    PythonApi,
    counting,
    element,
    int32,
    int64,
    stack_room,
)
from texpr.target.llvm.types import internal
from texpr.target.signature import Parameter

# struct Py_buffer as the C API documents it; since 3.11 it is part of the stable ABI.
_PY_BUFFER: Final = ir.LiteralStructType((PTR, PTR, I64, I64, I32, I32, PTR, PTR, PTR, PTR, PTR))
_BUF, _OBJ, _LEN, _ITEMSIZE, _, _NDIM, _FORMAT, _SHAPE, _STRIDES, _, _ = range(11)

_PYBUF_WRITABLE: Final = 0x001
_PYBUF_FORMAT: Final = 0x004
_PYBUF_STRIDES: Final = 0x018  # with PyBUF_ND

# Characters of the struct module; the item size tells those of one row apart.
_FORMATS: Final = {"bool": "?", "int": "bhilqn", "uint": "BHILQN", "float": "efd"}
_FIRST_FORMAT: Final = ord("?")  # '?' to 'q' are 51 characters: a set of them fits 64 bits
_PREFIXES: Final = "@=<" if sys.byteorder == "little" else "@=>!"

Check = Callable[[ir.Value], None]
"""Goes on where the condition holds, else leaves the function."""


class View:
    """A ``Py_buffer`` on the stack for the array ``parameter``.

    In the strided flavour a record beside it holds the byte range that the array spans and its
    strides in elements.
    """

    def __init__(self, b: ir.IRBuilder, parameter: Parameter, *, strided: bool) -> None:
        self.builder = b
        self.parameter = parameter
        self.room = stack_room(b, _PY_BUFFER)
        self.record = stack_room(b, I64, 2 + parameter.ndim) if strided else None
        # Releasing a view that was never filled does nothing, if it has no object.
        b.store(NULL, _place(b, self.room, _OBJ))

    def data(self) -> ir.Value:
        return _field(self.builder, self.room, _BUF)

    def extent(self, dimension: int) -> ir.Value:
        shape = _field(self.builder, self.room, _SHAPE)
        return element(self.builder, shape, int64(dimension))

    def byte_range(self) -> tuple[ir.Value, ir.Value]:
        """The first byte, and the one after the last; equal where there is no element."""
        b = self.builder
        if self.record is not None:
            return element(b, self.record, int64(0)), element(b, self.record, int64(1))
        low = b.ptrtoint(self.data(), I64)
        return low, b.add(low, _field(b, self.room, _LEN))

    def element_strides(self) -> list[ir.Value]:
        """The strides in elements; only a strided view has them."""
        return [
            element(self.builder, self.record, int64(2 + dimension))
            for dimension in range(self.parameter.ndim)
        ]

    def has_rows(self) -> ir.Value:
        """Whether the last dimension of a strided view has no gaps, or is never stepped along."""
        b = self.builder
        low, high = self.byte_range()
        is_single = b.icmp_signed("<=", self.extent(self.parameter.ndim - 1), int64(1))
        is_empty = b.icmp_unsigned("==", low, high)
        is_unit = b.icmp_signed("==", self.element_strides()[-1], int64(1))
        return b.or_(is_unit, b.or_(is_single, is_empty))

    def is_injective(self) -> ir.Value:
        """Whether no two elements of a strided view share a byte, by a sufficient condition.

        Of each dimension, the stride is longer than all the shorter ones reach together.
        """
        b = self.builder
        strides = [_absolute(b, stride) for stride in self.element_strides()]
        lasts = [b.sub(self.extent(index), int64(1)) for index in range(len(strides))]
        low, high = self.byte_range()
        holds: ir.Value = TRUE
        for one, stride in enumerate(strides):
            reach: ir.Value = int64(0)
            for other, shorter in enumerate(strides):
                if other != one:
                    is_shorter = b.icmp_signed("<=", shorter, stride)
                    reach_of_other = b.mul(shorter, lasts[other])
                    reach = b.add(reach, b.select(is_shorter, reach_of_other, int64(0)))
            is_single = b.icmp_signed("<=", lasts[one], int64(0))
            holds = b.and_(holds, b.or_(is_single, b.icmp_signed(">", stride, reach)))
        return b.or_(holds, b.icmp_unsigned("==", low, high))  # an empty array overlaps nothing


def _absolute(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", value, int64(0)), b.neg(value), value)


def _place(b: ir.IRBuilder, view: ir.Value, index: int) -> ir.Value:
    return b.gep(view, [int32(0), int32(index)], source_etype=_PY_BUFFER)


def _field(b: ir.IRBuilder, view: ir.Value, index: int) -> ir.Value:
    return b.load(_place(b, view, index), typ=_PY_BUFFER.elements[index])


def _format_set(dtype: DType) -> int:
    """The format characters of ``dtype``'s kind, as a set of bits counted from ``'?'``."""
    return sum(1 << (ord(character) - _FIRST_FORMAT) for character in _FORMATS[dtype.kind])


# ---------------------------------------------------------------- checking one argument


def acquire(api: PythonApi, b: ir.IRBuilder, arg: ir.Value, view: View) -> ir.Value:
    """Fill ``view`` from the object ``arg``; the value says whether it is such an array.

    Its type, its number of dimensions, and whether it may be written are checked; in the dense
    flavour also its layout.
    """
    parameter = view.parameter
    flags = _PYBUF_FORMAT | _PYBUF_STRIDES | (_PYBUF_WRITABLE if parameter.is_output else 0)
    name = "texpr.acquire.dense" if view.record is None else "texpr.acquire.strided"
    has_format = parameter.dtype is not BFLOAT16
    if not has_format:
        flags -= _PYBUF_FORMAT
        name += ".bfloat16"
    arguments = [
        arg,
        view.room,
        int32(flags),
        int64(_format_set(parameter.dtype)),
        int64(parameter.dtype.size_bytes),
        int32(parameter.ndim),
    ]
    types = [PTR, PTR, I32, I64, I64, I32]
    if view.record is not None:
        arguments.append(view.record)
        types.append(PTR)
    function = internal(api.module, name, BOOL, types, ["noinline"])
    if not function.blocks:
        _emit_acquire(api, function, has_format=has_format)
    return b.call(function, arguments)


def _emit_acquire(api: PythonApi, function: ir.Function, *, has_format: bool) -> None:
    arg, view, flags, formats, itemsize, ndim, *record = function.args
    b = ir.IRBuilder(function.append_basic_block())

    def check(condition: ir.Value) -> None:
        with b.if_then(b.not_(condition), likely=False):
            b.ret(FALSE)

    if not has_format:
        _check_is_bfloat16(api, b, check, arg)
    got = api.call(b, "PyObject_GetBuffer", arg, view, flags)
    check(b.icmp_signed("==", got, int32(0)))
    check(b.icmp_signed("==", _field(b, view, _NDIM), ndim))
    check(b.icmp_signed("==", _field(b, view, _ITEMSIZE), itemsize))
    if has_format:
        text = _field(b, view, _FORMAT)
        no_format = b.icmp_unsigned("==", text, NULL)  # it then stands for unsigned bytes
        _check_format(b, check, b.select(no_format, api.text("texpr.bytes", "B"), text), formats)
    count = b.sext(ndim, I64)
    if record:
        _emit_spans(b, check, view, itemsize, count, record[0])
    else:
        _check_layout(b, check, view, itemsize, count)
    b.ret(TRUE)


def _check_is_bfloat16(api: PythonApi, b: ir.IRBuilder, check: Check, arg: ir.Value) -> None:
    """Check that the attribute ``dtype`` of ``arg`` is NumPy's object for bfloat16."""
    dtype = api.call(b, "PyObject_GetAttrString", arg, api.text("texpr.dtype", "dtype"))
    check(b.icmp_unsigned("!=", dtype, NULL))
    api.call(b, "Py_DecRef", dtype)
    check(b.icmp_unsigned("==", dtype, PY_BFLOAT16))


def _check_format(b: ir.IRBuilder, check: Check, text: ir.Value, formats: ir.Value) -> None:
    """Check that ``text`` is one character of the set ``formats``, perhaps after a prefix."""
    first = element(b, text, int64(0), BYTE)
    is_prefix: ir.Value = FALSE
    for prefix in _PREFIXES:
        is_prefix = b.or_(is_prefix, b.icmp_unsigned("==", first, BYTE(ord(prefix))))
    start = b.zext(is_prefix, I64)
    bit = b.sub(b.zext(element(b, text, start, BYTE), I64), int64(_FIRST_FORMAT))
    check(b.icmp_unsigned("<", bit, int64(64)))  # a longer shift would have no meaning
    check(b.trunc(b.lshr(formats, bit), BOOL))
    end = element(b, text, b.add(start, int64(1)), BYTE)
    check(b.icmp_unsigned("==", end, BYTE(0)))


def _check_layout(
    b: ir.IRBuilder, check: Check, view: ir.Value, itemsize: ir.Value, ndim: ir.Value
) -> None:
    """Check that the array is aligned to its items and C-contiguous, unless it is empty."""
    with b.if_then(b.icmp_signed("==", _field(b, view, _LEN), int64(0))):
        b.ret(TRUE)
    address = b.ptrtoint(_field(b, view, _BUF), I64)
    beyond = b.and_(address, b.sub(itemsize, int64(1)))
    check(b.icmp_signed("==", beyond, int64(0)))
    shape, strides = _field(b, view, _SHAPE), _field(b, view, _STRIDES)
    # Some exporters (ctypes) leave the strides of contiguous arrays out.
    with b.if_then(b.icmp_unsigned("==", strides, NULL)):
        b.ret(TRUE)
    dense = stack_room(b, I64)
    b.store(itemsize, dense)
    with counting(b, ndim) as index:
        dimension = b.sub(b.sub(ndim, int64(1)), index)
        extent = element(b, shape, dimension)
        expected = b.load(dense, typ=I64)
        matches = b.icmp_signed("==", element(b, strides, dimension), expected)
        # A dimension of one element is never stepped along.
        check(b.or_(matches, b.icmp_signed("==", extent, int64(1))))
        b.store(b.mul(expected, extent), dense)


def _emit_spans(
    b: ir.IRBuilder,
    check: Check,
    view: ir.Value,
    itemsize: ir.Value,
    ndim: ir.Value,
    record: ir.Value,
) -> None:
    """Write the byte range and the strides into ``record``; check that items divide the strides."""
    address = b.ptrtoint(_field(b, view, _BUF), I64)
    shape, strides = _field(b, view, _SHAPE), _field(b, view, _STRIDES)
    low_place = record
    high_place = b.gep(record, [int64(1)], source_etype=I64)
    is_empty = b.icmp_signed("==", _field(b, view, _LEN), int64(0))
    b.store(address, low_place)
    b.store(b.add(address, b.select(is_empty, int64(0), itemsize)), high_place)
    # The slow path passes its own view of what leaves its strides out (ctypes).
    has_strides = b.icmp_unsigned("!=", strides, NULL)
    check(b.or_(has_strides, b.icmp_signed("==", ndim, int64(0))))
    with counting(b, ndim) as index:
        last = b.sub(element(b, shape, index), int64(1))
        # A dimension of one element is never stepped along, nor any of an empty array.
        is_stepped = b.and_(b.icmp_signed(">", last, int64(0)), b.not_(is_empty))
        stride = b.select(is_stepped, element(b, strides, index), int64(0))
        check(b.icmp_signed("==", b.srem(stride, itemsize), int64(0)))
        place = b.gep(record, [b.add(index, int64(2))], source_etype=I64)
        b.store(b.sdiv(stride, itemsize), place)
        reach = b.mul(stride, last)
        grows = b.icmp_signed(">", stride, int64(0))
        b.store(b.add(b.load(low_place, typ=I64), b.select(grows, int64(0), reach)), low_place)
        b.store(b.add(b.load(high_place, typ=I64), b.select(grows, reach, int64(0))), high_place)
