"""The statements of a kernel, out of Python's syntax tree; what is not of the language is refused.

What is left are assignments, loops, branches and local arrays. A branch whose condition is known,
as that on a global flag is, is left out or taken here, so that nothing after sees it.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from texpr.errors import KernelError
from texpr.kernel.declare import empty, require
from texpr.kernel.outside import MISSING
from texpr.kernel.refusals import statement_refusal
from texpr.kernel.source import Source

OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv",
    ast.Mod: "floormod", ast.Pow: "pow", ast.LShift: "shl", ast.RShift: "shr",
    ast.BitAnd: "bitand", ast.BitOr: "bitor", ast.BitXor: "bitxor",
}  # fmt: skip
"""Python's operators by the names of ours."""


@dataclass(frozen=True, eq=False)
class Assign:
    """Every target gets its value, after all values were computed.

    With an ``operator``, the one target gets itself combined with the value. ``unpacked`` is the
    shape whose parts the values are, if it is one.
    """

    node: ast.stmt
    targets: tuple[ast.expr, ...]
    values: tuple[ast.expr, ...]
    operator: str | None = None
    unpacked: ast.expr | None = None


@dataclass(frozen=True, eq=False)
class For:
    """``for name in range(*bounds)``."""

    node: ast.For
    name: str
    bounds: tuple[ast.expr, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, eq=False)
class Branch:
    """``if test`` with what follows ``else`` or ``elif`` in ``orelse``."""

    node: ast.If
    test: ast.expr
    then: tuple[Statement, ...]
    orelse: tuple[Statement, ...]


@dataclass(frozen=True, eq=False)
class NewArray:
    """``name = texpr.empty(shape, dtype)``."""

    node: ast.Assign
    name: str
    shape: ast.expr
    dtype: ast.expr | None


@dataclass(frozen=True, eq=False)
class Demand:
    """``texpr.require(*conditions)``."""

    node: ast.stmt
    conditions: tuple[ast.expr, ...]


Statement: TypeAlias = Assign | For | Branch | NewArray | Demand


