"""Compiled programs as Python callables; :mod:`texpr.target.calls` says what a call does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from texpr.errors import TargetError, TexprError
from texpr.ir.html import Html, card, code, escaped, facts, folded, loops, marked
from texpr.ir.program import Program
from texpr.target.callbacks import Failures
from texpr.target.calls import Calls, Code
from texpr.target.signature import Signature
from texpr.target.timing import Timing, measure


class Machine(Protocol):
    """What a kernel needs to know of a target."""

    @property
    def is_host(self) -> bool:
        """Whether the code may run in this process."""


class Kernel:
    """A compiled program; call it with NumPy arrays, or others that share their memory.

    These come through the buffer protocol or DLPack. ``kernel(A, B, C)`` writes the output ``C``
    and returns None. ``kernel(A, B)`` makes the outputs that are left out and returns them: one
    NumPy array, or a tuple. Arguments may be named. The GIL is released while it runs, and calls
    from several threads are independent. Pickled, it is its declaration and its trace, and is
    built again where it is loaded.
    """

    name: str
    signature: Signature
    program: Program
    """The program as it was compiled."""
    trace: Any
    """How it was scheduled, where a schedule made it."""
    target: Machine
    _code: Code
    _recipe: tuple[Callable[..., Kernel], tuple[Any, ...]] | None
    """A function and arguments that make it again, in another process too."""
    _calls: Calls | None
    """None where the code is for another machine."""

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        """Run the kernel; the class of one for this machine has machine code in this place."""
        raise self._not_here()

    def _not_here(self) -> TargetError:
        return TargetError(
            f"{self.name}: its code is for {self.target} and does not run on this machine; "
            f"read its .asm, or build for this machine"
        )

    @property
    def llvm(self) -> str:
        """The optimised LLVM IR."""
        return self._code.llvm

    @property
    def asm(self) -> str:
        """The assembly."""
        return self._code.asm

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature.to_inspect()

    def time(
        self, /, *args: Any, repeat: int = 15, min_time_ms: float = 5.0, **named: Any
    ) -> Timing:
        """Measure how long a call with these arguments takes.

        Outputs that are left out are made once, before the measurement.

        Parameters
        ----------
        *args, **named
            The arguments of a call.
        repeat : int
            How many samples to take.
        min_time_ms : float
            The least time that each sample takes, in ms; short calls are repeated to fill it.
        """
        if self._calls is None:
            raise self._not_here()
        checked = self._calls.checked(args, named)
        return measure(partial(self, *checked.values), repeat=repeat, min_time_ms=min_time_ms)

    def _repr_html_(self) -> str:
        rest = str(self.signature).removeprefix(self.name)
        size = self._code.size_bytes
        rows = {"target": self.target, "code": None if size is None else f"{size:,} bytes"}
        title = Html(f"{marked('name', self.name)}{escaped(rest)}")
        parts = [loops(self.program), facts(rows)]
        if self.trace is not None:
            parts.append(folded("trace", code(self.trace)))
        return card("kernel", title, *parts)

    def __repr__(self) -> str:
        return f"<kernel {self.signature} for {self.target}>"

    def __copy__(self) -> Kernel:
        return self

    def __deepcopy__(self, memo: object) -> Kernel:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._recipe is None:
            raise TexprError(
                f"pickle: the kernel {self.name} is machine code of this process; "
                f"pickle what it was built from, and build it again"
            )
        return self._recipe


def make_kernel(
    *,
    program: Program,
    signature: Signature,
    code: Code,
    target: Machine,
    trace: Any = None,
    sites: Sequence[str] = (),
    compile_strided: Callable[[frozenset[int]], Code] | None = None,
    failures: Failures | None = None,
    recipe: tuple[Callable[..., Kernel], tuple[Any, ...]] | None = None,
) -> Kernel:
    """Make the callable of a compiled program.

    Parameters
    ----------
    program : Program
    signature : Signature
        Of ``program``.
    code : Code
        Has the function ``ENTRY`` of the dense flavour, if it is for this machine.
    target : Machine
        What the code is for; ``str(target)`` names it. A kernel for another machine has its
        texts, and refuses to run.
    trace : optional
        How the program was scheduled.
    sites : sequence of str
        What the subscripts are that compiled code checks, by the number it reports.
    compile_strided : callable, optional
        Returns the code of a strided flavour, with ``ENTRY`` and ``TRUSTED_ENTRY``, given the
        parameters whose last dimension has no gaps. It is called at the first call that needs
        such a one; without it, such a call is refused.
    failures : dict of int to BaseException, optional
        Where the code's callbacks put what they raise.
    recipe : (callable, arguments), optional
        What the kernel is pickled as; both are pickled. Without it, it is not.
    """
    calls: Calls | None = None
    kind: Any = Kernel
    if target.is_host:
        calls = Calls(signature, code, sites, compile_strided, failures)
        # Each kernel has a class of its own, with its machine code for __call__. A builtin is
        # no descriptor: nothing is bound, and a call costs 20 ns more than the builtin's.
        members = {"__call__": calls.fast, "__module__": Kernel.__module__}
        members["__doc__"] = _doc(signature)
        kind = type("Kernel", (Kernel,), members)
    kernel: Kernel = kind()
    kernel.name = signature.name
    kernel.signature = signature
    kernel.program = program
    kernel.trace = trace
    kernel.target = target
    kernel._code = code
    kernel._calls = calls
    kernel._recipe = recipe
    return kernel


def _doc(signature: Signature) -> str:
    """What ``help(kernel)`` says."""
    lines = [str(signature), "", "Call it with NumPy arrays, or others that share their memory."]
    if signature.fresh:
        made = ", ".join(parameter.name for parameter in signature.fresh)
        lines.append(
            f"Leave {made} out and new arrays are returned; pass them and they are filled."
        )
    in_place = [p.name for p in signature.required if p.is_output]
    if in_place:
        lines.append(f"{', '.join(in_place)} {'is' if len(in_place) == 1 else 'are'} written.")
    return "\n".join(lines)
