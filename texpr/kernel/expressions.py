"""From the expressions of a kernel's source to values."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from texpr.errors import BoundsError, ShapeError, TexprError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import DType
from texpr.ir.expr import Expr, Load, int_value
from texpr.kernel.declare import empty
from texpr.kernel.functions import dtype_named, function_of
from texpr.kernel.names import Names, sized
from texpr.kernel.outside import MISSING
from texpr.kernel.refusals import call_refusal, expression_refusal
from texpr.kernel.syntax import OPERATORS
from texpr.kernel.values import (
    Condition,
    Value,
    Weak,
    as_index,
    binary,
    chosen,
    combined,
    converted,
    dtype_of,
    is_weak,
    negation,
    text_of,
    truth,
    unary,
)

_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip


class Expressions(Names):
    """Translates expressions where the translation stands."""

    def value(self, node: ast.expr) -> Value:
        """Return the value of an expression.

        Raises
        ------
        KernelError
            It is not of the language.
        TexprError
            An operator or a function does not take its operands.
        """
        handler = self._HANDLERS.get(type(node))
        if handler is None:
            raise self.refusal(node, *expression_refusal(node))
        return handler(self, node)

    def condition(self, node: ast.expr) -> Condition:
        """Return an expression as a condition: a number is true where it is not 0."""
        if isinstance(node, ast.BoolOp):
            op = "and" if isinstance(node.op, ast.And) else "or"
            tests: list[Condition] = []
            for operand in node.values:
                tests.append(self.condition(operand))
                if tests[-1] is (op == "or"):  # what follows is never evaluated
                    break
            return combined(op, tests)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return negation(self.condition(node.operand))
        return truth(self.value(node))

    def known(self, node: ast.expr) -> bool | None:
        """Return the value of a condition that needs no run of the kernel, else None."""
        if any(isinstance(part, ast.Name) and part.id in self.local for part in ast.walk(node)):
            return None
        try:
            test = self.condition(node)
        except TexprError:  # whatever is wrong will be said where the condition is translated
            return None
        return test if isinstance(test, bool) else None

    # ------------------------------------------------------------ leaves

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, (bool, int, float)):
            return node.value
        raise self.refusal(node, *expression_refusal(node))

    def _name(self, node: ast.Name) -> Value:
        return self.named(node)

    def _attribute(self, node: ast.Attribute) -> Value:
        array = self.array(node.value)
        if array is not None:
            if node.attr == "ndim":
                return array.ndim
            if node.attr == "size":
                count: Value = 1
                for extent in array.shape:
                    count = binary("mul", count, sized(extent))
                return count
            if node.attr == "shape":
                raise self.refusal(
                    node, "a shape is a tuple", f"take an extent of it, {array.name}.shape[0]"
                )
            what = f"{array.name}.{node.attr} works on a whole array"
            raise self.refusal(node, what, "write a loop over its elements")
        found = self.object_of(node)
        if found is not MISSING:
            return self.constant(found, node)
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and not self.is_own(root.id) and root.id in self.outside:
            what = f"{ast.unparse(node.value)} has no {node.attr}"
            raise self.refusal(node, what, "use a name that it has")
        self.value(node.value)
        what = f".{node.attr} is an attribute of an object"
        raise self.refusal(node, what, "use numbers, elements of arrays, A.shape[0] and A.ndim")

    # ------------------------------------------------------------ elements

    def _subscript(self, node: ast.Subscript) -> Value:
        base = node.value
        if isinstance(base, ast.Attribute) and base.attr == "shape":
            array = self.array(base.value)
            if array is not None:
                return self._extent(array, node)
        buffer, indices = self.element(node)
        return Load(buffer, indices)

    def _extent(self, array: Buffer, node: ast.Subscript) -> Value:
        position = self.value(node.slice)
        if not isinstance(position, int):
            raise self.refusal(
                node.slice, "which extent of a shape is meant must be a number",
                f"write {array.name}.shape[0]",
            )  # fmt: skip
        if not -array.ndim <= position < array.ndim:
            what = f"{array.name} has {array.ndim} dimensions, and no shape[{position}]"
            raise self.refusal(node, what, f"write a number from 0 to {array.ndim - 1}")
        return sized(array.shape[position])

    def element(self, node: ast.expr) -> tuple[Buffer, tuple[Expr, ...]]:
        """Return the array and the subscripts of an element, ``A[i, j]`` or ``A[i][j]``.

        Raises
        ------
        KernelError, ShapeError, BoundsError
            It is none.
        """
        given: list[ast.expr] = []
        base = node
        while isinstance(base, ast.Subscript):
            inside = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
            given[:0] = inside
            base = base.value
        array = self.array(base)
        if array is None:
            raise self.refusal(base, *self._no_array(base))
        if len(given) != array.ndim:
            shown = f"{array.name}[{', '.join('ijklmnopq'[: array.ndim]) or '()'}]"
            raise self.source.error(
                ShapeError, node,
                f"{ast.unparse(node)}: {len(given)} subscripts for {array.ndim} dimensions; "
                f"give one for each, {shown}",
            )  # fmt: skip
        indices = []
        for position, (subscript, extent) in enumerate(zip(given, array.shape, strict=True)):
            indices.append(self._index(array, position, subscript, extent))
        return array, tuple(indices)

    def _no_array(self, node: ast.expr) -> tuple[str, str]:
        text = ast.unparse(node)
        if isinstance(node, ast.Name):
            value = self.value(node)  # refuses what has no value here
            return f"{text} is a number ({dtype_of(value)}) and has no elements", "use it as it is"
        found = self.object_of(node)
        if found is not MISSING:
            self.constant(found, node)
        return f"{text} is no array", "subscripts stand on an argument or a local array"

    def _index(self, array: Buffer, position: int, node: ast.expr, extent: Expr) -> Expr:
        if isinstance(node, ast.Constant) and (node.value is None or node.value is Ellipsis):
            what = f"{ast.unparse(node)} makes a view of an array"
            raise self.refusal(node, what, "give an integer for each dimension")
        value = self.value(node)
        with self.source.at(node):
            index = as_index(value, f"{array.name}: subscript {position}")
        known, end = int_value(index), int_value(extent)
        if known is not None and known < 0:
            last = f"{array.name}.shape[{position}] - {-known}"
            raise self.source.error(
                BoundsError, node,
                f"{array.name}: the subscript {known} is negative, and subscripts do not count "
                f"from the end; write {last}",
            )  # fmt: skip
        if known is not None and end is not None and known >= end:
            raise self.source.error(
                BoundsError, node,
                f"{array.name}: the subscript {known} is outside dimension {position}, which has "
                f"extent {end}; write at most {end - 1}",
            )  # fmt: skip
        return index

    # ------------------------------------------------------------ operators

    def _binary(self, node: ast.BinOp) -> Value:
        # A sum of a thousand terms nests to the left; Python's stack is not that deep.
        spine = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        for part in spine:
            if type(part.op) not in OPERATORS:
                raise self.refusal(part, "@ multiplies whole arrays", "write the loops")
        value = self.value(spine[-1].left)
        for part in reversed(spine):
            right = self.value(part.right)
            with self.source.at(part):
                value = binary(OPERATORS[type(part.op)], value, right)
        return value

    def _unary(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            test = negation(self.condition(node.operand))
            return test if isinstance(test, bool) else Weak(test)
        value = self.value(node.operand)
        with self.source.at(node):
            if isinstance(node.op, ast.UAdd):
                return binary("add", 0, value) if isinstance(value, bool) else value
            return unary("neg" if isinstance(node.op, ast.USub) else "invert", value)

    def _logic(self, node: ast.BoolOp) -> Value:
        word = "and" if isinstance(node.op, ast.And) else "or"
        values = [self.value(operand) for operand in node.values]
        for operand, value in zip(node.values, values, strict=True):
            if not dtype_of(value).is_bool:
                text = text_of(value)
                what = f"{word} chooses one of its operands, and {text} is {dtype_of(value)}"
                raise self.refusal(operand, what, "compare it, x != 0, or write a if c else b")
        test = combined(word, [truth(value) for value in values])
        if isinstance(test, bool):
            return test
        return Weak(test) if all(map(is_weak, values)) else test

    def _comparison(self, node: ast.Compare) -> Value:
        operands = [self.value(operand) for operand in (node.left, *node.comparators)]
        tests: list[Condition] = []
        for op, a, b in zip(node.ops, operands, operands[1:], strict=False):
            name = _COMPARISONS.get(type(op))
            if name is None:
                word = {"Is": "is", "IsNot": "is not", "In": "in"}.get(type(op).__name__, "not in")
                raise self.refusal(node, f"{word} compares objects", "compare numbers, ==, != or <")
            with self.source.at(node):
                tests.append(truth(binary(name, a, b)))
        test = combined("and", tests)
        if isinstance(test, bool):
            return test
        return Weak(test) if all(map(is_weak, operands)) else test

    def _choice(self, node: ast.IfExp) -> Value:
        test = self.condition(node.test)
        if isinstance(test, bool):
            return self.value(node.body if test else node.orelse)
        a, b = self.value(node.body), self.value(node.orelse)
        with self.source.at(node):
            return chosen(test, a, b)

    # ------------------------------------------------------------ calls

    def _call(self, node: ast.Call) -> Value:
        called = self.object_of(node.func)
        text = ast.unparse(node.func)
        if isinstance(node.func, ast.Name) and node.func.id == self.source.name:
            raise self.refusal(node, f"{text} calls itself", "write a loop")
        if called is MISSING:
            return self._method(node)
        if called is builtins.len:
            return self._length(node)
        if called is empty:
            what = f"{text} stands inside an expression"
            raise self.refusal(
                node, what, "give the array a name first, t = texpr.empty(shape, dtype)"
            )
        function = function_of(called)
        if function is None:
            raise self.refusal(node, *call_refusal(called, text))
        if node.keywords:
            what = f"{text} takes its arguments by position"
            raise self.refusal(node.keywords[0].value, what, "leave the name out")
        values = [self.value(argument) for argument in node.args]
        with self.source.at(node):
            return function(*values)

    def _method(self, node: ast.Call) -> Value:
        """A call of a method of a value; only ``x.astype(dtype)`` is one."""
        func = node.func
        if isinstance(func, ast.Name):
            if self.is_own(func.id):
                raise self.refusal(func, f"{func.id} is no function", "index an array with [ ]")
            self.value(func)  # it is not defined
        if isinstance(func, ast.Attribute):
            array = self.array(func.value)
            if array is not None or func.attr != "astype":
                self._attribute(func)
            value = self.value(func.value)
            if len(node.args) != 1 or node.keywords:
                raise self.refusal(node, "astype takes a type", 'write x.astype("float32")')
            dtype = self.dtype(node.args[0])
            with self.source.at(node):
                return converted(value, dtype)
        raise self.refusal(
            func, f"{ast.unparse(func)} is no function", "call a function by its name"
        )

    def _length(self, node: ast.Call) -> Value:
        array = self.array(node.args[0]) if len(node.args) == 1 else None
        if array is None or not array.ndim:
            raise self.refusal(node, "len is that of an array", "write len(A) or A.shape[0]")
        return sized(array.shape[0])

    def dtype(self, node: ast.expr) -> DType:
        """Return the type that an expression names: ``"float32"``, ``texpr.f32``, ``A.dtype``."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found: Any = node.value
        else:
            array = self.array(node.value) if isinstance(node, ast.Attribute) else None
            if array is not None and isinstance(node, ast.Attribute) and node.attr == "dtype":
                return array.dtype
            found = self.object_of(node)
            if found is MISSING:
                what = f"{ast.unparse(node)} is no type"
                raise self.refusal(node, what, 'write "float32", texpr.f32 or A.dtype')
        with self.source.at(node):
            return dtype_named(found)

    def extents(self, node: ast.expr) -> tuple[Value, ...]:
        """Return the extents of a shape: ``(n, m)``, ``n`` or ``A.shape``."""
        if isinstance(node, ast.Attribute) and node.attr == "shape":
            array = self.array(node.value)
            if array is not None:
                return tuple(sized(extent) for extent in array.shape)
        given: Sequence[ast.expr] = [node]
        if isinstance(node, (ast.Tuple, ast.List)):
            given = node.elts
        return tuple(self.value(extent) for extent in given)

    _HANDLERS: ClassVar[dict[type[ast.expr], Callable[[Any, Any], Value]]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _logic,
        ast.Compare: _comparison,
        ast.IfExp: _choice,
        ast.Call: _call,
    }
