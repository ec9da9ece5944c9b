"""From the statements of a kernel to the loop tree.

Every assignment becomes a Block, named S0, S1, … in textual order, over one axis for each loop
around it, and branches become predicates. Index arithmetic, an integer or bool that is made of
loop variables and sizes and assigned once, is no Block: it is put where it is used, so that
subscripts stay affine.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from texpr.errors import DTypeError, ShapeError, TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import BOOL, FLOAT64
from texpr.ir.expr import Binary, Expr, Load, Unary, Var, free_vars, int_value, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.program import TRUE, ZERO, Alloc, Block, Loop, Stmt, Store, seq
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import substitute
from texpr.kernel.expressions import Expressions
from texpr.kernel.loops import Range, loop_range
from texpr.kernel.names import Binding
from texpr.kernel.scalars import Owner, Scalar
from texpr.kernel.syntax import (
    Assign,
    Branch,
    Demand,
    For,
    NewArray,
    Statement,
    names_read,
    names_written,
)
from texpr.kernel.types import ScalarType, joined, type_of
from texpr.kernel.values import Value, Weak, as_index, binary, plain, stored, text_of, truth


class Untyped(Exception):  # noqa: N818 - control flow between two methods, no error
    """A scalar was read whose type is not known yet."""


class Temporary(Buffer):
    """A scalar that is written before it is read, however the branches go: the text shows it."""

    @property
    def is_computed(self) -> bool:
        return True  # so that nobody asks whether something wrote it


@dataclass(frozen=True)
class _Around:
    """A loop around the place: its axis, and its variable in the loop tree."""

    axis: IterVar
    var: Var
    written: set[str]
    """The names that its body writes."""


@dataclass
class _Home:
    """The body of a loop or the whole kernel: the scratch that it allocates."""

    scratch: list[Buffer] = field(default_factory=list)


class Translation:
    """One walk over the statements of a kernel.

    Where ``types`` are not final, ``is_final`` is False: the walk finds the types that the
    assignments give under ``types``, and passes over what is wrong.
    """

    def __init__(
        self,
        names: Expressions,
        scalars: Mapping[Owner, Sequence[Scalar]],
        types: Mapping[Scalar, ScalarType],
        written: set[str],
        *,
        is_final: bool,
    ) -> None:
        self.names, self.scalars, self.types = names, scalars, types
        self.written, self.is_final = written, is_final
        self.source = names.source
        self.found: dict[Scalar, ScalarType] = {}
        self.requirements: list[Expr] = []
        self.loops: list[_Around] = []
        self.guard: Expr = TRUE
        self.homes: list[_Home] = []
        self.home_of: dict[Scalar, _Home] = {}
        self.buffers: dict[Scalar, Buffer] = {}
        self.count = 0
        self.tests = 0
        names.value_of = self.scalar_value

    # ------------------------------------------------------------ bodies

    def body(self, owner: Owner, body: Sequence[Statement]) -> Stmt | None:
        """Return the body of ``owner``, None where nothing happens in it."""
        home = _Home()
        self.homes.append(home)
        before: dict[str, Binding | None] = {}
        for scalar in self.scalars.get(owner, ()):
            before[scalar.name] = self.names.bound.get(scalar.name)
            self.names.bound[scalar.name] = scalar
            self.home_of[scalar] = home
        parts = self.suite(body)
        for name, binding in before.items():
            del self.names.bound[name]
            if binding is not None:
                self.names.bound[name] = binding
        self.homes.pop()
        if not parts:
            return None
        result: Stmt = seq(*parts)
        for buffer in reversed(home.scratch):
            result = Alloc(buffer, result)
        return result

    def suite(self, body: Sequence[Statement]) -> list[Stmt]:
        """Return the statements one after the other; a local array holds what comes after it."""
        parts: list[Stmt] = []
        for position, statement in enumerate(body):
            if isinstance(statement, NewArray):
                buffer = self.new_array(statement)
                self.names.bound[buffer.name] = buffer
                rest = self.suite(body[position + 1 :])
                del self.names.bound[buffer.name]
                return [*parts, Alloc(buffer, seq(*rest))] if rest else parts
            parts += self.statement(statement)
        return parts

    def statement(self, statement: Statement) -> list[Stmt]:
        if isinstance(statement, For):
            return self.loop(statement)
        if isinstance(statement, Branch):
            return self.branch(statement)
        try:
            if isinstance(statement, Assign):
                return self.assign(statement)
            if isinstance(statement, Demand) and self.is_final:
                self.demand(statement)
        except (TexprError, Untyped):
            if self.is_final:
                raise
        return []

    # ------------------------------------------------------------ scalars

    def scalar_value(self, scalar: Scalar, node: ast.AST) -> Value:
        """Return the value of a scalar that lives in memory."""
        kind = self.types.get(scalar)
        if kind is None and not self.is_final:
            raise Untyped
        may_have_value = scalar in self.found or any(
            scalar.name in loop.written for loop in self.loops
        )
        if kind is None or (self.is_final and not may_have_value):
            what = f"{scalar.name} is read before anything was assigned to it"
            raise self.names.refusal(node, what, "assign it first")
        load = Load(self.buffer_of(scalar, kind), ())
        return Weak(load) if kind.is_weak else load

    def buffer_of(self, scalar: Scalar, kind: ScalarType) -> Buffer:
        buffer = self.buffers.get(scalar)
        if buffer is None:
            make = Buffer if scalar.is_exposed else Temporary
            buffer = self.buffers[scalar] = make(scalar.name, (), kind.dtype)
            self.home_of[scalar].scratch.append(buffer)
        return buffer

    def note_type(self, scalar: Scalar, value: Value, node: ast.AST) -> ScalarType:
        """Note what an assignment says of a scalar's type, and return its type."""
        said = type_of(value, self.source.line_of(node))
        self.found[scalar] = joined(self.found.get(scalar), said)
        kind = self.types.get(scalar, said)
        if self.is_final and kind.other is not None:
            dtype, line = kind.other
            raise self.source.error(
                DTypeError, node,
                f"{scalar.name} is {kind.dtype} in line {kind.line} and {dtype} in line {line}, "
                f"and a scalar has one type; cast one, texpr.f64(x), or use two names",
            )  # fmt: skip
        return kind

    # ------------------------------------------------------------ assignments

    def assign(self, statement: Assign) -> list[Stmt]:
        if statement.unpacked is not None:
            self.check_unpacking(statement, statement.unpacked)
        values = {node: self.names.value(node) for node in statement.values}
        stores: list[Store] = []
        known: dict[str, Value] = {}
        for target, node in zip(statement.targets, statement.values, strict=True):
            value = values[node]
            scalar = None
            if isinstance(target, ast.Name):
                scalar = self.scalar_named(target)
                with self.source.at(node):
                    if scalar.is_assigned_once and is_index(value):
                        known[target.id] = value
                        continue
            stores.append(self.store(statement, target, scalar, value, node))
        self.names.bound.update(known)
        if not stores:
            return []
        self.check_order(statement, stores)
        name = f"S{self.count}"
        self.count += 1
        return [self.block(name, stores, statement.node)]

    def scalar_named(self, target: ast.Name) -> Scalar:
        found = self.names.bound.get(target.id)
        assert isinstance(found, Scalar), f"{target.id} was bound before its only assignment"
        return found

    def store(
        self,
        statement: Assign,
        target: ast.expr,
        scalar: Scalar | None,
        value: Value,
        node: ast.expr,
    ) -> Store:
        """Return the store of ``value``, written as ``node``, into a target."""
        indices: tuple[Expr, ...] = ()
        if scalar is None:
            buffer, indices = self.names.element(target)
            if statement.operator is not None:
                with self.source.at(statement.node):
                    value = binary(statement.operator, Load(buffer, indices), value)
        else:
            if statement.operator is not None:
                old = self.scalar_value(scalar, target)
                with self.source.at(statement.node):
                    value = binary(statement.operator, old, value)
            buffer = self.buffer_of(scalar, self.note_type(scalar, value, target))
        with self.source.at(statement.node if statement.operator else node):
            return Store(buffer, indices, stored(value, buffer.dtype, ast.unparse(target)))

    def check_unpacking(self, statement: Assign, shape: ast.expr) -> None:
        assert isinstance(shape, ast.Attribute)
        array = self.names.array(shape.value)
        if array is not None and array.ndim != len(statement.targets):
            what = f"{array.name} has {array.ndim} dimensions, and {len(statement.targets)} targets"
            raise self.names.refusal(statement.node, what, "write a target for each")

    def check_order(self, statement: Assign, stores: Sequence[Store]) -> None:
        """Refuse a target whose subscripts read what a target before it has just written."""
        for position, store in enumerate(stores):
            earlier = {other.buffer for other in stores[:position]}
            for index in store.indices:
                for node in postorder(index):
                    if isinstance(node, Load) and node.buffer in earlier:
                        what = f"a subscript reads {node}, which this assignment writes before"
                        raise self.names.refusal(statement.node, what, "write two assignments")

    def block(self, name: str, stores: Sequence[Store], node: ast.AST) -> Block:
        return Block(
            name,
            tuple(loop.axis for loop in self.loops),
            tuple(loop.var for loop in self.loops),
            tuple(stores),
            self.guard,
            location=self.source.location(node),
        )

    # ------------------------------------------------------------ loops

    def loop(self, statement: For) -> list[Stmt]:
        name = statement.name
        if name in self.names.bound:
            what = f"the loop variable {name} belongs to a loop around this one"
            raise self.names.refusal(statement.node.target, what, "give this loop another variable")
        try:
            run = loop_range(self.names, statement, self.guard, self.written)
        except (TexprError, Untyped):
            if self.is_final:
                raise
            run = Range(ZERO, ZERO, ZERO, 1)
        axis = IterVar(name, (run.lower, run.upper))
        at_loops = {loop.axis.var: loop.var for loop in self.loops}
        lower, upper = substitute(run.lower, at_loops), substitute(run.upper, at_loops)
        around = _Around(axis, Var(name), names_written(statement.body))
        self.loops.append(around)
        self.names.bound[name] = Weak(run.value(axis.var))
        body = self.body(statement, statement.body)
        del self.names.bound[name]
        self.loops.pop()
        return [] if body is None else [Loop(around.var, lower, upper, body)]

    # ------------------------------------------------------------ branches

    def branch(self, statement: Branch) -> list[Stmt]:
        outside = self.guard
        parts: list[Stmt] = []
        try:
            test = truth_of(self.names, statement)
            if self.may_change(statement):
                part, test = self.test_once(statement, test)
                parts.append(part)
        except (TexprError, Untyped):
            if self.is_final:
                raise
            test = TRUE
        self.guard = both(outside, test)
        parts += self.suite(statement.then)
        if statement.orelse:
            self.guard = both(outside, simplify(Unary("not", test)))
            parts += self.suite(statement.orelse)
        self.guard = outside
        return parts

    def may_change(self, statement: Branch) -> bool:
        """Whether what a branch does may change its condition before its last use."""
        read = names_read(statement.test)
        changed = read & names_written([*statement.then, *statement.orelse])
        is_used_once = (
            len(statement.then) == 1
            and isinstance(statement.then[0], Assign)
            and not statement.orelse
        )
        return bool(changed) and not is_used_once

    def test_once(self, statement: Branch, test: Expr) -> tuple[Stmt, Expr]:
        """Evaluate a condition into a bool of its own."""
        taken = {*self.names.local, *self.names.parameters.named, *self.names.parameters.sizes}
        name = f"test{self.tests}"
        while name in taken:
            name += "_"
        self.tests += 1
        buffer = Temporary(name, (), BOOL)
        self.homes[-1].scratch.append(buffer)
        return self.block(name, [Store(buffer, (), test)], statement.test), Load(buffer, ())

    # ------------------------------------------------------------ arrays and requirements

    def new_array(self, statement: NewArray) -> Buffer:
        """Return the buffer of a local array."""
        what = f"{statement.name}: extent"
        try:
            shape = []
            for position, value in enumerate(self.names.extents(statement.shape)):
                with self.source.at(statement.shape):
                    shape.append(self.extent(value, f"{what} {position} of the shape"))
            dtype = FLOAT64 if statement.dtype is None else self.names.dtype(statement.dtype)
        except (TexprError, Untyped):
            if self.is_final:
                raise
            return Buffer(statement.name, (), FLOAT64)
        return Buffer(statement.name, tuple(shape), dtype)

    def extent(self, value: Value, what: str) -> Expr:
        extent = as_index(value, what)
        known = int_value(extent)
        if known is not None and known < 0:
            raise ShapeError(f"{what} is {known}; an extent is at least 0")
        if not is_fixed(extent):
            raise ShapeError(
                f"{what}, {text_of(value)}, changes while the kernel runs; use sizes and numbers, "
                f"the largest that is needed"
            )
        if self.guard is not TRUE and not prove(Binary("ge", extent, ZERO)):
            return Binary("max", extent, ZERO)  # the array is made whether the branch runs or not
        return extent

    def demand(self, statement: Demand) -> None:
        for node in statement.conditions:
            test = truth(self.names.value(node))
            if isinstance(test, bool):
                if not test:
                    text = f"{self.source.name}: {ast.unparse(node)} never holds; leave it out"
                    raise self.source.error(ShapeError, node, text)
            elif is_fixed(test):
                self.requirements.append(test)
            else:
                what = "a requirement is on sizes and scalar arguments"
                raise self.names.refusal(node, what, "write what changes in the kernel as an if")


def truth_of(names: Expressions, statement: Branch) -> Expr:
    """Return the condition of a branch as an expression."""
    return plain(names.condition(statement.test))


def both(outside: Expr, test: Expr) -> Expr:
    """Return ``outside and test``."""
    return test if outside is TRUE else Binary("and", outside, test)


def is_fixed(expr: Expr) -> bool:
    """Whether an expression has one value for a whole run: it has no loop variable in it."""
    reads = any(isinstance(node, Load) for node in postorder(expr))
    return not reads and not any(var.is_axis for var in free_vars(expr))


def is_index(value: Value) -> bool:
    """Whether a value is an integer or bool that reads no memory."""
    expr = plain(value)
    if expr.dtype.is_float:
        return False
    return not any(isinstance(node, Load) for node in postorder(expr))
