"""Functions from outside texpr: Python callables, and C functions.

A statement calls one on whole buffers (:class:`texpr.ir.program.ExternCall`), an expression one of
scalars (:class:`ScalarFunction`). Here stands what such a call means; machine code does the same.
"""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from texpr.errors import DTypeError, LoweringError, TexprError, shown
from texpr.ir.dtypes import DType
from texpr.ir.symbols import address_of


@dataclass(frozen=True, eq=False, slots=True)
class PythonFunction:
    """A Python callable.

    On buffers it gets an array for each, those of inputs read-only, and fills those of outputs;
    of scalars it gets Python's numbers.
    """

    name: str
    function: Callable[..., Any]

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TexprError(
                f"pickle: the Python function {self.name!r} is no function of a module, by whose "
                f"name it could be found again; define it at the top of one"
            ) from error
        return (PythonFunction, (self.name, self.function))

    def fill(self, arguments: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Call the function, which fills ``outputs``, some of its ``arguments``.

        Raises
        ------
        DTypeError
            It returns something, which nobody would take.
        """
        result = self.function(*arguments)
        # Functions of NumPy's with out= return what they filled.
        if result is not None and not any(result is output for output in outputs):
            raise DTypeError(
                f"{self.name}: it returned {shown(result)}, and an extern function fills its "
                f"outputs; write out[...] = … and return nothing"
            )

    def value(self, arguments: Sequence[Any], dtype: DType) -> Any:
        """Call the function of scalars and return its result, a Python number.

        Raises
        ------
        DTypeError
            It returns nothing that ``dtype`` holds but for its precision.
        """
        result = self.function(*arguments)
        if _fits(result, dtype):
            return _plain(result)
        raise DTypeError(
            f"{self.name}: it returned {shown(result)}, which is no {dtype}; "
            f"return a number of that type, or declare the type that it returns"
        )


def _fits(number: Any, dtype: DType) -> bool:
    """Whether ``number`` is one that ``dtype`` can hold, but for its precision."""
    if isinstance(number, (bool, np.bool)):
        return dtype.is_bool
    if isinstance(number, (int, np.integer)):
        return dtype.is_float or (dtype.is_integer and dtype.min <= int(number) <= dtype.max)
    return dtype.is_float and isinstance(number, (float, np.floating))


def _plain(number: Any) -> Any:
    return number.item() if isinstance(number, np.generic) else number


@dataclass(frozen=True, eq=False, slots=True)
class CFunction:
    """A function with C's calling convention, known by its symbol or by its address.

    A buffer is passed as a pointer to its first element, a scalar in the C type of its width.
    It is called without the GIL, and must not need it.
    """

    name: str
    address: int | None = None
    """None where it is to be found by its name."""
    owner: object = None
    """What keeps it alive."""
    declared: tuple[Any, ...] | None = None
    """The types of its parameters, where ctypes was told them."""

    def prototype(self, result: DType | None, parameters: Sequence[DType | None]) -> Any:
        """Return it as a callable of ctypes'; None is a pointer, and no result.

        Raises
        ------
        LoweringError
            This process has no function of that name.
        """
        address = self.address or address_of(self.name)
        if address is None:
            raise LoweringError(
                f"{self.name}: no library of this process has a function of that name; "
                f"load it with ctypes.CDLL and pass the function"
            )
        types = [ctypes.c_void_p if dtype is None else c_type(dtype) for dtype in parameters]
        kind = ctypes.CFUNCTYPE(None if result is None else c_type(result), *types)
        return kind(address)

    def fill(
        self, arguments: Sequence[Any], outputs: Sequence[Any], types: Sequence[DType | None]
    ) -> None:
        """Call the function, which fills ``outputs``, some of its ``arguments``.

        ``types`` says of each argument which scalar it is, None for an array.
        """
        dense = [np.asarray(a, order="C") if isinstance(a, np.ndarray) else a for a in arguments]
        passed = [x.ctypes.data if isinstance(x, np.ndarray) else _plain(x) for x in dense]
        self.prototype(None, types)(*passed)
        for argument, copied in zip(arguments, dense, strict=True):
            if copied is not argument and any(argument is output for output in outputs):
                argument[...] = copied


ExternFunction: TypeAlias = PythonFunction | CFunction


@dataclass(frozen=True, eq=False, slots=True)
class ScalarFunction:
    """A function from outside of scalars, pure by its author's promise.

    Whoever evaluates an expression may call it as often, in whatever order and on as many
    threads as he likes, but only with arguments at which the expression needs its value.
    """

    function: ExternFunction
    parameters: tuple[DType, ...]
    dtype: DType

    @property
    def name(self) -> str:
        return self.function.name

    def result_dtype(self, operand: DType) -> DType:
        """The type of the result."""
        return self.dtype

    def meaning(self) -> Callable[..., Any]:
        """Return the function of numbers; a float among its results is a NumPy scalar."""
        function, dtype = self.function, self.dtype
        if isinstance(function, PythonFunction):
            python = function

            def call(*numbers: Any) -> Any:
                return python.value(numbers, dtype)
        else:
            call = function.prototype(dtype, self.parameters)

        def value(*numbers: Any) -> Any:
            found = dtype.canonical(call(*map(_plain, numbers)))
            return dtype.numpy.type(found) if dtype.is_float else found

        return value


def c_type(dtype: DType) -> Any:
    """Return the type of C's, as ctypes has it, that values of ``dtype`` are passed in.

    Raises
    ------
    DTypeError
        C has none.
    """
    found = _C_TYPES.get(dtype.name)
    if found is None:
        raise DTypeError(f"C has no type for {dtype}; cast to float32 first")
    return found


_C_TYPES: Final[dict[str, Any]] = {
    "bool": ctypes.c_bool, "float32": ctypes.c_float, "float64": ctypes.c_double,
    "int8": ctypes.c_int8, "int16": ctypes.c_int16,
    "int32": ctypes.c_int32, "int64": ctypes.c_int64,
    "uint8": ctypes.c_uint8, "uint16": ctypes.c_uint16,
    "uint32": ctypes.c_uint32, "uint64": ctypes.c_uint64,
}  # fmt: skip
