"""From a lowered Program to an LLVM function.

The function takes a pointer for every array, the scalars, the sizes that follow from the arrays,
the strides of strided arrays, and room for the details of a failure; it returns 0, or a status.
Parallel loops become functions of their own (:mod:`texpr.target.llvm.parallel`).
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from llvmlite import ir

from texpr.errors import InternalError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import Binary, Expr, Load, Var, int_value
from texpr.ir.extern import CFunction, ScalarFunction
from texpr.ir.program import (
    STMT_NODES,
    TRUE,
    Alloc,
    Block,
    ExternCall,
    If,
    Let,
    Loop,
    LoopKind,
    Program,
    Seq,
    Store,
    parallel_nest,
)
from texpr.ir.simplify import inside_loop, simplify
from texpr.ir.update import update_of
from texpr.ir.visitor import Visit, Visitor
from texpr.target.llvm.expressions import ExprEmitter, Lanes
from texpr.target.llvm.externs import Externs, Passed
from texpr.target.llvm.mathfunctions import MathFunctions
from texpr.target.llvm.parallel import Region, Threads, used_in, write_details
from texpr.target.llvm.scratch import ALIGNMENT, give, take
from texpr.target.llvm.types import I1, I64, PTR, constant, intrinsic, is_vector, memory_type
from texpr.target.scratch import elements_on_stack
from texpr.target.signature import DONE, OUT_OF_BOUNDS, OUT_OF_MEMORY
from texpr.target.target import Target
from texpr.target.work import work


@dataclass(frozen=True)
class KernelFunction:
    """A function in its module, the text of every subscript that it checks, and whom it calls."""

    module: ir.Module
    function: ir.Function
    sites: tuple[str, ...]
    externs: Externs


def emit_kernel(program: Program, target: Target, threads: Threads | None = None) -> KernelFunction:
    """Return the LLVM function of a lowered ``program``.

    Without ``threads``, the iterations of parallel loops run one after the other.
    """
    module = ir.Module(name=program.name)
    module.triple = target.triple
    types = [PTR if isinstance(arg, Buffer) else memory_type(arg.dtype) for arg in program.args]
    sizes, strides = program.sizes, stride_vars(program)
    types += [I64] * (len(sizes) + len(strides)) + [PTR]
    function = ir.Function(module, ir.FunctionType(I64, types), f"texpr_{program.name}")
    for arg, value in zip(program.args, function.args, strict=False):
        if isinstance(arg, Buffer):
            value.name = arg.name
            # The call makes sure that no output overlaps another array.
            value.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    env: dict[Var, ir.Value] = {}
    pointers: dict[Buffer, ir.Value] = {}
    values = list(function.args)
    error = values.pop()
    for thing, value in zip((*program.args, *sizes, *strides), values, strict=True):
        if isinstance(thing, Buffer):
            pointers[thing] = value
        elif thing.dtype.is_bool:
            env[thing] = builder.trunc(value, I1)
        elif thing.dtype.is_integer and thing.dtype.bits < value.type.width:
            env[thing] = builder.trunc(value, ir.IntType(thing.dtype.bits))  # a size
        else:
            env[thing] = value
    externs = Externs(module, program.name)
    emitter = _Function(
        builder,
        program,
        env,
        pointers,
        _Return(error),
        [],
        externs,
        threads,
        has_half=target.has_half,
        functions=MathFunctions(
            fused=target.has_fma and program.float_policy.contract,
            vector_bits=target.vector_bits,
            has_rounding=target.has_rounding,
        ),
    )
    emitter.visit(program.body)
    builder.ret(ir.Constant(I64, DONE))
    return KernelFunction(module, function, tuple(emitter.sites), externs)


def stride_vars(program: Program) -> tuple[Var, ...]:
    """Return the variables that stand for the strides of a strided program's arrays, in order."""
    strides = [stride for buffer in program.buffers for stride in buffer.strides or ()]
    return tuple(stride for stride in strides if isinstance(stride, Var))


def emit_scalar(builder: ir.IRBuilder, expr: Expr, env: dict[Var, ir.Value]) -> ir.Value:
    """Emit an expression of scalars, such as an extent or a requirement."""
    return ExprEmitter(builder, env, {}, (), has_half=False, functions=MathFunctions()).emit(expr)


