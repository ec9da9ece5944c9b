"""From a lowered Program to machine code that Python can call, or to assembly for another machine."""

from __future__ import annotations

from functools import cached_property
from typing import NoReturn

from llvmlite import ir

from texpr.errors import TargetError
from texpr.ir.program import Program
from texpr.target.llvm.engine import NativeCode, assembly, compile_module
from texpr.target.llvm.entry import emit_entry
from texpr.target.llvm.function import emit_kernel, emit_scalar
from texpr.target.signature import ENTRY, TRUSTED_ENTRY, Signature
from texpr.target.strided import strided_program
from texpr.target.target import Target


class ForeignCode:
    """Code for another machine: it can be read, and not run."""

    sites: tuple[str, ...] = ()

    def __init__(self, module: ir.Module, target: Target) -> None:
        self._module = module
        self._target = target

    @property
    def llvm(self) -> str:
        """The LLVM IR, as it was emitted."""
        return str(self._module)

    @cached_property
    def asm(self) -> str:
        """The assembly."""
        return assembly(self._module, self._target)

    def address(self, symbol: str) -> NoReturn:
        raise TargetError(
            f"{symbol}: code for {self._target.triple} ({self._target.cpu}) does not run on this "
            f"machine; read .asm, or build for this machine"
        )
