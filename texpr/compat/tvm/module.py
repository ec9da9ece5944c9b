"""Compiled modules: a kernel that answers to TVM's names."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from texpr.compat.tvm.advice import ADVICE, missing
from texpr.compat.tvm.devices import Device
from texpr.compat.tvm.nd import plain
from texpr.compat.tvm.target import Target
from texpr.errors import ArgumentError, TexprError
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

    def save(self, file_name: str, fmt: str = "") -> None:
        """Write LLVM's code (.ll) or the assembly (.s, .asm); texpr stores no machine code.

        Raises
        ------
        TexprError
            A file of another kind.
        """
        path = Path(file_name)
        kind = fmt or path.suffix.lstrip(".")
        if kind not in (*_LLVM, *_ASSEMBLY) or not kind:
            raise not_stored("save", file_name)
        path.write_text(self.get_source(kind), encoding="utf-8")

    def export_library(self, file_name: str, **options: object) -> NoReturn:
        """Refuse: texpr stores no machine code."""
        raise not_stored("export_library", file_name)

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


def not_stored(what: str, file_name: str) -> TexprError:
    """Return the error of a file that would hold machine code."""
    return TexprError(f"{what}: {str(file_name)!r}: {ADVICE['contrib.cc']}")


def load_module(path: str, fmt: str = "") -> NoReturn:
    """Refuse: texpr stores no machine code."""
    raise not_stored("load_module", path)


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
