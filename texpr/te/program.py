"""From operations to the declared Program: a loop nest per operation, in order of dependence."""

from __future__ import annotations

from collections.abc import Sequence

from texpr.errors import TexprError
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


def unique_names(ops: Sequence[Operation]) -> dict[Operation, str]:
    """Name each operation after itself, with ``_1``, ``_2`` … where a name comes again."""
    names: dict[Operation, str] = {}
    taken: set[str] = set()
    for op in ops:
        name, count = op.name, 0
        while name in taken:
            count += 1
            name = f"{op.name}_{count}"
        taken.add(name)
        names[op] = name
    return names


def declared_program(
    outputs: Sequence[Operation], name: str, float_policy: FloatPolicy
) -> tuple[Program, dict[Operation, str]]:
    """Return the Program that computes ``outputs`` in declared order, and its stages' names."""
    ops = operations(outputs)
    names = unique_names(ops)
    computed = [op for op in ops if isinstance(op, ComputeOp)]
    inputs = [op.outputs[0] for op in ops if not isinstance(op, ComputeOp)]
    results = [tensor for op in outputs for tensor in op.outputs]
    kept = {id(tensor) for tensor in results}
    body: Stmt = seq(*(nest(op, names[op]) for op in computed)) if computed else Seq(())
    for op in reversed(computed):
        for tensor in reversed(op.outputs):
            if id(tensor) not in kept:
                body = Alloc(tensor, body)
    return Program(name, (*inputs, *results), body, float_policy=float_policy), names


def nest(op: ComputeOp, name: str) -> Stmt:
    """Return the loops of one operation in declared order."""
    loops = {axis: Var(axis.name) for axis in (*op.axis, *op.reduce_axis)}
    at_loops = {axis.var: loop for axis, loop in loops.items()}
    data = tuple(axis.var for axis in op.axis)

    def block(
        iters: tuple[IterVar, ...], values: tuple[Expr, ...], predicate: Expr, *, is_init: bool
    ) -> Block:
        stores = tuple(Store(t, data, v) for t, v in zip(op.outputs, values, strict=True))
        bindings = tuple(loops[axis] for axis in iters)
        role: Role = "init" if is_init else "compute"
        return Block(name, iters, bindings, stores, predicate, role=role, location=op.location)

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
                f"create_schedule: {item!r} is neither a tensor nor an operation; pass C.op"
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
