"""The machine code by which Python calls a kernel.

:func:`emit_entry` makes a function that CPython calls as a builtin, by the convention
``METH_FASTCALL | METH_KEYWORDS``. Where every argument is as it should be it reads the arguments,
runs the kernel without the GIL and returns None, in well under a microsecond. Anything else - a
keyword, a check that fails, an exception - it hands to ``self(*args, **kwargs)``, the Python
object that the builtin was made with, which says in words what is wrong. A kernel that returns a
status other than 0 ends in ``self.fail(status, site, index, extent, dimension, call)``; the last
is the number by which its callbacks know the call.

Only the public C API is called, and of all of CPython's structures only ``Py_buffer``, whose
layout is fixed, is known here; ``None``, ``True``, ``False``, ``Exception`` and NumPy's bfloat16
are taken by the addresses that they have in this process, so the code is good for it only.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from texpr.ir.dtypes import FLOAT64, INT64, DType
from texpr.ir.expr import Const, Expr, Var
from texpr.target.llvm.arithmetic import Arithmetic
from texpr.target.llvm.arrays import View, acquire
from texpr.target.llvm.mathfunctions import MathFunctions
from texpr.target.llvm.python_api import (
    BOOL,
    BYTE,
    FALSE,
    I32,
    I64,
    NULL,
    PTR,
    PY_FALSE,
    PY_NONE,
    PY_TRUE,
    TRUE,
    PythonApi,
    element,
    int32,
    int64,
    stack_room,
)
from texpr.target.llvm.types import internal
from texpr.target.signature import ENTRY, TRUSTED_ENTRY, Parameter, Signature

EmitInt = Callable[[ir.IRBuilder, Expr, dict[Var, ir.Value]], ir.Value]
"""Emits an expression of sizes and scalars; each variable's value is of its type, a bool 1 bit."""

_DONE, _SLOW, _RAISED, _FAILED = range(4)


def emit_entry(
    kernel: ir.Function,
    signature: Signature,
    emit_int: EmitInt,
    *,
    rows: frozenset[int] | None = None,
) -> ir.Module:
    """Return a module with the entry of ``kernel`` under the name ``ENTRY``.

    The dense flavour checks that every array is C-contiguous and aligned. A strided flavour
    passes strides to the kernel instead, and also has ``TRUSTED_ENTRY``, for arrays of which
    Python has found that no output overlaps anything, which byte ranges alone may not show.

    It is a module of its own so that it can be compiled without optimisation, five times as fast
    and 20 ns slower a call, and so that a kernel's IR and assembly show the kernel alone.

    Parameters
    ----------
    kernel : llvmlite.ir.Function
        In the convention of :mod:`texpr.target.signature`, with external linkage.
    signature : Signature
    emit_int : callable
        Emits an extent or a requirement: ``emit_int(builder, expr, {var: value}) -> value``.
    rows : frozenset of int, optional
        Of a strided flavour, the parameters whose last stride is 1 and is not passed.
    """
    module = ir.Module(f"{kernel.name}_entry")
    callee = ir.Function(module, kernel.function_type, kernel.name)
    api = PythonApi(module)
    if rows is None:
        function = ir.Function(module, _ENTRY_TYPE, ENTRY)
        _Entry(api, function, callee, signature, emit_int).emit()
        return module
    body = internal(module, f"{ENTRY}.body", PTR, (*_ENTRY_TYPE.args, BOOL), ["noinline"])
    _Entry(api, body, callee, signature, emit_int, body.args[4], rows).emit()
    for name, trusted in ((ENTRY, FALSE), (TRUSTED_ENTRY, TRUE)):
        function = ir.Function(module, _ENTRY_TYPE, name)
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(builder.call(body, (*function.args, trusted)))
    return module


_ENTRY_TYPE = ir.FunctionType(PTR, (PTR, PTR, I64, PTR))


