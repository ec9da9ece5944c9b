"""Random te programs and schedules, and the NumPy reading of a te program."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.strategies import expressions, rounded, scalars
from texpr import te
from texpr.errors import ScheduleError
from texpr.ir.dtypes import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    UINT8,
    DType,
)
from texpr.ir.expr import EXPR_NODES, Binary, Call, Cast, Const, Expr, Load, Select, Unary, Var
from texpr.ir.extern import ScalarFunction
from texpr.ir.itervar import IterVar
from texpr.ir.visitor import Visit, Visitor
from texpr.schedule.primitives import PRIMITIVES
from texpr.schedule.storage import is_moved, misplaced
from texpr.te.program import operations
from texpr.te.reduction import Reduce

# Around a tile of 4: none, one, tile - 1, tile, tile + 1, a prime.
SIZES = (0, 1, 3, 4, 5, 7)
DTYPES = (FLOAT16, BFLOAT16, FLOAT32, FLOAT64, INT32, INT64, UINT8, INT8)


# ---------------------------------------------------------------- NumPy reads a te program


class GridReader(Visitor[Any], over=EXPR_NODES):
    """Evaluates an expression over whole arrays of values of its variables at once."""

    def __init__(self, env: Mapping[Var, Any], arrays: Mapping[Any, np.ndarray]) -> None:
        self.env, self.arrays = env, arrays

    def visit_Const(self, node: Const) -> Any:
        return node.dtype.numpy.type(node.value)

    def visit_Var(self, node: Var) -> Any:
        return self.env[node]

    def visit_Load(self, node: Load) -> Visit[Any]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        array = self.arrays[node.buffer]
        if array.size == 0:
            return np.zeros(np.broadcast_shapes(*map(np.shape, indices)), array.dtype)
        # What a condition guards is read anyhow here, somewhere inside.
        inside = (np.clip(i, 0, n - 1) for i, n in zip(indices, array.shape, strict=True))
        return array[tuple(inside)]

    def visit_Unary(self, node: Unary) -> Visit[Any]:
        x = yield node.operand
        if node.op == "neg":
            return np.negative(x)
        return np.absolute(x) if node.op == "abs" else np.invert(x)

    def visit_Binary(self, node: Binary) -> Visit[Any]:
        a = yield node.a
        b = yield node.b
        return _BINARY[node.op](a, b).astype(node.dtype.numpy)

    def visit_Select(self, node: Select) -> Visit[Any]:
        test, a, b = node.children
        condition = yield test
        then = yield a
        other = yield b
        return np.where(condition, then, other)

    visit_IfThenElse = visit_Select

    def visit_Cast(self, node: Cast) -> Visit[Any]:
        x = yield node.operand
        source, to = node.operand.dtype, node.dtype
        if source.is_float and to.is_integer:
            wide = np.nan_to_num(np.trunc(np.asarray(x, np.longdouble)), nan=0.0)
            low, high = np.longdouble(int(to.min)), np.longdouble(int(to.max))
            clipped = np.clip(wide, low, high)
            return clipped.astype(to.numpy)
        if to in (FLOAT16, BFLOAT16):
            return rounded(x, to)
        return np.asarray(x).astype(to.numpy)

    def visit_Call(self, node: Call) -> Visit[Any]:
        args = []
        for arg in node.args:
            args.append((yield arg))
        if isinstance(node.function, ScalarFunction):
            return np.vectorize(node.function.meaning(), [node.dtype.numpy])(*args)
        return node.function.numpy(*map(np.asarray, args))


def _shift(move: Any, over: Any) -> Any:
    def shifted(a: Any, b: Any) -> Any:
        width = np.asarray(a).dtype.itemsize * 8
        inside = (b >= 0) & (b < width)
        count = np.where(inside, b, 0).astype(np.asarray(a).dtype)
        return np.where(inside, move(a, count), over(a))

    return shifted


def _truncated(a: Any, b: Any) -> tuple[Any, Any]:
    a, b = np.broadcast_arrays(a, b)
    if a.dtype.kind == "f":
        return np.trunc(a / b), np.fmod(a, b)
    divisor = np.where(b == 0, 1, b).astype(b.dtype)
    remainder = np.where(b == 0, 0, np.fmod(a, divisor)).astype(a.dtype)
    quotient = np.where(b == 0, 0, np.floor_divide(a - remainder, divisor)).astype(a.dtype)
    return quotient, remainder


def _floored(a: Any, b: Any) -> tuple[Any, Any]:
    if np.asarray(a).dtype.kind == "f":
        remainder = np.fmod(a, b)
        moved = (remainder != 0) & ((remainder < 0) != (np.asarray(b) < 0))
        return np.floor(a / b), np.where(moved, remainder + b, remainder)
    return np.floor_divide(a, b), np.remainder(a, b)


_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "floordiv": lambda a, b: _floored(a, b)[0], "floormod": lambda a, b: _floored(a, b)[1],
    "truncdiv": lambda a, b: _truncated(a, b)[0], "truncmod": lambda a, b: _truncated(a, b)[1],
    "min": np.minimum, "max": np.maximum,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "and": np.logical_and, "or": np.logical_or,
    "bitand": np.bitwise_and, "bitor": np.bitwise_or, "bitxor": np.bitwise_xor,
    "shl": _shift(np.left_shift, np.zeros_like),
    "shr": _shift(np.right_shift, lambda a: np.where(np.asarray(a) < 0, -1, 0)),
}  # fmt: skip


def numpy_reading(
    outputs: Sequence[te.Tensor], arrays: Mapping[Any, np.ndarray], sizes: Mapping[Var, int]
) -> dict[Any, np.ndarray]:
    """Return every tensor that ``outputs`` depend on, computed with NumPy from ``arrays``."""
    known = dict(arrays)
    env: dict[Var, Any] = {var: var.dtype.numpy.type(value) for var, value in sizes.items()}
    with np.errstate(all="ignore"):
        for op in operations([tensor.op for tensor in outputs]):
            if isinstance(op, te.ComputeOp):
                known.update(zip(op.outputs, _computed(op, known, env), strict=True))
            elif isinstance(op, te.ExternOp):
                known.update((t, _empty(t, env)) for t in op.outputs)
                _call(op, known, env)
            elif isinstance(op, te.ScanOp):
                _scan(op, known, env)
    return known


def _empty(tensor: te.Tensor, env: Mapping[Var, Any]) -> np.ndarray:
    shape = [int(GridReader(env, {}).visit(extent)) for extent in tensor.shape]
    return np.zeros(shape, tensor.dtype.numpy)


def _call(op: te.ExternOp, arrays: Mapping[Any, np.ndarray], env: Mapping[Var, Any]) -> None:
    reader = GridReader(env, arrays)
    args = [arrays[a] if isinstance(a, te.Tensor) else reader.visit(a) for a in op.call.args]
    op.call.function.fill(args, [arrays[t] for t in op.outputs])


def _scan(op: te.ScanOp, arrays: dict[Any, np.ndarray], env: Mapping[Var, Any]) -> None:
    for tensor in (*op.outputs, *(t for part in op.body for t in part.outputs)):
        arrays[tensor] = _empty(tensor, env)
    for made, init, update, state in zip(
        op.outputs, op.init, op.update, op.state_placeholder, strict=True
    ):
        arrays[update] = arrays[state] = arrays[made]
        arrays[made][: len(arrays[init])] = arrays[init]
    first = len(arrays[op.init[0]])
    for step in range(first, len(arrays[op.outputs[0]])):
        for part in op.body:
            rows = _computed(part, arrays, env, step)
            for tensor, row in zip(part.outputs, rows, strict=True):
                arrays[tensor][step] = row[0]


def _grid(axes: Sequence[IterVar], ndim: int, first: int, env: Mapping[Var, Any]) -> dict[Var, Any]:
    reader = GridReader(env, {})
    found = {}
    for position, axis in enumerate(axes):
        values = np.arange(int(reader.visit(axis.lower)), int(reader.visit(axis.upper)))
        shape = [1] * ndim
        shape[first + position] = len(values)
        found[axis.var] = values.reshape(shape)
    return found


def _computed(
    op: te.ComputeOp, arrays: Mapping[Any, Any], env: Mapping[Var, Any], step: int | None = None
) -> list[Any]:
    """What ``op`` computes; with ``step``, of its first axis that one value alone."""
    ndim = len(op.axis)
    shape = tuple(int(GridReader(env, {}).visit(axis.extent)) for axis in op.axis)
    data = {**env, **_grid(op.axis, ndim, 0, env)}
    if step is not None:
        shape = (1, *shape[1:])
        data[op.axis[0].var] = np.full([1] * ndim, step)

    def full(value: Any, dtype: DType) -> np.ndarray:
        return np.array(np.broadcast_to(value, shape), dtype.numpy)

    if not isinstance(op.body, Reduce):
        reader = GridReader(data, arrays)
        return [full(reader.visit(value), value.dtype) for value in op.body]
    reduction = op.body
    start = GridReader(data, arrays)
    folded = [full(start.visit(v), v.dtype) for v in reduction.starting_values()]
    old = tuple(Var(f"x{k}", v.dtype) for k, v in enumerate(reduction.values))
    new = tuple(Var(f"y{k}", v.dtype) for k, v in enumerate(reduction.values))
    combined = reduction.reducer.combine(old, new)
    ranges = [
        range(int(GridReader(env, {}).visit(k.lower)), int(GridReader(env, {}).visit(k.upper)))
        for k in reduction.axis
    ]
    for point in _points(ranges):
        at = {**data, **{k.var: np.int64(v) for k, v in zip(reduction.axis, point, strict=True)}}
        reader = GridReader(at, arrays)
        values = [full(reader.visit(v), v.dtype) for v in reduction.values]
        bound = {**dict(zip(old, folded, strict=True)), **dict(zip(new, values, strict=True))}
        fold = GridReader(bound, {})
        after = [full(fold.visit(v), v.dtype) for v in combined]
        if reduction.where is not None:
            kept = np.broadcast_to(reader.visit(reduction.where), shape)
            after = [np.where(kept, x, y) for x, y in zip(after, folded, strict=True)]
        folded = after
    return folded


def _points(ranges: Sequence[range]) -> Any:
    if not ranges:
        yield ()
        return
    for first in ranges[0]:
        for rest in _points(ranges[1:]):
            yield (first, *rest)


# ---------------------------------------------------------------- random programs


@dataclass(repr=False)
class Case:
    """A te program with values for its inputs and sizes."""

    outputs: list[te.Tensor]
    arrays: dict[te.Tensor, np.ndarray]
    sizes: dict[Var, int]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def __repr__(self) -> str:
        sizes = ", ".join(f"{var.name}={value}" for var, value in self.sizes.items())
        return f"Case with {sizes or 'fixed sizes'}:\n{self.schedule()}\n"

    def schedule(self) -> te.TeSchedule:
        """A schedule that keeps every float operation as it is declared."""
        return te.create_schedule([t.op for t in self.outputs], fp="exact", contract=False)

    def args(self) -> list[Any]:
        return [*self.arrays, *self.outputs]

    def fresh_outputs(self) -> list[np.ndarray]:
        reader = GridReader({v: np.int64(n) for v, n in self.sizes.items()}, {})
        return [
            np.zeros([int(reader.visit(n)) for n in t.shape], t.dtype.numpy) for t in self.outputs
        ]


WHOLE: dict[str, Callable[[te.Tensor, te.Tensor], te.Tensor]] = {
    "operators": lambda E, V: te.max(E - V, V * te.const(2, V.dtype), E),
    "choice": lambda E, V: te.if_then_else(E > V, V, -E).astype(E.dtype),
    "columns": lambda E, V: E - E.max(axis=0, keepdims=True),
    "rows": lambda E, V: (E * V).sum(axis=-1),
    "index": lambda E, V: E.argmin(axis=1),
    "slice": lambda E, V: E[::-1, None, ::2] + V[::2],
    "transpose": lambda E, V: E.T[...] + E.transpose(1, 0),
    "reshape": lambda E, V: (E + V).reshape(-1),
    "matrix": lambda E, V: E @ E.T,
    "vector": lambda E, V: E @ V,
    "einsum": lambda E, V: te.einsum("ij,kj,j->ki", E, E, V),
    "outer": lambda E, V: te.einsum("...j,k->k...", E, V),
}
"""Operations on whole tensors, on E of shape (n, m) and V of shape (m,)."""

REDUCERS = ("sum", "prod", "max", "min", "argmax", "argmin", "pair")


@st.composite
def te_programs(draw: st.DrawFn) -> Case:
    """Elementwise with odd reads, a function from outside, a scan, a reduction or operations on
    whole tensors, elementwise again."""
    n_value, m_value = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    n = te.size_var("n") if draw(st.booleans()) else n_value
    m = te.size_var("m") if draw(st.booleans()) else m_value
    dtype = draw(st.sampled_from(DTYPES))
    A = te.placeholder((n, m), dtype, name="A")
    V = te.placeholder((m,), dtype, name="V")
    I = te.placeholder((n,), "int32", name="I")  # noqa: E741 - short as the others
    seed = draw(st.integers(0, 1 << 16))
    rng = np.random.default_rng(seed)
    arrays = {
        A: _values(rng, (n_value, m_value), dtype),
        V: _values(rng, (m_value,), dtype),
        I: rng.integers(0, max(1, m_value), n_value).astype("int32"),
    }

    def elementwise(i: Var, j: Var) -> Expr:
        leaves = [A[i, j], V[j], i, j]
        leaves.append(te.if_then_else(i > 0, A[i - 1, j], draw(_constant(dtype))))
        leaves.append(V[I[i]])
        leaves.append(te.call_pure_extern(dtype, _odd_columns, A[i, j], j))
        inner = draw(expressions(dtype, leaves, depth=2, dtypes=(dtype, INT64, BOOL), exact=True))
        return (inner + A[i, j]).astype(dtype)

    E = te.compute((n, m), elementwise, name="E")
    if draw(st.booleans()):
        E = _outside(E, V, n, m)
    outputs: list[te.Tensor] = [E]
    if n_value > 1 and draw(st.booleans()):
        E, *others = _scanned(draw, E, n, m)
        outputs = [E, *others]
    kind = draw(st.sampled_from((None, *REDUCERS, *WHOLE)))
    if kind in WHOLE:
        outputs = [WHOLE[kind](E, V)]
    elif kind is not None:
        outputs = [*_reduced(draw, kind, E, n, m)]
    if draw(st.booleans()):
        last = outputs[0]
        P = te.compute(
            last.shape,
            lambda *at: (
                last[at] * te.const(2, last.dtype) + te.const(1, last.dtype)
                if at
                else last() + te.const(1, last.dtype)
            ),
            name="P",
        )
        outputs = [P]
    used = {t for op in operations([t.op for t in outputs]) for t in op.input_tensors}
    arrays = {tensor: array for tensor, array in arrays.items() if tensor in used}
    sizes = {v: x for v, x in ((n, n_value), (m, m_value)) if isinstance(v, Var)}
    return Case(outputs, arrays, sizes)


def _reduced(draw: st.DrawFn, kind: str, E: te.Tensor, n: Any, m: Any) -> list[te.Tensor]:
    both = kind not in ("argmax", "argmin") and draw(st.booleans())
    k = te.reduce_axis((0, m), name="k")
    l = te.reduce_axis((0, n), name="l")  # noqa: E741
    axes = [l, k] if both else [k]
    shape = () if both else (n,)
    where = draw(st.booleans())

    def rule(*at: Var) -> Any:
        value = E[l, k] if both else E[at[0], k]
        only = (k % 2).equal(0) if where else None
        if kind == "pair":
            pair = te.comm_reducer(
                lambda x, y: ((x[0] + y[0]).astype(x[0].dtype), te.max(x[1], y[1])),
                lambda s, t: (te.const(0, s), te.min_value(t)),
                name="pair",
            )
            return pair((value, value), axis=axes, where=only)
        if kind in ("argmax", "argmin"):
            return getattr(te, kind)(value, axis=k, where=only)
        return getattr(te, kind)(value, axis=axes, where=only)

    made = te.compute(shape, rule, name="R")
    return list(made) if isinstance(made, tuple) else [made]


@st.composite
def differentiable_programs(draw: st.DrawFn) -> Case:
    """Float64 programs of one tensor, at inputs where they hardly ever have a kink.

    Elementwise with odd reads, a reduction or a window with steps, elementwise again.
    """
    n_value, m_value = draw(st.sampled_from((1, 3, 4))), draw(st.sampled_from((1, 2, 5)))
    n = te.size_var("n") if draw(st.booleans()) else n_value
    m = te.size_var("m") if draw(st.booleans()) else m_value
    A = te.placeholder((n, m), "float64", name="A")
    V = te.placeholder((m,), "float64", name="V")
    I = te.placeholder((n,), "int32", name="I")  # noqa: E741 - short as the others
    W = te.placeholder((40,), "float64", name="W")
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    arrays = {
        A: rng.normal(size=(n_value, m_value)),
        V: rng.normal(size=m_value),
        I: rng.integers(0, m_value, n_value).astype("int32"),
        W: rng.normal(size=40),
    }

    def elementwise(i: Var, j: Var) -> Expr:
        leaves = [
            A[i, j],
            V[j],
            V[I[i]],
            A[i, m - 1 - j],
            A[n - 1 - i, j],
            te.const(0.7, "float64"),
        ]
        leaves.append(te.if_then_else(i > 0, A[i - 1, j] * V[j], 0.3))
        leaves.append(te.if_then_else(te.all(j > 0, j % 2 > 0), A[i, j // 2], V[j]))
        return Binary("add", _smooth(draw, leaves, 3), A[i, j])

    E = te.compute((n, m), elementwise, name="E")
    last = E
    kind = draw(st.sampled_from((None, "window", *REDUCERS)))
    if kind == "window":
        last = _window(draw, W, E)
    elif kind is not None:
        last = _reduced(draw, kind, E, n, m)[-1]
    if draw(st.booleans()) or last.op.num_outputs > 1:
        last = te.compute(
            last.shape,
            lambda *at: _smooth(draw, [last(*at), te.const(0.4, "float64"), E[0, 0]], 2),
            name="P",
        )
    used = {t for op in operations([last.op]) for t in op.input_tensors}
    arrays = {tensor: array for tensor, array in arrays.items() if tensor in used}
    sizes = {v: x for v, x in ((n, n_value), (m, m_value)) if isinstance(v, Var)}
    return Case([last], arrays, sizes)


_SMOOTH_OF_ONE = (
    te.sin, te.cos, te.tanh, te.sigmoid, te.atan, te.erf, abs, te.floor,
    lambda x: te.exp(te.sin(x)), lambda x: te.sqrt(x * x + 0.5), lambda x: te.log(x * x + 0.5),
    lambda x: te.rsqrt(x * x + 0.5), lambda x: te.asin(te.sin(x) * 0.9), lambda x: x**3,
    lambda x: te.acos(te.sin(x) * 0.9), lambda x: te.sinh(te.sin(x)) + te.cosh(te.cos(x)),
    lambda x: te.log2(x * x + 0.5) + te.log10(x * x + 0.5), lambda x: te.tan(te.sin(x)),
)  # fmt: skip
_SMOOTH_OF_TWO = (
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, te.max, te.min,
    lambda x, y: x / (te.sin(y) + 2.0), lambda x, y: te.power(x * x + 0.5, te.sin(y)),
    lambda x, y: te.select(x > y, te.sqrt(x - y), x), lambda x, y: te.if_then_else(x < y, x * x, y),
    lambda x, y: te.floormod(x, y * y + 0.5), lambda x, y: te.fmod(x, y * y + 0.5),
    lambda x, y: te.atan2(x, y * y + 0.5),
)  # fmt: skip


def _smooth(draw: st.DrawFn, leaves: Sequence[Expr], depth: int) -> Expr:
    """An expression that has a derivative at nearly all values of its leaves."""
    if depth == 0:
        return draw(st.sampled_from(leaves))
    if draw(st.booleans()):
        return draw(st.sampled_from(_SMOOTH_OF_ONE))(_smooth(draw, leaves, depth - 1))
    of_two = draw(st.sampled_from(_SMOOTH_OF_TWO))
    return of_two(_smooth(draw, leaves, depth - 1), _smooth(draw, leaves, depth - 1))


def _window(draw: st.DrawFn, W: te.Tensor, E: te.Tensor) -> te.Tensor:
    """A reduction over a window of ``W`` that moves by a step; some start from an element of E."""
    step, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    first, size = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    count = draw(st.integers(1, 5))
    k = te.reduce_axis((0, size), name="k")
    reduce = draw(st.sampled_from((te.sum, te.max, te.min, te.prod)))
    init = E[0, 0] if draw(st.booleans()) else None
    rule = lambda i: reduce(  # noqa: E731
        W[i * step + k * dilation + first] * W[i], axis=k, where=(k + i) % 3 < 2, init=init
    )
    return te.compute((count,), rule, name="R")


def _odd_columns(value: Any, column: int) -> Any:
    return value if column % 2 else 0


def turn(e: np.ndarray, v: np.ndarray, rows: int, turned: np.ndarray, ends: np.ndarray) -> None:
    turned[:] = e[::-1]
    ends[:] = v[-1:] if rows > 3 else v[:1]


def _outside(E: te.Tensor, V: te.Tensor, n: Any, m: Any) -> te.Tensor:
    F, G = te.extern(
        [(n, m), (m,)], [E, V], lambda i, o: te.call_packed(turn, *i, E.shape[0], *o), name="F"
    )
    return te.compute((n, m), lambda i, j: F[i, j] + G[j], name="E2")


def _scanned(draw: st.DrawFn, E: te.Tensor, n: Any, m: Any) -> list[te.Tensor]:
    """One or two states of one or two first rows, with tensors within the step."""
    rows = draw(st.sampled_from((1, 2)))
    S = te.placeholder((n, m), E.dtype, name="S")
    first = te.compute((rows, m), lambda t, j: E[t, j], name="first")
    inner = te.compute((n, m), lambda t, j: S[t - 1, j] + E[t, j], name="inner")
    turned = te.compute(
        (n, m), lambda t, j: te.max(inner[t, j], inner[t, m - 1 - j]), name="turned"
    )
    back, last = draw(st.sampled_from((1, rows))), draw(st.sampled_from((inner, turned)))

    def rule(t: Var, j: Var) -> Expr:
        return (last[t, j] - S[t - back, m - 1 - j]).astype(E.dtype)

    step = te.compute((n, m), rule, name="step")
    if draw(st.booleans()):
        return [te.scan(first, step, S, name="Y")]
    Q = te.placeholder((n,), E.dtype.arithmetic, name="Q")
    zero = te.compute((rows,), lambda t: te.const(0, Q.dtype), name="zero")
    k = te.reduce_axis((0, m), name="k")
    total = te.compute((n,), lambda t: te.sum(step[t, k] + Q[t - 1], axis=k), name="total")
    return list(te.scan([first, zero], [step, total], [S, Q], name="Y"))


def _constant(dtype: DType) -> st.SearchStrategy[Const]:
    return scalars(dtype).map(lambda value: Const(value, dtype))


def _values(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    if dtype.is_float:
        return rng.integers(-8, 8, shape).astype(dtype.numpy) / dtype.numpy.type(4)
    return rng.integers(0 if dtype.kind == "uint" else -9, 9, shape).astype(dtype.numpy)


# ---------------------------------------------------------------- random schedules


def schedule_at_random(s: Any, seed: int, count: int) -> int:
    """Apply up to ``count`` random primitives to ``s``; return how many took hold."""
    source = random.Random(seed)
    applied = 0
    for _ in range(count):
        name = source.choice(sorted(s.state.declared.stages))
        primitive = source.choice(sorted(PRIMITIVES))
        proposal = PRIMITIVES[primitive].sample(s.state, name, source)
        if proposal is None:
            continue
        positional, keywords = proposal
        try:
            getattr(s[name], primitive)(*positional, **keywords)
        except ScheduleError:  # a proposal need not be legal, only well-formed
            continue
        applied += 1
    for name in s.state.waiting.intersection(s.state.attached):
        s[name].compute_root()
    for name in misplaced(s.state):
        if is_moved(s.state, name):
            s[name].store_at(s.state.attached[name][0], s.state.anchor(name).name)
        else:
            s[name].compute_root()
    return applied
