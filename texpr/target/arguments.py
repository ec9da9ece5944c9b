"""The arguments of a call, bound and checked in Python, with words for everything that is wrong.

The machine code of a call makes the same checks without words; it hands over to this module
whatever it does not take, so that nothing here needs to be fast.
"""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from texpr.errors import (
    ArgumentError,
    ArrayMemoryError,
    DTypeError,
    ShapeError,
    TexprError,
    did_you_mean,
)
from texpr.ir.expr import Expr, Var, free_vars
from texpr.ir.interpreter import evaluate
from texpr.target.aliasing import check_aliasing
from texpr.target.dlpack import NotShared, array_of, is_exporter
from texpr.target.signature import Parameter, Signature

Array = np.ndarray[Any, Any]

MISSING: Final = object()
"""Stands for an output that the call leaves out."""


@dataclass(frozen=True)
class Checked:
    """Arguments in which nothing is wrong."""

    values: list[Any]
    """One for each parameter: NumPy arrays, and Python scalars."""
    made: list[Array]
    """The outputs that the call left out."""
    is_dense: bool
    """Whether all arrays are C-contiguous and aligned."""


def bind(signature: Signature, args: Sequence[object], named: Mapping[str, object]) -> list[Any]:
    """Return one value for each parameter, ``MISSING`` for fresh outputs that are left out.

    Positional arguments are those of the parameters in order, or of the parameters but the fresh
    outputs, where exactly so many are given.

    Raises
    ------
    ArgumentError
        Too many, too few, or of an unknown name.
    """
    values: list[Any] = [MISSING] * len(signature.parameters)
    required = signature.required_places
    given_required = len(args)
    for name, value in named.items():
        place = signature.places.get(name)
        if place is None:
            raise ArgumentError(
                f"{signature.name}: no parameter is called {name!r}"
                f"{did_you_mean(name, signature.places)}; call it as {signature}"
            )
        values[place] = value
        given_required += place in required
    if given_required == len(required):
        slots = [place for place in required if values[place] is MISSING]
    else:
        slots = list(range(len(values)))
    if len(args) > len(slots):
        raise ArgumentError(
            f"{signature.name}: {len(args)} arguments were given and it takes {len(values)}; "
            f"call it as {signature}"
        )
    for place, value in zip(slots, args, strict=False):
        if values[place] is not MISSING:
            raise ArgumentError(
                f"{signature.name}: {signature.parameters[place].name} was given both by position "
                f"and by name; leave one out"
            )
        values[place] = value
    missing = [signature.parameters[place].name for place in required if values[place] is MISSING]
    if missing:
        noun = "argument" if len(missing) == 1 else "arguments"
        raise ArgumentError(
            f"{signature.name}: missing the {noun} {', '.join(missing)}; call it as {signature}"
        )
    return values


def check(signature: Signature, bound: Sequence[Any]) -> Checked:
    """Check ``bound`` (of :func:`bind`), make the outputs it lacks, and return what to pass on.

    Raises
    ------
    DTypeError
        A value of the wrong kind or type.
    ShapeError
        Extents that disagree, or a requirement that does not hold.
    TexprError
        An output that is read-only or overlaps another array.
    """
    return _Check(signature, list(bound)).run()


