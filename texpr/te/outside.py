"""Calls of functions from outside: what a program of tensors can say about them."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr  # what every function of ctypes' is an instance of
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np

from texpr.errors import DTypeError, shown
from texpr.ir.dtypes import DType, as_dtype
from texpr.ir.expr import Call, Expr, as_expr
from texpr.ir.extern import CFunction, ExternFunction, PythonFunction, ScalarFunction, c_type
from texpr.te.tensor import Tensor


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
    declared = declared_types(function, len(args))
    return [
        scalar_argument(value, like, function.name, kind)
        for value, kind in zip(args, declared, strict=True)
    ]


def declared_types(function: ExternFunction, count: int) -> tuple[Any, ...]:
    """Return what ctypes was told of each of ``count`` arguments, None where it was told nothing.

    Raises
    ------
    DTypeError
        It was told of another number of them.
    """
    declared = function.declared if isinstance(function, CFunction) else None
    if declared is None:
        return (None,) * count
    if len(declared) != count:
        raise DTypeError(
            f"{function.name}: {count} arguments, and its argtypes are {len(declared)}; "
            f"pass one for each"
        )
    return declared


def scalar_argument(value: Any, like: DType | None, name: str, declared: Any) -> Expr:
    """Return an argument of the function ``name`` as an expression of the ``declared`` type.

    A bare number takes the type ``like`` where nothing is declared.

    Raises
    ------
    DTypeError
        It has another type.
    """
    wanted = None if declared is None else dtype_of_c(declared)
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


def dtype_of_c(declared: Any) -> DType | None:
    """Return the type of scalar that ctypes' ``declared`` is, None where it is a pointer."""
    code = getattr(declared, "_type_", None)
    if not isinstance(code, str) or code not in "?bBhHiIlLqQfd":
        return None
    kind = "bool" if code == "?" else "float" if code in "fd" else "int"
    kind = f"u{kind}" if code in "BHILQ" else kind
    return as_dtype(kind if kind == "bool" else f"{kind}{8 * ctypes.sizeof(declared)}")