class _Exit(Protocol):
    """How code leaves its function before the end."""

    def record(self, build: ir.IRBuilder, status: int, details: Sequence[ir.Value]) -> None:
        """Emit what makes a failure known."""

    def leave(self, build: ir.IRBuilder, status: int | ir.Value) -> None:
        """Emit the end of the block at hand."""

    def room(self, build: ir.IRBuilder) -> ir.Value:
        """Emit where the kernel's call has room for the details of a failure."""


@dataclass(frozen=True)
class _Return:
    """Out of the kernel: it returns the status, and the details are in ``error``."""

    error: ir.Value

    def record(self, build: ir.IRBuilder, status: int, details: Sequence[ir.Value]) -> None:
        write_details(build, self.error, details)

    def leave(self, build: ir.IRBuilder, status: int | ir.Value) -> None:
        build.ret(ir.Constant(I64, status) if isinstance(status, int) else status)

    def room(self, build: ir.IRBuilder) -> ir.Value:
        return self.error


@dataclass
class _Held:
    """Memory to be given back."""

    pointer: ir.Value
    status: ir.PhiInstr | None = None
    """What those leave with who leave through the block that gives it back, once there are some."""


class _Checked(ExprEmitter):
    """An expression emitter that can leave the kernel."""

    def __init__(self, owner: _Function, flags: tuple[str, ...]) -> None:
        super().__init__(
            owner.builder,
            owner.env,
            owner.pointers,
            flags,
            has_half=owner.has_half,
            functions=owner.functions,
        )
        self.owner = owner

    def check(self, access: Load, dimension: int, index: ir.Value, extent: ir.Value) -> None:
        build = self.builder
        index, extent = self.unified(index, extent)
        outside = build.icmp_unsigned(">=", index, extent)  # catches negative ones, too
        if self.mask is not None:
            outside = build.and_(*self.unified(outside, self.mask))
            index, extent = self.unified(index, extent)
        site = self.owner.site(access)
        with build.if_then(self.any_lane(outside), likely=False):
            if is_vector(outside):
                bits = build.bitcast(outside, ir.IntType(outside.type.count))
                lane = intrinsic(
                    build, "llvm.cttz", [bits, ir.Constant(I1, 1)], [bits.type], bits.type
                )
                lane = build.zext(lane, I64) if bits.type.width < 64 else build.trunc(lane, I64)
                index = build.extract_element(self.in_lanes(index), lane)
                extent = build.extract_element(self.in_lanes(extent), lane)
            details = [ir.Constant(I64, site), index, extent, ir.Constant(I64, dimension)]
            self.owner.leave(OUT_OF_BOUNDS, details)

    def call_outside(self, function: ScalarFunction, args: Sequence[ir.Value]) -> ir.Value:
        return self.owner.call_scalar(function, args)