class _Check:
    def __init__(self, signature: Signature, values: list[Any]) -> None:
        self.signature = signature
        self.values = values
        self.given = tuple(values)
        self.sizes: dict[Var, Any] = {}
        self.origin = {size.var: size for size in signature.sizes}

    def wrong(self, error: type[TexprError], what: str, advice: str) -> TexprError:
        return error(f"{self.signature.name}: {what}; {advice}")

    def run(self) -> Checked:
        parameters = list(enumerate(self.signature.parameters))
        present = [(at, each) for at, each in parameters if self.values[at] is not MISSING]
        for at, parameter in present:
            if parameter.is_array:
                self.values[at] = self.as_array(parameter, self.values[at])
            else:
                self.values[at] = self.as_scalar(parameter, self.values[at])
        for at, parameter in present:
            if parameter.is_array:
                self.check_dtype(parameter, self.values[at], self.given[at])
                self.check_ndim(parameter, self.values[at])
        self.find_sizes()
        made = []
        for at, parameter in parameters:
            if self.values[at] is MISSING:
                self.values[at] = self.make(parameter)
                made.append(self.values[at])
        self.check_extents()
        self.check_requirements()
        arrays = [(each, self.values[at]) for at, each in parameters if each.is_array]
        for parameter, array in arrays:
            if parameter.is_output and not array.flags.writeable:
                raise self.wrong(
                    TexprError,
                    f"{parameter.name} is read-only, and the kernel writes it",
                    f"pass an array that may be written, such as np.array({parameter.name})",
                )
        check_aliasing(self.signature.name, arrays)
        is_dense = all(_is_dense(array) for _, array in arrays)
        if not is_dense:
            self.check_strides(arrays)
        return Checked(self.values, made, is_dense)

    # ------------------------------------------------------------ kinds and types

    def as_array(self, parameter: Parameter, value: Any) -> Array:
        array, own = self.shared(parameter, value), parameter.dtype.numpy
        # Of bfloat16, machine code knows only the one object that NumPy has for it.
        return array.view(own) if array.dtype == own and array.dtype is not own else array

    def shared(self, parameter: Parameter, value: Any) -> Array:
        """Return the NumPy array that ``value`` is, or one that shares its memory."""
        if isinstance(value, np.ndarray):
            return value
        try:
            return np.asarray(memoryview(value))
        except (TypeError, ValueError, BufferError, NotImplementedError) as error:
            refusal = error
        name = parameter.name
        if is_exporter(value):
            try:
                return array_of(value, is_output=parameter.is_output)
            except NotShared as error:
                what = f"{name} is {_described(value)}{error.what}"
                raise self.wrong(DTypeError, what, error.advice.format(name=name)) from error
        raise self.wrong(DTypeError, *self.no_array(parameter, value, refusal)) from None

    def no_array(self, parameter: Parameter, value: Any, refusal: Exception) -> tuple[str, str]:
        """Say what ``value`` is, which is no array, and what to pass."""
        name, dtype = parameter.name, parameter.dtype
        kind = f"{name} is {_described(value)}"
        if isinstance(value, (list, tuple)):
            return f"{kind}, not an array", f"pass np.asarray({name}, dtype={dtype.name!r})"
        if isinstance(value, (bool, int, float, complex)):
            return (
                f"{name} is the number {value!r}, not an array",
                f"pass an array of {dtype}{_shape_text(self.signature, parameter)}",
            )
        if hasattr(value, "__array__"):
            return f"{kind}, which has no buffer protocol", f"pass np.asarray({name})"
        return (
            f"{kind}, not an array ({refusal})",
            "pass a NumPy array, or an object with the buffer protocol or DLPack",
        )

    def as_scalar(self, parameter: Parameter, value: Any) -> bool | int | float:
        number = self.as_number(parameter, value)
        name, dtype, var = parameter.name, parameter.dtype, parameter.source
        if dtype.is_integer and not dtype.min <= number <= dtype.max:
            raise self.too_large(parameter, number, f"{dtype} ({dtype.min} to {dtype.max})")
        assert isinstance(var, Var)  # what a scalar parameter stands for
        if var.is_size and number < 0:
            raise self.wrong(
                ShapeError, f"the size {name} is {number}", "pass one that is at least 0"
            )
        self.sizes[var] = number
        return number

    def as_number(self, parameter: Parameter, value: Any) -> bool | int | float:
        """Return ``value`` as a Python scalar of the parameter's kind."""
        name, dtype = parameter.name, parameter.dtype
        try:
            if isinstance(value, np.ndarray) and not value.ndim:
                value = value[()]
            if dtype.is_bool and isinstance(value, (bool, np.bool_)):
                return bool(value)
            if dtype.is_integer:
                return operator.index(value)
            # float() also reads text, and arrays of one element.
            if dtype.is_float and not isinstance(value, (str, bytes, bytearray, np.ndarray)):
                return float(value)
        except OverflowError:
            raise self.too_large(parameter, value, str(dtype)) from None
        except (TypeError, ValueError):
            pass
        is_plain = isinstance(value, (str, bytes, bool, int, float, complex))
        shown = f"{name} = {reprlib.repr(value)}" if is_plain else name
        wanted = {"bool": "True or False", "float": "a number"}.get(dtype.kind, "an int")
        raise self.wrong(
            DTypeError,
            f"{shown} is {_described(value)} where the scalar {dtype} is wanted",
            f"pass {wanted}",
        )

    def too_large(self, parameter: Parameter, number: Any, kind: str) -> TexprError:
        return self.wrong(
            DTypeError,
            f"{parameter.name} = {reprlib.repr(number)} does not fit {kind}",
            "pass a smaller value, or declare a wider type",
        )

    def check_dtype(self, parameter: Parameter, array: Array, given: object) -> None:
        name, dtype = parameter.name, parameter.dtype
        if array.dtype == dtype.numpy:
            return
        if parameter.is_output:  # the result would go into a copy
            advice = f"allocate it with dtype {dtype.name!r}"
        elif not hasattr(given, "astype"):  # an array of another library
            advice = f"convert it to {dtype} first"
        else:
            advice = f"pass {name}.astype({dtype.name!r})"
        if array.dtype == np.uint16 and dtype.is_float and dtype.bits == 16:
            advice += f", or {name}.view({dtype.name!r}) if these are its bits"
        if array.dtype.newbyteorder() == dtype.numpy:
            what = f"{name} has the byte order of another machine (dtype {array.dtype.str!r})"
        elif array.dtype == object:
            what = f"{name} holds Python objects (dtype object) where {dtype} is wanted"
        else:
            what = f"{name} is {array.dtype} where {dtype} is wanted"
        raise self.wrong(DTypeError, what, advice)

    def check_ndim(self, parameter: Parameter, array: Array) -> None:
        if array.ndim != parameter.ndim:
            wanted = _shape_text(self.signature, parameter)
            raise self.wrong(
                ShapeError,
                f"{parameter.name} has {_count(array.ndim, 'dimension')}, shape {array.shape}, "
                f"where {parameter.ndim} are declared, {wanted}",
                f"reshape {parameter.name}, or index it with None where a dimension lacks",
            )

    # ------------------------------------------------------------ extents

    def find_sizes(self) -> None:
        for size in self.signature.sizes:
            parameter = self.signature.parameters[size.parameter]
            array = self.values[size.parameter]
            name = self.text(size.var)
            if array is MISSING:
                raise self.wrong(
                    ShapeError,
                    f"the size {name} follows from {parameter.name} only, which was left out",
                    f"pass {parameter.name}",
                )
            extent = array.shape[size.dimension]
            value = extent
            if not size.is_plain:
                value = int(evaluate(size.value, {**self.sizes, size.extent: extent}))
            if value > size.var.dtype.max or value < (
                0 if size.var.is_size else size.var.dtype.min
            ):
                raise self.wrong(
                    ShapeError,
                    f"{parameter.name}'s extent {size.dimension} is {extent}, which makes {name} "
                    f"{value}",
                    f"pass an array from which {name} is 0 or more and fits {size.var.dtype}",
                )
            self.sizes[size.var] = value

    def value(self, expr: Expr) -> int:
        return (
            int(self.sizes[expr])
            if isinstance(expr, Var)
            else int(evaluate(expr, self.scope(expr)))
        )

    def scope(self, expr: Expr) -> dict[Var, Any]:
        return {var: self.sizes[var] for var in free_vars(expr)}

    def make(self, parameter: Parameter) -> Array:
        shape = [self.value(extent) for extent in parameter.shape]
        for dimension, extent in enumerate(shape):
            if extent < 0:
                explained = self.explained(parameter.shape[dimension], extent)
                raise self.wrong(
                    ShapeError,
                    f"{parameter.name} would have a negative extent {dimension}: {explained}",
                    "pass larger arrays",
                )
        return new_array(f"{self.signature.name}: {parameter.name}", shape, parameter.dtype.numpy)

    def check_extents(self) -> None:
        solved = {(size.parameter, size.dimension) for size in self.signature.sizes}
        for extent in self.signature.extents:
            parameter = self.signature.parameters[extent.parameter]
            found = self.values[extent.parameter].shape[extent.dimension]
            expected = self.value(extent.expected)
            if found == expected:
                continue
            what = f"{parameter.name}'s extent {extent.dimension} is {found}"
            text = self.text(extent.expected)
            if (extent.parameter, extent.dimension) in solved:
                what += f", which no {self.variables(extent.expected)} makes of {text}"
            else:
                what += f" where {self.explained(extent.expected, expected)}"
            raise self.wrong(ShapeError, what, f"pass arrays whose shapes fit {self.signature}")

    def check_requirements(self) -> None:
        for requirement in self.signature.requirements:
            if not evaluate(requirement, self.scope(requirement)):
                values = ", ".join(self.valued(var) for var in free_vars(requirement))
                raise self.wrong(
                    ShapeError,
                    f"it requires {self.text(requirement)}, but {values}",
                    "pass arguments that satisfy it",
                )

    # ------------------------------------------------------------ words

    def text(self, expr: Expr) -> str:
        return self.signature.text(expr)

    def variables(self, expr: Expr) -> str:
        return " and ".join(self.text(var) for var in free_vars(expr))

    def valued(self, var: Var) -> str:
        """``k = 4 from A's extent 1``, or ``k = 4`` for an argument."""
        text = f"{self.text(var)} = {self.sizes[var]}"
        size = self.origin.get(var)
        if size is None:
            return text
        name = self.signature.parameters[size.parameter].name
        return f"{text} from {name}'s extent {size.dimension}"

    def explained(self, expr: Expr, value: int) -> str:
        if isinstance(expr, Var):
            return self.valued(expr)
        used = free_vars(expr)
        if not used:
            return f"{value} is declared"
        return f"{self.text(expr)} = {value} ({', '.join(map(self.valued, used))})"

    # ------------------------------------------------------------ layout

    def check_strides(self, arrays: Sequence[tuple[Parameter, Array]]) -> None:
        for parameter, array in arrays:
            steps = [
                step for step, extent in zip(array.strides, array.shape, strict=True) if extent > 1
            ]
            if array.size and any(step % array.itemsize for step in steps):
                copy = f"np.ascontiguousarray({parameter.name})"
                raise self.wrong(
                    ShapeError,
                    f"{parameter.name} has strides of {array.strides} bytes, no multiples of "
                    f"the {array.itemsize} bytes of {parameter.dtype}",
                    "pass a contiguous array" if parameter.is_output else f"pass {copy}",
                )


def new_array(what: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """Return an array whose elements hold nothing yet.

    Raises
    ------
    ArrayMemoryError
        No memory holds it; ``what`` says what it would have been.
    """
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):  # more bytes than there are; more than can be counted
        extents = "×".join(map(str, shape))
        raise ArrayMemoryError(
            f"{what}, left out, would be a new array of {extents} {dtype}, for which there is no "
            f"memory; pass smaller arrays"
        ) from None


def _is_dense(array: Array) -> bool:
    address: int = array.__array_interface__["data"][0]
    return array.flags.c_contiguous and (array.size == 0 or address % array.itemsize == 0)


def _described(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    article = "an" if (module or kind.__qualname__)[0].lower() in "aeiou" else "a"
    return f"{article} {module}{kind.__qualname__}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _shape_text(signature: Signature, parameter: Parameter) -> str:
    return f"[{', '.join(map(signature.text, parameter.shape))}]"
