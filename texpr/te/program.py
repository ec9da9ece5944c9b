"""From operations to the declared Program: a loop nest per operation, in order of dependence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from texpr.errors import TexprError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.expr import Binary, Expr, Load, Var
from texpr.ir.itervar import IterVar
from texpr.ir.names import unique_name
from texpr.ir.program import (
    TRUE,
    ZERO,
    Alloc,
    Block,
    FloatPolicy,
    Loop,
    Program,
    Role,
    Seq,
    Stmt,
    Store,
    seq,
)
from texpr.ir.simplify import prove, simplify
from texpr.ir.visitor import Rewriter, Visit, substitute
from texpr.te.extern import ExternOp
from texpr.te.reduction import Reduce
from texpr.te.scan import ScanOp
from texpr.te.tensor import ComputeOp, Operation, PlaceholderOp, Tensor


def operations(outputs: Sequence[Operation]) -> list[Operation]:
    """Return the operations that ``outputs`` depend on and themselves, producers first."""
    order: list[Operation] = []
    done: set[int] = set()
    stack: list[tuple[Operation, bool]] = [(op, False) for op in reversed(outputs)]
    while stack:
        op, ready = stack.pop()
        if ready:
            order.append(op)
        elif id(op) not in done:
            done.add(id(op))
            stack.append((op, True))
            stack.extend((tensor.op, False) for tensor in reversed(op.input_tensors))
    return order


def unique_names(ops: Sequence[Operation]) -> dict[Operation, str]:
    """Name each operation after itself, with ``_1``, ``_2`` … where a name comes again."""
    names: dict[Operation, str] = {}
    taken: set[str] = set()
    for op in ops:
        names[op] = unique_name(op.name, taken)
        taken.add(names[op])
    return names


@dataclass(frozen=True)
class Declaration:
    """A declared Program, and what stands in it for operations and their axes."""

    program: Program
    names: Mapping[Operation, str]
    """The name of the stage of every operation; a scan has that of the last update."""
    axes: Mapping[str, Mapping[IterVar, IterVar]]
    """By stage: the axis of the program that stands for an axis of the operation."""


def declaration(outputs: Sequence[Operation], name: str, float_policy: FloatPolicy) -> Declaration:
    """Return the Program that computes ``outputs``, in declared order.

    Raises
    ------
    TexprError
        A tensor that has a value within the steps of a scan only is wanted outside of it.
    """
    ops = operations(outputs)
    check_scans(ops, outputs)
    copies = copied_rows(ops, outputs)
    names = unique_names([part for op in ops for part in _parts(op, copies)])
    names.update((scan, names[scan.body[-1]]) for scan in copies)
    inputs = [op.outputs[0] for op in ops if isinstance(op, PlaceholderOp)]
    results = [tensor for op in outputs for tensor in op.outputs]
    made = _Nests(names, copies)
    nests = [made.of(op) for op in ops if not isinstance(op, PlaceholderOp)]
    body: Stmt = seq(*nests) if nests else Seq(())
    scratch = [tensor for op in ops for tensor in op.outputs if made.is_stored(tensor)]
    kept = set(results)
    for tensor in reversed(scratch):
        if tensor not in kept:
            body = Alloc(tensor, body)
    needs = dict.fromkeys(need for scan in copies if (need := required_steps(scan)) is not None)
    program = Program(
        name, (*inputs, *results), body, requirements=tuple(needs), float_policy=float_policy
    )
    return Declaration(program, names, made.axes)


Copies: TypeAlias = Mapping[ScanOp, Sequence[ComputeOp | None]]
"""By scan: what copies the first rows of each state, None where they are made in place."""


def _parts(op: Operation, copies: Copies) -> list[Operation]:
    """Return the operations that have a stage where ``op`` stands."""
    if isinstance(op, ScanOp):
        return [*(copy for copy in copies[op] if copy is not None), *op.body]
    return [op]


class _Nests:
    """Makes the loops of operations, and remembers the axes that they have in the program."""

    def __init__(self, names: Mapping[Operation, str], copies: Copies) -> None:
        self.names, self.copies = names, copies
        self.axes: dict[str, Mapping[IterVar, IterVar]] = {}
        self.used: set[IterVar] = set()
        self.homes: dict[Buffer, Buffer] = {}
        """The buffers of the first rows and of the states of scans: those of their results."""
        self.rows: dict[Buffer, Buffer] = {}
        """For what has a value within a step only: the buffer of one step."""
        for scan, copied in copies.items():
            rows = [
                init if copy is None else copy.outputs[0]
                for init, copy in zip(scan.init, copied, strict=True)
            ]
            for tensors in (rows, scan.state_placeholder, scan.update):
                self.homes.update(zip(tensors, scan.outputs, strict=True))
            for tensor in scan.made_within:
                if tensor not in self.homes:
                    self.rows[tensor] = Buffer(tensor.name, tensor.shape[1:], tensor.dtype)

    def is_stored(self, tensor: Tensor) -> bool:
        """Whether ``tensor``, of an operation that is no part of a scan, has a buffer itself."""
        return tensor.is_computed and tensor not in self.homes

    def of(self, op: Operation) -> Stmt:
        """Return the loops of ``op``."""
        if isinstance(op, ScanOp):
            return self.steps(op)
        if isinstance(op, ExternOp):
            name = self.names[op]
            self.axes[name] = {}
            return Block(name, (), (), (), location=op.location, extern=op.call)
        assert isinstance(op, ComputeOp)
        return self.redirected(nest(op, self.names[op], self.own_axes(op)))

    def steps(self, scan: ScanOp) -> Stmt:
        """Return the loop over time, which all stages of a step share, after the first rows."""
        before = [self.of(copy) for copy in self.copies[scan] if copy is not None]
        time, axis = Var(scan.scan_axis.name), scan.scan_axis
        parts = []
        for op in scan.body:
            own = self.own_axes(op, axis)
            # The axis of the scan itself will do as well where a stage of it is scheduled.
            self.axes[self.names[op]] = {**own, axis: axis}
            self.used.add(axis)
            parts.append(self.redirected(nest(op, self.names[op], own, time)))
        body = seq(*parts)
        for tensor in reversed([tensor for op in scan.body for tensor in op.outputs]):
            if tensor in self.rows:
                body = Alloc(self.rows[tensor], body)
        return seq(*before, Loop(time, axis.lower, axis.upper, body))

    def own_axes(self, op: ComputeOp, time: IterVar | None = None) -> dict[IterVar, IterVar]:
        own = own_axes(op, self.used, time)
        self.used.update(own.values())
        self.axes[self.names[op]] = own
        return own

    def redirected(self, stmt: Stmt) -> Stmt:
        """Return ``stmt`` with what scans make where it is stored."""
        if not self.homes and not self.rows:
            return stmt
        return _Redirect(self.homes, self.rows).rewrite_stmt(stmt)


class _Redirect(Rewriter):
    """Puts other buffers in the place of some: whole ones, or one row for all."""

    def __init__(self, homes: Mapping[Buffer, Buffer], rows: Mapping[Buffer, Buffer]) -> None:
        self.homes, self.rows = homes, rows

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        buffer = self.rows.get(node.buffer)
        if buffer is not None:
            return Load(buffer, indices[1:])
        return Load(self.homes.get(node.buffer, node.buffer), indices)

    def visit_Store(self, node: Store) -> Visit[Store]:
        store: Store = yield from self.generic(node)
        buffer = self.rows.get(node.buffer)
        if buffer is not None:
            return replace(store, buffer=buffer, indices=store.indices[1:])
        return replace(store, buffer=self.homes.get(node.buffer, node.buffer))


def own_axes(
    op: ComputeOp, used: Collection[IterVar], time: IterVar | None = None
) -> dict[IterVar, IterVar]:
    """Return the axis of the program for every axis of ``op``; ``time`` for its first, if given.

    It is another one where a reduction axis serves an earlier operation as well, which is
    scheduled on its own, or where two axes have the same name.
    """
    own: dict[IterVar, IterVar] = {}
    new_var: dict[Var, Expr] = {}
    taken: set[str] = set()
    axes = [*op.axis, *op.reduce_axis]
    if time is not None:
        own[axes[0]] = time
        new_var[axes.pop(0).var] = time.var
        taken.add(time.name)
    for axis in axes:
        name = unique_name(axis.name, taken)
        taken.add(name)
        lower, upper = (substitute(bound, new_var) for bound in (axis.lower, axis.upper))
        is_own = lower is axis.lower and upper is axis.upper
        if is_own and name == axis.name and axis not in used:
            own[axis] = axis
        else:
            own[axis] = IterVar(name, (lower, upper), is_reduce=axis.is_reduce)
            new_var[axis.var] = own[axis].var
    return own


def nest(op: ComputeOp, name: str, own: Mapping[IterVar, IterVar], time: Var | None = None) -> Stmt:
    """Return the loops of one operation in declared order, over its axes in the program.

    With ``time``, the variable of a loop around, that is the first of its loops.
    """
    loops = {axis: Var(own[axis].name) for axis in (*op.axis, *op.reduce_axis)}
    if time is not None:
        loops[op.axis[0]] = time
    looped = op.axis if time is None else op.axis[1:]
    at_loops = {axis.var: loop for axis, loop in loops.items()}
    new_var = {axis.var: new.var for axis, new in own.items() if new is not axis}
    data = tuple(own[axis].var for axis in op.axis)

    def block(
        iters: tuple[IterVar, ...], values: tuple[Expr, ...], predicate: Expr, *, is_init: bool
    ) -> Block:
        own_values = (substitute(value, new_var) for value in values)
        stores = tuple(Store(t, data, v) for t, v in zip(op.outputs, own_values, strict=True))
        own_iters = tuple(own[axis] for axis in iters)
        bindings = tuple(loops[axis] for axis in iters)
        test = substitute(predicate, new_var)
        role: Role = "init" if is_init else "compute"
        return Block(name, own_iters, bindings, stores, test, role=role, location=op.location)

    def around(body: Stmt, axes: Sequence[IterVar]) -> Stmt:
        for axis in reversed(axes):
            lower, upper = (substitute(bound, at_loops) for bound in (axis.lower, axis.upper))
            body = Loop(loops[axis], lower, upper, body)
        return body

    if not isinstance(op.body, Reduce):
        return around(block(op.axis, op.body, TRUE, is_init=False), looped)
    reduction = op.body
    so_far = tuple(Load(tensor, data) for tensor in op.outputs)
    init = block(op.axis, reduction.starting_values(), TRUE, is_init=True)
    update = block(
        (*op.axis, *op.reduce_axis),
        reduction.reducer.combine(so_far, reduction.values),
        TRUE if reduction.where is None else reduction.where,
        is_init=False,
    )
    update = replace(update, fold=reduction.fold())
    return around(seq(init, around(update, op.reduce_axis)), looped)


# ---------------------------------------------------------------- scans


def copied_rows(
    ops: Sequence[Operation], outputs: Sequence[Operation]
) -> dict[ScanOp, list[ComputeOp | None]]:
    """Return for every state of every scan the operation that copies its first rows.

    None where they are made in their place: by a te.compute that serves nothing else.
    """
    scans = [op for op in ops if isinstance(op, ScanOp)]
    inits = {tensor for scan in scans for tensor in scan.init}
    uses = Counter(
        tensor
        for op in ops
        for tensor in ((*op.init, *op.read_tensors) if isinstance(op, ScanOp) else op.input_tensors)
    )

    def is_in_place(tensor: Tensor) -> bool:
        maker = tensor.op
        if not isinstance(maker, ComputeOp) or maker in outputs:
            return False
        return all(own in inits and uses[own] == 1 for own in maker.outputs)

    return {
        scan: [None if is_in_place(rows) else _copy(rows, scan) for rows in scan.init]
        for scan in scans
    }


def _copy(rows: Tensor, scan: ScanOp) -> ComputeOp:
    names = [scan.scan_axis.name, *(f"i{k}" for k in range(1, rows.ndim))]
    axes = tuple(IterVar(n, (ZERO, extent)) for n, extent in zip(names, rows.shape, strict=True))
    value = Load(rows, [axis.var for axis in axes])
    name = f"{scan.name}_init"
    return ComputeOp(name, axes, (value,), tag="", attrs={}, location=scan.location)


def required_steps(scan: ScanOp) -> Expr | None:
    """Return the condition that there are as many steps as first rows, None where there are."""
    need = simplify(Binary("ge", scan.scan_axis.upper, scan.scan_axis.lower))
    return None if prove(need, {}) else need


def check_scans(ops: Sequence[Operation], outputs: Sequence[Operation]) -> None:
    """Refuse what reads the inside of a scan from outside.

    Raises
    ------
    TexprError
        A tensor that has a value within the steps of a scan only is wanted elsewhere.
    """
    owner: dict[Tensor, ScanOp] = {}
    for scan in (op for op in ops if isinstance(op, ScanOp)):
        for tensor in (*scan.made_within, *scan.state_placeholder):
            other = owner.setdefault(tensor, scan)
            if other is not scan:
                raise TexprError(
                    f"create_schedule: {tensor.name!r} is in the steps of two scans, "
                    f"{other.name!r} and {scan.name!r}; declare it once for each"
                )
    for op in reversed(ops):  # the reader before what it reads, which reads states as well
        wanted = [*(op.outputs if op in outputs else ()), *op.input_tensors]
        for tensor in wanted:
            if tensor in owner:
                raise TexprError(
                    f"create_schedule: {tensor.name!r} has a value within the steps of the scan "
                    f"{owner[tensor].name!r} only, and is wanted outside; use what the te.scan "
                    f"returned, or make it another state"
                )


def as_operations(ops: object) -> list[Operation]:
    """Return what ``create_schedule`` was given as a list of operations.

    Raises
    ------
    TexprError
        Something that is neither a tensor nor an operation, or a bare input.
    """
    given = list(ops) if isinstance(ops, (list, tuple)) else [ops]
    found: list[Operation] = []
    for item in given:
        op = item.op if isinstance(item, Tensor) else item
        if not isinstance(op, Operation):
            raise TexprError(
                f"create_schedule: {shown(item)} is neither a tensor nor an operation; pass C.op"
            )
        if isinstance(op, PlaceholderOp):
            raise TexprError(
                f"create_schedule: {op.name!r} is an input and computes nothing; "
                f"pass the operation of a te.compute"
            )
        if op not in found:
            found.append(op)
    if not found:
        raise TexprError("create_schedule: no operation given; pass C.op")
    return found
