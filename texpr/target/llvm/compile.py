"""From a lowered Program to machine code with an entry, or to assembly for another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from llvmlite import ir

from texpr import config
from texpr.errors import TargetError
from texpr.ir.buffer import Buffer
from texpr.ir.program import Loop, LoopKind, Program, stmts
from texpr.target import host, threads
from texpr.target.llvm.engine import NativeCode, assembly, compile_module
from texpr.target.llvm.entry import emit_entry
from texpr.target.llvm.function import KernelFunction, emit_kernel, emit_scalar
from texpr.target.llvm.parallel import Threads
from texpr.target.signature import ENTRY, TRUSTED_ENTRY, Signature
from texpr.target.strided import strided_program
from texpr.target.target import Target


class ForeignCode:
    """Code for another machine: it can be read, and not run."""

    def __init__(self, module: ir.Module, target: Target) -> None:
        self._module = module
        self._target = target

    @property
    def llvm(self) -> str:
        """The LLVM IR, as it was emitted."""
        return str(self._module)

    @property
    def size_bytes(self) -> None:
        """No machine code is made of it."""

    @cached_property
    def asm(self) -> str:
        """The assembly."""
        return assembly(self._module, self._target)

    def address(self, symbol: str) -> NoReturn:
        raise TargetError(
            f"{symbol}: code for {self._target.triple} ({self._target.cpu}) does not run on this "
            f"machine; read .asm, or build for this machine"
        )


@dataclass(frozen=True)
class Compiled:
    """The code of a program, and what its kernel needs beside it."""

    code: NativeCode | ForeignCode
    sites: tuple[str, ...]
    compile_strided: Callable[[frozenset[int]], NativeCode] | None


def compile_program(program: Program, target: Target) -> Compiled:
    """Compile a lowered program for ``target``.

    Code for this machine has an entry for Python, and flavours for arrays of any strides that are
    compiled when a call first needs them, one for each set of arguments whose rows have no gaps.
    """
    forks = any(isinstance(s, Loop) and s.kind is LoopKind.PARALLEL for s in stmts(program.body))
    symbols = threads.symbols() if forks and target.is_host else None
    crew: Threads | None = None
    if symbols is not None or not target.is_host:
        usual = target.is_host and target.num_cores == host.num_cores()
        crew = Threads(config.thread_work(), None if usual else target.num_cores)
    kernel = emit_kernel(program, target, crew)
    if not target.is_host:
        return Compiled(ForeignCode(kernel.module, target), kernel.sites, None)

    def strided(rows: frozenset[int]) -> NativeCode:
        arrays = {arg for at in rows if isinstance(arg := program.args[at], Buffer)}
        flavour = strided_program(program, arrays)
        return _native(flavour, emit_kernel(flavour, target, crew), target, symbols, rows)

    return Compiled(_native(program, kernel, target, symbols), kernel.sites, strided)


def _native(
    program: Program,
    kernel: KernelFunction,
    target: Target,
    symbols: Mapping[str, int] | None,
    rows: frozenset[int] | None = None,
) -> NativeCode:
    entry = emit_entry(kernel.function, Signature.of(program), emit_scalar, rows=rows)
    exports = (ENTRY,) if rows is None else (ENTRY, TRUSTED_ENTRY)
    return compile_module(
        kernel.module, target, exports, entry=entry, symbols=symbols, name=program.name
    )
