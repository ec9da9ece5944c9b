"""Random expressions and values, for the property tests of everything that reads expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from texpr.ir.dtypes import ALL_DTYPES, BFLOAT16, BOOL, INT64, DType, as_dtype
from texpr.ir.expr import (
    Binary,
    Call,
    Cast,
    Const,
    Expr,
    IfThenElse,
    Load,
    Select,
    Unary,
    Var,
    postorder,
)
from texpr.ir.intrinsics import INTRINSICS
from texpr.ir.operators import BINARY, UNARY

Scalar = bool | int | float

_COMPARISONS = tuple(op for op, operator in BINARY.items() if operator.is_comparison)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e30, -1e-30, float("inf"), float("-inf"), float("nan"))


def scalars(dtype: DType, *, small: bool = False) -> st.SearchStrategy[Scalar]:
    """Values of ``dtype``: the ends of the type, NaN and both zeros as well as common numbers.

    ``small`` leaves out what is greater than a subscript can be.
    """
    if dtype.is_bool:
        return st.booleans()
    if dtype.is_float:
        return st.sampled_from(_FLOATS) | _any_float(dtype)
    low, high = int(dtype.min), int(dtype.max)
    near = [v for v in (0, 1, -1, 2, 3, 4, 7, 8, 16, 32, 100) if low <= v <= high]
    if small:
        return st.sampled_from(near) | st.integers(max(low, -(1 << 31)), min(high, 1 << 31))
    return st.sampled_from([*near, low, low + 1, high, high - 1]) | st.integers(low, high)


def _any_float(dtype: DType) -> st.SearchStrategy[float]:
    if dtype is BFLOAT16:
        bits = st.integers(0, (1 << 16) - 1)
        return bits.map(lambda n: float(np.uint16(n).view(dtype.numpy)))
    return st.floats(width=dtype.bits)  # type: ignore[arg-type]


def variables(dtypes: Sequence[DType] = ALL_DTYPES, *, each: int = 2) -> list[Var]:
    """Return ``each`` variables of every type, among those of int64 one that is a size."""
    return [
        Var(f"{dtype}_{number}", dtype, is_size=dtype is INT64 and number == 1)
        for dtype in dtypes
        for number in range(each)
    ]


def valuations(
    expr: Expr, ranges: Mapping[Var, tuple[int | None, int | None]] | None = None
) -> st.SearchStrategy[dict[Var, Scalar]]:
    """Values for the variables of ``expr``, within ``ranges``; those of int64 are subscripts."""
    values: dict[Var, st.SearchStrategy[Scalar]] = {}
    for var in postorder(expr):
        if not isinstance(var, Var):
            continue
        low, high = (ranges or {}).get(var, (0 if var.is_size else None, None))
        if low is None and high is None:
            values[var] = scalars(var.dtype, small=var.dtype is INT64)
        else:
            least = int(max(var.dtype.min, -(1 << 31))) if low is None else low
            greatest = int(min(var.dtype.max, 1 << 31)) if high is None else high
            ends = st.sampled_from([least, greatest, min(least + 1, greatest)])
            values[var] = st.integers(least, greatest) | ends
    return st.fixed_dictionaries(values)


def expressions(
    dtype: DType,
    leaves: Sequence[Expr] = (),
    *,
    depth: int = 4,
    dtypes: Sequence[DType] = ALL_DTYPES,
    intrinsics: bool = True,
    exact: bool = False,
) -> st.SearchStrategy[Expr]:
    """Expressions of ``dtype`` over ``leaves``: variables, Loads, whatever has a value.

    Parameters
    ----------
    dtype
        The type of the whole expression.
    leaves
        Those of a type are used wherever that type is wanted, beside constants.
    depth
        The longest way from the root to a leaf. Examples shrink to a leaf.
    dtypes
        The types that parts of the expression have. The whole may have another one.
    intrinsics
        Whether scalar functions are called.
    exact
        Leave out what is not determined to the last bit: ``**``, functions with a tolerance.
    """
    grammar = _Grammar(leaves, dtypes, intrinsics, exact)

    @st.composite
    def drawn(draw: st.DrawFn) -> Expr:
        return grammar.draw(draw, dtype, depth)

    return drawn()


class _Grammar:
    """What an expression of a type may be.

    It is drawn by a plain function: strategies for every type and depth, each built of all the
    others, would take hypothesis a second to look through.
    """

    def __init__(
        self, leaves: Sequence[Expr], dtypes: Sequence[DType], intrinsics: bool, exact: bool
    ) -> None:
        self.dtypes = tuple(dtypes)
        self.functions = [
            function
            for function in (INTRINSICS.values() if intrinsics else ())
            if not (exact and function.ulps)
        ]
        self.operators = [op for op in BINARY if not (exact and op == "pow")]
        self.leaves = {d: [leaf for leaf in leaves if leaf.dtype is d] for d in ALL_DTYPES}
        self.constants = {d: scalars(d).map(lambda value, d=d: Const(value, d)) for d in ALL_DTYPES}
        self.choices = {d: self.productions(d) for d in ALL_DTYPES}

    def productions(self, dtype: DType) -> list[tuple[Callable[..., Expr], tuple[DType, ...]]]:
        """Return the ways to make a ``dtype``: a constructor and the types of its operands."""
        found: list[tuple[Callable[..., Expr], tuple[DType, ...]]] = []
        for op in self.operators:
            if BINARY[op].takes(dtype) and not BINARY[op].is_comparison:
                found.append((partial(Binary, op), (dtype, dtype)))
        found.extend((partial(Unary, op), (dtype,)) for op in UNARY if UNARY[op].takes(dtype))
        found += [(Select, (BOOL, dtype, dtype)), (IfThenElse, (BOOL, dtype, dtype))]
        for other in self.dtypes:
            if other is not dtype:
                found.append((lambda x: Cast(x, dtype), (other,)))
            if dtype.is_bool:
                found.extend(
                    (partial(Binary, op), (other, other))
                    for op in _COMPARISONS
                    if BINARY[op].takes(other)
                )
            found.extend(
                (lambda *args, f=function: Call(f, args), (other,) * function.arity)
                for function in self.functions
                if function.takes(other) and function.result_dtype(other) is dtype
            )
        return found

    def draw(self, draw: st.DrawFn, dtype: DType, depth: int) -> Expr:
        # Most rules want a constant somewhere; a tree without variables says little.
        shape = draw(st.sampled_from(_SHAPES)) if depth else "leaf"
        if shape == "constant" or (shape == "leaf" and not self.leaves[dtype]):
            return draw(self.constants[dtype])
        if shape == "leaf":
            return draw(st.sampled_from(self.leaves[dtype]))
        make, operands = draw(st.sampled_from(self.choices[dtype]))
        return make(*(self.draw(draw, operand, depth - 1) for operand in operands))


_SHAPES = ("leaf", "constant", "inner", "inner", "inner", "inner")


_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 32, -1, -2, 5, 0)


@st.composite
def index_expressions(draw: st.DrawFn, leaves: Sequence[Expr], *, depth: int = 4) -> Expr:
    """int64 expressions such as stand in subscripts: affine with constants, ``//``, ``%``, min."""

    def of_depth(left: int) -> Expr:
        shape = draw(st.sampled_from(_INDEX_SHAPES)) if left else "leaf"
        if shape == "leaf":
            return draw(st.sampled_from(list(leaves)))
        if shape == "constant":
            return Const(draw(st.sampled_from(_FACTORS)), INT64)
        if shape == "sum":
            op = draw(st.sampled_from(["add", "sub"]))
            return Binary(op, of_depth(left - 1), of_depth(left - 1))
        if shape == "scaled":
            op = draw(st.sampled_from(["mul", "floordiv", "floormod"]))
            return Binary(op, of_depth(left - 1), Const(draw(st.sampled_from(_FACTORS)), INT64))
        if shape == "choice":
            test = Binary(draw(st.sampled_from(_COMPARISONS)), of_depth(left - 1), of_depth(0))
            return Select(test, of_depth(left - 1), of_depth(left - 1))
        op = draw(st.sampled_from(_INDEX_OPERATORS))
        return Binary(op, of_depth(left - 1), of_depth(min(left - 1, 1)))

    return of_depth(depth)


