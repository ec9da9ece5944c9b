"""From an LLVM module to machine code in this process, or to assembly for any machine.

The module is printed, parsed and verified, optimised at O3, compiled to an object file and
linked by LLVM's LLJIT. Linking an object, rather than handing LLJIT the IR, lets us see every
symbol it needs before anything is linked; MCJIT takes as long (within 0.3 ms), links what it
cannot find to address 0, and crashes at the call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any, Final, Protocol

import llvmlite.binding as llvm
from llvmlite import ir

from texpr.errors import InternalError, LoweringError, TargetError
from texpr.ir.symbols import address_of
from texpr.target.llvm.objectfile import linked_symbols


class Machine(Protocol):
    """What code generation needs to know of a target."""

    @property
    def triple(self) -> str: ...
    @property
    def cpu(self) -> str: ...
    @property
    def features(self) -> str:
        """LLVM's feature string, such as ``+avx2,-avx512f``."""

    @property
    def is_host(self) -> bool:
        """Whether the code may run in this process."""


class NativeCode:
    """Machine code in this process; it is unmapped when the last reference to this object goes.

    The texts of its IR and assembly are made when they are first asked for; ``size_bytes`` is how
    long the code of the module is, without its entry.
    """

    def __init__(
        self,
        jit: Any,
        library: Any,
        optimised: bytes,
        size_bytes: int,
        target: Machine,
        keep: Sequence[object],
    ) -> None:
        self.size_bytes = size_bytes
        self._keep = keep
        self._jit = jit
        self._library = library
        self._optimised = optimised
        self._target = target

    def address(self, symbol: str) -> int:
        """Return the address of an exported symbol."""
        try:
            found: int = self._library[symbol]
        except KeyError:
            raise InternalError(f"link: the module does not export {symbol!r}") from None
        return found

    @cached_property
    def llvm(self) -> str:
        """The optimised LLVM IR."""
        with _llvm_calls("print"):
            return str(llvm.parse_bitcode(self._optimised))

    @cached_property
    def asm(self) -> str:
        """The assembly of the machine code."""
        with _llvm_calls("print"):
            # The optimised IR is kept as bitcode because generating code changes a module.
            module = llvm.parse_bitcode(self._optimised)
            return str(_target_machine(self._target, jit=True).emit_assembly(module))


def compile_module(
    module: ir.Module,
    target: Machine,
    exports: Sequence[str],
    *,
    entry: ir.Module | None = None,
    symbols: Mapping[str, int] | None = None,
    keep: Sequence[object] = (),
    name: str = "kernel",
) -> NativeCode:
    """Compile ``module`` into this process.

    Parameters
    ----------
    module : llvmlite.ir.Module
    target : Machine
        It must be this machine.
    exports : sequence of str
        The functions whose addresses are wanted, of either module.
    entry : llvmlite.ir.Module, optional
        A second module, linked with the first but compiled in a hurry.
    symbols : mapping of str to int, optional
        Addresses of functions that the modules call; all others are looked for in Python's C
        API, the C library and its mathematics library.
    keep : sequence of object
        What owns the functions at those addresses; it lives as long as the code.
    name : str
        What is being compiled, for errors.

    Raises
    ------
    TargetError
        The target is not this machine.
    LoweringError
        The code calls a function that is nowhere to be found.
    InternalError
        LLVM refuses the module; its text is the cause.
    """
    if not target.is_host:
        raise TargetError(
            f"{name}: code for {target.triple} ({target.cpu}) does not run on this machine; "
            f"ask for its assembly instead, or build for this machine"
        )
    machine = _target_machine(target, jit=True)
    with _llvm_calls("code generation"):
        optimised = _optimised(module, machine, target)
        bitcode = optimised.as_bitcode()
        images: list[bytes] = [machine.emit_object(optimised)]
        if entry is not None:
            hurried = _target_machine(target, jit=True, level=0)
            images.append(hurried.emit_object(_parsed(entry, hurried, target)))
    defined: set[str] = set()
    needed: set[str] = set()
    for image in images:
        has, lacks = linked_symbols(image)
        defined |= has
        needed |= lacks
    if not defined.issuperset(exports):
        raise InternalError(f"{name}: the code defines {sorted(defined)}, not all of {exports}")
    addresses = _addresses(sorted(needed - defined), symbols or {}, name)
    with _llvm_calls("link"):
        # A JIT of its own for each kernel costs 0.3 ms, and its memory is all given back.
        jit = llvm.create_lljit_compiler(
            machine, use_jit_link=not _ON_WINDOWS, suppress_errors=True
        )
        library = llvm.JITLibraryBuilder()
        for image in images:
            library.add_object_img(image)
        for symbol, address in addresses.items():
            library.import_symbol(symbol, address)
        for symbol in exports:
            library.export_symbol(symbol)
        size_bytes = _code_size_bytes(images[0])
        return NativeCode(jit, library.link(jit, "texpr"), bitcode, size_bytes, target, keep)


