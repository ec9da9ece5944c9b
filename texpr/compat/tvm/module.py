"""Compiled modules: a kernel that answers to TVM's names."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from texpr.compat.tvm.advice import missing
from texpr.compat.tvm.devices import Device
from texpr.compat.tvm.files import AnyPath, read_kernel, write_kernel
from texpr.compat.tvm.nd import plain
from texpr.compat.tvm.target import Target
from texpr.errors import ArgumentError
from texpr.target.kernel import Kernel
from texpr.target.timing import elapsed_ns

_LLVM, _ASSEMBLY = ("", "ll"), ("asm", "s")


class Module:
    """What :func:`tvm.build` returns: call it with arrays, the outputs among them.

    ``kernel`` is the kernel of texpr behind it.
    """

    entry_name: Final = "__tvm_main__"
    type_key: Final = "llvm"
    kernel: Kernel
    target: Target

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel, self.target = kernel, target

    def __call__(self, *args: object) -> Any:
        """Run it; outputs that are left out are returned, as NumPy arrays."""
        return self.kernel(*map(plain, args))

    @property
    def name(self) -> str:
        return self.kernel.name

    def __getitem__(self, name: str) -> Module:
        return self.get_function(name)

    def get_function(self, name: str) -> Module:
        """Return the function ``name``; a module has one.

        Raises
        ------
        ArgumentError
            It has another name.
        """
        if name not in (self.entry_name, self.name):
            raise ArgumentError(f"{self.name}: no function {name!r}; it has {self.name!r}")
        return self

    @property
    def entry_func(self) -> Module:
        return self

    @property
    def imported_modules(self) -> list[Module]:
        """What TVM keeps the code of a GPU in: the same code where the CPU stands in for one."""
        return [self] if self.target.is_gpu else []

    def get_source(self, fmt: str = "") -> str:
        """Return LLVM's code, or with ``fmt="asm"`` the assembly.

        Raises
        ------
        ArgumentError
            Any other ``fmt``.
        """
        if fmt in _LLVM:
            return self.kernel.llvm
        if fmt in _ASSEMBLY:
            return self.kernel.asm
        raise ArgumentError(f"get_source: no format {fmt!r}; ask for 'll' or 'asm'")

    def save(self, file_name: AnyPath, fmt: str = "") -> None:
        """Write LLVM's code (.ll), the assembly (.s, .asm), or what :func:`load_module` reads.

        The last is no machine code, whatever the file is called, but what the kernel is built from.

        Raises
        ------
        TexprError
            A kernel that calls a function which cannot be stored.
        """
        kind = fmt or Path(file_name).suffix.lstrip(".")
        if kind and kind in (*_LLVM, *_ASSEMBLY):
            Path(file_name).write_text(self.get_source(kind), encoding="utf-8")
        else:
            write_kernel(file_name, self.kernel, self.target.kind.name)

    def export_library(
        self, file_name: AnyPath, fcompile: object = None, **options: object
    ) -> None:
        """Write what :func:`load_module` reads; no compiler is called, so its options are ignored.

        Raises
        ------
        TexprError
            As :meth:`save`.
        """
        write_kernel(file_name, self.kernel, self.target.kind.name)

    def time_evaluator(
        self,
        func_name: str,
        dev: Device,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: float = 0,
        **options: object,
    ) -> TimeEvaluator:
        """Return a function that takes the arguments of a call and measures it.

        Parameters
        ----------
        func_name : str
            ``entry_name``, or the name of the function.
        dev : Device
            Where it runs: here.
        number : int
            How many calls a sample has.
        repeat : int
            How many samples to take.
        min_repeat_ms : float
            The least time that a sample takes, in ms; ``number`` grows to fill it.

        Raises
        ------
        ArgumentError
            An option of TVM's that is not listed, or a number below 1.
        """
        if options:
            raise ArgumentError(
                f"time_evaluator: no option {next(iter(options))!r}; it takes number, repeat and "
                f"min_repeat_ms"
            )
        for name, value in (("number", number), ("repeat", repeat)):
            if value < 1:
                raise ArgumentError(f"time_evaluator: {name} = {value} must be at least 1")
        return TimeEvaluator(self.get_function(func_name), number, repeat, min_repeat_ms)

    def __repr__(self) -> str:
        return f"Module({self.kernel!r})"

    def __getattr__(self, name: str) -> Any:
        raise missing("runtime.Module", name, dir(self))


def load_module(path: AnyPath, fmt: str = "") -> Module:
    """Return the module that :meth:`Module.save` or :meth:`Module.export_library` wrote.

    The kernel is built again, for this machine if it was built for its own. What is in the file
    decides what Python runs, as with all that is pickled: load files of people you trust.

    Raises
    ------
    TexprError
        There is no such file, or another program wrote it.
    """
    kernel, kind = read_kernel("load_module", path)
    return Module(kernel, Target(kernel.target if kind == "llvm" else kind))


@dataclass(frozen=True)
class BenchmarkResult:
    """Times in seconds; each of ``results`` is the mean of the calls of one sample."""

    results: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.results)

    @property
    def median(self) -> float:
        return statistics.median(self.results)

    @property
    def min(self) -> float:
        return min(self.results)

    @property
    def max(self) -> float:
        return max(self.results)

    @property
    def std(self) -> float:
        return statistics.pstdev(self.results)


@dataclass(frozen=True)
class TimeEvaluator:
    """Measures calls of a module; see :meth:`Module.time_evaluator`."""

    module: Module
    number: int
    repeat: int
    min_repeat_ms: float

    def __call__(self, *args: object) -> BenchmarkResult:
        arrays = [plain(arg) for arg in args]

        def call() -> object:
            return self.module.kernel(*arrays)

        call()
        number = self.number
        while elapsed_ns(call, number) < self.min_repeat_ms * 1e6:
            number *= 2
        samples = (elapsed_ns(call, number) / number for _ in range(self.repeat))
        return BenchmarkResult(tuple(sample / 1e9 for sample in samples))
