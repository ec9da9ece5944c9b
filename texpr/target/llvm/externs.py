"""Calls of functions from outside: how a module declares them, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llvmlite import ir

from texpr.errors import LoweringError
from texpr.ir.dtypes import DType
from texpr.ir.extern import CFunction
from texpr.target.callbacks import Callback
from texpr.target.llvm.types import I64, PTR, memory_type


class Externs:
    """The functions from outside that a module calls."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self.callbacks: dict[Callback, Callback] = {}
        """What is called, without and with its symbol."""
        self.c_functions: dict[str, CFunction] = {}

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


def _type_text(dtype: DType | None) -> str:
    return "array" if dtype is None else dtype.name


def _is_short(dtype: DType) -> bool:
    return not dtype.is_float and dtype.bits < 32


def _extension(dtype: DType) -> str:
    return "signext" if dtype.kind == "int" else "zeroext"
