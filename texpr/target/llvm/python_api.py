"""CPython's C API in LLVM IR, and the two ways out of a kernel's entry that need more of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from llvmlite import ir

from texpr.ir.dtypes import BFLOAT16
from texpr.target.llvm.types import internal

PTR: Final = ir.PointerType()
VOID: Final = ir.VoidType()
BOOL: Final = ir.IntType(1)
BYTE: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
I64: Final = ir.IntType(64)
TRUE: Final = BOOL(1)
FALSE: Final = BOOL(0)
NULL: Final = ir.Constant(PTR, None)

_FUNCTIONS: Final[dict[str, ir.FunctionType]] = {
    "PyObject_GetBuffer": ir.FunctionType(I32, (PTR, PTR, I32)),
    "PyBuffer_Release": ir.FunctionType(VOID, (PTR,)),
    "PyEval_SaveThread": ir.FunctionType(PTR, ()),
    "PyEval_RestoreThread": ir.FunctionType(VOID, (PTR,)),
    "PyObject_GetAttrString": ir.FunctionType(PTR, (PTR, PTR)),
    "PyErr_Occurred": ir.FunctionType(PTR, ()),
    "PyErr_ExceptionMatches": ir.FunctionType(I32, (PTR,)),
    "PyErr_Clear": ir.FunctionType(VOID, ()),
    "PyLong_AsLongLong": ir.FunctionType(I64, (PTR,)),
    "PyLong_AsUnsignedLongLong": ir.FunctionType(I64, (PTR,)),
    "PyFloat_AsDouble": ir.FunctionType(ir.DoubleType(), (PTR,)),
    "PyNumber_Index": ir.FunctionType(PTR, (PTR,)),
    "Py_IncRef": ir.FunctionType(VOID, (PTR,)),
    "Py_DecRef": ir.FunctionType(VOID, (PTR,)),
    "PyTuple_Size": ir.FunctionType(I64, (PTR,)),
    "PyTuple_GetItem": ir.FunctionType(PTR, (PTR, I64)),
    "PyDict_New": ir.FunctionType(PTR, ()),
    "PyDict_SetItem": ir.FunctionType(I32, (PTR, PTR, PTR)),
    "PyObject_VectorcallDict": ir.FunctionType(PTR, (PTR, PTR, I64, PTR)),
    "PyObject_CallMethod": ir.FunctionType(PTR, (PTR, PTR, PTR), var_arg=True),
}


def int32(value: int) -> ir.Constant:
    """Return a constant of 32 bits."""
    return ir.Constant(I32, value)


def int64(value: int) -> ir.Constant:
    """Return a constant of 64 bits."""
    return ir.Constant(I64, value)


def _object(thing: object) -> ir.Value:
    """An object that lives as long as the process, by its address (CPython's ``id``)."""
    return int64(id(thing)).inttoptr(PTR)


PY_NONE: Final = _object(None)
PY_TRUE: Final = _object(True)
PY_FALSE: Final = _object(False)
PY_EXCEPTION: Final = _object(Exception)
PY_BFLOAT16: Final = _object(BFLOAT16.numpy)


def stack_room(b: ir.IRBuilder, kind: ir.Type, count: int = 1) -> ir.Value:
    """Allocate ``count`` values on the stack, in the entry block: only there is it free."""
    with b.goto_entry_block():
        room = b.alloca(kind, count)
    # llvmlite still gives this a typed pointer, and then refuses other types within the room.
    room.type = PTR
    return room


def element(b: ir.IRBuilder, array: ir.Value, index: ir.Value, kind: ir.Type = I64) -> ir.Value:
    """Load ``array[index]``."""
    return b.load(b.gep(array, [index], source_etype=kind), typ=kind)


@contextmanager
def counting(b: ir.IRBuilder, count: ir.Value) -> Iterator[ir.Value]:
    """Emit a loop over 0, 1, ... below ``count``; the ``with`` block emits its body."""
    before = b.block
    head = b.append_basic_block("head")
    body = b.append_basic_block("body")
    after = b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    index = b.phi(count.type)
    index.add_incoming(ir.Constant(count.type, 0), before)
    b.cbranch(b.icmp_signed("<", index, count), body, after)
    b.position_at_end(body)
    yield index
    index.add_incoming(b.add(index, ir.Constant(count.type, 1)), b.block)
    b.branch(head)
    b.position_at_end(after)


class PythonApi:
    """The C API as one module declares it."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module

    def call(self, b: ir.IRBuilder, name: str, *args: ir.Value) -> ir.Value:
        """Call a function of the C API."""
        function = self.module.globals.get(name)
        if function is None:
            function = ir.Function(self.module, _FUNCTIONS[name], name)
        return b.call(function, args)

    def text(self, name: str, text: str) -> ir.Value:
        """Return a constant C string."""
        found = self.module.globals.get(name)
        if found is None:
            data = bytearray(text.encode() + b"\0")
            found = ir.GlobalVariable(self.module, ir.ArrayType(BYTE, len(data)), name)
            found.initializer = ir.Constant(found.value_type, data)
            found.global_constant = True
            found.linkage = "internal"
        return found

    def is_fatal_error(self, b: ir.IRBuilder) -> ir.Value:
        """Whether something has been raised that is no ``Exception``, such as KeyboardInterrupt."""
        raised = b.icmp_unsigned("!=", self.call(b, "PyErr_Occurred"), NULL)
        matches = self.call(b, "PyErr_ExceptionMatches", PY_EXCEPTION)  # 0 if nothing was raised
        return b.and_(raised, b.icmp_signed("==", matches, int32(0)))

    def call_fail(self, b: ir.IRBuilder, owner: ir.Value, numbers: Sequence[ir.Value]) -> ir.Value:
        """Emit ``owner.fail(*numbers)``."""
        method = self.text("texpr.fail", "fail")
        kinds = self.text("texpr.fail.kinds", "L" * len(numbers))
        return self.call(b, "PyObject_CallMethod", owner, method, kinds, *numbers)

    def call_slow_path(self, b: ir.IRBuilder, *builtin: ir.Value) -> ir.Value:
        """Emit ``owner(*args, **kwargs)``; ``builtin`` is owner, args, count and keyword names."""
        function = internal(self.module, "texpr.slow", PTR, [PTR, PTR, I64, PTR], ["noinline"])
        if not function.blocks:
            self._emit_slow_path(function)
        return b.call(function, builtin)

    def _emit_slow_path(self, function: ir.Function) -> None:
        # PyObject_Vectorcall, which would take the keywords as they are, is no symbol of 3.10.
        owner, args, count, keywords = function.args
        b = ir.IRBuilder(function.append_basic_block())
        with b.if_then(b.icmp_unsigned("==", keywords, NULL)):
            b.ret(self.call(b, "PyObject_VectorcallDict", owner, args, count, NULL))
        named = self.call(b, "PyDict_New")
        with b.if_then(b.icmp_unsigned("==", named, NULL)):
            b.ret(NULL)
        with counting(b, self.call(b, "PyTuple_Size", keywords)) as index:
            name = self.call(b, "PyTuple_GetItem", keywords, index)
            value = element(b, args, b.add(count, index), PTR)
            status = self.call(b, "PyDict_SetItem", named, name, value)
            with b.if_then(b.icmp_signed("!=", status, int32(0))):
                self.call(b, "Py_DecRef", named)
                b.ret(NULL)
        result = self.call(b, "PyObject_VectorcallDict", owner, args, count, named)
        self.call(b, "Py_DecRef", named)
        b.ret(result)
