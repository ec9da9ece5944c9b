"""Schedules of tensor expressions: stages are found by tensor or operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from texpr.errors import ScheduleError
from texpr.ir.itervar import IterVar
from texpr.ir.program import FLOAT_ORDERS, FloatPolicy
from texpr.schedule import Schedule, Stage
from texpr.schedule.state import Declared, StageDecl, unknown_stage
from texpr.te.declare import checked_name
from texpr.te.program import as_operations, declaration
from texpr.te.scan import ScanOp
from texpr.te.tensor import ComputeOp, Operation, PlaceholderOp, Tensor


class TeStage(Stage):
    """A stage that knows its operation."""

    def __init__(self, schedule: TeSchedule, name: str, op: Operation | None = None) -> None:
        super().__init__(schedule, name)
        self.op: Any = op or schedule.operation_of(name)
        """The operation; that of a scan where the stage was asked for by it."""


class MadeOp(ComputeOp):
    """The operation of a stage that a primitive made or changed: its axes and tensors.

    It stands for the stage in a schedule, and takes no part in other expressions.
    """

    def __init__(self, stage: StageDecl) -> None:
        block = stage.block
        self.name, self.tag, self.attrs, self.location = block.name, "", {}, block.location
        self.axis = tuple(axis for axis in block.iters if not axis.is_reduce)
        self.reduce_axis = tuple(axis for axis in block.iters if axis.is_reduce)
        self.body = tuple(store.value for store in block.stores)
        self.outputs = tuple(
            Tensor(store.buffer.name, store.buffer.shape, store.buffer.dtype, self, k)
            for k, store in enumerate(block.stores)
        )


class TeSchedule(Schedule):
    """A schedule of tensor expressions; ``s[C]``, ``s[C.op]`` and ``s["C"]`` are the same stage.

    The stage of a ``te.scan`` is that of the last update, inside the loop over time.
    """

    declares_tensors = True

    def __init__(
        self,
        outputs: list[Operation],
        name: str,
        float_policy: FloatPolicy,
        *,
        judged: bool = True,
    ) -> None:
        declared = declaration(outputs, name, float_policy)
        super().__init__(declared.program, judged=judged)
        self.outputs = tuple(outputs)
        self._names = declared.names
        self._axes = declared.axes
        self._made: dict[tuple[object, ...], MadeOp] = {}

    def operation_of(self, name: str) -> Operation:
        """Return the operation of the stage called ``name``."""
        stage = self.state.declared.stages[name]
        first = self._history[0].declared.stages.get(name)
        axes, written = stage.block.iters, stage.block.written_buffers
        is_declared = (
            first is not None
            and [*map(id, axes)] == [*map(id, first.block.iters)]
            and [*map(id, written)] == [*map(id, first.block.written_buffers)]
        )
        if not is_declared:
            return self._made.setdefault((name, axes, written), MadeOp(stage))
        for op, own in self._names.items():
            if own == name and not isinstance(op, (PlaceholderOp, ScanOp)):
                return op
        raise ScheduleError(f"schedule: no operation has the name {name!r}")

    def stage(self, name: str) -> TeStage:
        return TeStage(self, name)

    def stages_tagged(self, *tags: str) -> tuple[TeStage, ...]:
        """Return the stages whose operation has one of the tags, producers first.

        >>> from texpr import te
        >>> A = te.placeholder((4,), name="A")
        >>> B = te.sum(te.exp(A * 2), axis=0)
        >>> s = te.create_schedule(B.op)
        >>> for stage in s.stages_tagged("elemwise", "broadcast", "injective"):
        ...     stage.compute_inline()
        >>> print(s)
        def T_sum(A: float32[4], T_sum: out float32[()]):
            T_sum[()] = 0.0
            for k in range(4):
                T_sum[()] += exp(A[k]*2.0)
        """
        return tuple(
            stage for stage in map(self.stage, self.state.declared.stages) if stage.op.tag in tags
        )

    def __getitem__(self, key: Any) -> TeStage:
        name, op = self.stage_name(key), key.op if isinstance(key, Tensor) else key
        return TeStage(self, name, op if isinstance(op, ScanOp) else None)

    def own_axis(self, stage: str, axis: IterVar) -> IterVar:
        # The axes that reduce go to the stage that computes what another then copies.
        for own in (self._axes.get(stage, {}), *self._axes.values()):
            if axis in own:
                return own[axis]
        return axis

    def own_array(self, array: Any) -> Any:
        if isinstance(array, Tensor) and isinstance(array.op, MadeOp):
            stage = self.state.declared.stages[self.stage_name(array)]
            return stage.block.stores[array.value_index].buffer
        return array

    def stage_name(self, key: Any) -> str:
        op = key.op if isinstance(key, Tensor) else key
        if not isinstance(op, Operation):
            return super().stage_name(key)
        name = op.name if isinstance(op, MadeOp) else self._names.get(op)
        is_gone = isinstance(op, ComputeOp) and name not in self.state.declared.stages
        if is_gone and name in self._history[0].declared.stages:
            raise unknown_stage(name, self.state)
        if name is None or is_gone or (isinstance(op, MadeOp) and not self._has_made(op)):
            raise ScheduleError(
                f"schedule: {op.name!r} does not belong to this schedule, whose stages are "
                f"{', '.join(self.state.declared.stages)}; make the schedule from an operation "
                f"that depends on it"
            )
        if name not in self.state.declared.stages:
            raise ScheduleError(
                f"schedule: {op.name!r} is an input and has no loops to schedule; "
                f"the stages are {', '.join(self.state.declared.stages)}"
            )
        return name

    def _has_made(self, op: MadeOp) -> bool:
        """Whether ``op`` is of a stage as it is, or was before a primitive changed its axes."""
        declared: Declared | None = self.state.declared
        while declared is not None:
            stage = declared.stages.get(op.name)
            if stage is not None:
                key = (op.name, stage.block.iters, stage.block.written_buffers)
                if self._made.get(key) is op:
                    return True
            declared = declared.before
        return False

    def cache_read(self, tensor: Tensor | str, scope: str, readers: Any = None) -> Tensor:
        """Read a tensor through a copy; as :meth:`texpr.schedule.stage.Stage.cache_read`.

        Parameters
        ----------
        tensor : Tensor
        scope : str
        readers : Tensor, Operation or Stage, or a list of them, optional
            Who reads the copy; all that read the tensor unless given.

        Returns
        -------
        The tensor that holds the copy: ``s[…]`` of it is the stage that copies.
        """
        name = tensor.name if isinstance(tensor, Tensor) else tensor
        op = tensor.op if isinstance(tensor, Tensor) else None
        if isinstance(op, ComputeOp) and op.num_outputs == 1:
            # Other than a tensor's name, that of the stage which makes it is there once.
            own = self._names.get(op)
            if own is not None and own in self.state.declared.stages:
                name = own
        made = self.operation_of(super().cache_read(name, scope, readers).name)
        return made.outputs[0]

    def cache_write(self, tensor: Any, scope: str) -> Any:
        """Compute a tensor in a cache; as :meth:`texpr.schedule.stage.Stage.cache_write`.

        Parameters
        ----------
        tensor : Tensor, or those of one operation
        scope : str

        Returns
        -------
        The tensor of the cache, or a list of them where the operation has several.
        """
        if isinstance(tensor, (list, tuple)) and tensor:
            tensor = tensor[0]
        return self._tensors_of(super().cache_write(tensor, scope))

    def rfactor(self, tensor: Any, axis: IterVar | str, factor_axis: int = 0) -> Any:
        """Reduce in parts; as :meth:`texpr.schedule.stage.Stage.rfactor`.

        Parameters
        ----------
        tensor : Tensor, or those of one operation
        axis : IterVar or str
        factor_axis : int

        Returns
        -------
        The tensor of the parts, or a list of them where the operation has several.
        """
        if isinstance(tensor, (list, tuple)) and tensor:
            tensor = tensor[0]
        return self._tensors_of(super().rfactor(tensor, axis, factor_axis))

    def _tensors_of(self, stage: Stage) -> Any:
        outputs = self.operation_of(stage.name).outputs
        return outputs[0] if len(outputs) == 1 else list(outputs)


def create_schedule(
    ops: Operation | Tensor | Sequence[Operation | Tensor],
    fp: Literal["exact", "reassoc", "fast"] = "reassoc",
    *,
    contract: bool = True,
    name: str | None = None,
    judged: bool = True,
) -> TeSchedule:
    """Return a schedule of ``ops`` and all that they depend on, in declared order.

    Parameters
    ----------
    ops : Operation or Tensor, or a list of them
        The outputs.
    fp : "exact", "reassoc" or "fast"
        What floating-point arithmetic may do: keep every operation in its order; add the terms
        of a reduction in any order, since a tensor expression declares none; rearrange
        anything, assuming neither NaN nor infinity.
    contract : bool
        Whether a product and a sum may be fused and round once.
    name : str, optional
        The name of the program; that of the last output unless given.
    judged : bool
        Whether every primitive is judged when it is applied. Otherwise they only check their
        arguments, and all of them together are judged before a build, or by ``s.judge()``.

    Raises
    ------
    TexprError
        ``ops`` holds something that computes nothing.
    ScheduleError
        An unknown ``fp``.

    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> B = te.compute((4,), lambda i: A[i] * 2, name="B")
    >>> print(te.create_schedule(B.op))
    def B(A: float32[4], B: out float32[4]):
        for i in range(4):
            B[i] = A[i]*2.0
    """
    operations = as_operations(ops)
    if fp not in FLOAT_ORDERS:
        raise ScheduleError(
            f"create_schedule: fp={fp!r} is unknown; it is one of "
            f"{', '.join(map(repr, FLOAT_ORDERS))}"
        )
    policy = FloatPolicy(fp, contract)
    own = operations[-1].name if name is None else checked_name(name, "create_schedule")
    return TeSchedule(operations, own, policy, judged=judged)
