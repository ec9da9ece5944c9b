"""LLVM's types for texpr's, and small constants of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from texpr.ir.dtypes import DType

I1 = ir.IntType(1)
I8 = ir.IntType(8)
I32 = ir.IntType(32)
I64 = ir.IntType(64)
PTR = ir.PointerType()

_FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def scalar_type(dtype: DType) -> ir.Type:
    """Return the type of a value in a register; a bool is one bit, a float of 16 its bits."""
    return _FLOATS.get(dtype.name) or ir.IntType(dtype.bits)


def memory_type(dtype: DType) -> ir.Type:
    """Return the type of an element in memory; a bool is a byte, 0 or 1."""
    return I8 if dtype.is_bool else scalar_type(dtype)


def is_vector(value: ir.Value) -> bool:
    """Whether ``value`` differs from lane to lane."""
    return isinstance(value.type, ir.VectorType)


def like(type_: ir.Type, shape: ir.Type) -> ir.Type:
    """Return ``type_``, as a vector of as many lanes as ``shape`` has."""
    return ir.VectorType(type_, shape.count) if isinstance(shape, ir.VectorType) else type_


def constant(type_: ir.Type, value: Any) -> ir.Constant:
    """Return ``value`` of ``type_``, in every lane of a vector."""
    if isinstance(type_, ir.VectorType):
        return ir.Constant(type_, [ir.Constant(type_.element, value)] * type_.count)
    return ir.Constant(type_, value)


def suffix(type_: ir.Type) -> str:
    """Return the overload suffix of an intrinsic's name: ``f32``, ``v8f32``, ``p0``.

    >>> suffix(ir.VectorType(ir.FloatType(), 8))
    'v8f32'
    """
    if isinstance(type_, ir.VectorType):
        return f"v{type_.count}{suffix(type_.element)}"
    if isinstance(type_, ir.PointerType):
        return "p0"
    if isinstance(type_, ir.IntType):
        return f"i{type_.width}"
    return "f32" if isinstance(type_, ir.FloatType) else "f64"


def declare(
    module: ir.Module, name: str, result: ir.Type, parameters: Sequence[ir.Type]
) -> ir.Function:
    """Return the external function ``name``, declaring it where the module does not yet."""
    found = module.globals.get(name)
    if found is None:
        found = ir.Function(module, ir.FunctionType(result, list(parameters)), name)
    return found


def internal(
    module: ir.Module,
    name: str,
    result: ir.Type,
    parameters: Sequence[ir.Type],
    attributes: Sequence[str] = (),
) -> ir.Function:
    """Return the module's own function ``name``; where it has no blocks it is yet to be emitted."""
    function = declare(module, name, result, parameters)
    if not function.blocks:
        function.linkage = "internal"
        for attribute in attributes:
            function.attributes.add(attribute)
    return function


def intrinsic(
    builder: ir.IRBuilder,
    name: str,
    args: Sequence[ir.Value],
    overloads: Sequence[ir.Type],
    result: ir.Type,
    fastmath: Sequence[str] = (),
) -> ir.Value:
    """Call LLVM's intrinsic ``name`` overloaded on ``overloads``.

    llvmlite's own ``declare_intrinsic`` does not take vector types.
    """
    full = ".".join([name, *map(suffix, overloads)])
    function = declare(builder.module, full, result, [arg.type for arg in args])
    return builder.call(function, list(args), fastmath=tuple(fastmath))
