"""From operations to the declared Program: a loop nest per operation, in order of dependence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from texpr.errors import TexprError, shown
from texpr.ir.expr import Expr, Load, Var
from texpr.ir.itervar import IterVar
from texpr.ir.program import (
    TRUE,
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
from texpr.ir.visitor import substitute
from texpr.te.reduction import Reduce
from texpr.te.tensor import ComputeOp, Operation, Tensor


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


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return ``name``, with ``_1``, ``_2`` … where it is taken."""
    unique, count = name, 0
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


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
    """The name of every operation, of which no two are the same."""
    axes: Mapping[str, Mapping[IterVar, IterVar]]
    """By stage: the axis of the program that stands for an axis of the operation."""


def declaration(outputs: Sequence[Operation], name: str, float_policy: FloatPolicy) -> Declaration:
    """Return the Program that computes ``outputs``, in declared order."""
    ops = operations(outputs)
    names = unique_names(ops)
    computed = [op for op in ops if isinstance(op, ComputeOp)]
    inputs = [op.outputs[0] for op in ops if not isinstance(op, ComputeOp)]
    results = [tensor for op in outputs for tensor in op.outputs]
    kept = {id(tensor) for tensor in results}
    axes: dict[str, Mapping[IterVar, IterVar]] = {}
    for op in computed:
        axes[names[op]] = own_axes(op, {axis for own in axes.values() for axis in own})
    nests = (nest(op, names[op], axes[names[op]]) for op in computed)
    body: Stmt = seq(*nests) if computed else Seq(())
    for op in reversed(computed):
        for tensor in reversed(op.outputs):
            if id(tensor) not in kept:
                body = Alloc(tensor, body)
    program = Program(name, (*inputs, *results), body, float_policy=float_policy)
    return Declaration(program, names, axes)


def own_axes(op: ComputeOp, used: Collection[IterVar]) -> dict[IterVar, IterVar]:
    """Return the axis of the program for every axis of ``op``.

    It is another one where a reduction axis serves an earlier operation as well, which is
    scheduled on its own, or where two axes have the same name.
    """
    own: dict[IterVar, IterVar] = {}
    new_var: dict[Var, Expr] = {}
    taken: set[str] = set()
    for axis in (*op.axis, *op.reduce_axis):
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


def nest(op: ComputeOp, name: str, own: Mapping[IterVar, IterVar]) -> Stmt:
    """Return the loops of one operation in declared order, over its axes in the program."""
    loops = {axis: Var(own[axis].name) for axis in (*op.axis, *op.reduce_axis)}
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
        return around(block(op.axis, op.body, TRUE, is_init=False), op.axis)
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
    return around(seq(init, around(update, op.reduce_axis)), op.axis)


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
        if not isinstance(op, ComputeOp):
            raise TexprError(
                f"create_schedule: {op.name!r} is an input and computes nothing; "
                f"pass the operation of a te.compute"
            )
        if op not in found:
            found.append(op)
    if not found:
        raise TexprError("create_schedule: no operation given; pass C.op")
    return found
