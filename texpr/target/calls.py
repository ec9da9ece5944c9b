"""The calls of a kernel: a builtin made of its machine code, and what that declines.

A call is a call of machine code (:mod:`texpr.target.llvm.entry`) that checks its arguments and
runs. What it declines comes here: keywords, outputs to be made, arrays of other libraries, strided
views, and whatever is wrong and wants an explanation.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import numpy as np

from texpr.errors import ArrayMemoryError, BoundsError, InternalError, ShapeError
from texpr.ir.expr import int_value
from texpr.target.arguments import MISSING, Array, Checked, bind, check, new_array
from texpr.target.callbacks import Failures, forget_locals
from texpr.target.dlpack import NotShared, array_of, is_exporter
from texpr.target.signature import (
    CALLBACK_FAILED,
    ENTRY,
    OUT_OF_BOUNDS,
    OUT_OF_MEMORY,
    TRUSTED_ENTRY,
    Signature,
)


class Code(Protocol):
    """Machine code in this process, alive while this object is."""

    @property
    def llvm(self) -> str: ...
    @property
    def asm(self) -> str: ...
    @property
    def size_bytes(self) -> int | None:
        """How long the kernel's machine code is, None where none was made."""

    def address(self, symbol: str) -> int: ...


# ---------------------------------------------------------------- builtins

_METH_FASTCALL_KEYWORDS: Final = 0x0080 | 0x0002

_new_builtin = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_char_p, ctypes.py_object, ctypes.c_void_p
)(("PyCFunction_NewEx", ctypes.pythonapi))


class _Owner(NamedTuple):
    """The ``self`` of a builtin: keeps alive what it points at, and takes the calls it declines.

    It is a tuple because the garbage collector never clears one: CPython reads the definition
    while it frees the builtin, so the definition must go later, also where both are garbage.
    """

    definition: bytes
    """A ``PyMethodDef``; the two texts are those that it points at."""
    name: bytes
    doc: bytes
    code: Code
    decline: Callable[..., Any]
    fail: Callable[..., None]

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        return self.decline(*args, **named)


def builtin(
    signature: Signature,
    code: Code,
    symbol: str,
    decline: Callable[..., Any],
    fail: Callable[..., None],
) -> Callable[..., Any]:
    """Return the machine code at ``symbol`` as a Python builtin."""
    name = signature.name.encode()
    doc = str(signature).encode()
    definition = struct.pack(
        "@PPiP", _address(name), code.address(symbol), _METH_FASTCALL_KEYWORDS, _address(doc)
    )
    owner = _Owner(definition, name, doc, code, decline, fail)
    made: Callable[..., Any] = _new_builtin(definition, owner, None)
    return made


def _address(text: bytes) -> int | None:
    """Where the bytes of ``text``, which end in a 0, are; they stay there while it lives."""
    return ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value


def _declined(*args: Any, **named: Any) -> object:
    """Tell whoever tries a call that the machine code has declined it: one that runs gives None."""
    return MISSING


# ---------------------------------------------------------------- calls that the fast path declines


MAX_FLAVOURS: Final = 8
"""How many strided flavours a kernel compiles, beside the one for whatever comes."""


class _Flavour(NamedTuple):
    """Two builtins of one strided flavour."""

    attempt: Callable[..., Any]
    """Checks its arguments, and may decline them."""
    trusted: Callable[..., Any]
    """Takes arguments that are checked."""