_INDEX_SHAPES = ("leaf", "constant", "sum", "sum", "scaled", "scaled", "scaled", "other", "choice")
_INDEX_OPERATORS = ("mul", "floordiv", "floormod", "truncdiv", "truncmod", "min", "max")


@st.composite
def index_conditions(draw: st.DrawFn, leaves: Sequence[Expr], *, depth: int = 3) -> Expr:
    """Comparisons of :func:`index_expressions`, joined by ``and``, ``or`` and ``not``."""
    side = index_expressions(leaves, depth=depth)

    def of_depth(left: int) -> Expr:
        shape = draw(st.sampled_from(("compare", "compare", "join", "not"))) if left else "compare"
        if shape == "compare":
            return Binary(draw(st.sampled_from(_COMPARISONS)), draw(side), draw(side))
        if shape == "not":
            return Unary("not", of_depth(left - 1))
        return Binary(draw(st.sampled_from(["and", "or"])), of_depth(left - 1), of_depth(left - 1))

    return of_depth(2)


def stays_in_int64(expr: Expr, values: Mapping[Var, Any]) -> bool:
    """Whether no part of ``expr`` that is an index comes near the ends of int64.

    That is what the simplifier assumes (``texpr.ir.simplify.context``). A magnitude is bounded
    from above, whatever the order of the terms: by the sum of the magnitudes of all of them.
    """
    limit = 1 << 60
    bounds: dict[Expr, int | None] = {}  # None: data, which may wrap
    for node in postorder(expr):
        below = [bounds[child] for child in node.children if not child.dtype.is_bool]
        if node.dtype is not INT64:
            bounds[node] = 0 if node.dtype.is_bool else None
        elif isinstance(node, (Const, Var)):
            bounds[node] = abs(node.value if isinstance(node, Const) else values[node])
        elif isinstance(node, (Load, Cast, Call)) or any(bound is None for bound in below):
            bounds[node] = None
        else:
            known = [bound for bound in below if bound is not None]
            op = getattr(node, "op", "")
            if op in ("add", "sub"):
                bounds[node] = sum(known)
            elif op == "mul":
                bounds[node] = known[0] * known[1]
            elif op.startswith("bit") or op == "invert":
                bounds[node] = (2 << max(known).bit_length()) - 1
            elif op == "shl":
                bounds[node] = None
            else:
                bounds[node] = max(known)
            if isinstance(node, (Binary, Unary)) and (bounds[node] or 0) > limit:
                return False
    return True