class _Function(Visitor[None], over=STMT_NODES):
    """Emits the statements of a kernel, or of the part that each thread of a parallel loop runs.

    ``threads`` is None where a parallel loop runs serially, as inside another one; ``has_half``
    says whether the target converts float16 by instructions of its own, ``functions`` how it
    computes exp and the like.
    """

    memoise = False

    def __init__(
        self,
        builder: ir.IRBuilder,
        program: Program,
        env: MutableMapping[Var, ir.Value],
        pointers: MutableMapping[Buffer, ir.Value],
        exit_: _Exit,
        sites: list[str],
        externs: Externs,
        threads: Threads | None,
        *,
        has_half: bool,
        functions: MathFunctions,
    ) -> None:
        self.builder = builder
        self.program = program
        self.env = env
        self.pointers = pointers
        self.exit = exit_
        self.sites = sites
        self.externs = externs
        self.threads = threads
        self.has_half = has_half
        self.functions = functions
        self.heap: list[_Held] = []
        self.block: Block | None = None
        policy = program.float_policy
        flags = ("fast",) if policy.order == "fast" else ("contract",) if policy.contract else ()
        self.exprs = _Checked(self, flags)

    # ------------------------------------------------------------ leaving

    def site(self, access: Load) -> int:
        """Return the number by which a failure names ``access``."""
        assert self.block is not None
        where = f" ({self.block.location})" if self.block.location else ""
        text = f"{access} in {self.block.label}{where}"
        if text not in self.sites:
            self.sites.append(text)
        return self.sites.index(text)

    def leave(self, status: int, details: list[ir.Value]) -> None:
        """Make the kernel return ``status``; the block ends here.

        In a parallel loop the first failure counts, and the kernel returns when all threads have
        stopped.
        """
        self.exit.record(self.builder, status, details)
        self.abandon(status)

    def abandon(self, status: int | ir.Value) -> None:
        """Give back what was taken and leave, the failure being recorded; the block ends here.

        All failures share one way out, on which each piece of memory is given back at one place.
        """
        build = self.builder
        status = ir.Constant(I64, status) if isinstance(status, int) else status
        for held in reversed(self.heap):
            source = build.block
            if held.status is not None:
                build.branch(held.status.parent)
                held.status.add_incoming(status, source)
                return
            block = build.append_basic_block("abandoned")
            build.branch(block)
            build.position_at_end(block)
            held.status = build.phi(I64)
            held.status.add_incoming(status, source)
            self.give(held.pointer)
            status = held.status
        self.exit.leave(build, status)

    # ------------------------------------------------------------ statements

    def visit_Seq(self, node: Seq) -> Visit[None]:
        yield from node.stmts

    def visit_Let(self, node: Let) -> Visit[None]:
        self.env[node.var] = self.value(node.value)
        yield node.body

    def value(self, expr: Expr) -> ir.Value:
        """Emit an expression that stands outside the Blocks: a bound, a condition."""
        with self.exprs.fresh_values():
            return self.exprs.emit(expr)

    def visit_If(self, node: If) -> Visit[None]:
        condition = self.value(node.condition)
        if is_vector(condition):
            with self.exprs.branch(condition):
                yield node.then
            if node.orelse is not None:
                with self.exprs.branch(self.builder.not_(condition)):
                    yield node.orelse
        elif node.orelse is None:
            with self.builder.if_then(condition):
                yield node.then
        else:
            with self.builder.if_else(condition) as (then, orelse):
                with then:
                    yield node.then
                with orelse:
                    yield node.orelse

    def visit_Loop(self, node: Loop) -> Visit[None]:
        around = self.exprs.context
        self.exprs.context = inside_loop(node, around)
        yield from self.loop(node)
        self.exprs.context = around

    def loop(self, node: Loop) -> Visit[None]:
        """Emit a loop, what it says of its variable being known."""
        if node.kind is LoopKind.VECTORIZED and self.exprs.lanes is None:
            count = int_value(simplify(node.upper - node.lower))
            if count is None:
                raise InternalError(f"the vectorized loop {node.var.name!r} has no constant extent")
            if count > 1:
                self.exprs.lanes = Lanes(node.var, count, node.lower)
                yield node.body
                self.exprs.lanes = None
                return
        if node.kind is LoopKind.PARALLEL and self.threads and self.exprs.lanes is None:
            self.parallel(node, self.threads)
        else:
            yield from self.serial(node)

    def parallel(self, node: Loop, threads: Threads) -> None:
        """Emit a loop whose iterations, with those of parallel loops just inside, threads share."""
        nest = parallel_nest(node)
        variables, buffers = used_in(nest)
        region = Region(
            self.builder,
            nest,
            [(self.value(loop.lower), self.value(loop.upper)) for loop in nest],
            {var: self.env[var] for var in variables if var in self.env},
            {buffer: self.pointers[buffer] for buffer in buffers},
        )
        inner = _Function(
            region.builder,
            self.program,
            region.env,
            region.pointers,
            region,
            self.sites,
            self.externs,
            None,
            has_half=self.has_half,
            functions=self.functions,
        )
        inner.exprs.context = self.exprs.context
        for loop in nest[1:]:
            inner.exprs.context = inside_loop(loop, inner.exprs.context)
        with region.iterations() as values:
            region.env.update(zip((loop.var for loop in nest), values, strict=True))
            inner.visit(nest[-1].body)
        assert isinstance(self.exit, _Return)  # there are no threads but in the kernel itself
        status = region.run(threads, self.value(work(node)), self.exit.error)
        if status is not None:
            failed = self.builder.icmp_signed("!=", status, ir.Constant(I64, DONE))
            with self.builder.if_then(failed, likely=False):
                self.abandon(status)

    def serial(self, node: Loop) -> Visit[None]:
        """Emit a loop whose iterations run one after the other."""
        build = self.builder
        lower, upper = self.value(node.lower), self.value(node.upper)
        mask = None
        if is_vector(lower) or is_vector(upper):
            # Each lane has bounds of its own: run over all of them, each lane where it belongs.
            ends = self.exprs.in_lanes(lower), self.exprs.in_lanes(upper)
            lower, upper = self.hull(*ends)
            mask = ends
        before = build.block
        body, done = build.append_basic_block(node.var.name), build.append_basic_block("done")
        first, end = int_value(node.lower), int_value(node.upper)
        if first is not None and end is not None:
            runs: ir.Value = ir.Constant(I1, int(first < end))
        else:
            runs = build.icmp_signed("<", lower, upper)
        build.cbranch(runs, body, done)
        build.position_at_end(body)
        var = build.phi(I64, name=node.var.name)
        var.add_incoming(lower, before)
        self.env[node.var] = var
        if mask is None:
            yield node.body
        else:
            here = self.exprs.in_lanes(var)
            inside = build.and_(
                build.icmp_signed(">=", here, mask[0]), build.icmp_signed("<", here, mask[1])
            )
            with self.exprs.branch(inside):
                yield node.body
        following = build.add(var, ir.Constant(I64, node.step), flags=["nsw"])
        var.add_incoming(following, build.block)
        build.cbranch(build.icmp_signed("<", following, upper), body, done)
        build.position_at_end(done)

    def hull(self, lower: ir.Value, upper: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Return the least lower and greatest upper bound of the lanes that run."""
        build, mask = self.builder, self.exprs.all_lanes()
        far = constant(lower.type, INT64.max)
        low = build.select(mask, lower, far)
        high = build.select(mask, upper, constant(upper.type, INT64.min))
        return (
            intrinsic(build, "llvm.vector.reduce.smin", [low], [low.type], I64),
            intrinsic(build, "llvm.vector.reduce.smax", [high], [high.type], I64),
        )

    def visit_Block(self, node: Block) -> None:
        exprs, self.block = self.exprs, node
        exprs.bindings = {
            iter_.var: value for iter_, value in zip(node.iters, node.bindings, strict=True)
        }
        exprs.checked = frozenset((buffer, dimension) for buffer, dimension, _ in node.checked)
        if self.program.float_policy.order == "reassoc" and node.is_reduction:
            exprs.reassociated = frozenset(
                store.value for store in node.stores if _adds_to_its_cell(store)
            )
        with exprs.fresh_values():
            if node.predicate is TRUE:
                self.stores(node)
            else:
                condition = exprs.emit(node.predicate)
                if is_vector(condition):
                    with exprs.branch(condition):
                        self.stores(node)
                else:
                    with self.builder.if_then(condition), exprs.branch():
                        self.stores(node)
        exprs.bindings, exprs.checked, exprs.reassociated = {}, frozenset(), frozenset()
        self.block = None

    def stores(self, node: Block) -> None:
        """Evaluate every index and value of the Block, then store; or call its function."""
        if node.extern is not None:
            # In lanes too it is one call: the axes of the Block, and there are none, tell calls
            # from each other.
            mask = self.exprs.mask
            with nullcontext() if mask is None else self.builder.if_then(self.exprs.any_lane(mask)):
                self.visit_ExternCall(node.extern)
            return
        if self.exprs.lanes is not None and self.folded(node):
            return
        ready = []
        for store in node.stores:
            place = self.exprs.drive(self.exprs.place(store.buffer, store.indices))
            ready.append((store.buffer, place, self.exprs.emit(store.value)))
        for buffer, place, value in ready:
            self.exprs.store(buffer, place, value)

    def folded(self, node: Block) -> bool:
        """Fold the terms of all lanes into one cell; False where they have cells of their own."""
        update = update_of(node)
        if update is None:
            return False
        exprs, (store,) = self.exprs, node.stores
        place = exprs.drive(exprs.place(store.buffer, store.indices))
        if place.contiguous or place.spread:
            return False
        term = exprs.in_lanes(exprs.emit(update.term))
        dtype = store.value.dtype
        fold = exprs.arithmetic.fold(update.fold, dtype, term, exprs.mask and exprs.all_lanes())
        own = exprs.emit(Load(store.buffer, store.indices))
        value = exprs.arithmetic.binary(update.op, dtype, own, fold)
        exprs.store(store.buffer, place, value)
        return True

    def visit_Store(self, node: Store) -> None:
        raise InternalError("a store stands outside a Block")

    # ------------------------------------------------------------ functions from outside

    def visit_ExternCall(self, node: ExternCall) -> None:
        values: list[Passed] = [
            (arg, self.pointers[arg])
            if isinstance(arg, Buffer)
            else (arg.dtype, self.exprs.emit(arg))
            for arg in node.args
        ]
        if isinstance(node.function, CFunction):
            self.externs.call_c(self.builder, node.function, values, node.dtype)
        else:
            self.externs.call_python(self, node.function, values, None, node.outputs)

    def call_scalar(self, function: ScalarFunction, args: Sequence[ir.Value]) -> ir.Value:
        """Emit a call of a function of scalars."""
        values = [*zip(function.parameters, args, strict=True)]
        if isinstance(function.function, CFunction):
            return self.externs.call_c(self.builder, function.function, values, function.dtype)
        return self.externs.call_python(self, function.function, values, function.dtype)

    @property
    def place(self) -> str:
        """What is being emitted, in words."""
        return "a bound" if self.block is None else f"stage {self.block.label!r}"

    def call_number(self) -> ir.Value:
        """Return a number that no other call of a kernel has as long as this one runs.

        It is where the call has its room for the details of a failure.
        """
        return self.builder.ptrtoint(self.exit.room(self.builder), I64)

    # ------------------------------------------------------------ scratch

    def visit_Alloc(self, node: Alloc) -> Visit[None]:
        lanes = self.exprs.lanes
        with self.scratch(node.buffer, 1 if lanes is None else lanes.count) as pointer:
            self.pointers[node.buffer] = pointer
            if lanes is not None:
                self.exprs.private.add(node.buffer)
            yield node.body
            # The same body may be emitted again without lanes, for what is left of a loop.
            self.exprs.private.discard(node.buffer)

    @contextmanager
    def scratch(self, buffer: Buffer, lanes: int) -> Iterator[ir.Value]:
        """Give room for ``buffer`` in each lane: small and known on the stack, else in the pool."""
        element = memory_type(buffer.dtype)
        count = elements_on_stack(buffer, lanes)
        if count is not None:
            with self.builder.goto_entry_block():
                room = self.builder.alloca(ir.ArrayType(element, max(1, count)), name=buffer.name)
                room.align = ALIGNMENT
            yield room
            return
        pointer = self.take(buffer, lanes)
        self.heap.append(_Held(pointer))
        yield pointer
        self.heap.pop()
        self.give(pointer)

    def take(self, buffer: Buffer, lanes: int) -> ir.Value:
        """Take room for ``buffer``, leaving with a status where there is none."""
        build = self.builder
        size: ir.Value = ir.Constant(I64, buffer.dtype.size_bytes * lanes)
        too_large: ir.Value = ir.Constant(I1, 0)
        pair = ir.LiteralStructType([I64, I1])
        for extent in buffer.room:
            both = intrinsic(
                build, "llvm.umul.with.overflow", [size, self.value(extent)], [I64], pair
            )
            size = build.extract_value(both, 0)
            too_large = build.or_(too_large, build.extract_value(both, 1))
        size = build.select(too_large, ir.Constant(I64, -1), size)
        pointer = build.call(take(build.module), [size])
        missing = build.icmp_unsigned("==", pointer, ir.Constant(PTR, None))
        with build.if_then(missing, likely=False):
            self.leave(OUT_OF_MEMORY, [ir.Constant(I64, 0), size])
        return pointer

    def give(self, pointer: ir.Value) -> None:
        self.builder.call(give(self.builder.module), [pointer])


def _adds_to_its_cell(store: Store) -> bool:
    """Whether ``store`` is a link of a chain: its cell, combined with something."""
    value = store.value
    own = Load(store.buffer, store.indices)
    return isinstance(value, Binary) and (own is value.a or own is value.b)
