"""Tensors that functions from outside fill: of Python, or of C."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import DType, as_dtype
from texpr.ir.expr import Expr, Load, free_vars, postorder
from texpr.ir.extern import CFunction, c_type
from texpr.ir.program import ExternCall, Location
from texpr.te.declare import checked_attrs, checked_name
from texpr.te.outside import OutsideCall, declared_types, dtype_of_c, scalar_argument
from texpr.te.shapes import checked_shape
from texpr.te.tags import declared_tag
from texpr.te.tensor import Operation, Tensor, user_location


class ExternOp(Operation):
    """Tensors that a function from outside fills, given other tensors whole."""

    def __init__(
        self,
        name: str,
        shapes: Sequence[tuple[Expr, ...]],
        dtypes: Sequence[DType],
        inputs: tuple[Tensor, ...],
        *,
        tag: str,
        attrs: Mapping[str, Any],
        location: Location | None,
    ) -> None:
        self.name, self.tag, self.attrs, self.location = name, tag, attrs, location
        self._inputs = inputs
        self._make_outputs([*zip(shapes, dtypes, strict=True)])
        self.call: ExternCall
        """What runs; set once the rule has seen the outputs."""

    @property
    def rules(self) -> tuple[str, ...]:
        return (str(self.call),)

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        return self._inputs


def extern(
    shape: object,
    inputs: Sequence[Tensor],
    fcompute: Callable[[list[Tensor], list[Tensor]], Any],
    name: str = "extern",
    dtype: object = None,
    in_buffers: object = None,
    out_buffers: object = None,
    tag: str = "",
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """Declare tensors that a function from outside fills.

    The function takes whole tensors: it may read all of its inputs and fills all of its outputs.
    Nothing more is known of it, so it has no loops to schedule, and stays behind whatever
    computes its inputs and before whatever reads its outputs.

    Parameters
    ----------
    shape : int, Expr, a sequence of them, or a list of such shapes for several outputs
        The extents.
    inputs : list of Tensor
        What the function reads: inputs of the kernel, or computed on the way.
    fcompute : callable
        The rule. It is called here and now, with the list of inputs and the list of outputs, and
        returns the call that the kernel makes: ``te.call_packed(f, ins[0], outs[0])`` of a Python
        function or ``te.call_extern("int32", f, ins[0], outs[0], n)`` of a C function.
        ``te.packed(f)`` is the rule that calls ``f(*ins, *outs)``.
    name, tag, attrs
        Side data that shows in loop nests and on ``.op``.
    dtype : str or DType, or a list of them
        The types of the outputs; that of the inputs, where they have but one, unless given.
    in_buffers, out_buffers
        Places of TVM's arguments; tensors are passed as they are, dense and in C order.

    Returns
    -------
    Tensor, or a tuple of them where ``shape`` is a list of shapes

    Raises
    ------
    ShapeError
        A bad extent, or another number of types than of shapes.
    DTypeError
        No type given where the inputs have several or there are none; a rule that returns no call.
    TexprError
        A call that leaves an output out, or takes a tensor that is none of the inputs.

    >>> import numpy as np
    >>> import texpr
    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> B = te.extern((4,), [A], te.packed(lambda a, b: np.cumsum(a, out=b)), name="B")
    >>> C = te.compute((4,), lambda i: B[i] * 2, name="C")
    >>> texpr.build(te.create_schedule(C.op))(np.ones(4, "float32"))
    array([2., 4., 6., 8.], dtype=float32)
    """
    own = checked_name(name, "extern")
    if in_buffers is not None or out_buffers is not None:
        raise TexprError(
            f"extern: in_buffers and out_buffers of {own!r}; texpr passes tensors as they are, "
            f"dense and in C order, so leave them out"
        )
    given = _checked_inputs(inputs, own)
    shapes = _checked_shapes(shape, own)
    op = ExternOp(
        own,
        shapes,
        _checked_dtypes(dtype, len(shapes), given, own),
        tuple(dict.fromkeys(given)),
        tag=declared_tag(tag, f"extern of {own!r}"),
        attrs=checked_attrs(attrs, own),
        location=user_location(),
    )
    op.call = _checked_call(_called(fcompute, given, op), op)
    return op.outputs[0] if op.num_outputs == 1 else op.outputs


# ---------------------------------------------------------------- what extern is given


def _checked_inputs(inputs: object, own: str) -> tuple[Tensor, ...]:
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for item in given:
        if not isinstance(item, Tensor):
            raise DTypeError(
                f"extern: the input {shown(item)} of {own!r} is no tensor; pass a list of tensors"
            )
    return tuple(given)


def _checked_shapes(shape: Any, own: str) -> list[tuple[Expr, ...]]:
    is_several = isinstance(shape, (list, tuple)) and any(
        isinstance(part, (list, tuple)) for part in shape
    )
    return [checked_shape(one, own) for one in (shape if is_several else [shape])]


def _checked_dtypes(dtype: object, count: int, inputs: Sequence[Tensor], own: str) -> list[DType]:
    if dtype is None:
        found = {tensor.dtype for tensor in inputs}
        if len(found) != 1:
            has = ", ".join(sorted(map(str, found))) or "none"
            raise DTypeError(
                f"extern: the types of the inputs of {own!r} are {has}, which does not tell that "
                f"of the output; pass dtype="
            )
        return [*found] * count
    dtypes = [*map(as_dtype, dtype if isinstance(dtype, (list, tuple)) else [dtype] * count)]
    if len(dtypes) != count:
        raise ShapeError(
            f"extern: {own!r} has {count} shapes and {len(dtypes)} types; give one for each"
        )
    return dtypes


def _called(fcompute: Any, inputs: Sequence[Tensor], op: ExternOp) -> OutsideCall:
    advice = (
        "it is called when the tensor is declared, with tensors, and returns the call that the "
        "kernel makes, te.call_packed(f, *ins, *outs) of a Python function f"
    )
    if not callable(fcompute):
        raise DTypeError(f"extern: the rule of {op.name!r} is {shown(fcompute)}; {advice}")
    try:
        result = fcompute([*inputs], [*op.outputs])
    except Exception as error:
        raise TexprError(
            f"extern: the rule of {op.name!r} raised {type(error).__name__}: {error}; {advice}"
        ) from error
    if not isinstance(result, OutsideCall):
        raise DTypeError(
            f"extern: the rule of {op.name!r} returned {shown(result)}, which is no call; {advice}"
        )
    return result


def _checked_call(call: OutsideCall, op: ExternOp) -> ExternCall:
    inputs = set(op.input_tensors)
    known = {*inputs, *op.outputs}
    function = call.function
    args: list[Buffer | Expr] = []
    for value, declared in zip(call.args, declared_types(function, len(call.args)), strict=True):
        if isinstance(value, Tensor):
            if value not in known:
                raise TexprError(
                    f"extern: {function.name} of {op.name!r} takes {value!r}, which is none of "
                    f"its inputs; pass it in inputs=[…]"
                )
            if declared is not None and dtype_of_c(declared) is not None:
                raise DTypeError(
                    f"{function.name}: {value!r} is passed as a pointer, and its argtypes say "
                    f"{declared.__name__}; pass a scalar there"
                )
            args.append(value)
            continue
        scalar = scalar_argument(value, None, function.name, declared)
        if isinstance(function, CFunction):
            c_type(scalar.dtype)
        for node in postorder(scalar):
            if isinstance(node, Load) and node.buffer not in inputs:
                raise TexprError(
                    f"extern: {function.name} of {op.name!r} takes {node}, of a tensor that is "
                    f"none of its inputs; pass it in inputs=[…]"
                )
        for var in free_vars(scalar):
            if var.is_axis:
                raise TexprError(
                    f"extern: {function.name} of {op.name!r} takes {scalar}, and the axis "
                    f"{var.name!r} has no value there; pass sizes and te.vars only"
                )
        args.append(scalar)
    for output in op.outputs:
        if not any(output is arg for arg in args):
            raise TexprError(
                f"extern: {function.name} of {op.name!r} does not take the output "
                f"{output.name!r}, which it has to fill; pass outs[{output.value_index}]"
            )
    return ExternCall(function, tuple(args), op.input_tensors, op.outputs, call.dtype)