def _code_size_bytes(image: bytes) -> int:
    sections = llvm.ObjectFileRef.from_data(image).sections()
    return sum(section.size() for section in sections if section.is_text())


def assembly(module: ir.Module, target: Machine) -> str:
    """Return the optimised assembly of ``module`` for ``target``, which may be any machine.

    Raises
    ------
    TargetError
        LLVM does not know the target.
    InternalError
        LLVM refuses the module; its text is the cause.
    """
    machine = _target_machine(target, jit=False)
    with _llvm_calls("code generation"):
        return str(machine.emit_assembly(_optimised(module, machine, target)))


def _parsed(module: ir.Module, machine: Any, target: Machine) -> Any:
    parsed = llvm.parse_assembly(str(module))
    parsed.triple = target.triple
    parsed.data_layout = str(machine.target_data)
    parsed.verify()
    return parsed


def _optimised(module: ir.Module, machine: Any, target: Machine) -> Any:
    parsed = _parsed(module, machine, target)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    # It may use a value before it is computed (LLVM 22.1 does), and gains nothing where vectors are
    # asked for: the same times to 4 % without it, also of code that is unrolled by hand.
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(parsed, builder)
    parsed.verify()  # to generate code of a broken module ends the process; to look costs 0.2 ms
    return parsed


@contextmanager
def _llvm_calls(stage: str) -> Iterator[None]:
    """What LLVM reports becomes the cause of an InternalError."""
    try:
        yield
    except RuntimeError as error:
        raise InternalError(f"{stage}: LLVM refused the generated code") from error


# ---------------------------------------------------------------- the machine

_ON_WINDOWS: Final = os.name == "nt"


@cache
def _initialise(host_only: bool) -> None:
    if host_only:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


def _target_machine(target: Machine, *, jit: bool, level: int = 3) -> Any:
    _initialise(target.is_host)
    # Code and constants of one module are mapped together, so the small model reaches them
    # without first loading each address into a register. Not so on Windows: there 'jitdefault'
    # selects ELF objects, and RuntimeDyld, which links those, wants its own models.
    models = ("default", "jitdefault") if jit and _ON_WINDOWS else ("pic", "small")
    try:
        return llvm.Target.from_triple(target.triple).create_target_machine(
            cpu=target.cpu,
            features=target.features,
            opt=level,
            reloc=models[0],
            codemodel=models[1],
            jit=jit,
        )
    except RuntimeError as error:
        raise TargetError(
            f"target: LLVM cannot generate code for the triple {target.triple!r} with the cpu "
            f"{target.cpu!r}; check the spelling of both"
        ) from error


# ---------------------------------------------------------------- symbols


def _addresses(needed: Sequence[str], given: Mapping[str, int], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    missing: list[str] = []
    for symbol in needed:
        address = given.get(symbol) or address_of(symbol)
        if address is None:
            missing.append(symbol)
        else:
            found[symbol] = address
    if missing:
        raise LoweringError(
            f"{name}: the compiled code calls {', '.join(map(repr, missing))}, which neither "
            f"Python, the C library nor the mathematics library of this machine has; "
            f"use a type or a function that this machine supports"
        )
    return found