class _Entry:
    """Emits one entry; ``trusted`` is None in the dense flavour."""

    def __init__(
        self,
        api: PythonApi,
        function: ir.Function,
        kernel: ir.Function,
        signature: Signature,
        emit_int: EmitInt,
        trusted: ir.Value | None = None,
        rows: frozenset[int] = frozenset(),
    ) -> None:
        self.api = api
        self.function = function
        self.kernel = kernel
        self.signature = signature
        self.emit_int = emit_int
        self.trusted = trusted
        self.rows = rows
        self.builder = ir.IRBuilder(function.append_basic_block("start"))
        self.views: dict[int, View] = {}
        self.values: dict[Var, ir.Value] = {}
        self.failed = function.append_basic_block("failed")
        self.release = function.append_basic_block("release")
        with self.builder.goto_block(self.release):
            self.outcome = self.builder.phi(I32, "outcome")
            self.status = self.builder.phi(I64, "status")

    def emit(self) -> None:
        """Emit the whole function."""
        b = self.builder
        error = stack_room(b, I64, 4)
        for position, parameter in enumerate(self.signature.parameters):
            if parameter.is_array:
                self.views[position] = View(b, parameter, strided=self.trusted is not None)
        _, _, count, keywords = self.function.args[:4]
        right_count = b.icmp_signed("==", count, int64(len(self.signature.parameters)))
        self.check(b.and_(right_count, b.icmp_unsigned("==", keywords, NULL)))
        # Scalars first: reading one may run Python code, which had better find no buffer held.
        for position, parameter in enumerate(self.signature.parameters):
            if isinstance(parameter.source, Var):
                self.values[parameter.source] = self.read_scalar(parameter, self.arg(position))
        for position, view in self.views.items():
            self.check(acquire(self.api, b, self.arg(position), view))
        for position in sorted(self.rows):
            self.check(self.views[position].has_rows())
        self.check_extents()
        self.check_overlap()
        self.run(error)
        self.finish(error)

    def arg(self, position: int) -> ir.Value:
        return element(self.builder, self.function.args[1], int64(position), PTR)

    def check(self, condition: ir.Value) -> None:
        """Go on where ``condition`` holds, else to the slow path."""
        following = self.function.append_basic_block()
        self.builder.cbranch(condition, following, self.failed)
        self.builder.position_at_end(following)

    # ------------------------------------------------------------ arguments

    def read_scalar(self, parameter: Parameter, arg: ir.Value) -> ir.Value:
        """Return the value of a scalar argument; one of the wrong kind or range is refused."""
        b, api, dtype = self.builder, self.api, parameter.dtype
        if dtype.is_bool:
            is_true = b.icmp_unsigned("==", arg, PY_TRUE)
            self.check(b.or_(is_true, b.icmp_unsigned("==", arg, PY_FALSE)))
            return is_true
        if dtype.is_float:
            number = api.call(b, "PyFloat_AsDouble", arg)
            minus_one = ir.Constant(number.type, -1.0)
            self.check_no_error(b.fcmp_ordered("==", number, minus_one))
            plain = Arithmetic(b, (), has_half=False, functions=MathFunctions())
            return plain.cast(number, FLOAT64, dtype)
        if dtype.kind == "uint" and dtype.bits == 64:
            index = api.call(b, "PyNumber_Index", arg)
            self.check(b.icmp_unsigned("!=", index, NULL))
            number = api.call(b, "PyLong_AsUnsignedLongLong", index)
            api.call(b, "Py_DecRef", index)
            self.check_no_error(b.icmp_signed("==", number, int64(-1)))
            return number
        number = api.call(b, "PyLong_AsLongLong", arg)
        self.check_no_error(b.icmp_signed("==", number, int64(-1)))
        is_size = isinstance(parameter.source, Var) and parameter.source.is_size
        return self.narrowed(number, dtype, 0 if is_size else dtype.min)

    def check_no_error(self, suspicious: ir.Value) -> None:
        """Refuse the argument if its conversion, which gave -1, also raised an exception."""
        b = self.builder
        doubt = self.function.append_basic_block()
        following = self.function.append_basic_block()
        b.cbranch(suspicious, doubt, following)
        b.position_at_end(doubt)
        raised = b.icmp_unsigned("!=", self.api.call(b, "PyErr_Occurred"), NULL)
        b.cbranch(raised, self.failed, following)
        b.position_at_end(following)

    def narrowed(self, number: ir.Value, dtype: DType, low: int | float) -> ir.Value:
        """Return the 64-bit ``number`` as ``dtype`` after checking that it is in range."""
        b = self.builder
        if low > INT64.min:
            self.check(b.icmp_signed(">=", number, int64(int(low))))
        if dtype.max < INT64.max:
            self.check(b.icmp_signed("<=", number, int64(int(dtype.max))))
        return number if dtype.bits == 64 else b.trunc(number, ir.IntType(dtype.bits))

    # ------------------------------------------------------------ what has to hold

    def check_extents(self) -> None:
        """Compute the sizes; check the other extents and the requirements."""
        b = self.builder
        for size in self.signature.sizes:
            extent = self.views[size.parameter].extent(size.dimension)
            value = extent
            if not size.is_plain:
                value = self.emit_int(b, size.value, {**self.values, size.extent: extent})
            low = 0 if size.var.is_size and not size.is_plain else INT64.min
            self.values[size.var] = self.narrowed(value, size.var.dtype, low)
        holds = TRUE
        for check in self.signature.extents:
            extent = self.views[check.parameter].extent(check.dimension)
            holds = b.and_(holds, b.icmp_signed("==", extent, self.integer(check.expected)))
        self.check(holds)
        for requirement in self.signature.requirements:
            self.check(self.emit_int(b, requirement, self.values))

    def integer(self, expr: Expr) -> ir.Value:
        if isinstance(expr, Const):
            return int64(int(expr.value))
        return self.emit_int(self.builder, expr, self.values)

    def check_overlap(self) -> None:
        """Check that no output shares bytes with another array, nor with itself."""
        b = self.builder
        parameters = self.signature.parameters
        apart = TRUE
        for position, view in self.views.items():
            if not parameters[position].is_output:
                continue
            if self.trusted is not None:
                apart = b.and_(apart, view.is_injective())
            for other, other_view in self.views.items():
                if other == position or (other < position and parameters[other].is_output):
                    continue  # that pair was compared already
                apart = b.and_(apart, _disjoint(b, view.byte_range(), other_view.byte_range()))
        self.check(apart if self.trusted is None else b.or_(apart, self.trusted))

    # ------------------------------------------------------------ the call, and after

    def run(self, error: ir.Value) -> None:
        b = self.builder
        arguments = []
        for position, parameter in enumerate(self.signature.parameters):
            if isinstance(parameter.source, Var):
                value = self.values[parameter.source]
                arguments.append(b.zext(value, BYTE) if parameter.dtype.is_bool else value)
            else:
                arguments.append(self.views[position].data())
        arguments += self.sizes_in_order()
        if self.trusted is not None:
            for position, view in self.views.items():
                strides = view.element_strides()
                arguments += strides[:-1] if position in self.rows else strides
        thread = self.api.call(b, "PyEval_SaveThread")
        status = b.call(self.kernel, (*arguments, error))
        self.api.call(b, "PyEval_RestoreThread", thread)
        is_done = b.icmp_signed("==", status, int64(0))
        self.leave(b.select(is_done, int32(_DONE), int32(_FAILED)), status)

    def sizes_in_order(self) -> list[ir.Value]:
        values = []
        for var in self.signature.size_vars:
            value = self.values[var]
            if var.dtype.bits < 64:
                widen = self.builder.sext if var.dtype.kind == "int" else self.builder.zext
                value = widen(value, I64)
            values.append(value)
        return values

    def leave(self, outcome: ir.Value, status: ir.Value | None = None) -> None:
        self.outcome.add_incoming(outcome, self.builder.block)
        self.status.add_incoming(int64(0) if status is None else status, self.builder.block)
        self.builder.branch(self.release)

    def finish(self, error: ir.Value) -> None:
        """Release every view, whatever happened, and return."""
        b, api = self.builder, self.api
        b.position_at_end(self.failed)
        slow = self.function.append_basic_block("slow")
        raised = self.function.append_basic_block("raised")
        # KeyboardInterrupt and the like are no comment on an argument: they go through.
        b.cbranch(api.is_fatal_error(b), raised, slow)
        b.position_at_end(slow)
        api.call(b, "PyErr_Clear")
        self.leave(int32(_SLOW))
        b.position_at_end(raised)
        self.leave(int32(_RAISED))

        b.position_at_end(self.release)
        for view in self.views.values():
            api.call(b, "PyBuffer_Release", view.room)
        ends = {outcome: self.function.append_basic_block() for outcome in range(4)}
        choice = b.switch(self.outcome, ends[_SLOW])
        for outcome, block in ends.items():
            if outcome != _SLOW:
                choice.add_case(int32(outcome), block)
        b.position_at_end(ends[_DONE])
        api.call(b, "Py_IncRef", PY_NONE)
        b.ret(PY_NONE)
        b.position_at_end(ends[_SLOW])
        b.ret(api.call_slow_path(b, *self.function.args[:4]))
        b.position_at_end(ends[_RAISED])
        b.ret(NULL)
        b.position_at_end(ends[_FAILED])
        details = [element(b, error, int64(index)) for index in range(4)]
        call = b.ptrtoint(error, I64)
        b.ret(api.call_fail(b, self.function.args[0], [self.status, *details, call]))


def _disjoint(
    b: ir.IRBuilder, x: tuple[ir.Value, ir.Value], y: tuple[ir.Value, ir.Value]
) -> ir.Value:
    """Whether the half-open ranges share nothing; an empty one shares nothing with any."""
    low = b.select(b.icmp_unsigned(">", x[0], y[0]), x[0], y[0])
    high = b.select(b.icmp_unsigned("<", x[1], y[1]), x[1], y[1])
    return b.icmp_unsigned(">=", low, high)
