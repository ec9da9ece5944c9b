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
from texpr.ir.extern import CFunction
from texpr.ir.program import ExternCall, Loop, LoopKind, Program, stmts
from texpr.target import host, scratch, threads
from texpr.target.callbacks import Failures, address
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
    failures: Failures
    """What Python functions that the code calls have raised, until it is raised again."""


def compile_program(program: Program, target: Target) -> Compiled:
    """Compile a lowered program for ``target``.

    Code for this machine has an entry for Python, and flavours for arrays of any strides that are
    compiled when a call first needs them, one for each set of arguments whose rows have no gaps.

    Raises
    ------
    TargetError
        The program calls a function of this process, and the target is another machine.
    """
    forks = any(isinstance(s, Loop) and s.kind is LoopKind.PARALLEL for s in stmts(program.body))
    symbols = threads.symbols() if forks and target.is_host else None
    crew: Threads | None = None
    if symbols is not None or not target.is_host:
        usual = target.is_host and target.num_cores == host.num_cores()
        crew = Threads(config.thread_work(), None if usual else target.num_cores)
    kernel = emit_kernel(program, target, crew)
    failures: Failures = {}
    if not target.is_host:
        _check_portable(program, kernel, target)
        return Compiled(ForeignCode(kernel.module, target), kernel.sites, None, failures)

    def native(
        flavour: Program, function: KernelFunction, rows: frozenset[int] | None = None
    ) -> NativeCode:
        return _native(flavour, function, target, symbols or {}, failures, rows)

    def strided(rows: frozenset[int]) -> NativeCode:
        arrays = {arg for at in rows if isinstance(arg := program.args[at], Buffer)}
        flavour = strided_program(program, arrays)
        return native(flavour, emit_kernel(flavour, target, crew), rows)

    takes_strides = not _passes_arguments_to_c(program)
    return Compiled(
        native(program, kernel), kernel.sites, strided if takes_strides else None, failures
    )


def _native(
    program: Program,
    kernel: KernelFunction,
    target: Target,
    symbols: Mapping[str, int],
    failures: Failures,
    rows: frozenset[int] | None = None,
) -> NativeCode:
    entry = emit_entry(kernel.function, Signature.of(program), emit_scalar, rows=rows)
    externs = kernel.externs
    callbacks = {one.symbol: one.native(failures) for one in externs.callbacks.values()}
    addresses = {symbol: address(function) for symbol, function in callbacks.items()}
    return compile_module(
        kernel.module,
        target,
        (ENTRY,) if rows is None else (ENTRY, TRUSTED_ENTRY),
        entry=entry,
        symbols={**scratch.symbols(), **symbols, **externs.addresses(), **addresses},
        keep=(*callbacks.values(), *externs.c_functions.values()),
        name=program.name,
    )


def _check_portable(program: Program, kernel: KernelFunction, target: Target) -> None:
    """Refuse functions that are in this process only.

    Raises
    ------
    TargetError
        There is one.
    """
    found = [f"the Python function {one.function.name!r}" for one in kernel.externs.callbacks]
    found += [
        f"{function.name!r} by its address"
        for function in kernel.externs.c_functions.values()
        if function.address is not None
    ]
    if found:
        raise TargetError(
            f"{program.name}: it calls {found[0]}, which is in this process and not on "
            f"{target.triple} ({target.cpu}); call a C function by its symbol"
        )


def _passes_arguments_to_c(program: Program) -> bool:
    """Whether a C function, which takes dense arrays, gets one that the caller passes."""
    arguments = set(program.buffers)
    return any(
        isinstance(stmt, ExternCall)
        and isinstance(stmt.function, CFunction)
        and not arguments.isdisjoint((*stmt.inputs, *stmt.outputs))
        for stmt in stmts(program.body)
    )