class Calls:
    """The calls of one kernel, beyond those that go right through its machine code."""

    def __init__(
        self,
        signature: Signature,
        code: Code,
        sites: Sequence[str],
        compile_strided: Callable[[frozenset[int]], Code] | None,
        failures: Failures | None,
    ) -> None:
        self.failures = {} if failures is None else failures
        self.signature = signature
        self.sites = tuple(sites)
        self.compile_strided = compile_strided
        self.lock = threading.Lock()
        self.flavours: dict[frozenset[int], _Flavour] = {}
        self.arrays = [
            (at, parameter.is_output)
            for at, parameter in enumerate(signature.parameters)
            if parameter.is_array
        ]
        self.recipes = _recipes(signature)
        self.fast = builtin(signature, code, ENTRY, self.declined, self.fail)
        self.attempt = builtin(signature, code, ENTRY, _declined, self.fail)
        self.dense = builtin(signature, code, ENTRY, self.disagree, self.fail)

    def declined(self, /, *args: Any, **named: Any) -> Any:
        """Take a call that the machine code of the dense flavour has declined.

        One that names arguments, leaves outputs out or passes arrays of other libraries is
        completed, and tried again.
        """
        values = self.placed(args, named)
        is_shared = self.share(values)
        made = self.filled(values)
        if made is not None:
            is_another = bool(made or named or is_shared)
            if is_another and self.attempt(*values) is None:
                return returned(made)
            flavour = self.flavours.get(self.rows(values)) if self.flavours else None
            if flavour is not None and flavour.attempt(*values) is None:
                return returned(made)
        return self.explained(*args, **named)

    def placed(self, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """Return the value of every parameter, ``MISSING`` for outputs to be made."""
        count = len(self.signature.parameters)
        if not named and len(args) == count:
            return list(args)
        if not named and len(args) == len(self.signature.required_places):
            values = [MISSING] * count
            for at, value in zip(self.signature.required_places, args, strict=True):
                values[at] = value
            return values
        return bind(self.signature, args, named)

    def share(self, values: list[Any]) -> bool:
        """Put NumPy arrays in the places of arrays of other libraries; say whether there were any.

        What cannot be shared stays, and is explained by the checks in Python.
        """
        found = False
        for at, is_output in self.arrays:
            value = values[at]
            if type(value) is np.ndarray or value is MISSING or not is_exporter(value):
                continue
            try:
                values[at] = array_of(value, is_output=is_output)
            except NotShared:
                continue
            found = True
        return found

    def filled(self, values: list[Any]) -> list[Array] | None:
        """Put new arrays in the places of ``values`` that are missing, and return them.

        None where their extents are no plain extents of the arrays there are, or where these are
        not what they should be: the checks in Python know better.
        """
        made = []
        for at, what, dtype, extents in self.recipes:
            if values[at] is not MISSING:
                continue
            shape = []
            for place, extent in extents:
                if place is None:
                    shape.append(extent)
                elif isinstance(values[place], np.ndarray) and extent < values[place].ndim:
                    shape.append(values[place].shape[extent])
                else:
                    return None
            array = new_array(what, shape, dtype)
            made.append(array)
            values[at] = array
        return None if any(value is MISSING for value in values) else made

    def explained(self, /, *args: Any, **named: Any) -> Any:
        """Check the arguments in Python, which raises what is wrong with them; then run."""
        checked = self.checked(args, named)
        if checked.is_dense:
            self.dense(*checked.values)
        else:
            self.flavour(self.rows(checked.values)).trusted(*checked.values)
        return returned(checked.made)

    def checked(self, args: Sequence[Any], named: dict[str, Any]) -> Checked:
        return check(self.signature, bind(self.signature, args, named))

    def rows(self, values: Sequence[Any]) -> frozenset[int]:
        """Return the arrays whose last dimension has no gaps.

        Once so many flavours were compiled that a kernel has no more, those of one that it has.
        """
        found = []
        for at, _ in self.arrays:
            array = values[at]
            if isinstance(array, np.ndarray) and array.ndim:
                is_unit = array.strides[-1] == array.itemsize
                if is_unit or array.shape[-1] <= 1 or array.size == 0:  # never stepped along
                    found.append(at)
        rows = frozenset(found)
        is_full = len(self.flavours) >= MAX_FLAVOURS
        return frozenset() if is_full and rows not in self.flavours else rows

    def flavour(self, rows: frozenset[int]) -> _Flavour:
        """Return the strided flavour for arrays of which ``rows`` have rows without gaps."""
        with self.lock:
            if rows not in self.flavours:
                if self.compile_strided is None:
                    raise ShapeError(
                        f"{self.signature.name}: an array is not C-contiguous or not aligned, and "
                        f"this kernel takes no strides; pass np.ascontiguousarray of it"
                    )
                code = self.compile_strided(rows)
                self.flavours[rows] = _Flavour(
                    builtin(self.signature, code, ENTRY, _declined, self.fail),
                    builtin(self.signature, code, TRUSTED_ENTRY, self.disagree, self.fail),
                )
            return self.flavours[rows]

    def disagree(self, /, *args: Any, **named: Any) -> NoReturn:
        raise InternalError(
            f"{self.signature.name}: machine code declines arguments in which Python finds no fault"
        )

    def fail(
        self, status: int, site: int, index: int, extent: int, dimension: int, call: int
    ) -> NoReturn:
        """Raise what the status of compiled code means."""
        name = self.signature.name
        # Where threads fail in several ways at once, it is there and the status is another one's.
        raised = self.failures.pop(call, None)
        if status == OUT_OF_BOUNDS:
            raise BoundsError(
                f"{name}: {self.sites[site]}: index {index} is outside dimension {dimension} of "
                f"extent {extent}; outputs may be partly written; pass subscripts in range"
            )
        if status == OUT_OF_MEMORY:
            raise ArrayMemoryError(
                f"{name}: no memory for an intermediate buffer; "
                f"pass smaller arrays, or compute its stage at an inner loop"
            )
        if status == CALLBACK_FAILED:
            # It is missing where Ctrl-C came before the callback could begin.
            error = KeyboardInterrupt() if raised is None else raised
            forget_locals(error, sys.exc_info()[1])
            context = error.__context__
            try:
                raise error
            finally:
                error.__context__ = context  # and not what is being handled around the call
        raise InternalError(f"{name}: compiled code returned the unknown status {status}")


_Recipe = tuple[int, str, "np.dtype[Any]", list[tuple["int | None", int]]]
"""An output: its number, kernel and name for an error, its type, and for each extent the number of
an array and its dimension, or None and the extent."""


def _recipes(signature: Signature) -> list[_Recipe]:
    """How to make those fresh outputs whose extents are numbers or extents of required arrays."""
    places: dict[int, tuple[int | None, int]] = {
        id(size.var): (size.parameter, size.dimension)
        for size in signature.sizes
        if size.is_plain and not signature.parameters[size.parameter].is_fresh
    }
    recipes = []
    for at, parameter in enumerate(signature.parameters):
        for extent in parameter.shape:
            number = int_value(extent)
            if number is not None:
                places[id(extent)] = (None, number)
        if parameter.is_fresh and all(id(extent) in places for extent in parameter.shape):
            extents = [places[id(extent)] for extent in parameter.shape]
            what = f"{signature.name}: {parameter.name}"
            recipes.append((at, what, parameter.dtype.numpy, extents))
    return recipes


def returned(made: Sequence[Array]) -> Any:
    """Return what a call returns that made these outputs: None, an array, or a tuple of them."""
    if not made:
        return None
    return made[0] if len(made) == 1 else tuple(made)
