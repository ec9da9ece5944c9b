"""Operations from outside: Python functions and C functions, on whole tensors or on scalars."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr  # what every function of ctypes' is an instance of
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import DType, as_dtype
from texpr.ir.expr import Call, Expr, Load, as_expr, free_vars, postorder
from texpr.ir.extern import CFunction, ExternFunction, PythonFunction, ScalarFunction, c_type
from texpr.ir.program import ExternCall, Location
from texpr.te.declare import checked_name, checked_shape
from texpr.te.tensor import Operation, Tensor, user_location


@dataclass(frozen=True)
class OutsideCall:
    """A call on whole tensors, which the rule of a ``te.extern`` returns."""

    function: ExternFunction
    args: tuple[Any, ...]
    dtype: DType | None = None

    def __as_expr__(self) -> NoReturn:
        raise DTypeError(
            f"{self.function.name}: a call on whole tensors stands where one element is wanted; "
            f"return it from the rule of a te.extern, or call a function of scalars with "
            f"te.call_pure_extern"
        )


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
        names = [name] if len(shapes) == 1 else [f"{name}_v{k}" for k in range(len(shapes))]
        self.outputs = tuple(
            Tensor(own, shape, dtype, self, k)
            for k, (own, shape, dtype) in enumerate(zip(names, shapes, dtypes, strict=True))
        )
        self.call: ExternCall
        """What runs; set once the rule has seen the outputs."""

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
        tag=tag,
        attrs=dict(attrs or {}),
        location=user_location(),
    )
    op.call = _checked_call(_called(fcompute, given, op), op)
    return op.outputs[0] if op.num_outputs == 1 else op.outputs


def packed(function: Callable[..., Any]) -> Callable[[list[Tensor], list[Tensor]], OutsideCall]:
    """Return the rule of a ``te.extern`` that calls the Python ``function(*ins, *outs)``.

    When the kernel runs, the function gets NumPy arrays on the kernel's own memory, those of
    inputs read-only, and fills those of outputs.

    Raises
    ------
    DTypeError
        ``function`` cannot be called.

    >>> import numpy as np
    >>> import texpr
    >>> from texpr import te
    >>> def sort(a, out):
    ...     out[:] = np.sort(a)
    >>> A = te.placeholder((3,), name="A")
    >>> B = te.extern((3,), [A], te.packed(sort), name="B")
    >>> texpr.build(te.create_schedule(B.op))(np.array([3, 1, 2], "float32"))
    array([1., 2., 3.], dtype=float32)
    """
    checked = _python_function(function, "packed")
    return lambda ins, outs: OutsideCall(checked, (*ins, *outs))


def call_packed(function: Callable[..., Any], *args: Any) -> OutsideCall:
    """Call a Python function of whole tensors and scalars when the kernel runs.

    Parameters
    ----------
    function : callable
        It gets a NumPy array for each tensor, on the kernel's own memory and read-only if it is
        an input, and a Python number for each scalar. It fills the outputs and returns nothing,
        or one of them. The arrays are there during the call only.
    *args
        Tensors among the ``ins`` and ``outs`` of the rule, scalar expressions of sizes, numbers.

    Raises
    ------
    DTypeError
        ``function`` cannot be called.

    >>> import numpy as np
    >>> from texpr import te
    >>> A = te.placeholder((te.size_var("n"),), name="A")
    >>> rule = lambda ins, outs: te.call_packed(np.power, ins[0], A.shape[0], outs[0])
    >>> print(te.create_schedule(te.extern(A.shape, [A], rule, name="B").op))
    def B(A: float32[n], B: out float32[n]):
        B[...] = extern power(A, n, B)
    """
    return OutsideCall(_python_function(function, "call_packed"), args)


def call_extern(dtype: object, function: Any, *args: Any) -> OutsideCall:
    """Call a C function of whole tensors and scalars when the kernel runs.

    Parameters
    ----------
    dtype : str or DType, or None
        The type that it returns, which nobody looks at; None or "void" is nothing.
    function : str, a function of ctypes', or int
        Its symbol, to be found in this process; the function as ``ctypes.CDLL(path).name`` has
        it; or its address. It is called without Python's GIL.
    *args
        Tensors among the ``ins`` and ``outs`` of the rule, passed as pointers to their first
        elements; scalars, passed in the C type of their width: ``A.shape[0]`` is an int64, and
        ``.astype("int32")`` makes an ``int`` of it. Tensors are dense and in C order.

    Raises
    ------
    DTypeError
        A type that C does not have; something that is no C function.

    >>> import numpy as np
    >>> import texpr
    >>> from texpr import te
    >>> A = te.placeholder((3,), name="A")
    >>> rule = lambda ins, outs: te.call_extern("void", "memcpy", outs[0], ins[0], 3 * 4)
    >>> B = te.extern((3,), [A], rule, name="B")
    >>> texpr.build(te.create_schedule(B.op))(np.ones(3, "float32"))
    array([1., 1., 1.], dtype=float32)
    """
    made = _c_function(function, "call_extern")
    result = None if dtype is None or dtype == "void" else as_dtype(dtype)
    if result is not None:
        c_type(result)
    return OutsideCall(made, args, result)


def call_pure_extern(dtype: object, function: Any, *args: Any) -> Expr:
    """Call a function from outside on scalars, as a part of an expression.

    It must be pure: its value follows from its arguments, and calling it has no other effect.
    So it may stand in vectorized and parallel loops, where it is called for one element after the
    other, in any order and from several threads.

    Parameters
    ----------
    dtype : str or DType
        The type that it returns.
    function : callable, str, a function of ctypes', or int
        A Python function of Python's numbers; or a C function as in :func:`call_extern`.
    *args : expressions or numbers
        The arguments; a bare number takes the type of the first expression among them.

    Raises
    ------
    DTypeError
        No argument; a type that C does not have; something that cannot be called.

    >>> import numpy as np
    >>> import texpr
    >>> from texpr import te
    >>> A = te.placeholder((2,), "float64", name="A")
    >>> B = te.compute((2,), lambda i: te.call_pure_extern("float64", "cbrt", A[i]), name="B")
    >>> texpr.build(te.create_schedule(B.op))(np.array([8.0, 27.0]))
    array([2., 3.])
    """
    what = "call_pure_extern"
    result = as_dtype(dtype)
    made: ExternFunction
    if isinstance(function, (str, int, CFuncPtr)):
        made = _c_function(function, what)
    else:
        made = _python_function(function, what)
    if not args:
        raise DTypeError(
            f"{what}: {made.name} has no argument, and so one value; call it in Python and pass "
            f"te.const of that"
        )
    like = next((x.dtype for x in map(_maybe_expr, args) if x is not None), None)
    values = _scalars(made, args, like)
    if isinstance(made, CFunction):
        for value in values:
            c_type(value.dtype)
        c_type(result)
    types = tuple(value.dtype for value in values)
    return Call(ScalarFunction(made, types, result), values)


# ---------------------------------------------------------------- functions

_NEEDS_GIL: Final = 4  # ctypes' FUNCFLAG_PYTHONAPI


def _python_function(function: object, what: str) -> PythonFunction:
    if not callable(function) or isinstance(function, CFuncPtr):
        raise DTypeError(
            f"{what}: {shown(function)} is no Python function; pass one, or call a C function "
            f"with te.call_extern"
        )
    return PythonFunction(_word(getattr(function, "__name__", type(function).__name__)), function)


def _c_function(function: object, what: str) -> CFunction:
    if isinstance(function, str):
        if not function.isidentifier():
            raise DTypeError(f"{what}: {function!r} cannot be the symbol of a C function")
        return CFunction(function)
    if isinstance(function, CFuncPtr):
        if function._flags_ & _NEEDS_GIL:
            raise DTypeError(
                f"{what}: {shown(function)} is called with Python's GIL, which a kernel has given "
                f"up; call it from a Python function, te.call_packed"
            )
        address = ctypes.cast(function, ctypes.c_void_p).value
        told: Any = function.argtypes
        declared = None if told is None else tuple(told)
        name = _word(getattr(function, "__name__", "function"))
        return CFunction(name, address, function, declared)
    if isinstance(function, (int, np.integer)) and not isinstance(function, bool) and function > 0:
        return CFunction("function", int(function))
    raise DTypeError(
        f"{what}: {shown(function)} is no C function; pass its symbol, a function of ctypes' or "
        f"its address"
    )


def _word(name: str) -> str:
    """Return the name as it can stand in printed Python and in machine code."""
    name = "lambda" if name == "<lambda>" else name
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name)


# ---------------------------------------------------------------- arguments


def _maybe_expr(value: Any) -> Expr | None:
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        return None
    return as_expr(value)


def _scalars(function: ExternFunction, args: Sequence[Any], like: DType | None) -> list[Expr]:
    """Return scalar arguments as expressions, of the types that ctypes was told where it was."""
    declared = _declared(function, len(args))
    return [
        _scalar(value, like, function.name, kind)
        for value, kind in zip(args, declared, strict=True)
    ]


def _declared(function: ExternFunction, count: int) -> tuple[Any, ...]:
    declared = function.declared if isinstance(function, CFunction) else None
    if declared is None:
        return (None,) * count
    if len(declared) != count:
        raise DTypeError(
            f"{function.name}: {count} arguments, and its argtypes are {len(declared)}; "
            f"pass one for each"
        )
    return declared


def _scalar(value: Any, like: DType | None, name: str, declared: Any) -> Expr:
    wanted = None if declared is None else _dtype_of_c(declared)
    if declared is not None and wanted is None:
        raise DTypeError(
            f"{name}: {shown(value)} is passed as a scalar, and its argtypes say "
            f"{declared.__name__}; pass a tensor there"
        )
    known = _maybe_expr(value)
    if known is None:
        weak = like if like is not None and (like.is_float or isinstance(value, int)) else None
        return as_expr(value, wanted or weak)
    if wanted is not None and known.dtype is not wanted:
        raise DTypeError(
            f"{name}: {known} is {known.dtype}, and its argtypes say {wanted}; "
            f"cast it, x.astype('{wanted}')"
        )
    return known


def _dtype_of_c(declared: Any) -> DType | None:
    """Return the type of scalar that ctypes' ``declared`` is, None where it is a pointer."""
    code = getattr(declared, "_type_", None)
    if not isinstance(code, str) or code not in "?bBhHiIlLqQfd":
        return None
    kind = "bool" if code == "?" else "float" if code in "fd" else "int"
    kind = f"u{kind}" if code in "BHILQ" else kind
    return as_dtype(kind if kind == "bool" else f"{kind}{8 * ctypes.sizeof(declared)}")


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
    for value, declared in zip(call.args, _declared(function, len(call.args)), strict=True):
        if isinstance(value, Tensor):
            if value not in known:
                raise TexprError(
                    f"extern: {function.name} of {op.name!r} takes {value!r}, which is none of "
                    f"its inputs; pass it in inputs=[…]"
                )
            if declared is not None and _dtype_of_c(declared) is not None:
                raise DTypeError(
                    f"{function.name}: {value!r} is passed as a pointer, and its argtypes say "
                    f"{declared.__name__}; pass a scalar there"
                )
            args.append(value)
            continue
        scalar = _scalar(value, None, function.name, declared)
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
