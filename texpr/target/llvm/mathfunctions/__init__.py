"""Functions such as exp as machine code of our own: polynomials, for scalars and any vector.

A module for each: its ``emit(formula, x)`` reads as the mathematics does, and the same code serves
scalars and vectors, so that what is left of a vectorized loop gives the same bits as its lanes.
``tools/minimax.py`` derives the coefficients; ``benchmarks/function_ulps.py`` measures errors.

A function is emitted once for each type of operand in a module, and always inlined::

    define internal <16 x float> @texpr.exp.v16f32(<16 x float> %x) alwaysinline
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from texpr.target.llvm.mathfunctions.formula import Formula
from texpr.target.llvm.mathfunctions.rounding import rounded
from texpr.target.llvm.types import I32, internal, intrinsic, suffix


@dataclass(frozen=True)
class MathFunctions:
    """How functions are computed on a target.

    ``fused``: a product and a sum are one instruction, which rounds once. ``vector_bits`` is the
    width of a vector register. ``has_rounding``: floor and the like are instructions.
    """

    fused: bool = False
    vector_bits: int = 0
    has_rounding: bool = False

    def call(self, build: ir.IRBuilder, name: str, args: list[ir.Value]) -> ir.Value:
        """Emit the function ``name`` of floats, all scalars or all vectors.

        Longer vectors are taken register by register: the values that a formula holds at once
        fill the registers as it is.
        """
        type_ = args[0].type
        if not isinstance(type_, ir.VectorType):
            return build.call(self._function(build.module, name, type_, len(args)), args)
        lanes = max(1, self.vector_bits // (32 if type_.element == ir.FloatType() else 64))
        if type_.count <= lanes or type_.count % lanes:
            return build.call(self._function(build.module, name, type_, len(args)), args)
        part = ir.VectorType(type_.element, lanes)
        function = self._function(build.module, name, part, len(args))
        found = [
            build.call(function, [_slice(build, arg, first, lanes) for arg in args])
            for first in range(0, type_.count, lanes)
        ]
        while len(found) > 1:
            pairs = zip(found[::2], found[1::2], strict=False)
            rest = found[len(found) // 2 * 2 :]
            found = [_joined(build, a, b) for a, b in pairs] + rest
        return found[0]

    def rounded(self, build: ir.IRBuilder, name: str, x: ir.Value) -> ir.Value:
        """Emit LLVM's intrinsic ``name``, which rounds to a whole number."""
        if self.has_rounding:
            return intrinsic(build, name, [x], [x.type], x.type)
        formula = Formula(build, x.type, fused=False)
        return rounded(formula, name, formula.term(x)).value

    def _function(self, module: ir.Module, name: str, type_: ir.Type, arity: int) -> ir.Function:
        full = f"texpr.{name}.{suffix(type_)}"
        function = internal(module, full, type_, [type_] * arity, ["alwaysinline"])
        if function.blocks:
            return function
        formula = Formula(ir.IRBuilder(function.append_basic_block()), type_, fused=self.fused)
        module_: Any = importlib.import_module(f"{__name__}.{name}")
        result = module_.emit(formula, *map(formula.term, function.args))
        formula.builder.ret(result.value)
        return function


def _slice(build: ir.IRBuilder, vector: ir.Value, first: int, count: int) -> ir.Value:
    return _shuffled(build, vector, vector, range(first, first + count))


def _joined(build: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """Return the lanes of ``a`` and then those of ``b``, which are not fewer than half."""
    return _shuffled(build, a, b, range(a.type.count + b.type.count))


def _shuffled(build: ir.IRBuilder, a: ir.Value, b: ir.Value, lanes: range) -> ir.Value:
    numbers = ir.Constant(ir.VectorType(I32, len(lanes)), [ir.Constant(I32, k) for k in lanes])
    return build.shuffle_vector(a, b, numbers)