def statements(body: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the statements of ``body`` and of what is inside them, in textual order."""
    for statement in body:
        yield statement
        if isinstance(statement, For):
            yield from statements(statement.body)
        elif isinstance(statement, Branch):
            yield from statements(statement.then)
            yield from statements(statement.orelse)


def names_read(*nodes: ast.AST | None) -> set[str]:
    """Return the names whose values the expressions use."""
    return {
        name.id
        for node in nodes
        if node is not None
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)
    }


def array_of(target: ast.expr) -> str | None:
    """Return the name of the array that a subscript is an element of, None of anything else."""
    node = target
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) and node is not target else None


def names_written(body: Sequence[Statement]) -> set[str]:
    """Return the names of arrays and scalars that assignments in ``body`` write."""
    found: set[str] = set()
    for statement in statements(body):
        if isinstance(statement, Assign):
            for target in statement.targets:
                name = target.id if isinstance(target, ast.Name) else array_of(target)
                if name is not None:
                    found.add(name)
    return found


class Reader:
    """Reads the body of a function.

    Parameters
    ----------
    source : Source
    object_of : callable
        The object that a name or an attribute of one means outside of the kernel, or MISSING.
    known : callable
        The value of a condition that needs no run of the kernel, else None.
    """

    def __init__(
        self,
        source: Source,
        object_of: Callable[[ast.expr], Any],
        known: Callable[[ast.expr], bool | None],
    ) -> None:
        self.source, self.object_of, self.known = source, object_of, known

    def read(self) -> tuple[Statement, ...]:
        """Return the statements of the function.

        Raises
        ------
        KernelError
            A statement that is not of the language.
        """
        return self.suite(self.source.function.body, is_outermost=True)

    def refusal(self, node: ast.AST, what: str, advice: str) -> KernelError:
        """Return the error that says what is wrong at ``node``, and what to write instead."""
        return self.source.error(KernelError, node, f"{self.source.name}: {what}; {advice}")

    def suite(
        self, body: Sequence[ast.stmt], *, is_outermost: bool = False
    ) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for node in body:
            found.extend(self.statement(node, is_outermost))
        return tuple(found)

    def statement(self, node: ast.stmt, is_outermost: bool) -> Sequence[Statement]:
        if isinstance(node, ast.Pass):
            return ()
        if isinstance(node, ast.Expr):
            return self.expression(node, is_outermost)
        if isinstance(node, ast.Assign):
            return [self.assign(node)]
        if isinstance(node, ast.AugAssign):
            return [self.augmented(node)]
        if isinstance(node, ast.For):
            return [self.loop(node)]
        if isinstance(node, ast.If):
            known = self.known(node.test)
            if known is not None:
                taken = node.body if known else node.orelse
                return self.suite(taken, is_outermost=is_outermost)
            return [Branch(node, node.test, self.suite(node.body), self.suite(node.orelse))]
        raise self.refusal(node, *statement_refusal(node))

    def expression(self, node: ast.Expr, is_outermost: bool) -> Sequence[Statement]:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, (str, type(...))):
            return ()
        if isinstance(value, ast.Call) and self.object_of(value.func) is require:
            if not is_outermost:
                advice = "write it at the start of the kernel, outside of loops and branches"
                raise self.refusal(value, "a requirement holds for the whole kernel", advice)
            if value.keywords or not value.args:
                raise self.refusal(value, "require takes conditions", "write texpr.require(M >= N)")
            return [Demand(node, tuple(value.args))]
        if isinstance(value, ast.Call):
            called = ast.unparse(value.func)
            if self.object_of(value.func) is builtins.print:
                advice = "write into an array and print that afterwards"
                raise self.refusal(value, "print has no meaning in a kernel", advice)
            raise self.refusal(
                value, f"the value of {called}(…) is not used", "assign it, or leave the call out"
            )
        if isinstance(value, (ast.Yield, ast.YieldFrom, ast.Await)):
            raise self.refusal(value, "a kernel is no generator", "write results into an argument")
        raise self.refusal(
            value, "the value of this expression is not used", "assign it or leave it out"
        )

    # ------------------------------------------------------------ assignments

    def assign(self, node: ast.Assign) -> Statement:
        array = self.new_array(node)
        if array is not None:
            return array
        first = node.targets[0]
        if not isinstance(first, (ast.Tuple, ast.List)):
            for target in node.targets:
                self.check_target(target)
            return Assign(node, tuple(node.targets), (node.value,) * len(node.targets))
        if len(node.targets) > 1:
            advice = "write an assignment for each"
            raise self.refusal(node.targets[1], "a tuple and another target share a value", advice)
        targets = tuple(first.elts)
        for target in targets:
            self.check_target(target)
        values, unpacked = self.unpacked(node.value, len(targets))
        if len(values) != len(targets):
            what = f"{len(targets)} targets get {len(values)} values"
            raise self.refusal(node, what, "write one value for each target")
        return Assign(node, targets, values, unpacked=unpacked)

    def unpacked(self, value: ast.expr, count: int) -> tuple[tuple[ast.expr, ...], ast.expr | None]:
        """Return the parts of what is assigned to a tuple; ``n, m = A.shape`` is one, too."""
        if isinstance(value, (ast.Tuple, ast.List)):
            return tuple(value.elts), None
        if isinstance(value, ast.Attribute) and value.attr == "shape":
            parts = []
            for position in range(count):
                index = ast.copy_location(ast.Constant(position), value)
                part = ast.Subscript(value, index, ast.Load())
                parts.append(ast.copy_location(part, value))
            return tuple(parts), value
        raise self.refusal(value, "one value cannot be unpacked", "write a, b = x, y")

    def check_target(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name) or array_of(target) is not None:
            return
        if isinstance(target, (ast.Tuple, ast.List)):
            raise self.refusal(
                target, "a tuple stands inside a tuple", "write the targets side by side"
            )
        if isinstance(target, ast.Starred):
            raise self.refusal(target, "* collects an object", "write a target for each value")
        what = f"{ast.unparse(target)} cannot be assigned to"
        raise self.refusal(target, what, "assign to a name or to an element such as A[i, j]")

    def augmented(self, node: ast.AugAssign) -> Statement:
        self.check_target(node.target)
        operator = OPERATORS.get(type(node.op))
        if operator is None:
            raise self.refusal(node, "@= multiplies whole arrays", "write the loops")
        return Assign(node, (node.target,), (node.value,), operator)

    def new_array(self, node: ast.Assign) -> NewArray | None:
        call = node.value
        if not isinstance(call, ast.Call):
            return None
        called = self.object_of(call.func)
        text = ast.unparse(call.func)
        if any(called is maker for maker in (np.empty, np.zeros, np.ones, np.full)):
            advice = "write texpr.empty(shape, dtype), and a loop that fills it"
            raise self.refusal(call, f"{text} makes an array of NumPy", advice)
        if called is not empty:
            return None
        if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            raise self.refusal(
                node, "a local array has one name", "write t = texpr.empty(shape, dtype)"
            )
        given = dict(zip(("shape", "dtype"), call.args, strict=False))
        given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
        if len(call.args) > 2 or set(given) - {"shape", "dtype"} or "shape" not in given:
            raise self.refusal(
                call, f"{text} takes a shape and a dtype", 'write empty((n, m), "float64")'
            )
        return NewArray(node, node.targets[0].id, given["shape"], given.get("dtype"))

    # ------------------------------------------------------------ loops

    def loop(self, node: ast.For) -> For:
        if not isinstance(node.target, ast.Name):
            advice = "write for i in range(n) and take the elements inside, A[i]"
            raise self.refusal(node.target, "a loop has one variable", advice)
        if node.orelse:
            advice = "write it after the loop"
            raise self.refusal(
                node.orelse[0], "else of a loop goes with break, which kernels lack", advice
            )
        call = node.iter
        is_call = isinstance(call, ast.Call)
        called = self.object_of(call.func) if isinstance(call, ast.Call) else MISSING
        if not is_call or called is not builtins.range:
            what = f"a loop runs over a range, not over {ast.unparse(call)}"
            raise self.refusal(call, what, "write for i in range(len(A)) and take A[i]")
        assert isinstance(call, ast.Call)
        if call.keywords or not 1 <= len(call.args) <= 3:
            raise self.refusal(call, "range takes 1 to 3 numbers", "write range(first, end, step)")
        return For(node, node.target.id, tuple(call.args), self.suite(node.body))
