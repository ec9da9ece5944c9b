"""Parallel loops: a function for the iterations, called by the threads of an OpenMP runtime.

::

    kernel                                    region.member(context)       on every thread
      most = min(iterations, work / enough)     region(what it uses …,
      granted = claim(most)                            context, thread number, threads)
      if granted > 1:
          context = what the region uses      region(…)
          GOMP_parallel(member, context,        for each run of iterations of this thread:
                        granted, 0)                 for each iteration: the body
      else:
          region(what it uses …, context, 0, 1)
      release(granted)

What the region uses goes to it as arguments, so that LLVM knows of its arrays what it knows in
the kernel: they overlap nothing. The context is on the stack; nothing is allocated. It begins
with the number of the next run (for dynamic chunks), the status of the first failure, and the
place for the failure's details.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from llvmlite import ir

from texpr.ir.buffer import Buffer
from texpr.ir.chunks import STATIC
from texpr.ir.expr import Expr, Load, Var, postorder
from texpr.ir.program import Alloc, Block, Let, Loop, Stmt, stmts
from texpr.target.llvm.budget import claim, release
from texpr.target.llvm.python_api import stack_room
from texpr.target.llvm.types import I32, I64, PTR, declare, intrinsic

VOID: Final = ir.VoidType()
_HEADER: Final = (I64, I64, PTR)
_NEXT, _STATUS, _ERROR = range(3)


@dataclass(frozen=True)
class Threads:
    """When a parallel loop is worth threads.

    ``work_each`` operations (:mod:`texpr.target.work`) make one more thread worth while;
    ``at_most`` so many are used, however large the budget is.
    """

    work_each: int
    at_most: int | None = None


def used_in(nest: Sequence[Loop]) -> tuple[list[Var], list[Buffer]]:
    """Return the variables and buffers that the iterations use and do not bring themselves."""
    own: set[Var | Buffer] = {loop.var for loop in nest}
    pending: list[Expr] = []
    variables: dict[Var, None] = {}
    buffers: dict[Buffer, None] = {}

    def touch(buffer: Buffer) -> None:
        if buffer not in buffers:
            buffers[buffer] = None
            pending.extend((*buffer.shape, *(buffer.strides or ())))

    for stmt in stmts(nest[-1].body):
        pending += [child for child in stmt.children if isinstance(child, Expr)]
        own.update(_brought_by(stmt))
        if isinstance(stmt, Alloc):
            pending += stmt.buffer.shape
        elif isinstance(stmt, Block):
            for buffer in stmt.buffers:
                touch(buffer)
    while pending:
        for node in postorder(pending.pop()):
            if isinstance(node, Var):
                variables[node] = None
            elif isinstance(node, Load):
                touch(node.buffer)
    return [v for v in variables if v not in own], [b for b in buffers if b not in own]


def _brought_by(stmt: Stmt) -> tuple[Var | Buffer, ...]:
    """Return what has its value, or its room, from ``stmt`` itself."""
    if isinstance(stmt, (Loop, Let)):
        return (stmt.var,)
    if isinstance(stmt, Block):
        return tuple(axis.var for axis in stmt.iters)
    return (stmt.buffer,) if isinstance(stmt, Alloc) else ()


class Region:
    """The function of a nest of parallel loops that share their iterations.

    ``builder`` writes it, with the values of ``env`` and ``pointers``. It is also how its body
    leaves early: the first failure is kept, and the other threads stop after their iteration.
    """

    def __init__(
        self,
        outside: ir.IRBuilder,
        nest: Sequence[Loop],
        bounds: Sequence[tuple[ir.Value, ir.Value]],
        env: Mapping[Var, ir.Value],
        pointers: Mapping[Buffer, ir.Value],
    ) -> None:
        self.outside = outside
        self.nest = nest
        self.chunks = next((loop.chunks for loop in nest if loop.chunks != STATIC), STATIC)
        self.can_fail = False
        trips = [self._trips(loop, *ends) for loop, ends in zip(nest, bounds, strict=True)]
        total = trips[0]
        for each in trips[1:]:
            total = outside.mul(total, each, flags=["nsw"])
        self.total_outside = total
        lowers = [lower for lower, _ in bounds]
        outer = [*lowers, *trips, total, *env.values(), *pointers.values()]
        self.passed = [value for value in outer if not isinstance(value, ir.Constant)]
        self.kind = ir.LiteralStructType([*_HEADER, *(value.type for value in self.passed)])
        self.function = self._function()
        first_pointer = len(self.passed) - len(pointers)
        for arg in self.function.args[first_pointer : len(self.passed)]:
            arg.add_attribute("noalias")  # as it is in the kernel
        taken = iter(self.function.args)
        inner = iter([v if isinstance(v, ir.Constant) else next(taken) for v in outer])
        self.lowers = [next(inner) for _ in nest]
        self.trips = [next(inner) for _ in nest]
        self.total = next(inner)
        self.env = {var: next(inner) for var in env}
        self.pointers = {buffer: next(inner) for buffer in pointers}
        self.context, self.thread, self.threads = taken
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.stopped = self.function.append_basic_block("stopped")
        ir.IRBuilder(self.stopped).ret_void()

    def _trips(self, loop: Loop, lower: ir.Value, upper: ir.Value) -> ir.Value:
        """How often a loop runs."""
        build = self.outside
        span = build.sub(upper, lower, flags=["nsw"])
        if loop.step > 1:
            span = build.add(span, ir.Constant(I64, loop.step - 1), flags=["nsw"])
            span = build.sdiv(span, ir.Constant(I64, loop.step))
        return intrinsic(build, "llvm.smax", [span, ir.Constant(I64, 0)], [I64], I64)

    def _function(self) -> ir.Function:
        module = self.outside.module
        types = [*(value.type for value in self.passed), PTR, I64, I64]
        name = module.get_unique_name(f"{self.outside.function.name}.parallel")
        function = ir.Function(module, ir.FunctionType(VOID, types), name)
        function.linkage = "internal"
        function.attributes.add("noinline")  # its code is there once, and its noalias holds
        return function

    # ------------------------------------------------------------ inside

    @contextmanager
    def iterations(self) -> Iterator[list[ir.Value]]:
        """Emit the loops over the iterations of one thread, around what is emitted meanwhile.

        Gives the value of each loop's variable.
        """
        with self._runs() as (first, end):
            if len(self.nest) == 1:
                with self._counted(first, end) as position:
                    yield self._values([position])
            else:
                with (
                    self._rows(first, end) as (row, start, stop),
                    self._counted(start, stop) as position,
                ):
                    yield self._values([*row, position])
        self.builder.ret_void()

    def _values(self, positions: Sequence[ir.Value]) -> list[ir.Value]:
        build, values = self.builder, []
        for loop, lower, position in zip(self.nest, self.lowers, positions, strict=True):
            step = ir.Constant(I64, loop.step)
            moved = position if loop.step == 1 else build.mul(position, step, flags=["nsw"])
            values.append(build.add(lower, moved, flags=["nsw"], name=loop.var.name))
        return values

    @contextmanager
    def _runs(self) -> Iterator[tuple[ir.Value, ir.Value]]:
        """Emit the loop over the runs that this thread takes; gives first and end of one."""
        build, size = self.builder, self.chunks.size
        if size is None:  # one run, equal to the others up to one
            share = build.udiv(self.total, self.threads)
            rest = build.urem(self.total, self.threads)
            longer = build.icmp_signed("<", self.thread, rest)
            before = build.select(longer, self.thread, rest)
            first = build.add(build.mul(self.thread, share), before)
            yield first, build.add(first, build.add(share, build.zext(longer, I64)))
            return
        start = build.block
        head, body, done = (build.append_basic_block(name) for name in ("take", "run", "done"))
        build.branch(head)
        build.position_at_end(head)
        number: ir.Value
        if self.chunks.kind == "dynamic":
            place = self._place(build, self.context, _NEXT)
            number = build.atomic_rmw("add", place, ir.Constant(I64, 1), "monotonic")
        else:
            number = build.phi(I64, name="run")
            number.add_incoming(self.thread, start)
        first = build.mul(number, ir.Constant(I64, size), flags=["nsw"])
        build.cbranch(build.icmp_signed("<", first, self.total), body, done)
        build.position_at_end(body)
        end = build.add(first, ir.Constant(I64, size), flags=["nsw"])
        yield first, intrinsic(build, "llvm.smin", [end, self.total], [I64], I64)
        if isinstance(number, ir.PhiInstr):
            number.add_incoming(build.add(number, self.threads, flags=["nsw"]), build.block)
        build.branch(head)
        build.position_at_end(done)

    @contextmanager
    def _rows(
        self, first: ir.Value, end: ir.Value
    ) -> Iterator[tuple[list[ir.Value], ir.Value, ir.Value]]:
        """Cut a run of the whole space into runs of the innermost loop.

        So that one only divides where a row begins. Gives the positions in the outer loops, and
        first and end in the innermost one.
        """
        build, width = self.builder, self.trips[-1]
        before = build.block
        body, done = build.append_basic_block("row"), build.append_basic_block("done")
        build.cbranch(build.icmp_signed("<", first, end), body, done)
        build.position_at_end(body)
        place = build.phi(I64, name="place")
        place.add_incoming(first, before)
        row, start = build.udiv(place, width), build.urem(place, width)
        left = build.add(start, build.sub(end, place), flags=["nsw"])
        stop = intrinsic(build, "llvm.smin", [left, width], [I64], I64)
        outer: list[ir.Value] = []
        for trips in reversed(self.trips[1:-1]):
            outer.insert(0, build.urem(row, trips))
            row = build.udiv(row, trips)
        yield [row, *outer], start, stop
        following = build.add(place, build.sub(stop, start), flags=["nsw"])
        place.add_incoming(following, build.block)
        build.cbranch(build.icmp_signed("<", following, end), body, done)
        build.position_at_end(done)

    @contextmanager
    def _counted(self, first: ir.Value, end: ir.Value) -> Iterator[ir.Value]:
        """Emit a loop over one run; it ends early where some thread has failed."""
        build = self.builder
        before = build.block
        body, done = build.append_basic_block("iteration"), build.append_basic_block("done")
        build.cbranch(build.icmp_signed("<", first, end), body, done)
        build.position_at_end(body)
        position = build.phi(I64)
        position.add_incoming(first, before)
        yield position
        if self.can_fail:
            place = self._place(build, self.context, _STATUS)
            status = build.load_atomic(place, "monotonic", 8, typ=I64)
            going = build.append_basic_block()
            failed = build.icmp_signed("!=", status, ir.Constant(I64, 0))
            build.cbranch(failed, self.stopped, going)
            build.position_at_end(going)
        following = build.add(position, ir.Constant(I64, 1), flags=["nsw"])
        position.add_incoming(following, build.block)
        build.cbranch(build.icmp_signed("<", following, end), body, done)
        build.position_at_end(done)

    def record(self, build: ir.IRBuilder, status: int, details: Sequence[ir.Value]) -> None:
        """Keep a failure, if it is the first."""
        self.can_fail = True
        place = self._place(build, self.context, _STATUS)
        none, own = ir.Constant(I64, 0), ir.Constant(I64, status)
        was_first = build.extract_value(build.cmpxchg(place, none, own, "acq_rel", "monotonic"), 1)
        with build.if_then(was_first):
            write_details(build, self.room(build), details)

    def leave(self, build: ir.IRBuilder, status: int | ir.Value) -> None:
        """End the thread's part."""
        build.branch(self.stopped)

    def room(self, build: ir.IRBuilder) -> ir.Value:
        """Return where the kernel's call has room for the details of a failure."""
        return build.load(self._place(build, self.context, _ERROR), typ=PTR)

    # ------------------------------------------------------------ outside

    def run(self, threads: Threads, work: ir.Value, error: ir.Value) -> ir.Value | None:
        """Emit what runs the region; return its status, None where it cannot fail.

        Parameters
        ----------
        threads : Threads
        work : float64
            The operations that the whole nest has to do.
        error : pointer
            Where the details of a failure go.
        """
        build = self.outside
        context = stack_room(build, self.kind)
        for index, value in enumerate((ir.Constant(I64, 0), ir.Constant(I64, 0), error)):
            build.store(value, self._place(build, context, index))
        granted = build.call(claim(build.module), [self._most(threads, work)])
        with build.if_else(build.icmp_signed(">", granted, ir.Constant(I64, 1))) as (many, one):
            with many:
                for index, value in enumerate(self.passed, start=len(_HEADER)):
                    build.store(value, self._place(build, context, index))
                fork = declare(build.module, "GOMP_parallel", VOID, [PTR, PTR, I32, I32])
                count = build.trunc(granted, I32)
                build.call(fork, [self._member(), context, count, ir.Constant(I32, 0)])
            with one:
                alone = [ir.Constant(I64, 0), ir.Constant(I64, 1)]
                build.call(self.function, [*self.passed, context, *alone])
        build.call(release(build.module), [granted])
        if not self.can_fail:
            return None
        return build.load(self._place(build, context, _STATUS), typ=I64)

    def _most(self, threads: Threads, work: ir.Value) -> ir.Value:
        """How many threads the nest is worth: none without a run of iterations for itself."""
        build, most = self.outside, self.total_outside
        if self.chunks.size is not None:
            size = ir.Constant(I64, self.chunks.size)
            most = build.sdiv(build.add(most, ir.Constant(I64, self.chunks.size - 1)), size)
        parts = build.fdiv(work, ir.Constant(work.type, threads.work_each))
        limits = [intrinsic(build, "llvm.fptosi.sat", [parts], [I64, work.type], I64)]
        if threads.at_most is not None:
            limits.append(ir.Constant(I64, threads.at_most))
        for limit in limits:
            most = intrinsic(build, "llvm.smin", [most, limit], [I64], I64)
        return most

    def _member(self) -> ir.Function:
        """The function that the runtime calls on each thread."""
        module = self.outside.module
        member = ir.Function(module, ir.FunctionType(VOID, [PTR]), f"{self.function.name}.member")
        member.linkage = "internal"
        build = ir.IRBuilder(member.append_basic_block())
        (context,) = member.args
        values = [
            build.load(self._place(build, context, index), typ=value.type)
            for index, value in enumerate(self.passed, start=len(_HEADER))
        ]
        # There may be fewer threads than were asked for.
        numbers = [
            build.zext(build.call(declare(module, name, I32, []), []), I64)
            for name in ("omp_get_thread_num", "omp_get_num_threads")
        ]
        build.call(self.function, [*values, context, *numbers])
        build.ret_void()
        return member

    def _place(self, build: ir.IRBuilder, context: ir.Value, index: int) -> ir.Value:
        path = [ir.Constant(I32, 0), ir.Constant(I32, index)]
        return build.gep(context, path, inbounds=True, source_etype=self.kind)


def write_details(build: ir.IRBuilder, error: ir.Value, details: Sequence[ir.Value]) -> None:
    """Store what says more about a failure."""
    for position, value in enumerate(details):
        place = [ir.Constant(I64, position)]
        build.store(value, build.gep(error, place, inbounds=True, source_etype=I64))
