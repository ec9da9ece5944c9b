"""What a name in the body of a kernel stands for: an argument, a local thing, or a constant."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from texpr.errors import KernelError, TexprError, did_you_mean
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64, as_dtype, is_numeric
from texpr.ir.expr import Const, Expr, ExprOperators, Var, as_expr, int_value
from texpr.kernel.outside import MISSING, Outside
from texpr.kernel.parameters import Parameters
from texpr.kernel.scalars import Scalar
from texpr.kernel.source import Source
from texpr.kernel.values import Value, Weak

Binding: TypeAlias = Expr | Weak | bool | int | float | Buffer | Scalar
"""What a local name stands for: a known value (a loop's, or index arithmetic), an array, or a
variable that lives in memory."""


class Names:
    """Looks names up where the translation stands.

    ``bound`` are the local names that have a meaning there. ``local`` are all that the function
    ever assigns, with a word for what they are: Python takes them from nowhere else.
    ``value_of`` reads a variable that lives in memory.
    """

    def __init__(self, source: Source, parameters: Parameters, outside: Outside) -> None:
        self.source, self.parameters, self.outside = source, parameters, outside
        self.local: Mapping[str, str] = {}
        self.bound: dict[str, Binding] = {}
        self.value_of: Callable[[Scalar, ast.AST], Value] | None = None

    def refusal(self, node: ast.AST, what: str, advice: str) -> KernelError:
        """Return the error that says what is wrong at ``node``, and what to write instead."""
        return self.source.error(KernelError, node, f"{self.source.name}: {what}; {advice}")

    def is_own(self, name: str) -> bool:
        """Whether ``name`` is the kernel's own: Python does not look for it outside."""
        own = self.parameters
        return name in self.local or name in own.named or name in own.by_text

    def object_of(self, node: ast.AST) -> Any:
        """Return the object that a name, or an attribute of one, means outside, or MISSING."""
        if isinstance(node, ast.Name):
            return MISSING if self.is_own(node.id) else self.outside.get(node.id, MISSING)
        if isinstance(node, ast.Attribute):
            base = self.object_of(node.value)
            return MISSING if base is MISSING else getattr(base, node.attr, MISSING)
        return MISSING

    def array(self, node: ast.AST) -> Buffer | None:
        """Return the array that an expression names, None where it is no array of the kernel."""
        if not isinstance(node, ast.Name):
            return None
        found = self.bound.get(node.id, self.parameters.named.get(node.id))
        return found if isinstance(found, Buffer) else None

    def named(self, node: ast.Name) -> Value:
        """Return the value of a name.

        Raises
        ------
        KernelError
            It has none here.
        """
        name = node.id
        found = self.bound.get(name)
        if isinstance(found, Scalar):
            assert self.value_of is not None
            return self.value_of(found, node)
        if self.array(node) is not None:
            raise self.refusal(
                node, f"the whole array {name} stands where one element is wanted",
                f"index it, {name}[i]",
            )  # fmt: skip
        if found is not None and not isinstance(found, Buffer):
            return found
        if name in self.local:
            raise self.refusal(node, *self._no_value_here(name))
        own = self.parameters.named.get(name)
        if name in self.parameters.by_text and own is None:
            own = self.parameters.sizes[name]
        if isinstance(own, Var):
            return Weak(own) if own.is_size else own
        given = self.outside.get(name, MISSING)
        if given is MISSING:
            known = [*self.local, *self.parameters.named, *self.parameters.sizes, *self.outside]
            hint = did_you_mean(name, known)
            raise self.refusal(node, f"{name} is not defined{hint}", "assign it before it is used")
        return self.constant(given, node)

    def _no_value_here(self, name: str) -> tuple[str, str]:
        kind = self.local[name]
        if kind == "loop variable":
            return (
                f"the loop variable {name} has no value outside its loop",
                "use what the last iteration had, such as N - 1, or a variable of its own",
            )
        if kind == "local array":
            return (
                f"the local array {name} is not known here",
                f"write {name} = texpr.empty(…) before, where it is seen from here",
            )
        return f"{name} is read before anything was assigned to it", "assign it first"

    def constant(self, given: Any, node: ast.AST) -> Value:
        """Return an object from outside the kernel as a value.

        Raises
        ------
        KernelError
            It is no number.
        """
        if isinstance(given, np.generic) and is_numeric(given.dtype):
            with self.source.at(node):
                return Const(given.item(), as_dtype(given.dtype))
        if isinstance(given, bool):
            return given
        if isinstance(given, int):
            return int(given)  # also of a subclass, such as an enumeration
        if isinstance(given, float):
            return float(given)
        text = ast.unparse(node)
        if isinstance(given, ExprOperators):
            with self.source.at(node):
                if given.is_whole_tensor:
                    raise TexprError(f"{text} is a tensor of te; pass an array as an argument")
                return sized(self.parameters.own(as_expr(given), text))
        if isinstance(given, np.ndarray):
            what = f"{text} is an array outside the kernel"
            raise self.refusal(node, what, "pass it as an argument")
        kind = type(given).__name__
        if isinstance(given, types.ModuleType):
            what = f"{text} is a module"
        elif callable(given):
            what = f"{text} is a function or class"
        else:
            what = f"{text} is an object of type {kind}"
        raise self.refusal(
            node, f"{what}, and a kernel computes with numbers and arrays alone",
            "pass numbers and arrays as arguments, or make it a number outside",
        )  # fmt: skip


def sized(expr: Expr) -> Value:
    """Return an expression of sizes as Python has it: a weak int, a number where it is known."""
    known = int_value(expr)
    if known is not None:
        return known
    return Weak(expr) if expr.dtype is INT64 else expr
