"""``@texpr.kernel``: a Python function of loops that compiles itself."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

from texpr.driver import build
from texpr.errors import DTypeError, TexprError
from texpr.ir.expr import Expr
from texpr.ir.html import card, facts, loops, marked
from texpr.ir.interpreter import interpret
from texpr.ir.program import Program
from texpr.kernel.outside import names_around
from texpr.kernel.parameters import own_expression
from texpr.kernel.translate import program_of
from texpr.schedule import Schedule
from texpr.target.arguments import bind
from texpr.target.kernel import Kernel
from texpr.target.signature import Signature


class LoopKernel:
    """A loop kernel. ``print`` shows its loops; a call compiles it the first time and runs it.

    Attributes
    ----------
    name : str
    program : Program
        What it says: statements S0, S1, … in textual order.
    signature : Signature
        What it takes.
    function : function
        The Python function, which computes the same on NumPy arrays, slowly.
    """

    def __init__(self, function: Callable[..., Any], program: Program) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.program = program
        # A call passes every array: what the loops leave alone keeps what the caller put there.
        self.signature = Signature.of(program, fresh=())
        self._lock = threading.Lock()
        self._compiled: Kernel | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def requirements(self) -> tuple[Expr, ...]:
        """What sizes and scalars must fulfil, checked at every call."""
        return self.program.requirements

    def __call__(self, /, *args: Any, **named: Any) -> None:
        """Run the kernel on NumPy arrays and numbers; arrays are written in place.

        The first call compiles it with the default schedule.

        Raises
        ------
        ArgumentError, DTypeError, ShapeError
            Arguments that do not fit, or a requirement that does not hold.
        BoundsError
            A subscript outside its array.
        """
        compiled = self._compiled or self.compiled
        if named or len(args) != len(self.program.args):
            args = tuple(bind(self.signature, args, named))
        compiled(*args)

    @property
    def compiled(self) -> Kernel:
        """The kernel as a call runs it, with the default schedule."""
        with self._lock:
            if self._compiled is None:
                self._compiled = self.build()
            return self._compiled

    def build(self, target: Any = None) -> Kernel:
        """Compile the kernel with the default schedule, the loops as they are written.

        Parameters
        ----------
        target : str or Target, optional
            The host unless given.
        """
        return build(Schedule(self.program), self.program.args, target, self.name)

    def interpret(self, /, *args: Any, **named: Any) -> None:
        """Run the reference interpreter, which checks every access, on the arguments of a call.

        Raises
        ------
        BoundsError
            A subscript outside its array.
        UninitializedError
            A read of what was never written.
        """
        interpret(self.program, *bind(self.signature, args, named))

    def with_requirements(self, conditions: Sequence[Expr]) -> LoopKernel:
        """Return this kernel with more requirements; ``@texpr.require`` above it does this."""
        known = {var.name: var for var in self.program.params}
        own = [own_expression(condition, known, "require") for condition in conditions]
        requirements = (*own, *self.program.requirements)
        return LoopKernel(self.function, replace(self.program, requirements=requirements))

    def __str__(self) -> str:
        return str(self.program)

    def _repr_html_(self) -> str:
        state = "at its first call" if self._compiled is None else f"for {self._compiled.target}"
        rows = {"takes": self.signature, "compiled": state}
        return card("loop kernel", marked("name", self.name), loops(self.program), facts(rows))

    def __repr__(self) -> str:
        return f"<kernel {self.signature}>"

    def __copy__(self) -> LoopKernel:
        return self

    def __deepcopy__(self, memo: object) -> LoopKernel:
        return self

    def __reduce__(self) -> str:
        """Pickle by name, as a function is."""
        name: str = self.__qualname__  # type: ignore[attr-defined]  # of update_wrapper
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not self:
            raise TexprError(
                f"pickle: {self.__module__} has no {name} that is this kernel; define it at the "
                f"top of a module, or pickle the machine code's kernel, {self.name}.compiled"
            )
        return name


def kernel(function: Callable[..., Any]) -> LoopKernel:
    """Make a loop kernel of a Python function: a decorator.

    The function's body is made of ``for … in range(…)``, assignments, ``if`` and arithmetic on
    numbers and on elements of arrays. Its annotations say what it takes: ``texpr.f64[N, N]`` is
    an array, ``texpr.f32`` a scalar and ``texpr.size`` a size.

    Parameters
    ----------
    function : function
        A plain ``def`` whose source can be read.

    Raises
    ------
    KernelError
        Something that is not of the language; the error shows the line and a caret.
    DTypeError, ShapeError, BoundsError
        Types, shapes or subscripts that do not fit, shown the same way.

    Notes
    -----
    The kernel computes what Python computes on NumPy arrays, but for this: integers have the
    width of their type and wrap; a float32 stays one, also in functions of ``math``; subscripts
    do not count from the end; ``max`` and ``min`` are NaN where an operand is; division of an
    integer by 0 gives 0; a scalar has one type; types meet as te's do
    (:mod:`texpr.ir.dtypes`); numbers from outside have the values that they had when the kernel
    was made.

    >>> import numpy as np
    >>> from texpr.kernel import f64, size
    >>> N = size("N")
    >>> @kernel
    ... def prefix_sum(A: f64[N]):
    ...     for i in range(1, N):
    ...         A[i] += A[i - 1]
    >>> print(prefix_sum)
    def prefix_sum(A: out float64[N]):
        for i in range(1, N):
            A[i] += A[i - 1]
    >>> ones = np.ones(4)
    >>> prefix_sum(ones)
    >>> ones
    array([1., 2., 3., 4.])
    """
    if not isinstance(function, FunctionType):
        raise DTypeError(
            f"kernel: {function!r} is no Python function; write @texpr.kernel right above a def"
        )
    around = names_around(function, sys._getframe(1))
    return LoopKernel(function, program_of(function, around))
