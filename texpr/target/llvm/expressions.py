"""Expressions in LLVM's instructions: in scalar code, and in the lanes of a vectorized loop.

Inside a vectorized loop a value is a scalar as long as it is the same in every lane, and a vector
from where it depends on the lane. Under a condition that differs between lanes both sides run,
each under a mask: a masked lane touches no memory and its value is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from texpr.errors import InternalError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import (
    EXPR_NODES,
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
    free_vars,
    postorder,
)
from texpr.ir.extern import ScalarFunction
from texpr.ir.intrinsic import Composition, OwnCode, Rounding
from texpr.ir.linear import coefficient
from texpr.ir.program import Node
from texpr.ir.simplify import Context, simplify
from texpr.ir.visitor import Visit, Visitor, substitute
from texpr.target.llvm.arithmetic import Arithmetic
from texpr.target.llvm.float16 import bits_of, is_float16
from texpr.target.llvm.mathfunctions import MathFunctions
from texpr.target.llvm.types import (
    I1,
    I8,
    I32,
    I64,
    PTR,
    constant,
    intrinsic,
    is_vector,
    like,
    memory_type,
    scalar_type,
)

Check = tuple[Buffer, int]
"""A buffer and a dimension whose subscripts must be checked."""


@dataclass(frozen=True)
class Lanes:
    """The lanes of a vectorized loop: its variable, their number, the first value as an Expr."""

    var: Var
    count: int
    first: Expr


@dataclass(frozen=True)
class Place:
    """Where an access leads: an offset, or one a lane (``spread``), or lanes in a row from it."""

    offset: ir.Value
    contiguous: bool = False
    spread: bool = False


class _Values(MutableMapping[Node, ir.Value]):
    """Values known at this place; what a branch or mask computes is forgotten after it."""

    def __init__(self) -> None:
        self.scopes: list[dict[Node, ir.Value]] = [{}]

    def __getitem__(self, node: Node) -> ir.Value:
        for scope in reversed(self.scopes):
            if node in scope:
                return scope[node]
        raise KeyError(node)

    def __contains__(self, node: object) -> bool:
        return any(node in scope for scope in self.scopes)

    def __setitem__(self, node: Node, value: ir.Value) -> None:
        self.scopes[-1][node] = value

    def __delitem__(self, node: Node) -> None:
        del self.scopes[-1][node]

    def __iter__(self) -> Iterator[Node]:
        return (node for scope in self.scopes for node in scope)

    def __len__(self) -> int:
        return sum(map(len, self.scopes))


class ExprEmitter(Visitor[ir.Value], over=EXPR_NODES):
    """Emits expressions at the builder's place.

    ``env`` holds the values of variables, ``pointers`` those of buffers. ``bindings`` are the
    iteration variables of the Block at hand in terms of the loops; ``checked`` are its subscripts
    to check. ``has_half``: the target converts float16 by instructions of its own;
    ``functions``: how it computes exp and the like.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        env: MutableMapping[Var, ir.Value],
        pointers: MutableMapping[Buffer, ir.Value],
        flags: Sequence[str],
        *,
        has_half: bool,
        functions: MathFunctions,
    ) -> None:
        self.builder = builder
        self.env = env
        self.pointers = pointers
        self.arithmetic = Arithmetic(builder, flags, has_half=has_half, functions=functions)
        self.functions = functions
        self.lanes: Lanes | None = None
        self.context = Context()
        """What the loops around say of their variables."""
        self.private: set[Buffer] = set()
        """Scratch of which every lane has its own, cell beside cell."""
        self.mask: ir.Value | None = None
        self.bindings: Mapping[Var, Expr] = {}
        self.checked: frozenset[Check] = frozenset()
        self.reassociated: frozenset[Expr] = frozenset()
        self._values = _Values()

    def fresh_memo(self) -> MutableMapping[Node, ir.Value]:
        return self._values

    @contextmanager
    def fresh_values(self) -> Iterator[None]:
        """Forget all values for the time of a statement: memory may have changed."""
        before, self._values = self._values, _Values()
        yield
        self._values = before

    @contextmanager
    def branch(self, mask: ir.Value | None = None) -> Iterator[None]:
        """Emit what may not run: its values are not used after it, and ``mask`` holds in it."""
        before = self.mask
        self.mask = self.both(before, mask)
        self._values.scopes.append({})
        yield
        self._values.scopes.pop()
        self.mask = before

    def both(self, a: ir.Value | None, b: ir.Value | None) -> ir.Value | None:
        """Return the mask of the lanes in which both masks hold; None is every lane."""
        if a is None or b is None:
            return a if b is None else b
        return self.builder.and_(*self.unified(a, b))

    # ------------------------------------------------------------ lanes

    def unified(self, *values: ir.Value) -> list[ir.Value]:
        """Return the values all scalar, or all as vectors."""
        if any(is_vector(value) for value in values):
            return [self.in_lanes(value) for value in values]
        return list(values)

    def in_lanes(self, value: ir.Value) -> ir.Value:
        """Return ``value`` as a vector, the same in every lane if it was a scalar."""
        if is_vector(value):
            return value
        assert self.lanes is not None
        type_ = ir.VectorType(value.type, self.lanes.count)
        if isinstance(value, ir.Constant):
            return constant(type_, value.constant)
        first = self.builder.insert_element(
            ir.Constant(type_, ir.Undefined), value, ir.Constant(I32, 0)
        )
        zeros = ir.Constant(ir.VectorType(I32, self.lanes.count), None)
        return self.builder.shuffle_vector(first, ir.Constant(type_, ir.Undefined), zeros)

    def all_lanes(self) -> ir.Value:
        """Return the mask in force as a vector."""
        assert self.lanes is not None
        if self.mask is None:
            return constant(ir.VectorType(I1, self.lanes.count), 1)
        return self.in_lanes(self.mask)

    def any_lane(self, mask: ir.Value) -> ir.Value:
        """Return whether ``mask`` holds in some lane."""
        if not is_vector(mask):
            return mask
        return intrinsic(self.builder, "llvm.vector.reduce.or", [mask], [mask.type], I1)

    def depends_on_lane(self, expr: Expr) -> bool:
        """Whether ``expr``, in terms of the loops, may differ between lanes."""
        lanes = self.lanes
        if lanes is None:
            return False
        return any(var is lanes.var or self._is_vector_var(var) for var in free_vars(expr))

    def _is_vector_var(self, var: Var) -> bool:
        value = self.env.get(var)
        return value is not None and is_vector(value)

    # ------------------------------------------------------------ leaves

    def emit(self, expr: Expr) -> ir.Value:
        """Emit ``expr`` and return its value."""
        return self.visit(expr)

    def visit_Const(self, node: Const) -> ir.Value:
        value = bits_of(node.value, node.dtype) if is_float16(node.dtype) else node.value
        return ir.Constant(scalar_type(node.dtype), value)

    def visit_Var(self, node: Var) -> Any:
        if node in self.bindings:
            return self._bound(node)
        if self.lanes is not None and node is self.lanes.var:
            return self._lane_values()
        found = self.env.get(node)
        if found is None:
            raise InternalError(f"the variable {node.name!r} has no value here")
        return found

    def _bound(self, node: Var) -> Visit[ir.Value]:
        return (yield self.bindings[node])

    def _lane_values(self) -> Visit[ir.Value]:
        assert self.lanes is not None
        first = yield self.lanes.first
        steps = ir.Constant(
            ir.VectorType(I64, self.lanes.count),
            [ir.Constant(I64, k) for k in range(self.lanes.count)],
        )
        return self.builder.add(self.in_lanes(first), steps)

    # ------------------------------------------------------------ operators

    def visit_Unary(self, node: Unary) -> Visit[ir.Value]:
        operand = yield node.operand
        return self.arithmetic.unary(node.op, node.operand.dtype, operand)

    def visit_Cast(self, node: Cast) -> Visit[ir.Value]:
        operand = yield node.operand
        return self.arithmetic.cast(operand, node.operand.dtype, node.dtype)

    def visit_Binary(self, node: Binary) -> Visit[ir.Value]:
        if node.op in ("and", "or") and may_fail(node.b):
            is_and = node.op == "and"
            false = Const(not is_and, node.dtype)
            lazy = (
                IfThenElse(node.a, node.b, false) if is_and else IfThenElse(node.a, false, node.b)
            )
            return (yield lazy)
        a = yield node.a
        b = yield node.b
        a, b = self.unified(a, b)
        more = ("reassoc",) if node in self.reassociated else ()
        return self.arithmetic.binary(node.op, node.a.dtype, a, b, more_flags=more)

    def visit_Select(self, node: Select) -> Visit[ir.Value]:
        test, a, b = node.children
        condition = yield test
        chosen = yield a
        other = yield b
        if is_vector(condition):
            chosen, other = self.in_lanes(chosen), self.in_lanes(other)
        chosen, other = self.unified(chosen, other)
        return self.builder.select(condition, chosen, other)

    def visit_IfThenElse(self, node: IfThenElse) -> Visit[ir.Value]:
        test, a, b = node.children
        if not may_fail(a) and not may_fail(b):  # so choosing is as good
            return (yield Select(test, a, b))
        condition = yield test
        if is_vector(condition):
            with self.branch(condition):
                chosen = yield a
            with self.branch(self.builder.not_(condition)):
                other = yield b
            return self.builder.select(condition, self.in_lanes(chosen), self.in_lanes(other))
        return (yield from self._branching(condition, a, b))

    def _branching(self, condition: ir.Value, a: Expr, b: Expr) -> Visit[ir.Value]:
        build = self.builder
        blocks = [build.append_basic_block(name) for name in ("then", "else", "end")]
        build.cbranch(condition, blocks[0], blocks[1])
        results: list[tuple[ir.Value, ir.Block]] = []
        for side, block in ((a, blocks[0]), (b, blocks[1])):
            build.position_at_end(block)
            with self.branch():
                value = yield side
            results.append((value, build.block))
        widen = any(is_vector(value) for value, _ in results)
        incoming = []
        for value, block in results:
            build.position_at_end(block)
            incoming.append((self.in_lanes(value) if widen else value, block))
            build.branch(blocks[2])
        build.position_at_end(blocks[2])
        phi = build.phi(incoming[0][0].type)
        for value, block in incoming:
            phi.add_incoming(value, block)
        return phi

    def visit_Call(self, node: Call) -> Visit[ir.Value]:
        function = node.function
        args = []
        if isinstance(function, ScalarFunction):
            for arg in node.args:
                args.append((yield arg))
            return self._outside(function, args)
        lowering = function.lowering
        if isinstance(lowering, Composition):
            return (yield lowering.build(*node.args))
        for arg in node.args:
            args.append((yield arg))
        args = self.unified(*args)
        if isinstance(lowering, OwnCode):
            return self.functions.call(self.builder, function.name, args)
        if isinstance(lowering, Rounding):
            return self.functions.rounded(self.builder, lowering.name, args[0])
        flags = [ir.Constant(I1, flag) for flag in lowering.flags]
        type_ = args[0].type
        return intrinsic(self.builder, lowering.name, [*args, *flags], [type_], type_)

    def _outside(self, function: ScalarFunction, args: Sequence[ir.Value]) -> ir.Value:
        """Call a function from outside, for one lane that wants its value after the other."""
        type_ = scalar_type(function.dtype)
        if not any(map(is_vector, args)):
            if self.mask is None:
                return self.call_outside(function, args)
            wanted = self.any_lane(self.mask)
            return self._value_if(wanted, type_, lambda: self.call_outside(function, args))
        assert self.lanes is not None
        result: ir.Value = ir.Constant(ir.VectorType(type_, self.lanes.count), ir.Undefined)
        for lane in range(self.lanes.count):
            value = self._in_lane(ir.Constant(I32, lane), type_, function, args)
            result = self.builder.insert_element(result, value, ir.Constant(I32, lane))
        return result

    def _in_lane(
        self, lane: ir.Value, type_: ir.Type, function: ScalarFunction, args: Sequence[ir.Value]
    ) -> ir.Value:
        build = self.builder

        def call() -> ir.Value:
            own = [build.extract_element(a, lane) if is_vector(a) else a for a in args]
            return self.call_outside(function, own)

        if self.mask is None:
            return call()
        return self._value_if(build.extract_element(self.all_lanes(), lane), type_, call)

    def call_outside(self, function: ScalarFunction, args: Sequence[ir.Value]) -> ir.Value:
        """Call a function from outside with scalars."""
        raise InternalError("functions from outside are called inside a kernel only")

    # ------------------------------------------------------------ memory

    def visit_Load(self, node: Load) -> Visit[ir.Value]:
        place = yield from self.place(node.buffer, node.indices)
        return self._load(node.buffer, place)

    def place(self, buffer: Buffer, indices: Sequence[Expr]) -> Visit[Place]:
        """Emit the subscripts, checked where they must be, and return where they lead."""
        for dimension, index in enumerate(indices):
            if (buffer, dimension) in self.checked:
                value = yield index
                extent = yield buffer.shape[dimension]
                self.check(Load(buffer, indices), dimension, value, extent)
        if buffer in self.private:
            return (yield from self._private_place(buffer, indices))
        in_loops = [simplify(substitute(i, self.bindings), self.context) for i in indices]
        if not any(map(self.depends_on_lane, in_loops)):
            offset = yield from self._offset(buffer, in_loops)
            # A subscript read from memory may differ between lanes all the same.
            return Place(offset, spread=is_vector(offset))
        lanes = self.lanes
        assert lanes is not None
        steps = [coefficient(index, lanes.var) for index in in_loops]
        if (
            steps
            and buffer.has_rows
            and steps[-1] == 1
            and not any(steps[:-1])
            and None not in steps
        ):
            first = [substitute(index, {lanes.var: lanes.first}) for index in in_loops]
            offset = yield from self._offset(buffer, first)
            if not is_vector(offset):
                return Place(offset, contiguous=True)
        offset = yield from self._offset(buffer, in_loops)
        return Place(offset, spread=True)

    def _private_place(self, buffer: Buffer, indices: Sequence[Expr]) -> Visit[Place]:
        """Return where each lane's own cell is: the lanes lie side by side."""
        assert self.lanes is not None
        build, type_ = self.builder, ir.VectorType(I64, self.lanes.count)
        offset = yield from self._offset(buffer, indices)
        offset = build.mul(offset, constant(offset.type, self.lanes.count), flags=["nsw"])
        if not is_vector(offset):
            return Place(offset, contiguous=True)
        lane = ir.Constant(type_, [ir.Constant(I64, k) for k in range(self.lanes.count)])
        return Place(build.add(offset, lane, flags=["nsw"]), spread=True)

    def _offset(self, buffer: Buffer, indices: Sequence[Expr]) -> Visit[ir.Value]:
        """Emit the number of elements from the buffer's start."""
        build = self.builder
        offset: ir.Value = ir.Constant(I64, 0)
        for dimension, index in enumerate(indices):
            value = yield index
            if buffer.strides is not None:
                stride = yield buffer.strides[dimension]
                value, stride = self.unified(value, stride)
                value = build.mul(value, stride, flags=["nsw"])
            elif dimension:
                extent = yield buffer.shape[dimension]
                offset, extent = self.unified(offset, extent)
                offset = build.mul(offset, extent, flags=["nsw"])
            if not dimension:
                offset = value
            else:
                offset, value = self.unified(offset, value)
                offset = build.add(offset, value, flags=["nsw"])
        return offset

    def check(self, access: Load, dimension: int, index: ir.Value, extent: ir.Value) -> None:
        """Leave the kernel where ``index`` is outside the extent of ``access``."""
        raise InternalError("subscripts are checked inside a kernel only")

    def _address(self, buffer: Buffer, offset: ir.Value) -> ir.Value:
        address = self.builder.gep(
            self.pointers[buffer], [offset], inbounds=True, source_etype=memory_type(buffer.dtype)
        )
        # llvmlite knows neither vectors of pointers nor that pointers have no types any more.
        address.type = like(PTR, offset.type)
        return address

    def _load(self, buffer: Buffer, place: Place) -> ir.Value:
        build, element = self.builder, memory_type(buffer.dtype)
        align = alignment(buffer)
        address = self._address(buffer, place.offset)
        if not place.contiguous and not place.spread:
            if self.mask is None:
                value = build.load(address, align=align, typ=element)
            else:
                value = self._value_if(
                    self.any_lane(self.mask),
                    element,
                    lambda: build.load(address, align=align, typ=element),
                )
        else:
            assert self.lanes is not None
            vector = ir.VectorType(element, self.lanes.count)
            if place.contiguous and self.mask is None:
                value = build.load(address, align=align, typ=vector)
            else:
                name = "llvm.masked.load" if place.contiguous else "llvm.masked.gather"
                args = [
                    address,
                    ir.Constant(I32, align),
                    self.all_lanes(),
                    ir.Constant(vector, None),
                ]
                value = intrinsic(build, name, args, [vector, address.type], vector)
        if buffer.dtype.is_bool:
            return build.trunc(value, like(I1, value.type))
        return value

    def _value_if(
        self, condition: ir.Value, type_: ir.Type, emit: Callable[[], ir.Value]
    ) -> ir.Value:
        """Return what ``emit`` does where ``condition`` holds, else 0, which nobody uses."""
        build = self.builder
        before = build.block
        with build.if_then(condition):
            found = emit()
            inside = build.block
        phi = build.phi(type_)
        phi.add_incoming(constant(type_, 0), before)
        phi.add_incoming(found, inside)
        return phi

    def store(self, buffer: Buffer, place: Place, value: ir.Value) -> None:
        """Store ``value``; where lanes meet in one cell the last of them wins."""
        build, align = self.builder, alignment(buffer)
        if buffer.dtype.is_bool:
            value = build.zext(value, like(I8, value.type))
        if self.lanes is None or not (place.contiguous or place.spread or is_vector(value)):
            address = self._address(buffer, place.offset)
            if self.mask is None:
                build.store(value, address, align=align)
                return
            with build.if_then(self.any_lane(self.mask)):
                build.store(value, address, align=align)
            return
        value = self.in_lanes(value)
        if place.contiguous and self.mask is None:
            build.store(value, self._address(buffer, place.offset), align=align)
            return
        offset = place.offset if place.contiguous else self.in_lanes(place.offset)
        address = self._address(buffer, offset)
        name = "llvm.masked.store" if place.contiguous else "llvm.masked.scatter"
        args = [value, address, ir.Constant(I32, align), self.all_lanes()]
        intrinsic(build, name, args, [value.type, address.type], ir.VoidType())


def alignment(buffer: Buffer) -> int:
    """Return the alignment in bytes that an element of ``buffer`` is known to have.

    A dense argument is checked at the call to be aligned to its element; nothing is known of a
    strided one. Scratch is aligned to more, whatever its strides.
    """
    return buffer.dtype.size_bytes if buffer.strides is None or buffer.aligned else 1


def may_fail(expr: Expr) -> bool:
    """Whether ``expr`` must not be evaluated in vain: it reads memory, or calls outside."""
    return any(
        isinstance(node, Load)
        or (isinstance(node, Call) and isinstance(node.function, ScalarFunction))
        for node in postorder(expr)
    )
