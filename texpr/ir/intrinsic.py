"""What one scalar function is: its meaning, its types, and how machine code gets it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from texpr.ir.dtypes import BOOL, DType

if TYPE_CHECKING:
    from texpr.ir.expr import Expr

FLOATS = frozenset({"float"})
INTEGERS = frozenset({"int", "uint"})


@dataclass(frozen=True, slots=True)
class LLVMIntrinsic:
    """An intrinsic of LLVM overloaded on its operand type, such as ``llvm.exp``; takes vectors.

    ``flags`` are constant i1 operands that follow the arguments.
    """

    name: str
    flags: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Rounding:
    """An intrinsic of LLVM that rounds to a whole number; sums where it is no instruction."""

    name: str


@dataclass(frozen=True, slots=True)
class OwnCode:
    """Code of our own for scalars and vectors: ``target/llvm/mathfunctions/<name>.py``."""


@dataclass(frozen=True, slots=True)
class Composition:
    """An expression of other operators and functions."""

    build: Callable[..., Expr]


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """A scalar function.

    ``numpy`` is its meaning: it takes and returns NumPy scalars or arrays of the operands' type.
    ``points`` are arguments worth testing, of the first operand; a compiled result differs
    from ``numpy`` evaluated in float64 by at most ``ulps`` units in the last place.
    ``partials`` are its derivatives, by one operand each and as expressions of all; a function
    that has none cannot be differentiated.
    """

    name: str
    numpy: Callable[..., Any]
    lowering: LLVMIntrinsic | Rounding | OwnCode | Composition
    points: tuple[float, ...]
    ulps: float = 0
    arity: int = 1
    kinds: frozenset[str] = FLOATS
    returns_bool: bool = False
    identity_on_integers: bool = False
    partials: tuple[Callable[..., Expr | float], ...] = ()

    def result_dtype(self, operand: DType) -> DType:
        """The type of the result for operands of ``operand``."""
        return BOOL if self.returns_bool else operand

    def takes(self, dtype: DType) -> bool:
        """Whether a call may have operands of ``dtype``."""
        return dtype.kind in self.kinds and self.operand_dtype(dtype) is dtype

    def operand_dtype(self, common: DType) -> DType:
        """The type of the operands where those that were given meet in ``common``."""
        return common if self.returns_bool else common.arithmetic

    def is_identity_on(self, operand: DType) -> bool:
        """Whether the function returns an operand of that type as it is (floor of an integer)."""
        return self.identity_on_integers and operand.is_integer

    def __reduce__(self) -> tuple[Any, ...]:
        return (by_name, (self.name,))


def by_name(name: str) -> Intrinsic:
    """Return a scalar function, for one that is defined by another which is defined by it."""
    module = importlib.import_module(f"texpr.ir.intrinsics.{name}")
    found: Intrinsic = module.INTRINSIC
    return found
