"""Recurrences: tensors whose rows follow from the rows before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.expr import Expr, Load, int_value, is_const, postorder
from texpr.ir.itervar import IterVar
from texpr.ir.program import Location
from texpr.ir.simplify import simplify
from texpr.te.declare import checked_attrs, checked_name
from texpr.te.tags import declared_tag
from texpr.te.tensor import ComputeOp, Operation, PlaceholderOp, Tensor, user_location


class ScanOp(Operation):
    """Tensors made row by row along ``scan_axis``.

    ``body`` are the operations of one step, producers first: those of ``update``, and what they
    are computed from that depends on ``state_placeholder``.
    """

    def __init__(
        self,
        name: str,
        init: tuple[Tensor, ...],
        update: tuple[Tensor, ...],
        state_placeholder: tuple[Tensor, ...],
        *,
        tag: str,
        attrs: Mapping[str, Any],
        location: Location | None,
    ) -> None:
        self.name, self.tag, self.attrs, self.location = name, tag, attrs, location
        self.init, self.update, self.state_placeholder = init, update, state_placeholder
        self.body = _body(self)
        first, last = init[0].shape[0], state_placeholder[0].shape[0]
        self.scan_axis = IterVar(update[0].op.axis[0].name, (first, last))
        self._make_outputs([(state.shape, state.dtype) for state in state_placeholder])

    @property
    def made_along(self) -> IterVar:
        return self.scan_axis

    @property
    def rules(self) -> tuple[str, ...]:
        ops = dict.fromkeys((*(tensor.op for tensor in self.init), *self.body))
        return tuple(rule for op in ops for rule in op.rules)

    @property
    def made_within(self) -> frozenset[Tensor]:
        """The tensors that have a value within a step only."""
        return frozenset(tensor for op in self.body for tensor in op.outputs)

    @property
    def read_tensors(self) -> tuple[Tensor, ...]:
        """What its steps read that is there before it begins."""
        own = {*self.made_within, *self.state_placeholder}
        found = (tensor for op in self.body for tensor in op.input_tensors if tensor not in own)
        return tuple(dict.fromkeys(found))

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        return tuple(dict.fromkeys((*self.init, *self.read_tensors)))


def scan(
    init: Tensor | Sequence[Tensor],
    update: Tensor | Sequence[Tensor],
    state_placeholder: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor] | None = None,
    name: str = "scan",
    tag: str = "",
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """Declare tensors by a recurrence over their first axis, time.

    The first rows are those of ``init``, as many as it has. Row ``t`` of every later step is what
    ``update`` computes from rows before it, which it reads as ``state_placeholder[t - 1, ...]``.

    Parameters
    ----------
    init : Tensor or list of Tensor
        The first rows of each state.
    update : Tensor or list of Tensor
        A ``te.compute`` for each state, over the whole shape of the state. It may read the
        states of earlier steps, tensors computed from these at the same step, and any tensor
        that does not depend on a state.
    state_placeholder : Tensor or list of Tensor
        A ``te.placeholder`` for each state, in its shape, which stands for what is to be made.
    inputs : list of Tensor, optional
        What the steps read beside the states; texpr sees that for itself.
    name, tag, attrs
        Side data that shows in loop nests and on ``.op``.

    Returns
    -------
    Tensor, or a tuple of them where there are several states

    Raises
    ------
    ShapeError
        Lists of different lengths; shapes that do not fit; a step without the axis of time.
    DTypeError
        Types that differ; something that is no tensor.
    TexprError
        No step reads a state; a state that is no placeholder, an update that is no
        ``te.compute``; a tensor of a step read at another one.

    >>> import numpy as np
    >>> import texpr
    >>> from texpr import te
    >>> X = te.placeholder((5,), name="X")
    >>> S = te.placeholder((5,), name="S")
    >>> first = te.compute((1,), lambda t: X[0], name="first")
    >>> step = te.compute((5,), lambda t: S[t - 1] + X[t], name="step")
    >>> total = te.scan(first, step, S, name="total")
    >>> print(te.create_schedule(total.op))
    def total(X: float32[5], total: out float32[5]):
        for t in range(1):
            total[0] = X[0]
        for t in range(1, 5):
            total[t] = total[t - 1] + X[t]
    >>> texpr.build(te.create_schedule(total.op))(np.ones(5, "float32"))
    array([1., 2., 3., 4., 5.], dtype=float32)
    """
    own = checked_name(name, "scan")
    inits = _tensors(init, "init", own)
    updates = _tensors(update, "update", own)
    states = _tensors(state_placeholder, "state_placeholder", own)
    if inputs is not None:
        _tensors(inputs, "inputs", own)
    if not len(inits) == len(updates) == len(states) or not states:
        raise ShapeError(
            f"scan: {own!r} has {len(inits)} init, {len(updates)} update and {len(states)} "
            f"state_placeholder; pass one of each for every state"
        )
    for kind, given in (("update", updates), ("state_placeholder", states)):
        if len({*given}) < len(given):
            raise TexprError(f"scan: a tensor is given twice as {kind} of {own!r}; pass it once")
    for parts in zip(inits, updates, states, strict=True):
        _check_state(*parts, own)
    _check_times(inits, states, own)
    op = ScanOp(
        own,
        inits,
        updates,
        states,
        tag=declared_tag(tag, f"scan of {own!r}"),
        attrs=checked_attrs(attrs, own),
        location=user_location(),
    )
    _check_steps(op)
    return op.outputs[0] if op.num_outputs == 1 else op.outputs


def _body(scan: ScanOp) -> tuple[ComputeOp, ...]:
    """Return the operations of one step, producers first.

    Raises
    ------
    TexprError
        One of them is no ``te.compute``.
    """
    states = set(scan.state_placeholder)
    updates = dict.fromkeys(tensor.op for tensor in scan.update)
    order: list[ComputeOp] = []
    depends: dict[Operation, bool] = {}
    stack: list[tuple[Operation, bool]] = [(op, False) for op in reversed(updates)]
    while stack:
        op, is_ready = stack.pop()
        if op in depends:
            continue
        if not is_ready:
            stack.append((op, True))
            stack.extend((tensor.op, False) for tensor in reversed(op.input_tensors))
            continue
        reads = op.input_tensors
        depends[op] = op in updates or any(t in states or depends[t.op] for t in reads)
        if depends[op]:
            if not isinstance(op, ComputeOp):
                raise TexprError(
                    f"scan: {op.name!r}, a {type(op).__name__}, depends on a state of "
                    f"{scan.name!r}, and a step consists of te.compute; compute it before the scan "
                    f"or after it"
                )
            order.append(op)
    return tuple(order)


# ---------------------------------------------------------------- checking what is declared


def _tensors(given: object, kind: str, own: str) -> tuple[Tensor, ...]:
    items = given if isinstance(given, (list, tuple)) else [given]
    for item in items:
        if not isinstance(item, Tensor):
            raise DTypeError(
                f"scan: {kind} of {own!r} has {shown(item)}, which is no tensor; pass tensors"
            )
    return tuple(items)


def _check_state(init: Tensor, update: Tensor, state: Tensor, own: str) -> None:
    """Refuse parts of one state that do not fit each other."""
    if not isinstance(state.op, PlaceholderOp):
        raise TexprError(f"scan: the state {state!r} of {own!r} is computed; pass a te.placeholder")
    if not isinstance(update.op, ComputeOp):
        raise TexprError(
            f"scan: the update {update!r} of {own!r} is made by a {type(update.op).__name__}; "
            f"pass the result of a te.compute"
        )
    if not state.ndim:
        raise ShapeError(
            f"scan: the state {state!r} of {own!r} has no dimension; its first one is time"
        )
    for kind, tensor in (("init", init), ("update", update)):
        if tensor.dtype is not state.dtype:
            raise DTypeError(
                f"scan: {kind} of {own!r} is {tensor!r}, and its state {state!r}; "
                f"make them of one type, .astype('{state.dtype}')"
            )
        skipped = 1 if kind == "init" else 0
        if tensor.ndim != state.ndim or not all(
            map(is_same, tensor.shape[skipped:], state.shape[skipped:])
        ):
            but = "but for the first extent" if skipped else "in every extent"
            raise ShapeError(
                f"scan: {kind} of {own!r} is {tensor!r}, and its state {state!r}; "
                f"make them alike {but}"
            )


def _check_times(inits: Sequence[Tensor], states: Sequence[Tensor], own: str) -> None:
    """Refuse states that do not go through the same steps."""
    for kind, tensors in (("init", inits), ("state_placeholder", states)):
        for tensor in tensors[1:]:
            if not is_same(tensor.shape[0], tensors[0].shape[0]):
                raise ShapeError(
                    f"scan: {kind} of {own!r} has {tensors[0]!r} and {tensor!r}; "
                    f"give all states the same steps, which the first extent counts"
                )
    first, last = int_value(inits[0].shape[0]), int_value(states[0].shape[0])
    if first is not None and last is not None and first > last:
        raise ShapeError(
            f"scan: init of {own!r} has {first} rows, and the state only {last}; "
            f"make the state longer"
        )


def _check_steps(op: ScanOp) -> None:
    """Refuse operations of a step that are not made step by step."""
    states, within = set(op.state_placeholder), op.made_within
    if not any(tensor in states for part in op.body for tensor in part.input_tensors):
        names = " or ".join(f"{state.name}[t - 1, …]" for state in op.state_placeholder)
        raise TexprError(
            f"scan: no step of {op.name!r} reads a state; read {names} in an update, or "
            f"declare it with te.compute"
        )
    for part in op.body:
        if not part.axis or not is_same(part.axis[0].extent, op.scan_axis.upper):
            raise ShapeError(
                f"scan: {part.outputs[0]!r} depends on a state of {op.name!r}, and its first "
                f"axis is not time, which has the extent {op.scan_axis.upper}; make it of "
                f"shape ({op.scan_axis.upper}, …)"
            )
        for expression in part.expressions:
            for node in postorder(expression):
                if isinstance(node, Load) and node.buffer in within:
                    _check_same_step(node, part, op)


def _check_same_step(load: Load, reader: ComputeOp, op: ScanOp) -> None:
    # Where there is one step only, what reads it may say 0.
    if load.indices[0] is not reader.axis[0].var and not is_const(op.scan_axis.upper, 1):
        raise TexprError(
            f"scan: {reader.name!r} reads {load}, and {load.buffer.name!r} has a value of its own "
            f"at each step of {op.name!r} only; read it at {reader.axis[0].name}, or make it "
            f"another state"
        )


def is_same(a: Expr, b: Expr) -> bool:
    """Whether two extents are equal whatever the sizes, as far as the simplifier can tell."""
    return a is b or int_value(simplify(a - b)) == 0
