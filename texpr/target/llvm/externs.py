"""Calls of functions from outside: how a module makes them, and where the functions are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from llvmlite import ir

from texpr.errors import LoweringError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, DType
from texpr.ir.expr import Expr
from texpr.ir.extern import CFunction, PythonFunction
from texpr.target.callbacks import RETURNED, ArrayArgument, Callback
from texpr.target.llvm.python_api import stack_room
from texpr.target.llvm.types import I1, I8, I64, PTR, memory_type
from texpr.target.signature import CALLBACK_FAILED

Passed: TypeAlias = tuple[Buffer | DType, ir.Value]
"""An argument: the pointer to a buffer, or the value of a scalar of a type."""


class Caller(Protocol):
    """What emits the code that a call stands in."""

    builder: ir.IRBuilder

    @property
    def place(self) -> str:
        """What is being emitted, in words."""

    def value(self, expr: Expr) -> ir.Value:
        """Emit an extent or a stride."""

    def call_number(self) -> ir.Value:
        """Emit the number of the kernel's call, by which it finds what was raised in it."""

    def leave(self, status: int, details: list[ir.Value]) -> None:
        """Leave the kernel; the block ends here."""


class Externs:
    """The functions from outside that a module calls."""

    def __init__(self, module: ir.Module, kernel: str) -> None:
        self.module, self.kernel = module, kernel
        self.callbacks: dict[Callback, Callback] = {}
        """What is called, without and with its symbol."""
        self.c_functions: dict[str, CFunction] = {}

    def call_c(
        self,
        build: ir.IRBuilder,
        function: CFunction,
        values: Sequence[Passed],
        result: DType | None,
    ) -> ir.Value:
        """Emit the call of a C function, which gets pointers for buffers."""
        types = [None if isinstance(what, Buffer) else what for what, _ in values]
        callee = self.c(function, result, types)
        found = build.call(callee, [_in_memory(build, *pair) for pair in values])
        if result is not None and result.is_bool:
            return build.icmp_unsigned("!=", found, ir.Constant(I8, 0))
        return found

    def call_python(
        self,
        caller: Caller,
        function: PythonFunction,
        values: Sequence[Passed],
        result: DType | None,
        outputs: Sequence[Buffer] = (),
    ) -> ir.Value:
        """Emit the call of a Python function, which leaves the kernel where it raises."""
        build = caller.builder
        arguments: list[ArrayArgument | DType] = []
        slots: list[ir.Value] = [ir.Constant(I64, 0)]
        for what, value in values:
            slots.append(_in_memory(build, what, value))
            if isinstance(what, DType):
                arguments.append(what)
                continue
            slots += [caller.value(number) for number in (*what.shape, *(what.strides or ()))]
            is_output = any(what is output for output in outputs)
            has_strides = what.strides is not None
            arguments.append(
                ArrayArgument(what.name, what.dtype, what.ndim, is_output, has_strides)
            )
        room = stack_room(build, I64, len(slots) + (result is not None))
        for position, value in enumerate(slots):
            build.store(value, _slot(build, room, position))
        call = caller.call_number()
        callee = self.python(
            Callback("", function, tuple(arguments), result, caller.place, self.kernel)
        )
        build.call(callee, [room, call])
        outcome = build.load(room, typ=I64)
        has_failed = build.icmp_signed("!=", outcome, ir.Constant(I64, RETURNED))
        with build.if_then(has_failed, likely=False):
            caller.leave(CALLBACK_FAILED, [ir.Constant(I64, 0)] * 4)
        if result is None:
            return outcome
        found = build.load(_slot(build, room, len(slots)), typ=memory_type(result))
        return build.trunc(found, I1) if result.is_bool else found

    def python(self, callback: Callback) -> ir.Function:
        """Return the declaration of a Python function."""
        own = self.callbacks.get(callback)
        if own is None:
            symbol = f"texpr.python.{len(self.callbacks)}.{callback.function.name}"
            own = self.callbacks[callback] = replace(callback, symbol=symbol)
        type_ = ir.FunctionType(ir.VoidType(), [PTR, I64])
        return self._declared(own.symbol, type_, [None, None], None)

    def c(
        self, function: CFunction, result: DType | None, parameters: Sequence[DType | None]
    ) -> ir.Function:
        """Return the declaration of a C function; a parameter that is None is a pointer."""
        symbol = function.name
        if function.address is not None:
            # Nothing else is at this address, also where a library has one of this name.
            symbol, count = f"texpr.c.{function.name}", 0
            while self.c_functions.setdefault(symbol, function).address != function.address:
                count += 1
                symbol = f"texpr.c.{function.name}.{count}"
        self.c_functions[symbol] = function
        types = [PTR if dtype is None else memory_type(dtype) for dtype in parameters]
        returned = ir.VoidType() if result is None else memory_type(result)
        return self._declared(symbol, ir.FunctionType(returned, types), parameters, result)

    def _declared(
        self,
        symbol: str,
        type_: ir.FunctionType,
        parameters: Sequence[DType | None],
        result: DType | None,
    ) -> ir.Function:
        found = self.module.globals.get(symbol)
        if found is None:
            found = ir.Function(self.module, type_, symbol)
            # What the C calling conventions want of integers shorter than a register.
            for parameter, dtype in zip(found.args, parameters, strict=True):
                if dtype is not None and _is_short(dtype):
                    parameter.add_attribute(_extension(dtype))
            if result is not None and _is_short(result):
                found.return_value.add_attribute(_extension(result))
        if found.function_type != type_:
            raise LoweringError(
                f"{symbol}: the C function is called with the arguments "
                f"({', '.join(_type_text(p) for p in parameters)}) and the result "
                f"{result or 'void'}, and elsewhere with others; use the same types everywhere"
            )
        return found

    def addresses(self) -> dict[str, int]:
        """Return the addresses of the C functions that are not known by their names."""
        return {
            symbol: function.address
            for symbol, function in self.c_functions.items()
            if function.address is not None
        }


def _in_memory(build: ir.IRBuilder, what: Buffer | DType, value: ir.Value) -> ir.Value:
    """Return a value as it lies in memory, where a bool is a byte."""
    return build.zext(value, I8) if what is BOOL else value


def _slot(build: ir.IRBuilder, room: ir.Value, position: int) -> ir.Value:
    """Return the address of one of the slots of a callback."""
    return build.gep(room, [ir.Constant(I64, position)], inbounds=True, source_etype=I64)


def _type_text(dtype: DType | None) -> str:
    return "array" if dtype is None else dtype.name


def _is_short(dtype: DType) -> bool:
    return not dtype.is_float and dtype.bits < 32


def _extension(dtype: DType) -> str:
    return "signext" if dtype.kind == "int" else "zeroext"