def same_bits(a: np.generic[Any], b: np.generic[Any]) -> bool:
    """Whether two scalars are the same: of one type and one value, 0.0 and -0.0 apart, any NaN."""
    if a.dtype != b.dtype:
        return False
    if holds_floats(a) and np.isnan(float(a)) and np.isnan(float(b)):
        return True
    return a.tobytes() == b.tobytes()


def holds_floats(values: np.generic[Any] | np.ndarray) -> bool:
    """Whether a scalar or array of NumPy's has a float type; bfloat16 has the kind "V"."""
    return as_dtype(values.dtype).is_float


def equal_values(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same values; NaN is NaN, and zeros of both signs are zero."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore"):  # a signalling NaN of bfloat16
        return np.array_equal(a, b, equal_nan=holds_floats(a))


def rounded(values: Any, dtype: DType) -> np.ndarray:
    """Return numbers rounded once to the 16-bit float ``dtype``, by its definition.

    NumPy and ml_dtypes round some types to float32 or float64 first.
    """
    exact = np.asarray(values, np.longdouble)
    least = {"float16": -14, "bfloat16": -126}[dtype.name]
    _, exponent = np.frexp(exact)  # exact is in [2**(exponent - 1), 2**exponent)
    unit = np.maximum(exponent, least + 1) - {"float16": 11, "bfloat16": 8}[dtype.name]
    nearest = np.ldexp(np.rint(np.ldexp(exact, -unit)), unit)
    greatest = {"float16": 65504.0, "bfloat16": 2.0**128 - 2.0**120}[dtype.name]
    nearest = np.where(np.abs(nearest) > greatest, np.copysign(np.inf, exact), nearest)
    return nearest.astype("float64").astype(dtype.numpy)
