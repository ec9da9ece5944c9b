"""Kernels written in LLVM IR by hand, in the calling convention, and a little emitter of sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
from llvmlite import ir

from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Binary, Cast, Const, Expr, Load, Unary, Var, postorder
from texpr.ir.program import Block, Program, Seq, Store
from texpr.target.kernel import Kernel, make_kernel
from texpr.target.llvm.engine import NativeCode, compile_module
from texpr.target.llvm.entry import emit_entry
from texpr.target.llvm.python_api import counting
from texpr.target.signature import ENTRY, TRUSTED_ENTRY, Signature

I64 = ir.IntType(64)
PTR = ir.PointerType()
ZERO = Const(0, INT64)


@dataclass(frozen=True)
class Host:
    triple: str
    cpu: str
    features: str
    is_host: bool = True

    def __str__(self) -> str:
        return "llvm"


@cache
def host() -> Host:
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return Host(llvm.get_process_triple(), cpu, features)


def llvm_type(dtype: DType) -> ir.Type:
    floats = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
    return floats.get(dtype.name, ir.IntType(8 * dtype.size_bytes))


def emit_int(b: ir.IRBuilder, expr: Expr, values: Mapping[Var, ir.Value]) -> ir.Value:
    """Emit what shapes and requirements are made of."""
    done: dict[int, ir.Value] = {}
    for node in postorder(expr):
        below = [done[id(child)] for child in node.children]
        if isinstance(node, Const):
            bits = 1 if node.dtype.is_bool else node.dtype.bits
            done[id(node)] = ir.Constant(ir.IntType(bits), int(node.value))
        elif isinstance(node, Var):
            done[id(node)] = values[node]
        elif isinstance(node, Cast):
            done[id(node)] = b.sext(below[0], ir.IntType(node.dtype.bits))
        elif isinstance(node, Unary):
            done[id(node)] = b.not_(below[0]) if node.op == "not" else b.neg(below[0])
        else:
            assert isinstance(node, Binary)
            done[id(node)] = _binary(b, node.op, *below)
    return done[id(expr)]


def _binary(b: ir.IRBuilder, op: str, x: ir.Value, y: ir.Value) -> ir.Value:
    comparisons = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
    if op in comparisons:
        return b.icmp_signed(comparisons[op], x, y)
    # Only of numbers that are not negative, where rounding makes no difference.
    own = {"floordiv": b.sdiv, "floormod": b.srem, "bitand": b.and_}
    return own[op](x, y) if op in own else getattr(b, op)(x, y)


# ---------------------------------------------------------------- kernels

Body = Callable[[ir.IRBuilder, "Args"], None]


@dataclass
class Args:
    """The parameters of a kernel that is being written."""

    of: dict[int, ir.Value]
    strides: dict[int, list[ir.Value]]
    error: ir.Value

    def __getitem__(self, thing: Var | Buffer) -> ir.Value:
        return self.of[id(thing)]

    def place(self, b: ir.IRBuilder, buffer: Buffer, *indices: ir.Value) -> ir.Value:
        """The address of an element, by the strides where there are any."""
        offset: ir.Value = ir.Constant(I64, 0)
        for dimension, index in enumerate(indices):
            if self.strides[id(buffer)]:
                offset = b.add(offset, b.mul(index, self.strides[id(buffer)][dimension]))
            else:
                extent = buffer.shape[dimension]
                values = {var: self[var] for var in postorder(extent) if isinstance(var, Var)}
                offset = b.add(b.mul(offset, emit_int(b, extent, values)), index)
        return b.gep(self[buffer], [offset], source_etype=llvm_type(buffer.dtype))

    def load(self, b: ir.IRBuilder, buffer: Buffer, *indices: ir.Value) -> ir.Value:
        return b.load(self.place(b, buffer, *indices), typ=llvm_type(buffer.dtype), align=1)

    def store(self, b: ir.IRBuilder, value: ir.Value, buffer: Buffer, *indices: ir.Value) -> None:
        b.store(value, self.place(b, buffer, *indices), align=1)


def nothing(b: ir.IRBuilder, args: Args) -> None:
    """The body of an empty kernel."""


@contextmanager
def loops(b: ir.IRBuilder, args: Args, shape: Sequence[Expr]) -> Iterator[list[ir.Value]]:
    """Emit a nest over ``shape``, whose extents are numbers and sizes."""
    if not shape:
        yield []
        return
    extent = emit_int(b, shape[0], {shape[0]: args.of.get(id(shape[0]))})
    with counting(b, extent) as index, loops(b, args, shape[1:]) as inner:
        yield [index, *inner]


def sum_of(output: Buffer, *inputs: Buffer) -> Body:
    """The body of ``output[...] = inputs[0][...] + inputs[1][...] + ...``."""

    def body(b: ir.IRBuilder, args: Args) -> None:
        with loops(b, args, output.shape) as indices:
            total = args.load(b, inputs[0], *indices)
            for each in inputs[1:]:
                add = b.fadd if each.dtype.is_float else b.add
                total = add(total, args.load(b, each, *indices))
            args.store(b, total, output, *indices)

    return body


def waiting_for(flags: Buffer) -> Body:
    """The body of a kernel that sets flags[0] and waits until somebody sets flags[1].

    After some ten seconds it gives up, and returns the status 9.
    """

    def body(b: ir.IRBuilder, args: Args) -> None:
        place = b.gep(args[flags], [I64(1)], source_etype=I64)
        b.atomic_rmw("xchg", args[flags], I64(1), "seq_cst")
        start = b.block
        head, again, late, done = (b.append_basic_block() for _ in range(4))
        b.branch(head)
        b.position_at_end(head)
        count = b.phi(I64)
        count.add_incoming(I64(0), start)
        seen = b.load_atomic(place, "seq_cst", 8, typ=I64)
        b.cbranch(b.icmp_signed("!=", seen, I64(0)), done, again)
        b.position_at_end(again)
        count.add_incoming(b.add(count, I64(1)), again)
        b.cbranch(b.icmp_signed("<", count, I64(2 * 10**10)), head, late)
        b.position_at_end(late)
        b.ret(I64(9))
        b.position_at_end(done)

    return body


def declare(
    name: str,
    args: Sequence[Var | Buffer],
    outputs: Sequence[Buffer] = (),
    *,
    in_place: Sequence[Buffer] = (),
    requirements: Sequence[Expr] = (),
) -> Program:
    """A Program whose body only says which buffers are written, and which are read before."""
    blocks = []
    for buffer in outputs:
        at = (ZERO,) * buffer.ndim
        is_read = any(buffer is each for each in in_place)
        value: Expr = Load(buffer, at) if is_read else Const(0, buffer.dtype)
        blocks.append(Block(buffer.name, (), (), (Store(buffer, at, value),)))
    return Program(name, tuple(args), Seq(tuple(blocks)), tuple(requirements))


def write_kernel(
    program: Program, body: Body, *, rows: frozenset[int] | None = None
) -> ir.Function:
    """The function with its body emitted by ``body``; it returns 0 unless the body returned.

    A strided flavour has ``rows``, the arguments whose last stride is 1.
    """
    module = ir.Module(program.name)
    kinds = [PTR if isinstance(arg, Buffer) else llvm_type(arg.dtype) for arg in program.args]
    kinds += [I64] * len(program.sizes)
    places = {id(arg): at for at, arg in enumerate(program.args)}
    if rows is not None:
        kinds += [I64] * sum(b.ndim - (places[id(b)] in rows) for b in program.buffers)
    function = ir.Function(module, ir.FunctionType(I64, (*kinds, PTR)), program.name)
    taken = iter(function.args)
    of = {id(thing): next(taken) for thing in (*program.args, *program.sizes)}
    strides: dict[int, list[ir.Value]] = {id(buffer): [] for buffer in program.buffers}
    for buffer in program.buffers if rows is not None else ():
        has_rows = places[id(buffer)] in rows
        own = [next(taken) for _ in range(buffer.ndim - has_rows)]
        strides[id(buffer)] = [*own, I64(1)] if has_rows else own
    b = ir.IRBuilder(function.append_basic_block())
    body(b, Args(of, strides, next(taken)))
    if not b.block.is_terminated:
        b.ret(ir.Constant(I64, 0))
    return function


def compiled(
    program: Program,
    body: Body = nothing,
    *,
    strided: bool = False,
    rows: frozenset[int] | None = None,
    symbols: Mapping[str, int] | None = None,
) -> NativeCode:
    rows = frozenset() if strided else rows
    function = write_kernel(program, body, rows=rows)
    entry = emit_entry(function, Signature.of(program), emit_int, rows=rows)
    exports = (ENTRY,) if rows is None else (ENTRY, TRUSTED_ENTRY)
    module = function.module
    return compile_module(module, host(), exports, entry=entry, symbols=symbols, name=program.name)


def kernel_of(program: Program, body: Body = nothing, **options: object) -> Kernel:
    """The kernel, with its strided flavour unless the options say otherwise."""
    options.setdefault("compile_strided", lambda rows: compiled(program, body, rows=rows))
    return make_kernel(
        program=program,
        signature=Signature.of(program),
        code=compiled(program, body),
        target=host(),
        **options,
    )
